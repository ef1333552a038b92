"""Gold answers, near-misses and second verifiers, on a run's tables and on the rows of a file."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from pipeline import audit, plugins
from pipeline.audit import Config, Known
from pipeline.audit_file import audit_rows
from pipeline.error_rates import error_rates, listed_errors
from pipeline.verifiers import NearMiss, Rollout, Verdict, math, procedural, reasoning_gym
from pipeline.verify import judge
from schemas.errors import RecipeError, SchemaError
from schemas.tables import Audits, Prompts, Rollouts, Verdicts, frame_of

REACH = {"family": "reach", "start": 6, "operations": ["+8", "*4", "-8"], "target": 48}


def id_of(number: int) -> str:
    return f"{number:032x}"


def prompt(i: int, gold: str | None = "42", **columns: Any) -> dict[str, Any]:
    return {
        "prompt_id": id_of(i), "source": "s", "verifier": "math", "task": '{"answer": "42"}', "gold_answer": gold,
        "is_withdrawn": False,
    } | columns  # fmt: skip


def rollout(i: int, prompt: int = 0, **columns: Any) -> dict[str, Any]:
    return {"rollout_id": id_of(100 + i), "prompt_id": id_of(prompt), "arm": "solve", "finish_reason": "stop",
            "text": "42"} | columns  # fmt: skip


def verdict(i: int, outcome: str, verifier: str = "math", **columns: Any) -> dict[str, Any]:
    return {"rollout_id": id_of(100 + i), "verifier": verifier, "verifier_version": "1", "outcome": outcome,
            "reason": "because"} | columns  # fmt: skip


def audited(
    prompts: list[dict[str, Any]],
    rollouts: list[dict[str, Any]] | None = None,
    verdicts: list[dict[str, Any]] | None = None,
    **config: Any,
) -> pl.DataFrame:
    frames = frame_of(Prompts, prompts), frame_of(Rollouts, rollouts or []), frame_of(Verdicts, verdicts or [])
    found = audit.run(*frames, Config(**config))
    Audits.validate(found)
    return found


# --- a run ------------------------------------------------------------------------------------------------------


def test_gold_answers_are_judged_by_source_and_those_that_fail_are_named() -> None:
    found = audited([prompt(0), prompt(1, "#### 41"), prompt(2, source="t")], near_misses=0)
    assert found.select("source", "against", "n", "n_errors").rows() == [("s", "gold", 2, 1), ("t", "gold", 1, 0)]
    (error,) = listed_errors(found).to_dicts()
    assert (error["id"], error["error"], error["reason"]) == (id_of(1), "false_negative", "not_equal")
    assert error["answer"] == "#### 41"


def test_what_cannot_be_tested_is_left_out() -> None:
    untestable = [
        prompt(1, None),
        prompt(2, is_withdrawn=True),
        prompt(3, task='{"no": "answer"}'),
        prompt(4, verifier="majority", task='{"equality": "text"}'),
    ]
    assert audited([prompt(0), *untestable], near_misses=0)["n"].to_list() == [1]
    assert audited(untestable).is_empty()


def lenient(*kinds: str, n: int = 20) -> ModuleType:
    """A verifier that takes every text with 42 in it; the first near-miss of each kind is one that it lets pass."""

    def near_misses(task: Any, gold: str) -> Iterator[NearMiss]:
        for kind in kinds:
            yield NearMiss(kind, gold)
            yield NearMiss(kind, f"{kind}: -42")
            yield from (NearMiss(kind, f"{kind}: {i}") for i in range(n))

    def verify(task: Any, rollout: Rollout) -> Verdict:
        return Verdict("correct", "found") if "42" in rollout.text else Verdict("incorrect", "missing")

    module = ModuleType("pipeline.verifiers.lenient")
    vars(module).update(VERSION="3", near_misses=near_misses, verify=verify)
    return module


def judged(*known: Known, **config: Any) -> pl.DataFrame:
    return error_rates(audit.judged_gold(known, Config(**config)))


def known(i: int, verifier: ModuleType, answer: str = "42", source: str = "s", **columns: Any) -> Known:
    return Known(id_of(i), source, verifier, math.Task(answer="42"), answer, **columns)


def test_near_misses_that_pass_are_false_positives_by_kind() -> None:
    found = judged(known(0, lenient("sign", "word"))).filter(against="near_miss")
    assert found.select("verifier", "verifier_version", "kind", "n", "n_incorrect", "n_errors").rows() == [
        ("lenient", "3", "sign", 4, 3, 1), ("lenient", "3", "word", 4, 3, 1)
    ]  # fmt: skip
    assert listed_errors(found).select("error", "answer").rows() == [
        ("false_positive", "sign: -42"), ("false_positive", "word: -42")
    ]  # fmt: skip


def test_near_misses_without_end_are_cut_off() -> None:
    assert judged(known(0, lenient("sign", n=10**9)), near_misses=10**6)["n"].to_list() == [
        1,
        audit.MAX_NEAR_MISSES - 1,
    ]


def test_near_misses_are_made_of_right_answers_only() -> None:
    assert set(judged(known(0, lenient("sign"), "41"))["against"]) == {"gold"}


def test_near_misses_are_made_of_the_first_answers_of_each_source() -> None:
    verifier = lenient("sign")
    answers = [known(i, verifier) for i in range(4)] + [known(9, verifier, source="t")]
    found = judged(*answers, near_miss_prompts=2, near_misses=1)
    assert found.select("source", "against", "n").rows() == [
        ("s", "gold", 4), ("s", "near_miss", 2), ("t", "gold", 1), ("t", "near_miss", 1)
    ]  # fmt: skip


def test_without_gold_near_misses_are_made_of_what_was_accepted() -> None:
    puzzle = prompt(0, None, verifier="procedural", task=json.dumps(REACH))
    verdicts = [
        verdict(0, "incorrect", "procedural", extracted="7"),
        verdict(1, "correct", "procedural", extracted="14 56 48"),
    ]
    found = audited([puzzle], [rollout(0), rollout(1)], verdicts)
    assert found.select("against", "kind", "n_incorrect", "n_errors").rows() == [
        ("near_miss", "missing_step", 1, 0), ("near_miss", "one_value", 4, 0)
    ]  # fmt: skip


def test_verdicts_of_two_verifiers_are_compared() -> None:
    pairs = [("correct", "correct"), ("correct", "incorrect"), ("undecided", "incorrect")]
    rollouts = [rollout(i) for i in range(5)] + [rollout(5, finish_reason="length")]
    verdicts = [verdict(i, own) for i, (own, _) in enumerate(pairs)]
    verdicts += [verdict(i, other, "strips") for i, (_, other) in enumerate(pairs)]
    alone = [verdict(3, "correct"), verdict(4, "correct", "strips")]
    cut = [verdict(5, "undecided"), verdict(5, "undecided", "strips")]
    found = audited([prompt(0)], rollouts, verdicts + alone + cut, near_misses=0).filter(against="other_verifier")
    assert found.select("kind", "n", "n_correct", "n_incorrect", "n_undecided", "n_errors").rows() == [
        ("strips:correct", 1, 1, 0, 0, 0), ("strips:incorrect", 2, 1, 0, 1, 2)
    ]  # fmt: skip
    assert set(listed_errors(found)["id"]) == {id_of(101), id_of(102)}


def test_only_the_latest_verdicts_are_compared() -> None:
    verdicts = [verdict(0, "incorrect"), verdict(0, "correct", verifier_version="2"), verdict(0, "correct", "strips")]
    found = audited([prompt(0)], [rollout(0)], verdicts, near_misses=0).filter(against="other_verifier")
    assert found.select("verifier_version", "n_correct", "n_errors").rows() == [("2", 1, 0)]


def test_as_many_threads_find_the_same() -> None:
    prompts = [prompt(i, "#### 41" if i % 3 else "42") for i in range(20)]
    assert audited(prompts, workers=4).equals(audited(prompts))


# --- near-misses that verifiers make ----------------------------------------------------------------------------


MAY_BE_RIGHT = {"code": "a change to a program may make no difference that the tests see"}


def gold_examples() -> list[Any]:
    """The first right answer of each example task of every verifier whose near-misses are wrong for certain."""
    found: dict[tuple[str, str], Any] = {}
    for name in sorted(set(plugins.names("verifiers")) - set(MAY_BE_RIGHT)):
        module = plugins.load("verifiers", name)
        for task, response, outcome, *_ in module.EXAMPLES if hasattr(module, "near_misses") else ():
            if outcome == "correct":
                found.setdefault(
                    (name, json.dumps(task)), pytest.param(module, task, response, id=f"{name}-{len(found)}")
                )
    return list(found.values())


@pytest.mark.parametrize(("module", "task", "gold"), gold_examples())
def test_no_near_miss_of_an_example_passes(module: Any, task: dict[str, Any], gold: str) -> None:
    made = list(module.near_misses(module.Task.model_validate(task), gold))
    passed = [one for one in made if judge(module, task, Rollout(one.response)).outcome == "correct"]
    assert passed == []


def test_puzzles_are_spoilt_in_every_way_that_they_can_be() -> None:
    kinds = {
        family: {one.kind for one in procedural.near_misses(procedural.Task.model_validate(task), gold)}
        for family, task, gold in [
            ("countdown", {"family": "countdown", "numbers": [3, 8, 5], "target": 29}, "(3 * 8) + 5"),
            ("reach", REACH, "14 56 48"),
            ("arithmetic", {"family": "arithmetic", "start": 5, "operations": ["+3", "*2"], "target": 16}, "16"),
        ]
    }
    assert kinds == {
        "countdown": {"one_number", "one_operation", "number_again", "bare_target", "other_value_of_equation"},
        "reach": {"one_value", "missing_step"},
        "arithmetic": {"one_off", "other_sign"},
    }


def test_a_value_that_another_order_explains_is_no_near_miss() -> None:
    task = procedural.Task(family="reach", start=6, operations=["+8", "+9"], target=23)
    assert "15 23" not in {one.response for one in procedural.near_misses(task, "14 23")}
    assert "13 23" in {one.response for one in procedural.near_misses(task, "14 23")}


@pytest.mark.parametrize("gold", ["", "no answer here", "\\boxed{", "####"])
def test_an_unreadable_gold_answer_has_no_near_misses(gold: str) -> None:
    assert list(procedural.near_misses(procedural.Task.model_validate(REACH), gold)) in ([], [("missing_step", "")])


@pytest.mark.parametrize(
    ("gold", "kinds"),
    [("-7", ["one_off", "one_off", "other_sign"]), ("0", ["one_off", "one_off"]), ("up\nup", ["last_line_missing"]),
     ("a b c", ["last_word_missing"]), ("a", []), ("", [])],
)  # fmt: skip
def test_near_misses_of_gym_answers_follow_their_form(gold: str, kinds: list[str]) -> None:
    task = reasoning_gym.Task.model_construct(dataset="countdown", entry={"answer": gold})
    assert [one.kind for one in reasoning_gym.near_misses(task, gold)] == kinds


# --- a file -----------------------------------------------------------------------------------------------------


def rows(*given: dict[str, Any]) -> pl.DataFrame:
    base = [{"id": str(i), "verifier": "math", "task": '{"answer": "42"}'} for i in range(len(given))]
    return pl.DataFrame([{**a, **b} for a, b in zip(base, given, strict=True)])


@pytest.mark.parametrize(("label", "errors"), [("true", 1), ("correct", 1), ("1", 1), ("False", 0), ("incorrect", 0)])
def test_labels_are_read_as_people_write_them(label: str, errors: int) -> None:
    (row,) = audit_rows(rows({"response": "\\boxed{41}", "label": label}), None).to_dicts()
    assert (row["against"], row["n_errors"]) == ("label", errors)


def test_rows_without_a_label_are_passed_over() -> None:
    given = [{"response": "42", "label": label} for label in (None, "undecided", "", "true")]
    assert audit_rows(rows(*given), None)["n"].to_list() == [1]


def test_gold_labels_and_a_second_verifier_each_have_their_rows() -> None:
    given = {"gold": "#### 42", "response": "14 56 48", "label": "true", "other_verifier": "procedural",
             "other_task": json.dumps(REACH), "source": "mine"}  # fmt: skip
    found = audit_rows(rows(given), None, Config(near_misses=0))
    assert found.select("source", "against", "kind", "n_errors").rows() == [
        ("mine", "gold", "", 0), ("mine", "label", "correct", 1), ("mine", "other_verifier", "procedural:correct", 1)
    ]  # fmt: skip


def test_the_source_of_rows_that_name_none_is_the_file() -> None:
    assert audit_rows(rows({"gold": "42"}), None, where="some/where.jsonl")["source"][0] == "where.jsonl"


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (rows({"response": "42"}), ("nothing to audit by", "gold, label, other_verifier")),
        (rows({"lable": "true"}), ("nothing to audit by", "did you mean 'lable'")),
        (rows({"label": "true"}), ("no column 'response'",)),
        (rows({"gold": None}), ("no row has a value",)),
        (rows({"gold": "42"}).clear(), ("no rows",)),
        (rows({"gold": "42"}).drop("task"), ("no column 'task'",)),
        (rows({"gold": "42"}, {"gold": "42"}).with_columns(id=pl.lit("x")), ("records 1, 2",)),
        (rows({"response": "42", "label": "maybe"}), ("record 1, label", "maybe", "true, false")),
        (rows({"gold": "42", "task": '{"answers": 1}'}), ("record 1, task", "answer")),
        (rows({"gold": "42", "task": None}), ("record 1, task",)),
        (rows({"gold": "42", "verifier": None}), ("record 1, verifier", "--verifier")),
        (rows({"response": "4", "other_verifier": "strips"}), ("record 1, other_task", "domain")),
        (rows({"gold": "4", "verifier": "majority", "task": "{}"}), ("verifier", "--run")),
    ],
)  # fmt: skip
def test_bad_rows_are_refused_before_any_is_judged(frame: pl.DataFrame, words: tuple[str, ...]) -> None:
    with pytest.raises(SchemaError) as error:
        audit_rows(frame, None, where="in.jsonl")
    assert all(word in str(error.value) for word in ("in.jsonl", *words))


def test_an_unknown_verifier_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"record 1, other_verifier: unknown verifier 'stripes'.*strips"):
        audit_rows(rows({"response": "42", "other_verifier": "stripes"}), None, where="in.jsonl")


def test_hostile_answers_are_judged_and_listed() -> None:
    hostile = "\x1b[31m" + "\\boxed{" * 5_000 + "\u202e" * 20_000
    (error,) = listed_errors(audit_rows(rows({"gold": hostile}), None)).to_dicts()
    assert error["outcome"] == "undecided"
    assert len(error["answer"]) == audit.MAX_ANSWER_CHARS
