"""Wall-clock time without the time that a busy machine kept processes waiting for a core.

A right program must not become wrong because others compute beside it. Linux counts, for each thread, how long it was
ready to run and did not (`/proc/PID/schedstat`); where it does not say, the clock is the wall's.
"""

import time
from collections.abc import Iterable
from pathlib import Path

MOST_TIMES = 10
"""A run is given up after this many times its limit, whatever kept it."""


class Clock:
    """How long some processes, with all that they start, may run from now on."""

    def __init__(self, processes: Iterable[int], seconds: float) -> None:
        self._processes = tuple(processes)
        self._seconds = seconds
        self._started = time.monotonic()
        self._before = waiting_seconds(self._processes)

    def deadline(self) -> float:
        """When their time is over, on the monotonic clock, by what is known now."""
        waited = max(0.0, waiting_seconds(self._processes) - self._before)
        return self._started + min(self._seconds + waited, self._seconds * MOST_TIMES)

    def is_starved(self) -> bool:
        """Whether they were given up without having had their time."""
        return waiting_seconds(self._processes) - self._before >= self._seconds * (MOST_TIMES - 1)


def waiting_seconds(processes: Iterable[int]) -> float:
    """How long the main threads of processes and of their children have waited for a core; gone ones count nothing."""
    nanoseconds, left = 0, list(processes)
    while left:
        folder = Path(f"/proc/{left.pop()}")
        try:
            nanoseconds += int((folder / "schedstat").read_text().split()[1])
            left += map(int, (folder / "task" / folder.name / "children").read_text().split())
        except (OSError, ValueError, IndexError):
            continue
    return nanoseconds / 1e9
