"""The annotation server's data folder: private, held by one server at a time, with its secret key and its logs."""

import fcntl
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from annotation.server.accounts import PRIVATE, write_private
from annotation.server.environment import Tell
from schemas.errors import StoreError

LEFTOVERS_S = 40.0
"""Seconds that the processes of a killed server may take to end; theirs are fewer."""

MAX_LOG_BYTES = 10 * 1024**2
POLL_S = 0.1


@dataclass(frozen=True)
class DataFolder:
    """A folder whose lock we hold. `processes` is a lock that the server's processes inherit, and hold too."""

    path: Path
    processes: IO[str] = field(repr=False)

    @property
    def accounts(self) -> Path:
        """The file with the users and their secrets."""
        return self.path / "accounts.json"

    def secret_key(self) -> str:
        """What the server signs sessions with: made once, as another one would end them all."""
        path = self.path / "secret_key"
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        return path.read_text(encoding="utf-8").strip()

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.path / "logs" / f"{name}.log"

    def rotate_logs(self) -> None:
        """Set logs that are too long aside, one of each; who writes to one goes on in an empty file."""
        for path in (self.path / "logs").glob("*.log"):
            if path.stat().st_size > MAX_LOG_BYTES:
                shutil.copyfile(path, path.with_suffix(".log.1"))
                os.truncate(path, 0)


@contextmanager
def held(path: Path, url: str, tell: Tell) -> Iterator[DataFolder]:
    """Make the folder where it is not there, and hold it for a server that will answer at `url`.

    StoreError: it cannot be written, it holds something else, or another server holds it.
    """
    path = path.resolve()
    try:
        _make(path, tell)
        lock, processes = ((path / name).open("a+", encoding="utf-8") for name in ("server.lock", "processes.lock"))
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}); wanted a folder for --data") from None
    with lock, processes:
        if not _try(lock):
            raise StoreError(f"{path}: {_holder(path)}; stop it, or give another folder with --data")
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "url": url}))
        lock.flush()
        _await_leftovers(path, processes, tell)
        yield DataFolder(path, processes)


def _make(path: Path, tell: Tell) -> None:
    """A folder that only its owner can enter, with files that only its owner can read."""
    is_ours = (path / "accounts.json").exists() or (path / "server.lock").exists()
    if path.is_dir() and any(path.iterdir()) and not is_ours:
        raise StoreError(f"{path}: holds something else; wanted a new or empty folder, or one of an annotation server")
    path.mkdir(parents=True, exist_ok=True)
    private = [path, *(path / name for name in ("accounts.json", "secret_key"))]
    for place in (place for place in private if place.exists() and place.stat().st_mode & 0o077):
        if is_ours:
            tell(f"{place} could be read by others (mode {stat.S_IMODE(place.stat().st_mode):04o}); now it cannot")
        place.chmod(0o700 if place.is_dir() else PRIVATE)
    (path / "logs").mkdir(exist_ok=True)
    (path / ".gitignore").write_text("*\n", encoding="utf-8")  # secrets and answers are no part of a project


def _try(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    try:
        by = json.loads((path / "server.lock").read_text(encoding="utf-8"))
        return f"an annotation server holds it already (process {by['pid']}, {by['url']})"
    except (OSError, ValueError, KeyError):
        return "an annotation server holds it already"


def _await_leftovers(path: Path, processes: IO[str], tell: Tell) -> None:
    """Wait for the processes of a server that was killed; they end by themselves."""
    if _try(processes):
        return
    tell("an earlier server on this folder was killed; waiting for its processes to end")
    deadline = time.monotonic() + LEFTOVERS_S
    while not _try(processes):
        if time.monotonic() > deadline:
            raise StoreError(f"{path}: processes of an earlier server still run after {LEFTOVERS_S:g} s; end them")
        time.sleep(POLL_S)
