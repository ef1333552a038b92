"""Exact similarity of pairs: the Jaccard similarity of their sets of shingles."""

from typing import NamedTuple

import numpy as np

from pipeline.compiled import kernel
from pipeline.shingling.hashing import U
from pipeline.shingling.table import emptied, room, slot_of


class Sets(NamedTuple):
    """Sets of hashes: set i has `sizes[i]` of them from `starts[i]` on (int64 [n] each; hashes uint64)."""

    starts: np.ndarray
    sizes: np.ndarray
    hashes: np.ndarray


def similarities(sets: Sets, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Jaccard similarity of set i[k] and set j[k]: float64 [m]. Fast where equal i stand together.

    Each hash is in a set once. Of two empty sets it is 0: they share nothing.
    """
    largest = int(sets.sizes[i].max(initial=0))
    out = np.empty(len(i))
    fill_similarities(sets, i, j, room(largest), out)
    return out


@kernel
def fill_similarities(sets: Sets, i: np.ndarray, j: np.ndarray, table: np.ndarray, out: np.ndarray) -> None:
    """A table of the hashes of set i serves all pairs of a run of equal i."""
    starts, sizes, hashes = sets
    mask = U(0)
    for k in range(len(i)):
        n, m = sizes[i[k]], sizes[j[k]]
        if k == 0 or i[k] != i[k - 1]:
            mask = emptied(table, n)
            for x in range(starts[i[k]], starts[i[k]] + n):
                found = slot_of(table, mask, hashes[x])
                table[found] = hashes[x] | U(1)
        shared = 0
        for x in range(starts[j[k]], starts[j[k]] + m):
            shared += table[slot_of(table, mask, hashes[x])] != U(0)
        out[k] = shared / (n + m - shared) if shared else 0.0
