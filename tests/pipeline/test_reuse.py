"""Rollouts of other runs are taken where they are the very samples that are owed, and nothing else is."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline import reuse
from pipeline.spending import Spending, spending_of
from pipeline.store import Provenance, Run, open_run, publish
from schemas.ids import content_id, rollout_id
from schemas.recipe import Budget
from schemas.tables import Rollouts, frame_of

PROMPT, GENERATOR = content_id("prompt", n=1), content_id("generator", n=1)


def rollout(index: int, **changes: Any) -> dict[str, Any]:
    key = {"arm": "solve", "phase": "screen", "plan_id": "", "step_id": ""} | {
        name: changes[name] for name in ("arm", "phase", "plan_id", "step_id") if name in changes
    }
    row = {"rollout_id": rollout_id(PROMPT, GENERATOR, index, **key), "prompt_id": PROMPT, "sample_index": index}
    said = {"text": "42", "finish_reason": "stop", "messages": [], "n_prompt_tokens": 10, "n_completion_tokens": 5}
    asked = {"role": "executor", "generator_id": GENERATOR, "request_hash": content_id("request")}
    return {**row, **key, **said, **asked, **changes}


def run_with(folder: Path, name: str, *rows: dict[str, Any]) -> Run:
    run = open_run(str(folder / name))
    publish(run, Rollouts, frame_of(Rollouts, list(rows)), Provenance("test"))
    return run


def owed(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{"rollout_id": row["rollout_id"], "arm": row["arm"]} for row in rows])


def test_what_is_owed_and_there_is_taken_once_in_the_role_of_this_run(tmp_path: Path) -> None:
    other = run_with(tmp_path, "a", rollout(0), rollout(1), rollout(7))
    again = run_with(tmp_path, "b", rollout(1, text="another"), rollout(2))
    mine = run_with(tmp_path, "mine")
    n = reuse.take(mine, owed(*map(rollout, range(4))), [other.url, again.url], "target", Spending())
    expected = frame_of(Rollouts, [rollout(index, role="target") for index in range(3)]).sort("rollout_id")
    assert n == 3
    assert_frame_equal(mine.read(Rollouts).sort("rollout_id"), expected)


def test_failed_samples_are_asked_for_again(tmp_path: Path) -> None:
    failed = rollout(0, text=None, finish_reason="error", error_kind="timeout")
    other = run_with(tmp_path, "a", failed, rollout(1, text="", finish_reason="length"))
    ((_, found),) = reuse.found([other.url], owed(rollout(0), rollout(1)))
    assert found["rollout_id"].to_list() == [rollout(1)["rollout_id"]]


@pytest.mark.parametrize("arm", ["write_plan", "execute", "placebo", "judge", "plan_only"])
def test_what_rests_on_more_than_its_id_says_is_not_taken(tmp_path: Path, arm: str) -> None:
    row = rollout(0, arm=arm)
    other = run_with(tmp_path, "a", row)
    assert list(reuse.found([other.url], owed(row))) == []


def test_guesses_and_solving_beside_trials_are_taken(tmp_path: Path) -> None:
    rows = [rollout(0, arm="guess"), rollout(0, phase="search")]
    other = run_with(tmp_path, "a", *rows)
    ((_, found),) = reuse.found([other.url], owed(*rows))
    assert found.height == 2


def test_what_is_taken_counts_towards_the_budget_now_and_later(tmp_path: Path) -> None:
    other, mine = run_with(tmp_path, "a", rollout(0), rollout(1)), run_with(tmp_path, "mine")
    spending = Spending(Budget(max_requests=2))
    assert not spending.exhausted()
    reuse.take(mine, owed(rollout(0), rollout(1)), [other.url], "target", spending)
    later = spending_of(mine, Budget(max_requests=2))
    assert (spending.n_before, spending.tokens_before) == (later.n_before, later.tokens_before) == (2, 30)
    assert spending.exhausted() == later.exhausted() != ""


def test_what_was_taken_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    other, mine = run_with(tmp_path, "a", rollout(0)), run_with(tmp_path, "mine")
    with caplog.at_level("INFO", "pipeline"):
        reuse.take(mine, owed(rollout(0)), [other.url], "target", Spending())
    assert caplog.messages == [f"took 1 rollouts from {other.url}"]
