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

from pipeline.blobs import is_local
from pipeline.store import Run, Table
from schemas.tables import table_name


def journal_folder(run: Run, table: Table) -> Path:
    """Where the journals of a table are: in the run folder if that is local, else in the user's cache."""
    if is_local(run.fs):
        return Path(run.path("journal", table_name(table)))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "coldstart" / hashlib.sha256(run.url.encode()).hexdigest()[:16] / table_name(table)


class Journal:
    """Finished rows of one shard, appended and flushed line by line."""

    def __init__(self, folder: Path, shard: str) -> None:
        self.path = folder / f"{shard}.jsonl"

    def __enter__(self) -> "Journal":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a", encoding="utf-8", errors="surrogatepass")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def write(self, row: dict[str, Any]) -> None:
        """Add a finished row; it survives the death of this process from here on."""
        self._file.write(json.dumps(row, ensure_ascii=False) + "\n")
        self._file.flush()

    def remove(self) -> None:
        """Forget the rows, once they are published."""
        self.path.unlink(missing_ok=True)


def finished(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a journal; a torn last line is owed again. Empty where there is no journal."""
    rows = []
    lines = path.read_text(encoding="utf-8", errors="surrogatepass").split("\n") if path.exists() else []
    for line in lines:
        with contextlib.suppress(ValueError):
            rows.append(json.loads(line))
    return rows


def leftover(folder: Path) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Journals that a dead process left, each with its finished rows."""
    for path in sorted(folder.glob("*.jsonl")):
        yield path, finished(path)
