"""Kernels of a hash table: an array of slots, a power of two of them, that hold 63 bits of a hash, or 0 where free."""

import numpy as np

from pipeline.compiled import Bits, inner
from pipeline.shingling.hashing import U


@inner
def emptied(table: np.ndarray, n: int) -> Bits:
    """Free as many slots as `n` hashes want, at most half of them taken; returns the mask of their numbers."""
    size = 64
    while size < 2 * n:
        size *= 2
    for slot in range(size):
        table[slot] = U(0)
    return U(size - 1)


@inner
def slot_of(table: np.ndarray, mask: Bits, x: Bits) -> Bits:
    """The slot where a hash is, or would be put as `x | 1`: that one is free."""
    slot = (x >> U(7)) & mask
    while table[slot] != U(0) and table[slot] != x | U(1):
        slot = (slot + U(1)) & mask
    return slot


def room(n: int) -> np.ndarray:
    """A table in which `emptied` finds slots for up to `n` hashes: uint64."""
    return np.empty(max(64, 2 << n.bit_length()), U)
