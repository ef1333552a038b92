"""Bands: how a signature is cut so that a pair at the threshold is proposed often enough, and the buckets."""

from math import ceil, log

import numpy as np

from schemas.errors import RecipeError


def bands(threshold: float, num_perm: int, recall: float = 0.99) -> tuple[int, int]:
    """Number of bands and rows in each: the longest bands that propose a pair at the threshold often enough.

    A pair of similarity s agrees in some band with probability 1 - (1 - s^rows)^bands. datasketch's own choice
    weighs missed and needless pairs alike and misses 16 % of the true pairs at 0.7. Where even bands of one row propose
    too few, as at thresholds near 0, it is a RecipeError that says how many permutations would do.
    Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, section 3.4.

    >>> bands(0.7, 128)
    (32, 4)
    """
    for rows in range(num_perm, 0, -1):
        if 1 - (1 - threshold**rows) ** (num_perm // rows) >= recall:
            return num_perm // rows, rows
    wanted = ceil(log(1 - recall) / log(1 - threshold))
    raise RecipeError(
        f"num_perm: found {num_perm}, wanted {wanted} or more for recall {recall} at threshold {threshold}; "
        "raise the threshold or num_perm, or lower the recall"
    )


def buckets(keys: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which rows share their key with another: their numbers, bucket after bucket, and where each bucket begins.

    Within a bucket rows are in order of `rank`. Returns int64 [m] and int64 [n_buckets + 1].
    """
    order = np.argsort(keys)
    found = keys[order]
    is_same = found[1:] == found[:-1]
    is_shared = np.zeros(len(keys), bool)
    is_shared[1:] = is_same
    is_shared[:-1] |= is_same
    members = order[is_shared]
    members = members[np.lexsort((rank[members], keys[members]))]
    starts = np.flatnonzero(np.diff(keys[members], prepend=keys[members[:1]] ^ 1)) if len(members) else members
    return members, np.append(starts, len(members))


def first_of_each(digests: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """For each row the row of best rank with the same digest: int64 [n], from uint64 [n, 2]."""
    members, starts = buckets(digests[:, 0], rank)
    first = np.arange(len(digests))
    leader = np.repeat(members[starts[:-1]], np.diff(starts))
    is_copy = digests[members, 1] == digests[leader, 1]
    first[members[is_copy]] = leader[is_copy]
    return first
