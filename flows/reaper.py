"""Run a program so that none of its descendants outlives it: a worker's flow runs have sessions of their own.

    python reaper.py COMMAND...

It adopts what the program leaves behind (Linux), asks that to end, and ends it after a grace. A SIGTERM is passed on to
the program. It uses nothing but the standard library, and nothing of ours.

Covers: the end of the program in any way, kill -9 among them. Does not cover: its own end by kill -9.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

GRACE_S = 6.0
"""Shorter than the grace of the keeper above it."""

POLL_S = 0.1
PR_SET_CHILD_SUBREAPER = 36


def run(command: Sequence[str]) -> int:
    """Run the command until it ends, then end what it left; its exit code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    child = subprocess.Popen(command)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: os.kill(child.pid, signal.SIGTERM))
    pid, status = os.wait()
    while pid != child.pid:  # somebody it had adopted
        pid, status = os.wait()
    _end_others()
    return os.waitstatus_to_exitcode(status)


def _end_others() -> None:
    """Ask all that was left behind to end, and end it after the grace; those that it leaves in turn, too."""
    asked: set[int] = set()
    deadline = time.monotonic() + GRACE_S
    with suppress(ChildProcessError):  # nobody is left
        while True:
            is_late = time.monotonic() > deadline
            for pid in _children() - (set() if is_late else asked):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if is_late else signal.SIGTERM)
                asked.add(pid)
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(POLL_S)


def _children() -> set[int]:
    """Processes whose parent we are."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = path.read_text().rpartition(")")[2].split()[1]
            found |= {int(path.parent.name)} if int(parent) == os.getpid() else set()
    return found


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
