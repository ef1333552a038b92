"""Markdown of a card: sections, tables, and text from outside in spans and blocks that nothing in it can end."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from pipeline.hostile import clean, one_line

MAX_CELL = 200


def section(title: str, *parts: str) -> Iterator[str]:
    """A heading and what stands under it."""
    yield f"## {title}"
    yield from parts


def table(frame: pl.DataFrame, code: Sequence[str] = ()) -> str:
    """A Markdown table; the columns named in `code` hold text from outside."""
    rows = [
        [code_span(value) if name in code else "-" if value is None else _number(value) for name, value in row.items()]
        for row in frame.iter_rows(named=True)
    ]
    rules = ["---:" if dtype.is_numeric() else "---" for dtype in frame.dtypes]
    return "\n".join(f"| {' | '.join(row)} |" for row in [frame.columns, rules, *rows])


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def with_intervals(frame: pl.DataFrame, name: str, low: str, high: str, *, shape: str = ".3f") -> pl.DataFrame:
    """The same with a rate and its interval as one text, such as `0.029 (0.005 to 0.149)`; "-" without a rate."""
    rows = frame.select(name, low, high).rows()
    told = ["-" if rate is None else f"{rate:{shape}} ({a:{shape}} to {b:{shape}})" for rate, a, b in rows]
    return frame.drop(low, high).with_columns(pl.Series(name, told))


def code_span(value: Any) -> str:
    """A text from outside as a code span that nothing in it can end, nor the table cell around it.

    >>> code_span("a|b `<img>`")
    "`a¦b '<img>'`"
    """
    text = one_line("" if value is None else str(value), MAX_CELL).translate({ord("`"): "'", ord("|"): "¦"})
    return f"`{text}`" if text else "-"


def fenced(text: str, language: str) -> str:
    """A block of text from outside; its fence is longer than any in it."""
    text = clean(text)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"
