"""Strategies are read from whatever list a planner writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.strategies import strategies


@pytest.mark.parametrize(
    "text",
    [
        '["halve it", "work backwards"]',
        '{"strategies": ["halve it", "work backwards"]}',
        'Sure:\n```json\n{"strategies": ["halve it", "work backwards"]}\n```\nDone.',
        "1. halve it\n2. work backwards",
        "Two ways:\n\n1) halve it\n   because it is even\n2) work   backwards\n\nI like the first.",
        "- halve it\n- work backwards",
        "* halve it\n+ work backwards",
        "Strategy 1: halve it\nStrategy 2: work backwards",
        "1. halve it\r\n2. work backwards\r\n3. halve it",
        '["halve it", "", 7, null, {"a": 1}, " work\\nbackwards "]',
    ],
)
def test_lists_in_all_their_spellings_are_strategies(text: str) -> None:
    assert strategies(text) == ["halve it", "work backwards"]


@pytest.mark.parametrize(
    "text",
    ["", " \n", "I would halve it.", "{}", "[]", '{"strategies": "halve it"}', "7", "null", "[" * 5000, "1.", "-"],
)
def test_nothing_is_made_up_where_there_is_no_list(text: str) -> None:
    assert strategies(text) == []


pieces = st.sampled_from(
    ["1. ", "- ", "\n", "```json\n", "```", "[", "]", '"', "\\ud800", '{"strategies":', "Strategy 1:"]
)


@given(st.text() | st.lists(pieces | st.text(max_size=4)).map("".join))
def test_no_text_raises_and_every_strategy_can_be_written_to_a_file(text: str) -> None:
    found = strategies(text)
    "\n".join(found).encode()
    assert len(set(found)) == len(found)
    assert all(item == " ".join(item.split()) != "" for item in found)


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert strategies(r'["halve \ud800"]') == ["halve \ufffd"]
