import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.limited import CallFailed, LimitedWorkers, OutOfTime

WORKERS = LimitedWorkers(time.time, confined=True)
"""Confined workers; hostile code is given to them as an expression for `eval`."""


def attack(expression: str, seconds: float = 30) -> str:
    """How an attack fails."""
    with pytest.raises(CallFailed) as failed:
        WORKERS.call(eval, expression, seconds=seconds)
    return str(failed.value)


def test_the_result_comes_back() -> None:
    assert WORKERS.call(pow, 2, 10, seconds=30) == 1024


def test_a_call_that_takes_too_long_is_killed_and_the_next_one_works() -> None:
    with pytest.raises(OutOfTime):
        WORKERS.call(time.sleep, 600, seconds=0.2)
    with pytest.raises(OutOfTime):
        WORKERS.call(eval, "[0 for _ in iter(int, 1)]", seconds=0.2)
    assert WORKERS.call(pow, 2, 3, seconds=30) == 8


def test_an_exception_comes_back_in_words() -> None:
    with pytest.raises(CallFailed, match="ZeroDivisionError"):
        WORKERS.call(divmod, 1, 0, seconds=30)
    assert "MemoryError" in attack("bytearray(8 * 1024**3)")


def test_a_result_that_is_no_json_or_endless_is_an_error_of_its_own_call_only() -> None:
    assert "JSON" in attack("object()")
    assert "died" in attack("'x' * 20_000_000")
    assert WORKERS.call(pow, 2, 3, seconds=30) == 8


def test_a_process_that_dies_is_an_error_of_its_own_call_only() -> None:
    assert "died" in attack("__import__('os')._exit(0)")
    assert "died" in attack("__import__('ctypes').string_at(0)")
    assert WORKERS.call(pow, 2, 3, seconds=30) == 8


def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    workers = LimitedWorkers(time.time, confined=True)
    assert workers.call(eval, "dict(__import__('os').environ)", seconds=30) == {}
    for place in ("self", os.getpid()):
        with pytest.raises(CallFailed, match="Permission"):
            workers.call(eval, f"open('/proc/{place}/environ').read()", seconds=30)


def test_no_file_is_written_changed_or_removed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    for expression in (
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"open({str(kept)!r}, 'a')",
        f"__import__('os').truncate({str(kept)!r}, 0)",
        f"__import__('os').unlink({str(kept)!r})",
        f"__import__('os').rename({str(kept)!r}, {str(tmp_path / 'moved')!r})",
        f"__import__('os').chmod({str(kept)!r}, 0)",
        f"__import__('os').symlink('/', {str(tmp_path / 'link')!r})",
        f"__import__('os').mkdir({str(tmp_path / 'folder')!r})",
    ):
        assert "Operation not permitted" in attack(expression), expression
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("kept", "as it was")]


def test_there_is_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        port = listener.getsockname()[1]
        assert "Operation not permitted" in attack(f"__import__('socket').create_connection(('127.0.0.1', {port}))")
        with pytest.raises(TimeoutError):
            listener.accept()


def test_no_other_process_is_started_or_hurt() -> None:
    assert "Operation not permitted" in attack("[__import__('os').fork() for _ in range(3)]")
    assert "Operation not permitted" in attack("__import__('subprocess').run(['true'])")
    assert "Operation not permitted" in attack("__import__('os').execv('/bin/true', ['true'])")
    assert "can't start new thread" in attack("__import__('threading').Thread(target=print).start()")
    for process in (os.getpid(), "__import__('os').getppid()", -1):
        assert "Operation not permitted" in attack(f"__import__('os').kill({process}, 9)")
    assert WORKERS.call(pow, 2, 3, seconds=30) == 8


def test_limits_cannot_be_lifted() -> None:
    assert "not allowed" in attack("__import__('resource').setrlimit(__import__('resource').RLIMIT_CPU, (-1, -1))")
    assert "not permitted" in attack("__import__('os').setpriority(0, 0, -5)")


def test_nothing_is_open_but_the_way_for_the_reply() -> None:
    for descriptor in range(4, 40):
        assert "Bad file descriptor" in attack(f"__import__('os').fstat({descriptor})")


def test_a_call_cannot_change_what_a_later_one_finds() -> None:
    WORKERS.call(exec, "import builtins, operator\nbuiltins.pow = operator.add = lambda *_: 1.0", seconds=30)
    assert WORKERS.call(pow, 2, 3, seconds=30) == 8


@pytest.mark.parametrize(
    "reply", ['{"result": 1.0}\n{"result": 1.0}\n', "[1.0]\n", "done 1.0\n", "\n", "[" * 50_000 + "\n"]
)
def test_a_forged_reply_does_not_reach_the_next_call(reply: str) -> None:
    with pytest.raises(CallFailed):
        WORKERS.call(eval, f"__import__('os').write(3, {reply!r}.encode()) and __import__('os')._exit(0)", seconds=30)
    assert WORKERS.call(pow, 2, 3, seconds=30) == 8


def test_a_worker_that_does_not_start_says_why() -> None:
    with pytest.raises(CallFailed, match="did not start: TypeError"):
        LimitedWorkers(divmod, confined=True).call(pow, 2, 3, seconds=30)


def test_a_worker_that_was_killed_is_replaced() -> None:
    workers = LimitedWorkers(time.time)
    assert workers.call(pow, 2, 3, seconds=30) == 8
    workers._idle[0].kill()
    workers._idle[0].wait()
    with pytest.raises(CallFailed):
        workers.call(pow, 2, 3, seconds=30)
    assert workers.call(pow, 2, 3, seconds=30) == 8


@pytest.mark.slow
def test_threads_do_not_disturb_each_other() -> None:
    with ThreadPoolExecutor(3) as pool:
        slow = pool.submit(WORKERS.call, time.sleep, 60, seconds=1)
        quick = list(pool.map(lambda n: WORKERS.call(pow, n, 2, seconds=30), range(20)))
    assert quick == [n * n for n in range(20)]
    assert isinstance(slow.exception(), OutOfTime)


def test_workers_that_are_not_confined_keep_their_process_and_have_limits_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    workers = LimitedWorkers(time.time)
    first = workers.call(os.getpid, seconds=30)
    assert workers.call(os.getpid, seconds=30) == first
    assert workers.call(eval, "dict(__import__('os').environ)", seconds=30) == {}
    with pytest.raises(CallFailed, match="MemoryError"):
        workers.call(eval, "bytearray(8 * 1024**3)", seconds=30)
    with pytest.raises(OutOfTime):
        workers.call(time.sleep, 600, seconds=0.2)
    assert workers.call(os.getpid, seconds=30) != first
