"""The kernels that read one text: normalised, cut into words and hashed, in one pass over its bytes.

ASCII words are read eight bytes at a time; a word with other characters goes code point by code point through the
table of `normal.characters`. What a text becomes is written to a scratch buffer, where its shingles lie as runs of
bytes. Where characters are shingled, the table makes each of them a word.
"""

from typing import NamedTuple

import numpy as np

from pipeline.compiled import ZERO, Bits, inner
from pipeline.shingling.hashing import RUN_FACTOR, WORD_SEED, U, finished, mixed_in, word_hash
from pipeline.shingling.memory import first_bit, load8, load64, store64
from pipeline.shingling.normal import ALONE, BY_CONTEXT, LOWERED, RAISED, SPACE, TABLE_SIZE, UNCHANGED

UNREAD = -1
"""Number of words of a text that `normal.normalised` must be applied to first."""

_BANG = U(0x2121212121212121)
_HIGH = U(0x8080808080808080)
_TO_A = U(0x3F3F3F3F3F3F3F3F)
_PAST_Z = U(0x2525252525252525)


class Manner(NamedTuple):
    """How kernels read texts: what code points become (`normal.Characters`), and the shingling.

    `is_ascii_plain`: ASCII words go the short way. `beyond`: entry of code points that are not in the table.
    `separator`: bytes between two words, 1 or, where characters are shingled, 0.
    """

    entries: np.ndarray
    data: np.ndarray
    is_ascii_plain: bool
    beyond: int
    separator: int
    ngram: int


class Bytes(NamedTuple):
    """Texts as kernels find them: the first address of their bytes, and the first behind them that must not be read.

    Text i lies from `offsets[i]` to `offsets[i + 1]` (int64 [n + 1]).
    """

    first: int
    limit: int
    offsets: np.ndarray


class Scratch(NamedTuple):
    """Buffers in which a text is read.

    Its bytes (uint8), where each word ends in them (int32), the hashes of words and of shingles (uint64), and 32 bits
    of each shingle (uint32).
    """

    text: np.ndarray
    ends: np.ndarray
    hashes: np.ndarray
    found: np.ndarray
    mixed: np.ndarray


def scratch_for(offsets: np.ndarray) -> Scratch:
    """Buffers in which any of the texts can be read, however it is cut; or sets signed, of so many hashes each."""
    longest = int(np.diff(offsets).max(initial=0))
    n = longest + 16
    return Scratch(
        np.empty(4 * longest + 64, np.uint8),
        np.empty(n, np.int32),
        np.empty(n, U),
        np.empty(n, U),
        np.empty(n, np.uint32),
    )


@inner
def last_chunk(address: int, limit: int) -> Bits:
    """The bytes from an address to `limit`, fewer than eight, and zeros."""
    x = U(0)
    for i in range(limit - address):
        x |= U(load8(address + i)) << U(8 * i)
    return x


@inner
def code_point(p: int, end: int) -> tuple[Bits, int]:
    """The code point at an address and its length in bytes; of broken UTF-8, one byte as it is."""
    a = np.int64(load8(p))
    size = 1 if a < 0x80 else 2 if a < 0xE0 else 3 if a < 0xF0 else 4
    if size == 1 or p + size > end:
        return a, 1
    code = a & (0x7F >> size)
    for i in range(1, size):
        code = (code << 6) | (np.int64(load8(p + i)) & 0x3F)
    return code, size


@inner
def ascii_word(p: int, end: int, limit: int, out: int) -> tuple[int, Bits]:
    """Read a word of ASCII in lower case to address `out`: its length, or -1 where it is not ASCII, and its hash."""
    h, n = WORD_SEED, 0
    while True:
        x = load64(p) if p + 8 <= limit else last_chunk(p, limit)
        below = (x - _BANG) & ~x & _HIGH
        size = min(first_bit(below) >> 3 if below else 8, end - p)
        if size < 8:
            x &= (U(1) << U(8 * size)) - U(1)
        if x & _HIGH:
            return -1, h
        x |= (((x + _TO_A) & ~(x + _PAST_Z)) & _HIGH) >> U(2)
        h = mixed_in(h, x)
        store64(out + n, x)
        n += size
        p += size
        if size < 8:
            return n, h


@inner
def any_words(text: tuple[int, int], how: Manner, scratch: Scratch, n: int, o: int) -> tuple[int, int, int]:
    """Read a word from the first address of `text` on, which may become several, as word number `n` from byte `o` on.

    Returns the address behind it, and the number of words and of bytes so far; `UNREAD` words where the word depends on
    what Python must tell.
    """
    p, end = text
    written, mapped = scratch.text, how.data.ctypes.data
    begin, before, k = o, SPACE, ALONE
    while k != SPACE:
        code, size, entry = 0, 0, SPACE
        if p < end:
            code, size = code_point(p, end)
            entry = how.beyond if code >= TABLE_SIZE else int(how.entries[code])
        k = entry & 255
        if k == BY_CONTEXT:
            return p, UNREAD, o
        if o > begin and (SPACE <= k <= ALONE or before == ALONE):
            scratch.ends[n], scratch.hashes[n] = o, word_hash(written.ctypes.data + begin, o - begin)
            written[o] = 32
            o += how.separator
            begin = o
            n += 1
        m, source = (entry >> 8) & 255, mapped + (entry >> 16)
        if m == UNCHANGED:
            m, source = size, p
        if k != before and RAISED <= k <= LOWERED:
            written[o] = 94 if k == RAISED else 95
            o += 1
        for i in range(m):
            written[o + i] = load8(source + i)
        o += m
        p += size
        if m > 0:
            before = k
    return p, n, o


@inner
def words(text: tuple[int, int, int], how: Manner, scratch: Scratch) -> int:
    """Read one text: its words are written to `scratch`, with where each ends and its hash.

    `text` is its first address, its end and the first address that must not be read. Returns the number of words,
    or `UNREAD`.
    """
    p, end, limit = text
    here = scratch.text.ctypes.data
    n, o = ZERO, ZERO
    while True:
        while p < end and load8(p) <= 32:
            p += 1
        if p >= end or n == UNREAD:
            return n
        size = -1
        if how.is_ascii_plain:
            size, h = ascii_word(p, end, limit, here + o)
        if size < 0:
            p, n, o = any_words((p, end), how, scratch, n, o)
        else:
            p += size
            o += size
            scratch.ends[n], scratch.hashes[n] = o, h
            scratch.text[o] = 32
            o += 1
            n += 1


@inner
def runs(hashes: np.ndarray, n: int, ngram: int, out: np.ndarray) -> int:
    """Hashes of the runs of `ngram` of the `n` words; of fewer words, one of them all. Returns their number.

    One word of all runs at a time, which is what vector instructions are for.
    """
    ngram = min(ngram, n)
    n_runs = n - ngram + 1 if n > 0 else 0
    for i in range(n_runs):
        out[i] = hashes[i]
    for k in range(1, ngram):
        for i in range(n_runs):
            out[i] = out[i] * RUN_FACTOR + hashes[i + k]
    for i in range(n_runs):
        out[i] = finished(out[i])
    return n_runs
