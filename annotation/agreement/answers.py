"""The answers in an annotation table that count: checked, read, one an annotator, item and question.

Raises SchemaErrors that name file, record (from 1), column, found and wanted.
"""

import polars as pl

from annotation.agreement.values import parsed, read_value
from pipeline.required import require_column, require_valid
from pipeline.rows import flat
from schemas.errors import SchemaError
from schemas.messages import short

KEY = ("item", "question", "annotator")
STATUSES = ("submitted", "discarded", "draft", "withdrawn")
KINDS = ("person", "model")
SCALES = ("nominal", "ordinal", "interval", "ranking")
OPTIONAL = {"status": "submitted", "annotator_kind": "person", "version": 1, "scale": None, "gold": None}
"""Columns that may be left out, and what then holds for each row."""

TEXT = pl.String
READ = pl.Struct({"kind": TEXT, "label": TEXT, "number": pl.Float64})


def answers_of(frame: pl.DataFrame, where: str = "input") -> pl.DataFrame:
    """Answers that count, in order of the rows: record (from 1), KEY, annotator_kind, scale, kind, label, number, gold.

    `frame` has item (or record_id), annotator, question and value, and perhaps OPTIONAL. Of several versions of an
    answer the highest counts, and only if it is submitted; a missing value is no answer. `gold` is a label.
    """
    table = _named(flat(frame), where)
    _check(table, where)
    table = table.with_columns(pl.col("version").cast(pl.Int64))
    latest = table.filter(pl.col("version") == pl.col("version").max().over(KEY))
    submitted = latest.filter(pl.col("status").cast(TEXT) == "submitted")
    counted = submitted.with_columns(_read(submitted)).unnest("read").filter(pl.col("kind") != "missing")
    _require_one_answer(counted, where)
    counted = counted.unique(KEY, keep="first", maintain_order=True)
    return _with_gold(counted, where).drop("value", "status", "version")


def _named(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """The columns that matter, under their own names, OPTIONAL ones filled in, with the number of each record."""
    if "item" not in frame.columns and "record_id" in frame.columns:
        frame = frame.rename({"record_id": "item"})
    for name in (*KEY, "value"):
        require_column(name, frame.columns, where)
    if frame["value"].dtype.is_decimal():
        frame = frame.with_columns(pl.col("value").cast(pl.Float64))
    missing = [pl.lit(default).alias(name) for name, default in OPTIONAL.items() if name not in frame.columns]
    return frame.with_columns(missing).select(pl.int_range(1, pl.len() + 1).alias("record"), *KEY, "value", *OPTIONAL)


def _check(table: pl.DataFrame, where: str) -> None:
    for name in KEY:
        column = table[name]
        is_name = column.dtype.is_integer() or column.dtype == TEXT
        is_given = column.cast(TEXT) != "" if is_name else pl.repeat(False, len(column), eager=True)
        require_valid(table, name, is_given.fill_null(False), "a whole number, or text that is not empty", where)
    for name, known in (("status", STATUSES), ("annotator_kind", KINDS)):
        require_valid(table, name, _is_one_of(table[name], known), f"one of {', '.join(known)}", where)
    is_scale = table["scale"].is_null() | _is_one_of(table["scale"], SCALES)
    require_valid(table, "scale", is_scale, f"one of {', '.join(SCALES)}, or nothing", where)
    is_version = table["version"].cast(pl.Int64, strict=False).is_not_null()
    require_valid(table, "version", is_version, "a whole number", where)


def _is_one_of(column: pl.Series, known: tuple[str, ...]) -> pl.Series:
    return column.cast(TEXT, strict=False).is_in(known).fill_null(False)


def _read(table: pl.DataFrame) -> list[pl.Expr | pl.Series]:
    """The columns in the types they are used in, and the values read; each distinct cell is read once."""
    cells = table["value"].to_list()
    known = {cell: read_value(cell)._asdict() for cell in dict.fromkeys(cells)}
    return [
        *(pl.col(name).cast(TEXT) for name in (*KEY, "scale", "annotator_kind")),
        pl.Series("read", [known[cell] for cell in cells], dtype=READ),
    ]


def _require_one_answer(counted: pl.DataFrame, where: str) -> None:
    """Raise a SchemaError where one annotator says two things of one item and question."""
    twice = counted.filter(pl.col("label").n_unique().over(KEY) > 1)
    if twice.is_empty():
        return
    first = twice.row(0, named=True)
    other = twice.filter(*(pl.col(name) == first[name] for name in KEY), pl.col("label") != first["label"]).row(
        0, named=True
    )
    said = f"{short(first['label'])} and {short(other['label'])}"
    raise SchemaError(
        f"{where}: records {first['record']} and {other['record']}: annotator {short(first['annotator'])} answers "
        f"{short(first['question'])} on item {short(first['item'])} with {said}; wanted one answer (give `version` "
        "where answers were changed)"
    )


def _with_gold(counted: pl.DataFrame, where: str) -> pl.DataFrame:
    """`gold` as a label, null where there is none: known of an item and question as soon as one of its rows gives it.

    A JSON object holds the answers to several questions by name.
    """
    cells = zip(counted["gold"].to_list(), counted["question"].to_list(), strict=True)
    gold = pl.Series("gold", [_gold(cell, question) for cell, question in cells], dtype=TEXT)
    counted = counted.with_columns(gold)
    same = ("item", "question")
    is_one = counted.select((pl.col("gold").drop_nulls().n_unique().over(same) < 2) | pl.col("gold").is_null())
    require_valid(counted, "gold", is_one.to_series(), "one expected answer an item and question", where)
    return counted.with_columns(pl.col("gold").drop_nulls().first().over(same))


def _gold(cell: object, question: str) -> str | None:
    if cell is None:
        return None
    expected = parsed(cell)
    value = read_value(expected.get(question) if isinstance(expected, dict) else cell)
    return None if value.kind == "missing" else value.label
