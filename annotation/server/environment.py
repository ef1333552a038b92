"""The annotation server's own environment: installed once into the user's cache, from the lock beside this file."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.cache_folder import cache_folder
from schemas.errors import BackendError

PYTHON_VARIABLE = "COLDSTART_ANNOTATION_PYTHON"
"""The environment variable that names the Python of another environment with the server."""

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
PROJECT = Path(__file__).resolve().parents[2]
SHOWN_LINES = 8

_VERSION = "import importlib.metadata as found; print(found.version('argilla-server'), found.version('fakeredis'))"
"""Asks a Python for the server without importing it, which would take seconds."""

Tell = Callable[[str], None]


def server_python(tell: Tell) -> Path:
    """The Python of the server's environment, which is installed where it is not there yet.

    `tell` gets a line for each thing that takes long. BackendError: it cannot be installed, or the Python that the
    environment variable names has no server.
    """
    if named := os.environ.get(PYTHON_VARIABLE):
        if not has_server(Path(named)):
            wanted = f"wanted the Python of an environment made from {REQUIREMENTS.name}"
            raise BackendError(f"{PYTHON_VARIABLE}={named}: this Python has no argilla-server; {wanted}, or unset it")
        return Path(named)
    folder = environment_folder()
    python = folder / "bin" / "python"
    if not has_server(python):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(f"{folder.name}.lock"), tell):
            if not has_server(python):
                _install(folder, tell)
    return python


def environment_folder() -> Path:
    """Where the environment of this lock and this Python is, there or not."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes() + version.encode()).hexdigest()[:12]
    return cache_folder() / f"annotation-server-{digest}"


def has_server(python: Path) -> bool:
    """Whether this Python runs and has the server and what goes with it."""
    try:
        asked = subprocess.run([python, "-I", "-c", _VERSION], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _install(folder: Path, tell: Tell) -> None:
    """Build the environment beside its place, and put it there when it is whole."""
    building = folder.with_name(f"{folder.name}.building")
    for leftover in (building, folder):
        if leftover.exists():
            shutil.rmtree(leftover)
    tell(f"installing the annotation server into {folder}, once; it needs a package index and takes a minute or more")
    try:
        for command in _commands(building):
            _carry_out(command)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _commands(folder: Path) -> list[list[str]]:
    """What makes the environment, with uv where it is there, which is faster; compiled, so that it starts faster."""
    own = PROJECT / ".tools" / "bin" / "uv"
    python = str(folder / "bin" / "python")
    if uv := shutil.which("uv") or (str(own) if own.is_file() else None):
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", str(REQUIREMENTS)]
        return [[uv, "venv", "--quiet", "--python", sys.executable, str(folder)], install]
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    return [[sys.executable, "-m", "venv", str(folder)], [*pip, "install", "--quiet", "-r", str(REQUIREMENTS)]]


def _carry_out(command: Sequence[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()][-SHOWN_LINES:]
        raise BackendError(
            f"the annotation server could not be installed; {Path(command[0]).name} ended with exit code "
            f"{done.returncode}:\n  " + "\n  ".join(said) + "\nIt needs a package index, as that tool is set up to use "
            f"(UV_INDEX_URL, PIP_INDEX_URL); or name a Python that has the server with {PYTHON_VARIABLE}"
        )


@contextmanager
def _alone(path: Path, tell: Tell) -> Iterator[None]:
    """A block that one process at a time is in; the lock ends with its process."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another command installs the annotation server; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
