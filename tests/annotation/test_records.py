"""What people are shown of a record, what they are not, and which plan a letter stands for."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.outcomes import NOT_TRIED, Evidence
from annotation.questions import ADJUDICATION_FIELDS, FIELDS, METADATA
from annotation.records import MAX_CHARS, READS, Record, Refused, letters, ranked, records
from annotation.said import Said
from pipeline.plan_text import parse_plan, render_plan
from schemas.ids import record_id
from schemas.tables import Plans, PlanScores, Prompts, Queue, Rollouts, Verdicts, frame_of

EXECUTOR = f"{99:032x}"


def hexid(n: int) -> str:
    return f"{n:032x}"


P, A, B, C, D = (hexid(n) for n in (1, 11, 12, 13, 14))
USER = [{"role": "user", "content": "Make 24."}]


def plan(id: str, text: str = "Strategy: go\n\n1. look\n2. leap") -> dict[str, Any]:
    read = parse_plan(text)
    return {"plan_id": id, "prompt_id": P, "status": "parsed", "strategy": read.strategy, "steps": read.steps,
            "n_steps": len(read.steps)}  # fmt: skip


def evidence(plans: Sequence[dict[str, Any]] = (), **changed: Any) -> Evidence:
    """A prompt, its plans, and scores of plan A: 12 of 16 with it, 4 of 16 without."""
    prompt = {"prompt_id": P, "source": "puzzles", "task_family": "countdown", "messages": USER, "verifier": "math"}
    score = {"plan_id": A, "generator_id": EXECUTOR, "phase": "search", "n_execute": 16, "c_execute": 12, "n_solve": 16,
             "c_solve": 4, "n_placebo": 0, "c_placebo": 0, "uplift": 0.5, "decision": "helps"}  # fmt: skip
    rollouts, verdicts = changed.pop("rollouts", ()), changed.pop("verdicts", ())
    score |= changed.pop("score", {})
    return Evidence(
        frame_of(Prompts, [prompt | changed]),
        frame_of(Plans, list(plans) or [plan(id) for id in (A, B, C, D)]),
        frame_of(PlanScores, [score]),
        frame_of(Rollouts, list(rollouts)),
        frame_of(Verdicts, list(verdicts)),
    )


def row(ids: Sequence[str] = (A,), kind: str = "single", reason: str = "random", **changed: Any) -> dict[str, Any]:
    key = record_id(ids, kind, "v1")
    return {
        "record_id": key,
        "plan_ids": list(ids),
        "kind": kind,
        "reason": reason,
        "guideline_version": "v1",
    } | changed


def shown(tables: Evidence, asked: dict[str, Any] | None = None, said: Said | None = None) -> Record:
    asked = asked or row()
    (found,) = records(frame_of(Queue, [asked]), tables, {asked["record_id"]: said} if said else None)
    assert isinstance(found, Record), found
    return found


def refused(tables: Evidence, asked: dict[str, Any] | None = None) -> Refused:
    (found,) = records(frame_of(Queue, [asked or row()]), tables)
    assert isinstance(found, Refused)
    return found


def field(record: Record, name: str) -> str:
    value = record.fields[name]
    assert value is not None
    return value


def execution(n: int, text: str = "It is 24.", **changed: Any) -> dict[str, Any]:
    return {"rollout_id": hexid(n), "prompt_id": P, "plan_id": A, "arm": "execute", "phase": "search",
            "generator_id": EXECUTOR, "sample_index": n, "text": text} | changed  # fmt: skip


def verdict(n: int, outcome: str = "correct", **changed: Any) -> dict[str, Any]:
    return {"rollout_id": hexid(n), "verifier": "math", "verifier_version": "1", "outcome": outcome,
            "reason": "equal_value"} | changed  # fmt: skip


def test_a_record_shows_the_problem_the_plan_and_what_happened() -> None:
    found = shown(evidence())
    assert found.record_id == row()["record_id"]
    assert (found.fields["prompt"], found.fields["candidates"]) == ("Make 24.", None)
    assert found.fields["plan"] == render_plan(plan(A) | {"rejected_strategies": None})
    assert list(found.fields) == list(FIELDS)
    assert len(READS) == len(Evidence._fields)


def test_nothing_tells_why_a_record_was_chosen() -> None:
    asked = [
        row((A, B), "ranking", "random"),
        row((A, B), "gold", "gold", gold='{"verdict":"keep"}', record_id=row((A, B), "ranking")["record_id"]),
    ]
    random, gold = (shown(evidence(), one) for one in asked)
    assert random == gold
    assert random.metadata == {
        "source": "puzzles", "task_family": "countdown", "n_steps": 2, "guideline_version": "v1"
    }  # fmt: skip
    assert random.metadata.keys() == METADATA.keys()


def test_several_messages_stand_under_their_roles() -> None:
    messages = [{"role": "system", "content": "Be brief."}, *USER]
    assert shown(evidence(messages=messages)).fields["prompt"] == "[system]\nBe brief.\n\n[user]\nMake 24."


def test_text_from_outside_holds_no_markup() -> None:
    hostile = "<img src=x onerror=alert(1)>\u202e"
    tables = evidence(
        [plan(A, f"1. {hostile}"), plan(B, f"1. {hostile}")],
        messages=[{"role": "user", "content": hostile}],
        task_family=f"x\n{hostile}",
        rollouts=[execution(1, hostile)],
        verdicts=[verdict(1, extracted=hostile)],
    )
    found = shown(tables, row((A, B), "ranking"), {"a": {"edited_plan": hostile}})
    for value in found.fields.values():
        assert value
        assert "<" not in value
        assert "\u202e" not in value
    assert "\n" not in str(found.metadata["task_family"])


def test_rates_and_one_answer_of_each_kind_tell_what_happened() -> None:
    tables = evidence(
        rollouts=[execution(3), execution(2, "First it is 23."), execution(1, "Then 22."), execution(4)],
        verdicts=[
            verdict(3, extracted="24"), verdict(4),
            verdict(1, "incorrect", reason="wrong_value", failed_step=2), verdict(2, "incorrect"),
        ],
    )  # fmt: skip
    assert shown(tables).fields["outcome"] == (
        "With this plan: 12 of 16 answers right\nWithout a plan: 4 of 16 answers right\n"
        "With a plan of another problem: not tried\n\n"
        "A right answer (the check says: equal value)\nFinal answer: 24\nIt is 24.\n\n"
        "A wrong answer (the check says: wrong value, at step 2)\nThen 22."
    )


@pytest.mark.parametrize(
    "changed",
    [{"arm": "placebo"}, {"phase": "confirm"}, {"generator_id": hexid(98)}, {"plan_id": B}],
    ids=lambda changed: next(iter(changed)),
)
def test_only_executions_that_the_rates_count_are_shown(changed: dict[str, Any]) -> None:
    tables = evidence(rollouts=[execution(1, **changed)], verdicts=[verdict(1)])
    assert field(shown(tables), "outcome").endswith("A right answer: there is none.\n\nA wrong answer: there is none.")


def test_only_the_latest_verdict_of_the_prompts_own_verifier_is_told() -> None:
    verdicts = [verdict(1, "incorrect"), verdict(1, verifier_version="2"), verdict(1, "incorrect", verifier="judge")]
    outcome = field(shown(evidence(rollouts=[execution(1)], verdicts=verdicts)), "outcome")
    assert "A wrong answer: there is none." in outcome


def test_a_long_answer_is_shortened_with_a_mark() -> None:
    tables = evidence(rollouts=[execution(1, "x" * 5000)], verdicts=[verdict(1)])
    assert "[… 3,500 characters left out …]" in field(shown(tables), "outcome")


def test_a_plan_that_was_not_measured_says_so() -> None:
    assert shown(evidence(score={"uplift": None})).fields["outcome"] == NOT_TRIED
    assert shown(evidence(), row((B,))).fields["outcome"] == NOT_TRIED


@pytest.mark.parametrize(
    ("decision", "verdict"), [("helps", "keep"), ("hurts", "discard"), ("leaks", "discard"), ("undecided", None)]
)
def test_the_results_suggest_a_verdict_where_they_say_something(decision: str, verdict: str | None) -> None:
    assert shown(evidence(score={"decision": decision})).suggested == verdict
    assert shown(evidence(), row((B,))).suggested is None


def test_plans_to_rank_stand_below_each_other_under_their_letters() -> None:
    asked = row((A, B), "ranking")
    tables = evidence([plan(A, "1. a"), plan(B, "1. b")])
    text = {A: "1. a", B: "1. b"}
    first, second = letters(asked).values()
    assert shown(tables, asked).fields["candidates"] == f"Plan A\n\n{text[first]}\n\nPlan B\n\n{text[second]}"


def test_the_judged_plan_is_at_no_letter_more_than_at_others() -> None:
    places = [list(letters(row((A, B, C, D), record_id=hexid(n))).values()).index(A) for n in range(400)]
    assert all(70 < places.count(place) < 130 for place in range(4))


@given(st.permutations([A, B, C, D]), st.integers(1, 4))
def test_letters_do_not_depend_on_the_place_in_the_row(ids: list[str], n: int) -> None:
    found = letters({"record_id": P, "plan_ids": ids[:n]})
    assert found == letters({"record_id": P, "plan_ids": sorted(ids[:n])})
    assert sorted(found.values()) == (sorted(ids[:n]) if n > 1 else [])


@given(st.lists(st.integers(1, 4), min_size=4, max_size=4), st.integers(2, 4))
def test_a_ranking_keeps_its_order_and_ties_without_the_letters_that_were_not_shown(ranks: list[int], n: int) -> None:
    given_ranks = dict(zip("ABCD", ranks, strict=True))
    names = dict(zip("ABCD"[:n], (A, B, C, D), strict=False))
    found = {
        item["plan_id"]: item["rank"]
        for item in ranked([{"value": k, "rank": r} for k, r in given_ranks.items()], names)
    }
    assert sorted(set(found.values())) == list(range(1, len(set(found.values())) + 1))
    for x in names:
        for y in names:
            assert (found[names[x]] < found[names[y]]) == (given_ranks[x] < given_ranks[y])


def test_a_letter_without_a_rank_is_left_out() -> None:
    assert ranked(
        [{"value": "A", "rank": None}, {"value": "B", "rank": 2}, {"value": "X", "rank": 1}], {"A": A, "B": B}
    ) == [{"plan_id": B, "rank": 1}]


def test_a_text_that_is_too_long_refuses_its_record_and_no_other() -> None:
    long = plan(A, f"1. {'<' * (MAX_CHARS // 4)}")
    first, second = records(frame_of(Queue, [row((A,)), row((B,))]), evidence([long, plan(B)]))
    assert first == Refused(row()["record_id"], "too_large", "plan: found 20,003 characters, wanted at most 20,000")
    assert isinstance(second, Record)


def test_a_record_of_too_many_plans_is_refused() -> None:
    found = refused(evidence(), row((A, B, C, D, P), "ranking"))
    assert (found.reason, found.detail) == ("too_many_plans", "found 5 plans to rank, wanted at most 4")


@pytest.mark.parametrize("ids", [(hexid(50),), (A, hexid(50))])
def test_a_record_of_a_plan_that_is_not_there_is_refused(ids: tuple[str, ...]) -> None:
    assert refused(evidence(), row(ids)).reason == "unknown_plan"


def test_an_adjudicator_sees_all_answers_and_no_name() -> None:
    said = {
        "annotator-1": {
            "verdict": "fix", "strategy": 4, "ranking": [{"plan_id": B, "rank": 1}, {"plan_id": A, "rank": 1}],
            "bad_steps": [{"start": 14, "end": 21, "label": "too_fine", "step": "1"}], "edited_plan": "1. peep",
        },
        "annotator-2": {"verdict": "keep", "bad_steps": []},
    }  # fmt: skip
    asked = row((A, B), "adjudication", "adjudication")
    found = shown(evidence(), asked, said)
    assert found.fields.keys() == ADJUDICATION_FIELDS.keys()
    answers = field(found, "answers")
    assert "annotator-" not in answers
    blocks = answers.split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["First annotator", "Second annotator"]
    (told,) = (block.splitlines()[1:] for block in blocks if "fix" in block)
    assert told == [
        "verdict: fix", "strategy: 4", "bad steps: step 1, too fine: “1. look”", "edited plan:", "1. peep",
        "ranking: A and B",
    ]  # fmt: skip


@pytest.mark.parametrize("long", ["<" * MAX_CHARS, "\u200b" * MAX_CHARS, "1. look\n" * MAX_CHARS])
def test_long_answers_are_shortened_until_the_adjudicator_can_be_shown_them(long: str) -> None:
    said = {"a": {"verdict": "fix", "edited_plan": long}, "b": {"verdict": "discard", "edited_plan": "1. peep"}}
    answers = field(shown(evidence(), row((A,), "adjudication", "adjudication"), said), "answers")
    assert MAX_CHARS / 2 < len(answers) <= MAX_CHARS
    for told in ("verdict: fix", "verdict: discard", "edited plan:\n1. peep", "characters left out …]"):
        assert told in answers


def test_nobody_is_always_the_first_annotator() -> None:
    said = {name: {"verdict": name} for name in ("keep", "fix")}
    asked = [row((A,), "adjudication", "adjudication", record_id=hexid(n)) for n in range(20)]
    firsts = {field(shown(evidence(), one, said), "answers").splitlines()[1] for one in asked}
    assert firsts == {"verdict: keep", "verdict: fix"}


def test_records_are_the_same_each_time_and_fit_into_json() -> None:
    tables = evidence()
    assert shown(tables, row((A, B), "ranking")) == shown(tables, row((A, B), "ranking"))
    json.dumps(dict(shown(tables).fields))
