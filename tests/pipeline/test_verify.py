from types import ModuleType, SimpleNamespace
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import verify
from pipeline.verifiers import Rollout
from pipeline.verifiers import math as math_verifier
from schemas.errors import RecipeError
from schemas.tables import Prompts, Rollouts, Verdicts, frame_of

CONFIG = verify.Config()
P1 = "1" * 32
PROMPTS = frame_of(Prompts, [{"prompt_id": P1, "verifier": "math", "task": '{"answer": "42"}'}])


def rollouts(*rows: dict[str, Any]) -> pl.DataFrame:
    plain = {"prompt_id": P1, "arm": "solve", "finish_reason": "stop", "messages": []}
    return frame_of(Rollouts, [{**plain, "rollout_id": f"{i:032x}", **row} for i, row in enumerate(rows)])


def verdict_of(**row: Any) -> tuple[str, str]:
    frame = verify.run(PROMPTS, rollouts(row), CONFIG)
    return frame.select("outcome", "reason").cast(pl.String).row(0)


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        ({"text": "\\boxed{42}"}, ("correct", "equal")),
        ({"text": "\\boxed{41}"}, ("incorrect", "not_equal")),
        ({"text": "hm"}, ("undecided", "no_answer")),
        ({"text": "\\boxed{42}", "finish_reason": "length"}, ("undecided", "truncated")),
        ({"finish_reason": "error", "error_kind": "timeout"}, ("undecided", "generation_error")),
        ({"finish_reason": "error", "error_kind": "not_run"}, ("undecided", "not_run")),
        ({"text": None}, ("undecided", "generation_error")),
    ],
)
def test_what_is_no_finished_response_is_never_wrong(row: dict[str, Any], verdict: tuple[str, str]) -> None:
    assert verdict_of(**row) == verdict


def test_only_rollouts_that_answer_their_prompt_are_wanted() -> None:
    arms = ("solve", "guess", "write_plan", "execute", "placebo", "plan_only", "step", "revise", "judge")
    frame = rollouts(*({"arm": arm, "text": "x"} for arm in arms))
    wanted = verify.wanted(PROMPTS, frame, CONFIG)
    assert wanted.columns == Verdicts.primary_key()
    assert wanted["rollout_id"].to_list() == [f"{i:032x}" for i in (0, 1, 3, 4, 5)]
    assert wanted["verifier_version"].unique().to_list() == [math_verifier.VERSION]


def test_rows_are_valid_verdicts_whatever_the_order_and_the_workers() -> None:
    frame = rollouts(*({"text": f"\\boxed{{{n}}}"} for n in (41, 42, 43)), {"arm": "judge", "text": "x"})
    once = verify.run(PROMPTS, frame, CONFIG)
    again = verify.run(PROMPTS, frame.reverse(), verify.Config(workers=3))
    assert_frame_equal(Verdicts.validate(once).drop("seconds"), again.drop("seconds"))
    assert once["outcome"].to_list() == ["incorrect", "correct", "incorrect"]


def test_nothing_owed_is_no_work() -> None:
    assert verify.run(PROMPTS, rollouts(), CONFIG).is_empty()
    assert list(verify.work(frame_of(Verdicts, []).select(Verdicts.primary_key()), PROMPTS, rollouts(), CONFIG)) == []


def test_an_unknown_verifier_stops_the_stage() -> None:
    with pytest.raises(RecipeError, match="did you mean 'math'"):
        verify.wanted(PROMPTS.with_columns(verifier=pl.lit("mth")), rollouts({"text": "x"}), CONFIG)


def test_a_verifier_that_raises_is_not_a_wrong_answer() -> None:
    def broken(task: object, rollout: Rollout) -> None:
        raise KeyError("oh")

    verifier: Any = SimpleNamespace(Task=math_verifier.Task, verify=broken)
    verdict = verify.judge(verifier, {"answer": "1"}, Rollout("1"))
    assert (verdict.outcome, verdict.reason) == ("undecided", "verifier_error")
    assert verdict.details == {"error": "KeyError: 'oh'"}


def test_only_a_failure_of_the_verifier_counts_as_a_failed_row() -> None:
    row = {"verifier": "math", "details": '{"error": "KeyError"}'}
    assert verify.failure(row | {"reason": "verifier_error"}) == 'math: {"error": "KeyError"}'
    assert all(verify.failure(row | {"reason": r}) is None for r in ("equal", "no_answer", "truncated", "timeout"))


def test_a_library_that_a_program_imports_and_is_not_there_is_no_failure_of_the_verifier() -> None:
    row = {"verifier": "code", "reason": "verifier_error"}
    assert verify.failure(row | {"details": '{"missing_library": "numpy", "error": "x"}'}) is None
    assert verify.failure(row | {"details": '{"error": "missing_library"}'}) is not None
    assert verify.failure(row | {"details": None}) == "code: None"


def test_the_latest_verdict_is_the_one_of_the_highest_version_by_number() -> None:
    rows = [{"rollout_id": "a", "verifier": "math", "verifier_version": v} for v in ("2", "10", "9")]
    rows += [{"rollout_id": "a", "verifier": "strips", "verifier_version": "1"}]
    kept = verify.latest(frame_of(Verdicts, rows))
    assert kept.select("verifier", "verifier_version").rows() == [("math", "10"), ("strips", "1")]
    assert verify.latest(frame_of(Verdicts, [])).is_empty()


def test_a_rollout_is_correct_if_every_latest_verdict_of_it_is() -> None:
    rows = [("b", "math", "1", "correct"), ("a", "math", "1", "incorrect"), ("a", "math", "2", "correct"),
            ("c", "math", "1", "correct"), ("c", "strips", "1", "undecided")]  # fmt: skip
    names = (*Verdicts.primary_key(), "outcome")
    frame = frame_of(Verdicts, [dict(zip(names, row, strict=True)) for row in rows])
    assert verify.correct(frame)["rollout_id"].to_list() == ["a", "b"]
    assert verify.correct(frame.clear()).columns == ["rollout_id"]


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"answer": "1"}, None),
        ('{"answer": "1"}', None),
        ({}, "task: 'answer' is missing"),
        ({"answr": "1"}, "answer"),
        ("{", 'task: found "{", wanted valid JSON'),
        ("[1]", "task: found [1], wanted a JSON object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"answer": ' * 900 + "1" + "}" * 900, "task"),
    ],
)
def test_a_task_that_cannot_be_read_is_told_in_one_line(task: Any, words: str | None) -> None:
    error = verify.task_error("math", task)
    assert (error is None) == (words is None)
    assert words is None or (words in str(error) and "\n" not in str(error))


def test_judging_a_module_by_its_json_task() -> None:
    module: ModuleType = math_verifier
    assert verify.judge(module, '{"answer": "1"}', Rollout("1")).outcome == "correct"
