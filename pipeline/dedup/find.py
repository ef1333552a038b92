"""Find the duplicates among texts: sign, propose, verify, and decide who is kept.

Texts are read once to sign them, and those that the bands propose a second time, for their sets of shingles. Beyond a
bound on memory, signatures, band keys and sets lie in files in the system's temporary folder.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa

from pipeline.dedup.room import Room
from pipeline.dedup.texts import Part
from pipeline.minhash.bands import bands, first_of_each
from pipeline.minhash.clusters import greedy
from pipeline.minhash.pairs import Pairs, Rows, proposed
from pipeline.minhash.signatures import Signed, sign_into, sign_sets
from pipeline.minhash.similarity import Sets, similarities
from pipeline.minhash.template import Template, sampled, template_of
from pipeline.shingling import Shingles, Shingling, distinct_shingles, joined
from pipeline.shingling.reading import buffers_of
from schemas.recipe import Similarity

T = TypeVar("T")

MEMORY = 1 << 28
"""Bytes that signatures and sets may take before they go to files."""

PAIRS_AT_ONCE = 1 << 17
"""Pairs that are verified before memory is given back, where sets lie in files."""

N_THREADS = os.cpu_count() or 1


class Found(NamedTuple):
    """What was found for each row, and what was not looked at.

    `first` is the row of best rank with the same normalised text, `component` the number of the cluster of near texts,
    `keeper` the row whose text a dropped text is near (-1 where none is), `similarity` their Jaccard similarity, and
    `n_left_out` the number of pairs in giant buckets that were not compared, once for each bucket that they share.
    """

    first: np.ndarray
    component: np.ndarray
    keeper: np.ndarray
    similarity: np.ndarray
    n_left_out: int


class Others(Protocol):
    """Texts that are kept already: rows 0 to n - 1 of a comparison, before those that are decided on.

    `ids` are theirs; `held` those of rows to decide on that are among what is kept, and so not here once more.
    """

    ids: pl.Series
    held: pl.Series

    def fill(self, signed: Signed, how: Shingling, rows_per_band: int) -> None:
        """Write what is known of the first n rows."""

    def sets(self, rows: np.ndarray, how: Shingling) -> Shingles:
        """The distinct shingles of some rows."""


class Work(NamedTuple):
    """What the steps share: the texts, how they are compared, and what there is to work with."""

    parts: Sequence[Part]
    rows: Rows
    how: Similarity
    published: Others | None
    folder: Path
    threads: Executor
    memory: int

    def room(self, n_bytes: int) -> Room:
        """Room for arrays of so many bytes together."""
        return Room(self.folder if n_bytes > self.memory // 2 else None)

    def n_published(self) -> int:
        """Rows before those of the parts."""
        return len(self.published.ids) if self.published else 0

    def shingling(self) -> Shingling:
        """How texts are cut."""
        return Shingling.of(self.how)


def find_duplicates(
    parts: Sequence[Part], rows: Rows, how: Similarity, *, published: Others | None = None, memory: int = MEMORY
) -> Found:
    """Decide on every row. Those of `parts` follow those that are published, which have the best ranks."""
    with tempfile.TemporaryDirectory(prefix="dedup-") as folder, ThreadPoolExecutor(N_THREADS) as threads:
        return _found(Work(parts, rows, how, published, Path(folder), threads, memory))


def _found(work: Work) -> Found:
    rank = work.rows.rank
    signed, room = _signed(work)
    signed.digests[:, 0] ^= work.rows.among
    first = first_of_each(signed.digests, rank)
    kept = np.flatnonzero(rank < work.rows.n_kept)
    first[kept] = kept
    is_first = first == np.arange(len(first))
    template = _template(work, signed.digests, np.flatnonzero(is_first))
    if template:
        _sign_own(work, signed, template)
    compared = np.flatnonzero(is_first & (signed.n_shingles > 0))
    pairs = proposed(signed, compared, work.rows, work.how.threshold, work.threads)
    room.release()
    similarity = _verified(work, pairs, signed.n_shingles, template)
    is_near = similarity >= work.how.threshold
    pairs, similarity = pairs.those(is_near), similarity[is_near]
    component, keeper, nearest = greedy(len(rank), rank[pairs.i], rank[pairs.j], similarity)
    keeper_row = np.where(keeper < 0, -1, np.argsort(rank)[keeper])
    return Found(first, component[rank], keeper_row[rank], nearest[rank], pairs.n_left_out)


def _signed(work: Work) -> tuple[Signed, Room]:
    """What is known of each row after one reading."""
    n, num_perm = len(work.rows.rank), work.how.num_perm
    n_bands, rows_per_band = bands(work.how.threshold, num_perm, work.how.recall)
    room = work.room(4 * n * (num_perm + n_bands))
    signatures, keys = room.array((n, num_perm), np.uint32), room.array((n_bands, n), np.uint32)
    signed = Signed(signatures, keys, np.empty((n, 2), np.uint64), np.empty(n, np.int64))

    def sign(first: int, texts: pa.Array) -> None:
        sign_into(signed, buffers_of(texts), work.shingling(), rows_per_band, first)
        room.release()

    if work.published:
        work.published.fill(signed, work.shingling(), rows_per_band)
    list(_over_texts(work, sign))
    return signed, room


def _template(work: Work, digests: np.ndarray, rows: np.ndarray) -> Template | None:
    """The template of each group, from a second reading of a sample of its texts.

    A text that rows of several `among` have counts once: `digests` tell these apart until that is taken back.
    """
    if work.how.max_document_share >= 1:
        return None
    digests = np.column_stack([digests[:, 0] ^ work.rows.among, digests[:, 1]])
    rows = np.sort(sampled(digests, work.rows.groups, rows))
    sets = joined(_over_sets(work, rows, None, lambda _, sets: sets))
    return template_of(sets, work.rows.groups[rows], work.how.max_document_share)


def _sign_own(work: Work, signed: Signed, template: Template) -> None:
    """Sign all texts again by their own shingles."""
    _, rows_per_band = bands(work.how.threshold, work.how.num_perm, work.how.recall)
    every = np.arange(len(work.rows.rank))
    _over_sets(work, every, template, lambda rows, own: sign_sets(own, signed, rows_per_band, int(rows[0])))


def _verified(work: Work, pairs: Pairs, n_shingles: np.ndarray, template: Template | None) -> np.ndarray:
    """The exact similarity of each pair."""
    rows = np.unique(np.concatenate([pairs.i, pairs.j]))
    room_until = np.cumsum(n_shingles[rows])  # for each set as many hashes as there are shingles, repeats included
    most = int(room_until[-1]) if len(rows) else 0
    room = work.room(8 * most)
    sets = Sets(room_until - n_shingles[rows], np.zeros(len(rows), np.int64), room.array(most, np.uint64))

    def put(some: np.ndarray, found: Shingles) -> None:
        where = np.searchsorted(rows, some)
        start = sets.starts[where[0]]
        sets.hashes[start : start + len(found.hashes)] = found.hashes
        sets.sizes[where] = np.diff(found.offsets)
        sets.starts[where] = start + found.offsets[:-1]
        room.release()

    _over_sets(work, rows, template, put)
    i, j = np.searchsorted(rows, pairs.i), np.searchsorted(rows, pairs.j)
    out = np.empty(len(i))
    for start in range(0, len(i), PAIRS_AT_ONCE):
        at_once = slice(start, start + PAIRS_AT_ONCE)
        out[at_once] = similarities(sets, i[at_once], j[at_once])
        room.release()
    return out


def _over_sets(
    work: Work, rows: np.ndarray, template: Template | None, use: Callable[[np.ndarray, Shingles], T]
) -> list[T]:
    """What `use` makes of the sets of some rows (ascending, a run of them at a time), in order."""

    def own(some: np.ndarray, sets: Shingles) -> Shingles:
        return template.own(sets, work.rows.groups[some]) if template else sets

    published = rows[: np.searchsorted(rows, work.n_published())]
    used = []
    if work.published and len(published):
        used.append(use(published, own(published, work.published.sets(published, work.shingling()))))

    def read(first: int, texts: pa.Array) -> list[T]:
        mine = rows[np.searchsorted(rows, first) : np.searchsorted(rows, first + len(texts))]
        if not len(mine):
            return []
        chosen = texts if len(mine) == len(texts) else texts.take(pl.Series(mine - first).to_arrow())
        return [use(mine, own(mine, distinct_shingles(chosen, work.shingling())))]

    return used + [one for made in _over_texts(work, read) for one in made]


def _over_texts(work: Work, read: Callable[[int, pa.Array], T]) -> Iterator[T]:
    """What `read` makes of each batch of texts, given its first row, in order; parts are read by several threads."""

    def whole(part: Part) -> list[T]:
        made, first = [], part.first
        for texts in part.read():
            made.append(read(first, texts))
            first += len(texts)
        return made

    for made in work.threads.map(whole, work.parts):
        yield from made
