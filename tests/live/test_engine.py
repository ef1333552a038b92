"""`vllm_engine` inside vLLM's environment: the same replies as from a server, and nothing left behind.

One process does it all, and one engine almost all; the last tests end these.
"""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.generators import Request

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

PROBLEM = "make 24 from 3 8 5"
PLAN = {
    "type": "object",
    "properties": {"steps": {"type": "array", "minItems": 2, "maxItems": 3, "items": {"enum": ["8 * 3", "#1 + 5"]}}},
    "required": ["steps"],
    "additionalProperties": False,
}


def requests(text: str, n: int, schema: dict[str, Any] | None = None) -> list[Request]:
    return [Request(f"{text[:40]} {i}", "s", text, i, [{"role": "user", "content": text}], schema) for i in range(n)]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"no_such_argument": 1}, "RecipeError: arguments: unrecognized arguments: --no-such-argument 1"),
        ({"max_model_len": 100_000}, "RecipeError: vLLM did not start: User-specified max_model_len (100000)"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(engine: Any, arguments: dict[str, int], error: str) -> None:
    said = engine.ask(requests(PROBLEM, 1), arguments=arguments).error
    assert said.startswith(error)
    assert "\n" not in said


def test_pass_rates_are_those_of_ctranslate2(engine: Any, puzzles: Any, reference: Callable[..., Any]) -> None:
    said = engine.ask(puzzles.requests())
    assert Counter(reply.rollout_id for reply in said.replies) == {r.rollout_id: 1 for r in puzzles.requests()}
    assert puzzles.differing(puzzles.rates(said.replies), reference()) == {}


def test_samples_of_a_prompt_have_their_own_counts(engine: Any) -> None:
    found = engine.ask(requests(PROBLEM, 24), logprobs=True, temperature=2).replies
    assert {(reply.n_prompt_tokens, reply.model) for reply in found} == {(14, "tiny")}
    assert len({reply.n_completion_tokens for reply in found}) > 1
    assert all(0 < reply.n_reasoning_tokens < reply.n_completion_tokens <= 160 for reply in found if reply.reasoning)
    assert all(-20 < reply.mean_logprob < 0 for reply in found)


def test_thinking_is_told_apart(engine: Any) -> None:
    found = engine.ask(requests(PROBLEM, 2), temperature=0).replies
    assert {(reply.reasoning, reply.text) for reply in found} == {("5 - 3 = 2\n2 * 8 = 16", "(5 - 3) * 8")}


def test_an_answer_follows_its_schema(engine: Any) -> None:
    found = engine.ask(requests(f"plan {PROBLEM}", 8, PLAN)).replies
    assert all(len(json.loads(reply.text)["steps"]) >= 2 for reply in found), found
    (free,) = engine.ask(requests(f"plan {PROBLEM}", 1, PLAN), structured="off").replies
    assert free.text.startswith("Strategy:")


def test_a_schema_that_vllm_cannot_follow_is_left_out(engine: Any) -> None:
    found = engine.ask([*requests(PROBLEM, 2, {"type": "no such type"}), *requests(PROBLEM, 2)]).replies
    assert len(found) == 4
    assert all(reply.text and reply.error_kind is None for reply in found)


def test_a_stop_string_ends_an_answer_and_is_cut_off(engine: Any) -> None:
    (reply,) = engine.ask(requests(PROBLEM, 1), temperature=0, stop=[") *"]).replies
    assert (reply.text, reply.finish_reason) == ("(5 - 3", "stop")


def test_running_out_of_tokens_is_told(engine: Any) -> None:
    (reply,) = engine.ask(requests(PROBLEM, 1), max_tokens=5).replies
    assert (reply.text, reply.finish_reason, reply.n_completion_tokens) == ("", "length", 5)
    assert (reply.reasoning, reply.n_reasoning_tokens) != (None, 0)


def test_a_prompt_without_room_is_a_row_of_its_own(engine: Any) -> None:
    found = engine.ask([*requests("x " * 600, 2), *requests(PROBLEM, 2)]).replies
    assert Counter(reply.error_kind for reply in found) == {"context_overflow": 2, None: 2}
    assert {reply.n_prompt_tokens for reply in found} == {14, 1206}


def test_no_more_is_taken_than_fits(engine: Any) -> None:
    asked = [request for i in range(200) for request in requests(f"make {i} from 3 8 5", 4)]
    said = engine.ask(asked, "stop", concurrency=8)
    # The first of the next prompt is taken to see that a prompt has no more samples.
    assert (len(said.replies), said.n_taken) == (1, 8 + 1)


def test_an_engine_that_dies_is_told_in_one_line_and_started_again(engine: Any) -> None:
    asked = [request for i in range(100) for request in requests(f"make {i} from 3 8 5", 4)]
    said = engine.ask(asked, "kill", concurrency=64)
    assert said.error.startswith("BackendError: vLLM's engine died")
    assert 0 < len(said.replies) < len(asked)
    assert len(engine.ask(requests(PROBLEM, 2)).replies) == 2


def test_nothing_outlives_a_process_that_is_killed(engine: Any, eventually: Callable[..., bool]) -> None:
    children = engine.children()
    assert len(children) > 1
    engine.process.kill()
    assert eventually(lambda: not any(map(engine.is_there, children)))
