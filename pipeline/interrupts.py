"""Ctrl-C and its kin: raised as KeyboardInterrupt, and remembered; an event loop that runs is asked to end instead."""

import signal
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_asked = threading.Event()


@contextmanager
def interruptible() -> Iterator[None]:
    """A block that any of the signals ends with a KeyboardInterrupt; where signals are ignored, they stay so.

    Python raises it wherever the process is. In a callback from compiled code it is lost, or becomes another error:
    that error is a KeyboardInterrupt again when it leaves the block, and `check` raises one that was lost.
    """
    _asked.clear()
    with _handled((signal.SIG_DFL, signal.default_int_handler), _interrupt):
        try:
            yield
        except SystemExit:
            raise
        except BaseException as error:  # polars makes a panic of it, which is no Exception
            if _asked.is_set():
                raise KeyboardInterrupt from error
            raise


def check() -> None:
    """Raise a KeyboardInterrupt where the one of a signal was lost; called between two pieces of work."""
    if _asked.is_set():
        raise KeyboardInterrupt


class Interrupts:
    """The first signal that would raise a KeyboardInterrupt calls `tell` instead; `came` says that it has."""

    def __init__(self, tell: Callable[[], Any]) -> None:
        self.came = False
        self._tell = tell

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block in which that is so. A second signal is raised at once."""
        with _handled((_interrupt, signal.default_int_handler), self._take):
            yield

    def _take(self, *_: Any) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
        self._tell()


def _interrupt(*_: Any) -> None:
    _asked.set()
    raise KeyboardInterrupt


@contextmanager
def _handled(before: Collection[Any], after: Any) -> Iterator[None]:
    """A block in which those signals that are handled as one of `before` are handled as `after`.

    In another thread than the main one, which alone gets signals, it changes nothing.
    """
    is_main = threading.current_thread() is threading.main_thread()
    found = {number: signal.getsignal(number) for number in SIGNALS if is_main}
    taken = {number: handler for number, handler in found.items() if handler in before}
    for number in taken:
        signal.signal(number, after)
    try:
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)
