"""Embeddings of texts, from a model2vec folder or a server, and which of them are near: cosines of blocks at a time.

Embeddings have length 1, so that a product is a cosine. A text that is empty, or of which a folder's model knows no
word, has an embedding of zeros: its cosine to any other is 0.
"""

import asyncio
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pipeline.hostile import one_line
from pipeline.model_address import EXAMPLE, Served, is_url, served
from schemas.errors import RecipeError
from schemas.messages import first_line

INSTALL = "install it, in Coldstart's folder: pip install '.[embeddings]'"

BLOCK = 2048
"""Rows and columns of the matrices that are looked at: 16 MiB of cosines."""

ROUNDING = 5e-6
"""float32 knows a cosine to about 1e-6; cosines are compared, and given, to five decimals."""

BATCH_TEXTS, BATCH_CHARS = 1024, 400_000
MAX_TOKENS = 65_536
"""Of a text, for a folder's model: what comes later is not read."""


class Embedder(Protocol):
    """A model that turns texts into points."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [n, d]: a row a text, of length 1, or of zeros for a text that says nothing."""


def open_embedder(where: str) -> Embedder:
    """The folder of a model2vec model, or `URL#MODEL` of an OpenAI-compatible server.

    Raises RecipeError where it is neither, or a library is missing. Nothing is downloaded; a server is not asked yet.
    """
    if is_url(where):
        return ServedEmbedder(served(where, "embedder", max_tokens=1))
    return FolderEmbedder(_static_model(Path(where)))


@dataclass(frozen=True)
class ServedEmbedder:
    """A model behind an OpenAI-compatible server."""

    config: Served

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """As `Embedder` says; BackendError where the server cannot be reached or does not give what was asked for."""
        from pipeline.served_model.embeddings import embeddings

        url, key = self.config.urls[0], self.config.key()
        return _rows(texts, lambda said: asyncio.run(embeddings(said, url, self.config.model, self.config, key)))


@dataclass(frozen=True)
class FolderEmbedder:
    """A model2vec model: the mean of the embeddings of a text's tokens."""

    model: Any

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """As `Embedder` says; RecipeError where the model holds numbers that are not finite."""
        rows = _rows(texts, lambda said: np.concatenate([self._encoded(batch) for batch in _batches(said)]))
        if not np.isfinite(rows).all():
            raise RecipeError("embedder: the model gives numbers that are not finite; its folder is damaged")
        return rows

    def _encoded(self, texts: Sequence[str]) -> np.ndarray:
        found = self.model.encode(list(texts), max_length=MAX_TOKENS, use_multiprocessing=False)
        return np.asarray(found, dtype=np.float32)


def products(rows: np.ndarray, others: np.ndarray | None = None) -> Iterator[tuple[int, int, np.ndarray]]:
    """All cosines, a block at a time: (i, j, cosines of `rows` from i on and `others` from j on).

    Without `others` rows are compared among themselves, each block with those before it and then with itself.
    """
    columns = rows if others is None else others
    for i in range(0, len(rows), BLOCK):
        for j in range(0, i + 1 if others is None else len(columns), BLOCK):
            yield i, j, rows[i : i + BLOCK] @ columns[j : j + BLOCK].T


def neighbours(
    rows: np.ndarray, others: np.ndarray | None, threshold: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs that reach a cosine above 0, ordered: number of the row, of the other, cosine to five decimals.

    Without `others` the pairs i < j of `rows`. Memory is that of the pairs and a few blocks.
    """
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))]
    for i, j, cosines in products(rows, others):
        is_near = reaches(cosines, threshold)
        if others is None and i == j:
            is_near &= np.tri(len(cosines), k=-1, dtype=bool)
        a, b = np.nonzero(is_near)
        pair = (i + a, j + b) if others is not None else (j + b, i + a)
        found.append((*pair, rounded(cosines[a, b])))
    i_of, j_of, cosine = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((j_of, i_of))
    return i_of[order], j_of[order], cosine[order]


def nearest(rows: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row the number of the nearest of `others`, the first of equals, and the cosine to five decimals.

    -1 and 0 where there is none: no `others`, or none with a cosine above 0.
    """
    index, cosine = np.full(len(rows), -1, np.int64), np.zeros(len(rows))
    for i, j, block in products(rows, others):
        most = block.max(axis=1)
        best = (block >= most[:, None] - np.float32(ROUNDING)).argmax(axis=1)
        value = rounded(most)
        at = i + np.flatnonzero(value > cosine[i : i + len(block)])
        index[at], cosine[at] = j + best[at - i], value[at - i]
    return index, cosine


def reaches(cosines: np.ndarray, threshold: float) -> np.ndarray:
    """Whether each cosine, to five decimals, is at least the threshold."""
    return cosines >= np.float32(threshold - ROUNDING)


def rounded(cosines: np.ndarray) -> np.ndarray:
    """Cosines as they are given: float64, at most 1."""
    return np.minimum(np.round(cosines.astype(np.float64), 5), 1.0)


def _rows(texts: Sequence[str], embed: Callable[[list[str]], np.ndarray]) -> np.ndarray:
    """Rows of length 1, from the embeddings of the texts that are not empty."""
    is_said = np.array([bool(text.strip()) for text in texts], dtype=bool)
    if not is_said.any():
        return np.zeros((len(texts), 1), np.float32)
    found = embed([text for text, said in zip(texts, is_said, strict=True) if said])
    lengths = np.linalg.norm(found.astype(np.float64), axis=1, keepdims=True)
    rows = np.zeros((len(texts), found.shape[1]), np.float32)
    rows[is_said] = found / np.where(lengths == 0, 1, lengths)
    return rows


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Texts in a row that are embedded together, which takes memory for each of their tokens."""
    start = n_chars = 0
    for i, text in enumerate(texts):
        if i > start and (i - start == BATCH_TEXTS or n_chars + len(text) > BATCH_CHARS):
            yield texts[start:i]
            start, n_chars = i, 0
        n_chars += len(text)
    yield texts[start:]


def _static_model(folder: Path) -> Any:
    """The model in a folder; RecipeError that says what was found instead."""
    wanted = f"wanted the folder of a model2vec model, or URL#MODEL of a server, such as {EXAMPLE}"
    if not folder.is_dir():
        found = "a file" if folder.exists() else "no such folder"
        raise RecipeError(f"embedder: {folder}: {found}; {wanted}")
    if importlib.util.find_spec("model2vec") is None:
        raise RecipeError(f"embedder: the model in a folder needs the library model2vec; {INSTALL}")
    from model2vec import StaticModel

    try:
        return StaticModel.from_pretrained(folder)
    except Exception as error:  # noqa: BLE001 - its libraries raise nothing narrower
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        why = one_line(first_line(error), 200)
        raise RecipeError(f"embedder: {folder}: not a model2vec model ({why}); it holds {names}; {wanted}") from None
