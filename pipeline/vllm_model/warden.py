"""End processes that their parent left behind: vLLM's own go on for ever when theirs is ended by kill -9.

    python warden.py PARENT

Reads lines of process ids while its parent lives, and once that is gone ends those of the last line (SIGKILL). It uses
nothing but the standard library, and nothing of ours.

Covers: the end of the parent in any way. Does not cover: children of the processes that it is told of, which vLLM's
end by themselves; its own end by kill -9 together with its parent's.
"""

import contextlib
import os
import select
import signal
import sys

POLL_S = 0.2
PIECE = 65536


def watch(parent: int) -> None:
    """Read on until the parent is gone, then end what it named last."""
    said, is_open, is_over = b"", True, False
    while not is_over:
        is_over = os.getppid() != parent  # looked up before reading, so that its last words are read
        while select.select([0] if is_open else [], [], [], 0 if is_over else POLL_S)[0]:
            piece = os.read(0, PIECE)
            said, is_open = said + piece, bool(piece)
    *lines, _unfinished = said.split(b"\n")
    for pid in map(int, lines[-1].split() if lines else ()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the whole group; its work is to come last
    watch(int(sys.argv[1]))
