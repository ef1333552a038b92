"""The scale of a question: as said, or guessed by a plain rule."""

import polars as pl
import pytest

from annotation.agreement.answers import answers_of
from annotation.agreement.scales import scale_of
from schemas.errors import SchemaError

RANKING = '[{"value": "A", "rank": 1}]'


def asked(values: list[object], scale: list[str | None] | None = None) -> pl.DataFrame:
    names = {"item": [*range(len(values))], "annotator": ["a"] * len(values), "question": ["q"] * len(values)}
    frame = pl.DataFrame(names).with_columns(pl.Series("value", [str(value) for value in values]))
    return answers_of(frame.with_columns(pl.Series("scale", scale or [None] * len(values), dtype=pl.String)))


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 2.5], "ordinal"),
        (["keep", "fix"], "nominal"),
        (["keep", 3], "nominal"),
        ([RANKING, RANKING], "ranking"),
        ([RANKING, "keep"], "none"),
        (["[]"], "none"),
        (["x" * 300], "none"),
    ],
)
def test_a_scale_is_guessed_where_none_is_named(values: list[object], scale: str) -> None:
    assert scale_of(asked(values), "x.csv") == (scale, True)


def test_a_scale_that_one_row_names_holds_for_all() -> None:
    assert scale_of(asked([1, 2], [None, "interval"]), "x.csv") == ("interval", False)
    assert scale_of(asked(["x" * 300], ["nominal"]), "x.csv") == ("nominal", False)


@pytest.mark.parametrize(
    ("values", "scale", "message"),
    [
        (
            [1, "good"],
            ["interval", None],
            "x.csv: record 2, value: found 'good', wanted a number: the scale of question",
        ),
        (["good"], ["ordinal"], "x.csv: record 1, value: found 'good', wanted a number"),
        ([1], ["ranking"], "x.csv: record 1, value: found '1', wanted a list such as"),
        (
            [1, 2],
            ["ordinal", "nominal"],
            "x.csv: records 1 and 2: scale of question 'q': found 'ordinal' and 'nominal'",
        ),
    ],
)
def test_values_that_do_not_fit_are_named(values: list[object], scale: list[str | None], message: str) -> None:
    with pytest.raises(SchemaError) as error:
        scale_of(asked(values, scale), "x.csv")
    assert str(error.value).startswith(message)
