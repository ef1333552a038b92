"""Call functions in worker processes with little time, little memory and no environment; confined, with no way out.

Covers: time, memory, secrets in the environment. Confined, which needs Linux, also network, files, other processes (see
`pipeline.confine`), and later calls: each has a fresh process, so that none can change what another finds.

Does not cover: a call that takes over its own process can say what it likes about itself.
"""

import atexit
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from subprocess import DEVNULL, PIPE
from typing import Any

from pipeline.limited_process import DIED, DONE, OUT_OF_TIME, READY, UNCONFINED, read_line
from schemas.errors import BackendError

START_SECONDS = 120.0
"""Longest that a worker may take to start and warm up, which no call is charged for."""
GRACE_SECONDS = 30.0
"""How long after its time the end of a confined call may take to be reported, before its worker is given up."""
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""All that a worker's environment holds, so that the order of a set is the same in each; a call's holds nothing."""

_START = "import sys, json; sys.path[:] = json.loads(sys.stdin.buffer.readline())\n"
_SERVE = "from pipeline.limited_process import serve; serve(*sys.argv[1:])"


class OutOfTime(Exception):
    """The call was not done in time; its process was killed."""


class CallFailed(Exception):
    """The call raised, or its process died."""


class LimitedWorkers:
    """Worker processes, as many as are called at a time; each is kept for later calls and replaced when killed.

    `warm` runs first in every new worker, before any call's time starts: imports belong there. With `confined`, for
    functions that may run what a model wrote, each call has a confined process of its own, forked off the worker; a
    system that has no such thing is refused with a BackendError.

    >>> LimitedWorkers(list).call(divmod, 7, 2, seconds=5)
    [3, 1]
    """

    def __init__(self, warm: Callable[..., Any], *, confined: bool = False) -> None:
        self._warm = _name(warm)
        self._how = "confined" if confined else ""
        self._idle: list[subprocess.Popen[bytes]] = []
        atexit.register(self.close)

    def close(self) -> None:
        """End the idle workers; the next call starts another."""
        while self._idle:
            _end(self._idle.pop())

    def call(self, function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
        """The function's result, as JSON gives it back: functions of a module, JSON values in and out.

        Raises OutOfTime where it takes longer than `seconds`, and CallFailed where it raises or its process dies.
        """
        request = {"function": _name(function), "arguments": arguments, "seconds": seconds}
        worker = self._take()
        kind, payload = _ask(worker, json.dumps(request), seconds + (GRACE_SECONDS if self._how else 0))
        if worker.poll() is None:
            self._idle.append(worker)
        if kind == OUT_OF_TIME:
            raise OutOfTime(f"not done after {seconds} s")
        if kind != DONE:
            raise CallFailed(f"the process died: {payload.decode(errors='replace')}")
        return _result(payload)

    def _take(self) -> subprocess.Popen[bytes]:
        """A warm worker: an idle one, else a new one. (Popping from a list is safe among threads.)"""
        with suppress(IndexError):
            return self._idle.pop()
        command = [sys.executable, "-P", "-s", "-X", "utf8", "-c", _START + _SERVE, self._warm, self._how]
        worker = subprocess.Popen(
            command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=ENVIRONMENT, start_new_session=True
        )
        kind, text = _ask(worker, json.dumps(sys.path), START_SECONDS)
        if kind == UNCONFINED:
            _end(worker)
            raise BackendError(
                "what a model wrote is only evaluated in a confined process, which needs Linux with seccomp"
            )
        if kind != READY:
            _end(worker)
            raise CallFailed(f"a worker process did not start: {text.decode(errors='replace')}")
        return worker


def _ask(worker: subprocess.Popen[bytes], line: str, seconds: float) -> tuple[bytes, bytes]:
    """Send a line and get the reply's kind and payload; a worker that does not reply is ended."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(line.encode() + b"\n")
        worker.stdin.flush()
        reply = read_line(worker.stdout.fileno(), seconds)
    except TimeoutError:
        _end(worker)
        return OUT_OF_TIME, b""
    except (OSError, ValueError) as error:
        reply = DIED + b" " + str(error).encode()
    if not reply.endswith(b"\n"):
        _end(worker)
    kind, _, payload = reply.rstrip(b"\n").partition(b" ")
    return kind or DIED, payload


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.communicate()


def _result(payload: bytes) -> Any:
    """The result in a reply, which is hostile: any bytes."""
    try:
        reply = json.loads(payload)
    except (ValueError, RecursionError):
        reply = None
    if isinstance(reply, dict) and "result" in reply:
        return reply["result"]
    raise CallFailed(str(reply["error"]) if isinstance(reply, dict) and "error" in reply else "no readable reply")


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}:{function.__qualname__}"
