"""Folders of ours that are replaced whole: an export, a report.

A local folder appears whole or not at all: it is written beside its place and swapped in. Elsewhere (object stores
cannot rename a folder) README.md goes first and comes back last, so that a folder without it is unfinished, and what
was written is taken away again when writing fails.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any

import fsspec

from pipeline.blobs import is_local, remove, write_whole
from schemas.errors import StoreError

README = "README.md"
GENERATED = "<!-- made by coldstart from the evidence of a run; do not edit -->"
"""The mark of a README.md that may be overwritten."""


def replace_folder(to: str, files: Mapping[str, bytes], what: str, is_ours: Callable[[str], bool]) -> None:
    """Write `files` (names within the folder; README.md, with its mark, is the last one) in place of what `to` holds.

    Raises StoreError, which begins with `what`, where `to` holds a file that is not ours by its name, a README.md
    without the mark, or cannot be written; what is there then stays.
    """
    try:
        fs, root = fsspec.core.url_to_fs(to)
        fs.invalidate_cache()
        root = os.path.realpath(root) if is_local(fs) else root.rstrip("/")
        before = _names_before(fs, root, f"{what} to {to}", is_ours)
        write = _write_local if is_local(fs) else _write_remote
        write(fs, root, files, before)
    except (ImportError, ValueError, OSError) as error:
        raise StoreError(f"{what} to {to}: cannot write there: {error}") from None


def _names_before(fs: Any, root: str, where: str, is_ours: Callable[[str], bool]) -> list[str]:
    """Names of the files that are there, none where there is nothing; a StoreError for any that we did not write."""
    another = "choose a new or an empty folder"
    if not fs.exists(root):
        return []
    if not fs.isdir(root):
        raise StoreError(f"{where}: is a file; {another}, or one that was written before")
    found = sorted(path.removeprefix(root).lstrip("/") for path in fs.find(root))
    if foreign := [name for name in found if name != README and not is_ours(name)]:
        raise StoreError(f"{where}: holds {foreign[0]!r}, which was not written by coldstart; {another}")
    if README in found and GENERATED.encode() not in fs.cat_file(f"{root}/{README}"):
        raise StoreError(f"{where}: its {README} was not written by coldstart; {another}")
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
    for name in sorted(before, key=lambda name: name != README):
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
