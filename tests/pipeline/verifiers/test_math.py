import gzip
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.math import Task, verify

ROOT = Path(__file__).resolve().parents[3]


def judged(answer: str, response: str) -> Verdict:
    return verify(Task(answer=answer), Rollout(response))


@pytest.mark.parametrize("gold", ["18", "She earns 18.\n#### 18", "So it is\nA: 18", "\\boxed{18}", "$18", "18.0"])
def test_a_marked_gold_answer_is_read_like_a_response(gold: str) -> None:
    assert judged(gold, "#### 18").outcome == "correct"
    assert judged(gold, "#### 19").outcome == "incorrect"


def test_a_gold_answer_that_marks_two_answers_is_refused() -> None:
    with pytest.raises(ValidationError, match="several different answers"):
        Task(answer="\\boxed{1} \\boxed{2}")


def test_a_right_answer_among_others_is_ambiguous_not_correct() -> None:
    verdict = judged("42", "\\boxed{41} or \\boxed{42}")
    assert (verdict.outcome, verdict.reason, verdict.extracted) == ("undecided", "ambiguous", None)
    assert verdict.details == {"answers": ["41", "42"]}


def test_restating_the_same_value_is_not_ambiguous() -> None:
    assert judged("0.5", "The answer is 1/2. So \\boxed{\\frac{1}{2}}.\n#### 0.50").outcome == "correct"


@pytest.mark.parametrize(
    ("gold", "answer", "outcome"),
    [
        ("x=5", "5", "correct"),
        ("\\{1, 2\\}", "\\{2, 1\\}", "correct"),
        ("(1, 2)", "(2, 1)", "incorrect"),
        ("\\frac{\\sqrt{2}}{2}", "\\frac{1}{\\sqrt{2}}", "correct"),
        ("2\\pi", "6.28", "incorrect"),
        ("(-\\infty, 3]", "(-\\infty, 3)", "incorrect"),
        ("\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "correct"),
        ("Tuesday", "\\text{tuesday}", "correct"),
        ("Tuesday", "\\text{Monday}", "incorrect"),
        ("5", "\\text{no solution}", "incorrect"),
    ],
)
def test_answers_that_are_no_plain_numbers(gold: str, answer: str, outcome: str) -> None:
    assert judged(gold, f"\\boxed{{{answer}}}").outcome == outcome


def test_an_answer_that_takes_for_ever_is_a_timeout_and_not_wrong() -> None:
    verdict = judged("5", "\\boxed{9^{9^{9^9}}}")
    assert (verdict.outcome, verdict.reason) == ("undecided", "timeout")


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    ["9**9**9", "10^{10^{10}}!", "(" * 400 + "1" + ")" * 400, "\\frac{" * 99 + "1" + "}" * 99, "__import__('os')"],
)
def test_hostile_answers_are_never_correct_and_never_hang(answer: str) -> None:
    assert judged("5", f"\\boxed{{{answer}}}").outcome != "correct"


@pytest.mark.slow
def test_it_works_from_threads() -> None:
    responses = ["\\boxed{x+1}", "\\boxed{9^{9^{9^9}}}", "\\boxed{1+x}", "\\boxed{x}"] * 2
    with ThreadPoolExecutor(3) as pool:
        reasons = [verdict.reason for verdict in pool.map(lambda r: judged("x + 1", r), responses)]
    assert reasons == ["equal", "timeout", "equal", "not_equal"] * 2


def test_importing_it_does_not_import_sympy() -> None:
    code = "import sys, pipeline.verifiers.math; print({'sympy', 'math_verify'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.slow
def test_real_gsm8k_solutions_agree_with_their_labels(shared_data: Path) -> None:
    n, agree = 0, 0
    with gzip.open(shared_data / "gsm8k" / "example_model_solutions.jsonl.gz", "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            task = Task(answer=row["ground_truth"])
            for answer in (value for value in row.values() if isinstance(value, dict)):
                n += 1
                verdict = verify(task, Rollout(answer["solution"]))
                agree += (verdict.outcome == "correct") == answer["is_correct"]
    assert n == 5276
    assert agree / n >= 0.999


@pytest.mark.parametrize(("answer", "said"), [(372, "372"), (2.5, "2.5"), (0, "0")])
def test_a_gold_answer_may_be_a_number(answer: float, said: str) -> None:
    task = Task.model_validate({"answer": answer})
    assert verify(task, Rollout(said)).outcome == "correct"
