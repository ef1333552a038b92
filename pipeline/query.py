"""Read-only SQL over a run: its tables and the views `fates` and `verdicts_latest`, and nothing outside it.

Covers: DuckDB has no access to files, network, extensions, other databases, the environment or Python variables; its
settings are locked; only one SELECT-like statement runs, within a limit of memory and, where asked, of time.
Does not cover: a query may read everything in the run and use all cores while it runs; DuckDB does not count the
memory of a few functions that make one huge value, such as `range(3000000000)` as a list.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset

import schemas
from pipeline.store import Run, Table
from schemas.errors import InputError, StoreError
from schemas.tables import TABLES, table_name

Connection = duckdb.DuckDBPyConnection
VIEWS = ("verdicts_latest", "fates")
"""The views of `schemas/views`, each after those that it reads."""

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": "4GB",
    "lock_configuration": "true",
}
STATEMENTS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def connect(run: Run) -> Connection:
    """A confined in-memory database with each table of the run as a view; empty where nothing is published.

    Tables are read from their Parquet parts, through the run's filesystem, when a query asks for them.
    """
    return _confined({table_name(table): _published(run, table) for table in TABLES})


def connect_frames(frames: Mapping[str, pl.DataFrame]) -> Connection:
    """The same over frames by table name; a table that is not given is empty."""
    return _confined({name: _arrow(frame) for name, frame in frames.items()})


def query(run: Run, sql: str, *, timeout_s: float | None = None) -> pl.DataFrame:
    """The rows of one SELECT, WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE or EXPLAIN on a run.

    Anything else, or a query that fails, is an InputError with DuckDB's message in one line.
    """
    with connect(run) as connection:
        return select(connection, sql, timeout_s=timeout_s)


def select(connection: Connection, sql: str, *, timeout_s: float | None = None) -> pl.DataFrame:
    """The rows of one statement on a connection of this module."""
    timer = threading.Timer(timeout_s or 0, connection.interrupt)
    timer.daemon = True
    try:
        _require_one_select(connection, sql)
        if timeout_s:
            timer.start()
        return pl.DataFrame(connection.sql(sql).to_arrow_table())
    except duckdb.InterruptException:
        raise InputError(f"sql: stopped after {timeout_s:g} s; ask for less") from None
    except (duckdb.Error, pl.exceptions.PolarsError) as error:
        tables = '; "show tables" lists what there is' if "Table with name" in str(error) else ""
        raise InputError(f"sql: {_one_line(error)}{tables}") from None
    except OSError as error:
        raise StoreError(f"sql: a part of a table cannot be read ({_one_line(error)})") from None
    finally:
        timer.cancel()


def _require_one_select(connection: Connection, sql: str) -> None:
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise InputError(f"sql: found {len(statements)} statements; wanted one")
    if statements[0].type not in STATEMENTS:
        found = statements[0].type.name
        raise InputError(
            f"sql: found a {found} statement; wanted SELECT, DESCRIBE, SHOW or EXPLAIN (a run is read-only)"
        )


def _one_line(error: Exception) -> str:
    """The message without the query's text and caret, and without general advice."""
    return " ".join(str(error).split("\n\n")[0].split())


def _confined(sources: Mapping[str, Any]) -> Connection:
    connection = duckdb.connect(":memory:", config=SETTINGS)
    for table in TABLES:
        name = table_name(table)
        connection.register(name, sources[name] if name in sources else _arrow(table.create_empty()))
    for name in VIEWS:
        sql = (Path(schemas.__file__).parent / "views" / f"{name}.sql").read_text(encoding="utf-8")
        connection.execute(f"CREATE VIEW {name} AS {sql}")
    return connection


def _published(run: Run, table: Table) -> pa.dataset.Dataset | pa.Table:
    """The published parts as one lazy source with the declared columns."""
    empty = _arrow(table.create_empty())
    if not (paths := run.part_paths(table)):
        return empty
    try:
        return pa.dataset.dataset(paths, schema=empty.schema, filesystem=run.fs, format="parquet")
    except OSError as error:
        raise StoreError(f"{run.url}: a part of {table_name(table)} cannot be read ({_one_line(error)})") from None


def _arrow(frame: pl.DataFrame) -> pa.Table:
    """A frame as Arrow; enums as strings, as in the parts."""
    return frame.with_columns(pl.col(pl.Enum).cast(pl.String)).to_arrow()
