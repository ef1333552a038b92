"""Benchmarks to compare with: row files, data sets on the Hub and names of the bundled list, as one table.

A benchmark is written `BENCH[#TEXT_COLUMN]`, and BENCH is a row file (JSONL, Parquet, CSV), a name of `usual.toml`, or
`ID@REVISION[:SUBSET[:SPLIT]]` on the Hub, where the split is `test` unless it is said.
"""

import logging
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from pipeline.data_folder import under
from pipeline.required import require_column, require_texts
from pipeline.rows import SUFFIXES, json_text, read_rows
from schemas.errors import RecipeError, SchemaError
from schemas.messages import did_you_mean

TEXT_COLUMNS = ("problem", "question", "prompt", "text", "query", "input", "Question", "Problem")
"""The column of the texts where none is named: the first of these that there is."""
ANSWER_COLUMNS = ("answer", "final_answer", "solution", "target", "output", "canonical_solution", "Answer")
"""The column of the answers: the first of these that there is, else none."""

SCHEMA = {"benchmark": pl.String(), "benchmark_row": pl.String(), "text": pl.String(), "answer": pl.String()}
USUAL = Path(__file__).with_name("usual.toml")

_HUB = re.compile(
    r"(?P<dataset>[\w.-]+(?:/[\w.-]+)?)@(?P<revision>[\w./-]+)(?::(?P<subset>[^:]*))?(?::(?P<split>[^:]+))?"
)
_COMMIT = re.compile(r"[0-9a-f]{40}")
log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """A data set on the Hub and the columns to read; empty: to be found."""

    dataset: str
    revision: str
    subset: str = ""
    split: str = "test"
    text: str = ""
    answer: str = ""


def usual() -> dict[str, Entry]:
    """The bundled list by name.

    >>> usual()["gsm8k"].dataset
    'openai/gsm8k'
    """
    listed = tomllib.loads(USUAL.read_text(encoding="utf-8"))
    return {name: Entry(**entry) for name, entry in listed.items()}


def read_benchmarks(specs: Sequence[str], folder: str = ".") -> pl.DataFrame:
    """All rows of the benchmarks in their order: benchmark (its name, without the column), benchmark_row, text, answer.

    benchmark_row counts from 1; answers that are missing are null, and those that end in `#### 18` are cut to `18`.
    Relative paths start from `folder`, which may be a URL. RecipeError where there is no such benchmark, SchemaError
    where it has no rows, no such column, or a row without text.
    """
    seen: set[str] = set()
    parts = [pl.DataFrame(schema=SCHEMA)]
    for spec in specs:
        name, _, column = spec.partition("#")
        if name in seen:
            raise RecipeError(f"benchmark {name!r} is given twice; name each once")
        seen.add(name)
        parts.append(_benchmark(name, column, folder))
    return pl.concat(parts)


def _benchmark(name: str, column: str, folder: str) -> pl.DataFrame:
    if name.lower().endswith(SUFFIXES):
        path = under(folder, name)
        return _table(name, read_rows(path), column, "", path)
    entry = usual().get(name.lower())
    if entry is None and not (match := _HUB.fullmatch(name)):
        what = "; this is a folder" if Path(name).is_dir() else ""
        raise RecipeError(
            f"there is no benchmark {name!r}{what}; wanted a file that ends in {', '.join(SUFFIXES)}, ID@REVISION of a "
            f"data set on the Hub, or one of {', '.join(usual())}{did_you_mean(name.lower(), usual())}"
        )
    if entry is None:
        entry = Entry(**{key: value for key, value in match.groupdict().items() if value})  # type: ignore[union-attr]
    return _table(name, _hub_rows(entry), column or entry.text, entry.answer, name)


def _table(name: str, frame: pl.DataFrame, text: str, answer: str, where: str) -> pl.DataFrame:
    """The rows of a benchmark, whose columns are found where they are not named."""
    if frame.is_empty():
        raise SchemaError(f"{where}: there are no rows to compare with; wanted a benchmark with some")
    text = text or next((column for column in TEXT_COLUMNS if column in frame.columns), "")
    if not text:
        shown = ", ".join(frame.columns)[:300]
        raise SchemaError(f"{where}: no column of texts; it has {shown}; name one: {name}#COLUMN")
    require_column(text, frame.columns, where)
    require_texts(frame, text, where)
    kinds = frame.schema
    could_be = (name for name in ANSWER_COLUMNS if kinds.get(name, pl.Binary()) != pl.Binary() and name != text)
    answer = answer or next(could_be, "")
    answers = pl.lit(None, pl.String)
    if answer:
        require_column(answer, frame.columns, where)
        answers = pl.col(answer).cast(pl.String).str.replace(r"(?s)^.*####\s*", "")
    return frame.select(
        benchmark=pl.lit(name),
        benchmark_row=(pl.int_range(pl.len()) + 1).cast(pl.String),
        text=pl.col(text),
        answer=answers,
    )


def _hub_rows(entry: Entry) -> pl.DataFrame:
    """All rows of a split, nested values as JSON text; the commit that a branch or tag stands for is said."""
    from pipeline.sources import hub

    split = hub.Split(entry.dataset, entry.revision, entry.subset, entry.split)
    if not _COMMIT.fullmatch(split.revision):
        split = split._replace(revision=str(hub.info(split).sha))
        log.info("%s: %s is commit %s", entry.dataset, entry.revision, split.revision)
    return pl.DataFrame(list(_plain(row for _, row in hub.rows(split))), infer_schema_length=None, strict=False)


def _plain(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            key: value if value is None or isinstance(value, str) else json_text(value) for key, value in row.items()
        }
