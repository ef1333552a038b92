"""The warden ends what a killed parent left behind, and nothing else."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.vllm_model import warden

PARENT = """
import os, subprocess, sys, time
warden = subprocess.Popen([sys.executable, "-I", sys.argv[1], str(os.getpid())], stdin=subprocess.PIPE)
warden.stdin.write(sys.argv[2].encode())
warden.stdin.flush()
print(warden.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def sleepers() -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Two processes that do nothing for long."""
    found = [subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(600)"]) for _ in range(2)]
    yield found
    for process in found:
        process.kill()
        process.wait()


def test_a_parent_that_is_gone_already_is_not_waited_for() -> None:
    subprocess.run([sys.executable, "-I", warden.__file__, "1"], stdin=subprocess.DEVNULL, timeout=60, check=True)


def is_there(pid: int) -> bool:
    path = Path(f"/proc/{pid}/stat")
    return path.is_file() and path.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_what_was_named_last_ends_with_the_parent(sleepers: list["subprocess.Popen[bytes]"]) -> None:
    before, last = sleepers
    said = f"{before.pid}\n{last.pid}\n{before.pid}"  # the end of a line is not there yet
    parent = subprocess.Popen([sys.executable, "-c", PARENT, warden.__file__, said], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert last.poll() is None
    parent.kill()
    parent.communicate()
    last.wait(60)
    deadline = time.monotonic() + 60
    while is_there(pid) and time.monotonic() < deadline:
        time.sleep(warden.POLL_S)
    assert not is_there(pid)
    assert before.poll() is None
