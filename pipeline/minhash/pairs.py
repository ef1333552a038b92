"""Pairs that the bands propose: from each bucket a bounded number, and of those the ones whose signatures agree enough.

A bucket of up to `WHOLE_BUCKET` rows gives all its pairs. In a larger one each row meets the first `MET` rows and the
`MET` before it, in order of rank: work stays linear, and where a bucket holds copies of a few texts all of them are
found, because the best-ranked of each is among the first. How many pairs were left out is counted.
"""

from concurrent.futures import Executor
from typing import NamedTuple

import numpy as np

from pipeline.compiled import kernel
from pipeline.minhash.bands import buckets
from pipeline.minhash.signatures import Signed

WHOLE_BUCKET = 128
MET = 8

DEVIATIONS = 4.0
"""A pair is verified unless its signatures agree less than at the threshold by so many standard deviations."""

BANDS_AT_ONCE = 4
"""Bands whose pairs are in memory before those that several bands propose become one."""

AT_ONCE = 1 << 14
"""Pairs whose signatures are compared at once."""

LOW = np.uint64(0xFFFFFFFF)
HIGH = np.uint64(32)


class Rows(NamedTuple):
    """What is known of rows beside their texts, an array each of length n.

    `rank` (int64) is the place in the order in which rows are kept, a permutation of 0 .. n - 1; `groups` (int64, from
    0) is whose template is left out; rows are only compared with those of the same `among` (uint64). The first `n_kept`
    by rank are kept whatever they are like.
    """

    rank: np.ndarray
    groups: np.ndarray
    among: np.ndarray
    n_kept: int


class Pairs(NamedTuple):
    """Pairs of rows, int64 [m] each and every pair once, and the number of pairs in giant buckets that were left out.

    Of a pair `i` has the better rank; pairs are in order of i's rank, then j's.
    """

    i: np.ndarray
    j: np.ndarray
    n_left_out: int

    def those(self, chosen: np.ndarray) -> "Pairs":
        """Some of the pairs, by a Boolean for each."""
        return self._replace(i=self.i[chosen], j=self.j[chosen])


def proposed(signed: Signed, compared: np.ndarray, rows: Rows, threshold: float, threads: Executor) -> Pairs:
    """The pairs among the `compared` rows that share a band and whose signatures do not rule out the threshold.

    Rows that are kept in any case are not paired with each other.
    """
    num_perm = signed.signatures.shape[1]
    enough = threshold * num_perm - DEVIATIONS * np.sqrt(threshold * (1 - threshold) * num_perm)
    row_at = np.argsort(rows.rank)
    rank, among = rows.rank[compared], rows.among[compared]

    def of_band(keys: np.ndarray) -> tuple[np.ndarray, int]:
        members, starts = buckets(keys[compared] ^ among.astype(np.uint32), rank)
        return pairs_of(rank[members], starts, rows.n_kept)

    every, n_left_out = np.empty(0, np.uint64), 0
    for start in range(0, len(signed.keys), BANDS_AT_ONCE):
        found = list(threads.map(of_band, signed.keys[start : start + BANDS_AT_ONCE]))
        every = np.unique(np.concatenate([every, *(pairs for pairs, _ in found)]))
        n_left_out += sum(n for _, n in found)
    i, j = row_at[(every >> HIGH).astype(np.int64)], row_at[(every & LOW).astype(np.int64)]
    pairs = Pairs(i, j, n_left_out)
    return pairs.those((rows.among[i] == rows.among[j]) & agreeing(signed.signatures, i, j, enough))


def agreeing(signatures: np.ndarray, i: np.ndarray, j: np.ndarray, enough: float) -> np.ndarray:
    """Whether the signatures of each pair of rows agree in at least `enough` places: bool [m]."""
    out = np.empty(len(i), bool)
    for start in range(0, len(i), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        out[some] = np.count_nonzero(signatures[i[some]] == signatures[j[some]], axis=1) >= enough
    return out


def pairs_of(ranks: np.ndarray, starts: np.ndarray, n_kept: int) -> tuple[np.ndarray, int]:
    """The pairs of each bucket as (rank << 32 | rank), the better one first, and how many were left out.

    `ranks` are those of the members, in order within each bucket.
    """
    sizes = np.diff(starts)
    met = np.where(sizes > WHOLE_BUCKET, np.minimum(sizes, 2 * MET), sizes)
    out = np.empty(int((sizes * met).sum()), np.uint64)
    n, n_left_out = fill_pairs(ranks, starts, n_kept, out)
    return out[:n].copy(), n_left_out


@kernel
def fill_pairs(ranks: np.ndarray, starts: np.ndarray, n_kept: int, out: np.ndarray) -> tuple[int, int]:
    """Write the pairs of `pairs_of`; returns their number and that of those left out."""
    n, n_left_out = 0, 0
    for b in range(len(starts) - 1):
        start, end = starts[b], starts[b + 1]
        near = MET if end - start > WHOLE_BUCKET else end - start
        for y in range(start + 1, end):
            if ranks[y] >= n_kept:
                x = start
                while x < y:
                    out[n] = (ranks[x] << 32) | ranks[y]
                    n += 1
                    x += 1
                    if x == start + near and y - near > x:
                        n_left_out += y - near - x
                        x = y - near
    return n, n_left_out
