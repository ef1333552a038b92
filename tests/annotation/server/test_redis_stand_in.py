"""The queue's stand-in answers on its socket file, and can be started again there whatever ended it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from annotation.server.launch import FOLDER

pytestmark = pytest.mark.server


@contextmanager
def stand_in(python: Path, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(python), "-P", "-m", "inside.redis_stand_in", str(path)]
    process = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(FOLDER)})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def answer(process: "subprocess.Popen[bytes]", path: Path) -> bytes:
    """What it says to being asked whether it is there, once it listens."""
    while process.poll() is None:
        with socket.socket(socket.AF_UNIX) as asking:
            try:
                asking.connect(str(path))
            except OSError:
                time.sleep(0.05)
                continue
            asking.sendall(b"*1\r\n$4\r\nPING\r\n")
            return asking.recv(100)
    return b""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_one_that_was_ended_is_started_again_in_its_place(
    server_environment: Path, tmp_path: Path, number: int
) -> None:
    """It once removed the folder of its socket when it was asked to end, and the next could not bind."""
    path = tmp_path / "own" / "redis.sock"
    path.parent.mkdir(mode=0o700)
    with stand_in(server_environment, path) as first:
        assert answer(first, path) == b"+PONG\r\n"
        first.send_signal(number)
        assert first.wait(30) == -number
    with stand_in(server_environment, path) as second:
        assert answer(second, path) == b"+PONG\r\n"
