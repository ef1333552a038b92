"""Rankings of several items: the mean of what each item says, from those who ranked everything."""

import json

import polars as pl
import pytest

from annotation.agreement.rankings import rank_correlation, ranking_agreement


def answers(*rankings: tuple[str, dict[str, int]]) -> pl.DataFrame:
    said = [(item, json.dumps(ranks)) for item, ranks in rankings]
    return pl.DataFrame(said, schema=["item", "label"], orient="row")


SAME, TURNED = {"A": 1, "B": 2, "C": 3}, {"A": 3, "B": 2, "C": 1}


def test_means_over_items() -> None:
    found = ranking_agreement(answers(("i", SAME), ("i", SAME), ("j", SAME), ("j", TURNED)))
    assert (found.n_paired, found.kendall_w, found.rank_correlation) == (2, 0.5, 0.0)
    assert found.kendall_p == pytest.approx(0.406, abs=1e-3)  # chi-square 4 + 0, with 2 + 2 degrees of freedom


def test_half_a_ranking_is_left_out_and_counted() -> None:
    found = ranking_agreement(answers(("i", SAME), ("i", SAME), ("i", {"A": 2, "B": 1})))
    assert (found.n_incomplete, found.kendall_w) == (1, 1.0)


def test_without_two_complete_rankings_it_is_undefined() -> None:
    table = answers(("i", SAME), ("j", {"A": 1}), ("j", {"B": 1}))
    assert ranking_agreement(table)[:5] == (0, 2, None, None, None)
    assert rank_correlation(table) is None


def test_the_interval_holds_the_mean() -> None:
    rankings = [(f"i{n}", ranks) for n in range(30) for ranks in (SAME, TURNED if n % 3 == 0 else SAME)]
    found = ranking_agreement(answers(*rankings), 0.9, 200)
    assert found.rank_correlation == pytest.approx(1 / 3)
    assert (found.interval.low or 1) < 1 / 3 < (found.interval.high or 0)
