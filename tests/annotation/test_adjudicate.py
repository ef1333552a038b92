"""What people decide about plans, and what is left to the adjudicator."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from annotation.adjudicate import Config, run, said_of, to_adjudicate
from pipeline.plans import edit_row
from schemas.ids import record_id
from schemas.tables import Adjudicated, Annotations, Plans, Queue, frame_of

MORNING = datetime(2026, 1, 5, 9, tzinfo=UTC)
A, B, C, PROMPT = (f"{i:032x}" for i in range(1, 5))
PLAN = {"plan_id": A, "prompt_id": PROMPT}

Answers = list[dict[str, Any]]


def record(*plans: str, kind: str = "single", version: str = "plans-1") -> dict[str, Any]:
    id = record_id(plans, kind, version)
    return {"record_id": id, "plan_ids": list(plans), "kind": kind, "reason": "random", "guideline_version": version}


ASKED, RANKED = record(A), record(A, B, C, kind="ranking")
GOLD, DISPUTED = record(A, kind="gold"), record(A, kind="adjudication")
NEWER = record(A, version="plans-2")


def said(who: str, verdict: str | None = None, of: dict[str, Any] = ASKED, at: int = 0, **more: Any) -> Answers:
    """One person's answers to a record, `at` so many minutes."""
    answers = {"verdict": verdict, **more} if verdict else more
    told = {"record_id": of["record_id"], "annotator": who, "version": 1, "status": "submitted"}
    told |= {"annotator_kind": "person", "guideline_version": of["guideline_version"]}
    told |= {"answered_at": MORNING + timedelta(minutes=at)}
    return [{**told, "question": question, "value": json.dumps(value)} for question, value in answers.items()]


def frames(*answers: Answers, queue: Answers | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
    return frame_of(Queue, queue or [ASKED]), frame_of(Annotations, [row for rows in answers for row in rows])


def adjudicated(
    *answers: Answers, queue: Answers | None = None, min_submitted: int = 2, edits: tuple[str, ...] = ()
) -> pl.DataFrame:
    edited = [edit_row(PLAN, text) for text in edits]
    plans = frame_of(Plans, [*({**PLAN, "plan_id": id, "status": "parsed"} for id in (A, B, C)), *edited])
    found = run(*frames(*answers, queue=queue), plans, Config(min_submitted=min_submitted))
    return Adjudicated.validate(found)


def decided(*answers: Answers, queue: Answers | None = None, min_submitted: int = 2) -> tuple[Any, ...]:
    """verdict, how, agreement and n_annotators of plan A."""
    found = adjudicated(*answers, queue=queue, min_submitted=min_submitted)
    return found.filter(plan_id=A).select("verdict", "how", "agreement", "n_annotators").row(0)


def votes(*verdicts: str, of: dict[str, Any] = ASKED) -> Answers:
    return [row for i, verdict in enumerate(verdicts) for row in said(f"annotator-{i}", verdict, of)]


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        ((), ("undecided", "open", None, 0)),
        (("keep",), ("undecided", "open", 1.0, 1)),
        (("keep", "keep"), ("keep", "unanimous", 1.0, 2)),
        (("fix", "discard"), ("undecided", "open", 0.5, 2)),
        (("fix", "discard", "fix"), ("fix", "majority", 2 / 3, 3)),
        (("fix", "discard", "keep"), ("undecided", "open", 1 / 3, 3)),
        (("fix", "fix", "discard", "keep"), ("undecided", "open", 0.5, 4)),
    ],
)
def test_all_or_more_than_half_decide(verdicts: tuple[str, ...], wanted: tuple[Any, ...]) -> None:
    assert decided(votes(*verdicts)) == wanted


def test_as_many_must_answer_as_are_asked() -> None:
    assert decided(votes("keep"), min_submitted=1)[:2] == ("keep", "unanimous")
    assert decided(votes("keep", "keep"), min_submitted=3)[:2] == ("undecided", "open")


def test_the_adjudicator_decides_however_many_answer_later() -> None:
    queue, ruling = [ASKED, DISPUTED], said("adjudicator", "discard", DISPUTED)
    assert decided(votes("keep", "fix"), ruling, queue=queue) == ("discard", "adjudicator", 0.5, 2)
    assert decided(votes("keep", "fix", "keep", "keep"), ruling, queue=queue)[:2] == ("discard", "adjudicator")
    withdrawn = [row | {"version": 2, "status": "withdrawn"} for row in ruling]
    assert decided(votes("keep", "fix"), ruling, withdrawn, queue=queue)[:2] == ("undecided", "open")


def test_answers_to_gold_items_and_of_models_are_no_votes() -> None:
    model = [row | {"annotator_kind": "model"} for row in said("annotator-9", "fix")]
    assert decided(votes("keep"), votes("fix", "fix", of=GOLD), model, queue=[ASKED, GOLD])[3] == 1
    assert adjudicated(votes("fix", "fix", of=GOLD), queue=[GOLD]).is_empty()


def test_without_a_verdict_ratings_are_no_answer() -> None:
    assert decided(votes("keep"), said("annotator-1", strategy=1))[3] == 1


def test_a_person_has_one_vote_and_the_latest_answered_record_has_it() -> None:
    queue, both = [ASKED, NEWER], votes("fix", "fix")
    assert decided(both, said("annotator-0", "keep", NEWER, at=5), queue=queue)[:2] == ("undecided", "open")
    assert decided(both, said("annotator-0", "keep", NEWER, at=-5), queue=queue)[:2] == ("fix", "unanimous")
    assert decided(both, said("annotator-2", "fix", NEWER), queue=queue)[3] == 3


def test_a_plan_that_is_only_ranked_beside_another_is_not_judged() -> None:
    assert adjudicated(votes("keep", "keep", of=RANKED), queue=[RANKED])["plan_id"].to_list() == [A]


def test_ratings_are_means_with_counts_of_what_the_annotators_said() -> None:
    ranks = [[{"plan_id": A, "rank": 1}, {"plan_id": B, "rank": 2}], [{"plan_id": A, "rank": 2}]]
    answers = [
        said("annotator-0", "keep", RANKED, strategy=5, abstraction=2, ranking=ranks[0]),
        said("annotator-1", "keep", RANKED, strategy=4, ranking=ranks[1]),
        said("adjudicator", "fix", DISPUTED, strategy=1),
    ]
    assert json.loads(adjudicated(*answers, queue=[RANKED, DISPUTED])["ratings"].item()) == {
        "strategy": {"mean": 4.5, "n": 2},
        "abstraction": {"mean": 2, "n": 1},
        "ranks": {A: {"mean": 1.5, "n": 2}, B: {"mean": 2, "n": 1}},
    }
    assert adjudicated()["ratings"].item() == "{}"


def edits_of(*texts: str, verdict: str = "fix") -> list[Answers]:
    return [said(f"annotator-{i}", verdict, edited_plan=text) for i, text in enumerate(texts)]


def edit(text: str) -> str:
    return str(edit_row(PLAN, text)["plan_id"])


def edited_id(*answers: Answers, texts: tuple[str, ...] = ("1. look", "1. run")) -> str | None:
    return adjudicated(*answers, queue=[ASKED, DISPUTED], edits=texts)["edited_plan_id"].item()


def test_the_edit_that_most_of_those_wrote_who_want_it_fixed_replaces_a_plan() -> None:
    assert edited_id(*edits_of("1. look", "1. run", '["run"]')) == edit("1. run")
    assert edited_id(*edits_of("1. look", "1. run")) == min(edit("1. look"), edit("1. run"))
    assert edited_id(*edits_of("1. look", verdict="keep")) is None
    assert edited_id(*edits_of("do as you like"), texts=("do as you like",)) is None
    assert edited_id(votes("fix", "fix")) is None


def test_the_adjudicators_edit_comes_first() -> None:
    ruling = said("adjudicator", "keep", DISPUTED, edited_plan="1. look")
    assert edited_id(*edits_of("1. run", "1. run"), ruling) == edit("1. look")


def test_a_plan_that_is_not_there_has_no_row() -> None:
    gone = record("d" * 32)
    assert adjudicated(votes("keep", "keep", of=gone), queue=[gone]).is_empty()


def owed(*answers: Answers, queue: Answers | None = None) -> pl.DataFrame:
    return Queue.validate(to_adjudicate(*frames(*answers, queue=queue), Config(min_submitted=2)))


@pytest.mark.parametrize(
    ("verdicts", "n"),
    [((), 0), (("keep",), 0), (("keep", "keep"), 0), (("keep", "fix"), 1), (("keep", "fix", "keep"), 0)],
)
def test_the_adjudicator_is_asked_where_enough_people_decide_nothing(verdicts: tuple[str, ...], n: int) -> None:
    found = owed(votes(*verdicts))
    assert found["record_id"].to_list() == [DISPUTED["record_id"]] * n
    assert found["plan_ids"].to_list() == [[A]] * n


def test_the_adjudicator_is_asked_once() -> None:
    assert owed(votes("keep", "fix"), queue=[ASKED, DISPUTED]).is_empty()
    later = said("annotator-2", "discard", NEWER, at=5)
    assert owed(votes("keep", "fix"), later, queue=[ASKED, NEWER])["guideline_version"].to_list() == ["plans-2"]
    assert owed(votes("keep", "fix"), later, queue=[ASKED, NEWER, DISPUTED]).is_empty()


def test_the_adjudicator_is_shown_the_answers_that_count_and_no_older_ones() -> None:
    queue, answers = frames(
        said("annotator-0", "fix", edited_plan="1. look"), said("annotator-0", "discard", NEWER, at=5),
        said("annotator-1", "keep", strategy=4), said("annotator-2", strategy=1), said("adjudicator", "fix", DISPUTED),
        queue=[ASKED, NEWER, DISPUTED],
    )  # fmt: skip
    told = said_of(queue.filter(pl.col("kind") == "adjudication"), queue, answers)[DISPUTED["record_id"]]
    assert told == {"annotator-0": {"verdict": "discard"}, "annotator-1": {"verdict": "keep", "strategy": 4}}


verdicts_of_plans = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([ASKED, RANKED, DISPUTED, GOLD, NEWER]),
              st.sampled_from(["keep", "fix", "discard"]), st.integers(0, 9)),
    max_size=9, unique_by=lambda answer: (answer[0], answer[1]["record_id"]),
)  # fmt: skip


@given(verdicts_of_plans, st.randoms(use_true_random=False))
def test_row_order_decides_nothing_and_what_is_owed_is_owed_once(answers: list[Any], rng: random.Random) -> None:
    rows = [row for who, of, verdict, at in answers for row in said(who, verdict, of, at)]
    queue = [ASKED, RANKED, GOLD, NEWER]
    shuffled = rng.sample(rows, len(rows)), rng.sample(queue, len(queue))
    assert_frame_equal(adjudicated(rows, queue=queue), adjudicated(shuffled[0], queue=shuffled[1]))
    more = owed(rows, queue=queue)
    assert owed(rows, queue=[*queue, *more.to_dicts()]).is_empty()
