import gzip
import json
import runpy
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.strips import EXAMPLES, Task, near_misses, verify

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks/strips_verifier.py"
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


@pytest.mark.parametrize("joint", ["or", ", or", "/", "or alternatively"])
def test_a_line_that_leaves_a_choice_of_steps_is_no_answer(joint: str) -> None:
    """The first of the two steps was taken, so that a plan could hedge."""
    verdict = judged(f"(pick-up a)\n(stack a b) {joint} (stack a c)")
    assert (verdict.reason, verdict.details) == ("no_answer", {"unread_line": f"(stack a b) {joint} (stack a c)"})


@pytest.mark.parametrize("heading", ["Do this:", "Let me try again:", "Second attempt:", "Alternatively:"])
def test_a_heading_begins_another_plan(heading: str) -> None:
    """Plans under such headings were read as one long plan, which failed."""
    response = f"(pick-up b)\n(stack b c)\nThat does not work.\n{heading}\n(pick-up a)\n(stack a b)"
    assert judged(response).outcome == ("correct" if "try again" in heading else "undecided")


def test_it_is_the_object_of_the_step_before_or_the_plan_is_not_read() -> None:
    assert judged("1. Pick up red\n2. Stack it on blue").reason == "goal_reached"
    unclear = judged("1. Pick up red\n2. Stack it on orange\n3. Pick it up")
    assert (unclear.outcome, unclear.reason, unclear.details) == ("undecided", "no_answer", {"unclear_step": 3})


def test_it_beside_the_pddl_name_of_an_object_that_has_a_plain_name_is_read() -> None:
    """Such lines were dropped, so that the plan failed."""
    assert judged("pick up b\nput it down\npick up a\nstack it on b").reason == "goal_reached"
    assert judged("(pick-up a)\nStack it on b").extracted == "(pick-up a)\n(stack a b)"


@pytest.mark.parametrize("line", ["stack it on block b", "stack a on the blocks", "Put down"])
@pytest.mark.parametrize("plan", ["pick up a\n{}", "[PLAN]\npick up a\n{}\n[PLAN END]", "{}\npick up a\nstack a b"])
def test_a_line_that_starts_with_an_action_and_yields_no_step_leaves_the_plan_undecided(plan: str, line: str) -> None:
    verdict = judged(plan.format(line))
    assert (verdict.reason, verdict.details) == ("no_answer", {"unread_line": line})


@pytest.mark.parametrize(
    "heading", ["Explanation:", "Explanation of each step:", "Here is why:", "**Explanation**", "## Reasoning"]
)
@pytest.mark.parametrize("marks", [("", ""), ("- ", "- "), ("1. ", "2. ")])
def test_a_heading_of_an_explanation_ends_a_plan_without_numbers(heading: str, marks: tuple[str, str]) -> None:
    """What stood below was read as more steps."""
    told = f"{marks[0]}pick up red: it is clear\nThat is so.\n{marks[1]}stack red on blue: it is clear"
    assert judged(f"{GOOD}\n\n{heading}\n{told}").extracted == "(pick-up a)\n(stack a b)"


def test_a_plan_in_which_each_step_has_its_own_explanation_goes_on() -> None:
    steps = "(pick-up a)\nExplanation:\n- a is clear\n(stack a b)\nExplanation:\n- b is clear"
    assert judged(steps).extracted == "(pick-up a)\n(stack a b)"
    assert judged(steps.replace("Explanation:\n-", "**Why:**")).reason == "goal_reached"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2. Place the red block on the blue block", "no_answer"),
        ("2. Move red onto blue", "no_answer"),
        ("2. The red block is now in the hand", "goal_not_reached"),
        ("2. Holding red", "goal_not_reached"),
        ("2. Ensure that blue is clear", "goal_not_reached"),
        ("2. Stack the red block is not needed", "goal_not_reached"),
        ("2. Then:", "goal_not_reached"),
        ("2. Wait a moment", "goal_not_reached"),
    ],
)
def test_a_numbered_line_that_may_be_a_step_in_other_words_leaves_the_plan_undecided(line: str, reason: str) -> None:
    assert judged(f"1. Pick up red\n{line}").reason == reason
    assert judged(f"[PLAN]\n1. Pick up red\n{line}\n[PLAN END]").reason == reason
    further = judged(f"1. Pick up red\n{line}\n3. Stack red on blue").reason
    assert further == ("no_answer" if reason == "no_answer" else "goal_reached")


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


@pytest.mark.parametrize(
    "response",
    [
        "(pick-up a)\n(stack a b)\n\nBetter plan:\n(stack a b)",
        "Plan: (pick-up b) (stack b a)\nPlan: (pick-up a) (stack a b)",
        "| 1 | (pick-up b) |\n\n| 1 | (pick-up a) |\n| 2 | (stack a b) |",
        "1. Pick up blue\n2. Stack blue on red\n\nAlternatively:\n1. Pick up red\n2. Stack red on blue",
        f"[PLAN]\n{GOOD}\n[PLAN END]\nA better plan:\n[PLAN]\npick up the blue block\n[PLAN END]",
    ],
)
def test_a_right_plan_among_wrong_ones_is_never_picked(response: str) -> None:
    verdict = judged(response)
    assert (verdict.outcome, verdict.reason) == ("undecided", "ambiguous")


def test_several_plans_that_all_reach_the_goal_are_right_and_count_as_the_longest() -> None:
    longer = "pick up the blue block\nput down the blue block\n" + GOOD
    verdict = judged(f"{GOOD}\n\nA longer plan:\n{longer}\n\nA third plan:\n{GOOD}")
    assert (verdict.reason, verdict.extracted and verdict.extracted.count("\n")) == ("goal_reached", 3)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("1. Pick up blue\n2. No, that is not allowed.\n3. Pick up red\n4. Stack red on blue", "goal_reached"),
        ("Pick up blue\nWait, this step is wrong.\n" + GOOD, "goal_reached"),
        ("Pick up blue\n\nNo, it is not right.\n" + GOOD, "goal_reached"),
        ("Pick up blue\nThe red block is clear.\nNo, that is not allowed.\n" + GOOD, "precondition_unmet"),
        ("Pick up blue\nNo, that is allowed.\n" + GOOD, "precondition_unmet"),
        ("Pick up blue\nThat is not what I want to say.\n" + GOOD, "precondition_unmet"),
        (f"1. Pick up blue\n\nThis plan won't work.\n\nAnother plan:\n{GOOD}", "goal_reached"),
        (f"{GOOD}\n\nThis plan does not work.\n\nAnother plan:\n1. Pick up blue", "goal_not_reached"),
        (f"{GOOD}\n\nThis plan does not work.", "goal_reached"),
        (f"1. Pick up blue\n\nThis plan works.\n\nAnother plan:\n{GOOD}", "ambiguous"),
        (f"[PLAN]\npick up blue\n[PLAN END]\nBut that plan is invalid.\n[PLAN]\n{GOOD}\n[PLAN END]", "goal_reached"),
        ("1. Pick up blue\n\nLet me correct this.\n\n1. Pick up red\n2. Stack red on blue", "goal_reached"),
        (f"1. Pick up blue\n\n**Summary of actions:**\n{GOOD}", "goal_reached"),
    ],
)
def test_what_a_response_takes_back_does_not_count(response: str, reason: str) -> None:
    assert judged(response).reason == reason


@pytest.mark.parametrize(("reference", "optimality"), [(2, 0.5), (4, 1.0), (6, 1.5), (None, None)])
def test_a_correct_plan_is_compared_with_the_reference(reference: int | None, optimality: float | None) -> None:
    task = Task(domain=DOMAIN, problem=PROBLEM, reference_length=reference)
    verdict = verify(task, Rollout("(pick-up b)\n(put-down b)\n(pick-up a)\n(stack a b)"))
    assert (verdict.details or {}).get("optimality") == optimality
    assert verdict.score is None
    assert "optimality" not in (verify(task, Rollout("(pick-up a)")).details or {})


def test_near_misses_are_one_change_away_and_fail() -> None:
    gold = "(pick-up b)\n(put-down b)\n(pick-up a)\n(stack a b)"
    made = list(near_misses(TASK, gold))
    assert {kind for kind, _ in made} == {
        "dropped_step", "doubled_step", "swapped_steps", "swapped_arguments", "replaced_object"
    }  # fmt: skip
    assert ("swapped_arguments", gold.replace("stack a b", "stack b a")) in made
    assert all(judged(response).outcome == "incorrect" for _, response in made)


def test_a_change_that_still_reaches_the_goal_is_no_near_miss() -> None:
    task = Task(domain=DOMAIN, problem=PROBLEM.replace("(on a b)", "(ontable c)"))
    dropped = [made.response for made in near_misses(task, "(pick-up a)\n(put-down a)") if made.kind == "dropped_step"]
    assert dropped == ["(put-down a)"]
    assert list(near_misses(task, "no plan")) == []


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
        ({"objects": {"a": "red", "b": "Red"}}, "objects: 'a' and 'b' are both 'red'; wanted a name each"),
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
    assert [r for v, r in pairs if r["correct"] and v.outcome == "incorrect"] == []
    assert sum((v.outcome == "correct") == r["correct"] for v, r in pairs) >= 2103


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_planbench_agreement_without_labels_that_another_simulator_refutes(planbench: PlanBench) -> None:
    pytest.importorskip("unified_planning")
    tasks, rows = planbench
    benchmark = runpy.run_path(str(BENCHMARK))
    agrees, difference = benchmark["agrees"], benchmark["difference"]
    classes = Counter(
        difference(tasks[row["instance"]], row, verdict)["class"]
        for row in rows
        if not agrees(row, verdict := verify(tasks[row["instance"]], Rollout(row["response"])))
    )
    assert classes["ours"] == 0
    assert classes["label"] <= 82
    assert 1 - classes["extraction"] / (len(rows) - classes["label"]) >= 0.996
