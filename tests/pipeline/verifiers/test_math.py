import gzip
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.limited import CallFailed
from pipeline.math_answers.symbolic import compare
from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.math import Task, near_misses, verify, workers

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


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("First \\boxed{3}. Then \\boxed{40}. The final answer is \\boxed{42}.", "equal"),
        ("First \\boxed{42}. The final answer is \\boxed{41}.", "not_equal"),
        ("First \\boxed{3}, then \\boxed{42}.", "ambiguous"),
        ("The final answer is \\boxed{42}. Wait, it is \\boxed{41}.", "ambiguous"),
        ("Final answer: 41\nFinal answer: 42", "ambiguous"),
        ("The answer to (a) is 3.\n\n**Final Answer**\n\n$$\\boxed{42}$$", "equal"),
        ("My final answer is not ready. \\boxed{3} \\boxed{42}", "ambiguous"),
        ("It is this:\n```\n42\n```", "equal"),
        ("It is \\boxed{41}:\n```\n42\n```", "ambiguous"),
        ("```python\nx = 1\ny = 42\n```", "no_answer"),
        ("The answer is not 42.", "no_answer"),
        ("The answer is more than 42.", "no_answer"),
        ("#### 42" + "0" * 1000, "no_answer"),
        ("The answer is 5 feet.\n#### 42", "ambiguous"),
    ],
)
def test_the_final_answer_is_one_that_is_said_to_be(response: str, reason: str) -> None:
    assert judged("42", response).reason == reason


def test_an_answer_that_fits_only_where_it_says_less_is_ambiguous() -> None:
    assert judged("5 metres", "\\boxed{5 feet} The answer is 5.").reason == "ambiguous"


@pytest.mark.parametrize(
    "gold",
    ["42", "-3.5", "1,234", "3/4", "\\frac{2}{3}", "50%", "5 feet", "x=5", "(1,2)", "[0, 1)", "\\{1,2\\}", "1,2", "3:4",
     "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "(B)", "Yes", "\\infty", "2\\sqrt{3}", "x^2+2x+1", "0", "(1,1)"],
)  # fmt: skip
def test_near_misses_are_incorrect(gold: str) -> None:
    misses = list(near_misses(Task(answer=gold), f"So it is \\boxed{{{gold}}}."))
    assert misses
    assert {judged(gold, miss.response).outcome for miss in misses} == {"incorrect"}
    assert judged(gold, f"\\boxed{{{gold}}}").outcome == "correct"


@pytest.mark.parametrize(
    ("gold", "kinds"),
    [
        ("3/4", {"one_digit", "sign_flipped", "off_by_one", "point_shifted", "upside_down"}),
        ("42", {"one_digit", "sign_flipped", "off_by_one", "point_shifted"}),
        ("(1,2)", {"one_item", "item_left_out", "order_swapped", "bracket_changed"}),
        ("[1,1)", {"one_item", "item_left_out", "bracket_changed"}),
        ("\\{1,2\\}", {"one_item", "item_left_out"}),
        ("B", {"other_choice"}),
        ("Tuesday", set()),
    ],
)
def test_near_misses_are_made_of_what_the_answer_is(gold: str, kinds: set[str]) -> None:
    assert {miss.kind for miss in near_misses(Task(answer=gold), gold)} == kinds


def test_a_near_miss_that_the_task_accepts_is_left_out() -> None:
    assert "order_swapped" not in {m.kind for m in near_misses(Task(answer="(1,2)", order=False), "(1,2)")}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"answer": "1", "equality": "exact", "tolerance": 0.1}, "exact compares texts, so that tolerance cannot"),
        ({"answer": "1", "equality": "exact", "order": True, "case": True}, "so that case, order cannot"),
        ({"answer": "C", "choices": ["red", "blue"]}, "the letter or the text of one of the choices"),
        ({"answer": "green", "choices": ["red", "blue"]}, "the letter or the text of one of the choices"),
        ({"answer": "4\u200b2"}, "cannot be read: character U\\+200B"),
        ({"answer": "0x41"}, "a number or a name as in a program"),
        ({"answer": "1", "tolerance": 1.5}, "less than 1"),
        ({"answer": "1", "equality": "fuzzy"}, "'exact', 'default' or 'loose'"),
    ],
)
def test_a_task_that_cannot_be_judged_is_refused(task: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Task.model_validate(task)


def test_no_alarm_is_set_here_or_in_the_worker() -> None:
    before = signal.getsignal(signal.SIGALRM)
    assert judged("x^2-1", "\\boxed{(x-1)(x+1)}").outcome == "correct"
    assert judged("x > 5", "\\boxed{(5, \\infty)}").outcome == "correct"
    assert signal.getsignal(signal.SIGALRM) == before
    assert workers.call(signal.getsignal, signal.SIGALRM.value, seconds=30) == signal.SIG_DFL


def test_the_worker_is_warm_has_no_environment_and_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    workers.close()
    assert workers.call(eval, "dict(__import__('os').environ)", seconds=30) == {}
    assert workers.call(eval, "'math_verify' in __import__('sys').modules", seconds=30) is True
    with pytest.raises(CallFailed, match="MemoryError"):
        workers.call(eval, "bytearray(8 * 1024**3)", seconds=30)


def test_a_worker_that_took_too_long_is_another_one_next_time() -> None:
    before = workers.call(os.getpid, seconds=30)
    assert judged("5", "\\boxed{9^{9^{9^9}}}").reason == "timeout"
    assert workers.call(os.getpid, seconds=30) != before


@pytest.mark.parametrize("answer", ["x", "1/0", "\\frac{1}{0}", "(", "x=5", "\\{1\\}", "x \\neq 2", "\ud800", "f(x)"])
def test_what_comes_back_of_a_comparison_is_a_word_or_less(answer: str) -> None:
    for gold in ("x + 1", "(5, \\infty)", answer):
        assert isinstance(compare(gold, answer, 0.0), bool | str | None)


def test_all_expressions_of_a_response_share_one_limit_of_time() -> None:
    towers = ", ".join(f"{n}^{{9^{{9^9}}}}" for n in range(2, 9))
    assert judged("1, 2, 3, 4, 5, 6, 7", f"\\boxed{{{towers}}}").reason == "timeout"
