"""Words that a text shares with a benchmark row, n at a time: the rules ngram_8, ngram_13 and coverage_8.

An index of the benchmark is made once. Texts are looked up in slices: a table of one byte for each of 2^26 hash
prefixes passes over what no benchmark row has, so that a text without shared n-grams costs little more than its
shingles. A row with fewer than n words is one short n-gram: it is found only where it is the whole text.

Work is bounded where a benchmark has a template: an n-gram proposes the first `MAX_ROWS` rows that have it, and of the
proposed rows those `MAX_CANDIDATES` are measured that share most of what is rare. A row that has the same n-grams as
the text is measured in any case.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from pipeline.shingling import Shingles, Shingling, shingles

MAX_ROWS = 32
"""Benchmark rows that one n-gram proposes."""
MAX_CANDIDATES = 8
"""Benchmark rows that one text is measured against."""

_PREFIX_BITS = 26


class Index(NamedTuple):
    """The n-grams of the benchmark rows: distinct ones by number, in order of their hashes."""

    n: int
    hashes: np.ndarray  # uint64 [distinct]
    is_prefix: np.ndarray  # bool [2^26]: some hash starts with these bits
    offsets: np.ndarray  # int64 [rows + 1]: row b has grams[offsets[b]:offsets[b + 1]]
    grams: np.ndarray  # int64: number of each n-gram of each row, in order
    first: np.ndarray  # int64 [distinct + 1]: n-gram g stands in rows[first[g]:first[g + 1]], each once
    rows: np.ndarray  # int64
    n_words: np.ndarray  # int64 [rows]
    keys: np.ndarray  # uint64, sorted: what is told of all n-grams of a row
    row_of: np.ndarray  # int64: the first row with each key


class Overlap(NamedTuple):
    """Pairs of a text and a benchmark row that share an n-gram; one entry a pair, sorted by text and row."""

    text: np.ndarray  # int64
    row: np.ndarray  # int64
    n_shared: np.ndarray  # int64: n-grams of the row, repeats counted, that the text has
    n_covered: np.ndarray  # int64: words of the row that lie in one of them


def index(texts: pl.Series, n: int) -> Index:
    """The index of benchmark rows, whose texts are without nulls."""
    offsets, hashes = shingles(texts, Shingling(ngram=n))
    distinct, grams = np.unique(hashes, return_inverse=True)
    grams = grams.astype(np.int64)
    is_prefix = np.zeros(1 << _PREFIX_BITS, bool)
    is_prefix[_prefix(distinct)] = True
    row = np.repeat(np.arange(len(texts)), np.diff(offsets))
    postings = np.unique(grams * max(len(texts), 1) + row)
    gram, rows = np.divmod(postings, max(len(texts), 1))
    first = np.searchsorted(gram, np.arange(len(distinct) + 1))
    n_words = np.diff(shingles(texts, Shingling(ngram=1)).offsets)
    keys, row_of = np.unique(_keys(offsets, hashes), return_index=True)
    return Index(n, distinct, is_prefix, offsets, grams, first, rows, n_words, keys, row_of)


def overlaps(texts: pl.Series, index: Index) -> Overlap:
    """What each text shares with the `MAX_CANDIDATES` benchmark rows nearest to it, and with one that is like it."""
    found, n_rows = shingles(texts, Shingling(ngram=index.n)), max(len(index.n_words), 1)
    text, gram = _shared_grams(found, index)
    texts_of, rows_of = np.concatenate([_candidates(text, gram, index), _same(found, index)], axis=1)
    pair_text, pair_row = np.divmod(np.unique(texts_of * n_rows + rows_of), n_rows)
    return _measured(pair_text, pair_row, text * len(index.hashes) + gram, index)


def ngram_score(overlap: Overlap, index: Index) -> np.ndarray:
    """Share of the row's n-grams that the text has; above 0 where any is shared. float64 [pairs]."""
    return overlap.n_shared / np.diff(index.offsets)[overlap.row]


def coverage_score(overlap: Overlap, index: Index) -> np.ndarray:
    """Share of the row's words that lie in shared n-grams. float64 [pairs].

    Source: Lambert et al. 2024 (Tulu 3), section 3.2, which counts the tokens of a test instance.
    """
    return overlap.n_covered / index.n_words[overlap.row]


def _prefix(hashes: np.ndarray) -> np.ndarray:
    return hashes >> np.uint64(64 - _PREFIX_BITS)


def _shared_grams(found: Shingles, index: Index) -> tuple[np.ndarray, np.ndarray]:
    """Each text with each of the benchmark's n-grams that it has, once: sorted by text, then n-gram."""
    place = np.flatnonzero(index.is_prefix[_prefix(found.hashes)])
    hashes = found.hashes[place]
    gram = np.searchsorted(index.hashes, hashes)
    is_shared = index.hashes[np.minimum(gram, len(index.hashes) - 1)] == hashes if len(hashes) else np.zeros(0, bool)
    text = np.searchsorted(found.offsets, place[is_shared], side="right") - 1
    key = np.unique(text * len(index.hashes) + gram[is_shared])
    return np.divmod(key, max(len(index.hashes), 1))


def _keys(offsets: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """A number for all n-grams of each text: the sum of their hashes, which wraps around."""
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes, dtype=np.uint64)])
    return sums[offsets[1:]] - sums[offsets[:-1]]


def _same(found: Shingles, index: Index) -> np.ndarray:
    """Texts and the first row with the same n-grams: int64 [2, pairs]."""
    if not len(index.keys):
        return np.empty((2, 0), np.int64)
    keys = _keys(*found)
    place = np.minimum(np.searchsorted(index.keys, keys), len(index.keys) - 1)
    text = np.flatnonzero((index.keys[place] == keys) & (np.diff(found.offsets) > 0))
    return np.stack([text, index.row_of[place[text]]])


def _candidates(text: np.ndarray, gram: np.ndarray, index: Index) -> np.ndarray:
    """Texts and rows that they are measured against, int64 [2, pairs]: most shared n-grams, rare ones count more."""
    n_rows = np.diff(index.first)[gram]
    n_taken = np.minimum(n_rows, MAX_ROWS)
    row = index.rows[_runs(index.first[gram], n_taken)]
    key, place = np.unique(np.repeat(text, n_taken) * max(len(index.n_words), 1) + row, return_inverse=True)
    votes = np.bincount(place, np.repeat(1 / np.maximum(n_rows, 1), n_taken), len(key))
    text, row = np.divmod(key, max(len(index.n_words), 1))
    order = np.lexsort((row, -votes, text))
    rank = np.arange(len(order)) - np.searchsorted(text[order], text[order])
    kept = np.sort(order[rank < MAX_CANDIDATES])
    return np.stack([text[kept], row[kept]])


def _measured(text: np.ndarray, row: np.ndarray, shared: np.ndarray, index: Index) -> Overlap:
    """Count for each pair which n-grams of the row are `shared`: sorted keys, text times distinct n-grams plus one."""
    length = np.diff(index.offsets)[row]
    gram = index.grams[_runs(index.offsets[row], length)]
    key = np.repeat(text, length) * len(index.hashes) + gram
    place = np.searchsorted(shared, key)
    is_shared = shared[np.minimum(place, len(shared) - 1)] == key if len(shared) else np.zeros(0, bool)
    pair = np.repeat(np.arange(len(text)), length)
    position = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
    pair, position = pair[is_shared], position[is_shared]
    width = np.minimum(index.n, index.n_words[row])
    new = width[pair]
    follows = np.flatnonzero(pair[1:] == pair[:-1]) + 1
    new[follows] = np.minimum(new[follows], (position[1:] - position[:-1])[follows - 1])
    n_covered = np.bincount(pair, new, len(text)).astype(np.int64)
    return Overlap(text, row, np.bincount(pair, minlength=len(text)), n_covered)


def _runs(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The numbers start[i] ... start[i] + length[i] - 1, one run after another.

    >>> _runs(np.array([5, 9]), np.array([2, 3])).tolist()
    [5, 6, 9, 10, 11]
    """
    before = np.cumsum(length) - length
    return np.arange(int(length.sum())) + np.repeat(start - before, length)
