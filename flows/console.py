"""What a person sees: progress with rate and ETA on a terminal, plain lines elsewhere; tables; clean text.

Model output is hostile: `clean` takes control sequences out of everything that is printed.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline import interrupts
from pipeline.hostile import clean

if TYPE_CHECKING:
    import polars as pl

    from flows.row_wise import Step
    from pipeline.store import Run

PLAIN_EVERY_S = 30.0
"""Seconds between two lines on one step, where there is no terminal."""


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line, cleaned."""
    print(clean(text), file=sys.stderr if err else sys.stdout, flush=True)


class Notices(logging.Handler):
    """Shows what the pipeline says of its work while it goes on, such as that vLLM starts."""

    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record), err=True)


def show_notices() -> None:
    """Show them in this process."""
    log = logging.getLogger("pipeline")
    log.setLevel(logging.INFO)
    log.handlers = [Notices()]


def cell(value: Any, width: int = 60) -> str:
    """A value in a table: short, on one line; "-" where there is none."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(clean(text).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _plain(value: Any) -> Any:
    """What JSON has no type for: sums of integers are decimals in DuckDB; anything else as text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def show_frame(frame: "pl.DataFrame", *, as_json: bool = False, width: int = 60) -> None:
    """Print rows: aligned columns for people, a JSON object a line for machines."""
    if as_json:
        for row in frame.iter_rows(named=True):
            print(json.dumps(row, ensure_ascii=True, default=_plain))
        return
    cells = [[cell(value, width) for value in row] for row in frame.iter_rows()]
    show_columns(frame.columns, cells, [dtype.is_numeric() for dtype in frame.dtypes])


def show_table(name: str, frame: "pl.DataFrame", *, as_json: bool) -> None:
    """Print rows under the name of their table, none where there are none; for machines each row names its table."""
    import polars as pl

    if frame.is_empty():
        return
    if as_json:
        show_frame(frame.select(pl.lit(name).alias("table"), pl.all()), as_json=True)
        return
    say(f"\n{name}")
    show_frame(frame, width=40)


def show_columns(names: Sequence[str], rows: Sequence[Sequence[str]], on_the_right: Sequence[bool]) -> None:
    """Print cells in columns as wide as their longest; numbers are best aligned on the right."""
    widths = [max(len(name), *(len(row[i]) for row in rows), 0) for i, name in enumerate(names)]
    for line in [names, *rows]:
        padded = (c.rjust(w) if right else c.ljust(w) for c, w, right in zip(line, widths, on_the_right, strict=True))
        print("  ".join(padded).rstrip())


def show_funnel(run: "Run", *, as_json: bool = False) -> None:
    """Print the funnel of a run, its reasons whole unless there are very many."""
    from flows.reports import funnel_frame

    show_frame(funnel_frame(run), as_json=as_json, width=250)


def show_end(run: "Run", *, as_json: bool = False) -> None:
    """Print what a command left behind: the funnel, where the run is, what it cost, and what to know of its answers."""
    from flows.reports import cost_line, end_notes

    show_funnel(run, as_json=as_json)
    say(f"\nrun: {run.url}", err=as_json)
    say(cost_line(run), err=as_json)
    for note in end_notes(run):
        say(note, err=True)


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(7.25), duration(3_725)
    ('7.2 s', '1:02:05')
    """
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{left:02d}"


@dataclass(frozen=True)
class Done:
    """A step that was carried out, and its seconds: all of them, and those until its first row was finished."""

    step: "Step"
    seconds: float
    first_row_s: float


def drive(steps: Iterable["Step"]) -> None:
    """Run every piece of every step in this process, showing progress; WorkOwed where the budget is spent."""
    for _ in follow(steps):
        pass


def follow(steps: Iterable["Step"]) -> Iterator[Done]:
    """The same, step by step: what comes back has been run."""
    for step in steps:
        done = _carry_out(step)
        rows = f"{step.n_rows:>8,} rows" if step.n_rows else " " * 13
        say(f"{step.title:<20} {rows}  {done.seconds:6.1f} s", err=True)
        yield done


def _carry_out(step: "Step") -> Done:
    started = time.monotonic()
    first_row: list[float] = []
    with _progress(step) as show:

        def advance(n: int) -> None:
            if n and not first_row:
                first_row.append(time.monotonic())
            show(n)

        for piece in step.pieces:
            interrupts.check()
            piece(advance)
    ended = time.monotonic()
    return Done(step, ended - started, (first_row or [ended])[0] - started)


@contextmanager
def _progress(step: "Step") -> Iterator[Callable[[int], None]]:
    """For row-wise work a bar with rate and ETA on a terminal, a line now and then elsewhere; else nothing."""
    if not step.n_rows:
        yield lambda n: None
        return
    if not sys.stderr.isatty():
        yield PlainProgress(f"{step.title:<20}", step.n_rows)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn())
    rate = TextColumn("{task.fields[rate]:,.1f} rows/s")
    with Progress(*columns, rate, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{step.title:<20}", total=step.n_rows, rate=0.0)

        def advance(n: int) -> None:
            bar.advance(task, n)
            bar.update(task, rate=bar.tasks[0].speed or 0.0)

        yield advance


class PlainProgress:
    """Counts finished rows, and says how far a step is where none of its lines is younger than `PLAIN_EVERY_S`.

    A line comes with a finished row: while nothing finishes, nothing is said. `clock` gives seconds.
    """

    def __init__(self, title: str, n_owed: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._n_owed, self._clock = title, n_owed, clock
        self._n_done = self._n_before = 0
        self._started = self._said = clock()

    def __call__(self, n: int) -> None:
        """Count `n` more rows; the first are no part of the rate, because a model may have been loaded before them."""
        now = self._clock()
        if not self._n_done:
            self._started, self._n_before = now, n
        self._n_done += n
        if now - self._said < PLAIN_EVERY_S or not 0 < self._n_done < self._n_owed:
            return
        self._said = now
        said = f"{self._title} {self._n_done:>8,} of {self._n_owed:,} rows"
        if rate := (self._n_done - self._n_before) / max(now - self._started, 1e-9):
            said += f"  {rate:,.1f} rows/s  {duration((self._n_owed - self._n_done) / rate)} left"
        say(said, err=True)
