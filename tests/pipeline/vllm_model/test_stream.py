"""What is asked of an engine together, and how much of it at once, without vLLM; tests/live asks a real one."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from typing import Any

import pytest

from pipeline.generators import Reply, Request, failed_reply
from pipeline.vllm_model.stream import Stream
from schemas.errors import BackendError


class Engine:
    """Answers at once, or is dead from some request on; it is its own sampler."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.running, self.parts, self.dies_at = self, list[Sequence[Request]](), dies_at

    def submit(self, work: Any) -> "Future[list[Reply]]":
        future: Future[list[Reply]] = Future()
        try:
            work.send(None)
        except StopIteration as done:
            future.set_result(done.value)
        except BackendError as error:
            future.set_exception(error)
        return future

    async def replies(self, part: Sequence[Request]) -> list[Reply]:
        if len(self.parts) == self.dies_at:
            raise BackendError("gone")
        self.parts.append(part)
        return [failed_reply(request, "kind", "why") for request in part]


def requests(n_prompts: int, n: int) -> list[Request]:
    return [
        Request(f"{p}-{i}", "s", str(p), i, [{"role": "user", "content": str(p)}])
        for p in range(n_prompts)
        for i in range(n)
    ]


def ask(engine: Any, asked: list[Request], n_most: int = 2048, draws: bool = True) -> list[Reply]:
    found: list[Reply] = []

    async def collect() -> None:
        async for reply in Stream(engine, n_most, draws).generate(asked):
            found.append(reply)

    with nullcontext() if engine.dies_at is None else pytest.raises(BackendError):
        asyncio.run(collect())
    return found


@pytest.mark.parametrize(
    ("n_most", "draws", "sizes"), [(2048, True, [64, 36] * 2), (50, True, [50] * 4), (2048, False, [1] * 200)]
)
def test_samples_of_a_prompt_are_asked_for_together(n_most: int, draws: bool, sizes: list[int]) -> None:
    engine, asked = Engine(), requests(2, 100)
    found = ask(engine, asked, n_most, draws)
    assert [len(part) for part in engine.parts] == sizes
    assert all(len({request.source_key for request in part}) == 1 for part in engine.parts)
    assert Counter(reply.rollout_id for reply in found) == {request.rollout_id: 1 for request in asked}


def test_what_came_before_an_engine_died_comes_back() -> None:
    assert [reply.rollout_id for reply in ask(Engine(dies_at=2), requests(5, 1))] == ["0-0", "1-0"]
