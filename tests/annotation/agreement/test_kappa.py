"""Cohen's kappa between judge and people: equal to published examples, and a plain word on whether to use the judge."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.agreement.kappa import MIN_ITEMS, cohens_kappa, judge_agreement

COHEN = ((88, 10, 2), (14, 40, 6), (18, 10, 12))
"""Cohen 1960, table 1: 200 cases; the same joint judgements are in Cohen 1968."""

matrices = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 9), min_size=k, max_size=k), min_size=k, max_size=k)
)


def recount(matrix: list[list[int]]) -> Fraction | None:
    """Kappa as (p_o - p_e) / (1 - p_e), in fractions."""
    n, k = sum(map(sum, matrix)), range(len(matrix))
    if not n:
        return None
    observed = Fraction(sum(matrix[i][i] for i in k), n)
    chance = Fraction(sum(sum(matrix[i]) * sum(row[i] for row in matrix) for i in k), n * n)
    return (observed - chance) / (1 - chance) if chance != 1 else None


@pytest.mark.parametrize(
    ("matrix", "weights", "published", "places"),
    [
        (COHEN, None, 0.492, 3),
        (COHEN, ((0, 1, 3), (1, 0, 6), (3, 6, 0)), 0.348, 3),
        (((13, 0, 0), (0, 20, 7), (0, 4, 56)), None, 0.7964094, 7),
    ],
    ids=["Cohen 1960", "Cohen 1968", "Gwet 2014"],
)
def test_published_examples(matrix: object, weights: object, published: float, places: int) -> None:
    kappa = cohens_kappa(matrix, weights)  # type: ignore[arg-type]
    assert kappa is not None
    assert round(kappa, places) == published


@given(matrix=matrices)
def test_kappa_equals_a_recount(matrix: list[list[int]]) -> None:
    kappa, exact = cohens_kappa(matrix), recount(matrix)
    assert (kappa is None) == (exact is None)
    if kappa is not None and exact is not None:
        assert kappa == pytest.approx(float(exact), abs=1e-9)


def test_a_good_judge_may_be_used() -> None:
    people = ["keep", "fix", "discard", "keep"] * 50
    judge = [*people[:190], *["keep"] * 10]
    found = judge_agreement(judge, people)
    assert found.may_be_used
    assert found.why.startswith("the interval of kappa starts at 0.9")
    assert judge_agreement(judge, people) == found


def test_a_judge_whose_interval_reaches_below_may_not() -> None:
    people = ["keep", "fix"] * 40
    found = judge_agreement([*people[:56], *["keep"] * 24], people)
    assert found.kappa is not None
    assert found.low is not None
    assert found.kappa > 0.6 > found.low
    assert not found.may_be_used
    assert judge_agreement([*people[:56], *["keep"] * 24], people, threshold=0.3).may_be_used


def test_ratings_one_off_weigh_less_than_labels_that_differ() -> None:
    people = [1.0, 2.0, 3.0, 4.0] * 20
    judge = [rating + 1 for rating in people]
    labels, ratings = judge_agreement(judge, people), judge_agreement(judge, people, "ordinal")
    assert labels.kappa is not None
    assert ratings.kappa is not None
    assert ratings.kappa > 0.5 > labels.kappa


@pytest.mark.parametrize(
    ("judge", "people", "why"),
    [
        (["keep"] * 9, ["keep"] * 9, f"people decided 9 items, wanted {MIN_ITEMS} or more"),
        (["keep"] * 90, ["keep"] * 90, "nothing to tell apart"),
        (["keep"] * 89 + ["fix"], ["keep"] * 89 + ["fix"], "too few items differ"),
        ([*map(str, range(200))], [*map(str, range(200))], "more than 100 different values"),
        ([], [], "people decided 0 items"),
    ],
)
def test_what_says_too_little_may_not_be_used(judge: list[str], people: list[str], why: str) -> None:
    found = judge_agreement(judge, people)
    assert not found.may_be_used
    assert why in found.why
