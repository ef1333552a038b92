"""Kernels: functions over arrays that numba compiles once, without the interpreter lock, and keeps compiled on disk.

numba looks only at the file of a function to see whether what it kept is stale, not at the files of the functions that
it calls. Ours are kept in a folder named by the digest of all of them.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numba
import numpy as np

from pipeline.cache_folder import cache_folder

Function = TypeVar("Function", bound=Callable[..., Any])

Bits: TypeAlias = Any
"""An unsigned number of 32 or 64 bits, as kernels compute with: it wraps around."""

ZERO: Any = np.int64(0)
"""Where counting begins. For an argument that may be a literal 0, numba compiles a function once more."""

_HERE = Path(__file__).parent


def kernel(function: Function) -> Function:
    """A function that is compiled at its first call and kept; where nothing may be written, in each process anew."""
    found = numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES
    numba.config.CACHE_LOCATOR_CLASSES = "UserProvidedCacheLocator"  # the others would fall back to other folders
    try:
        for folder in _folders():
            numba.config.CACHE_DIR = str(folder / _name())
            with suppress(RuntimeError):  # it may not be written to
                return _compiled(function, cache=True)
        return _compiled(function)
    finally:
        numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES = found


def _folders() -> Iterator[Path]:
    """Where compiled kernels are kept: in the first folder that may be written to."""
    if numba.config.CACHE_DIR:
        yield Path(numba.config.CACHE_DIR)
        return
    yield _HERE / "__pycache__"
    with suppress(RuntimeError):  # this user has no home
        yield cache_folder()


def inner(function: Function) -> Function:
    """A function that only kernels call, compiled into each that does, without a way in from Python."""
    return _compiled(function, no_cpython_wrapper=True)


def _compiled(function: Function, **options: bool) -> Function:
    compiled: Function = numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)(function)
    return compiled


@cache
def _name() -> str:
    sources = [Path(__file__), *sorted([*_HERE.glob("shingling/*.py"), *_HERE.glob("minhash/*.py")])]
    digest = sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    return f"kernels-{digest[:16]}"
