"""One endpoint of a model server over HTTP: a request is sent once, and what goes wrong is told apart.

A failure is either one request's own (RequestFailed; `passes` says whether the same request may work later), or that
the endpoint could not be reached and nothing was sent (Unreached), or means that asking is of no use until somebody
mends a setting (BackendError).
"""

import base64
import ipaddress
import json
import os
import resource
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from pipeline.hostile import one_line
from pipeline.served_model.completion import ChatCompletion, RequestFailed, parse_completion
from pipeline.served_model.refusals import CONNECTION, TIMEOUT, refusal, retry_after_s, said
from pipeline.served_model.settings import Key, ServedSettings
from schemas.errors import BackendError, RecipeError

CONNECT_TIMEOUT_S = 10.0
LOOK_TIMEOUT_S = 10.0
"""For what is asked beside the requests: the list of models and the gauge."""

KEEP_ALIVE_S = 3.0
"""Servers close a connection after 5 s of silence (uvicorn); one that is closed while it is used loses a request."""

SPARE_FILES = 128
"""Open files that are not connections."""

GAUGE = "vllm:num_requests_waiting"


class Unreached(Exception):
    """No connection could be made, so nothing was sent; the text says why."""


@dataclass(frozen=True)
class Connection:
    """An endpoint and the connections to it."""

    session: aiohttp.ClientSession
    url: str
    key: Key
    chat: URL
    longest_s: float
    """Time for an answer."""
    options: dict[str, Any]
    """Of every request; the key is among them, and not in the session, which shows its headers to a proxy too."""
    address: str = "base_url"
    """The setting that says where it is, for messages."""

    async def complete(self, body: bytes) -> ChatCompletion:
        """Send one request, once."""
        content = await self.post(self.chat, body)
        try:
            return parse_completion(content)
        except RequestFailed as failure:
            raise RequestFailed(failure.kind, self.shown(failure.text)) from None

    async def post(self, url: URL, body: bytes, model: str = "") -> bytes:
        """What is answered to one request, sent once; `model` is the one asked for, for messages."""
        try:
            async with self.session.post(url, data=body, **self.options) as response:
                content = await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise self._failure(error) from None
        if response.status != 200:
            raise await self._refusal(response, content, model)
        return content

    async def n_waiting(self) -> float | None:
        """Requests that wait inside vLLM until others are done; None where the server has no such gauge.

        Raises Unreached where the server does not answer now.
        """
        status, content = await self._get(f"{self.url.removesuffix('/v1')}/metrics")
        if status == 429 or status >= 500:
            raise Unreached(f"HTTP {status}")
        lines = content.decode("utf-8", "replace").splitlines() if status == 200 else []
        values = [line.rsplit(" ", 1)[-1] for line in lines if line.startswith((f"{GAUGE}{{", f"{GAUGE} "))]
        try:
            return sum(map(float, values)) if values else None
        except ValueError:
            return None

    async def models(self, url: str) -> list[str] | None:
        """The names of the models at `url`; None where no list of them is there."""
        try:
            status, content = await self._get(f"{url}/models")
            return [str(model["id"]) for model in json.loads(content)["data"]] if status == 200 else None
        except (Unreached, ValueError, KeyError, TypeError, RecursionError):
            return None

    async def _get(self, url: str) -> tuple[int, bytes]:
        options = self.options | {"timeout": aiohttp.ClientTimeout(total=LOOK_TIMEOUT_S)}
        try:
            async with self.session.get(url, **options) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, OSError) as error:
            raise Unreached(self.shown(error)) from None

    def _failure(self, error: Exception) -> Exception:
        """What a request that got no answer becomes."""
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
            return BackendError(f"{self.url}: no secure connection ({self.shown(error)}); mend {self.address}")
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return Unreached(self.shown(_reason(error)))
        if isinstance(error, TimeoutError):
            waited = f"no answer in {self.longest_s:,.0f} s (timeout_s + max_tokens / slowest_tokens_per_s)"
            return RequestFailed(TIMEOUT, waited)
        return RequestFailed(CONNECTION, self.shown(error))

    async def _refusal(self, response: aiohttp.ClientResponse, content: bytes, model: str) -> Exception:
        """What an answer with another status than 200 becomes."""
        text, code = said(content, response.reason or "")
        text = f"HTTP {response.status}: {self.shown(text)}"
        if 300 <= response.status < 400:
            place = self.shown(response.headers.get("Location", "nowhere"))
            return BackendError(f"{self.url}: sends requests on to {place}; set {self.address} to where the server is")
        if response.status in (404, 405) or code == "model_not_found":
            return BackendError(f"{self.url}: {await self._what_is_there(model)} ({text})")
        failure = refusal(response.status, text, code, self.key)
        if isinstance(failure, BackendError):
            return BackendError(f"{self.url}: {failure}")
        failure.retry_after_s = retry_after_s(response.headers.get("Retry-After", "")) or None  # 0: as others mean it
        return failure

    async def _what_is_there(self, model: str) -> str:
        if names := await self.models(self.url):
            if model in names:
                return f"the server has {model}, but not for such requests"
            shown = one_line(", ".join(names[:20]), 1000)
            return f"no such model; name one that this server has: {shown}"
        if await self.models(f"{self.url}/v1"):
            return f"no such path; the URL in {self.address} should be {self.url}/v1"
        return f"no such model or path; is the URL in {self.address} right? most end in /v1"

    def shown(self, what: object) -> str:
        """An error or text of the server's for one line, without the key, which some servers repeat."""
        text = str(what) or type(what).__name__
        return one_line(text.replace(self.key.value, "***") if self.key.value else text, 300)


@asynccontextmanager
async def connect(url: str, key: Key, settings: ServedSettings) -> AsyncIterator[Connection]:
    """Connections to one endpoint, closed at the end; without a key none is sent, whatever the environment holds."""
    longest = settings.extra_body.get("max_completion_tokens")
    n_tokens = longest if isinstance(longest, int) else settings.max_tokens
    seconds = settings.timeout_s + n_tokens / settings.slowest_tokens_per_s
    access = {"Authorization": f"Bearer {key.value}"} if key.value else {}
    proxy, headers = _proxy(url)
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_TIMEOUT_S)
    options = {"timeout": timeout, "allow_redirects": False, "headers": access | headers, **proxy}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "coldstart"},
    ) as session:
        yield Connection(session, url, key, URL(f"{url}/chat/completions"), seconds, options, settings.address)


def _proxy(url: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The proxy of the environment (HTTPS_PROXY, NO_PROXY and their like) for an endpoint; never for this machine.

    As options of a request and headers beside its own: a proxy is told its password, for http in those of the request.
    """
    parts = urlsplit(url)
    found = URL(urllib.request.getproxies().get(parts.scheme, ""))
    if (
        _is_loopback(parts.hostname or "")
        or found.scheme not in ("http", "https")
        or urllib.request.proxy_bypass(parts.netloc)
    ):
        return {}, {}
    access = {}
    if found.user:
        secret = base64.b64encode(f"{found.user}:{found.password or ''}".encode()).decode()
        access = {"Proxy-Authorization": f"Basic {secret}"}
    return {"proxy": found.with_user(None), "proxy_headers": access}, access if parts.scheme == "http" else {}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: Exception) -> str:
    """Why there is no connection, in the system's words where it has some."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else None
    if cause is None or cause.errno is None:
        return str(error)
    return os.strerror(cause.errno) if cause.errno > 0 else cause.strerror or str(error)


def allow_open_files(n_connections: int) -> None:
    """Raise this process's limit of open files for connections; RecipeError where the system does not let it."""
    n = n_connections + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= n:
        return
    if hard != resource.RLIM_INFINITY and hard < n:
        raise RecipeError(
            f"concurrency: so many requests in flight need {n} open files, and this process may have {hard}; lower "
            f"concurrency, or allow more: ulimit -n {n}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))
