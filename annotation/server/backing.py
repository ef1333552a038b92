"""What the annotation server stands on: a Redis and a search engine, ours or somebody's by URL, looked up first."""

import base64
import http.client
import json
import os
import re
import socket
import ssl
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from schemas.errors import BackendError, RecipeError

TIMEOUT_S = 5.0
REDIS_PORT = 6379


def require_redis(url: str) -> None:
    """Raise a BackendError where no Redis answers at a URL, or it does not let us in; RecipeError for another URL."""
    parts = _parts(url, "--redis", ("redis", "rediss"), "redis://HOST:6379/0")
    try:
        said = _ping(parts)
    except OSError as error:
        said = str(error)
    if said != "+PONG":
        raise BackendError(
            f"--redis {without_secret(url)}: no Redis answers there ({said}); start it, mend the URL (a password goes "
            "before the host: redis://:PASSWORD@HOST), or leave --redis away: one machine needs none"
        )


def _ping(parts: SplitResult) -> str:
    """What a Redis answers to being asked whether it is there, after signing in."""
    with socket.create_connection((parts.hostname or "", parts.port or REDIS_PORT), TIMEOUT_S) as plain:
        is_tls = parts.scheme == "rediss"
        connection = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) if is_tls else plain
        )
        with connection, connection.makefile("rb") as answers:
            if parts.password:
                connection.sendall(_command("AUTH", unquote(parts.username or "default"), unquote(parts.password)))
                if not (said := answers.readline(1000)).startswith(b"+"):
                    return said.decode("utf-8", "replace").strip()
            connection.sendall(_command("PING"))
            return answers.readline(1000).decode("utf-8", "replace").strip()


def _command(*words: str) -> bytes:
    """A command as Redis reads it: each word with its length in bytes."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


def search_engine(url: str) -> str:
    """Which engine answers at a URL: elasticsearch or opensearch. BackendError where none does."""
    parts = _parts(url, "--search", ("http", "https"), "http://HOST:9200")
    request = urllib.request.Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=_trusted(parts)) as response:
            return _engine(json.load(response))
    except (OSError, http.client.HTTPException, ValueError) as error:
        got = f"HTTP {error.code}" if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
        raise BackendError(
            f"--search {without_secret(url)}: no Elasticsearch or OpenSearch answers there ({got}); start it, mend the "
            "URL (a user and password go before the host: http://USER:PASSWORD@HOST), or leave --search away: the "
            "embedded engine needs nothing"
        ) from None


def _engine(page: Any) -> str:
    """Which engine has this front page; ValueError where it is of something else."""
    match page:
        case {"version": {"distribution": "opensearch"}}:
            return "opensearch"
        case {"version": {"number": _}}:
            return "elasticsearch"
    raise ValueError("another service does")


def without_secret(url: str) -> str:
    """The URL as it may be shown, also where it is none: without anything between its scheme and its last @."""
    return re.sub(r"(?s)^(\w+://)?.*@", r"\1", url)


def _parts(url: str, option: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise RecipeError(f"{option} {without_secret(url)}: not such an address; wanted one like {example}")
    return parts


def _trusted(parts: SplitResult) -> ssl.SSLContext | None:
    """Certificates as the server itself is told to check them."""
    if parts.scheme != "https":
        return None
    context = ssl.create_default_context(cafile=os.environ.get("ARGILLA_ELASTICSEARCH_CA_PATH"))
    if os.environ.get("ARGILLA_ELASTICSEARCH_SSL_VERIFY", "").lower() in ("0", "false", "no", "off"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
