"""Processes under a keeper, so that they end with us, whatever way we end; those that end before are started again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from annotation.server.environment import Tell
from pipeline import keeper
from pipeline.hostile import clean
from schemas.errors import BackendError

GRACE_S = 12.0
"""Seconds that a process has to end by itself, for requests and jobs in flight."""

TAIL_BYTES = 20_000
SHOWN_LINES = 12

MAX_RESTARTS = 5
RESTARTS_S = 3600.0
"""Restarts of a group's processes that are put up with in this time."""


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


@dataclass
class Group:
    """The processes of one `owner`, by name. `launch` starts one."""

    owner: str
    launch: Callable[[str], Process]
    processes: dict[str, Process] = field(default_factory=dict)
    _restarted: list[float] = field(default_factory=list)

    def start(self, name: str) -> None:
        """Start one."""
        self.processes[name] = self.launch(name)

    def revive(self, tell: Tell) -> None:
        """Start again what has ended; BackendError where that happens again and again."""
        for name, process in self.processes.items():
            if process.is_alive():
                continue
            now = time.monotonic()
            self._restarted = [*(at for at in self._restarted if at > now - RESTARTS_S), now]
            if len(self._restarted) > MAX_RESTARTS:
                raise self.ended(process, "ends again and again")
            tell(f"{self.owner}'s {name} process ended and is started again; its log: {process.log}")
            process.kill()
            self.start(name)

    def stop(self, *waves: Sequence[str]) -> None:
        """Stop those of a wave side by side, one wave after the other; returns when nothing of them is left."""
        for names in waves:
            wave = [self.processes[name] for name in names if name in self.processes]
            for process in wave:
                process.ask_to_stop()
            for process in wave:
                process.stop()

    def kill(self) -> None:
        """End all at once."""
        for process in self.processes.values():
            process.kill()

    def ended(self, process: Process, how: str, hint: str = "") -> BackendError:
        """The error of a process that should run, with the end of its log."""
        return BackendError(
            f"{self.owner}'s {process.name} process {how}; its log ends with{process.last_lines()}\n"
            f"(its log: {process.log}{hint})"
        )
