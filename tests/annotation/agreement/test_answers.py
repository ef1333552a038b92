"""Which answers of a table count, and what is wrong with those that cannot be read."""

from typing import Any

import polars as pl
import pytest

from annotation.agreement.answers import answers_of
from schemas.errors import SchemaError


def table(*rows: tuple[Any, ...], **more: list[Any]) -> pl.DataFrame:
    names = ("item", "annotator", "question", "value")
    return pl.DataFrame(rows, schema=names, orient="row", strict=False).with_columns(
        pl.Series(name, values) for name, values in more.items()
    )


PAIR = (("i", "a", "verdict", "keep"), ("i", "b", "verdict", "fix"))


def labels(frame: pl.DataFrame) -> list[str]:
    return answers_of(frame)["label"].to_list()


def test_only_submitted_answers_count() -> None:
    assert labels(table(*PAIR, status=["submitted", "draft"])) == ["keep"]


def test_the_latest_version_counts_and_only_if_it_is_submitted() -> None:
    rows = [("i", "a", "q", "one"), ("i", "a", "q", "two"), ("i", "b", "q", "one"), ("i", "b", "q", "two")]
    states = ["submitted", "submitted", "submitted", "withdrawn"]
    assert labels(table(*rows, version=["9", "10", "1", "2"], status=states)) == ["two"]


def test_the_project_s_own_names_are_understood() -> None:
    assert answers_of(table(*PAIR).rename({"item": "record_id"}))["item"].to_list() == ["i", "i"]


def test_missing_values_are_no_answers() -> None:
    assert labels(table(PAIR[0], ("i", "b", "verdict", None))) == ["keep"]


def test_the_same_answer_twice_counts_once() -> None:
    assert labels(table(PAIR[0], PAIR[0])) == ["keep"]


def test_gold_of_one_row_is_that_of_the_item_and_question() -> None:
    found = answers_of(table(*PAIR, ("i", "a", "strategy", 4), gold=['{"verdict": "keep"}', None, None]))
    assert found["gold"].to_list() == ["keep", "keep", None]


def test_values_of_parquet_may_be_lists() -> None:
    frame = table(*PAIR).with_columns(value=pl.Series([[{"value": "A", "rank": 1}], [{"value": "A", "rank": 2}]]))
    assert answers_of(frame)["kind"].to_list() == ["ranking", "ranking"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (table(*PAIR).drop("value"), "x.csv: no column 'value'; it has item, annotator, question"),
        (table(*PAIR).drop("item"), "x.csv: no column 'item'"),
        (table(*PAIR, ("i", "a", "verdict", "discard")), 'x.csv: records 1 and 3: annotator "a" answers "verdict" on'),
        (table(*PAIR, ("", "a", "verdict", "keep")), 'x.csv: record 3, item: found "", wanted a whole number, or text'),
        (table(*PAIR, scale=["nominal", "ratio"]), 'x.csv: record 2, scale: found "ratio", wanted one of nominal'),
        (table(*PAIR, status=["submitted", "done"]), 'x.csv: record 2, status: found "done", wanted one of submitted'),
        (table(*PAIR, annotator_kind=["person", None]), "x.csv: record 2, annotator_kind: found null, wanted one of"),
        (table(*PAIR, version=["1", "new"]), 'x.csv: record 2, version: found "new", wanted a whole number'),
        (table(*PAIR, gold=["keep", "fix"]), "x.csv: record 1, gold: found"),
    ],
)
def test_what_is_wrong_is_named(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(SchemaError) as error:
        answers_of(frame, "x.csv")
    assert str(error.value).startswith(message)
