import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.constraints.literals import MAX_DEPTH, literals

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | TEXTS
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(TEXTS, SCALARS, max_size=3)


def found(text: str) -> list[Any]:
    return [value for _, value in literals(text)]


@given(st.lists(VALUES, max_size=4))
def test_json_and_python_are_read_as_they_were_written(value: list[Any]) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False), repr(value)):
        assert found(f"Here it is: {text} (that is all)") == [value]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('[1, 2.50, "3"]', [["1", "2.50", "3"]]),
        ("['it\\'s', \"it's\"]", [["it's", "it's"]]),
        ('{"a": true, "b": None,}', [{"a": True, "b": None}]),
        ('["\\u00e9", "\\ud83d\\ude00", "\\ud83d"]', [["é", "😀", "�"]]),
        ("[PLAN] {'a': []} [PLAN END]", [{"a": []}]),
        ('[["open", ["b"]]', [["open", ["b"]]]),
    ],
)
def test_objects_and_lists_are_found_in_what_stands_around_them(text: str, wanted: list[Any]) -> None:
    assert found(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["", "[a]", "[1 2]", "[,]", '{"a"}', '{"a":}', '{"a": 1]', '["open', "[__import__('os')]", "[" * 200_000,
     '["' + '\\"' * 100_000, "[" + "9" * 200_000 + "]", "[1e400]", "{]}"],
)  # fmt: skip
def test_what_is_no_literal_is_left_alone(text: str) -> None:
    assert found(text) == []


def test_depth_is_limited() -> None:
    assert found("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    deep = found("[" * 100 + "]" * 100)
    assert all(json.dumps(value).count("[") <= MAX_DEPTH for value in deep)
