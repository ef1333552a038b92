"""Read the shingles of texts: the kernels over Arrow buffers, and the few texts that Python must normalise first."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.shingling import Shingles, Shingling, joined, shingles_of
from pipeline.shingling.kernels import shingle_texts, shingle_texts32
from pipeline.shingling.normal import ALONE, BY_CONTEXT, UNCHANGED, characters, masked, normalised
from pipeline.shingling.table import room
from pipeline.shingling.words import UNREAD, Bytes, Manner, scratch_for

SLICE_BYTES = 256 << 10
"""Text that is read at once: a bound on the memory beside what is returned."""


class Buffers(NamedTuple):
    """The bytes of texts in UTF-8, and where each begins and ends in them: int64 [n + 1]."""

    data: np.ndarray
    offsets: np.ndarray

    def bytes(self) -> Bytes:
        """The same for kernels; the buffers must live as long."""
        first = self.data.ctypes.data
        return Bytes(first, first + self.data.size, self.offsets)

    def slices(self, n_bytes: int) -> Iterator["Buffers"]:
        """The same texts in runs of about so many bytes, one text at least."""
        start = 0
        while start < len(self.offsets) - 1:
            end = int(np.searchsorted(self.offsets, self.offsets[start] + n_bytes, "right")) - 1
            end = min(max(end, start + 1), len(self.offsets) - 1)
            yield Buffers(self.data, self.offsets[start : end + 1])
            start = end


def manner(how: Shingling, *, is_normal: bool = False) -> Manner:
    """How texts are read as they are, or after `normalised` (`is_normal`)."""
    is_word = how.unit == "word"
    masks = how.mask_numbers and not is_normal
    table = characters(is_normal=is_normal, mask_numbers=masks, each_alone=not is_word)
    beyond = ALONE | UNCHANGED << 8 if is_normal else BY_CONTEXT
    return Manner(*table, is_word and not masks, beyond, int(is_word), how.ngram)


def buffers_of(texts: pl.Series | pa.Array) -> Buffers:
    """The buffers of texts, not copied where they are large strings; ValueError where a text is null."""
    array = texts.to_arrow() if isinstance(texts, pl.Series) else texts
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.null_count:
        raise ValueError(f"found {array.null_count} null texts, wanted none")
    if not len(array):
        return Buffers(np.empty(0, np.uint8), np.zeros(1, np.int64))
    array = array.cast(pa.large_string())
    _, offsets, data = array.buffers()
    every = np.frombuffer(offsets, np.int64)
    mine = every[array.offset : array.offset + len(array) + 1].copy()  # writable, as all that the kernels take
    return Buffers(np.frombuffer(data or b"", np.uint8), mine)


def normal_buffers(texts: Buffers, which: np.ndarray, how: Shingling) -> Buffers:
    """Some of the texts, by number, as `normalised` leaves them, with their numbers masked where `how` says so."""
    found = (texts.data[texts.offsets[i] : texts.offsets[i + 1]].tobytes().decode("utf-8", "replace") for i in which)
    normal = [masked(normalised(text)) if how.mask_numbers else normalised(text) for text in found]
    return buffers_of(pl.Series(normal, dtype=pl.String))


def read_shingles(texts: Buffers, how: Shingling, *, is_distinct: bool, is_xxh32: bool = False) -> Shingles:
    """The shingles of texts, in order or each once; by our own hash or xxHash's, whose 32 bits fill half of each."""
    read = partial(_read, is_distinct=is_distinct, is_xxh32=is_xxh32)
    return joined([_read_slice(part, how, read) for part in texts.slices(SLICE_BYTES)])


def _read_slice(texts: Buffers, how: Shingling, read: Callable[[Buffers, Manner], "Read"]) -> Shingles:
    """The shingles of texts of which a few may have to be normalised first."""
    found, unread = read(texts, manner(how))
    if not len(unread):
        return found
    rest, _ = read(normal_buffers(texts, unread, how), manner(how, is_normal=True))
    counts, more = np.diff(found.offsets), np.diff(rest.offsets)
    counts[unread] = more
    return shingles_of(counts, np.insert(found.hashes, np.repeat(found.offsets[unread], more), rest.hashes))


class Read(NamedTuple):
    """Shingles of the texts that the kernel can read, and the numbers of the others."""

    found: Shingles
    unread: np.ndarray


def _read(texts: Buffers, how: Manner, *, is_distinct: bool, is_xxh32: bool) -> Read:
    counts = np.empty(len(texts.offsets) - 1, np.int64)
    scratch = scratch_for(texts.offsets)
    seen = room(len(scratch.found)) if is_distinct else np.empty(0, np.uint64)
    n_bytes = int(texts.offsets[-1] - texts.offsets[0])
    out = np.empty(n_bytes // (2 if how.separator else 1) + len(counts), np.uint64)
    shingle = shingle_texts32 if is_xxh32 else shingle_texts
    total = shingle(texts.bytes(), how, scratch, seen, out, counts)
    unread = np.flatnonzero(counts == UNREAD)
    counts[unread] = 0
    return Read(shingles_of(counts, out[:total].copy()), unread)
