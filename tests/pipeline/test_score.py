"""Plans are judged by their results, and only as far as the results go."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.special import betaln

from pipeline.leaks import told
from pipeline.score import Config, best, difference_se, p_greater, run
from schemas.tables import PassRates, Plans, PlanScores, Prompts, Rollouts, Verdicts, frame_of


def id_of(number: int) -> str:
    return f"{number:032x}"


P, Q, A, B, FOREIGN, EXECUTOR = (id_of(i) for i in (1, 2, 11, 12, 13, 20))


def rates(arm: str, c: int, n: int, plan: str = "", prompt: str = P, **changed: Any) -> dict[str, Any]:
    undecided = {name: 0 for name in PassRates.columns() if name.startswith("n_")}
    key = {"prompt_id": prompt, "generator_id": EXECUTOR, "verifier": "math", "arm": arm, "plan_id": plan}
    counts = {**undecided, "n_correct": c, "n_incorrect": n - c, "n_rated": n}
    return {**key, "phase": "search", **counts, "region": "in_band", "is_decided": True, "stop_rule": "r"} | changed


def trial(execute: tuple[int, int], solve: tuple[int, int], *placebo: tuple[int, int]) -> list[dict[str, Any]]:
    """Pass rates of plan A: (right, of how many) with it, without, and with each of some foreign plans."""
    foreign = [rates("placebo", *counts, id_of(100 + i)) for i, counts in enumerate(placebo)]
    return [rates("execute", *execute, A), rates("solve", *solve), *foreign]


def guesses(arm: str, c: int, n: int, **changed: Any) -> list[dict[str, Any]]:
    """Rollouts of the leak test of plan A, each with its outcome: `c` right ones of `n`."""
    row = {"prompt_id": P, "arm": arm, "phase": "search", "plan_id": A if arm == "plan_only" else "", "text": "42",
           "generator_id": EXECUTOR, "finish_reason": "stop"} | changed  # fmt: skip
    number = 100_000 * len(arm)
    return [{**row, "rollout_id": id_of(number + i), "outcome": "correct" if i < c else "incorrect"} for i in range(n)]


def scored(
    rows: Sequence[dict[str, Any]], confidence: float = 0.9, status: str = "parsed",
    guessed: Sequence[dict[str, Any]] = (),
) -> pl.DataFrame:  # fmt: skip
    plans = [{"plan_id": id, "prompt_id": P, "status": status, "steps": []} for id in (A, B)]
    plans.append({"plan_id": FOREIGN, "prompt_id": Q, "status": "parsed", "steps": []})
    prompts = frame_of(Prompts, [{"prompt_id": id, "verifier": "math"} for id in (P, Q)])
    by = {"verifier": "math", "verifier_version": "1"}
    verdicts = [{"rollout_id": row["rollout_id"], **by, "outcome": row["outcome"]} for row in guessed]
    rollouts = [{name: value for name, value in row.items() if name != "outcome"} for row in guessed]
    found = run(prompts, frame_of(Plans, plans), frame_of(PassRates, list(rows)), frame_of(Rollouts, rollouts),
                frame_of(Verdicts, verdicts), Config(executor=EXECUTOR, confidence=confidence))  # fmt: skip
    PlanScores.validate(found)
    return found


def decision(*counts: tuple[int, int], guessed: Sequence[dict[str, Any]] = (), confidence: float = 0.9) -> str:
    return str(scored(trial(*counts), confidence, guessed=guessed)["decision"].item())


def test_a_plan_is_read_against_the_fresh_baseline_and_all_placebos_of_its_prompt() -> None:
    row = scored(trial((12, 16), (4, 16), (3, 8), (1, 8))).row(0, named=True)
    counts = {"n_execute": 16, "c_execute": 12, "n_solve": 16, "c_solve": 4, "n_placebo": 16, "c_placebo": 4}
    assert row.items() >= {**counts, "uplift": 0.5, "over_placebo": 0.5, "decision": "helps", "phase": "search"}.items()
    assert row["leak"] is None


def test_only_the_executor_in_the_phase_search_by_the_prompts_verifier_counts() -> None:
    other = [
        rates("solve", 9, 9, phase="screen"),
        rates("solve", 9, 9, generator_id=id_of(21)),
        rates("solve", 9, 9, verifier="strips"),
        rates("solve", 9, 9, prompt=Q),
        rates("execute", 9, 9, FOREIGN, Q, generator_id=id_of(21)),
    ]
    assert_frame_equal(scored([*trial((12, 16), (4, 16), (4, 16)), *other]), scored(trial((12, 16), (4, 16), (4, 16))))


def test_undecided_rollouts_count_nowhere() -> None:
    rows = trial((12, 16), (4, 16), (4, 16))
    rows[0] |= {"n_truncated": 5, "n_generation_error": 7}
    assert scored(rows).select("n_execute", "c_execute").row(0) == (16, 12)


def test_what_was_cut_off_counts_as_the_pass_rates_count_it() -> None:
    rows = trial((12, 16), (4, 16), (4, 16))
    rows[0] |= {"n_truncated": 5, "n_rated": 21}
    assert scored(rows).select("n_execute", "c_execute").row(0) == (21, 12)


def test_a_plan_without_a_verdict_is_there_and_undecided() -> None:
    row = scored(trial((0, 0), (4, 16), (4, 16))).row(0, named=True)
    measured = [row[name] for name in ("uplift", "uplift_se", "over_placebo", "p_positive", "shrunk")]
    assert measured == [None] * 5
    assert row["decision"] == "undecided"


def test_plans_that_were_not_carried_out_or_not_read_have_no_score() -> None:
    assert scored([rates("solve", 4, 16)]).is_empty()
    assert scored(trial((12, 16), (4, 16)), status="malformed").is_empty()


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        (((12, 16), (4, 16), (4, 16)), "helps"),
        (((12, 16), (4, 16)), "undecided"),
        (((12, 16), (4, 16), (0, 0)), "undecided"),
        (((12, 16), (4, 16), (12, 16)), "no_effect"),
        (((12, 16), (4, 16), (14, 16)), "no_effect"),
        (((4, 16), (12, 16), (4, 16)), "hurts"),
        (((4, 16), (12, 16)), "hurts"),
        (((7, 16), (6, 16), (5, 16)), "undecided"),
        (((8, 16), (8, 16), (8, 16)), "undecided"),
        (((500, 1000), (500, 1000)), "no_effect"),
        (((3, 4), (0, 0), (1, 4)), "undecided"),
    ],
)
def test_decisions_follow_the_results(counts: tuple[tuple[int, int], ...], wanted: str) -> None:
    assert decision(*counts) == wanted


def test_the_confidence_decides_how_sure_is_sure() -> None:
    counts = ((9, 16), (5, 16), (5, 16))
    assert decision(*counts, confidence=0.9) == "helps"
    assert decision(*counts, confidence=0.99) == "undecided"


def test_a_plan_that_gives_the_answer_away_leaks_only_where_both_guesses_were_measured() -> None:
    tried = ((12, 16), (4, 16), (4, 16))
    alone = guesses("plan_only", 14, 16)
    assert decision(*tried, guessed=alone) == "helps"
    assert decision(*tried, guessed=[*alone, *guesses("guess", 2, 16)]) == "leaks"
    assert decision(*tried, guessed=[*alone, *guesses("guess", 14, 16)]) == "helps"


@pytest.mark.parametrize(
    "changed",
    [
        {"reasoning": "let me see"}, {"n_completion_tokens": 65}, {"text": "so " * 65}, {"phase": "screen"},
        {"generator_id": id_of(21)},
    ],
)  # fmt: skip
def test_what_is_no_guess_of_the_executor_counts_on_neither_side(changed: dict[str, Any]) -> None:
    guessed = [*guesses("plan_only", 14, 16), *guesses("guess", 2, 16, **changed)]
    pass_rates = [*trial((12, 16), (4, 16), (4, 16)), rates("plan_only", 14, 16, A), rates("guess", 2, 16)]
    row = scored(pass_rates, guessed=guessed).row(0, named=True)
    assert (row["n_plan_only"], row["c_plan_only"], row["n_guess"], row["leak"]) == (16, 14, 0, None)


def test_replies_that_are_no_guesses_are_told_of() -> None:
    replies = [*guesses("plan_only", 1, 2), *guesses("guess", 0, 3, reasoning="let me see")]
    rollouts = frame_of(Rollouts, [{name: row[name] for name in row if name != "outcome"} for row in replies])
    assert told(rollouts, EXECUTOR, 64).startswith("plans.leak_test: 3 of 5 tries at an answer without reasoning came")
    assert told(rollouts, id_of(21), 64) == told(rollouts.head(2), EXECUTOR, 64) == ""


def test_the_probability_is_that_of_the_closed_form() -> None:
    counts = [
        (0, 16, 16, 16),
        (16, 16, 0, 16),
        (3, 16, 5, 8),
        (700, 1024, 690, 1024),
        (1, 1, 0, 1),
        (0, 1024, 2, 1024),
        (500, 1024, 510, 1024),
    ]
    found = p_greater(*np.array(counts).T)
    assert found == pytest.approx([_exact(*row) for row in counts], abs=1e-9)


def _exact(c_a: int, n_a: int, c_b: int, n_b: int) -> float:
    """The same by the recurrence from equal posteriors, one answer more at a time. Source: Cook 2005, section 3."""
    a, b, c, d, p = 0.5, 0.5, 0.5, 0.5, 0.5

    def change(parameter: float) -> float:
        return math.exp(betaln(a + c, b + d) - betaln(a, b) - betaln(c, d)) / parameter

    for _ in range(c_a):
        p, a = p + change(a), a + 1
    for _ in range(n_a - c_a):
        p, b = p - change(b), b + 1
    for _ in range(c_b):
        p, c = p - change(c), c + 1
    for _ in range(n_b - c_b):
        p, d = p + change(d), d + 1
    return p


counts = st.integers(0, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(deadline=None)
@given(counts, counts)
def test_the_probability_is_symmetric_and_a_half_for_equal_counts(a: tuple[int, int], b: tuple[int, int]) -> None:
    there, back, equal = p_greater(*np.array([(*a, *b), (*b, *a), (*a, *a)]).T)
    assert there + back == pytest.approx(1)
    assert equal == pytest.approx(0.5)


def test_the_standard_error_is_never_zero_and_that_of_agresti_and_caffo() -> None:
    def error(*counts: int) -> float:
        return float(pl.select(difference_se(*(pl.lit(n) for n in counts))).item())

    assert error(16, 16, 0, 16) == pytest.approx(math.sqrt(2 * 17 / 18 * 1 / 18 / 18))
    assert error(7, 10, 3, 20) == pytest.approx(math.sqrt(8 / 12 * 4 / 12 / 12 + 4 / 22 * 18 / 22 / 22))


def test_uplifts_are_shrunk_towards_their_prompts_mean_and_keep_their_order() -> None:
    rows = [*trial((14, 16), (4, 16)), rates("execute", 4, 16, B)]
    a, b = scored(rows).select("uplift", "shrunk").rows()
    assert b[0] < b[1] < (a[0] + b[0]) / 2 < a[1] < a[0]
    assert a[1] + b[1] == pytest.approx(a[0] + b[0], abs=0.05)


def test_plans_that_differ_no_more_than_chance_shrink_to_their_mean_and_a_single_one_has_none() -> None:
    rows = [*trial((9, 16), (4, 16)), rates("execute", 8, 16, B), rates("execute", 9, 16, FOREIGN, Q),
            rates("solve", 4, 16, prompt=Q)]  # fmt: skip
    found = scored(rows)
    assert found["shrunk"].to_list() == pytest.approx([4.5 / 16, 4.5 / 16, None])


def test_shrunk_uplifts_are_nearer_to_the_truth() -> None:
    draw = np.random.default_rng(4)
    truth = np.clip(draw.normal(0.5, 0.15, (200, 4)), 0.02, 0.98)
    right = draw.binomial(16, truth)
    prompts = [{"prompt_id": id_of(i), "verifier": "math"} for i in range(200)]
    ids = [(i, id_of(1000 + 4 * i + j), right[i, j]) for i in range(200) for j in range(4)]
    plans = [{"plan_id": id, "prompt_id": id_of(i), "status": "parsed", "steps": []} for i, id, _ in ids]
    rows = [rates("execute", int(c), 16, id, id_of(i)) for i, id, c in ids]
    rows += [rates("solve", 8, 16, prompt=id_of(i)) for i in range(200)]
    frames = frame_of(Prompts, prompts), frame_of(Plans, plans), frame_of(PassRates, rows)
    found = run(*frames, Rollouts.create_empty(), Verdicts.create_empty(), Config(executor=EXECUTOR, confidence=0.9))
    wanted = truth.ravel() - 0.5
    errors = {name: float(((found[name].to_numpy() - wanted) ** 2).mean()) for name in ("uplift", "shrunk")}
    assert errors["shrunk"] < 0.8 * errors["uplift"]


def test_scores_do_not_depend_on_row_order() -> None:
    rows = [*trial((12, 16), (4, 16), (3, 8), (1, 8)), rates("execute", 4, 16, B)]
    assert_frame_equal(scored(rows[::-1]), scored(rows))


def score(plan: str, uplift: float, outcome: str = "helps") -> dict[str, Any]:
    return {"plan_id": plan, "generator_id": EXECUTOR, "phase": "search", "uplift": uplift, "decision": outcome}


def test_the_best_plan_of_a_prompt_is_the_one_that_helps_most() -> None:
    plans = frame_of(Plans, [{"plan_id": id, "prompt_id": P} for id in (A, B)])
    assert best(frame_of(PlanScores, [score(A, 0.2), score(B, 0.3)]), plans).rows() == [(P, B, EXECUTOR)]
    assert best(frame_of(PlanScores, [score(B, 0.3), score(A, 0.3)]), plans)["plan_id"].item() == A
    assert best(frame_of(PlanScores, [score(A, 0.2), score(B, 0.3, "leaks")]), plans)["plan_id"].item() == A
    assert best(frame_of(PlanScores, [score(A, 0.2, "undecided")]), plans).is_empty()
