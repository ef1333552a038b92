"""Deduplicate any table of texts by the names of its columns: `coldstart dedup`. Parquet is read as a stream."""

from pathlib import Path
from typing import NamedTuple

import polars as pl
import pyarrow as pa

from pipeline.dedup.find import MEMORY, Others, find_duplicates
from pipeline.dedup.near import decisions, rows_of
from pipeline.dedup.texts import Part, parts_of, parts_of_parquet
from pipeline.required import require_column, require_ids, require_texts, require_valid
from pipeline.rows import flat, parquet_schema, read_parquet, read_rows, suffix_of
from schemas.recipe import Similarity


class Columns(NamedTuple):
    """The names that a table gives to what is compared; empty where it has no such column."""

    id: str = "id"
    text: str = "text"
    keep_by: str = ""
    group: str = ""
    among: str = ""

    def named(self) -> dict[str, str]:
        """Our name and the table's of each column that there is."""
        return {ours: theirs for ours, theirs in self._asdict().items() if theirs}


COLUMNS = Columns()

_DATE = r"^\d{4}-\d\d-\d\d"


class Input(NamedTuple):
    """A table of texts: what decides beside them (id, and keep_by, group and among where there are), and the texts."""

    rows: pl.DataFrame
    parts: list[Part]


class Decided(NamedTuple):
    """Decisions, as rows of `near.near_duplicates`; and the pairs that were not compared."""

    rows: pl.DataFrame
    n_left_out: int


def decide(input: Input, how: Similarity, others: Others | None = None, memory: int = MEMORY) -> Decided:
    """Find the duplicates in a table, and what of it is among `others`."""
    n, rows = (len(others.ids), _held_first(input.rows, others.held)) if others else (0, input.rows)
    parts = [part._replace(first=part.first + n, end=part.end + n) for part in input.parts]
    found = find_duplicates(parts, rows_of(rows, n), how, published=others, memory=memory)
    return Decided(decisions(rows["id"], found, others.ids if others else None), found.n_left_out)


def _held_first(rows: pl.DataFrame, held: pl.Series) -> pl.DataFrame:
    return rows.with_columns(is_held=pl.col("id").cast(pl.String).is_in(held.implode()))


def read_input(path: str, columns: Columns = COLUMNS) -> Input:
    """The texts of a file, checked; those of a local Parquet file are never held as a whole.

    A missing column, an id that is null, empty or there twice and a text that is none are a SchemaError with file,
    record (from 1), column, found and wanted. As in `rows.read_rows`, nested values are their JSON text.
    """
    if suffix_of(path) == ".parquet" and Path(path).is_file():
        schema, names = parquet_schema(path), columns.named()
        for column in names.values():
            require_column(column, schema.names, path)
        if _is_text(schema.field(columns.text).type):
            beside = dict.fromkeys(theirs for ours, theirs in names.items() if ours != "text")
            frame = read_parquet(path, list(beside))
            return Input(_beside(flat(frame), columns, path), parts_of_parquet(path, columns.text))
    return input_of(read_rows(path, list(columns.named().values())), columns, path)


def input_of(frame: pl.DataFrame, columns: Columns = COLUMNS, where: str = "input") -> Input:
    """The texts of a frame, checked as those of a file are."""
    frame = flat(frame)
    return Input(checked(frame, columns, where), parts_of(frame[columns.text]))


def checked(frame: pl.DataFrame, columns: Columns, where: str) -> pl.DataFrame:
    """The columns that decide beside the texts, under our names, once texts and ids are what they must be."""
    for column in columns.named().values():
        require_column(column, frame.columns, where)
    require_texts(frame, columns.text, where)
    return _beside(frame, columns, where)


def _beside(frame: pl.DataFrame, columns: Columns, where: str) -> pl.DataFrame:
    """Ids that are there once each; the texts are checked as they are read."""
    require_ids(frame, columns.id, where)
    rows = frame.select(pl.col(theirs).alias(ours) for ours, theirs in columns.named().items() if ours != "text")
    return rows.with_columns(keep_by=_in_order(frame, columns.keep_by, where)) if columns.keep_by else rows


def _in_order(frame: pl.DataFrame, column: str, where: str) -> pl.Series:
    """What rows are kept by. Text is read as numbers, as in a CSV file, or has dates, whose order is that of text."""
    values = frame[column]
    if values.dtype.is_numeric() or values.dtype.is_temporal() or values.dtype == pl.Boolean:
        return values
    is_text = values.dtype in (pl.String, pl.Null)  # bytes, for one, are not
    texts = (values if is_text else pl.repeat(None, len(values), eager=True)).cast(pl.String).str.strip_chars()
    whole, numbers = (texts.cast(kind, strict=False) for kind in (pl.Int64, pl.Float64))
    is_date = texts.str.contains(_DATE)
    is_valid = (is_date if is_date.any() else numbers.is_not_null()).fill_null(False) | values.is_null()
    require_valid(frame, column, is_valid, "a number, a date such as 2026-01-31, or none", where)
    if is_date.any():
        return texts
    return whole if whole.null_count() == values.null_count() else numbers


def _is_text(dtype: pa.DataType) -> bool:
    plain = dtype.value_type if pa.types.is_dictionary(dtype) else dtype
    return plain in (pa.string(), pa.large_string(), pa.string_view())
