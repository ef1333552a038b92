"""Addresses of the annotation server: free ports, what this machine calls them, and whether something answers."""

import errno
import http.client
import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

from schemas.errors import RecipeError


def shown_host(host: str) -> str:
    """The address of this machine by which a server on `host` is reached from here."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{name}]" if ":" in name else name


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on `host`."""
    return host in ("127.0.0.1", "::1", "localhost")


def free_port(host: str) -> int:
    """A port that nothing listens on now."""
    with _bound(host, 0) as one:
        return int(one.getsockname()[1])


def require_free(host: str, port: int, asked: str = "") -> None:
    """Raise a RecipeError where one cannot listen there; `asked` is what the error says of it."""
    _bound(host, port, asked).close()


def _bound(host: str, port: int, asked: str = "") -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as on_failure:
            one = on_failure.enter_context(socket.socket(family, kind, protocol))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(address)
            on_failure.pop_all()
            return one
    except OSError as error:
        is_taken = error.errno == errno.EADDRINUSE
        mend = "stop what listens there, or give another port (0: any that is free)"
        raise RecipeError(
            f"{asked or f'--host {host} --port {port}: the annotation server'} cannot listen there ({error.strerror}); "
            f"{mend if is_taken else 'wanted an address of this machine, and a port that may be used'}"
        ) from None


def answers(url: str) -> bool:
    """Whether an Argilla server answers at a URL; asked now, and never through a proxy."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/api/v1/version")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
