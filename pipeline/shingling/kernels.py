"""Kernels over many texts: their shingles, all or each once, by our own hash or by xxHash's."""

import numpy as np

from pipeline.compiled import ZERO, inner, kernel
from pipeline.shingling.hashing import U, xxh32
from pipeline.shingling.table import emptied, slot_of
from pipeline.shingling.words import UNREAD, Bytes, Manner, Scratch, runs, words


@inner
def put(found: np.ndarray, n: int, seen: np.ndarray, out: np.ndarray, total: int) -> int:
    """Append the shingles of a text, each once where there is a table `seen`; returns how many they are."""
    if len(seen) == 0:
        for k in range(n):
            out[total + k] = found[k]
        return n
    mask, kept = emptied(seen, n), 0
    for k in range(n):
        slot = slot_of(seen, mask, found[k])
        if seen[slot] == U(0):
            seen[slot] = found[k] | U(1)
            out[total + kept] = found[k]
            kept += 1
    return kept


@kernel
def shingle_texts(
    texts: Bytes, how: Manner, scratch: Scratch, seen: np.ndarray, out: np.ndarray, counts: np.ndarray
) -> int:
    """Write the hashes of the shingles of texts one after another; how many each has, or `UNREAD`, goes to `counts`.

    Where `seen` is a table with room for the shingles of any text each is written once. Returns the sum.
    """
    first, limit, offsets = texts
    total = ZERO
    for i in range(len(counts)):
        n = words((first + offsets[i], first + offsets[i + 1], limit), how, scratch)
        counts[i] = n
        if n != UNREAD:
            n = runs(scratch.hashes, n, how.ngram, scratch.found)
            counts[i] = put(scratch.found, n, seen, out, total)
            total += counts[i]
    return total


@kernel
def shingle_texts32(
    texts: Bytes, how: Manner, scratch: Scratch, seen: np.ndarray, out: np.ndarray, counts: np.ndarray
) -> int:
    """As `shingle_texts`, by XXH32 of the bytes of each shingle."""
    first, limit, offsets = texts
    here, ends = scratch.text.ctypes.data, scratch.ends
    total = ZERO
    for i in range(len(counts)):
        n = words((first + offsets[i], first + offsets[i + 1], limit), how, scratch)
        counts[i] = n
        if n != UNREAD:
            n_runs, start = min(n, max(1, n - how.ngram + 1)), 0
            for k in range(n_runs):
                end = ends[min(k + how.ngram, n) - 1]
                scratch.found[k] = xxh32(here + start, end - start)
                start = ends[k] + how.separator
            counts[i] = put(scratch.found, n_runs, seen, out, total)
            total += counts[i]
    return total
