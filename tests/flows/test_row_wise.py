"""What is owed is asked for once, in one piece, and judged in shards; a spent budget says what is left."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.row_wise import Step, Wanted, generate_owed, owed_of, verify_owed
from pipeline import collect, runner, sampling, store
from pipeline.pass_rates.stopping import Rule
from pipeline.resolve import Resolved, resolve
from pipeline.sources import Prompt
from pipeline.spending import Spending
from pipeline.store import Run
from schemas.errors import RecipeError, WorkOwed
from schemas.recipe import Budget, Recipe
from schemas.tables import PassRates, Prompts, Rollouts, Verdicts, frame_of

N_PROMPTS, N_SAMPLES = 3, 4
N = N_PROMPTS * N_SAMPLES


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Four right answers to each of three prompts."""
    rows = [{"key": str(p), "said": "4", "sample": i} for p in range(N_PROMPTS) for i in range(N_SAMPLES)]
    path = tmp_path / "recording.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def resolved(recording: Path) -> Resolved:
    """A recipe that wants all of the recording, and works in parts of five rows."""
    columns = {"source_key": "key", "text": "said", "sample_index": "sample"}
    return resolve(
        Recipe.model_validate(
            {
                "name": "x",
                "sources": {"puzzles": {"kind": "procedural", "size": 1, "families": {"arithmetic": [1]}}},
                "models": {"target": {"kind": "replay", "path": str(recording), "columns": columns}},
                "band": {"rule": "fixed", "batch": N_SAMPLES, "max_samples": N_SAMPLES},
                "work": {"shard_rows": 5},
            }
        )
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run whose prompts are there."""
    made = store.open_run(str(tmp_path / "run"))
    said = [{"role": "user", "content": "What is 2 + 2?"}]
    offered = (
        ("s", Prompt(str(p), said, {"answer": "4"}, "math", f"What is 2 + 2? ({p})", revision="1"))
        for p in range(N_PROMPTS)
    )
    store.publish(made, Prompts, collect.run(frame_of(Prompts, []), offered), store.Provenance("test"))
    return made


def wanted(run: Run, resolved: Resolved) -> Wanted:
    prompts, target = run.read(Prompts), resolved.models["target"]
    screened = prompts.select("prompt_id", decision=pl.lit("kept"))
    band = Rule(**resolved.recipe.band.model_dump())
    samples = sampling.wanted(prompts, screened, frame_of(PassRates, []), band, target.generator_id)
    return Wanted(target, "samples", samples)


def generated(run: Run, resolved: Resolved, spending: Spending | None = None, **errors: Any) -> Step | None:
    return next(generate_owed(run, resolved, wanted(run, resolved), spending or Spending(), **errors), None)


def carry_out(step: Step | None, progress: runner.Progress = lambda n: None) -> None:
    assert step
    for piece in step.pieces:
        piece(progress)


def test_what_is_owed_is_one_piece_of_work(run: Run, resolved: Resolved) -> None:
    step = generated(run, resolved)
    assert step
    assert (step.title, step.n_rows, len(step.pieces)) == ("generate samples", N, 1)
    progress: list[int] = []
    carry_out(step, progress.append)
    assert sum(progress) == N
    assert sorted(run.read(Rollouts)["rollout_id"]) == sorted(wanted(run, resolved).samples["rollout_id"])
    assert len((run.manifest(Rollouts) or {})["parts"]) == 3  # of 5, 5 and 2 rows


def test_where_all_is_there_nothing_is_to_be_done(run: Run, resolved: Resolved) -> None:
    assert list(verify_owed(run, resolved)) == []
    carry_out(generated(run, resolved))
    assert generated(run, resolved) is None
    assert owed_of(run, wanted(run, resolved).samples).is_empty()


def test_only_what_is_missing_is_asked_for_and_the_rest_is_counted_as_reused(run: Run, resolved: Resolved) -> None:
    with pytest.raises(WorkOwed):
        carry_out(generated(run, resolved, Spending(Budget(max_requests=5))))
    spending = Spending()
    step = generated(run, resolved, spending)
    carry_out(step)
    assert step
    assert step.n_rows == N - 5
    assert (spending.what, spending.n_reused, spending.n_asked) == ("generate samples", 5, N - 5)
    assert run.read(Rollouts).height == N


def test_who_carries_a_step_out_elsewhere_is_told_what_is_owed(run: Run, resolved: Resolved) -> None:
    step = generated(run, resolved)
    assert step
    assert step.asks
    assert step.asks.model is resolved.models["target"]
    assert step.asks.owed.equals(wanted(run, resolved).samples)


def test_a_spent_budget_says_how_much_is_owed(run: Run, resolved: Resolved) -> None:
    with pytest.raises(WorkOwed, match=r"max_requests = 5: .*; 7 samples of `generate samples` are owed: raise it"):
        carry_out(generated(run, resolved, Spending(Budget(max_requests=5))))
    assert run.read(Rollouts).height == 5


def test_a_budget_that_is_just_enough_is_no_reason_to_stop(run: Run, resolved: Resolved) -> None:
    carry_out(generated(run, resolved, Spending(Budget(max_requests=N))))
    assert run.read(Rollouts).height == N


def test_a_model_that_has_changed_is_not_asked(run: Run, resolved: Resolved, recording: Path) -> None:
    step = generated(run, resolved)
    recording.write_text('{"key": "0", "said": "5", "sample": 0}\n')
    with pytest.raises(RecipeError, match=r"models\.target: its files have changed"):
        carry_out(step)
    assert run.read(Rollouts).is_empty()


def test_failures_of_several_steps_are_counted_together(run: Run, resolved: Resolved) -> None:
    errors = runner.ErrorRate(0.2)
    carry_out(generated(run, resolved, errors=errors))
    assert (errors.n_done, errors.failures.total()) == (N, 0)


def test_verdicts_are_owed_in_shards_until_all_are_there(run: Run, resolved: Resolved) -> None:
    carry_out(generated(run, resolved))
    (step,) = verify_owed(run, resolved)
    assert (step.title, step.n_rows, len(step.pieces)) == ("verify", N, 3)
    step.pieces[1](lambda n: None)
    (rest,) = verify_owed(run, resolved)
    assert (rest.n_rows, len(rest.pieces)) == (N - 5, 2)
    carry_out(rest)
    assert list(verify_owed(run, resolved)) == []
    assert run.read(Verdicts)["outcome"].cast(pl.String).to_list() == ["correct"] * N
