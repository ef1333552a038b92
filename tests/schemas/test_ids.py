"""Ids depend on what is written down, and on nothing else."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import ids

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
MESSAGES = [{"role": "user", "content": "How many?"}]
A, B = "a" * 32, "b" * 32

PINNED = {
    "content": ("208031112f59030c311f6550239d4d93", lambda: ids.content_hash(MESSAGES, {"answer": "42"})),
    "prompt": ("0ffe732a9802fa4dc6d1a55aa0fc4fee", lambda: ids.prompt_id("gsm8k", "17", A)),
    "generator": (
        "dcfad269f3fece8acbf518fa7c27a5e2",
        lambda: ids.generator_id({"model": "m", "sampling": {"temperature": 0.6}}),
    ),
    "rollout": ("e808100ed9261f2098bfb22d3def8ce0", lambda: ids.rollout_id(A, B, 3)),
    "rollout of a plan": (
        "7363ef58ce4289d50649eb60b8dad5ba",
        lambda: ids.rollout_id(A, B, 3, arm="execute", phase="confirm", plan_id=B),
    ),
    "plan": (
        "508b168cc2f518404d5ae27f8dae0e95",
        lambda: ids.plan_id(A, {"steps": [{"id": "1", "goal": "Stack a on b."}]}),
    ),
    "example": ("33cf4cc54b9be60d34a24fa0d0a41811", lambda: ids.example_id(A, B, "", "plan_then_answer")),
}
"""A stored id must never change by accident: every run folder out there holds them."""


@pytest.mark.parametrize(("expected", "found"), PINNED.values(), ids=PINNED.keys())
def test_ids_stay_what_they_are(expected: str, found: Any) -> None:
    assert found() == expected


@given(st.dictionaries(TEXT, JSON, max_size=6))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert ids.canonical_json(backwards) == ids.canonical_json(value)


@given(JSON)
def test_canonical_json_is_the_same_value(value: Any) -> None:
    assert json.loads(ids.canonical_json(value)) == value


def test_what_is_not_json_has_no_id() -> None:
    with pytest.raises(ValueError, match="JSON"):
        ids.canonical_json(float("nan"))


@given(JSON, JSON)
def test_different_inputs_have_different_ids(one: Any, other: Any) -> None:
    same = ids.canonical_json(one) == ids.canonical_json(other)
    assert (ids.content_id("plan", content=one) == ids.content_id("plan", content=other)) == same


def test_kinds_with_equal_inputs_have_different_ids() -> None:
    assert ids.content_id("prompt", x=1) != ids.content_id("plan", x=1)


@given(st.text(max_size=50))
def test_any_text_has_an_id(text: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", ids.plan_id(A, text))


def test_text_cannot_move_between_two_inputs() -> None:
    assert ids.prompt_id("ab", "c", A) != ids.prompt_id("a", "bc", A)


@pytest.mark.parametrize(
    "change",
    [{"prompt_id": B}, {"generator_id": A}, {"sample_index": 4}, {"arm": "guess"}, {"phase": "search"},
     {"plan_id": A}, {"step_id": "1"}],
)  # fmt: skip
def test_each_column_that_names_a_sample_changes_its_id(change: dict[str, Any]) -> None:
    sample: dict[str, Any] = {"prompt_id": A, "generator_id": B, "sample_index": 3}
    assert ids.rollout_id(**{**sample, **change}) != ids.rollout_id(**sample)


@pytest.mark.parametrize("said", [" How many? ", "How many?\n"])
def test_outer_white_space_is_not_content(said: str) -> None:
    assert ids.content_hash([{"role": "user", "content": said}], {}) == ids.content_hash(MESSAGES, {})


def test_unicode_forms_of_one_text_are_one_content() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    one = ids.content_hash([{"role": "user", "content": composed}], {})
    assert ids.content_hash([{"role": "user", "content": decomposed}], {}) == one


def test_who_speaks_and_how_it_is_checked_are_content() -> None:
    said = ids.content_hash(MESSAGES, {})
    assert ids.content_hash([{**MESSAGES[0], "role": "system"}], {}) != said
    assert ids.content_hash(MESSAGES, {"answer": "42"}) != said
