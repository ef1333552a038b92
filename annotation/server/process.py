"""A process of the annotation server: it runs under a keeper, so that it ends with us, whatever way we end."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline import keeper
from pipeline.hostile import clean

GRACE_S = 12.0
"""Seconds that a process has to end by itself, for requests and jobs in flight."""

TAIL_BYTES = 20_000
SHOWN_LINES = 12


class Process:
    """A running program with its log. `hold` is a file that it keeps open until nothing of it is left."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, hold: int) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as file:
            self.log_start = file.tell()
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", keeper.__file__, str(GRACE_S), *command],
                env=dict(environment),
                cwd=log.parent.parent,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                pass_fds=[hold],
                start_new_session=True,  # a group of its own, which Ctrl-C in a terminal does not reach
            )

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._keeper.poll() is None

    def ask_to_stop(self) -> None:
        """Close the keeper's pipe: it has the program end, and then ends what is left of its group."""
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()

    def stop(self) -> None:
        """Stop it; returns when nothing of it is left."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self._keeper.wait(GRACE_S + 5)
        self.kill()

    def kill(self) -> None:
        """End all of it at once: the keeper's end is its program's, by the kernel."""
        self.ask_to_stop()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._keeper.pid, signal.SIGKILL)
        self._keeper.wait()

    def said(self) -> str:
        """What it wrote to its log since it was started, at most the end of that."""
        with self.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - TAIL_BYTES, self.log_start if self.log_start <= end else 0))
            return clean(file.read().decode("utf-8", "replace"))

    def last_lines(self) -> str:
        """The end of that, indented, for an error."""
        lines = [line.rstrip() for line in self.said().splitlines() if line.strip()]
        return "".join(f"\n  {line}" for line in lines[-SHOWN_LINES:])
