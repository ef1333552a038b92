"""Export for supervised fine-tuning: a folder of Parquet files and a card that `datasets.load_dataset` opens.

A local folder appears whole or not at all: it is written beside its place and swapped in. Elsewhere (object stores
cannot rename a folder) README.md goes first and comes back last, so that a folder without it is unfinished, and what
was written is taken away again when writing fails.
"""

import contextlib
import io
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import fsspec
import polars as pl
from pydantic import Field

from pipeline.blobs import is_local, remove, write_whole
from pipeline.card import GENERATED, SPLITS, render_card
from pipeline.evidence import Evidence
from schemas.errors import InputError, StoreError
from schemas.recipe import Settings

CARD = "README.md"


class Config(Settings):
    """Where the data set goes and what it is called."""

    to: str = Field(min_length=1, description="Folder or fsspec URL; an earlier export there is replaced.")
    title: str = Field("", description="Title of the card; empty: the recipe's name.")


def export(examples: pl.DataFrame, evidence: Evidence, config: Config) -> str:
    """Write the data set and return where it went.

    Raises InputError where there are no examples, StoreError where `to` holds anything but an earlier export or
    cannot be written.
    """
    if examples.is_empty():
        raise InputError("nothing to export: the run has no examples; `coldstart funnel` shows where rows were lost")
    titled = replace(evidence, name=config.title or evidence.name)
    files = {**_splits(examples), CARD: render_card(titled, examples).encode()}
    try:
        fs, root = fsspec.core.url_to_fs(config.to)
        fs.invalidate_cache()
        root = os.path.realpath(root) if is_local(fs) else root.rstrip("/")
        before = _earlier_export(fs, root, config.to)
        write = _write_local if is_local(fs) else _write_remote
        write(fs, root, files, before)
    except (ImportError, ValueError, OSError) as error:
        raise StoreError(f"export to {config.to}: cannot write the data set there: {error}") from None
    return config.to


def _splits(examples: pl.DataFrame) -> dict[str, bytes]:
    """File name -> Parquet bytes, for each split that has rows; enums as strings so that every reader opens it."""
    files = {}
    for split in SPLITS:
        rows = examples.filter(pl.col("split") == split).sort("example_id")
        if rows.height:
            buffer = io.BytesIO()
            rows.with_columns(pl.col(pl.Enum).cast(pl.String)).write_parquet(buffer, compression="zstd")
            files[f"data/{split}-00000.parquet"] = buffer.getvalue()
    return files


def _earlier_export(fs: Any, root: str, to: str) -> list[str]:
    """Names of the files of an earlier export, none where there is nothing; a StoreError for anything else."""
    if not fs.exists(root):
        return []
    if not fs.isdir(root):
        raise StoreError(f"export to {to}: is a file; wanted a folder that is new, empty or an earlier export")
    found = sorted(path.removeprefix(root).lstrip("/") for path in fs.find(root))
    ours = {CARD, *(f"data/{split}-00000.parquet" for split in SPLITS)}
    if foreign := [name for name in found if name not in ours]:
        raise StoreError(
            f"export to {to}: holds {foreign[0]!r}, which no export wrote; choose a new or an empty folder"
        )
    if CARD in found and GENERATED.encode() not in fs.cat_file(f"{root}/{CARD}"):
        raise StoreError(f"export to {to}: its README.md was not written by an export; choose a new or an empty folder")
    return found


def _write_local(fs: Any, root: str, files: Mapping[str, bytes], before: list[str]) -> None:
    beside, old = f"{root}.{os.getpid()}.new", f"{root}.{os.getpid()}.old"
    try:
        for name, content in files.items():
            write_whole(fs, f"{beside}/{name}", content)
        if os.path.lexists(root):
            os.rename(root, old)
        os.rename(beside, root)
    except OSError:
        if os.path.lexists(old) and not os.path.lexists(root):
            os.rename(old, root)
        raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _write_remote(fs: Any, root: str, files: Mapping[str, bytes], before: list[str]) -> None:
    for name in sorted(before, key=lambda name: name != CARD):
        remove(fs, f"{root}/{name}")
    written = []
    try:
        for name, content in files.items():
            written.append(name)
            write_whole(fs, f"{root}/{name}", content)
    except OSError:
        for name in written:
            with contextlib.suppress(OSError):
                remove(fs, f"{root}/{name}")
        raise
