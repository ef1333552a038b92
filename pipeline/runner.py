"""Run stages on a run folder: batch stages by digest, row-wise stages by owed work.

A batch stage is skipped while its inputs' digests, its config and its source are what they were. A row-wise stage is
told which keys are owed; its rows are journalled one by one and published a shard at a time.
"""

import ast
import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
from pydantic import BaseModel

from pipeline.hostile import one_line
from pipeline.journal import Journal, finished, journal_folder, leftover
from pipeline.parts import Table, validate
from pipeline.store import Provenance, Run, append, digest, publish
from schemas.errors import TooManyErrors
from schemas.ids import content_id
from schemas.tables import frame_of, table_name

ROOT = Path(__file__).resolve().parents[1]
FIRST_PARTY = ("schemas", "pipeline", "annotation")
MIN_ROWS_FOR_ERROR_RATE = 50

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
    seen: dict[str, bytes] = {stage.__name__: Path(str(stage.__file__)).read_bytes()}
    todo = list(_imports(seen[stage.__name__]))
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
    """First-party modules that a source imports (and names that may be modules)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in FIRST_PARTY)


@dataclass
class ErrorRate:
    """Counts failed rows of one command, and stops it when they are too many."""

    limit: float
    n_done: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    said: dict[str, str] = field(default_factory=dict)
    """What the first failed row of each kind says."""

    def add(self, failure: str | None, said: str | None = None) -> None:
        """Count a finished row; `said` is why it failed, at length."""
        self.n_done += 1
        if failure:
            self.failures[failure] += 1
            self.said.setdefault(failure, one_line(said or "", 300))

    def is_too_high(self) -> bool:
        """Whether more rows failed than the limit allows; a few rows count as if they were 50."""
        return self.failures.total() > self.limit * max(self.n_done, MIN_ROWS_FOR_ERROR_RATE)

    def error(self, stage: str) -> TooManyErrors:
        """The error that names the commonest reasons."""
        reasons = ", ".join(f"{reason} ({count}x)" for reason, count in self.failures.most_common(3))
        commonest = next(iter(self.failures.most_common(1)))[0]
        told = f"; the first {commonest} says: {self.said[commonest]}" if self.said[commonest] else ""
        return TooManyErrors(
            f"{stage}: {self.failures.total()} of {self.n_done} rows failed, more than max_error_rate = {self.limit}: "
            f"{reasons}{told}; mend the cause and run the same command, or raise work.max_error_rate"
        )


@dataclass(frozen=True)
class Job:
    """A row-wise stage with the frames that it reads."""

    stage: ModuleType
    frames: Sequence[pl.DataFrame]
    config: BaseModel


@dataclass(frozen=True)
class Shard:
    """Owed keys that are worked off in one go."""

    name: str
    owed: pl.DataFrame


def shards(stage: ModuleType, owed: pl.DataFrame, rows: int) -> list[Shard]:
    """Cut owed keys into shards named for their content, each of `rows`, the last of what is left."""
    key = stage.WRITES.primary_key()
    cut = owed.iter_slices(rows)
    return [Shard(content_id("shard", keys=part.select(key).rows()), part) for part in cut if part.height]


def work_off(
    run: Run, job: Job, shard: Shard, errors: ErrorRate, progress: Progress = lambda n: None, *, part_rows: int = 500
) -> int:
    """Work off one shard: journal every finished row, and publish a part of every `part_rows`; returns how many.

    Publishing stops nothing: what is in flight goes on. Rows that an earlier attempt at the same shard journalled or
    published are not worked again. Where too many rows fail, those of the last part that did not are published before
    TooManyErrors is raised, and those that did are owed again.
    """
    stage, n_done, made_by = job.stage, 0, _made_by(job.stage)
    with Journal(journal_folder(run, stage.WRITES), shard.name) as journal:
        rows, rest = _begun(run, stage, journal, shard)
        progress(shard.owed.height - rest.height)
        with contextlib.closing(stage.work(rest, *job.frames, job.config)) as work:
            for row in work:
                rows.append(journal.write(row))
                n_done += 1
                errors.add(stage.failure(row), row.get("error"))
                progress(1)
                if errors.is_too_high():
                    _publish(run, stage, [row for row in rows if not stage.failure(row)], made_by)
                    journal.remove()
                    raise errors.error(stage.__name__)
                if len(rows) >= part_rows:
                    _publish(run, stage, rows, made_by)
                    journal.clear()
                    rows = []
        _publish(run, stage, rows, made_by)
        journal.remove()
    return n_done


def _begun(run: Run, stage: ModuleType, journal: Journal, shard: Shard) -> tuple[list[dict[str, Any]], pl.DataFrame]:
    """Rows that an earlier attempt journalled and did not publish, and the keys that are still to be worked."""
    table = stage.WRITES
    had = run.keys(table)
    journalled = frame_of(table, finished(journal.path))
    rows = owed(journalled, had, table).to_dicts()
    return rows, owed(owed(shard.owed, journalled, table), had, table)


def recover(run: Run, stage: ModuleType) -> int:
    """Publish the rows that a dead process had finished but not published; returns how many."""
    table, folder = stage.WRITES, journal_folder(run, stage.WRITES)
    journals = dict(leftover(folder))
    rows = frame_of(table, [row for rows in journals.values() for row in rows])
    new = owed(rows.unique(subset=table.primary_key(), keep="first", maintain_order=True), run.keys(table), table)
    if new.height:
        append(run, table, validate(table, new, f"{folder}, left by an earlier process"), _made_by(stage))
    for path in journals:
        path.unlink()
    return new.height


def _publish(run: Run, stage: ModuleType, rows: list[dict[str, Any]], made_by: Provenance) -> None:
    if rows:
        append(run, stage.WRITES, frame_of(stage.WRITES, rows), made_by)


def _made_by(stage: ModuleType) -> Provenance:
    return Provenance(stage.__name__, source_digest=source_digest(stage))


def owed(wanted: pl.DataFrame, had: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Wanted keys that are not there yet: resume, crash recovery and more samples are this one line."""
    return wanted.join(had.select(table.primary_key()), on=table.primary_key(), how="anti", maintain_order="left")
