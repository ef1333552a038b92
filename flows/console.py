"""What a person sees: progress with rate and ETA on a terminal, plain lines elsewhere; tables; clean text.

Model output is hostile: `clean` takes control sequences out of everything that is printed.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.hostile import clean

if TYPE_CHECKING:
    import polars as pl

    from flows.steps import Step


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line, cleaned."""
    print(clean(text), file=sys.stderr if err else sys.stdout, flush=True)


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
    widths = [max(len(name), *(len(row[i]) for row in cells), 0) for i, name in enumerate(frame.columns)]
    numeric = [dtype.is_numeric() for dtype in frame.dtypes]
    for line in [list(frame.columns), *cells]:
        padded = (c.rjust(w) if right else c.ljust(w) for c, w, right in zip(line, widths, numeric, strict=True))
        print("  ".join(padded).rstrip())


def drive(steps: Iterable["Step"]) -> None:
    """Run every piece of every step in this process, showing progress."""
    for step in steps:
        started = time.monotonic()
        with _progress(step) as advance:
            for piece in step.pieces:
                piece(advance)
        rows = f"{step.n_rows:>8,} rows" if step.n_rows else " " * 13
        say(f"{step.name + ' ' + step.what:<20} {rows}  {time.monotonic() - started:6.1f} s", err=True)


@contextmanager
def _progress(step: "Step") -> Iterator[Any]:
    """A bar with rate and ETA for row-wise work on a terminal; nothing elsewhere."""
    if not (step.n_rows and sys.stderr.isatty()):
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn())
    rate = TextColumn("{task.speed:.0f} rows/s")
    with Progress(*columns, rate, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{step.name} {step.what}", total=step.n_rows)
        yield lambda n: bar.advance(task, n)
