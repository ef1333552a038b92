"""Call functions in a worker process that has little memory and no environment, and kill it when time is up."""

import atexit
import contextlib
import os
import resource
from collections.abc import Callable
from concurrent.futures import wait
from typing import Any

from loky import BrokenProcessPool, ProcessPoolExecutor

MEMORY_BYTES = 2 * 1024**3
START_SECONDS = 120.0
"""Longest that a worker may take to start and warm up, which no call is charged for."""


class OutOfTime(Exception):
    """The call was not done in time; its process was killed."""


class LimitedWorkers:
    """Worker processes, as many as are called at a time; each is kept for later calls and replaced when killed.

    `warm` runs first in every new process, before any call's time starts: imports belong there.
    Covers: time, memory, secrets in the environment. Does not cover: files, network, other processes.
    """

    def __init__(self, warm: Callable[[], None]) -> None:
        self._warm = warm
        self._idle: list[ProcessPoolExecutor] = []
        atexit.register(self.close)

    def close(self) -> None:
        """End the idle processes; the next call starts another."""
        while self._idle:
            self._idle.pop().shutdown(kill_workers=True)

    def call(self, function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
        """The function's result, or its exception; OutOfTime where it takes longer than `seconds`."""
        worker = self._take()
        future = worker.submit(function, *arguments)
        wait([future], timeout=seconds)
        if not future.done():
            worker.shutdown(kill_workers=True)
            raise OutOfTime(f"not done after {seconds} s")
        if isinstance(future.exception(), BrokenProcessPool):
            worker.shutdown(kill_workers=True)
        else:
            self._idle.append(worker)
        return future.result()

    def _take(self) -> ProcessPoolExecutor:
        """A warm worker: an idle one, else a new one. (Popping from a list is safe among threads.)"""
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        worker = ProcessPoolExecutor(max_workers=1, initializer=_limit)
        worker.submit(self._warm).result(START_SECONDS)
        return worker


def _limit() -> None:
    """Limit the worker process; an allocation above the limit is a MemoryError there."""
    os.environ.clear()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
