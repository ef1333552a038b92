import gzip
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.strips import EXAMPLES, Task, verify

COLOURS = {"a": "red block", "b": "blue block", "c": "orange block"}
DOMAIN = """(define (domain blocks)
  (:predicates (clear ?x) (ontable ?x) (handempty) (holding ?x) (on ?x ?y))
  (:action pick-up :parameters (?ob) :precondition (and (clear ?ob) (ontable ?ob) (handempty))
    :effect (and (holding ?ob) (not (clear ?ob)) (not (ontable ?ob)) (not (handempty))))
  (:action put-down :parameters (?ob) :precondition (holding ?ob)
    :effect (and (clear ?ob) (handempty) (ontable ?ob) (not (holding ?ob))))
  (:action stack :parameters (?ob ?under) :precondition (and (clear ?under) (holding ?ob))
    :effect (and (handempty) (clear ?ob) (on ?ob ?under) (not (clear ?under)) (not (holding ?ob)))))"""
PROBLEM = """(define (problem p) (:domain blocks) (:objects a b c)
  (:init (clear a) (clear b) (clear c) (ontable a) (ontable b) (ontable c) (handempty)) (:goal (on a b)))"""
TASK = Task(domain=DOMAIN, problem=PROBLEM, objects=COLOURS)
PlanBench = tuple[dict[str, Task], list[dict[str, Any]]]
GOOD = "pick up the red block\nstack the red block on top of the blue block"


def judged(response: str) -> Verdict:
    return verify(TASK, Rollout(response))


def test_a_verdict_shows_the_plan_it_judged() -> None:
    assert judged(GOOD).extracted == "(pick-up a)\n(stack a b)"


def test_a_failed_step_counts_from_one_and_names_what_was_unmet() -> None:
    verdict = judged("1. Pick up red\n2. Pick up blue")
    assert (verdict.outcome, verdict.reason, verdict.failed_step) == ("incorrect", "precondition_unmet", 2)
    assert verdict.details == {"step": "(pick-up b)", "unmet": ["(handempty)"]}


def test_an_unreached_goal_names_what_is_missing_and_no_step() -> None:
    verdict = judged("Pick up red")
    assert (verdict.reason, verdict.failed_step, verdict.details) == ("goal_not_reached", None, {"unmet": ["(on a b)"]})


@pytest.mark.parametrize(
    "after",
    [
        "\n[PLAN END]\nThe key steps are:\n1. First pick up the red block.\n2. Finally, stack it.",
        "\n\n**Explanation:**\n1. **Pick up the red block:** it is clear.\n2. **Stack the red block:** done.",
        "\n\nThis plan works because:\n1. Pick up red needs it clear.",
        "\n\n**Sequence of actions:**\n1. Pick up red.\n2. Stack red on blue.",
    ],
)
def test_an_explanation_that_restates_the_plan_is_not_more_plan(after: str) -> None:
    assert judged(GOOD + after).reason == "goal_reached"


def test_different_plans_are_ambiguous_even_if_one_is_right() -> None:
    verdict = judged(f"[PLAN]\n{GOOD}\n[PLAN END]\nA better plan:\n[PLAN]\npick up the blue block\n[PLAN END]")
    assert (verdict.outcome, verdict.reason) == ("undecided", "ambiguous")


def test_the_plan_that_is_called_corrected_counts_where_it_comes_last() -> None:
    assert judged(f"1. Pick up blue\n\nCorrected plan:\n{GOOD}").reason == "goal_reached"
    assert judged(f"Corrected plan:\n{GOOD}\n\nA third plan:\n1. Pick up blue").reason == "ambiguous"


def test_a_marked_plan_in_words_that_are_no_steps_is_no_answer() -> None:
    assert judged("[PLAN]\ngrab red, drop it on blue\n[PLAN END]").reason == "no_answer"
    assert judged("[PLAN]\n[PLAN END]").reason == "goal_not_reached"
    assert judged("pick up red\n[PLAN]").reason == "no_answer"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"domain": DOMAIN.replace("(clear ?under) (holding", "(forall (?z) (clear ?z)) (holding")}, "'forall'"),
        ({"problem": "(define"}, "parentheses are missing"),
        ({"objects": {"z": "green block"}}, "'z'"),
    ],
)
def test_a_task_that_cannot_be_read_says_why(change: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        Task.model_validate(TASK.model_dump() | change)


def test_case_and_thinking_do_not_matter() -> None:
    task, plan, *_ = EXAMPLES[0]
    assert (
        verify(Task.model_validate(task), Rollout(f"<think>(sail north south)</think>{plan.upper()}")).outcome
        == "correct"
    )


@pytest.fixture(scope="module")
def planbench(shared_data: Path) -> PlanBench:
    """The tasks by instance, and all recorded responses."""
    folder = shared_data / "planbench"
    domain = (folder / "blocksworld_domain.pddl").read_text()
    tasks = {}
    with tarfile.open(folder / "blocksworld_3_instances.tar.xz") as archive:
        for member in archive.getmembers():
            if content := archive.extractfile(member):
                key = member.name.removeprefix("instance-").removesuffix(".pddl")
                tasks[key] = Task(domain=domain, problem=content.read().decode(), objects=COLOURS)
    with gzip.open(folder / "blocksworld_3_responses.jsonl.gz", "rt", encoding="utf-8") as lines:
        return tasks, [json.loads(line) for line in lines]


@pytest.mark.slow
def test_planbench_extracted_plans_agree_with_their_labels(planbench: PlanBench) -> None:
    tasks, rows = planbench
    agree = sum(
        (verify(tasks[r["instance"]], Rollout(r["plan"] or "")).outcome == "correct") == r["correct"] for r in rows
    )
    assert len(rows) == 2191
    assert agree >= 2190


@pytest.mark.slow
def test_planbench_responses_never_contradict_a_plan_that_was_read_alike(planbench: PlanBench) -> None:
    tasks, rows = planbench
    verdicts = [verify(tasks[row["instance"]], Rollout(row["response"])) for row in rows]
    pairs = list(zip(verdicts, rows, strict=True))
    same = [
        (v, r) for v, r in pairs if v.extracted and v.extracted.split("\n") == (r["plan"] or "").strip().split("\n")
    ]
    assert len(same) >= 1850
    assert all((v.outcome == "correct") == r["correct"] for v, r in same)
    wrongly_rejected = [r for v, r in pairs if r["correct"] and v.outcome == "incorrect"]
    assert len(wrongly_rejected) <= 1
    assert sum((v.outcome == "correct") == r["correct"] for v, r in pairs) >= 2090
