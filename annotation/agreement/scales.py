"""Which scale a question is on: as the table says, or guessed from the answers by a plain rule."""

from typing import cast

import polars as pl

from schemas.errors import SchemaError

NONE = "none"
"""The scale of free text and of lists: nothing here measures agreement on them."""

NEEDS = {"ordinal": "number", "interval": "number", "ranking": "ranking"}
"""Kind of value that each of these scales takes; any value can be a nominal label."""


def scale_of(answers: pl.DataFrame, where: str) -> tuple[str, bool]:
    """The scale of the answers to one question, and whether it was guessed.

    Guessed: numbers are `ordinal`, rankings `ranking`; free text, lists and objects `none`; anything else `nominal`. A
    SchemaError where rows name two scales, or a value does not fit the scale that is named.
    """
    named = answers.filter(pl.col("scale").is_not_null())
    if named.is_empty():
        return _guessed(set(answers["kind"].to_list())), True
    scale = cast(str, named["scale"][0])
    question = answers["question"][0]
    other = named.filter(pl.col("scale") != scale)
    if other.height:
        said = f"{named['record'][0]} and {other['record'][0]}: scale of question {question!r}: found"
        raise SchemaError(f"{where}: records {said} {scale!r} and {other['scale'][0]!r}; wanted one scale a question")
    _require_fit(answers, scale, where)
    return scale, False


def _guessed(kinds: set[str]) -> str:
    if kinds == {"number"}:
        return "ordinal"
    if kinds == {"ranking"}:
        return "ranking"
    return "nominal" if kinds <= {"number", "label"} else NONE


def _require_fit(answers: pl.DataFrame, scale: str, where: str) -> None:
    kind = NEEDS.get(scale)
    misfits = answers.filter(pl.col("kind") != kind) if kind else answers.clear()
    if misfits.is_empty():
        return
    row = misfits.row(0, named=True)
    wanted = "a number" if kind == "number" else 'a list such as [{"plan_id": "...", "rank": 1}, ...]'

    raise SchemaError(
        f"{where}: record {row['record']}, value: found {row['label'][:80]!r}, wanted {wanted}: the scale of question "
        f"{row['question']!r} is {scale}"
    )
