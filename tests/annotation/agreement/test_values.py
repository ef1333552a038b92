"""One cell of a table: JSON, plain text and plain numbers mean the same, and hostile ones break nothing."""

import math

import pytest

from annotation.agreement.values import MISSING, Value, ranks_of, read_value


@pytest.mark.parametrize("cell", [4, 4.0, "4", "4.0", " 4"])
def test_a_number_is_a_number_however_it_is_written(cell: object) -> None:
    assert read_value(cell) == Value("number", "4", 4.0)


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("keep", "keep"),
        ('"keep"', "keep"),
        ('"4"', "4"),
        (True, "true"),
        ("false", "false"),
        ("NaN", "NaN"),
        ("{", "{"),
    ],
)
def test_labels(cell: object, label: str) -> None:
    assert read_value(cell) == Value("label", label)


@pytest.mark.parametrize("cell", [None, "", '""', "null", math.nan])
def test_what_is_no_answer(cell: object) -> None:
    assert read_value(cell) == MISSING


@pytest.mark.parametrize("cell", ["1e999", math.inf, "9" * 5_000, 10**400])
def test_numbers_without_end_are_labels(cell: object) -> None:
    assert read_value(cell).number is None


def test_rankings_are_equal_in_any_order_and_with_either_name() -> None:
    one = read_value('[{"plan_id": "p", "rank": 1}, {"plan_id": "q", "rank": 2}]')
    assert one == read_value([{"value": "q", "rank": 2.0}, {"value": "p", "rank": 1.0}])
    assert one.kind == "ranking"
    assert ranks_of(one.label) == {"p": 1, "q": 2}


@pytest.mark.parametrize(
    "cell",
    [
        '[{"start": 0, "end": 5, "label": "wrong"}]',
        '[{"plan_id": "p", "rank": 1}, {"plan_id": "p", "rank": 2}]',
        '[{"plan_id": "p", "rank": "first"}]',
        '[{"plan_id": "p", "rank": true}]',
        '[{"plan_id": ["p"], "rank": 1}]',
        '{"a": 1}',
        "[]",
        '"two\\nlines"',
        "x" * 201,
        "[" * 100_000,
    ],
)
def test_spans_free_text_and_broken_rankings_are_neither_label_nor_ranking(cell: str) -> None:
    assert read_value(cell).kind == "other"
