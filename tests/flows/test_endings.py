"""How a command ends: one line and an exit code, whatever stops it."""

import errno
import os
import signal

import pytest

from flows.endings import end_with


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_disk_or_a_file_that_is_full_is_one_line(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> None:
        raise OSError(number, os.strerror(number), "part.parquet")

    with pytest.raises(SystemExit, match="1"):
        end_with(fill)
    assert capsys.readouterr().err.startswith("coldstart: part.parquet: ")


def test_another_error_of_the_system_keeps_its_trace() -> None:
    def fail() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(OSError, match="Input/output"):
        end_with(fail)


def test_a_signal_that_ends_a_process_lets_it_tidy_up_and_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit, match="130"):
        end_with(lambda: signal.raise_signal(signal.SIGTERM))
    assert "the same command goes on" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGTERM) == before
