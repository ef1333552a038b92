"""The Redis and the search engine of others are looked up before anything starts."""

import json
import shutil
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from annotation.server.backing import require_redis, search_engine, without_secret
from schemas.errors import BackendError, RecipeError


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one.getsockname()[1]


@contextmanager
def serving(front_page: object) -> Iterator[str]:
    """What answers with a page, for the user `me` with the password `p@ss`."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.headers.get("Authorization") == "Basic bWU6cEBzcw=="
            content = json.dumps(front_page).encode()
            self.send_response(200 if is_known else 401)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def engine_url() -> Iterator[str]:
    """An OpenSearch as far as its front page."""
    with serving({"version": {"number": "2.19.0", "distribution": "opensearch"}}) as url:
        yield url


def test_the_engine_is_known_by_what_it_says(engine_url: str) -> None:
    assert search_engine(f"http://me:p%40ss@{engine_url}") == "opensearch"
    with serving({"version": {"number": "8.17.0", "build_flavor": "default"}}) as url:
        assert search_engine(f"http://me:p%40ss@{url}") == "elasticsearch"


@pytest.mark.parametrize("page", [{"version": "1.2"}, {"version": {}}, {"name": "me"}, ["version"], "version", 7, None])
def test_another_service_is_an_error(page: object) -> None:
    with serving(page) as url, pytest.raises(BackendError, match=r"answers there \(another service does\)"):
        search_engine(f"http://me:p%40ss@{url}")


def test_a_wrong_password_of_the_engine_is_an_error_that_does_not_show_it(engine_url: str) -> None:
    with pytest.raises(BackendError, match=rf"--search http://{engine_url}: .*HTTP 401"):
        search_engine(f"http://me:wrong@{engine_url}")


def test_an_engine_that_is_not_there_is_an_error(closed_port: int) -> None:
    with pytest.raises(BackendError, match=r"no Elasticsearch or OpenSearch answers there .*refused"):
        search_engine(f"http://127.0.0.1:{closed_port}")


def test_a_redis_that_is_not_there_is_an_error(closed_port: int) -> None:
    with pytest.raises(BackendError, match=r"no Redis answers there .*refused"):
        require_redis(f"redis://127.0.0.1:{closed_port}/0")


def test_a_redis_that_wants_a_password_gets_it() -> None:
    class Redis(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            signed_in = False
            while line := self.rfile.readline():
                words = [self.rfile.readline() and self.rfile.readline().strip() for _ in range(int(line[1:]))]
                signed_in = signed_in or words == [b"AUTH", b"default", b"secret"]
                answer = b"+PONG" if words == [b"PING"] else b"+OK"
                self.wfile.write((answer if signed_in else b"-NOAUTH Authentication required.") + b"\r\n")

    with socketserver.TCPServer(("127.0.0.1", 0), Redis) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        place = f"127.0.0.1:{server.server_address[1]}"
        require_redis(f"redis://:secret@{place}/0")
        with pytest.raises(BackendError, match=rf"--redis redis://{place}/0: .*NOAUTH"):
            require_redis(f"redis://{place}/0")
        server.shutdown()


@pytest.mark.server
def test_a_real_redis_answers(tmp_path: Path, closed_port: int) -> None:
    if not (program := shutil.which("redis-server")):
        pytest.skip("there is no redis-server here")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--requirepass", "secret", "--dir", tmp_path]
    process = subprocess.Popen([program, *map(str, settings)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while "Ready to accept connections" not in process.stdout.readline():
            assert process.poll() is None
        require_redis(f"redis://:secret@127.0.0.1:{port}/0")
        with pytest.raises(BackendError, match="WRONGPASS"):
            require_redis(f"redis://:wrong@127.0.0.1:{port}/0")
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize(
    "url", ["localhost:6379", "http://localhost", "redis://", "redis://localhost:port", "redis://:secret@[::1"]
)
def test_what_is_no_address_of_a_redis_is_refused(url: str) -> None:
    with pytest.raises(RecipeError, match="wanted one like redis://HOST:6379/0") as error:
        require_redis(url)
    assert "secret" not in str(error.value)


def test_a_search_engine_in_a_bracket_that_is_left_open_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"--search http://\[::1: .*wanted one like http://HOST:9200"):
        search_engine("http://me:secret@[::1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@localhost:1/0", "redis://localhost:1/0"),
        ("https://me:se/cr@t@host:9200/path", "https://host:9200/path"),
        ("me:secret@host:9200", "host:9200"),
        ("http://me:secret@[::1", "http://[::1"),
        ("http://host:9200", "http://host:9200"),
    ],
)
def test_a_url_is_shown_without_its_secret(url: str, shown: str) -> None:
    assert without_secret(url) == shown
