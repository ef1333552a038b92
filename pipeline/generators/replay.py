"""Recorded responses as rollouts: one model's or several pooled, served by source key; existing traces are input.

Sample i of a prompt is row i of its recording, in an order that depends on the rows' content alone: every model's
first row comes before any model's second (so that sequential sampling of a pool is fair to all of them), and among
equals the SHA-256 of the whole row decides. Two roles that read two columns of one recording therefore get the same
row for the same sample index. With a `sample_index` column, that comes first.
"""

import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import fsspec
from pydantic import Field

from pipeline.generators import NOT_RUN, Generate, Reply, Request, failed_reply
from pipeline.recordings import Columns, count_of, recorded_reply
from pipeline.records import Record, Row, matches
from pipeline.rows import file_digest, iter_records, place
from schemas.errors import SchemaError
from schemas.recipe import Settings


class Config(Settings):
    """A recording: JSONL (also .gz), Parquet or CSV, one response a row."""

    path: str = Field(
        description="The file, relative to the recipe's `data` folder, or a URL; a changed file needs another run.",
        json_schema_extra={"mutable": True, "path": True},
    )
    columns: Columns = Field(description="Which column holds what: source_key and text, and more.")
    model: str = Field("", description="The model that answered all rows, where no column names it.")
    where: dict[str, Any] = Field({}, description="Only rows whose column has this value (or one of a list).")


def identity(config: Config) -> dict[str, Any]:
    """The recording's SHA-256 and how it is read; not where it stands."""
    return {
        "generator": "replay",
        "recording": _digest(config.path, _stamp(config.path)),
        "columns": {field: name for field, name in config.columns.model_dump().items() if name},
        "model": config.model,
        "where": config.where,
    }


@asynccontextmanager
async def open_generator(config: Config) -> AsyncIterator[Generate]:
    """Serve the recording; it is read once a process, and again where the file has changed."""
    recorded = _recording(config.model_dump_json(), _stamp(config.path))

    async def generate(requests: Iterable[Request]) -> AsyncIterator[Reply]:
        for request in requests:
            source = request.source if config.columns.source else ""
            yield _reply(request, recorded.get((source, request.source_key), []))

    yield generate


def _reply(request: Request, replies: list[Reply]) -> Reply:
    if request.sample_index < len(replies):
        return replace(replies[request.sample_index], rollout_id=request.rollout_id)
    return failed_reply(request, NOT_RUN, f"the recording has {len(replies)} responses to this prompt")


@dataclass(frozen=True)
class _Recorded:
    """One row: what it replies to, and what decides its place."""

    key: tuple[str, str]
    index: int
    model: str
    digest: str
    reply: Reply


@lru_cache(maxsize=4)
def _recording(config_json: str, stamp: str) -> dict[tuple[str, str], list[Reply]]:
    """Replies of each (source, source key), in the order in which they are served."""
    config = Config.model_validate_json(config_json)
    rows = [_read(Row(record, config.columns, where), config) for where, record in _rows(config)]
    if not rows:
        raise SchemaError(f"{config.path}: no recorded response{' that `where` lets through' if config.where else ''}")
    rows.sort(key=lambda row: row.digest)
    turn: Counter[tuple[Any, ...]] = Counter()
    ordered = []
    for row in rows:
        ordered.append((row.index, turn[row.key, row.index, row.model], row.digest, row))
        turn[row.key, row.index, row.model] += 1
    served: dict[tuple[str, str], list[Reply]] = {}
    for *_, row in sorted(ordered, key=lambda place: place[:3]):
        served.setdefault(row.key, []).append(row.reply)
    return served


def _rows(config: Config) -> Iterator[tuple[str, Record]]:
    """The rows that `where` lets through, each with where it stands."""
    for number, record in iter_records(config.path):
        where = place(config.path, number)
        if matches(record, config.where, where):
            yield where, record


def _read(row: Row, config: Config) -> _Recorded:
    source = row.text("source") if config.columns.source else ""
    model = row.optional("model") or config.model
    content = json.dumps(row.record, sort_keys=True, ensure_ascii=False, default=str)
    return _Recorded(
        key=(source, row.text("source_key")),
        index=count_of(row, "sample_index") or 0,
        model=model,
        digest=hashlib.sha256(content.encode()).hexdigest(),
        reply=recorded_reply(row, model),
    )


def _stamp(path: str) -> str:
    """What changes when the file does, without reading it: size and times, or what the store has for them."""
    try:
        fs, root = fsspec.core.url_to_fs(path)
        return str(fs.ukey(root))
    except FileNotFoundError:
        raise SchemaError(f"{path}: there is no such file; a replay needs its recording") from None
    except (OSError, ImportError, ValueError) as error:
        raise SchemaError(f"{path}: cannot be read: {error}") from None


@lru_cache(maxsize=16)
def _digest(path: str, stamp: str) -> str:
    return file_digest(path)
