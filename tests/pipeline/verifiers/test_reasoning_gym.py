import json
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline import gym
from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.reasoning_gym import Task, marked_answers, verify


def task(family: str, index: int = 0, **settings: object) -> Task:
    (entry,) = gym.workers.call(gym.entries, family, settings, 5, index, index + 1, seconds=60)
    return Task.model_validate({"dataset": family, "entry": entry, "settings": settings})


def judged(task: Task, answer: str) -> Verdict:
    return verify(task, Rollout(f"<answer>{answer}</answer>"))


EVALUATING = (
    "binary_matrix",
    "countdown",
    "n_queens",
    "number_sorting",
    "polynomial_multiplication",
    "simple_integration",
    "spiral_matrix",
    "string_insertion",
)
"""Admitted families whose scorers call `eval` or sympy's `parse_expr` on the answer."""


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("It is <answer>\n1 2\n3 4\n</answer>.", ["1 2\n3 4"]),
        ("<answer>1</answer> no, <ANSWER>2</ANSWER>", ["1", "2"]),
        ("\\boxed{1}, so <answer>2</answer>", ["2"]),
        ("the answer is 4\n\\boxed{\\text{yes}}", ["yes"]),
        ("The answer is wrong.\nThe final answer is **42**.", ["42"]),
        ("Answer:\n```\nup\ndown\n```", ["up\ndown"]),
        ("<think><answer>3</answer></think>", []),
        ("<answer></answer>", []),
        ("<answer>never closed", ["<answer>never closed"]),
        ("bare", ["bare"]),
        ("so much prose that no one can tell what it says " * 9, []),
    ],
)
def test_final_answers_are_found_where_they_are_marked(text: str, answers: list[str]) -> None:
    assert marked_answers(text, 200) == answers


def test_a_refused_family_says_why_and_an_unknown_one_names_the_nearest() -> None:
    with pytest.raises(ValidationError, match="'puzzle24' is not admitted, other_answer_correct"):
        Task.model_validate({"dataset": "puzzle24", "entry": {"answer": "1"}})
    with pytest.raises(ValidationError, match="did you mean 'countdown'"):
        Task.model_validate({"dataset": "countdwn", "entry": {"answer": "1"}})
    with pytest.raises(ValidationError, match="wanted question, answer"):
        Task.model_validate({"dataset": "countdown", "entry": {}})


def test_partial_credit_is_a_score_and_not_correct() -> None:
    one = task("tower_of_hanoi")
    moves = one.entry["answer"].splitlines()
    verdict = judged(one, "\n".join(moves[:-1]))
    assert verdict.outcome == "incorrect"
    assert verdict.score is not None
    assert 0 < verdict.score < 1


def test_settings_of_the_family_reach_its_scorer() -> None:
    exact = task("decimal_arithmetic", max_num_decimal_places=12, precision=14)
    assert judged(exact, exact.entry["answer"]).outcome == "correct"
    rounded = str(round(float(exact.entry["answer"]), 3))
    assert judged(exact, rounded).outcome == "incorrect"


def test_a_scorer_that_raises_is_no_wrong_answer() -> None:
    broken = Task.model_validate({"dataset": "countdown", "entry": {"answer": "1", "metadata": {}}})
    verdict = judged(broken, "1")
    assert verdict.outcome == "incorrect"  # that scorer swallows its own errors
    broken = Task.model_validate({"dataset": "tower_of_hanoi", "entry": {"answer": "1"}})
    verdict = judged(broken, "Move disk 1 from Peg 1 to Peg 2")
    assert (verdict.outcome, verdict.reason) == ("undecided", "verifier_error")


def test_an_answer_that_takes_too_long_is_no_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.verifiers.reasoning_gym.LIMIT_SECONDS", 0.0)
    verdict = judged(task("countdown"), "1 + 1")
    assert (verdict.outcome, verdict.reason) == ("undecided", "timeout")


ATTACKS = [
    "__import__('os')._exit(0)",
    "[__import__('os')._exit(0)]",
    "__import__('os').write(3, b'{\"result\": 1.0}\\n')",
    "exec('import reasoning_gym')",
    "().__class__.__base__.__subclasses__()",
    "(lambda: 0)()",
    "[c for c in 'ABCDA']",
    "''.join(['A'])",
    "f'{1}'",
    "N('__import__(\"os\")._exit(0)')",
    "sympify('1')",
    "x.func",
    "Function('f')(x)",
]


@pytest.mark.parametrize("family", EVALUATING)
def test_code_in_an_answer_is_never_run(family: str) -> None:
    entry: dict[str, Any] = task(family).entry
    for attack in ATTACKS:
        score = gym.workers.call(gym.score, family, {}, entry, attack, seconds=30)
        assert score < 0.2, attack


def test_asking_the_library_for_the_solution_is_wrong() -> None:
    one = task("simple_integration")
    assert judged(one, one.entry["answer"]).outcome == "correct"
    for copied in ("integrate({}, {})", "Integral({}, {})"):
        problem = copied.format(one.entry["metadata"]["integrand"], one.entry["metadata"]["variable"])
        assert judged(one, problem).outcome == "incorrect"


def test_a_literal_is_still_read() -> None:
    one = task("spiral_matrix")
    listed = f"[{', '.join(one.entry['answer'].split())}]"
    assert judged(one, listed).score == 0.1


def test_an_attack_changes_no_later_verdict() -> None:
    one = task("string_insertion")
    poison = (
        "import reasoning_gym as r; r.algorithmic.string_insertion.StringInsertionDataset.score_answer = lambda *_: 1"
    )
    gym.workers.call(exec, poison, seconds=30)
    assert judged(one, "junk").outcome == "incorrect"
    assert judged(one, one.entry["answer"]).outcome == "correct"


def test_a_task_survives_json() -> None:
    one = task("n_queens")
    again = Task.model_validate(json.loads(one.model_dump_json()))
    assert judged(again, one.entry["answer"]).outcome == "correct"
