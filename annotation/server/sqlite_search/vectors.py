"""Similarity of vectors: the cosine with every vector of one kind, counted exactly.

A kind's vectors are kept in memory between searches (4 bytes for each dimension of each record), until one of them
changes.
"""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_KEPT = 4
"""Kinds of vectors that are kept in memory."""

TINY = 1e-12
"""Lengths below are taken for this one, so that a vector of zeros has no direction instead of an error."""


@dataclass(frozen=True)
class Matrix:
    """All vectors of one kind, scaled to length 1."""

    version: int
    documents: np.ndarray
    """Ascending, shape (n,)."""
    rows: np.ndarray
    """Shape (n, n_dimensions)."""


class Matrices:
    """The kinds of vectors that were used last. Its methods may be called by several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Matrix] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, connection: sqlite3.Connection, settings_id: str, n_dimensions: int) -> Matrix:
        """The vectors of one kind as the connection sees them; ones of other dimensions are passed over."""
        found = connection.execute(
            "SELECT version FROM vector_versions WHERE settings_id = ?", (settings_id,)
        ).fetchone()
        version = found[0] if found else 0
        with self._lock:
            kept = self._kept.get(settings_id)
            if kept is None or kept.version != version:
                kept = _load(connection, settings_id, n_dimensions, version)
                self._kept[settings_id] = kept
            self._kept.move_to_end(settings_id)
            while len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
            return kept


def similarities(matrix: Matrix, target: Sequence[float], documents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of the documents that have a vector, the most similar first, and their scores.

    A score is (1 + cosine) / 2, as Elasticsearch counts it: 1 for the same direction, 0 for the opposite one. Equal
    ones come in the order of the documents. Both are of shape (n,).
    """
    kept = np.isin(matrix.documents, documents)
    scores = (1 + matrix.rows[kept] @ _scaled(np.asarray([target], np.float32))[0]) / 2
    best = np.argsort(-scores, kind="stable")
    return matrix.documents[kept][best], scores[best]


def _load(connection: sqlite3.Connection, settings_id: str, n_dimensions: int, version: int) -> Matrix:
    rows = connection.execute(
        "SELECT document, value FROM vectors WHERE settings_id = ? AND length(value) = ? ORDER BY document",
        (settings_id, 4 * n_dimensions),
    ).fetchall()
    documents = np.fromiter((document for document, _ in rows), np.int64, len(rows))
    values = np.frombuffer(b"".join(value for _, value in rows), "<f4").reshape(len(rows), n_dimensions)
    return Matrix(version, documents, _scaled(values))


def _scaled(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY)
