"""A part: validated rows of a table, sorted by key, as one Parquet file that opens without our code."""

import hashlib
import io
from collections.abc import Iterable, Sequence
from typing import Any

import dataframely as dy
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.blobs import is_local
from schemas.errors import SchemaError, StoreError
from schemas.tables import polars_schema, table_name

Table = type[dy.Schema]


def validate(table: Table, frame: pl.DataFrame, where: str = "") -> pl.DataFrame:
    """The frame in declared column order, or a SchemaError that names what breaks the declaration."""
    try:
        return table.validate(frame, cast=False)
    except (dy.exc.ValidationError, dy.exc.SchemaError) as error:
        reason = " ".join(str(error).partition("Resolved plan")[0].split())
        raise SchemaError(
            f"{where or table_name(table)}: rows do not match the table's declaration "
            f"(its key is {', '.join(table.primary_key())}): {reason}"
        ) from None


def parquet(frame: pl.DataFrame) -> tuple[bytes, str]:
    """Rows as a Parquet file, enums as plain strings so that every reader opens it; and its SHA-256."""
    buffer = io.BytesIO()
    frame.with_columns(pl.col(pl.Enum).cast(pl.String)).write_parquet(buffer, compression="zstd")
    content = buffer.getvalue()
    return content, hashlib.sha256(content).hexdigest()


def read_part(fs: Any, path: str, table: Table, names: Sequence[str]) -> pl.DataFrame:
    """Some columns of a published part, with the table's types."""
    try:
        content = None if is_local(fs) else fs.cat_file(path)
        _require_columns(pq.read_schema(path if content is None else pa.BufferReader(content)).names, table)
        frame = pl.read_parquet(content or path, glob=False, columns=list(names))
        return frame.select(pl.col(name).cast(polars_schema(table)[name]) for name in names)
    except FileNotFoundError:
        raise StoreError(
            f"{path}: the manifest names this part, but it is gone; restore it or use another run"
        ) from None
    except (pl.exceptions.ComputeError, pa.ArrowInvalid) as error:
        raise StoreError(f"{path}: not a readable Parquet file ({error}); restore it or use another run") from None
    except pl.exceptions.InvalidOperationError as error:
        reason = " ".join(str(error).split())
        raise SchemaError(f"{path}: made by another version of Coldstart ({reason}); use another run") from None


def _require_columns(found: Iterable[str], table: Table) -> None:
    missing, extra = sorted(set(polars_schema(table)) - set(found)), sorted(set(found) - set(polars_schema(table)))
    if missing or extra:
        raise SchemaError(
            f"{table_name(table)}: its parts have other columns than this version declares "
            f"(missing {missing}, unknown {extra}); it was made by another version: use another run"
        )
