"""Embeddings from an OpenAI-compatible server: texts go out in batches, a few at a time, and come back in their order.

A batch that fails passingly is tried again within bounds. One that fails for good ends it all: a text without an
embedding could not be compared with anything.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic_core import from_json
from yarl import URL

from pipeline.generators import CONTEXT_OVERFLOW
from pipeline.hostile import one_line
from pipeline.served_model.completion import BAD_RESPONSE, RequestFailed
from pipeline.served_model.connection import Connection, Unreached, connect
from pipeline.served_model.refusals import CONNECTION, LONGER_CONTEXT, TIMEOUT
from pipeline.served_model.retries import retrying
from pipeline.served_model.settings import Key, ServedSettings
from schemas.errors import BackendError

TEXTS = 32
"""Texts in a request: what text-embeddings-inference takes unless it is told otherwise."""

IN_FLIGHT = 8
MAX_ATTEMPTS = 5
LONGEST_REST_S = 60.0
"""Longest wait that a server may ask for by `Retry-After` before a batch is tried again."""


async def embeddings(texts: Sequence[str], url: str, model: str, settings: ServedSettings, key: Key) -> np.ndarray:
    """One embedding a text, as the server made them: float32 [n, d], finite, none of them zero; texts are not empty.

    Raises BackendError where the server cannot be reached, has no such model, refuses access, keeps failing, or
    answers with something else than one embedding of the same length for each text.
    """
    async with connect(url, key, settings) as connection:
        asker = _Asker(connection, model, texts)
        batches = iter(range(0, len(texts), TEXTS))
        first = await asker.embed(next(batches))
        rows = np.empty((len(texts), first.shape[1]), np.float32)
        rows[: len(first)] = first
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(IN_FLIGHT):
                    tasks.create_task(_fill(rows, batches, asker))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
    return rows


async def _fill(rows: np.ndarray, batches: Iterator[int], asker: "_Asker") -> None:
    """Take batches until none is left; each begins at the number of a text."""
    for start in batches:
        found = await asker.embed(start)
        if found.shape[1] != rows.shape[1]:
            raise BackendError(
                f"{asker.place(start)}: embeddings of {found.shape[1]} numbers, those before had {rows.shape[1]}; "
                "one model must answer all requests"
            )
        rows[start : start + len(found)] = found


@dataclass
class _Asker:
    """Texts, and the server that embeds them."""

    connection: Connection
    model: str
    texts: Sequence[str]
    has_answered: bool = False

    def place(self, start: int) -> str:
        """The batch that begins at a text, for messages; texts count from 1."""
        return f"{self.connection.url}: texts {start + 1} to {min(start + TEXTS, len(self.texts))}"

    async def embed(self, start: int) -> np.ndarray:
        """Embeddings of the batch that begins at a text."""
        batch = self.texts[start : start + TEXTS]
        body = json.dumps({"model": self.model, "input": list(batch), "encoding_format": "float"}).encode()

        async def send() -> np.ndarray:
            try:
                return parse_embeddings(await self._post(body), len(batch))
            except RequestFailed as failure:
                await asyncio.sleep(min(failure.retry_after_s or 0, LONGEST_REST_S))
                raise

        try:
            try:
                return await send()
            except RequestFailed as failure:
                return await retrying(failure, send, MAX_ATTEMPTS, [])
        except RequestFailed as failure:
            why = self.connection.shown(failure.text)
            if failure.kind == TIMEOUT:
                why = f"no answer in {self.connection.longest_s:,.0f} s"
            if failure.kind == CONTEXT_OVERFLOW:
                longest = max(map(len, batch))
                why = f"{why.removesuffix(f'; {LONGER_CONTEXT}')}; the longest text has {longest:,} characters"
            raise BackendError(f"{self.place(start)}: {why}") from None

    async def _post(self, body: bytes) -> bytes:
        """Send one request, once. Where there was a server before, one not reached now is worth another try."""
        asked = self.connection
        try:
            content = await asked.post(URL(f"{asked.url}/embeddings"), body, self.model)
        except Unreached as why:
            if self.has_answered:
                raise RequestFailed(CONNECTION, str(why)) from None
            raise BackendError(f"{asked.url}: {why}; start the server or mend {asked.address}") from None
        self.has_answered = True
        return content


def parse_embeddings(content: bytes, n: int) -> np.ndarray:
    """The embeddings in the body of an answer, in the order of the texts: float32 [n, d].

    RequestFailed where there is not one for each text, or one is no vector, not finite, or zero.

    >>> parse_embeddings(b'{"data": [{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [2]}]}', 2)
    array([[2.],
           [1.]], dtype=float32)
    """
    try:
        data = from_json(content)["data"]
        by_index = {row["index"]: row["embedding"] for row in data}
    except (ValueError, KeyError, TypeError):
        shown = one_line(content[:1000].decode("utf-8", "replace"), 200)
        raise RequestFailed(BAD_RESPONSE, f"not a list of embeddings: {shown}") from None
    if len(data) != n or by_index.keys() != set(range(n)):
        raise RequestFailed(BAD_RESPONSE, f"{len(data)} embeddings for {n} texts, numbered from 0 to {n - 1}")
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, which is told below
            rows = np.array([by_index[i] for i in range(n)], np.float32)
    except (ValueError, TypeError, OverflowError):
        rows = np.empty(0, np.float32)
    if rows.ndim != 2 or not rows.shape[1]:
        raise RequestFailed(BAD_RESPONSE, "embeddings that are no lists of numbers, or differ in length")
    if not np.isfinite(rows).all():
        raise RequestFailed(BAD_RESPONSE, "an embedding with numbers that are not finite")
    if not rows.any(axis=1).all():
        raise RequestFailed(BAD_RESPONSE, "an embedding of zeros, which is near nothing")
    return rows
