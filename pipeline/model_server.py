"""The connection to an OpenAI-compatible server: one request at a time, tried again within bounds, failures told apart.

The `openai` library does the trying again: on 408, 409, 429, 5xx, lost connections and time-outs, after 0.5 to 8
seconds with jitter, or when a `Retry-After` of up to two minutes says. What is still a failure then is either one
request's own (RequestFailed) or means that the server as a whole is of no use (BackendError).
"""

import ipaddress
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2  # what the library speaks HTTP with; its errors come through
import openai

from pipeline.chat_completion import ChatCompletion, RequestFailed, parse_completion
from pipeline.generators import CONTEXT_OVERFLOW
from pipeline.hostile import one_line
from schemas.errors import BackendError

RATE_LIMIT = "rate_limit"
TIMEOUT = "timeout"
CONNECTION = "connection"
BAD_REQUEST = "bad_request"
SERVER_ERROR = "server_error"

CONNECT_TIMEOUT_S = 10.0

_OVERFLOW = re.compile(
    r"context[ _](length|window|size)|maximum (model|prompt|allowed input) length|max_model_len"
    r"|(prompt|input)( is)? too long|too many tokens|exceeds the maximum allowed length"
    r"|`inputs`.*must (be|have)|max_tokens must be at least 1, got -",
    re.IGNORECASE,
)
"""How servers say that a prompt does not fit: OpenAI, vLLM, SGLang, llama.cpp and TGI have no common code for it."""


@dataclass(frozen=True)
class ModelServer:
    """An open connection."""

    client: openai.AsyncOpenAI
    url: str
    key: str
    key_name: str
    """The environment variable that the key came from; empty: none was sent."""

    async def complete(self, body: Mapping[str, Any]) -> ChatCompletion:
        """Send one request. Raises RequestFailed where it failed by itself, and BackendError where all would fail."""
        headers: dict[str, str | openai.Omit] = {} if self.key else {"Authorization": openai.Omit()}
        try:
            response = await self.client.post(
                "/chat/completions", body=body, options={"headers": headers}, cast_to=httpx2.Response
            )
        except openai.APIStatusError as error:
            raise self._status_failure(error) from None
        except openai.APIConnectionError as error:
            raise self._connection_failure(error) from None
        return parse_completion(response.content)

    def _status_failure(self, error: openai.APIStatusError) -> Exception:
        status, said = error.status_code, f"HTTP {error.status_code}: {self._shown(_said(error))}"
        if status in (401, 403):
            mend = (
                f"does ${self.key_name} hold the right key?" if self.key else "name the key's variable in api_key_env"
            )
            return BackendError(f"{self.url}: the server refuses access: {mend} ({said})")
        if status == 402 or error.code == "insufficient_quota":
            return BackendError(f"{self.url}: the account has no credit left ({said})")
        if status in (404, 405):
            return BackendError(
                f"{self.url}: no such model or path; `curl {self.url}/models` lists its models, "
                f"and most servers want a base_url that ends in /v1 ({said})"
            )
        if status == 429:
            kind = RATE_LIMIT
        elif _OVERFLOW.search(said) or error.code == "context_length_exceeded":
            kind = CONTEXT_OVERFLOW
        elif status == 408:
            kind = TIMEOUT
        else:
            kind = SERVER_ERROR if status >= 500 else BAD_REQUEST
        return RequestFailed(kind, said, status)

    def _connection_failure(self, error: openai.APIConnectionError) -> Exception:
        cause = error.__cause__ or error
        said = self._shown(f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__)
        if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
            mend = "start the server or mend base_url; the same command then goes on"
            return BackendError(f"{self.url}: cannot be reached ({said}); {mend}")
        return RequestFailed(TIMEOUT if isinstance(error, openai.APITimeoutError) else CONNECTION, said)

    def _shown(self, text: str) -> str:
        """Text of the server's for one line, without the key, which some servers repeat."""
        return one_line(text.replace(self.key, "***") if self.key else text, 300)


@asynccontextmanager
async def connect(url: str, key: str, key_name: str, timeout_s: float, max_attempts: int) -> AsyncIterator[ModelServer]:
    """A connection that is closed at the end; without a key, none is sent, whatever the environment holds.

    Proxies of the environment (HTTP_PROXY and its like) count, but not for this machine itself.
    """
    timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
    async with openai.AsyncOpenAI(
        base_url=url,
        api_key=key or "none",  # the library insists on one; the header with it is left out
        max_retries=max_attempts - 1,
        timeout=timeout,
        http_client=openai.DefaultAsyncHttpxClient(timeout=timeout, trust_env=not _is_loopback(url)),
    ) as client:
        yield ModelServer(client, url, key, key_name)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _said(error: openai.APIStatusError) -> str:
    """What the server said, from the places where servers put it."""
    body = error.body
    if isinstance(body, dict):
        body = next((body[name] for name in ("message", "detail", "error") if isinstance(body.get(name), str)), None)
    return body if isinstance(body, str) and body else error.message
