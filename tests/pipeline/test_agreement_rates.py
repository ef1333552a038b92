"""Agreement and kappa come out of the confusion counts of the table `audits`."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.agreement_rates import agreement, cohens_kappa
from schemas.tables import Audits, frame_of


def counts(kind: str, correct: int, incorrect: int, undecided: int = 0, *, against: str = "label") -> dict[str, Any]:
    key = {"source": "s", "verifier": "math", "verifier_version": "1", "against": against, "kind": kind}
    n = correct + incorrect + undecided
    return {**key, "n": n, "n_correct": correct, "n_incorrect": incorrect, "n_undecided": undecided, "errors": []}


def test_kappa_is_agreement_beyond_chance_over_what_could_be_beyond_it() -> None:
    observed, chance = (88 + 40 + 12) / 200, 0.5 * 0.6 + 0.3 * 0.3 + 0.2 * 0.1
    kappa = cohens_kappa([[88, 10, 2], [14, 40, 6], [18, 10, 12]]).kappa
    assert kappa == pytest.approx((observed - chance) / (1 - chance), abs=1e-6)


def test_the_interval_of_kappa_is_as_wide_as_simulated_ones() -> None:
    matrix = np.array([[88, 10, 2], [14, 40, 6], [18, 10, 12]])
    draws = np.random.default_rng(0).multinomial(200, matrix.ravel() / 200, 4_000)
    simulated = np.std([cohens_kappa(draw.reshape(3, 3)).kappa for draw in draws])
    _, low, high = cohens_kappa(matrix)
    assert low is not None
    assert high is not None
    assert (high - low) / 2 / 1.96 == pytest.approx(simulated, rel=0.05)


@pytest.mark.parametrize("matrix", [np.zeros((3, 3)), [[5, 0, 0], [0, 0, 0], [0, 0, 0]]])
def test_kappa_is_undefined_where_nothing_could_differ(matrix: Any) -> None:
    assert cohens_kappa(matrix) == (None, None, None)


def test_full_agreement_and_full_disagreement() -> None:
    assert cohens_kappa(np.diag([3, 4, 5])) == pytest.approx((1, 1, 1))
    assert cohens_kappa([[0, 5], [5, 0]]).kappa == pytest.approx(-1)


def test_an_undecided_answer_agrees_with_no_label() -> None:
    audits = frame_of(Audits, [counts("correct", 8, 1, 1), counts("incorrect", 0, 9, 1)])
    (row,) = agreement(audits).to_dicts()
    assert (row["compared_with"], row["n"], row["agreement"]) == ("labels", 20, 0.85)
    assert row["ci_low"] < 0.85 < row["ci_high"]
    assert row["kappa_low"] < row["kappa"] < row["kappa_high"]


def test_verifiers_are_compared_one_by_one() -> None:
    audits = frame_of(
        Audits,
        [
            counts("strips:correct", 3, 0, against="other_verifier"),
            counts("strips:undecided", 0, 0, 2, against="other_verifier"),
            counts("code:correct", 0, 4, against="other_verifier"),
            counts("", 5, 0, against="gold"),
        ],
    )
    assert agreement(audits).select("compared_with", "n", "agreement").sort("n").rows() == [
        ("code", 4, 0.0), ("strips", 5, 1.0)
    ]  # fmt: skip


def test_without_labels_and_second_verifiers_there_is_no_agreement() -> None:
    assert agreement(frame_of(Audits, [counts("", 5, 0, against="gold")])).is_empty()
    assert agreement(pl.DataFrame(Audits.create_empty())).is_empty()
