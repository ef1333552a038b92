"""Kernels: functions over arrays that numba compiles once, without the interpreter lock, and keeps compiled on disk.

numba looks only at the file of a function to see whether what it kept is stale, not at the files of the functions that
it calls. Ours are kept in a folder named by the digest of all of them.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numba
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

Bits: TypeAlias = Any
"""An unsigned number of 32 or 64 bits, as kernels compute with: it wraps around."""

ZERO: Any = np.int64(0)
"""Where counting begins. For an argument that may be a literal 0, numba compiles a function once more."""

_HERE = Path(__file__).parent


def kernel(function: Function) -> Function:
    """A function that is compiled at its first call and kept; where nothing may be written, in each process anew."""
    found = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(Path(found or _HERE / "__pycache__") / _name())
    try:
        return _compiled(function, cache=True)
    except RuntimeError:  # there is no folder that may be written to
        return _compiled(function)
    finally:
        numba.config.CACHE_DIR = found


def inner(function: Function) -> Function:
    """A function that only kernels call, compiled into each that does, without a way in from Python."""
    return _compiled(function, no_cpython_wrapper=True)


def _compiled(function: Function, **options: bool) -> Function:
    compiled: Function = numba.njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True, **options)(function)
    return compiled


@cache
def _name() -> str:
    sources = sorted([*_HERE.glob("shingling/*.py"), *_HERE.glob("minhash/*.py")])
    digest = sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()
    return f"kernels-{digest[:16]}"
