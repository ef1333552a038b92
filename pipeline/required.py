"""What rows must have: columns that are there, ids of their own, values that can be used; what is missing is named."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from schemas.errors import SchemaError
from schemas.messages import did_you_mean, short


def require_column(name: str, names: Iterable[str], where: str | Path) -> None:
    """Raise a SchemaError that says which columns there are, and the nearest, where `name` is none of them."""
    names = [str(known) for known in names]
    if name in names:
        return
    shown = " ".join(", ".join(names).split()) or "no columns"
    raise SchemaError(f"{where}: no column {name!r}; it has {shown[:300]}{did_you_mean(name, names)}")


def require_unique(frame: pl.DataFrame, column: str, path: str | Path) -> None:
    """Raise a SchemaError where a value of an id column is null or stands in two rows."""
    ids = frame[column]
    if ids.null_count():
        row = ids.is_null().arg_max()
        raise SchemaError(f"{path}: {column} is null in record {(row or 0) + 1}; every row needs an id of its own")
    if ids.is_duplicated().any():
        first = ids.filter(ids.is_duplicated())[0]
        rows = [index + 1 for index in (ids == first).arg_true().to_list()]
        shown = ", ".join(map(str, rows[:3])) + (", ..." if len(rows) > 3 else "")
        raise SchemaError(f"{path}: {column} {first!r} stands in records {shown}; every row needs an id of its own")


def require_valid(frame: pl.DataFrame, column: str, is_valid: pl.Series, wanted: str, where: str | Path) -> None:
    """Raise a SchemaError for the first row of a column that is not valid; `is_valid` has no nulls."""
    if not is_valid.all():
        row = is_valid.arg_min() or 0
        found = short(frame[column].to_list()[row])
        raise SchemaError(f"{where}: record {row + 1}, {column}: found {found}, wanted {wanted}")


def require_ids(frame: pl.DataFrame, column: str, where: str | Path) -> None:
    """Raise a SchemaError unless each row has an id of its own: a whole number, or text that is not empty."""
    ids = frame[column]
    is_kind = ids.dtype.is_integer() or ids.dtype == pl.String
    is_id = (ids.cast(pl.String) != "").fill_null(False) if is_kind else pl.repeat(False, len(ids), eager=True)
    require_valid(frame, column, is_id, "a whole number, or text that is not empty", where)
    require_unique(frame, column, where)


def require_texts(frame: pl.DataFrame, column: str, where: str | Path) -> None:
    """Raise a SchemaError for the first row whose value is no text."""
    texts = frame[column]
    require_valid(frame, column, texts.is_not_null() & (texts.dtype == pl.String), "text", where)
