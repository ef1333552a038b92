"""The one module that reads and writes tables: Parquet parts under `<run>/<table>/`, `manifest.json` last.

The manifest is the truth: a part that it does not name does not exist, whatever a listing says. It is swapped only
against the version that was read. `publish` replaces a table, `append` adds a part, `seal` marks the fixed point of
a table that grew by parts.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import dataframely as dy
import fsspec
import polars as pl

from pipeline.blobs import Conflict, is_local, read_version, remove, swap, write_whole
from schemas.errors import SchemaError, StoreError
from schemas.ids import canonical_json
from schemas.tables import TABLES, polars_schema, table_name

Table = type[dy.Schema]
MAX_SWAPS = 20
LIBRARIES = ("polars", "dataframely", "datasketch", "duckdb", "math-verify", "numpy", "scipy")


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

    def manifest(self, table: Table) -> dict[str, Any] | None:
        """The published manifest of a table; None where nothing is published."""
        return self._manifest_version(table)[0]

    def _manifest_version(self, table: Table) -> tuple[dict[str, Any] | None, str | None]:
        path = self.path(table_name(table), "manifest.json")
        content, token = read_version(self.fs, path)
        if content is None:
            return None, token
        try:
            return json.loads(content), token
        except ValueError as error:
            raise StoreError(f"{path}: not a readable manifest ({error}); restore it or use another run") from None

    def part_paths(self, table: Table) -> list[str]:
        """Paths of the published parts, for `fs`."""
        return self._paths(self.manifest(table))

    def _paths(self, manifest: dict[str, Any] | None) -> list[str]:
        return [self.path(manifest["table"], part["name"]) for part in manifest["parts"]] if manifest else []

    def read(self, table: Table) -> pl.DataFrame:
        """All published rows, with the declared types; an empty frame where nothing is published."""
        manifest = self.manifest(table)
        try:
            frames = [_read_part(self.fs, path) for path in self._paths(manifest)]
        except StoreError:
            if self.manifest(table) == manifest:
                raise
            return self.read(table)  # the table was replaced while it was being read
        return pl.concat([table.create_empty(), *(_typed(frame, table) for frame in frames)])


def open_run(url: str) -> Run:
    """A run on a local path or any fsspec URL; nothing is created until something is written."""
    try:
        fs, root = fsspec.core.url_to_fs(str(url))
    except (ImportError, ValueError) as error:
        raise StoreError(f"--run {url}: {error}") from None
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


def publish(run: Run, table: Table, frame: pl.DataFrame, made_by: Provenance) -> dict[str, Any]:
    """Replace a table by one part. The old parts go after the manifest no longer names them."""
    part = _write_part(run, table, frame, 0)
    before, _ = run._manifest_version(table)

    def replaced(_: dict[str, Any] | None) -> dict[str, Any]:
        return _manifest(table, [part], made_by, sealed=True)

    after = _swap_manifest(run, table, replaced)
    for old in before["parts"] if before else []:
        if old["name"] != part["name"]:
            remove(run.fs, run.path(table_name(table), old["name"]))
    return after


def append(run: Run, table: Table, frame: pl.DataFrame, made_by: Provenance) -> dict[str, Any]:
    """Add a part; writers that meet retry, so that no part is lost. Appending the same rows twice adds them once."""
    part = _write_part(run, table, frame, None)

    def grown(before: dict[str, Any] | None) -> dict[str, Any]:
        parts = before["parts"] if before else []
        if all(old["name"] != part["name"] for old in parts):
            parts = [*parts, part]
        return _manifest(table, parts, made_by, sealed=False)

    return _swap_manifest(run, table, grown)


def seal(run: Run, table: Table) -> None:
    """Mark the fixed point of a table that grew by parts."""
    if (manifest := run.manifest(table)) and not manifest["sealed"]:
        _swap_manifest(run, table, lambda before: {**(before or {}), "sealed": True})


def set_aside(run: Run, table: Table, rows: pl.DataFrame) -> int:
    """Move rows out of a table into `<run>/set_aside/`, so that they are owed again; returns how many."""
    manifest = run.manifest(table)
    if manifest is None or rows.is_empty():
        return 0
    rest = run.read(table).join(rows.select(table.primary_key()), on=table.primary_key(), how="anti")
    content, sha256 = _parquet(rows)
    write_whole(run.fs, run.path("set_aside", f"{table_name(table)}-{sha256[:16]}.parquet"), content)
    publish(run, table, rest, Provenance(manifest["stage"], source_digest=manifest["source_digest"]))
    return rows.height


def sweep(run: Run) -> list[str]:
    """Remove parts that no manifest names: what a killed writer left. Only the holder of the lock may call it."""
    swept = []
    for table in TABLES:
        folder = run.path(table_name(table))
        named = set(run.part_paths(table))
        for path in run.fs.glob(f"{folder}/*.parquet") if run.fs.exists(folder) else []:
            if path not in named:
                remove(run.fs, path)
                swept.append(path)
    return swept


def digest(manifest: Mapping[str, Any] | None) -> str:
    """What a table holds, whatever the order in which its parts came; "" where it is not published."""
    if manifest is None:
        return ""
    return hashlib.sha256("".join(sorted(part["sha256"] for part in manifest["parts"])).encode()).hexdigest()


def validate(table: Table, frame: pl.DataFrame, where: str = "") -> pl.DataFrame:
    """The frame in declared column order, or a SchemaError that names what breaks the declaration."""
    try:
        return table.validate(frame, cast=False)
    except (dy.exc.ValidationError, dy.exc.SchemaError) as error:
        reason = " ".join(str(error).split())
        raise SchemaError(f"{where or table_name(table)}: rows do not match the table's declaration: {reason}") from None


def _write_part(run: Run, table: Table, frame: pl.DataFrame, number: int | None) -> dict[str, Any]:
    """Write rows, sorted by key, as a part named for its content; enums as strings so that every reader opens it."""
    content, sha256 = _parquet(validate(table, frame).sort(table.primary_key()))
    name = f"part-{sha256[:16]}.parquet" if number is None else f"part-{number:05d}-{sha256[:16]}.parquet"
    write_whole(run.fs, run.path(table_name(table), name), content)
    return {"name": name, "rows": frame.height, "sha256": sha256}


def _parquet(frame: pl.DataFrame) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    frame.with_columns(pl.col(pl.Enum).cast(pl.String)).write_parquet(buffer, compression="zstd")
    content = buffer.getvalue()
    return content, hashlib.sha256(content).hexdigest()


def _read_part(fs: Any, path: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(path if is_local(fs) else io.BytesIO(fs.cat_file(path)), glob=False)
    except FileNotFoundError:
        raise StoreError(f"{path}: the manifest names this part, but it is gone; restore it or use another run") from None
    except pl.exceptions.ComputeError as error:
        raise StoreError(f"{path}: not a readable Parquet file ({error}); restore it or use another run") from None


def _typed(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    schema = polars_schema(table)
    if set(frame.columns) != set(schema):
        missing, extra = sorted(set(schema) - set(frame.columns)), sorted(set(frame.columns) - set(schema))
        raise SchemaError(
            f"{table_name(table)}: its parts have other columns than this version declares "
            f"(missing {missing}, unknown {extra}); it was made by another version: use another run"
        )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())


def _manifest(table: Table, parts: list[dict[str, Any]], made_by: Provenance, *, sealed: bool) -> dict[str, Any]:
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


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _swap_manifest(
    run: Run, table: Table, change: Callable[[dict[str, Any] | None], dict[str, Any]]
) -> dict[str, Any]:
    """Read, change and swap until nobody else got in between; the run must not be locked by another owner."""
    path = run.path(table_name(table), "manifest.json")
    for _ in range(MAX_SWAPS):
        require_unlocked(run)
        before, token = run._manifest_version(table)
        after = change(before)
        after["version"] = (before or {}).get("version", 0) + 1
        try:
            swap(run.fs, path, json.dumps(after, indent=1, ensure_ascii=False).encode(), token)
        except Conflict:
            continue
        return after
    raise StoreError(f"{path}: {MAX_SWAPS} swaps met another writer's; is a second process writing to this run?")


def require_unlocked(run: Run) -> None:
    """Refuse to write where the lock belongs to somebody else."""
    content, _ = read_version(run.fs, run.path("lock.json"))
    holder = json.loads(content) if content else None
    if holder and holder["owner"] != run.owner and (run.owner or holder["expires_at"] > _now()):
        raise StoreError(f"{run.url}: this process does not hold the run's lock; {describe_holder(holder)}")


def describe_holder(holder: Mapping[str, Any]) -> str:
    """Who holds a lock and since when, in words."""
    return (
        f"process {holder['pid']} on {holder['host']} holds it since {holder['acquired_at']} "
        f"(lease until {holder['expires_at']})"
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def with_owner(run: Run, owner: str) -> Run:
    """The same run, as its lock's owner."""
    return replace(run, owner=owner)
