"""Clusters of pairs at the threshold, and who is kept: no row is dropped but for the sake of one that is kept."""

import numpy as np

from pipeline.compiled import inner, kernel


def greedy(n: int, i: np.ndarray, j: np.ndarray, similarity: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Components and keepers of `n` rows in the order in which they are kept: the smaller number wins.

    Pairs are int64 [m] with a similarity each, all at the threshold, in any order. Returns component (int64 [n], its
    smallest row), keeper (int64 [n], the most similar kept row that a dropped one is paired with, of equals the
    first; -1 where kept) and similarity to it (float64 [n], nan where kept).
    """
    worse, better = np.maximum(i, j), np.minimum(i, j)
    order = np.lexsort((better, worse))
    worse, better, similarity = worse[order], better[order], similarity[order]
    component, keeper, nearest = np.arange(n), np.full(n, -1), np.full(n, np.nan)
    decide(worse, better, similarity, component, keeper, nearest)
    return component, keeper, nearest


@kernel
def decide(
    worse: np.ndarray, better: np.ndarray, similarity: np.ndarray, component: np.ndarray, keeper: np.ndarray,
    nearest: np.ndarray,
) -> None:  # fmt: skip
    """Each row in turn is dropped if a kept one before it is among its pairs, and joins the components of all."""
    for k in range(len(worse)):
        row, other = worse[k], better[k]
        if keeper[other] == -1 and (keeper[row] == -1 or similarity[k] > nearest[row]):
            keeper[row], nearest[row] = other, similarity[k]
        a, b = root(component, row), root(component, other)
        component[max(a, b)] = min(a, b)
    for row in range(len(component)):
        component[row] = component[component[row]]


@inner
def root(parent: np.ndarray, row: int) -> int:
    """The smallest row of the component so far."""
    while parent[row] != row:
        parent[row] = parent[parent[row]]
        row = parent[row]
    return row
