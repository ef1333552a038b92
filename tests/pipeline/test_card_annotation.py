"""The card says what people decided, and nothing of them where nobody was asked."""

from typing import Any

import pytest

from pipeline.card_annotation import annotation_section
from pipeline.evidence import evidence_of
from schemas.tables import TABLES, Adjudicated, Examples, frame_of, table_name


def told(decided: list[dict[str, Any]], annotations: list[str]) -> str:
    tables = {table_name(table): table.create_empty() for table in TABLES}
    tables |= {"adjudicated": frame_of(Adjudicated, decided)}
    examples = frame_of(Examples, [{"annotation": said} for said in annotations])
    return "\n\n".join(annotation_section(evidence_of(tables, {}, []), examples))


def plan(verdict: str, how: str, agreement: float | None) -> dict[str, Any]:
    return {"verdict": verdict, "how": how, "agreement": agreement}


def test_where_nobody_was_asked_the_card_is_silent() -> None:
    assert told([], ["none"]) == ""


@pytest.mark.parametrize(
    "line",
    [
        "People were asked about 4 plans.",
        "2 show a plan that they kept and 1 one that they edited",
        "| keep | majority | 2 | 0.7 |",
        "| undecided | open | 1 | - |",
    ],
)
def test_decisions_are_counted_with_how_far_people_agreed(line: str) -> None:
    decided = [plan("keep", "majority", 0.6), plan("keep", "majority", 0.8), plan("fix", "unanimous", 1.0)]
    assert line in told([*decided, plan("undecided", "open", None)], ["accepted", "accepted", "edited", "none"])
