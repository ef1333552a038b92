"""Run stages on a run folder: batch stages by digest, row-wise stages by owed work.

A batch stage is skipped while its inputs' digests, its config and its source are what they were. A row-wise stage is
told which keys are owed; its rows are journalled one by one and published a shard at a time.
"""

import ast
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
from pydantic import BaseModel

from pipeline.journal import Journal, finished, journal_folder, leftover
from pipeline.store import Provenance, Run, Table, append, digest, publish
from schemas.errors import TooManyErrors
from schemas.ids import content_id
from schemas.tables import frame_of, table_name

ROOT = Path(__file__).resolve().parents[1]
MIN_ROWS_FOR_ERROR_RATE = 20

Progress = Callable[[int], None]


def apply(run: Run, stage: ModuleType, config: BaseModel, *, extra: dict[str, str] | None = None) -> bool:
    """Run a batch stage on the run's tables and publish its result; False where it was up to date.

    `extra` names inputs that are not tables, such as the versions of the verifiers a stage calls.
    """
    made_by = Provenance(
        stage=stage.__name__,
        config=config.model_dump(mode="json"),
        inputs={table_name(table): digest(run.manifest(table)) for table in stage.READS} | (extra or {}),
        source_digest=source_digest(stage),
    )
    if (before := run.manifest(stage.WRITES)) and made_by.matches(before):
        return False
    frame = stage.run(*(run.read(table) for table in stage.READS), config)
    publish(run, stage.WRITES, frame, made_by)
    return True


def source_digest(stage: ModuleType) -> str:
    """Digest of a stage's source and of the project's modules that it imports, and so on down."""
    seen: dict[str, bytes] = {}
    todo = [stage.__name__]
    while todo:
        name = todo.pop()
        path = ROOT.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in seen or not path.is_file():
            continue
        seen[name] = path.read_bytes()
        todo += _imports(seen[name])
    return hashlib.sha256(b"".join(seen[name] for name in sorted(seen))).hexdigest()[:16]


def _imports(source: bytes) -> Iterator[str]:
    """First-party modules that a source imports; `store` is left out: how rows are kept changes no row."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in ("pipeline", "schemas"))


@dataclass
class ErrorRate:
    """Counts failed rows of one command, and stops it when they are too many."""

    limit: float
    n_done: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, failure: str | None) -> None:
        """Count a finished row."""
        self.n_done += 1
        if failure:
            self.failures[failure] += 1

    def check(self, stage: str) -> None:
        """Raise TooManyErrors, naming the commonest reasons, where the limit is passed."""
        n_failed = self.failures.total()
        if n_failed <= self.limit * max(self.n_done, MIN_ROWS_FOR_ERROR_RATE):
            return
        reasons = ", ".join(f"{reason} ({count}x)" for reason, count in self.failures.most_common(3))
        raise TooManyErrors(
            f"{stage}: {n_failed} of {self.n_done} rows failed, more than max_error_rate = {self.limit}: {reasons}; "
            f"the failed rows are owed again: mend the cause and run the same command, or raise work.max_error_rate"
        )


@dataclass(frozen=True)
class Shard:
    """A slice of owed keys, worked off and published as one part."""

    name: str
    owed: pl.DataFrame


def shards(stage: ModuleType, owed: pl.DataFrame, rows: int) -> list[Shard]:
    """Cut owed keys into shards named for their content."""
    key = stage.WRITES.primary_key()
    cut = owed.iter_slices(rows)
    return [Shard(content_id("shard", keys=part.select(key).rows()), part) for part in cut if part.height]


def work_off(
    run: Run, stage: ModuleType, shard: Shard, frames: Sequence[pl.DataFrame], config: BaseModel,
    *, errors: ErrorRate, progress: Progress = lambda n: None,
) -> int:  # fmt: skip
    """Work off one shard: journal every finished row, then publish the part; returns the number of rows.

    Rows that an earlier attempt at the same shard journalled are not worked again. Where too many rows fail, those that did not are published before TooManyErrors is raised.
    """
    made_by = Provenance(stage.__name__, source_digest=source_digest(stage))
    with Journal(journal_folder(run, stage.WRITES), shard.name) as journal:
        rows = finished(journal.path)
        rest = owed(shard.owed, frame_of(stage.WRITES, rows), stage.WRITES)
        progress(len(rows))
        for row in stage.work(rest, *frames, config):
            journal.write(row)
            rows.append(row)
            errors.add(stage.failure(row))
            progress(1)
            try:
                errors.check(stage.__name__)
            except TooManyErrors:
                _append(run, stage, [row for row in rows if not stage.failure(row)], made_by)
                journal.remove()
                raise
    _append(run, stage, rows, made_by)
    journal.remove()
    return len(rows)


def recover(run: Run, stage: ModuleType) -> int:
    """Publish the rows that a dead process had finished but not published; returns how many."""
    total = 0
    for path, rows in list(leftover(journal_folder(run, stage.WRITES))):
        key = stage.WRITES.primary_key()
        frame = frame_of(stage.WRITES, rows).unique(subset=key, keep="first", maintain_order=True)
        frame = frame.join(run.read(stage.WRITES).select(key), on=key, how="anti")
        _append(run, stage, frame.to_dicts(), Provenance(stage.__name__, source_digest=source_digest(stage)))
        path.unlink()
        total += frame.height
    return total


def _append(run: Run, stage: ModuleType, rows: Iterable[dict[str, Any]], made_by: Provenance) -> None:
    frame = frame_of(stage.WRITES, list(rows))
    if frame.height:
        append(run, stage.WRITES, frame, made_by)


def owed(wanted: pl.DataFrame, had: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Wanted keys that are not there yet: resume, crash recovery and more samples are this one line."""
    return wanted.join(had.select(table.primary_key()), on=table.primary_key(), how="anti", maintain_order="left")
