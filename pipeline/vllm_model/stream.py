"""Keep an engine busy: requests are taken while there is room for their samples, and replies come as they are there."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from pipeline.generators import Reply, Request, samples_by_prompt
from pipeline.vllm_model.sampling import Sampler
from schemas.errors import BackendError

MAX_TOGETHER = 64
"""Most samples in one request of the engine's: they come back when the slowest is done."""


@dataclass(frozen=True)
class Stream:
    """A generator's way to ask an engine, which lives in another thread."""

    sampler: Sampler
    n_most: int
    """Samples in the engine at once."""
    draws: bool
    """Whether answers differ; vLLM refuses to make equal ones together."""

    async def generate(self, requests: Iterable[Request]) -> AsyncIterator[Reply]:
        """Raises BackendError where the engine dies, after the replies that were there by then."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Future[list[Reply]]] = asyncio.Queue()
        in_flight: dict[Future[list[Reply]], int] = {}
        n_samples = 0
        died: BackendError | None = None

        def tell(future: "Future[list[Reply]]") -> None:
            with suppress(RuntimeError):  # nobody listens any more
                loop.call_soon_threadsafe(arrived.put_nowait, future)

        parts = self._parts(requests)
        try:
            while True:
                while died is None and n_samples < self.n_most and (part := next(parts, None)):
                    future = self.sampler.running.submit(self.sampler.replies(part))
                    in_flight[future] = len(part)
                    n_samples += len(part)
                    future.add_done_callback(tell)
                if not in_flight:
                    break
                future = await arrived.get()
                n_samples -= in_flight.pop(future)
                if isinstance(error := future.exception(), BackendError):
                    died = error
                    continue
                for reply in future.result():
                    yield reply
        finally:
            for future in in_flight:
                future.cancel()
        if died is not None:
            raise died

    def _parts(self, requests: Iterable[Request]) -> Iterator[list[Request]]:
        n_together = min(MAX_TOGETHER, self.n_most) if self.draws else 1
        for group in samples_by_prompt(requests):
            for start in range(0, len(group), n_together):
                yield group[start : start + n_together]
