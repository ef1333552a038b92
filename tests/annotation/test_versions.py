"""Answers that were seen again add nothing; changes and withdrawals are the next version."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from annotation.versions import latest_versions, new_versions
from schemas.tables import Annotations, frame_of

RECORD, OTHER = "a" * 32, "b" * 32
AT, LATER = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
THERE = {RECORD: AT, OTHER: AT}
"""Since when the records are on the server."""
NOTHING = frame_of(Annotations, [])


def answer(value: str = '"keep"', status: str = "submitted", **more: Any) -> dict[str, Any]:
    row = {"record_id": RECORD, "question": "verdict", "annotator": "ann", "value": value, "status": status}
    return row | {"annotator_kind": "person", "guideline_version": "plans-1", "answered_at": AT} | more


def pulled(before: pl.DataFrame, *seen: dict[str, Any], there: Mapping[str, datetime] = THERE) -> pl.DataFrame:
    return pl.concat([before, new_versions(before, seen, there, LATER)])


def versions(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return frame.sort("version").select("version", "value", "status").rows()


def test_the_first_answer_is_version_1() -> None:
    assert versions(pulled(NOTHING, answer())) == [(1, '"keep"', "submitted")]


def test_the_same_answer_again_adds_nothing() -> None:
    once = pulled(NOTHING, answer())
    assert new_versions(once, [answer(answered_at=LATER)], THERE, LATER).is_empty()


def test_an_edit_is_the_next_version() -> None:
    twice = pulled(pulled(NOTHING, answer()), answer('"fix"'))
    assert versions(twice) == [(1, '"keep"', "submitted"), (2, '"fix"', "submitted")]


def test_another_state_is_the_next_version() -> None:
    twice = pulled(pulled(NOTHING, answer(status="draft")), answer())
    assert versions(twice) == [(1, '"keep"', "draft"), (2, '"keep"', "submitted")]


def test_an_answer_that_is_gone_is_withdrawn_once() -> None:
    gone = pulled(pulled(NOTHING, answer()))
    assert versions(gone) == [(1, '"keep"', "submitted"), (2, '"keep"', "withdrawn")]
    assert gone.sort("version")["answered_at"].to_list() == [AT, LATER]
    assert pulled(gone).equals(gone)


def test_an_answer_that_comes_back_is_submitted_again() -> None:
    back = pulled(pulled(pulled(NOTHING, answer())), answer())
    assert [row[2] for row in versions(back)] == ["submitted", "withdrawn", "submitted"]


def test_answers_to_records_that_are_not_there_stay() -> None:
    once = pulled(NOTHING, answer())
    assert pulled(once, there={OTHER: AT}).equals(once)


def test_an_answer_older_than_its_record_is_not_taken_back() -> None:
    once = pulled(NOTHING, answer())
    assert pulled(once, there={RECORD: LATER}).equals(once)


def test_the_same_answer_to_a_newer_record_is_the_next_version_and_can_be_taken_back() -> None:
    newer = {"there": {RECORD: LATER}}
    anew = pulled(pulled(NOTHING, answer()), answer(answered_at=LATER), **newer)
    assert pulled(anew, answer(answered_at=LATER), **newer).equals(anew)
    assert [row[2] for row in versions(pulled(anew, **newer))] == ["submitted", "submitted", "withdrawn"]


def test_another_kind_of_annotator_is_the_next_version() -> None:
    twice = pulled(pulled(NOTHING, answer()), answer(annotator_kind="model"))
    assert twice.sort("version")["annotator_kind"].to_list() == ["person", "model"]


def test_annotators_and_questions_have_versions_of_their_own() -> None:
    both = pulled(pulled(NOTHING, answer()), answer('"fix"'), answer("4", question="strategy"), answer(annotator="b"))
    assert {key[1:]: row["version"] for key, row in latest_versions(both).items()} == {
        ("verdict", "ann"): 2, ("strategy", "ann"): 1, ("verdict", "b"): 1,
    }  # fmt: skip


states = st.dictionaries(
    st.tuples(st.sampled_from([RECORD, OTHER]), st.sampled_from(["verdict", "strategy"]), st.sampled_from("ab")),
    st.tuples(st.sampled_from(['"keep"', '"fix"']), st.sampled_from(["submitted", "draft", "discarded"])),
)


@given(st.lists(states, max_size=6))
def test_the_latest_versions_are_what_the_server_has(history: list[dict[tuple[str, str, str], Any]]) -> None:
    table = NOTHING
    for state in history:
        seen = [
            answer(value, status, record_id=record, question=question, annotator=annotator)
            for (record, question, annotator), (value, status) in state.items()
        ]
        table = pulled(table, *seen)
        counted = {key: row for key, row in latest_versions(table).items() if row["status"] != "withdrawn"}
        assert {key: (row["value"], row["status"]) for key, row in counted.items()} == state
    assert not table.select(Annotations.primary_key()).is_duplicated().any()
