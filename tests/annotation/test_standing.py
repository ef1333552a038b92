"""Annotation is done when nothing is open and people agree; the tables say so, without the server."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from annotation.agreement.table import SCHEMA
from annotation.standing import Standing, agreement, standing
from pipeline.store import open_run
from schemas.annotation import Annotate
from schemas.ids import record_id
from schemas.tables import Annotations, Queue, frame_of

PLANS = ["a" * 32, "b" * 32]


def stands(decided: dict[str, int], alpha: float | None, n_paired: int, min_submitted: int = 2) -> Standing:
    row = {"question": "verdict", "alpha": alpha, "n_paired": n_paired}
    return Standing(1, decided, 0, min_submitted, pl.DataFrame([row], schema=SCHEMA))


@pytest.mark.parametrize(
    ("standing", "lack"),
    [
        (stands({"open": 1, "majority": 2}, 0.9, 3), "1 of 3 plans are open"),
        (stands({"majority": 3}, 0.5, 3), "agreement is 0.500, below 0.667"),
        (stands({"majority": 3}, 0.667, 3), ""),
        (stands({"unanimous": 3}, None, 3), ""),
        (stands({"adjudicator": 3}, None, 0), "no plan has the verdicts of two annotators"),
        (stands({"unanimous": 3}, None, 0, min_submitted=1), ""),
    ],
)
def test_annotation_is_done_when_nothing_is_open_and_people_agree(standing: Standing, lack: str) -> None:
    assert standing.lack(0.667) == lack


def queue(*kinds: str) -> pl.DataFrame:
    rows = [
        {"record_id": record_id([plan], kind, "plans-1"), "plan_ids": [plan], "kind": kind, "reason": "random",
         "gold": json.dumps({"verdict": "keep"}) if kind == "gold" else None, "guideline_version": "plans-1"}
        for plan, kind in zip(PLANS, kinds, strict=False)
    ]  # fmt: skip
    return frame_of(Queue, rows)


def said(asked: pl.DataFrame, **values: Any) -> pl.DataFrame:
    """Each annotator's value on every record."""
    rows = [
        {"record_id": record, "question": "verdict", "annotator": name, "version": 1, "value": json.dumps(value),
         "status": "submitted", "annotator_kind": "person", "guideline_version": "plans-1",
         "answered_at": datetime(2026, 1, 2, tzinfo=UTC)}
        for record in asked["record_id"] for name, value in values.items()
    ]  # fmt: skip
    return frame_of(Annotations, rows)


def test_annotators_are_held_against_the_known_answers() -> None:
    asked = queue("gold")
    (row,) = agreement(asked, said(asked, first="keep", second="fix")).iter_rows(named=True)
    assert {one["annotator"]: one["gold_accuracy"] for one in row["annotators"]} == {"first": 1.0, "second": 0.0}


def test_the_adjudicator_is_no_annotator() -> None:
    asked = queue("adjudication")
    assert agreement(asked, said(asked, adjudicator="keep")).is_empty()


def test_a_run_of_which_nobody_was_asked_stands_nowhere(tmp_path: Path) -> None:
    found = standing(open_run(str(tmp_path)), Annotate())
    assert (found.n_asked, found.is_done, found.alpha) == (0, False, None)
    assert found.sentence() == "undefined (no record has two verdicts)"
