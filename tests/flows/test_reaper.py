"""Nothing that a program started outlives it, though it leads a session of its own and hears no signal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import reaper

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is left behind is adopted on Linux only")

PROGRAM = """
import signal, subprocess, sys, time
deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
print(child.pid, flush=True)
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[1] != "ends":
    time.sleep(600)
time.sleep(1)
sys.exit(3)
"""


@pytest.fixture
def reaped(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-I", reaper.__file__, sys.executable, "-c", PROGRAM, request.param]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def child_of(reaped: "subprocess.Popen[str]") -> int:
    assert reaped.stdout is not None
    said = {reaped.stdout.readline().strip(), reaped.stdout.readline().strip()}
    (pid,) = said - {"up"}
    return int(pid)


@pytest.mark.parametrize("reaped", ["ends"], indirect=True)
def test_a_program_that_ends_takes_what_it_left_with_it(reaped: "subprocess.Popen[str]") -> None:
    child = child_of(reaped)
    assert reaped.wait(60) == 3
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize("reaped", ["hears", "deaf"], indirect=True)
def test_at_a_signal_all_ends_however_often_it_comes(reaped: "subprocess.Popen[str]") -> None:
    child = child_of(reaped)
    for _ in range(3):
        reaped.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    assert reaped.wait(60) == 0
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize("reaped", ["hears"], indirect=True)
def test_a_program_that_is_killed_leaves_nothing(reaped: "subprocess.Popen[str]") -> None:
    child = child_of(reaped)
    (program,) = map(int, Path(f"/proc/{reaped.pid}/task/{reaped.pid}/children").read_text().split())
    os.kill(program, signal.SIGKILL)
    assert reaped.wait(60) == (-signal.SIGKILL) % 256
    assert not Path(f"/proc/{child}").exists()
