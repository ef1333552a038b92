"""End processes that their parent left behind: vLLM's own go on for ever when theirs is ended by kill -9.

Reads lines of process ids while its parent lives, and once that is gone ends those of the last line (SIGKILL). It uses
nothing but the standard library, and nothing of ours.

Covers: the end of the parent in any way. Does not cover: children of the processes that it is told of, which vLLM's
end by themselves; its own end by kill -9 together with its parent's.
"""

import contextlib
import os
import select
import signal

POLL_S = 0.2
PIECE = 65536


def watch() -> None:
    """Read on until the parent is gone, then end what it named last."""
    parent, said, is_open = os.getppid(), b"", True
    while os.getppid() == parent:
        if select.select([0] if is_open else [], [], [], POLL_S)[0]:
            piece = os.read(0, PIECE)
            said, is_open = said + piece, bool(piece)
    *lines, _unfinished = said.split(b"\n")
    for pid in map(int, lines[-1].split() if lines else ()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C reaches the whole group; its work is to come last
    watch()
