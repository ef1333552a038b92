"""How a command ends: one line and an exit code, whatever stops it."""

import errno
import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
from polars.exceptions import PanicException

from flows.console import drive
from flows.endings import end_with
from flows.row_wise import Step


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


def swallow(_: Callable[[int], None]) -> None:
    """As code that is called back from C: Python prints what it raises, and goes on."""
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_was_lost_stops_before_the_next_piece_of_work(capsys: pytest.CaptureFixture[str]) -> None:
    done: list[str] = []
    steps = [Step("screen", [swallow]), Step("rate", [lambda _: done.append("rate")])]
    with pytest.raises(SystemExit, match="130"):
        end_with(lambda: drive(steps))
    assert not done
    assert "the same command goes on" in capsys.readouterr().err


@pytest.mark.parametrize("other", [ValueError, PanicException])
def test_a_signal_that_became_another_error_stops(
    other: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    def stop() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise other("KeyboardInterrupt") from error

    with pytest.raises(SystemExit, match="130"):
        end_with(stop)
    assert capsys.readouterr().err.startswith("coldstart: stopped")


def test_a_signal_is_forgotten_by_the_next_command() -> None:
    with pytest.raises(SystemExit, match="130"):
        end_with(lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit, match="0"):
        end_with(lambda: drive([Step("rate", [lambda _: None])]))
