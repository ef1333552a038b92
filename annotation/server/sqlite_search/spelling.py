"""Words of the index that are near a word: edit distance over the whole vocabulary at once."""

import sqlite3

import numpy as np

MAX_EXPANSIONS = 10
"""Words that one misspelt word stands for, the nearest first; what the Argilla server asks Elasticsearch for."""


def near_words(connection: sqlite3.Connection, vocabulary: str, text: str, edits: int) -> list[str]:
    """Words of a vocabulary (a table) at an edit distance of at most `edits` from the text, the nearest first.

    Insertions, deletions and substitutions count one each; a transposition counts two.
    """
    rows = connection.execute(
        f"SELECT word FROM {vocabulary} WHERE length(word) BETWEEN ? AND ?",
        (len(text) - edits, len(text) + edits),
    )
    candidates = [word for (word,) in rows]
    distances = edit_distances(text, candidates)
    found = sorted(
        (int(distance), word) for distance, word in zip(distances, candidates, strict=True) if distance <= edits
    )
    return [word for _, word in found[:MAX_EXPANSIONS]]


def edit_distances(text: str, candidates: list[str]) -> np.ndarray:
    """Levenshtein distances of one text to many, shape (n_candidates,).

    Source: Wagner and Fischer 1974, one row for all.
    """
    longest = max(map(len, candidates), default=0)
    letters = np.zeros((len(candidates), longest), np.uint32)
    lengths = np.fromiter(map(len, candidates), np.int64, len(candidates))
    for row, candidate in zip(letters, candidates, strict=True):
        row[: len(candidate)] = np.frombuffer(candidate.encode("utf-32-le"), np.uint32)
    previous = np.tile(np.arange(longest + 1, dtype=np.int32), (len(candidates), 1))
    for i, letter in enumerate(np.frombuffer(text.encode("utf-32-le"), np.uint32), 1):
        current = np.empty_like(previous)
        current[:, 0] = i
        swapped = previous[:, :-1] + (letters != letter)
        for j in range(1, longest + 1):
            current[:, j] = np.minimum(np.minimum(current[:, j - 1], previous[:, j]) + 1, swapped[:, j - 1])
        previous = current
    return previous[np.arange(len(candidates)), lengths]
