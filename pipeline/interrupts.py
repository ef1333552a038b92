"""Ctrl-C while an event loop runs: the loop is asked to end, because an error in its midst would tear it."""

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def handled(numbers: Iterable[int], before: Any, after: Any) -> Iterator[None]:
    """A block in which those signals that are handled as `before` are handled as `after`.

    In another thread than the main one, which alone gets signals, it changes nothing.
    """
    is_main = threading.current_thread() is threading.main_thread()
    taken = [number for number in numbers if is_main and signal.getsignal(number) == before]
    for number in taken:
        signal.signal(number, after)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before)


class Interrupts:
    """The first signal that would raise a KeyboardInterrupt calls `tell` instead; `came` says that it has."""

    def __init__(self, tell: Callable[[], Any]) -> None:
        self.came = False
        self._tell = tell

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block in which that is so. A second signal is raised at once."""
        with handled(SIGNALS, signal.default_int_handler, self._take):
            yield

    def _take(self, *_: Any) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
        self._tell()
