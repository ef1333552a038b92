"""What people said that counts."""

from typing import Any

import polars as pl
import pytest

from pipeline.people import judgements, standing, submitted, usable
from schemas.tables import Adjudicated, Annotations, Plans, Queue, frame_of


def id_of(number: int) -> str:
    return f"{number:032x}"


def answer(version: int, **changed: Any) -> dict[str, Any]:
    row = {"record_id": id_of(1), "question": "verdict", "annotator": "annotator-1", "version": version, "value": "1"}
    return row | {"status": "submitted", "annotator_kind": "person"} | changed


def versions(*answers: dict[str, Any]) -> list[int]:
    return submitted(frame_of(Annotations, list(answers)))["version"].to_list()


def test_of_each_answer_the_latest_version_counts() -> None:
    assert versions(answer(2), answer(10), answer(1)) == [10]
    others = [answer(1, annotator="annotator-2"), answer(1, question="strategy"), answer(1, record_id=id_of(2))]
    assert len(versions(answer(1), *others)) == 4


@pytest.mark.parametrize("status", ["draft", "discarded", "withdrawn"])
def test_what_is_no_longer_submitted_counts_no_more(status: str) -> None:
    assert versions(answer(1), answer(2, status=status)) == []
    assert versions(answer(1, status=status), answer(2)) == [2]


def test_a_models_vote_is_not_a_persons() -> None:
    assert versions(answer(1, annotator_kind="model")) == []


def test_a_record_judges_its_first_plan_unless_it_is_gold() -> None:
    rows = [
        {"record_id": id_of(i), "plan_ids": [id_of(10 + i), id_of(9)], "kind": kind}
        for i, kind in enumerate(("single", "ranking", "gold", "adjudication"))
    ]
    found = judgements(frame_of(Queue, rows)).select(pl.col("kind").cast(pl.String), "plan_id").rows()
    assert found == [("single", id_of(10)), ("ranking", id_of(11)), ("adjudication", id_of(13))]


VERDICTS = {1: "keep", 2: "fix", 3: "discard", 4: "undecided", 6: "keep", 7: "discard"}
PLANS = frame_of(Plans, [{"plan_id": id_of(i), "origin": "model" if i < 6 else "person"} for i in range(1, 9)])
SAID = frame_of(Adjudicated, [{"plan_id": id_of(i), "verdict": said} for i, said in VERDICTS.items()])


def numbers(frame: pl.DataFrame) -> list[int]:
    return [int(id, 16) for id in frame["plan_id"]]


def test_a_plan_is_used_until_people_rule_it_out() -> None:
    assert numbers(usable(PLANS, SAID)) == [1, 4, 5, 6, 8]
    assert numbers(usable(PLANS, SAID, annotated_only=True)) == [1, 6, 8]
    assert numbers(usable(PLANS, SAID.clear())) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_people_stand_behind_what_they_kept_and_what_they_edited() -> None:
    assert dict(standing(PLANS, SAID).rows()) == {id_of(1): "accepted", id_of(6): "edited", id_of(8): "edited"}
