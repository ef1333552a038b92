import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks.stated_error import actual, simulated
from pipeline.pass_rates.band_error import FIGURES, MIN_PROMPTS, SCHEMA, expected_errors, stated_error
from pipeline.pass_rates.prior import fit_prior, region_masses
from pipeline.pass_rates.stopping import Rule

FIXED_8 = Rule(rule="fixed", max_samples=8)
N_RUNS = 60


def run_of(rates, rule=FIXED_8, *, seed=0) -> pl.DataFrame:
    """Counts and regions of prompts of known pass rates, with ids."""
    prompts = simulated(np.asarray(rates), rule, np.random.default_rng(seed))
    return prompts.with_columns(prompt_id=pl.int_range(pl.len()).cast(pl.String))


def u_shaped(n, seed) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.25, 0.19, n)


@pytest.fixture(scope="module")
def runs() -> pl.DataFrame:
    """What was stated of all prompts and what is, for runs whose prompts differ."""
    rows = []
    for seed in range(N_RUNS):
        run = run_of(u_shaped(400, seed), seed=seed)
        rows.append(stated_error(run, seed=seed).join(actual(run), on="group", suffix="_actual").filter(group="all"))
    return pl.concat(rows)


@pytest.mark.parametrize("figure", FIGURES)
def test_intervals_hold_the_actual_share(runs, figure):
    """54 of 60 or more: a 95 % interval fails that once in 60 sets, one of 80 % nine times of ten."""
    held = runs.select(pl.col(f"{figure}_actual").is_between(f"{figure}_low", f"{figure}_high")).to_series()
    assert held.sum() >= 54


@pytest.mark.parametrize("figure", FIGURES)
def test_what_is_stated_is_right_on_average(runs, figure):
    assert runs[figure].mean() == pytest.approx(runs[f"{figure}_actual"].mean(), rel=0.08)


def test_intervals_are_no_wider_than_they_need_to_be(runs):
    """Four standard errors of the actual error around what was stated, and half as many again."""
    needed = 4 * (runs["error"] - runs["error_actual"]).std()
    assert (runs["error_high"] - runs["error_low"]).mean() < 1.5 * needed


def test_intervals_are_wider_than_the_chance_of_single_prompts():
    """That alone would be an interval which knows the prior."""
    run = run_of(u_shaped(20_000, 1))
    stated = stated_error(run).row(-1, named=True)
    chance = 2 * 1.96 * np.sqrt(stated["error"] * (1 - stated["error"]) / 20_000)
    assert stated["error_high"] - stated["error_low"] > 1.5 * chance


def test_each_fold_is_judged_by_the_others():
    """Every fifth prompt was solved once in 4 and all others never, so that its own fold alone speaks for it."""
    solved = pl.DataFrame({"prompt_id": [f"{i:04}" for i in range(1000)], "n_correct": [1, 0, 0, 0, 0] * 200})
    run = solved.with_columns(
        n_rated=4, region=pl.when(pl.col("n_correct") == 1).then(pl.lit("in_band")).otherwise(pl.lit("too_hard")),
        is_decided=True, low=0.1, high=0.9,
    )  # fmt: skip
    never_solved = fit_prior(pl.DataFrame({"n": [4], "c": [0], "n_prompts": [800]}))
    expected = 1 - region_masses(never_solved, [4], [1], low=0.1, high=0.9)[0, 1]
    impure = stated_error(run).row(-1, named=True)["impure"]
    assert impure == pytest.approx(expected, abs=0.02)


def test_rows_may_come_in_any_order():
    run = run_of(u_shaped(300, 2), Rule())
    assert_frame_equal(
        stated_error(run), stated_error(run.sample(fraction=1, shuffle=True, seed=1)), rel_tol=0, abs_tol=0
    )


def test_unmeasured_prompts_are_in_no_group():
    run = run_of(u_shaped(300, 3))
    unmeasured = run.head(40).with_columns(
        n_rated=pl.lit(0, pl.Int64), n_correct=pl.lit(0, pl.Int64), region=pl.lit("unmeasured", run.schema["region"]),
        is_decided=False, prompt_id="zz" + pl.col("prompt_id"),
    )  # fmt: skip
    assert_frame_equal(stated_error(pl.concat([run, unmeasured])), stated_error(run))


def test_groups_add_up():
    run = run_of(u_shaped(500, 4), Rule())
    decided, capped, everything = stated_error(run).rows(named=True)
    assert decided["n_prompts"] + capped["n_prompts"] == everything["n_prompts"] == 500
    assert decided["n_kept"] + capped["n_kept"] == everything["n_kept"]
    wrong = [row["error"] * row["n_prompts"] for row in (decided, capped, everything)]
    assert wrong[0] + wrong[1] == pytest.approx(wrong[2])
    assert capped["error"] > 0.05 > decided["error"]


def test_each_prompt_is_held_against_its_own_band():
    rates = np.random.default_rng(5).random(400)
    wide, narrow = run_of(rates, Rule()), run_of(rates, Rule(low=0.4, high=0.6))
    both = pl.concat([wide, narrow.with_columns(prompt_id="n" + pl.col("prompt_id"))])
    first, second, mixed = (stated_error(run)["error"][-1] for run in (wide, narrow, both))
    assert second > 1.3 * first
    assert mixed == pytest.approx((first + second) / 2, rel=0.05)


def test_with_one_region_only_the_figures_of_the_others_stand_for_nothing():
    stated = stated_error(run_of(np.zeros(300), Rule())).row(-1, named=True)
    assert stated["n_kept"] == 0
    assert stated["impure"] is stated["impure_low"] is stated["impure_high"] is None
    assert stated["error"] < 0.01
    assert stated["lost"] is stated["lost_low"] is stated["lost_high"] is None


@pytest.mark.parametrize("n", [0, 1, MIN_PROMPTS - 1])
def test_of_too_few_prompts_nothing_is_stated_but_their_number(n):
    stated = stated_error(run_of(u_shaped(n, 6)))
    assert stated.schema == SCHEMA
    assert stated["n_prompts"].to_list()[-1] == n
    assert stated.select(FIGURES).null_count().row(0) == (3, 3, 3)


def test_enough_prompts_have_an_interval_that_holds_what_is_stated():
    stated = stated_error(run_of(u_shaped(MIN_PROMPTS, 7), Rule())).row(-1, named=True)
    assert 0 <= stated["error_low"] <= stated["error"] <= stated["error_high"] <= 1


def test_the_same_seed_states_the_same():
    run = run_of(u_shaped(200, 8))
    assert_frame_equal(stated_error(run, seed=3), stated_error(run, seed=3), rel_tol=0, abs_tol=0)


def test_expected_errors_add_up_to_what_is_stated():
    run = run_of(u_shaped(500, 9), Rule())
    cells = expected_errors(run)
    assert cells["n_prompts"].sum() == 500
    assert cells["n_wrong"].sum() / 500 == pytest.approx(stated_error(run)["error"][-1])
    assert expected_errors(run.head(MIN_PROMPTS - 1)).is_empty()
