"""The one module that reads and writes tables: Parquet parts under `<run>/<table>/`, `manifest.json` last.

The manifest is the truth: a part that it does not name does not exist, whatever a listing says. It is swapped only
against the version that was read. `publish` replaces a table, `append` adds a part, `seal` marks the fixed point of
a table that grew by parts.
"""

import contextlib
import hashlib
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import fsspec
import polars as pl

from pipeline.blobs import Conflict, is_local, read_version, remove, swap, write_whole
from pipeline.lease import require_unlocked
from pipeline.parts import Table, parquet, read_part, validate
from schemas.errors import StoreError
from schemas.ids import canonical_json
from schemas.tables import TABLES, polars_schema, table_name

Manifest = dict[str, Any]
Version = tuple[Manifest | None, str | None]
"""A small JSON file as it was read, and the token that a swap compares; (None, None) where there is none."""

MAX_SWAPS = 20
MANIFEST_KEYS = {"table", "rows", "parts", "sealed", "version"}
LIBRARIES = ("polars", "dataframely", "datasketch", "duckdb", "math-verify", "numpy", "py3langid", "scipy")


@dataclass(frozen=True)
class Run:
    """A run folder: an fsspec filesystem and a root path. `owner` is set while this process holds the run's lock."""

    url: str
    fs: Any = field(compare=False)
    root: str
    owner: str | None = None

    def path(self, *names: str) -> str:
        """The path of a file in the run, for `fs`."""
        return "/".join((self.root, *names))

    def location(self, *names: str) -> str:
        """The path or URL of a file in the run, for whoever opens it without `fs`."""
        path = self.path(*names)
        return path if is_local(self.fs) else str(self.fs.unstrip_protocol(path))

    def manifest(self, table: Table) -> Manifest | None:
        """The published manifest of a table; None where nothing is published."""
        return self.manifest_version(table)[0]

    def manifest_version(self, table: Table) -> Version:
        """The published manifest and the token that a swap against it needs."""
        path = self.path(table_name(table), "manifest.json")
        content, token = read_version(self.fs, path)
        if content is None:
            return None, token
        with contextlib.suppress(ValueError):
            manifest = json.loads(content)
            if isinstance(manifest, dict) and manifest.keys() >= MANIFEST_KEYS and isinstance(manifest["parts"], list):
                return manifest, token
        raise StoreError(f"{path}: not a readable manifest; restore it or use another run")

    def part_paths(self, table: Table) -> list[str]:
        """Paths of the published parts, for `fs`."""
        return self._paths(self.manifest(table))

    def _paths(self, manifest: Manifest | None) -> list[str]:
        return [self.path(manifest["table"], part["name"]) for part in manifest["parts"]] if manifest else []

    def read(self, table: Table) -> pl.DataFrame:
        """All published rows, with the declared types; an empty frame where nothing is published."""
        return self._columns(table, list(polars_schema(table)))

    def keys(self, table: Table, *more: str) -> pl.DataFrame:
        """The same, but only the table's key and the columns named: what is large stays where it is."""
        return self._columns(table, [*table.primary_key(), *more])

    def _columns(self, table: Table, names: list[str]) -> pl.DataFrame:
        manifest = self.manifest(table)
        try:
            frames = [read_part(self.fs, path, table, names) for path in self._paths(manifest)]
        except StoreError:
            if self.manifest(table) == manifest:
                raise
            return self._columns(table, names)  # the table was replaced while it was being read
        return pl.concat([table.create_empty().select(names), *frames])


def open_run(url: str) -> Run:
    """A run on a local path or any fsspec URL; nothing is created until something is written.

    Listings are not cached: s3fs looks files up in its cache, and would not find what others wrote since.
    """
    try:
        fs, root = fsspec.core.url_to_fs(str(url), use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise StoreError(f"{url}: {error}") from None
    if is_local(fs) and Path(root).exists() and not Path(root).is_dir():
        raise StoreError(f"{url}: this is a file; wanted a folder")
    return Run(str(url), fs, root.rstrip("/"))


@dataclass(frozen=True)
class Provenance:
    """What a table was made from: enough to tell whether it would come out the same again."""

    stage: str
    config: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    source_digest: str = ""

    def matches(self, manifest: Mapping[str, Any]) -> bool:
        """Whether a published table came from the same inputs, config and code."""
        return canonical_json(self._comparable()) == canonical_json(
            {name: manifest.get(name) for name in ("stage", "config", "inputs", "source_digest")}
        )

    def _comparable(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "config": dict(self.config),
            "inputs": dict(self.inputs),
            "source_digest": self.source_digest,
        }


def publish(run: Run, table: Table, frame: pl.DataFrame, made_by: Provenance) -> Manifest:
    """Replace a table by one part; Conflict where another writer changed the table meanwhile."""
    return _replace(run, table, frame, made_by, run.manifest_version(table), sealed=True)


def append(
    run: Run, table: Table, frame: pl.DataFrame, made_by: Provenance, check: Callable[[Manifest], None] | None = None
) -> Manifest:
    """Add a part; writers that meet retry, so that no part is lost. Appending the same rows twice adds them once.

    `check` raises where what is there already cannot be added to.
    """
    part = _write_part(run, table, frame, "part")

    def grown(before: Manifest | None) -> Manifest:
        if before and check:
            check(before)
        parts = before["parts"] if before else []
        if all(old["name"] != part["name"] for old in parts):
            parts = [*parts, part]
        return _manifest(table, parts, made_by, sealed=False)

    return _change_manifest(run, table, grown)


def seal(run: Run, table: Table) -> None:
    """Mark the fixed point of a table that grew by parts."""
    if (manifest := run.manifest(table)) and not manifest["sealed"]:
        _change_manifest(run, table, lambda before: {**(before or {}), "sealed": True})


def set_aside(run: Run, table: Table, rows: pl.DataFrame) -> int:
    """Move rows out of a table into `<run>/set_aside/`, so that they are owed again; returns how many."""
    read = manifest, _ = run.manifest_version(table)
    if manifest is None or rows.is_empty():
        return 0
    key = table.primary_key()
    rest = run.read(table).join(rows.select(key), on=key, how="anti")
    content, sha256 = parquet(rows.sort(key))
    write_whole(run.fs, run.path("set_aside", f"{table_name(table)}-{sha256[:16]}.parquet"), content)
    made_by = Provenance(manifest["stage"], source_digest=manifest["source_digest"])
    _replace(run, table, rest, made_by, read, sealed=False)
    return rows.height


def sweep(run: Run) -> list[str]:
    """Clear away parts that no manifest names: what a killed writer left. Only the holder of the lock may call it.

    Where a table has no manifest at all, it may be the manifest that was lost: its parts are set aside, not removed.
    """
    swept = []
    for table in TABLES:
        manifest = run.manifest(table)
        named = {part["name"] for part in manifest["parts"]} if manifest else set()
        for name in _listed(run, table_name(table)):
            if name not in named and (name.startswith("part-") or name.endswith(".tmp")):
                path = run.path(table_name(table), name)
                if manifest is None and name.endswith(".parquet"):
                    write_whole(run.fs, run.path("set_aside", f"{table_name(table)}-{name}"), run.fs.cat_file(path))
                remove(run.fs, path)
                swept.append(path)
    return swept


def fence(run: Run) -> None:
    """Make every manifest a new version, so that a swap which an earlier holder of the lock has in flight fails."""
    for table in TABLES:
        if run.manifest(table):
            _change_manifest(run, table, lambda before: dict(before or {}))


def digest(manifest: Mapping[str, Any] | None) -> str:
    """What a table holds, whatever the order in which its parts came; "" where it is not published."""
    if manifest is None:
        return ""
    return hashlib.sha256("".join(sorted(part["sha256"] for part in manifest["parts"])).encode()).hexdigest()


def _replace(
    run: Run, table: Table, frame: pl.DataFrame, made_by: Provenance, read: Version, *, sealed: bool
) -> Manifest:
    """Replace the version `read` of a table. Its parts go after the manifest no longer names them.

    The new part is named for the new version, so that nobody can remove it while removing an older one.
    """
    before, token = read
    part = _write_part(run, table, frame, f"part-{_next_version(before):05d}")
    after = _swap_manifest(run, table, _manifest(table, [part], made_by, sealed=sealed), before, token)
    for old in before["parts"] if before else []:
        remove(run.fs, run.path(table_name(table), old["name"]))
    return after


def _write_part(run: Run, table: Table, frame: pl.DataFrame, prefix: str) -> dict[str, Any]:
    """Write rows, sorted by key, as a part named for its content; returns its line in the manifest."""
    content, sha256 = parquet(validate(table, frame).sort(table.primary_key()))
    name = f"{prefix}-{sha256[:16]}.parquet"
    write_whole(run.fs, run.path(table_name(table), name), content)
    return {"name": name, "rows": frame.height, "sha256": sha256}


def _listed(run: Run, name: str) -> list[str]:
    """File names in a folder of the run; a listing may lag, so nothing but tidying up may depend on it."""
    folder = run.path(name)
    try:
        return [path.rpartition("/")[2] for path in run.fs.ls(folder, detail=False)]
    except FileNotFoundError:
        return []


def _manifest(table: Table, parts: list[dict[str, Any]], made_by: Provenance, *, sealed: bool) -> Manifest:
    return {
        "table": table_name(table),
        "stage": made_by.stage,
        "rows": sum(part["rows"] for part in parts),
        "key": table.primary_key(),
        "columns": {name: str(dtype) for name, dtype in polars_schema(table).items()},
        "config": dict(made_by.config),
        "inputs": dict(made_by.inputs),
        "source_digest": made_by.source_digest,
        "parts": parts,
        "sealed": sealed,
        "versions": {name: _version(name) for name in ("coldstart", *LIBRARIES)},
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _change_manifest(run: Run, table: Table, change: Callable[[Manifest | None], Manifest]) -> Manifest:
    """Read, change and swap until nobody else got in between."""
    for attempt in range(MAX_SWAPS):
        before, token = run.manifest_version(table)
        try:
            return _swap_manifest(run, table, change(before), before, token)
        except Conflict:
            time.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 5)))
    raise StoreError(
        f"{run.path(table_name(table))}: {MAX_SWAPS} swaps of its manifest met another writer's; "
        "is a second process writing to this run?"
    )


def _swap_manifest(run: Run, table: Table, after: Manifest, before: Manifest | None, token: str | None) -> Manifest:
    """Publish a manifest in place of the version that was read, unless the run is locked by another owner.

    The lock is read after the manifest: a holder that takes over in between changes the version (`fence`).
    """
    require_unlocked(run)
    after = {**after, "version": _next_version(before)}
    content = json.dumps(after, indent=1, ensure_ascii=False).encode()
    swap(run.fs, run.path(table_name(table), "manifest.json"), content, token)
    return after


def _next_version(before: Manifest | None) -> int:
    return int(before["version"]) + 1 if before else 1
