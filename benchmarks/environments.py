"""Environments of the libraries we are compared with: one each, made when first asked for, with pinned versions."""

import subprocess
import sys
from pathlib import Path

from pipeline.cache_folder import cache_folder

CACHE = cache_folder() / "benchmarks"


class NotInstalled(Exception):
    """A peer could not be installed here; the text says why."""


def python_of(name: str, requirements: tuple[str, ...]) -> Path:
    """The interpreter of an environment with some packages; NotInstalled where pip cannot make one. Takes minutes."""
    folder = CACHE / name
    python, done = folder / "bin" / "python", folder / "requirements"
    if done.exists() and done.read_text() == "\n".join(requirements):
        return python
    _call([sys.executable, "-m", "venv", "--clear", str(folder)])
    _call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
    done.write_text("\n".join(requirements))
    return python


def _call(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise NotInstalled((errors or [done.stderr.strip() or f"exit code {done.returncode}"])[-1])
