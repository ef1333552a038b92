import gzip
import json
import runpy
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.arithmetic_steps import EXAMPLES, Task, near_misses, verify

BENCHMARK = Path(__file__).resolve().parents[3] / "benchmarks/first_mistake.py"
TASK = Task(expression="((-9 - 5) - (4 + -5)) =")
TRACE = EXAMPLES[0][1]


def judged(response: str, expression: str = TASK.expression) -> Verdict:
    return verify(Task(expression=expression), Rollout(response))


def test_the_first_wrong_step_counts_and_not_what_follows_from_it() -> None:
    wrong = TRACE.replace("(4 - 5) = -1.", "(4 - 5) = -2.").replace("-14 - (-1) = -14 + 1 = -13", "-14 - (-2) = 0")
    verdict = judged(wrong)
    assert (verdict.outcome, verdict.reason, verdict.failed_step) == ("incorrect", "wrong_value", 3)
    assert verdict.details == {"claim": "(4 - 5) = -2", "n_steps": 4, "answer_is_right": True}


@pytest.mark.parametrize(
    ("old", "new", "step", "reason"),
    [
        ('"A - B"', '"B - A"', 1, "wrong_copy"),
        ("where A = (-9 - 5)", "where A = (-9 + 5)", 1, "wrong_copy"),
        ("calculate A = (-9 - 5)", "calculate A = (9 - 5)", 2, "wrong_copy"),
        ("B = (4 + -5) = (4 - 5)", "B = (4 + -5) = (4 + 5)", 3, "wrong_value"),
        ("A - B = -14 - (-1)", "A - B = -14 - 1", 4, "wrong_substitution"),
        ("-14 + 1 = -13", "-14 + 1 = -15", 4, "wrong_value"),
        ("answer is -13", "answer is 12", 4, "wrong_answer"),
    ],
)
def test_a_wrong_step_says_what_is_wrong(old: str, new: str, step: int, reason: str) -> None:
    assert old in TRACE
    verdict = judged(TRACE.replace(old, new))
    assert (verdict.failed_step, verdict.reason) == (step, reason)


def test_a_right_answer_does_not_make_up_for_a_wrong_step() -> None:
    verdict = judged(TRACE.replace("(4 + -5) = (4 - 5)", "(4 + -5) = (4 + 5)"))
    assert (verdict.outcome, (verdict.details or {})["answer_is_right"]) == ("incorrect", True)


def test_a_number_copied_wrongly_is_found_where_the_answer_is_wrong() -> None:
    verdict = judged("-9 - 5 = -14\n4 + 5 = 9\n-14 - 9 = -23")
    assert (verdict.failed_step, verdict.reason, (verdict.details or {})["claim"]) == (2, "wrong_copy", "4 + 5")


@pytest.mark.parametrize(
    "response",
    [
        "((-9 - 5) - (4 + 5)) = -14 - 9 = -23\nThe answer is -13",
        "(-9 - 5) - (4 - -5) = -14 - 9 = -23\nThe answer is -13",
        "((-9 - 7) - (4 + -5)) = -15\n-9 - 5 = -14\n-14 + 1 = -13\nThe answer is -13",
        "((-9 - 5) - (4 + -6)) = -14 + 2 = -12",
    ],
)
def test_a_problem_that_is_restated_wrongly_is_a_wrong_copy_whatever_the_answer(response: str) -> None:
    verdict = judged(response)
    assert (verdict.outcome, verdict.reason, verdict.failed_step) == ("incorrect", "wrong_copy", 1)


@pytest.mark.parametrize(
    "response",
    [
        "2 + 2 = 4\n9 * 9 = 81\nThe answer is -13",
        "A = 2 + 2 = 4\nB = 9 * 9 = 81\nThe answer is -13",
        "-9 - 5 = -14\n4 + -5 = -1\nThe answer is -13",
        "A = 9 + 9\nx = -13",
    ],
)
def test_a_right_answer_that_no_equation_comes_to_is_undecided(response: str) -> None:
    """Unrelated equations before a right answer were judged correct."""
    verdict = judged(response)
    assert (verdict.outcome, verdict.details) == ("undecided", {"why": "no equation comes to the answer"})


def test_a_part_of_a_sum_that_a_later_step_goes_on_from_is_no_wrong_copy() -> None:
    assert judged("(12 + 15) + (10 + 3) = 40\n40 + 8 = 48", "(12 + 15) + (18 + 3)").outcome == "correct"
    assert judged("The number is 5, and 5 = 5", "5").outcome == "correct"


@pytest.mark.parametrize(
    "response",
    [
        "((-9 - 5) - (4 + -5)) = (-14) - (-1) = -13",
        "((-9 - 5) - (4 + -5))\n= (-14) - (-1)\n= -13",
        "= (-14) - (-1)\n= -13",
        "First, -9 - 5 = -14. Next, 4 + -5 = -1. Finally -14 - -1 = -13.",
        "**Step 1:** $-9 - 5 = -14$\n**Step 2:** $4 + (-5) = -1$\n**Step 3:** $-14 - (-1) = -13$\n\n$\\boxed{-13}$",
        "- Left: −9 − 5 = −14\n- Right: 4 + −5 = −1\n- Total: −14 − −1 = −13",
        "Let x = -9 - 5 = -14. Let y = 4 + -5 = -1. Then x - y = -13.",
        "A - B, where B = (4 + -5) and A = (-9 - 5)\nA - B = -14 + 1 = -13",
        TRACE.replace("(-9 - 5) and", "((-9 - 5) and"),
    ],
)  # fmt: skip
def test_the_form_of_a_trace_does_not_matter(response: str) -> None:
    assert judged(response).outcome == "correct"


@pytest.mark.parametrize(
    "response",
    [
        "-13",
        "The answer is -13",
        "-9 - 5 is -14, and 4 + -5 is -1.\nThe answer is -13.",
        "x^2 + 3 = 7\nThe answer is -13.",
        "3 apples + 4 = 8\nThe answer is -13.",
        "-9 - 5 = -14\nThe answer is A lot",
        "10 / 3 = 3.33\nThe answer is -13",
        "9^9^9^9 = 3\nThe answer is -13",
        "|3 - 5| = 3\nThe answer is -13",
        "((-9 - 5) - (4 + -5) = -15\nThe answer is -13",
        "A = 9^99\nB = A * A * A * A * A * A * A * A * A * A * A * A * A * A\n The answer is -13",
    ],
)
def test_steps_that_cannot_be_read_leave_the_trace_undecided(response: str) -> None:
    assert judged(response).outcome == "undecided"


def test_a_mistake_before_a_step_that_cannot_be_read_is_still_the_first() -> None:
    assert judged("3 + 4 = 8\nx^2 = 4\nThe answer is -13").failed_step == 1
    assert judged("x^2 = 4\n3 + 4 = 8\nThe answer is -13").outcome == "undecided"


def test_numbered_paragraphs_are_steps_whatever_their_lines() -> None:
    verdict = judged("1. We start:\n-9 - 5 = -14\n\n2. Then:\n4 + -5 = -2\n3. -14 - -2 = -12")
    assert (verdict.failed_step, verdict.extracted) == (2, "2. Then:\n4 + -5 = -2")


@pytest.mark.parametrize(
    "response",
    [
        "=" * 90_000,
        "-" * 99_000,
        "1=1=" * 20_000,
        "(" * 49_000 + "1" + ")" * 49_000 + "=1",
        "9" * 99_000 + " = 1",
        "A=" * 40_000,
    ],
)
def test_hostile_traces_are_never_correct(response: str) -> None:
    assert judged(response).outcome != "correct"


@pytest.mark.parametrize("expression", ["", "A + 1", "3 +", "9^9^9", "three", "1 / 0"])
def test_a_task_without_a_value_is_refused(expression: str) -> None:
    with pytest.raises(ValidationError, match="expression"):
        Task(expression=expression)


def test_near_misses_are_rejected() -> None:
    made = list(near_misses(TASK, TRACE))
    assert {kind for kind, _ in made} == {"changed_result", "dropped_sign", "changed_answer"}
    assert len(made) > 8
    assert [response for _, response in made if judged(response).outcome != "incorrect"] == []


@pytest.mark.slow
def test_the_first_mistake_is_the_published_one_but_where_python_refutes_the_label(shared_data: Path) -> None:
    benchmark = runpy.run_path(str(BENCHMARK))
    with gzip.open(shared_data / "bigbench_mistake/multistep_arithmetic.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    verdicts = [benchmark["judged"](row) for row in rows]
    pairs = [pair for pair in zip(rows, verdicts, strict=True) if not benchmark["same"](*pair)]
    classes = Counter(benchmark["disagreement"](*pair)["class"] for pair in pairs)
    assert len(rows) - len(pairs) >= 273
    assert classes["ours"] == 0
    assert classes["reading"] <= 4


@pytest.mark.parametrize("text", ["10 : 4 = 2.5", "10:4 = 2.5", "(10) : 4 = 2.5"])
def test_a_colon_between_numbers_is_not_read(text: str) -> None:
    """`10 : 4 = 2.5` was judged as `4 = 2.5`."""
    assert verify(Task(expression="10 / 4"), Rollout(text)).outcome == "undecided"
