"""From a pilot to what a run will cost: what grows with what, and what is not known."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.estimate import expected, show_estimate, summary
from flows.pilot import Pilot
from pipeline.resolve import Resolved, resolve
from schemas.recipe_file import load_recipe

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = {
    **dict.fromkeys(("stage", "phase", "role", "arm", "grows_with"), pl.String),
    **dict.fromkeys(("n_prompts", "n_rollouts"), pl.UInt32),
    **dict.fromkeys(("n_prompt_tokens", "n_completion_tokens", "start_s", "work_s"), pl.Float64),
}
SOLVE = ("generate", "screen", "target", "solve", "sampled", 10, 80)
PLANS = ("generate", "search", "planner", "write_plan", "kept", 4, 16)


@pytest.fixture(scope="module")
def live() -> Resolved:
    return resolve(*load_recipe(ROOT / "flows/recipes/demo.toml", [f"data={ROOT / 'data/models'}"]))


def pilot(*arms: tuple[Any, ...], n_prompts: int = 100, n_sampled: int = 10, tokens: float | None = 5.0) -> Pilot:
    """A pilot that keeps 4 prompts, 2 of them with 3 examples each; every arm took 1 s, verifying 1 s more."""
    verify = ("verify", None, None, None, "sampled", None, None, None, None, 0.5, 1.0)
    costs = pl.DataFrame([*((*arm, 7.0, tokens, 0.0, 1.0) for arm in arms), verify], COLUMNS, orient="row")
    screened = pl.DataFrame({"reason": ["kept"], "n_prompts": [n_prompts]})
    return Pilot(screened, n_prompts, n_sampled, 4, n_with_examples=2, n_examples=6, costs=costs)


def row(rows: pl.DataFrame, **where: str) -> dict[str, Any]:
    (found,) = rows.filter(**where).to_dicts()
    return found


def test_sampling_grows_with_the_prompts(live: Resolved) -> None:
    solve = row(expected(pilot(SOLVE), live), arm="solve", phase="screen")
    assert (solve["n_prompts"], solve["n_rollouts"], solve["n_prompt_tokens"], solve["seconds"]) == (100, 800, 70, 10.0)
    assert solve["n_rollouts_low"] == solve["n_rollouts_high"] == 800


def test_plans_grow_with_the_prompts_that_are_kept_within_their_interval(live: Resolved) -> None:
    plans = row(expected(pilot(SOLVE, PLANS), live), arm="write_plan")
    # 4 of 10 has the Wilson interval 0.168 to 0.687; the pilot's own 4 are certain, 90 prompts are not
    assert (plans["n_rollouts_low"], plans["n_rollouts"], plans["n_rollouts_high"]) == (77, 160, 263)


def test_starting_up_does_not_grow(live: Resolved) -> None:
    assert row(expected(pilot(SOLVE), live), stage="verify")["seconds"] == 10.5


def test_what_the_pilot_did_not_reach_is_unknown_within_what_the_recipe_allows(live: Resolved) -> None:
    rows = expected(pilot(SOLVE, PLANS), live)
    placebo = row(rows, arm="placebo")
    assert placebo["n_rollouts"] is placebo["seconds"] is None
    assert (placebo["n_rollouts_low"], placebo["n_rollouts_high"]) == (0, 100 * live.recipe.plans.samples)
    assert row(rows, stage="total")["n_rollouts"] == 800 + 160


def test_tokens_that_nobody_counted_are_unknown_never_none(live: Resolved) -> None:
    rows = expected(pilot(SOLVE, tokens=None), live)
    assert row(rows, stage="total")["n_completion_tokens"] is None
    assert row(rows, stage="total")["n_prompt_tokens"] == 70


def test_a_pilot_of_all_prompts_leaves_nothing_open(live: Resolved) -> None:
    whole = pilot(SOLVE, PLANS, n_prompts=10)
    rows = expected(whole, live)
    assert rows["n_rollouts"].to_list() == rows["n_rollouts_low"].to_list() == rows["n_rollouts_high"].to_list()
    assert rows["n_rollouts"].drop_nulls().to_list() == [80, 16, 96]
    assert {summary(whole)[f"n_examples{end}"] for end in ("", "_low", "_high")} == {6}


def test_examples_are_as_many_as_the_prompts_that_end_in_one(live: Resolved) -> None:
    found = summary(pilot(SOLVE))
    # 2 of 10 has the Wilson interval 0.057 to 0.510: 2 + 90 of these, with 3 examples each
    assert (found["n_examples_low"], found["n_examples"], found["n_examples_high"]) == (21, 60, 144)


def test_without_a_pilot_the_time_of_reading_does_not_pass_for_the_run(live: Resolved) -> None:
    rows = expected(pilot(n_sampled=0), live)
    total = row(rows, stage="total")
    assert total["seconds"] is total["n_rollouts"] is None
    assert total["n_rollouts_high"] > total["n_rollouts_low"] == 100 * live.recipe.band.batch


def test_people_read_that_the_pilot_missed_an_arm(live: Resolved, capsys: pytest.CaptureFixture[str]) -> None:
    show_estimate(pilot(SOLVE, PLANS, tokens=None), live)
    said = capsys.readouterr().out
    assert "the pilot reached no strategies, execute, placebo, solve; a larger --pilot may" in said
    assert "4 of 10 prompts of the pilot, so 17 to 69 % of all" in said
    assert "unknown completion tokens" in said


def test_prices_and_budgets_are_held_against_what_is_expected(
    live: Resolved, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["models.target.price.completion=2000", "budget.max_requests=500", "budget.max_tokens=500"]
    priced = resolve(*load_recipe(ROOT / "flows/recipes/demo.toml", [f"data={ROOT / 'data/models'}", *settings]))
    show_estimate(pilot(SOLVE), priced)
    shown = capsys.readouterr().out
    assert "cost: 0.10, 0.0017 for each example" in shown  # 50 tokens at 2,000 a million; 60 examples
    assert "budget.max_requests = 500 will stop it before its end: 800 are expected" in shown
    assert "budget.max_tokens" not in shown
    show_estimate(pilot(SOLVE), live)
    assert not {"cost", "budget"} & set(capsys.readouterr().out.replace(":", " ").replace(".", " ").split())


def with_settings(*settings: str) -> Resolved:
    return resolve(*load_recipe(ROOT / "flows/recipes/demo.toml", [f"data={ROOT / 'data/models'}", *settings]))


def test_a_stronger_model_and_guesses_are_allowed_for(live: Resolved) -> None:
    strong = ('models.strong.kind="ctranslate2_model"', 'models.strong.path="tiny"', 'models.strong.template="short-1"')
    settings = (*strong, "models.strong.max_tokens=80", "keep.guesses=8")
    rows = expected(pilot(n_sampled=0), with_settings(*settings))
    asked = {(r["role"], r["arm"]): (r["n_rollouts_low"], r["n_rollouts_high"]) for r in rows.iter_rows(named=True)}
    most = 100 * live.recipe.band.max_samples
    assert asked["strong", "solve"] == asked["target", "solve"] == (100 * live.recipe.band.batch, most)
    assert asked["target", "guess"] == (0, 800)


@pytest.mark.parametrize("leak_test", ["none", "people", "all"])
def test_the_leak_test_of_all_plans_is_allowed_for(live: Resolved, leak_test: str) -> None:
    rows = expected(pilot(n_sampled=0), with_settings(f'plans.leak_test="{leak_test}"'))
    most = {row["arm"]: row["n_rollouts_high"] for row in rows.filter(role="executor").iter_rows(named=True)}
    plans = live.recipe.plans
    asked = {"plan_only": 100 * plans.n * plans.samples, "guess": 100 * plans.samples} if leak_test == "all" else {}
    assert {arm: n for arm, n in most.items() if arm in ("plan_only", "guess")} == asked


def test_what_an_estimate_leaves_aside_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.json").write_text('{"run_id": "1", "identity": {}, "recipe": {}}')
    show_estimate(pilot(SOLVE), with_settings("band.correct_verifiers=true", f"reuse=['{tmp_path}']"))
    said = capsys.readouterr().err
    assert "band.correct_verifiers: a dry run has no audit, so its band is uncorrected" in said
    assert "reuse: what other runs have already is not asked for" in said
