"""MinHash signatures in datasketch's `affine32` scheme, bit for bit, made in one pass over the bytes of texts.

A row is what `datasketch.MinHash(num_perm, scheme="affine32")` holds after it was fed the shingles of a text with the
same `hashfunc`: `pipeline.shingling.hashing.run_hash32`, or `xxhash.xxh32_intdigest`. Permutations are datasketch's.
"""

from functools import cache
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.compiled import inner, kernel
from pipeline.shingling import Shingles, Shingling
from pipeline.shingling.hashing import RUN_FACTOR, U, finished, mixed_in
from pipeline.shingling.reading import Buffers, buffers_of, manner, normal_buffers, read_shingles
from pipeline.shingling.words import UNREAD, Bytes, Manner, Scratch, runs, scratch_for, words

SCHEME = "affine32"
SEED = 1

U32 = np.uint32

SLICE_BYTES = 1 << 20
"""Text whose shingles are held at once, where they are not signed as they are read."""


class Signed(NamedTuple):
    """What is known of texts, a row each.

    The signature (uint32 [n, num_perm]), band keys (uint32 [bands, n]), a 128-bit digest of the normalised text (uint64
    [n, 2]), and the number of shingles, repeats included (int64 [n]).
    """

    signatures: np.ndarray
    keys: np.ndarray
    digests: np.ndarray
    n_shingles: np.ndarray


class Signing(NamedTuple):
    """What kernels sign with: the permutations (uint32 [num_perm] each) and the rows of a signature in a band."""

    factors: np.ndarray
    addends: np.ndarray
    rows_per_band: int


@cache
def permutations(num_perm: int) -> tuple[np.ndarray, np.ndarray]:
    """datasketch's: factors and addends, uint32 [num_perm] each.

    Drawn here as it draws them, and tested to be the same, because importing it takes longer than ten thousand texts.
    """
    draw = np.random.RandomState(SEED)
    factors = draw.randint(0, 1 << 31, num_perm, dtype=U32) * U32(2) + U32(1)
    return factors, draw.randint(0, 1 << 32, num_perm, dtype=U32)


def sign(
    texts: pl.Series | pa.Array, how: Shingling, num_perm: int, hash: Literal["fast", "xxh32"] = "fast"
) -> np.ndarray:
    """The signature of each text, uint32 [n, num_perm]; of one without shingles, all bits are set.

    `MinHash(hashvalues=row, scheme="affine32")` goes into datasketch's `MinHashLSH` and its storages.
    """
    if hash == "fast":
        return signed(texts, how, num_perm).signatures
    buffers, first = buffers_of(texts), 0
    made = _room(len(buffers.offsets) - 1, num_perm)
    for part in buffers.slices(SLICE_BYTES):
        sets = read_shingles(part, how, is_distinct=False, is_xxh32=True)
        sign_sets(sets, made, rows_per_band=1, first_row=first)
        first += len(part.offsets) - 1
    return made.signatures


def signed(texts: pl.Series | pa.Array, how: Shingling, num_perm: int) -> Signed:
    """What is known of texts, without band keys."""
    buffers = buffers_of(texts)
    made = _room(len(buffers.offsets) - 1, num_perm)
    sign_into(made, buffers, how, rows_per_band=1)
    return made


def _room(n: int, num_perm: int) -> Signed:
    return Signed(np.empty((n, num_perm), U32), np.empty((0, n), U32), np.empty((n, 2), U), np.empty(n, np.int64))


def sign_into(signed: Signed, texts: Buffers, how: Shingling, rows_per_band: int, first_row: int = 0) -> None:
    """Fill the rows of `signed` from `first_row` on."""
    signing = Signing(*permutations(signed.signatures.shape[1]), rows_per_band)
    rows = np.arange(first_row, first_row + len(texts.offsets) - 1)
    sign_texts(texts.bytes(), rows, manner(how), scratch_for(texts.offsets), signing, signed)
    unread = np.flatnonzero(signed.n_shingles[rows] == UNREAD)
    if len(unread):
        normal = normal_buffers(texts, unread, how)
        how_normal = manner(how, is_normal=True)
        sign_texts(normal.bytes(), rows[unread], how_normal, scratch_for(normal.offsets), signing, signed)


def sign_sets(sets: Shingles, signed: Signed, rows_per_band: int, first_row: int = 0) -> None:
    """Fill signatures, band keys and numbers of the rows from `first_row` on by their shingles."""
    signing = Signing(*permutations(signed.signatures.shape[1]), rows_per_band)
    sign_hashes(sets, scratch_for(sets.offsets).mixed, signing, signed, first_row)


@inner
def write_keys_of(signed: Signed, rows_per_band: int, row: int) -> None:
    """The band keys of one row, from its signature."""
    for band in range(len(signed.keys)):
        key = U(band)
        for k in range(band * rows_per_band, (band + 1) * rows_per_band):
            key = mixed_in(key, U(signed.signatures[row, k]))
        signed.keys[band, row] = U32(key)


@inner
def sign_row(
    hashes: np.ndarray, where: tuple[int, int], mixed: np.ndarray, signing: Signing, signed: Signed, row: int
) -> None:
    """The least value of each permutation over a stretch of hashes, and the keys of the bands.

    Hashes first go through the finalizer of MurmurHash3, as the scheme wants, and are then taken eight at a time, so
    that each least value stays in a register.
    """
    a, b, out = signing.factors, signing.addends, signed.signatures[row]
    start, n = where[0], where[1] - where[0]
    for i in range(n):
        h = U32(hashes[start + i])
        h = U32(U32(h ^ (h >> U32(16))) * U32(0x85EBCA6B))
        h = U32(U32(h ^ (h >> U32(13))) * U32(0xC2B2AE35))
        mixed[i] = U32(h ^ (h >> U32(16)))
    for i in range(n, n + 7):
        mixed[i] = mixed[n - 1] if n > 0 else U32(0)
    for k in range(len(a)):
        out[k] = U32(0xFFFFFFFF)
    for i in range(0, n, 8):
        h0, h1, h2, h3 = mixed[i], mixed[i + 1], mixed[i + 2], mixed[i + 3]
        h4, h5, h6, h7 = mixed[i + 4], mixed[i + 5], mixed[i + 6], mixed[i + 7]
        for k in range(len(a)):
            f, c = a[k], b[k]
            x = min(min(out[k], U32(f * h0 + c)), min(U32(f * h1 + c), U32(f * h2 + c)))
            x = min(min(x, U32(f * h3 + c)), min(U32(f * h4 + c), U32(f * h5 + c)))
            out[k] = min(x, min(U32(f * h6 + c), U32(f * h7 + c)))
    write_keys_of(signed, signing.rows_per_band, row)


@kernel
def sign_texts(texts: Bytes, rows: np.ndarray, how: Manner, scratch: Scratch, signing: Signing, signed: Signed) -> None:
    """Tokenise, shingle, sign and band: text i goes to row `rows[i]`, with `UNREAD` shingles where Python must help."""
    first, limit, offsets = texts
    hashes = scratch.hashes
    for i in range(len(rows)):
        row = rows[i]
        n = words((first + offsets[i], first + offsets[i + 1], limit), how, scratch)
        signed.n_shingles[row] = n
        if n != UNREAD:
            one, other = U(n), U(0)
            for k in range(n):
                place = finished(U(k) * RUN_FACTOR)  # mixed, for places in a row cancel each other out
                one += hashes[k] * (place | U(1))
                other += finished(hashes[k] + place)
            signed.digests[row, 0], signed.digests[row, 1] = finished(one), finished(other)
            n = runs(hashes, n, how.ngram, scratch.found)
            signed.n_shingles[row] = n
            sign_row(scratch.found, (0, n), scratch.mixed, signing, signed, row)


@kernel
def sign_hashes(sets: Shingles, mixed: np.ndarray, signing: Signing, signed: Signed, first_row: int) -> None:
    """Sign and band texts whose shingles are known."""
    offsets = sets.offsets
    for i in range(len(offsets) - 1):
        row = first_row + i
        signed.n_shingles[row] = offsets[i + 1] - offsets[i]
        sign_row(sets.hashes, (offsets[i], offsets[i + 1]), mixed, signing, signed, row)


@kernel
def write_keys(signed: Signed, rows_per_band: int, n: int) -> None:
    """The band keys of the first `n` rows, from their signatures."""
    for row in range(n):
        write_keys_of(signed, rows_per_band, row)
