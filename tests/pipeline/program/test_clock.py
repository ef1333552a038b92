"""Time that a program spent waiting for a core is not its own."""

import os
import time
from pathlib import Path

import pytest

from pipeline.program import clock
from pipeline.program.clock import MOST_TIMES, Clock, waiting_seconds


def test_processes_that_are_gone_or_no_processes_have_not_waited() -> None:
    assert waiting_seconds([]) == waiting_seconds([2**22 + 1]) == 0
    assert waiting_seconds([os.getpid()]) >= 0


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not count waiting")
def test_waiting_is_counted_once_for_each_process() -> None:
    own = waiting_seconds([os.getpid()])
    assert waiting_seconds([os.getpid(), os.getpid()]) >= 2 * own


@pytest.mark.parametrize(
    ("waited", "more", "is_starved"), [(0, 0, False), (3, 3, False), (89.9, 89.9, False), (95, 90, True)]
)
def test_the_deadline_moves_with_the_waiting(
    waited: float, more: float, is_starved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(clock, "waiting_seconds", lambda processes: 5.0)
    started = Clock([1], 10)
    monkeypatch.setattr(clock, "waiting_seconds", lambda processes: 5.0 + waited)
    assert started.deadline() - now == pytest.approx(10 + more, abs=1)
    assert started.is_starved() == is_starved
    assert more <= 10 * (MOST_TIMES - 1)
