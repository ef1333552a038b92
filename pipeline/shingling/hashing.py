"""Hashes of words and of runs of them: our own 64-bit hash, and xxHash's 32-bit one for exchange with others.

A run's hash is a polynomial in the hashes of its words, so that the next run takes one step. Each is also a function of
bytes, which datasketch can be given as `hashfunc`: `run_hash32` here, `xxhash.xxh32_intdigest` there.
Source: xxHash by Yann Collet, XXH32.
"""

import numpy as np

from pipeline.compiled import Bits, inner
from pipeline.shingling.memory import load8, load32, load64

U = np.uint64
U32 = np.uint32

WORD_SEED = U(0x9E3779B97F4A7C15)
WORD_FACTOR = U(0xD6E8FEB86659FD93)
RUN_FACTOR = U(0x5851F42D4C957F2D)
_P1, _P2, _P3, _P4, _P5 = (U32(p) for p in (2654435761, 2246822519, 3266489917, 668265263, 374761393))
_ALL = (1 << 64) - 1


def run_hash(run: bytes, separator: bytes = b" ") -> int:
    """The 64-bit hash of a shingle: normalised words with a space between two, or characters with nothing between.

    >>> hex(run_hash(b"make 24 from 3 8"))
    '0x71bbb8504499e4be'
    """
    words = run.split(separator) if separator else [c.encode() for c in run.decode()]
    total = 0
    for word in words:
        total = (total * int(RUN_FACTOR) + _word_hash(word)) & _ALL
    total = ((total ^ (total >> 29)) * int(WORD_SEED)) & _ALL
    return total ^ (total >> 32)


def run_hash32(run: bytes) -> int:
    """The lower half of `run_hash`, as `hashfunc` of datasketch's 32-bit schemes."""
    return run_hash(run) & 0xFFFFFFFF


def _word_hash(word: bytes) -> int:
    """Eight bytes at a time; a last chunk of fewer, perhaps none, ends the word."""
    total = int(WORD_SEED)
    for start in range(0, len(word) + 1, 8):
        chunk = int.from_bytes(word[start : start + 8], "little")
        total = ((total ^ chunk) * int(WORD_FACTOR)) & _ALL
        total ^= total >> 32
    return total


@inner
def mixed_in(total: Bits, chunk: Bits) -> Bits:
    """A word's hash after eight more bytes of it."""
    total = (total ^ chunk) * WORD_FACTOR
    return total ^ (total >> U(32))


@inner
def finished(total: Bits) -> Bits:
    """The hash of a run from the polynomial in its words."""
    total = (total ^ (total >> U(29))) * WORD_SEED
    return total ^ (total >> U(32))


@inner
def word_hash(address: int, n: int) -> Bits:
    """Hash of the `n` bytes at an address; eight bytes behind them are read too."""
    total = WORD_SEED
    while n >= 8:
        total = mixed_in(total, load64(address))
        address += 8
        n -= 8
    return mixed_in(total, load64(address) & ((U(1) << U(8 * n)) - U(1)))


@inner
def _turned(x: Bits, n: int) -> Bits:
    return U32(x << U32(n)) | U32(x >> U32(32 - n))


@inner
def _round(lane: Bits, x: Bits) -> Bits:
    return U32(_turned(U32(lane + U32(x * _P2)), 13) * _P1)


@inner
def xxh32(address: int, n: int) -> Bits:
    """XXH32 with seed 0 of the `n` bytes at an address; four bytes behind them are read too.

    What is left behind the last sixteen bytes is taken without branches, which would be guessed wrong too often.
    """
    end = address + n
    if n >= 16:
        a, b, c, d = U32(_P1 + _P2), _P2, U32(0), U32(U32(0) - _P1)
        while address + 16 <= end:
            a, b = _round(a, load32(address)), _round(b, load32(address + 4))
            c, d = _round(c, load32(address + 8)), _round(d, load32(address + 12))
            address += 16
        h = U32(U32(_turned(a, 1) + _turned(b, 7)) + U32(_turned(c, 12) + _turned(d, 18)))
    else:
        h = _P5
    h = U32(h + U32(n))
    for _ in range(3):
        longer = U32(_turned(U32(h + U32(load32(address) * _P3)), 17) * _P4)
        is_left = address + 4 <= end
        h = longer if is_left else h
        address += 4 if is_left else 0
    for _ in range(3):
        longer = U32(_turned(U32(h + U32(U32(load8(address)) * _P5)), 11) * _P1)
        is_left = address < end
        h = longer if is_left else h
        address += 1 if is_left else 0
    h = U32(U32(h ^ (h >> U32(15))) * _P2)
    h = U32(U32(h ^ (h >> U32(13))) * _P3)
    return U32(h ^ (h >> U32(16)))
