"""Claims about a run that must hold, each an SQL query that returns the rows which break it.

A file of `schemas/checks` is one claim: its first line says it in words, the first column that it returns names a
row. A claim with a line `-- Waits` is not tested on a run that was stopped between new rollouts and the examples, as
its tables agree only at the end. Unique keys and references between tables are claims too, made from `schemas.tables`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import schemas
from pipeline.query import Connection, connect, connect_frames, select
from pipeline.store import Run, Table
from schemas.tables import TABLES, Rollouts, Verdicts, foreign_keys, table_name

N_SAMPLES = 3
RESULT: dict[str, Any] = {"check": pl.String, "claim": pl.String, "n_broken": pl.Int64, "sample": pl.List(pl.String)}


@dataclass(frozen=True)
class Check:
    """One claim: `sql` returns the rows that break it, none where it holds."""

    name: str
    claim: str
    sql: str
    waits: bool = False


def check(run: Run) -> pl.DataFrame:
    """One row a claim: check (its name), claim (in words), n_broken (rows that break it), sample (ids of up to 3).

    `n_broken` is null for claims that wait until the run is done.
    """
    growing = [table for table in (Rollouts, Verdicts) if (made := run.manifest(table)) and not made["sealed"]]
    with connect(run) as connection:
        return _results(connection, is_growing=bool(growing))


def check_frames(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The same over frames by table name; a table that is not given is empty."""
    with connect_frames(frames) as connection:
        return _results(connection)


def checks() -> list[Check]:
    """All claims: those of `schemas/checks` by name, then the keys and references of each table."""
    files = sorted((Path(schemas.__file__).parent / "checks").glob("*.sql"))
    written = [_written(path) for path in files]
    declared = [claim for table in TABLES for claim in (_unique_key(table), *_references(table))]
    return written + declared


def _results(connection: Connection, *, is_growing: bool = False) -> pl.DataFrame:
    rows = [_result(one, None if is_growing and one.waits else select(connection, one.sql)) for one in checks()]
    return pl.DataFrame(rows, schema=RESULT)


def _written(path: Path) -> Check:
    sql = path.read_text(encoding="utf-8")
    return Check(path.stem, sql.splitlines()[0].removeprefix("--").strip(), sql, waits="\n-- Waits" in sql)


def _unique_key(table: Table) -> Check:
    name, key = table_name(table), ", ".join(table.primary_key())
    return Check(
        f"{name}_key_is_unique",
        f"No two rows of {name} have the same {key}.",
        f"SELECT {key}, count(*) AS n FROM {name} GROUP BY {key} HAVING n > 1",
    )


def _references(table: Table) -> Iterator[Check]:
    """For each column that holds another table's key: it points at a row there, or at nothing (null or "")."""
    name, key = table_name(table), table.primary_key()[0]
    target_keys = {table_name(target): target.primary_key()[0] for target in TABLES}
    for column, target in foreign_keys(table).items():
        yield Check(
            f"{name}_{column}_is_in_{target}",
            f"Every {column} of {name} is in {target}.",
            f"SELECT source.{key} AS id, source.{column} AS missing FROM {name} AS source "
            f"WHERE source.{column} <> '' AND source.{column} NOT IN (SELECT {target_keys[target]} FROM {target})",
        )


def _result(one: Check, broken: pl.DataFrame | None) -> dict[str, object]:
    if broken is None:
        return {"check": one.name, "claim": one.claim, "n_broken": None, "sample": []}
    sample = broken.to_series(0).head(N_SAMPLES).cast(pl.String).to_list()
    return {"check": one.name, "claim": one.claim, "n_broken": broken.height, "sample": sample}
