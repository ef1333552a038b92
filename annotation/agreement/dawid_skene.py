"""The model of Dawid and Skene: what is true of each item, and how each annotator errs, from the labels alone.

Each item has one true class, and annotator a says l of an item of class t with a probability of its own,
`confusion[a, t, l]`, independently of everything else. Both are found together by EM: posterior over the classes of an
item from the confusions, confusions from the posteriors. It needs three labels an item, or gold, to tell who errs.

Source: Dawid and Skene 1979, Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from annotation.agreement.bootstrap import Floats, Ints

TOLERANCE = 1e-12
MAX_ROUNDS = 20_000


@dataclass(frozen=True)
class DawidSkene:
    """What EM found. `items`, `annotators` and `classes` are sorted, and index the arrays.

    `posterior` (items, classes); `priors` (classes); `confusion` (annotators, classes, labels), whose rows sum to 1, or
    are NaN where an annotator has seen no item of that class. `log_likelihood` leaves out what depends on no parameter.
    """

    items: list[str]
    annotators: list[str]
    classes: list[str]
    posterior: Floats
    priors: Floats
    confusion: Floats
    log_likelihood: float
    n_rounds: int
    is_converged: bool

    def accuracy(self) -> Floats:
        """How often each annotator says the true class, over classes as frequent as `priors`; NaN rows are left out."""
        right = np.diagonal(self.confusion, axis1=1, axis2=2)
        seen = np.where(np.isnan(right), 0, self.priors)
        weight = seen.sum(axis=1)
        share = np.nansum(seen * right, axis=1) / np.where(weight > 0, weight, 1)
        return np.where(weight > 0, share, np.nan)


@dataclass(frozen=True)
class _Labels:
    """Distinct (item, annotator, label) as indices, and how often each was given."""

    item: Ints
    annotator: Ints
    label: Ints
    count: Floats
    shape: tuple[int, int, int]


def dawid_skene(
    items: Sequence[str],
    annotators: Sequence[str],
    labels: Sequence[str],
    *,
    smoothing: float = 0.0,
    tolerance: float = TOLERANCE,
    max_rounds: int = MAX_ROUNDS,
) -> DawidSkene:
    """Fit the model to labels, one an entry; an annotator may label an item several times, or not at all.

    EM starts from each item's shares of votes, so that the result depends on nothing else, and ends where no posterior
    changes by more than `tolerance`. `smoothing` is added to each cell of the confusion counts; 0, the default, is
    maximum likelihood as published. ValueError where there is no label.
    """
    if not len(items):
        raise ValueError("dawid_skene: no labels; wanted at least one")
    names = sorted(set(items)), sorted(set(annotators)), sorted(set(labels))
    given = _count(names, (items, annotators, labels))
    posterior = _votes(given)
    n_rounds, change = 0, np.inf
    while change > tolerance and n_rounds < max_rounds:
        priors, confusion = posterior.mean(axis=0), _confusion(given, posterior, smoothing)
        before, (posterior, likelihood) = posterior, _posterior(given, priors, confusion)
        change, n_rounds = float(np.abs(posterior - before).max()), n_rounds + 1
    priors, confusion = posterior.mean(axis=0), _confusion(given, posterior, smoothing)
    likelihood = _posterior(given, priors, confusion)[1]
    is_converged = change <= tolerance
    return DawidSkene(*names, posterior, priors, confusion, likelihood, n_rounds, is_converged)


def _count(names: Sequence[Sequence[str]], columns: Sequence[Sequence[str]]) -> _Labels:
    places = [{name: place for place, name in enumerate(known)} for known in names]
    coded = np.array([[place[name] for name in column] for place, column in zip(places, columns, strict=True)])
    (item, annotator, label), count = np.unique(coded, axis=1, return_counts=True)
    return _Labels(item, annotator, label, count.astype(float), (len(names[0]), len(names[1]), len(names[2])))


def _votes(given: _Labels) -> Floats:
    """Shares of the votes of each item (items, classes)."""
    votes = np.zeros((given.shape[0], given.shape[2]))
    np.add.at(votes, (given.item, given.label), given.count)
    return votes / votes.sum(axis=1, keepdims=True)


def _confusion(given: _Labels, posterior: Floats, smoothing: float) -> Floats:
    """M-step, equation 2.3: (annotators, classes, labels)."""
    _, n_annotators, n_classes = given.shape
    said = np.full((n_annotators, n_classes, n_classes), float(smoothing))
    np.add.at(said.transpose(0, 2, 1), (given.annotator, given.label), given.count[:, None] * posterior[given.item])
    total = said.sum(axis=2, keepdims=True)
    return np.where(total > 0, said / np.where(total > 0, total, 1), np.nan)


def _posterior(given: _Labels, priors: Floats, confusion: Floats) -> tuple[Floats, float]:
    """E-step, equation 2.5, in logarithms: posteriors (items, classes), and the log-likelihood.

    A class that an annotator never met has no probability on the items that they labelled, and keeps none.
    """
    with np.errstate(divide="ignore"):
        logs = np.tile(np.log(priors), (given.shape[0], 1))
        said = np.log(np.nan_to_num(confusion[given.annotator, :, given.label], nan=0.0))
    np.add.at(logs, given.item, given.count[:, None] * said)
    top = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - top)
    total = weights.sum(axis=1, keepdims=True)
    return weights / total, float((np.log(total) + top).sum())
