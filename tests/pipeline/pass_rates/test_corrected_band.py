"""Bands as an imperfect verifier shows them: edges moved by its errors, which come from the table of audits."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import rate
from pipeline.ledger import COUNTS
from pipeline.pass_rates.corrected_band import for_verifier, seen_rate, verifier_errors
from pipeline.pass_rates.stopping import Rule
from pipeline.sampling import stopped
from schemas.errors import RecipeError
from schemas.tables import Audits, frame_of

LENIENT = Rule(low=0.2, high=0.8, correct_verifiers=True, verifier_errors=(("math", 0.0, 0.25), ("code", 0.0, 0.0)))


def audit(
    against: str, kind: str = "", *, correct: int, incorrect: int, version: str = "1", **other: str
) -> dict[str, Any]:
    key = {"source": "s", "verifier": "math", "verifier_version": version, "against": against, "kind": kind} | other
    return {**key, "n": correct + incorrect, "n_correct": correct, "n_incorrect": incorrect, "n_undecided": 0}


def errors(*rows: dict[str, Any]) -> tuple[tuple[str, float, float], ...]:
    return verifier_errors(frame_of(Audits, list(rows)))


@given(st.floats(0, 1), st.floats(0, 0.49), st.floats(0, 0.49))
def test_a_seen_rate_is_corrected_back_by_rogan_and_gladen(rate: float, fn: float, fp: float) -> None:
    seen = seen_rate(rate, false_negatives=fn, false_positives=fp)
    specificity, sensitivity = 1 - fp, 1 - fn
    assert (seen + specificity - 1) / (sensitivity + specificity - 1) == pytest.approx(rate, abs=1e-6)


def test_the_edges_move_to_where_right_answers_are_really_seen() -> None:
    rng, rule = np.random.default_rng(0), Rule(correct_verifiers=True, verifier_errors=(("math", 0.1, 0.05),))
    moved = for_verifier(rule, "math")
    for edge, seen in ((rule.low, moved.low), (rule.high, moved.high)):
        is_right = rng.random(200_000) < edge
        is_accepted = np.where(is_right, rng.random(200_000) >= 0.1, rng.random(200_000) < 0.05)
        assert is_accepted.mean() == pytest.approx(seen, abs=0.005)


def test_nothing_moves_for_another_verifier_or_where_it_is_not_asked_for() -> None:
    assert for_verifier(LENIENT, "strips") == LENIENT
    unasked = LENIENT.model_copy(update={"correct_verifiers": False})
    assert for_verifier(unasked, "math") == unasked


def test_a_verifier_that_tells_nothing_is_refused_in_one_line() -> None:
    rule = Rule(correct_verifiers=True, verifier_errors=(("math", 0.6, 0.4),))
    with pytest.raises(RecipeError, match=r"^verifier math: false negatives 0.6 and false positives 0.4 add up") as got:
        for_verifier(rule, "math")
    assert "\n" not in str(got.value)


def test_each_verifier_is_read_in_its_own_band_and_its_rate_stays_as_counted() -> None:
    zeros = dict.fromkeys(COUNTS, 0)
    rows = [{"verifier": name} | zeros | {"n_correct": 7, "n_incorrect": 25} for name in ("code", "math")]
    decided = rate.decide(pl.DataFrame(rows), LENIENT)
    assert decided["region"].to_list() == ["in_band", "too_hard"]
    assert decided["pass_rate"].to_list() == [7 / 32] * 2


def test_stopping_looks_at_the_band_of_the_verifier() -> None:
    zeros = dict.fromkeys(COUNTS, 0)
    rows = [{"verifier": name} | zeros | {"n_correct": 1, "n_incorrect": 11} for name in ("code", "math")]
    assert stopped(pl.DataFrame(rows), LENIENT).to_list() == [False, True]


def test_rates_are_pooled_over_sources_and_references() -> None:
    right = audit("gold", correct=90, incorrect=10), audit("label", "correct", correct=50, incorrect=50)
    wrong = audit("label", "incorrect", correct=1, incorrect=9), audit("rule", "incorrect", correct=3, incorrect=7)
    assert errors(*right, *wrong) == (("math", pytest.approx(60 / 200), pytest.approx(4 / 20)),)


def test_near_misses_count_only_where_no_wrong_answer_is_known() -> None:
    right, near = audit("gold", correct=10, incorrect=0), audit("near_miss", "one_digit", correct=5, incorrect=5)
    assert errors(right, near) == (("math", 0, 0.5),)
    assert errors(right, near, audit("label", "incorrect", correct=0, incorrect=4)) == (("math", 0, 0),)


def test_only_the_highest_version_counts_and_half_a_picture_is_none() -> None:
    right = audit("gold", correct=10, incorrect=0, version="10")
    assert errors(right, audit("near_miss", "sign", correct=4, incorrect=1, version="9")) == ()
    assert errors(right, audit("near_miss", "sign", correct=4, incorrect=1, version="10")) == (("math", 0, 0.8),)
    assert errors() == ()


def test_other_verifiers_are_no_reference() -> None:
    beside = audit("other_verifier", "strips:correct", correct=1, incorrect=9)
    assert errors(audit("gold", correct=1, incorrect=1), beside) == ()
