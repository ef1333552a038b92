"""Run a program so that none of its descendants outlives it: a worker's flow runs have sessions of their own.

    python reaper.py COMMAND...

It adopts what the program leaves behind (Linux), asks that to end, and ends it after a grace; so it does with the
program itself at a SIGTERM. It uses nothing but the standard library, and nothing of ours.

Covers: the end of the program in any way, kill -9 among them. Does not cover: its own end by kill -9.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

GRACE_S = 6.0
"""Of the program and all it leaves, together: shorter than the grace of the keeper above."""

POLL_S = 0.1
PR_SET_CHILD_SUBREAPER = 36


def run(command: Sequence[str]) -> int:
    """Run the command until it ends, or a signal asks us to, then end all that is left; its exit code, or 0."""
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: asked.append(number))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    program, code = os.spawnvp(os.P_NOWAIT, command[0], list(command)), None
    while code is None and not asked:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == program:
            code = os.waitstatus_to_exitcode(status)
        elif not ended:
            time.sleep(POLL_S)
    _end_all()
    return code or 0


def _end_all() -> None:
    """Ask all our children to end, and end them after the grace; those that they leave in turn, too."""
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
