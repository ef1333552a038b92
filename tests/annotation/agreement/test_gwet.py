"""Gwet's AC1: equal to published examples, and no collapse where one label dominates."""

import pytest

from annotation.agreement.gwet import gwet_ac1
from annotation.agreement.krippendorff import krippendorff_alpha

Answers = tuple[list[str], list[str], list[int]]
ABSTRACTORS = ((13, 0, 0), (0, 20, 7), (0, 4, 56))
"""Gwet 2014: two abstractors, 100 pregnancies."""


def test_the_published_example_with_missing_answers(reliability: Answers) -> None:
    units, _, values = reliability
    ac1 = gwet_ac1(units, values)
    assert ac1 is not None
    assert round(ac1, 5) == 0.77544


def test_the_published_example_of_two_annotators() -> None:
    pairs = [(i, j) for i, row in enumerate(ABSTRACTORS) for j, n in enumerate(row) for _ in range(n)]
    items = [place for place in range(100) for _ in range(2)]
    ac1 = gwet_ac1(items, [label for pair in pairs for label in pair])
    assert ac1 is not None
    assert round(ac1, 7) == 0.8493305


def test_one_dominant_label_leaves_it_high() -> None:
    items, labels = [*range(50)] * 2, ["keep"] * 98 + ["fix", "discard"]
    ac1, alpha = gwet_ac1(items, labels), krippendorff_alpha(items, labels)
    assert ac1 is not None
    assert alpha is not None
    assert ac1 > 0.95
    assert alpha < 0.05


@pytest.mark.parametrize("items", [["a", "b"], ["a", "a"], []])
def test_without_pairs_or_variation_it_is_undefined(items: list[str]) -> None:
    assert gwet_ac1(items, ["x"] * len(items)) is None
