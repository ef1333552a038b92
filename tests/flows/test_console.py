"""Progress on a terminal and elsewhere, and how times read."""

import io
import logging
import re
import sys
import time
from collections.abc import Callable
from functools import partial

import pytest

from flows.console import PlainProgress, duration, follow, show_notices
from flows.steps import Step


def progress(clock: list[float], n_owed: int = 100) -> PlainProgress:
    return PlainProgress("generate", n_owed, clock=lambda: clock[-1])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def slow_piece(advance: Callable[[int], None]) -> None:
    for _ in range(3):
        time.sleep(0.2)
        advance(4_000)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_long_work_says_about_every_half_minute_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    advance = progress(clock)
    for second in range(1, 91):
        clock.append(float(second))
        advance(1)
    assert [line.split()[1:4] for line in lines(capsys)] == [[n, "of", "100"] for n in ("30", "60", "90")]


def test_a_line_has_rate_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    advance = progress(clock, n_owed=10_000)
    clock.append(20.0)  # a model was loaded
    advance(100)
    clock.append(70.0)
    advance(1_000)
    (line,) = lines(capsys)
    assert "1,100 of 10,000 rows" in line
    assert "20.0 rows/s" in line
    assert "0:07:25 left" in line


def test_rows_that_came_at_once_have_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    advance = progress(clock)
    clock.append(60.0)
    advance(50)
    (line,) = lines(capsys)
    assert line.endswith("50 of 100 rows")


def test_short_work_and_the_last_row_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    advance = progress(clock)
    advance(0)
    clock.append(29.0)
    advance(50)
    clock.append(60.0)
    advance(50)
    assert lines(capsys) == []


def test_nothing_finished_yet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = [0.0]
    advance = progress(clock)
    clock.append(40.0)
    advance(0)
    assert lines(capsys) == []


def test_on_a_terminal_a_bar_shows_rows_and_rate_within_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    _ = list(follow([Step("generate", [slow_piece], n_rows=12_000, what="strategies")]))
    drawn = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()))
    bars = [line for line in drawn if "/12000" in line]
    assert "    0/12000 0.0 rows/s" in bars[0]
    assert any("8000/12000" in line for line in bars)
    assert max(map(len, drawn)) <= 80


def test_a_step_is_carried_out_before_the_next_is_asked_for() -> None:
    seen: list[str] = []
    names = ("collect", "screen")
    found = follow(Step(name, [partial(lambda name, _: seen.append(name), name)]) for name in names)
    assert next(found).step.name == "collect"
    assert seen == ["collect"]


def test_the_first_row_is_no_later_than_the_last() -> None:
    (done,) = follow([Step("verify", [lambda advance: advance(1), lambda advance: advance(1)], n_rows=2)])
    assert 0 <= done.first_row_s <= done.seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "0:01:00"), (86_400, "24:00:00")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_the_pipeline_says_of_its_work_is_shown_once_and_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        show_notices()
    logging.getLogger("pipeline.somewhere").info("vLLM starts\x1b[31m; log: %s", "a.log")
    (line,) = lines(capsys)
    assert "\x1b" not in line
    assert line.startswith("vLLM starts")
