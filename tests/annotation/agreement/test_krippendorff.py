"""Krippendorff's alpha: equal to the published example, to a recount in fractions, and to what alpha must be."""

import itertools
from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.agreement.krippendorff import Scale, alpha_interval, krippendorff_alpha, patterns_of, share_equal

SCALES: list[Scale] = ["nominal", "ordinal", "interval"]
Answers = tuple[list[str], list[str], list[int]]
Rows = list[tuple[int, int, int]]

every_scale = pytest.mark.parametrize("scale", SCALES)
tables = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(1, 5)), max_size=16)
"""Small tables of (item, annotator, value)."""


def recount(items: list[int] | list[str], values: list[int], scale: Scale) -> Fraction | None:
    """Alpha by its definition, over all pairs, in fractions."""
    by_item: dict[object, list[int]] = defaultdict(list)
    for item, value in zip(items, values, strict=True):
        by_item[item].append(value)
    paired = [said for said in by_item.values() if len(said) > 1]
    pooled = [value for said in paired for value in said]

    def differ(a: int, b: int) -> Fraction:
        if scale == "nominal":
            return Fraction(a != b)
        if scale == "interval":
            return Fraction((a - b) ** 2)
        low, high = sorted((a, b))
        between = sum(low <= value <= high for value in pooled)
        return (between - Fraction(pooled.count(a) + pooled.count(b), 2)) ** 2 if a != b else Fraction(0)

    expected = sum((differ(a, b) for a, b in itertools.permutations(pooled, 2)), Fraction())
    if not expected:
        return None
    observed = sum(
        (differ(a, b) / (len(said) - 1) for said in paired for a, b in itertools.permutations(said, 2)), Fraction()
    )
    return 1 - (len(pooled) - 1) * observed / expected


@pytest.mark.parametrize(("scale", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_example(reliability: Answers, scale: Scale, published: float) -> None:
    units, _, values = reliability
    alpha, exact = krippendorff_alpha(units, values, scale), recount(units, values, scale)
    assert alpha is not None
    assert exact is not None
    assert alpha == pytest.approx(float(exact), abs=1e-12)
    assert round(alpha, 3) == published


def test_the_published_example_as_fractions(reliability: Answers) -> None:
    units, _, values = reliability
    assert [recount(units, values, scale) for scale in SCALES] == [
        Fraction(113, 152), Fraction(108577, 133160), Fraction(951, 1120),
    ]  # fmt: skip


@every_scale
@given(rows=tables)
def test_alpha_equals_a_recount_over_all_pairs(scale: Scale, rows: Rows) -> None:
    items, values = [row[0] for row in rows], [row[2] for row in rows]
    alpha, exact = krippendorff_alpha(items, values, scale), recount(items, values, scale)
    assert (alpha is None) == (exact is None)
    if alpha is not None and exact is not None:
        assert alpha == pytest.approx(float(exact), abs=1e-9)


@every_scale
@given(rows=tables, random=st.randoms(use_true_random=False))
def test_the_order_of_answers_changes_no_bit(scale: Scale, rows: Rows, random: st.DataObject) -> None:
    shuffled = [*rows]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (patterns_of([r[0] for r in t], [r[2] for r in t], scale) for t in (rows, shuffled))
    assert alpha_interval(one, 0.9, 50) == alpha_interval(other, 0.9, 50)


@every_scale
@given(rows=tables)
def test_an_item_with_one_answer_changes_nothing(scale: Scale, rows: Rows) -> None:
    items, values = [row[0] for row in rows], [row[2] for row in rows]
    assert krippendorff_alpha([*items, 99], [*values, 3], scale) == krippendorff_alpha(items, values, scale)


@given(rows=tables, factor=st.sampled_from([-3.0, 0.1, 1e-200, 1e200]), shift=st.sampled_from([0.0, -7.5, 1e6]))
def test_interval_alpha_does_not_see_the_unit(rows: Rows, factor: float, shift: float) -> None:
    items, values = [row[0] for row in rows], [float(row[2]) for row in rows]
    moved = [factor * (value + shift) for value in values]
    assert krippendorff_alpha(items, moved, "interval") == pytest.approx(
        krippendorff_alpha(items, values, "interval"), abs=1e-6
    )


@given(rows=tables)
def test_ordinal_alpha_sees_order_alone(rows: Rows) -> None:
    items, values = [row[0] for row in rows], [row[2] for row in rows]
    assert krippendorff_alpha(items, [10.0**value for value in values], "ordinal") == krippendorff_alpha(
        items, values, "ordinal"
    )


@every_scale
@given(values=st.lists(st.integers(1, 5), min_size=2).filter(lambda values: len(set(values)) > 1), m=st.integers(2, 4))
def test_full_agreement_is_one(scale: Scale, values: list[int], m: int) -> None:
    items = list(range(len(values)))
    assert krippendorff_alpha(items * m, values * m, scale) == 1


@every_scale
def test_random_answers_agree_by_chance(scale: Scale) -> None:
    values = np.random.default_rng(1).integers(1, 6, 15_000).tolist()
    assert krippendorff_alpha(list(range(5_000)) * 3, values, scale) == pytest.approx(0, abs=0.03)


@every_scale
def test_no_variation_is_undefined_rather_than_agreement(scale: Scale) -> None:
    assert krippendorff_alpha(["a", "a", "b", "b"], [3, 3, 3, 3], scale) is None
    assert krippendorff_alpha(["a", "b"], [3, 4], scale) is None
    assert krippendorff_alpha([], [], scale) is None


@every_scale
def test_the_interval_holds_alpha_and_is_repeatable(reliability: Answers, scale: Scale) -> None:
    units, _, values = reliability
    patterns = patterns_of(units, values, scale)
    low, high = alpha_interval(patterns)
    assert low is not None
    assert high is not None
    assert low < (krippendorff_alpha(units, values, scale) or 0) < high
    assert alpha_interval(patterns) == (low, high)


def test_the_interval_covers_the_alpha_of_the_population() -> None:
    random = np.random.default_rng(7)
    noise = 0.3  # of two answers drawn alike with 0.7 each from 4 labels, alpha of the population is 0.49
    n_covered = 0
    for _ in range(200):
        truth = random.integers(0, 4, 200)
        said = np.where(random.random((3, 200)) < noise, random.integers(0, 4, (3, 200)), truth)
        low, high = alpha_interval(patterns_of(list(range(200)) * 3, said.ravel().tolist(), "nominal"), 0.9, 200)
        n_covered += low is not None and high is not None and low <= 0.49 <= high
    assert 170 <= n_covered <= 192


def test_rare_differences_have_no_interval() -> None:
    assert alpha_interval(patterns_of([*range(40)] * 2, ["a"] * 79 + ["b"], "nominal")) == (None, None)


def test_equal_pairs_count_by_the_answers_of_their_item(reliability: Answers) -> None:
    units, _, values = reliability
    assert share_equal(patterns_of(units, values, "nominal")) == pytest.approx(0.8)
