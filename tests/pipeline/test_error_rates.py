"""An error is what its reference calls one: counted in the right row, with its interval, and listed."""

from typing import Any

import polars as pl
import pytest

from pipeline.checks import check_frames
from pipeline.error_rates import JUDGED, error_rates, known_answer_rates, listed_errors, reasons
from schemas.tables import Audits


def judged(against: str, kind: str, expected: str, outcome: str, **columns: Any) -> dict[str, Any]:
    key = {"source": "s", "verifier": "math", "verifier_version": "1", "against": against, "kind": kind}
    verdict = {"id": "p", "outcome": outcome, "reason": "because"}
    empty = dict.fromkeys(("extracted", "failed_step", "answer", "details"))
    return {**key, "expected": expected, **empty, **verdict, **columns}


def rates(*rows: dict[str, Any]) -> pl.DataFrame:
    return error_rates(pl.DataFrame(list(rows), schema=JUDGED, orient="row"))


@pytest.mark.parametrize(
    ("against", "kind", "expected", "outcome", "n_errors"),
    [
        ("gold", "", "correct", "correct", 0),
        ("gold", "", "correct", "incorrect", 1),
        ("gold", "", "correct", "undecided", 1),
        ("near_miss", "one_digit", "incorrect", "incorrect", 0),
        ("near_miss", "one_digit", "incorrect", "undecided", 0),
        ("near_miss", "one_digit", "incorrect", "correct", 1),
        ("label", "correct", "correct", "undecided", 1),
        ("label", "incorrect", "incorrect", "undecided", 0),
        ("label", "incorrect", "incorrect", "correct", 1),
        ("other_verifier", "strips:undecided", "undecided", "undecided", 0),
        ("other_verifier", "strips:undecided", "undecided", "incorrect", 1),
        ("other_verifier", "strips:incorrect", "incorrect", "undecided", 1),
    ],
)
def test_an_error_is_what_the_reference_calls_one(
    against: str, kind: str, expected: str, outcome: str, n_errors: int
) -> None:
    found = rates(judged(against, kind, expected, outcome))
    assert found["n_errors"].to_list() == [n_errors]
    assert len(found["errors"][0]) == n_errors
    assert check_frames({"audits": found})["n_broken"].sum() == 0


def test_counts_rate_and_interval_are_those_of_the_group() -> None:
    rows = [judged("gold", "", "correct", outcome) for outcome in ["correct"] * 8 + ["incorrect", "undecided"]]
    (row,) = rates(*rows).to_dicts()
    assert [row[name] for name in ("n", "n_correct", "n_incorrect", "n_undecided", "n_errors")] == [10, 8, 1, 1, 2]
    assert (row["error_rate"], round(row["ci_low"], 3), round(row["ci_high"], 3)) == (0.2, 0.057, 0.510)


def test_rates_are_a_valid_table_also_without_rows() -> None:
    Audits.validate(rates(judged("gold", "", "correct", "correct")))
    assert rates().is_empty()
    assert listed_errors(rates()).is_empty()
    assert known_answer_rates(rates()).is_empty()


def test_errors_are_listed_by_what_they_are() -> None:
    found = listed_errors(
        rates(
            judged("gold", "", "correct", "incorrect", id="a"),
            judged("near_miss", "one_digit", "incorrect", "correct", id="b", answer="43"),
            judged("label", "incorrect", "incorrect", "correct", id="c"),
            judged("other_verifier", "strips:correct", "correct", "incorrect", id="d"),
            judged("gold", "", "correct", "correct", id="e"),
        )
    )
    assert found.select("id", "error").rows() == [
        ("a", "false_negative"), ("b", "false_positive"), ("c", "false_positive"), ("d", "disagreement")
    ]  # fmt: skip
    assert found.filter(id="b")["answer"].to_list() == ["43"]


def test_the_order_of_what_was_judged_changes_nothing() -> None:
    rows = [judged("gold", "", "correct", "incorrect", id=id) for id in "cab"]
    assert rates(*rows).equals(rates(*rows[::-1]))


def test_reasons_of_errors_are_tallied() -> None:
    codes = ["no_answer", "timeout", "no_answer"]
    rows = [judged("gold", "", "correct", "undecided", reason=code) for code in codes]
    assert reasons(rates(*rows, judged("label", "correct", "correct", "correct"))).to_list() == [
        "no_answer 2, timeout 1", ""
    ]  # fmt: skip


def test_kinds_are_summed_up_by_reference_and_other_verifiers_left_out() -> None:
    found = known_answer_rates(
        rates(
            judged("near_miss", "one_digit", "incorrect", "correct"),
            judged("near_miss", "one_word", "incorrect", "incorrect"),
            judged("label", "correct", "correct", "undecided"),
            judged("other_verifier", "strips:correct", "correct", "correct"),
        )
    )
    assert found.select("answers", "error", "n", "n_errors", "n_undecided").rows() == [
        ("labelled correct", "false_negative", 1, 1, 1), ("near-misses", "false_positive", 2, 1, 0)
    ]  # fmt: skip
