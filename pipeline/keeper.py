"""Keep one server: a program that runs another, and sees to it that nothing of it outlives whoever asked for it.

    python keeper.py GRACE_S COMMAND...

It leads a process group of its own, in which the command runs with all its children. When its standard input closes,
its parent is gone or it is sent SIGTERM, it asks the command to end (SIGTERM), waits for GRACE_S seconds and ends
whatever of the group is left, itself too (SIGKILL). It uses nothing but the standard library, and nothing of ours.

Covers: the end of the parent in any way, kill -9 among them; a command that ends and leaves children; one that ignores
SIGTERM. Does not cover: children that leave the group; its own end by kill -9 together with its parent's, for which the
kernel ends the command itself, on Linux only.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

POLL_S = 0.2
PR_SET_PDEATHSIG = 1


def keep(command: Sequence[str], grace_s: float) -> None:
    """Run the command until it ends or is no longer wanted; then end the whole group, which does not return."""
    if os.getpgrp() != os.getpid():
        os.setsid()
    asked: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: asked.append(number))
    parent = os.getppid()
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_end_with_keeper)
    except OSError as error:
        _say(f"{command[0]}: {error.strerror}")
        return
    try:
        while child.poll() is None and not asked and os.getppid() == parent and not _is_closed():
            pass
        if child.poll() is None:
            child.terminate()
            _wait(child, grace_s)
        _say(_ending(child.poll()))  # fails where the disk is full
    finally:
        os.killpg(0, signal.SIGKILL)


def _is_closed() -> bool:
    """Whether standard input has ended, after a short wait for that; what it holds is of no interest."""
    readable = select.select([0], [], [], POLL_S)[0]
    return bool(readable) and not os.read(0, 4096)


def _wait(child: "subprocess.Popen[bytes]", grace_s: float) -> None:
    deadline = time.monotonic() + grace_s
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_S / 2)


def _end_with_keeper() -> None:
    """In the child: have the kernel end it when the keeper dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ending(code: int | None) -> str:
    if code is None:
        return "did not end when asked to, and is ended"
    return f"ended with exit code {code}" if code >= 0 else f"was ended by {signal.Signals(-code).name}"


def _say(text: str) -> None:
    sys.stdout.write(f"\nkeeper: {text}\n")  # the command may have ended in the middle of a line
    sys.stdout.flush()


if __name__ == "__main__":
    keep(sys.argv[2:], float(sys.argv[1]))
