"""Answers to puzzles: every way to write a right one is right, a wrong one says why, and hostile ones cost little."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.puzzles import apply_operations
from pipeline.verifiers import UNDECIDED_REASONS, Rollout, Verdict, procedural
from pipeline.verify import task_error

COUNTDOWN = {"family": "countdown", "numbers": [3, 8, 5], "target": 29}
REACH = {"family": "reach", "start": 6, "operations": ["+8", "*4", "-8"], "target": 48}
ARITHMETIC = {"family": "arithmetic", "start": 5, "operations": ["+3", "*2"], "target": 16}


def judged(task: dict[str, object], response: str) -> Verdict:
    return procedural.verify(procedural.Task.model_validate(task), Rollout(response))


def found(task: dict[str, object], response: str) -> tuple[str, str]:
    verdict = judged(task, response)
    return verdict.outcome, verdict.reason


@pytest.mark.parametrize(
    "answer",
    [
        "(3 * 8) + 5", "5+8*3", "((3)*(8))+(5)", "3 x 8 + 5", "3 × 8 + 5 = 29", "29 = 3·8 + 5", "3 \\times 8 + 5 = 29",
        "$3 \\cdot 8 + 5$", "\\left(3 \\times 8\\right) + 5", "\\(3 \\times 8 + 5\\)", "`3 * 8 + 5`", "**3 * 8 + 5**",
        "5 − (−3) * 8", "-(-5 - 3 * 8)", "5 + 3(8)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["{}", "\\boxed{{{}}}", "#### {}", "The answer is {}.", "I see.\n\n**Answer:** {}"])
def test_a_right_expression_is_right_however_it_is_written(answer: str, frame: str) -> None:
    assert found(COUNTDOWN, frame.format(answer)) == ("correct", "reached")


@pytest.mark.parametrize(
    "answer",
    ["14 56 48", "14, 56, 48", "14,56,48", "14 -> 56 -> 48", "14 → 56 → 48", "[14, 56, 48]", "6, 14, 56, 48",
     "14; 56; 48", "6 \\to 14 \\to 56 \\to 48", "\\(14 \\rightarrow 56 \\rightarrow 48\\)",
     "14 => 56 => 48", "$14, \\; 56, \\; 48$"],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["{}", "\\boxed{{{}}}", "#### {}", "So the final answer is\n\\boxed{{{}}}"])
def test_right_values_are_right_however_they_are_written(answer: str, frame: str) -> None:
    assert found(REACH, frame.format(answer)) == ("correct", "reached")


@pytest.mark.parametrize(
    "answer", ["16", "16.0", "= 16", "(5 + 3) * 2 = 16", "5 + 3 = 8, 8 * 2 = 16", "$16$", "\\boxed{16}", "**16**"]
)
def test_a_right_number_is_right_however_it_is_written(answer: str) -> None:
    assert found(ARITHMETIC, f"The answer is {answer}") == ("correct", "reached")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("3 + 8 + 5", "wrong_value"),
        ("3 * 8 + 5 = 28", "wrong_value"),
        ("28 = 3 * 8 + 5", "wrong_value"),
        ("3 * 8 + 5 + 5", "wrong_numbers"),
        ("8 * 3", "wrong_numbers"),
        ("3 * 8 + 5 * 1", "wrong_numbers"),
        ("38 - 9", "wrong_numbers"),
        ("29", "wrong_numbers"),
        ("9" * 200, "wrong_numbers"),
        ("3 * 8 5", "malformed"),
        ("(3 * 8 + 5", "malformed"),
        ("3 * 8 + 5 / 1", "forbidden_operation"),
        ("8^3 + 5", "forbidden_operation"),
    ],
)
def test_a_wrong_expression_says_what_is_wrong(answer: str, reason: str) -> None:
    verdict = judged(COUNTDOWN, f"\\boxed{{{answer}}}")
    assert (verdict.outcome, verdict.reason, verdict.extracted) == ("incorrect", reason, answer)


@pytest.mark.parametrize(
    ("answer", "reason", "failed_step"),
    [
        ("14 56 49", "wrong_step", 3),
        ("15 60 52", "wrong_step", 1),
        ("14 22 30", "wrong_step", 2),
        ("48", "wrong_step", 1),
        ("14 56 48 56", "wrong_step", 4),
        ("6 14 55 47", "wrong_step", 2),
        ("14.5 56 48", "wrong_step", 1),
        ("14 56", "missing_steps", 3),
        ("-2 6 24", "wrong_value", None),
        ("24 16 24", "wrong_value", None),
    ],
)
def test_wrong_values_say_which_step_fails(answer: str, reason: str, failed_step: int | None) -> None:
    verdict = judged(REACH, f"#### {answer}")
    assert (verdict.outcome, verdict.reason, verdict.failed_step) == ("incorrect", reason, failed_step)


@given(st.permutations(["+8", "*4", "-8", "+2"]), st.integers(0, 60))
def test_any_order_of_the_operations_is_judged_by_where_it_ends(order: list[str], target: int) -> None:
    values = apply_operations(6, order)
    task = {"family": "reach", "start": 6, "operations": ["+8", "*4", "-8", "+2"], "target": target}
    if values:
        wanted = ("correct", "reached") if values[-1] == target else ("incorrect", "wrong_value")
        assert found(task, " ".join(map(str, values))) == wanted


def test_where_two_operations_lead_to_one_value_either_may_be_left() -> None:
    task = {"family": "reach", "start": 2, "operations": ["+2", "*2", "+3"], "target": 9}
    assert found(task, "4 6 9") == ("correct", "reached")
    assert found(task | {"target": 11}, "4 8 11") == ("correct", "reached")


def test_values_between_may_leave_what_puzzles_keep_to() -> None:
    task = {"family": "reach", "start": 3, "operations": ["-8", "+20", "*9"], "target": 135}
    assert found(task, "-5 15 135") == ("correct", "reached")
    assert found(task, "−5 → 15 → 135") == ("correct", "reached")


@pytest.mark.parametrize(
    ("task", "response"),
    [
        (COUNTDOWN, "\\boxed{3 * 8 + 5} or else \\boxed{3 + 8 * 5}"),
        (COUNTDOWN, "The answer is 3 * 8 + 5 = 29.\n#### 3 * 8 + 5 = 30"),
        (COUNTDOWN, "\\boxed{3 * 8 + 5}, \\boxed{3 * 8 5}"),
        (REACH, "\\boxed{14 56 48} \\boxed{14 56 50}"),
        (ARITHMETIC, "\\boxed{16} \\boxed{15}"),
        ({"family": "reach", "start": 1, "operations": ["+2"], "target": 3}, "\\boxed{3} \\boxed{4}"),
        ({"family": "countdown", "numbers": [3], "target": 3}, "\\boxed{3} \\boxed{4}"),
    ],
)
def test_different_final_answers_are_ambiguous(task: dict[str, object], response: str) -> None:
    verdict = judged(task, response)
    assert (verdict.outcome, verdict.reason, verdict.extracted) == ("undecided", "ambiguous", None)


@pytest.mark.parametrize(
    ("task", "response"),
    [
        (COUNTDOWN, "\\boxed{3 * 8 + 5}\n\nThe answer is 5 + 8 * 3 = 29."),
        (COUNTDOWN, "The answer is 29.\n\n#### 3 * 8 + 5"),
        (REACH, "The answer is 48.\n\n\\boxed{6 → 14 → 56 → 48}"),
        (ARITHMETIC, "The answer is 8 * 2 = 16.\n#### 16.0"),
    ],
)
def test_one_answer_said_twice_is_not_ambiguous(task: dict[str, object], response: str) -> None:
    assert found(task, response) == ("correct", "reached")


@pytest.mark.parametrize(
    ("task", "response"),
    [
        (COUNTDOWN, "3 * 8 = 24\n24 + 5 = 29"),
        (COUNTDOWN, "\\boxed{3 * 8 = 24, 24 + 5 = 29}"),
        (COUNTDOWN, "\\boxed{3 * 8 = 24 + 5 = 29}"),
        (COUNTDOWN, "\\boxed{3 * 8 + 5 (= 29)}"),
        (COUNTDOWN, "\\boxed{x = 3 * 8 + 5}"),
        (COUNTDOWN, "\\boxed{\\text{impossible}}"),
        (REACH, "\\boxed{+8, *4, -8}"),
        (REACH, "\\boxed{6 + 8 = 14, 14 * 4 = 56, 56 - 8 = 48}"),
        (ARITHMETIC, "The answer is sixteen."),
        (ARITHMETIC, "\\boxed{(5 + 3) * 2}"),
        (ARITHMETIC, "First 5 + 3 = 8."),
    ],
)
def test_an_answer_of_another_form_is_undecided(task: dict[str, object], response: str) -> None:
    assert found(task, response) == ("undecided", "no_answer")


HOSTILE = {
    "a million digits": "#### " + "9" * 10**6,
    "a million boxes": "\\boxed{3*8}" * 80_000,
    "a million brackets": "(" * 500_000 + "3*8+5" + ")" * 500_000,
    "brackets in a box": "\\boxed{" + "(" * 490 + "3*8+5" + ")" * 490 + "}",
    "a tower of powers": "\\boxed{" + "**".join(["9"] * 200) + "}",
    "a long product": "\\boxed{" + "*".join(["9"] * 490) + "}",
    "signs": "\\boxed{" + "-" * 900 + "3}",
    "arrows": "\\boxed{" + "-" * 900 + ">}",
    "spaces": "\\boxed{14" + " " * 900 + "}",
    "many answers": "The answer is 3.\n" * 60_000,
    "digits in a box": "\\boxed{" + "9" * 990 + "}",
    "long lines": "answer is " * 100_000,
}


@pytest.mark.parametrize("task", [COUNTDOWN, REACH, ARITHMETIC], ids=["countdown", "reach", "arithmetic"])
@pytest.mark.parametrize("response", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.timeout(20)
def test_hostile_answers_cost_little_and_are_not_right(task: dict[str, object], response: str) -> None:
    verdict = judged(task, response)
    assert verdict.outcome != "correct"
    assert (verdict.outcome == "undecided") == (verdict.reason in UNDECIDED_REASONS)


@pytest.mark.timeout(20)
def test_a_task_with_every_value_alike_costs_little() -> None:
    task = {"family": "reach", "start": 0, "operations": [f"*{n}" for n in range(12)], "target": 0}
    assert found(task, " ".join(["0"] * 12)) == ("correct", "reached")


@given(st.text(alphabet="0123456789 +-*()=,→.x\n\\{}boxed#", max_size=60))
def test_no_text_raises(text: str) -> None:
    for task in (COUNTDOWN, REACH, ARITHMETIC):
        for response in (text, f"\\boxed{{{text}}}", f"#### {text}"):
            assert judged(task, response).outcome in ("correct", "incorrect", "undecided")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"family": "countup"}, "family"),
        ({"numbers": []}, "countdown wants numbers alone"),
        ({"start": 3}, "countdown wants numbers alone"),
        ({"numbers": [1] * 13}, "numbers"),
        ({"numbers": [10**7]}, "numbers.0"),
        ({"family": "reach"}, "reach wants start and operations, no numbers"),
        ({"family": "reach", "numbers": [], "start": 1, "operations": ["/2"]}, "operations.0"),
        ({"target": "many"}, "target"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError):
        procedural.Task.model_validate(COUNTDOWN | change)
    assert words in (task_error("procedural", COUNTDOWN | change) or "")
