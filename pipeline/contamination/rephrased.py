"""The rule `numbers`: a problem in other words, with mostly the same numbers and the same answer.

A text is compared with the benchmark rows that have its answer and share numbers with it: all of them, or at least
`MIN_SHARED` and `number_overlap` of those of the text that has more. The score is the TF-IDF cosine of their words,
numbers left out. A text or a row without an answer or without numbers is not judged.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from pipeline.contamination.hits import Hits
from pipeline.contamination.numbers import NUMBER, answer_of, numbers_of
from pipeline.shingling import Shingling, shingles

MAX_ROWS = 2_000
"""A number that more benchmark rows of one answer have is not counted as shared, which bounds the work."""

MIN_SHARED = 3
"""Numbers that must be shared where not all are: two of three small ones are shared by chance."""

_PRODUCTS = 20_000_000
"""Products of one step: what bounds its memory."""
_PAIRS = 100_000
_WORD_BITS = 20


class Index(NamedTuple):
    """The benchmark rows by answer and number, and their words."""

    answers: pl.DataFrame  # answer, answer_id
    elements: pl.DataFrame  # number, copy (the first, second, ... of its kind in a row), element_id
    keys: np.ndarray  # int64, sorted: answer_id * elements + element_id
    rows_of: Any  # CSR float32 [keys, rows]
    n_numbers: np.ndarray  # int64 [rows]
    idf: np.ndarray  # float32 [words]
    words: Any  # CSR float32 [rows, words], rows of length 1
    is_judged: np.ndarray  # bool [rows]


def index(texts: pl.Series, answers: pl.Series) -> Index:
    """The index of benchmark rows; texts are without nulls, answers may have some."""
    from scipy.sparse import csr_array

    normal = _answers(answers)
    known = normal.drop_nulls().unique().sort()
    numbers = _copies(numbers_of(texts))
    elements = numbers.select("number", "copy").unique().sort("number", "copy").with_row_index("element_id")
    of = pl.DataFrame({"answer": known}).with_row_index("answer_id")
    key, row = _keys(numbers, normal, of, elements)
    keys, place, n_rows = np.unique(key, return_inverse=True, return_counts=True)
    kept = n_rows[place] <= MAX_ROWS
    ones = np.ones(int(kept.sum()), np.float32)
    rows_of = csr_array((ones, (place[kept], row[kept])), shape=(len(keys), len(texts)))
    n_numbers = np.bincount(numbers["place"], minlength=len(texts))
    counts = _word_counts(texts)
    n_documents = np.bincount(counts.indices, minlength=1 << _WORD_BITS)
    idf = (np.log((1 + len(texts)) / (1 + n_documents)) + 1).astype(np.float32)
    is_judged = normal.is_not_null().to_numpy() & (n_numbers > 0)
    return Index(of, elements, keys, rows_of, n_numbers, idf, _weighted(counts, idf), is_judged)


def hits(texts: pl.Series, answers: pl.Series, index: Index, overlap: float) -> Hits:
    """The pairs with the same answer whose numbers overlap by at least `overlap`, with the cosine of their words.

    Overlap is what is shared over the numbers of the text that has more.
    """
    normal = _answers(answers)
    n_numbers, shared = _shared(texts, normal, index)
    pairs = [_overlapping(part, n_numbers, index, overlap) for part in shared]
    text, row = (np.concatenate([pair[i] for pair in pairs] or [np.zeros(0, np.int64)]) for i in (0, 1))
    is_judged = normal.is_not_null().to_numpy() & texts.str.contains(NUMBER).to_numpy()
    return Hits(text, row, _cosines(texts, text, row, index), is_judged)


def _answers(answers: pl.Series) -> pl.Series:
    """Answers in the form in which equal ones are equal."""
    distinct = answers.unique().drop_nulls()
    normal = pl.Series([answer_of(answer) for answer in distinct], dtype=pl.String)
    return answers.replace_strict(distinct, normal, default=None, return_dtype=pl.String)


def _copies(numbers: pl.DataFrame) -> pl.DataFrame:
    return numbers.with_columns(copy=pl.int_range(pl.len(), dtype=pl.UInt32).over("place", "number"))


def _keys(
    numbers: pl.DataFrame, answers: pl.Series, of: pl.DataFrame, elements: pl.DataFrame
) -> tuple[np.ndarray, np.ndarray]:
    """Answer and number as one key, and the text it stands in; only those that the benchmark has."""
    answer = pl.DataFrame({"answer": answers}).with_row_index("place").join(of, on="answer")
    found = numbers.join(answer, on="place").join(elements, on=["number", "copy"])
    key = found["answer_id"].cast(pl.Int64) * elements.height + found["element_id"].cast(pl.Int64)
    return key.to_numpy(), found["place"].cast(pl.Int64).to_numpy()


class _Part(NamedTuple):
    """Numbers that some texts share with benchmark rows of their answers."""

    text: np.ndarray
    row: np.ndarray
    n_shared: np.ndarray


def _shared(texts: pl.Series, answers: pl.Series, index: Index) -> tuple[np.ndarray, Iterator[_Part]]:
    """How many numbers each text has (0 where no benchmark row has its answer), and what is shared, part by part."""
    asked = answers.is_in(index.answers["answer"].implode()).fill_null(False)
    place = asked.arg_true()
    numbers = _copies(numbers_of(texts.gather(place)))
    n_numbers = np.zeros(len(texts), np.int64)
    n_numbers[place] = np.bincount(numbers["place"], minlength=len(place))
    numbers = numbers.with_columns(place.gather(numbers["place"]).alias("place"))
    key, text = _keys(numbers, answers, index.answers, index.elements)
    column = np.searchsorted(index.keys, key)
    is_known = index.keys[np.minimum(column, len(index.keys) - 1)] == key if len(key) else np.zeros(0, bool)
    return n_numbers, _products(text[is_known], column[is_known], len(texts), index)


def _products(text: np.ndarray, column: np.ndarray, n_texts: int, index: Index) -> Iterator[_Part]:
    from scipy.sparse import csr_array

    ones = np.ones(len(text), np.float32)
    keys_of = csr_array((ones, (text, column)), shape=(n_texts, len(index.keys)))
    work = np.cumsum(np.bincount(text, np.diff(index.rows_of.indptr)[column], n_texts))
    begin = 0
    while begin < n_texts:
        before = work[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(work, before + _PRODUCTS, side="right")))
        found = (keys_of[begin:end] @ index.rows_of).tocoo()
        yield _Part(found.coords[0].astype(np.int64) + begin, found.coords[1].astype(np.int64), found.data)
        begin = end


def _overlapping(part: _Part, n_numbers: np.ndarray, index: Index, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    share = part.n_shared / np.maximum(n_numbers[part.text], index.n_numbers[part.row])
    kept = (share >= overlap) & ((part.n_shared >= MIN_SHARED) | (share == 1))
    return part.text[kept], part.row[kept]


def _cosines(texts: pl.Series, text: np.ndarray, row: np.ndarray, index: Index) -> np.ndarray:
    """TF-IDF cosine of each pair of a text and a benchmark row, to five decimals."""
    compared, place = np.unique(text, return_inverse=True)
    words = _weighted(_word_counts(texts.gather(compared)), index.idf)
    parts = [slice(start, start + _PAIRS) for start in range(0, len(text), _PAIRS)]
    cosines = [words[place[part]].multiply(index.words[row[part]]).sum(axis=1) for part in parts]
    return np.clip(np.round(np.concatenate([np.zeros(0), *cosines]).astype(np.float64), 5), 0, 1)


def _word_counts(texts: pl.Series) -> Any:
    """How often each text has each word, numbers and marks left out: CSR float32 [texts, 2^20 hashes of words]."""
    from scipy.sparse import csr_array

    plain = texts.str.replace_all(NUMBER, " ").str.replace_all(r"[^\p{L}\p{M}]+", " ")
    offsets, hashes = shingles(plain, Shingling(ngram=1))
    column = (hashes >> np.uint64(64 - _WORD_BITS)).astype(np.int64)
    counts = csr_array((np.ones(len(column), np.float32), column, offsets), shape=(len(texts), 1 << _WORD_BITS))
    counts.sum_duplicates()
    return counts


def _weighted(counts: Any, idf: np.ndarray) -> Any:
    """Counts times inverse document frequencies of the benchmark, rows of length 1.

    Source: the smoothed form of scikit-learn, ln((1 + rows) / (1 + rows with the word)) + 1.
    """
    weighted = counts.copy()
    weighted.data = weighted.data * idf[weighted.indices]
    length = np.repeat(np.arange(weighted.shape[0]), np.diff(weighted.indptr))
    squares = np.bincount(length, weighted.data.astype(np.float64) ** 2, weighted.shape[0])
    weighted.data = (weighted.data / np.sqrt(squares)[length]).astype(np.float32)
    return weighted
