"""What answers at an address and is no annotation server, and an address that is none, are told in words."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from annotation.sync.address import Address
from annotation.sync.client import MAX_TOLD, Connection
from schemas.errors import BackendError, RecipeError


@contextmanager
def page(content: bytes, status: int = 200) -> Iterator[str]:
    """The address of a server that answers everything with the same page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("content", "got"),
    [
        (b"<html>Sign in", '"<html>Sign in"'),
        ("<html>Für Gäste".encode("latin-1"), "\"'utf-8' codec can't decode"),
        (b'{"status": "up"}', '"1 validation error'),
        (b"", '""'),
    ],
    ids=["a page", "a page in Latin-1", "another API", "nothing"],
)
def test_what_is_no_annotation_server_is_told_with_what_it_answered(content: bytes, got: str) -> None:
    with page(content) as url, pytest.raises(BackendError) as error:
        Connection(Address(url, "key"))
    for told in (url, f"found {got}", "wanted the JSON of Argilla", "set ARGILLA_API_URL"):
        assert told in str(error.value)


def test_a_long_page_of_a_refusal_is_cut() -> None:
    with page(b"<p>not here\n" * 1000, 404) as url, pytest.raises(BackendError, match="<p>not here <p>") as error:
        Connection(Address(url, "key"))
    assert len(str(error.value)) < 2 * MAX_TOLD


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:port", "http://a b\n"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(RecipeError, match=r"(?s)ARGILLA_API_URL: found .*, which is no address .*; wanted one such as"):
        Connection(Address(url, "key"))
