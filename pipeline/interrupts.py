"""Ctrl-C while an event loop runs: the loop is asked to end, because an error in its midst would tear it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """The first signal that would raise a KeyboardInterrupt calls `tell` instead; `came` says that it has."""

    def __init__(self, tell: Callable[[], Any]) -> None:
        self.came = False
        self._tell = tell

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block in which that is so. A second signal is raised at once; threads but the main one get none."""
        is_main = threading.current_thread() is threading.main_thread()
        raising = [one for one in SIGNALS if is_main and signal.getsignal(one) is signal.default_int_handler]
        for one in raising:
            signal.signal(one, self._take)
        try:
            yield
        finally:
            for one in raising:
                signal.signal(one, signal.default_int_handler)

    def _take(self, *_: Any) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
        self._tell()
