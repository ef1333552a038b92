"""Spread the same work on many rows over threads, or over processes where there is enough of it."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import TypeVar

from loky import get_reusable_executor

T = TypeVar("T")
R = TypeVar("R")

MIN_ROWS_FOR_PROCESSES = 5_000
"""Fewer rows are done about as soon as processes have started."""
CHUNK = 200
"""Rows that a process is handed at once."""
IDLE_SECONDS = 30
"""How long a process waits for more."""


def spread(work: Callable[[T], R], items: Iterable[T], workers: int, *, processes: bool = False) -> Iterator[R]:
    """What `work` makes of each item, as soon as it is there, in any order.

    Python runs one thread at a time, so threads gain only where `work` waits for other programs. For processes, `work`,
    the items and what comes of them must be picklable.
    """
    if workers == 1:
        yield from map(work, items)
    elif processes:
        yield from _in_processes(work, items, workers)
    else:
        pool = ThreadPoolExecutor(workers)
        try:
            yield from (done.result() for done in as_completed([pool.submit(work, item) for item in items]))
        finally:
            pool.shutdown(cancel_futures=True)


def _in_processes(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """The same by processes that are kept for later calls."""
    pool = get_reusable_executor(
        max_workers=workers, timeout=IDLE_SECONDS, initializer=_follow, initargs=(os.getpid(),)
    )
    rows = iter(items)
    asked = [pool.submit(_each, work, chunk) for chunk in iter(lambda: list(islice(rows, CHUNK)), [])]
    try:
        for done in as_completed(asked):
            yield from done.result()
    finally:
        for future in asked:
            future.cancel()


def _follow(parent: int) -> None:
    """Runs in each process: end it with the one that started it, which may be killed without a word."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _each(work: Callable[[T], R], items: list[T]) -> list[R]:
    return [work(item) for item in items]
