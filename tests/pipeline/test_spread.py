"""Work on many rows, in threads and in processes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.spread import spread


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_item_is_worked_once(workers: int, processes: bool) -> None:
    assert sorted(spread(abs, range(-450, 0), workers, processes=processes)) == list(range(1, 451))


def test_what_an_item_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(spread((1).__floordiv__, [1, 0], 2, processes=True))


@pytest.mark.slow
def test_processes_end_with_the_one_that_is_killed() -> None:
    script = "import time\nfrom pipeline.spread import spread\nprint(*spread(id, [1], 2, processes=True), flush=True)\n"
    command = [sys.executable, "-c", script + "time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
        assert len(children) >= 2
        parent.kill()
    deadline = time.monotonic() + 30
    while any(is_running(child) for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def is_running(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
