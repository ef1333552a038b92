"""What is published already: an index of texts, a table that can grow, or texts from anywhere else.

An index is a folder with one table, `published`, whose manifest says how its texts were cut and signed; rows that are
compared with it must be cut and signed the same way. A text of the index with the id of a row that is compared is that
row itself (another text under that id is an error): it is not compared once more, and the row is kept, so that adding
the same rows again changes nothing.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import polars as pl

from pipeline import store
from pipeline.dedup.texts import Part
from pipeline.minhash.signatures import SCHEME, SEED, Signed, sign_into, signed, write_keys
from pipeline.parts import read_part
from pipeline.shingling import Shingles, Shingling, distinct_shingles, joined, shingles_of
from pipeline.shingling.reading import buffers_of
from pipeline.store import Manifest, Provenance, Run
from schemas.errors import RecipeError, StoreError
from schemas.recipe import Similarity
from schemas.tables import Published


class Texts:
    """Texts of another file or data set."""

    def __init__(self, ids: pl.Series, texts: pl.Series) -> None:
        self.ids, self.held, self._texts = ids, ids.clear(), texts

    def fill(self, signed: Signed, how: Shingling, rows_per_band: int) -> None:
        """As `Others.fill`."""
        sign_into(signed, buffers_of(self._texts), how, rows_per_band)

    def sets(self, rows: np.ndarray, how: Shingling) -> Shingles:
        """As `Others.sets`."""
        return distinct_shingles(self._texts.gather(rows), how)


class Index:
    """Texts of an index, without those of the rows that are compared with it; parts are read one at a time."""

    def __init__(self, run: Run, compared: pl.Series) -> None:
        """Read the ids; `compared` has those of the rows that are decided on."""
        known = run.keys(Published, "n_shingles").with_row_index("row")
        mine = compared.cast(pl.String).rename("id").to_frame()
        self._run = run
        self._known = known.join(mine, on="id", how="anti", maintain_order="left")
        self.ids = self._known["id"]
        self.held = known.join(mine, on="id", how="semi")["id"]

    def fill(self, signed: Signed, how: Shingling, rows_per_band: int) -> None:
        """As `Others.fill`."""
        n, num_perm, first = self._known.height, signed.signatures.shape[1], 0
        for part in self._parts(["digest", "signature"], np.arange(n)):
            rows = slice(first, first + part.height)
            signed.signatures[rows] = _numbers(part["signature"], np.uint32).reshape(part.height, num_perm)
            signed.digests[rows] = _numbers(part["digest"], np.uint64).reshape(part.height, 2)
            first += part.height
        signed.n_shingles[:n] = self._known["n_shingles"].to_numpy()
        write_keys(signed, rows_per_band, n)

    def sets(self, rows: np.ndarray, how: Shingling) -> Shingles:
        """As `Others.sets`; the rows are in ascending order."""
        return joined([_sets(part["shingles"]) for part in self._parts(["shingles"], rows)])

    def _parts(self, names: Sequence[str], rows: np.ndarray) -> Iterator[pl.DataFrame]:
        """Some columns of some texts (ascending), those of one part of the index after another."""
        wanted, first = self._known["row"].to_numpy()[rows], 0
        for path in self._run.part_paths(Published):
            part = read_part(self._run.fs, path, Published, names)
            start, end = np.searchsorted(wanted, [first, first + part.height])
            yield part[wanted[start:end] - first]
            first += part.height


def open_index(url: str, how: Similarity) -> Run:
    """The index in a folder, or the place of a new one; an error where it was made with other settings."""
    if how.max_document_share < 1:
        raise RecipeError(
            f"max_document_share: found {how.max_document_share}, wanted 1: texts in an index are compared as a whole, "
            "because the template of a source changes with the texts beside it"
        )
    run = store.open_run(url)
    if manifest := run.manifest(Published):
        _require_settings(manifest, url, how)
    return run


def _require_settings(manifest: Manifest, url: str, how: Similarity) -> None:
    found, wanted = manifest["config"], settings_of(how)
    different = [name for name in wanted if found.get(name) != wanted[name]]
    if different:
        shown = ", ".join(f"{name} {found.get(name)!r} where this command has {wanted[name]!r}" for name in different)
        raise StoreError(f"{url}: the index was made with {shown}; use the same settings, or another index")


def settings_of(how: Similarity) -> dict[str, str | int | bool]:
    """What the signatures and shingles of an index depend on."""
    return {
        "ngram": how.ngram, "unit": how.unit, "mask_numbers": how.mask_numbers, "num_perm": how.num_perm,
        "scheme": SCHEME, "seed": SEED, "hash": "fast",
    }  # fmt: skip


def require_same_texts(run: Run, ids: pl.Series, parts: Sequence[Part], how: Similarity) -> None:
    """Raise a StoreError where the index holds another text under the id of a row; `ids` are those of the parts."""
    held = run.keys(Published, "digest")
    mine = ids.cast(pl.String).rename("id").to_frame().with_row_index("row").join(held, on="id", maintain_order="left")
    for rows, texts in _chosen(parts, mine):
        is_other = rows["digest"] != _binary(signed(texts, Shingling.of(how), num_perm=1).digests)
        if is_other.any():
            id = rows.filter(is_other)["id"][0]
            raise StoreError(f"{run.url}: it holds another text under the id {id!r}; give new texts new ids")


def add(run: Run, parts: Sequence[Part], kept: pl.DataFrame, how: Similarity) -> int:
    """Add the texts of `kept` (row, ascending, and id) whose ids the index does not hold; returns how many."""
    new = kept.with_columns(pl.col("id").cast(pl.String)).join(
        run.keys(Published), on="id", how="anti", maintain_order="left"
    )
    made_by, check = Provenance("pipeline.dedup", settings_of(how)), partial(_require_settings, url=run.url, how=how)
    if new.is_empty() and run.manifest(Published) is None:
        store.append(run, Published, Published.create_empty(), made_by, check)
    for rows, texts in _chosen(parts, new):
        store.append(run, Published, _rows(rows["id"], texts, how), made_by, check)
    return new.height


def _chosen(parts: Sequence[Part], rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.Series]]:
    """Those of `rows` (row, ascending) in each batch of texts, with their texts; parts without any are not read."""
    number = rows["row"].to_numpy()
    for part in parts:
        first = part.first
        if np.searchsorted(number, first) == np.searchsorted(number, part.end):
            continue
        for texts in part.read():
            start, end = np.searchsorted(number, [first, first + len(texts)])
            if start < end:
                yield rows[start:end], pl.Series(texts).gather(number[start:end] - first)
            first += len(texts)


def _rows(ids: pl.Series, texts: pl.Series, how: Similarity) -> pl.DataFrame:
    """Rows of the table."""
    made = signed(texts, Shingling.of(how), how.num_perm)
    sets = distinct_shingles(texts, Shingling.of(how))
    return pl.DataFrame(
        {
            "id": ids,
            "digest": _binary(made.digests),
            "signature": _binary(made.signatures),
            "n_shingles": made.n_shingles,
            "shingles": [sets[i] for i in range(len(texts))],
        },
        schema_overrides={"shingles": pl.List(pl.UInt64)},
    )


def _sets(column: pl.Series) -> Shingles:
    hashes = column.explode(empty_as_null=False, keep_nulls=False).to_numpy()
    return shingles_of(column.list.len().to_numpy(), np.ascontiguousarray(hashes, np.uint64))


def _binary(rows: np.ndarray) -> pl.Series:
    """The bytes of each row."""
    return pl.Series([row.tobytes() for row in rows], dtype=pl.Binary)


def _numbers(column: pl.Series, dtype: type[np.generic]) -> np.ndarray:
    return np.frombuffer(b"".join(column), dtype)
