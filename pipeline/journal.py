"""The journal of row-wise work: one line a finished row, on local disk, flushed before its part is due.

A kill loses only what was in flight. Rows that a dead process left are published by the next one.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from pipeline.blobs import is_local, read_version
from pipeline.bound import RECIPE_FILE
from pipeline.cache_folder import cache_folder
from pipeline.rows import without_surrogates
from pipeline.store import Run, Table
from schemas.tables import table_name


def journal_folder(run: Run, table: Table) -> Path:
    """Where the journals of a table are: in the run folder if that is local, else in the user's cache.

    In the cache they belong to the run's own id, so that a new run at an old URL does not find the rows of that one.
    """
    if is_local(run.fs):
        return Path(run.path("journal", table_name(table)))
    recipe, _ = read_version(run.fs, run.path(RECIPE_FILE))
    run_id = json.loads(recipe)["run_id"] if recipe else hashlib.sha256(run.url.encode()).hexdigest()[:32]
    return cache_folder() / run_id / table_name(table)


class Journal:
    """Finished rows of one shard, each in the file before the next is worked on."""

    def __init__(self, folder: Path, shard: str) -> None:
        self.path = folder / f"{shard}.jsonl"

    def __enter__(self) -> "Journal":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab", buffering=0)
        if not _ends_whole(self.path):
            self._file.write(b"\n")  # what a killed process was writing must not swallow the next row
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, row: dict[str, Any]) -> dict[str, Any]:
        """Add a finished row, which survives the death of this process from here on; returns it as it was written.

        What is not Unicode text (half a surrogate pair, which a model's broken JSON may hold) is replaced by U+FFFD.
        """
        try:
            line = json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            row = without_surrogates(row)
            line = json.dumps(row, ensure_ascii=False).encode()
        self._file.write(line + b"\n")
        return row

    def clear(self) -> None:
        """Forget the rows, once they are published; what follows is written to the same file."""
        self._file.truncate(0)

    def remove(self) -> None:
        """The same, once nothing follows."""
        self.path.unlink(missing_ok=True)


def finished(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal; a torn line is owed again. Empty where there is no journal."""
    rows, content = [], b""
    with contextlib.suppress(FileNotFoundError):  # whoever looks on may come just as it is removed
        content = path.read_bytes()
    for line in content.split(b"\n"):
        with contextlib.suppress(ValueError):
            rows.append(json.loads(line))
    return rows


def leftover(folder: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Journals that a dead process left, each with its finished rows."""
    for path in sorted(folder.glob("*.jsonl")):
        yield path, finished(path)


def _ends_whole(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
