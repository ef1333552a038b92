import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline import keeper

STUBBORN = """
import os, signal, subprocess, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(float(sys.argv[1]))
"""
"""A server with a child, both deaf to every signal that can be ignored."""

POLITE = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("goodbye", flush=True)))
print(os.getpid(), flush=True)
time.sleep(600)
"""

Kept = subprocess.Popen[str]


def start(code: str, *arguments: str, grace_s: float = 0.3) -> tuple[Kept, list[int]]:
    """A keeper as we start it, and the processes that it keeps."""
    command = [sys.executable, keeper.__file__, str(grace_s), sys.executable, "-c", code, *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    kept = subprocess.Popen(command, text=True, start_new_session=True, **pipes)
    assert kept.stdout is not None
    return kept, [int(pid) for pid in kept.stdout.readline().split()]


@pytest.fixture
def stubborn() -> Iterator[tuple[Kept, list[int]]]:
    kept, pids = start(STUBBORN, "600")
    yield kept, pids
    with suppress(ProcessLookupError):
        os.killpg(kept.pid, signal.SIGKILL)
    kept.communicate()


def is_running(pid: int) -> bool:
    """Whether a process is there and is more than an entry that nobody has collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_end(pids: list[int]) -> bool:
    deadline = time.monotonic() + 30
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_running, pids))


def test_what_is_kept_runs_while_it_is_wanted(stubborn: tuple[Kept, list[int]]) -> None:
    kept, pids = stubborn
    time.sleep(3 * keeper.POLL_S)
    assert kept.poll() is None
    assert all(map(is_running, pids))


def test_a_closed_pipe_ends_the_server_and_its_children_though_they_ignore_signals(
    stubborn: tuple[Kept, list[int]],
) -> None:
    kept, pids = stubborn
    kept.communicate()
    assert len(pids) == 2
    assert all_end([kept.pid, *pids])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_server_and_its_children(stubborn: tuple[Kept, list[int]], number: int) -> None:
    kept, pids = stubborn
    kept.send_signal(number)
    assert all_end([kept.pid, *pids])


def test_a_server_that_ends_by_itself_leaves_no_children() -> None:
    kept, pids = start(STUBBORN, "0.1")
    said, _ = kept.communicate(timeout=30)
    assert "keeper: ended with exit code 0" in said
    assert all_end(pids)


def test_the_end_of_the_keeper_by_kill_9_is_the_end_of_the_server(stubborn: tuple[Kept, list[int]]) -> None:
    kept, pids = stubborn
    kept.kill()
    assert all_end(pids[:1])


def test_a_keeper_whose_last_line_cannot_be_written_ends_the_children_all_the_same() -> None:
    """On a full disk it once raised before it had ended its group."""
    on_stderr = f"import sys; sys.stdout = sys.stderr{STUBBORN}"
    command = [sys.executable, keeper.__file__, "0.3", sys.executable, "-c", on_stderr, "600"]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with open("/dev/full", "w") as full:
        kept = subprocess.Popen(command, text=True, start_new_session=True, stdout=full, **pipes)
    assert kept.stderr is not None
    pids = [int(pid) for pid in kept.stderr.readline().split()]
    try:
        kept.communicate(timeout=10)
        assert all_end(pids)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(kept.pid, signal.SIGKILL)


def test_a_server_that_ends_when_asked_is_given_the_time_for_it() -> None:
    kept, pids = start(POLITE, grace_s=30)
    said, _ = kept.communicate(timeout=30)
    assert said == "goodbye\n\nkeeper: ended with exit code 0\n"
    assert all_end(pids)


def test_kill_9_of_the_parent_ends_the_server_even_if_another_process_holds_the_pipe(tmp_path: Path) -> None:
    """The pipe's other end may have been inherited by a process that lives on."""
    read, write = os.pipe()
    code = f"""
import subprocess, sys, time
command = [sys.executable, {keeper.__file__!r}, "0.3", sys.executable, "-c", {STUBBORN!r}, "600"]
subprocess.Popen(command, stdin={read}, start_new_session=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, pass_fds=[read])
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    parent.kill()
    parent.communicate()
    os.close(read)
    try:
        assert all_end(pids)
    finally:
        os.close(write)


def test_a_command_that_cannot_be_run_is_said() -> None:
    command = [sys.executable, keeper.__file__, "1", "no-such-command"]
    done = subprocess.run(command, capture_output=True, text=True, input="")
    assert done.stdout == "\nkeeper: no-such-command: No such file or directory\n"
