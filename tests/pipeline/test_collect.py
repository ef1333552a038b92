"""Collected prompts have ids that depend on content alone; what a source withdraws stays, marked."""

from dataclasses import replace
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from pipeline import collect
from pipeline.sources import Prompt
from schemas.errors import RecipeError, SchemaError
from schemas.tables import Prompts

DOMAIN = "(define (domain d) (:predicates (p ?x)) (:action act :parameters (?x) :effect (p ?x)))"
PROBLEM = "(define (problem x) (:domain d) (:objects a b) (:init) (:goal (p a)))"
EMPTY = Prompts.create_empty()


def prompt(key: str = "1", **changes: Any) -> Prompt:
    said = [{"role": "user", "content": "Reach the goal."}]
    task = {"domain": DOMAIN, "problem": PROBLEM}
    whole = Prompt(key, said, task, "strips", "goal: p a", "r1", origin=f"f.jsonl line {key}")
    return replace(whole, **changes)


def test_rows_are_valid_sorted_and_independent_of_order() -> None:
    offered = [("s", prompt("1")), ("s", prompt("2")), ("t", prompt("1"))]
    frame = collect.run(EMPTY, offered)
    Prompts.validate(frame)
    assert frame["prompt_id"].is_sorted()
    assert_frame_equal(collect.run(EMPTY, reversed(offered)), frame)


def test_id_depends_on_source_key_and_content_not_on_origin_or_revision() -> None:
    def id_of(source: str, *args: Any, **changes: Any) -> str:
        return str(collect.run(EMPTY, [(source, prompt(*args, **changes))])["prompt_id"][0])

    assert id_of("s") == id_of("s", origin="elsewhere", revision="r2")
    others = [id_of("t"), id_of("s", "2"), id_of("s", messages=[{"role": "user", "content": "Other."}])]
    assert len({id_of("s"), *others}) == 4


def test_groups_are_per_source_and_default_to_the_prompt_itself() -> None:
    offered = [("s", prompt("1", group="g")), ("s", prompt("2", group="g")), ("t", prompt("1", group="g"))]
    assert collect.run(EMPTY, offered)["group_id"].n_unique() == 2
    alone = collect.run(EMPTY, [("s", prompt())])
    assert alone["group_id"][0] == alone["prompt_id"][0]


def test_what_is_no_longer_offered_stays_as_withdrawn_and_may_come_back() -> None:
    before = collect.run(EMPTY, [("s", prompt("1")), ("s", prompt("2"))])
    after = collect.run(before, [("s", prompt("1"))])
    assert dict(after.select("source_key", "is_withdrawn").rows()) == {"1": False, "2": True}
    assert_frame_equal(collect.run(after, [("s", prompt("1")), ("s", prompt("2"))]), before)


def test_other_content_under_an_old_key_is_another_prompt() -> None:
    before = collect.run(EMPTY, [("s", prompt("1"))])
    after = collect.run(before, [("s", prompt("1", messages=[{"role": "user", "content": "Other."}]))])
    assert sorted(after["is_withdrawn"]) == [False, True]


def test_one_key_twice_names_both_places() -> None:
    offered = [("s", prompt("1")), ("s", prompt("1", origin="f.jsonl line 9"))]
    with pytest.raises(SchemaError, match=r"f.jsonl line 9: source_key '1'.*already given by f.jsonl line 1"):
        collect.run(EMPTY, offered)


def test_an_unknown_verifier_says_where_and_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"f.jsonl line 1: unknown verifier 'strip'.*did you mean 'strips'"):
        collect.run(EMPTY, [("s", prompt(verifier="strip"))])


def test_a_task_that_is_not_json_says_where() -> None:
    with pytest.raises(SchemaError, match=r"f.jsonl line 1: task: found .*, wanted JSON values"):
        collect.run(EMPTY, [("s", prompt(task={"answer": float("nan")}))])
