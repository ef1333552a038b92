"""The process behind `pipeline.limited`: warmed up once, it runs calls itself or forks a confined process for each.

Requests and replies are lines on stdin and stdout. What a forked process sends is passed on unread, as one line: only
JSON is ever made of it, in the caller.
"""

import gc
import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from typing import Any, NoReturn

from pipeline.confine import CannotConfine, confine, limit_memory, read_only_python

READY = b"ready"
UNCONFINED = b"unconfined"
"""The first and last line, in place of READY: this system cannot confine calls."""
DONE = b"done"
DIED = b"died"
OUT_OF_TIME = b"out_of_time"

MAX_RESULT_BYTES = 8 * 1024**2
STEP = 65_536


def read_line(descriptor: int, seconds: float) -> bytes:
    """All bytes up to the end of line, or of the stream; TimeoutError after `seconds`, ValueError above the limit."""
    deadline = time.monotonic() + seconds
    content = bytearray()
    while not content.endswith(b"\n"):
        if not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        if not (part := os.read(descriptor, STEP)):
            break
        content += part
        if len(content) > MAX_RESULT_BYTES:
            raise ValueError(f"more than {MAX_RESULT_BYTES} bytes")
    return bytes(content)


def serve(warm: str, how: str) -> None:
    """Answer requests until stdin ends; `how` is "confined", or empty for calls in this process."""
    replies, nothing = os.dup(1), os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # a process that forks should have no other threads
    limit_memory()
    try:
        _find(warm)()
    except Exception as error:  # noqa: BLE001 - the caller raises it
        _write(replies, DIED, f"{type(error).__name__}: {error}"[:300].encode())
        return
    os.environ.clear()
    if how == "confined":
        read_only_python()
        gc.collect()
        gc.freeze()  # so that a forked process shares the memory of all that is warm
        if not _can_confine():
            _write(replies, UNCONFINED)
            return
    _write(replies, READY)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _write(replies, *(_forked(request, nothing) if how == "confined" else (DONE, _outcome(request))))


def _can_confine() -> bool:
    child = os.fork()
    if child == 0:
        try:
            confine(1)
        except CannotConfine:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _forked(request: dict[str, Any], nothing: int) -> tuple[bytes, bytes]:
    """What came of a call: its own reply, or that it died or ran out of time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _run(request, writer, nothing)
    os.close(writer)
    try:
        payload, kind = read_line(reader, request["seconds"]), DONE
    except TimeoutError:
        payload, kind = b"", OUT_OF_TIME
    except (ValueError, MemoryError):
        payload, kind = b"", DIED
    os.close(reader)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if kind == DONE and (payload.count(b"\n") != 1 or not payload.endswith(b"\n")):
        is_out_of_time = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
        return (OUT_OF_TIME, b"") if is_out_of_time else (DIED, f"status {status}".encode())
    return kind, payload.rstrip(b"\n")


def _run(request: dict[str, Any], writer: int, nothing: int) -> NoReturn:
    """The life of a call's process: nothing open but the way for its reply, confined, and gone without clean-up."""
    try:
        os.setsid()
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.dup2(writer, 3)
        os.closerange(4, os.sysconf("SC_OPEN_MAX"))
        confine(request["seconds"])
        _write(3, _outcome(request))
    finally:
        os._exit(0)


def _outcome(request: dict[str, Any]) -> bytes:
    """The call's result, or its exception in words, as JSON."""
    try:
        return json.dumps({"result": _find(request["function"])(*request["arguments"])}).encode()
    except Exception as error:  # noqa: BLE001 - the caller raises it
        return json.dumps({"error": f"{type(error).__name__}: {error}"[:300]}).encode()


def _write(descriptor: int, *words: bytes) -> None:
    content = memoryview(b" ".join(words) + b"\n")
    while content:
        content = content[os.write(descriptor, content) :]


def _find(name: str) -> Callable[..., Any]:
    module, _, path = name.partition(":")
    found: Callable[..., Any] = attrgetter(path)(importlib.import_module(module))
    return found
