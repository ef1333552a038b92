"""Failed rows are set aside and owed again; nothing is deleted."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.lock import locked
from pipeline.retry import retry
from pipeline.runner import owed
from pipeline.store import Provenance, Run, append, open_run
from schemas.errors import InputError
from schemas.tables import Rollouts, Verdicts, frame_of

MADE_BY = Provenance("test")


def rollout(name: str, error_kind: str | None = None) -> dict[str, Any]:
    row = dict.fromkeys(Rollouts.column_names())
    row |= {"rollout_id": name * 32, "prompt_id": "1" * 32, "plan_id": "", "step_id": "", "arm": "solve"}
    row |= {"phase": "screen", "role": "target", "generator_id": "2" * 32, "sample_index": 0}
    row |= {"request_hash": "3" * 32, "messages": [], "finish_reason": "error" if error_kind else "stop"}
    return row | {"error_kind": error_kind, "text": None if error_kind else "42"}


def verdict(name: str, outcome: str, reason: str) -> dict[str, Any]:
    row = {"rollout_id": name * 32, "verifier": "math", "verifier_version": "1", "outcome": outcome, "reason": reason}
    return {**dict.fromkeys(Verdicts.column_names()), **row, "seconds": 0.0}


@pytest.fixture
def finished(run: Run) -> Run:
    """A run with rollouts a to d: judged, failed, timed out, never produced."""
    rollouts = [rollout("a"), rollout("b", "http_500"), rollout("c"), rollout("d", "not_run")]
    verdicts = [
        verdict("a", "correct", "equal"), verdict("b", "undecided", "generation_error"),
        verdict("c", "undecided", "timeout"), verdict("d", "undecided", "not_run"),
    ]  # fmt: skip
    append(run, Rollouts, frame_of(Rollouts, rollouts), MADE_BY)
    append(run, Verdicts, frame_of(Verdicts, verdicts), MADE_BY)
    return run


def left(run: Run, table: Any) -> str:
    return "".join(sorted(name[0] for name in run.read(table)["rollout_id"]))


def aside(run: Run, table: str) -> str:
    """The rows of a table that were set aside."""
    paths = [path for path in run.fs.ls(run.path("set_aside"), detail=False) if f"/{table}-" in path]
    frames = [pl.read_parquet(run.fs.open(path)) for path in paths]
    return "".join(sorted(name[0] for frame in frames for name in frame["rollout_id"]))


def test_failed_rollouts_go_aside_with_their_verdicts(finished: Run) -> None:
    assert retry(finished, "rollouts") == 1
    assert (left(finished, Rollouts), left(finished, Verdicts)) == ("acd", "acd")
    assert (aside(finished, "rollouts"), aside(finished, "verdicts")) == ("b", "b")


def test_what_went_aside_is_owed_again(finished: Run) -> None:
    wanted = finished.read(Rollouts)
    retry(finished, "rollouts")
    assert owed(wanted, finished.read(Rollouts), Rollouts)["rollout_id"].to_list() == ["b" * 32]


def test_failed_verdicts_go_aside_and_their_rollouts_stay(finished: Run) -> None:
    assert retry(finished, "verdicts") == 1
    assert (left(finished, Rollouts), left(finished, Verdicts)) == ("abcd", "abd")
    assert aside(finished, "verdicts") == "c"


def test_a_second_retry_finds_nothing(finished: Run) -> None:
    retry(finished, "rollouts")
    before = finished.manifest(Rollouts)
    assert retry(finished, "rollouts") == 0
    assert finished.manifest(Rollouts) == before


def test_rows_that_fail_again_are_kept_beside_the_first_ones(finished: Run) -> None:
    retry(finished, "rollouts")
    append(finished, Rollouts, frame_of(Rollouts, [{**rollout("b", "http_500"), "error": "again"}]), MADE_BY)
    assert retry(finished, "rollouts") == 1
    assert aside(finished, "rollouts") == "bb"


def test_a_run_without_rows_has_nothing_to_retry(run: Run) -> None:
    assert retry(run, "rollouts") == retry(run, "verdicts") == 0


def test_retry_works_for_the_holder_of_the_lock(finished: Run) -> None:
    with locked(finished) as mine:
        assert retry(mine, "rollouts") == 1


def test_only_row_wise_tables_can_be_retried(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="retry bands: only row-wise tables can be retried: rollouts, verdicts"):
        retry(open_run(str(tmp_path)), "bands")
