"""The user's cache: what may be lost, and is kept where no run folder can hold it."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/coldstart`, else `~/.cache/coldstart`, there or not; RuntimeError where the user has no home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coldstart"
