"""`openai_server` on a real vLLM: truthful replies, and nothing lost when the server dies."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from pipeline.generators import Reply, Request, openai_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

PROBLEM = "make 24 from 3 8 5"
PLAN = {
    "type": "object",
    "properties": {"steps": {"type": "array", "minItems": 2, "maxItems": 3, "items": {"enum": ["8 * 3", "#1 + 5"]}}},
    "required": ["steps"],
    "additionalProperties": False,
}
UNTHINKING = {"chat_template_kwargs": {"enable_thinking": False}}
"""Makes the server's reasoning parser leave an answer alone that has no thinking."""


def requests(text: str, n: int, schema: dict[str, Any] | None = None) -> list[Request]:
    return [Request(f"{text[:40]} {i}", "s", text, i, [{"role": "user", "content": text}], schema) for i in range(n)]


def test_pass_rates_are_those_of_ctranslate2(server: Any, puzzles: Any, reference: Callable[..., Any]) -> None:
    rates = puzzles.rates(server.ask(puzzles.requests()))
    assert puzzles.differing(rates, reference()) == {}
    assert puzzles.differing(rates, reference(temperature=1.5)) != {}


def test_samples_of_a_prompt_have_their_own_counts(server: Any) -> None:
    found = server.ask(requests(PROBLEM, 24), temperature=2)
    assert Counter(reply.rollout_id for reply in found) == {request.rollout_id: 1 for request in requests(PROBLEM, 24)}
    assert {reply.n_prompt_tokens for reply in found} == {14}
    assert len({reply.n_completion_tokens for reply in found if reply.text}) > 1
    assert all(0 < (reply.n_completion_tokens or 0) <= 160 for reply in found)


def test_thinking_comes_from_the_servers_parser(server: Any) -> None:
    (reply,) = server.ask(requests(PROBLEM, 1), temperature=0)
    assert (reply.reasoning, reply.text) == ("5 - 3 = 2\n2 * 8 = 16", "(5 - 3) * 8")


def test_an_answer_follows_its_schema(server: Any) -> None:
    for structured in ("json_schema", "structured_outputs"):
        found = server.ask(requests(f"plan {PROBLEM}", 8, PLAN), structured=structured, extra_body=UNTHINKING)
        said = [json.loads(reply.text or "") for reply in found]
        assert all(plan.keys() == {"steps"} and len(plan["steps"]) >= 2 for plan in said), said
    (free,) = server.ask(requests(f"plan {PROBLEM}", 1, PLAN), structured="off", extra_body=UNTHINKING)
    assert free.text.startswith("Strategy:")


def test_a_stop_string_ends_an_answer_and_is_cut_off(server: Any) -> None:
    (reply,) = server.ask(requests(PROBLEM, 1), temperature=0, stop=[") *"])
    assert (reply.text, reply.finish_reason) == ("(5 - 3", "stop")


def test_running_out_of_tokens_is_told(server: Any) -> None:
    (reply,) = server.ask(requests(PROBLEM, 1), max_tokens=5)
    assert (reply.text, reply.finish_reason, reply.n_completion_tokens) == ("", "length", 5)


def test_a_prompt_without_room_is_a_row_of_its_own(server: Any) -> None:
    found = server.ask([*requests("x " * 600, 2), *requests(PROBLEM, 2)])
    kinds = Counter(reply.error_kind for reply in found)
    assert kinds == {"context_overflow": 2, None: 2}
    assert "512" in next(reply.error for reply in found if reply.error)


def test_closing_cancels_what_is_in_flight(server: Any, eventually: Callable[..., bool]) -> None:
    long = {"extra_body": {"min_tokens": 400, "ignore_eos": True}, "max_tokens": 480, "count_tokens": False}

    async def close_early() -> Reply:
        async with openai_server.open_generator(server.config(**long)) as generate:
            async for reply in generate(requests(f"make {i} from 3 8 5", 1)[0] for i in range(500)):
                return reply
        raise AssertionError("no reply")

    assert asyncio.run(close_early()).finish_reason == "length"
    assert eventually(lambda: server.n_running() == 0)


def test_a_killed_server_is_waited_for_and_nothing_is_lost(server: Any, puzzles: Any) -> None:
    asked, replies = puzzles.requests(4), count(1)

    def kill_once(reply: Reply) -> None:
        if next(replies) == len(asked) // 4:
            server.kill()

    found = server.ask(asked, kill_once, concurrency=16)
    assert Counter(reply.rollout_id for reply in found) == {request.rollout_id: 1 for request in asked}
    assert {reply.error_kind for reply in found} == {None}
    assert "connection" in {kind for reply in found for kind in reply.failed_attempts}
