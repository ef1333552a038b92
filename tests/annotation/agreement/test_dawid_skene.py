"""Dawid and Skene's model: equal to their example, to a fit in plain loops, and blind to names and order."""

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.agreement.dawid_skene import DawidSkene, dawid_skene

Labels = tuple[list[str], list[str], list[str]]
rows = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("pqr"), st.sampled_from("xyz")), min_size=1, max_size=30
)


def refit(answers: Labels, n_rounds: int) -> tuple[dict[str, float], dict[tuple[str, str, str], float]]:
    """Priors and confusions after so many rounds of EM, in dictionaries: the definition, line by line."""
    votes = Counter(zip(*answers, strict=True))
    items, people, classes = (sorted(set(column)) for column in answers)
    total = Counter(answers[0])
    belief = {
        (i, t): sum(n for (j, _, k), n in votes.items() if (i, t) == (j, k)) / total[i] for i in items for t in classes
    }
    for _ in range(n_rounds + 1):
        prior = {t: math.fsum(belief[i, t] for i in items) / len(items) for t in classes}
        mass: dict[tuple[str, str, str], float] = defaultdict(float)
        for (i, a, k), n in votes.items():
            for t in classes:
                mass[a, t, k] += n * belief[i, t]
        seen = {(a, t): math.fsum(mass[a, t, k] for k in classes) for a in people for t in classes}
        rates = {
            (a, t, k): mass[a, t, k] / seen[a, t] if seen[a, t] else 0.0
            for a in people
            for t in classes
            for k in classes
        }
        weight = {(i, t): prior[t] for i in items for t in classes}
        for (i, a, k), n in votes.items():
            for t in classes:
                weight[i, t] *= rates[a, t, k] ** n
        belief = {(i, t): weight[i, t] / math.fsum(weight[i, s] for s in classes) for i in items for t in classes}
    return prior, rates


def rate(fitted: DawidSkene, person: str) -> list[list[float]]:
    """Error rates of one person, as published: two decimals."""
    found: list[list[float]] = fitted.confusion[fitted.annotators.index(person)].round(2).tolist()
    return found


def test_the_published_example(anaesthetists: Labels) -> None:
    fitted = dawid_skene(*anaesthetists)
    assert fitted.is_converged
    assert fitted.priors.round(2).tolist() == [0.40, 0.42, 0.11, 0.07]
    assert rate(fitted, "1") == [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]


def test_the_published_example_to_nine_places(anaesthetists: Labels) -> None:
    fitted = dawid_skene(*anaesthetists)
    priors, rates = refit(anaesthetists, 200)
    assert fitted.priors.tolist() == pytest.approx([priors[t] for t in fitted.classes], abs=1e-9)
    for place, person in enumerate(fitted.annotators):
        expected = [[rates[person, t, k] for k in fitted.classes] for t in fitted.classes]
        assert np.abs(fitted.confusion[place] - expected).max() < 1e-9


@settings(max_examples=50)
@given(rows=rows)
def test_a_few_rounds_equal_a_fit_in_plain_loops(rows: list[tuple[str, str, str]]) -> None:
    answers = tuple(list(column) for column in zip(*rows, strict=True))
    fitted = dawid_skene(*answers, max_rounds=3)  # type: ignore[arg-type]
    priors, rates = refit(answers, fitted.n_rounds)  # type: ignore[arg-type]
    assert fitted.priors.tolist() == pytest.approx([priors[t] for t in fitted.classes], abs=1e-9)
    found = np.nan_to_num(fitted.confusion[0]).ravel().tolist()
    assert found == pytest.approx(
        [rates[fitted.annotators[0], t, k] for t in fitted.classes for k in fitted.classes], abs=1e-9
    )


@settings(max_examples=50)
@given(rows=rows)
def test_likelihood_never_falls(rows: list[tuple[str, str, str]]) -> None:
    answers = [list(column) for column in zip(*rows, strict=True)]
    found = [dawid_skene(*answers, max_rounds=n).log_likelihood for n in (1, 2, 5, 20)]
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(found))


def test_the_order_of_labels_does_not_matter(anaesthetists: Labels) -> None:
    one, other = dawid_skene(*anaesthetists), dawid_skene(*(column[::-1] for column in anaesthetists))
    assert np.array_equal(one.posterior, other.posterior)


def test_one_who_guesses_is_found_out() -> None:
    random = np.random.default_rng(3)
    truth = random.integers(0, 2, 400)
    said = {
        name: np.where(random.random(400) < right, truth, 1 - truth)
        for name, right in (("a", 0.9), ("b", 0.9), ("c", 0.5))
    }
    answers = [(str(i), name, str(label)) for name, labels in said.items() for i, label in enumerate(labels)]
    fitted = dawid_skene(*(list(column) for column in zip(*answers, strict=True)))
    assert fitted.accuracy().tolist() == pytest.approx([0.9, 0.9, 0.5], abs=0.06)


def test_smoothing_leaves_no_zero() -> None:
    fitted = dawid_skene(["i", "i", "j", "j"], ["a", "b", "a", "b"], ["x", "x", "y", "y"], smoothing=0.5)
    assert fitted.confusion.min() > 0
    assert dawid_skene(["i", "j"], ["a", "a"], ["x", "y"]).confusion.min() == 0


def test_a_class_that_somebody_never_met_is_unknown() -> None:
    fitted = dawid_skene(["i", "i", "j"], ["a", "b", "a"], ["x", "x", "y"])
    assert np.isnan(fitted.confusion[1, 1]).all()
    assert fitted.accuracy().tolist() == [1, 1]


def test_no_labels_are_an_error() -> None:
    with pytest.raises(ValueError, match="no labels"):
        dawid_skene([], [], [])
