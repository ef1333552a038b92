"""Wordings that were once misread: a wrong answer accepted, or a right one refused."""

import pytest

from pipeline.verifiers import Rollout
from pipeline.verifiers.math import Task, verify


@pytest.mark.parametrize(
    ("gold", "response", "outcome"),
    [
        ("2", "The final answer is 2. Wait, no: the final answer is 3.", "undecided"),
        ("3", "The final answer is 2. Wait, no: the final answer is 3.", "undecided"),
        ("2", "My answer is 3. Correct answer: 2", "undecided"),
        ("B", "Answer: A. Answer: B.", "undecided"),
        ("3", "The answer is 2, or the answer is 3.", "undecided"),
        ("5", "The answer is 5, so the final answer is 5.", "correct"),
    ],
)
def test_every_answer_of_a_line_counts(gold: str, response: str, outcome: str) -> None:
    """Only the first "answer is" of a line was read, so that what corrected it was not seen."""
    assert verify(Task(answer=gold), Rollout(response)).outcome == outcome


@pytest.mark.parametrize(
    "response",
    [
        "Suppose the answer is 2.",
        "I don't think the answer is 2.",
        "I doubt that the answer is 2.",
        "It is wrong to say that the answer is 2.",
        "You might think the answer is 2. But it is 3.",
        "The answer is not \\boxed{2}.",
        "The answer isn't $\\boxed{2}$.",
    ],
)
def test_what_is_supposed_or_denied_is_no_answer(response: str) -> None:
    """A premise and a denied box were taken for the answer."""
    assert verify(Task(answer="2"), Rollout(response)).outcome == "undecided"


@pytest.mark.parametrize("gold", ["2", "3"])
def test_a_premise_is_no_rival_of_the_answer(gold: str) -> None:
    response = "If the answer is 2, then we get a contradiction. So the answer is 3."
    assert verify(Task(answer=gold), Rollout(response)).outcome == ("correct" if gold == "3" else "incorrect")


@pytest.mark.parametrize(
    "words",
    ["double", "half of", "the square root of", "negative", "under", "a multiple of", "found in step", "one of the"],
)
def test_a_number_that_words_change_is_no_answer(words: str) -> None:
    """The one number of a sentence was taken for the answer, whatever stood before it."""
    assert verify(Task(answer="18"), Rollout(f"The answer is {words} 18.")).outcome == "undecided"


@pytest.mark.parametrize(
    ("gold", "answer", "outcome"),
    [
        ("5", "5 million", "undecided"),
        ("5000000", "$5 million", "correct"),
        ("2.5", "2.5 million dollars", "undecided"),
        ("5", "6 million", "incorrect"),
        ("5", "5 hundredths", "undecided"),
        ("5", "5 factorial", "undecided"),
        ("5", "5 squared", "undecided"),
        ("3", "3 point five", "undecided"),
        ("5", "5 out of ten", "undecided"),
    ],
)
def test_words_behind_a_number_that_change_it_are_no_unit(gold: str, answer: str, outcome: str) -> None:
    """`5 million` was 5, and not 5000000."""
    assert verify(Task(answer=gold), Rollout(f"The answer is \\boxed{{{answer}}}.")).outcome == outcome


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("London (B)", "correct"),
        ("B - London", "correct"),
        ("letter B", "correct"),
        ("(A) London", "undecided"),
        ("(B) London or Paris", "undecided"),
        ("London or Paris", "incorrect"),
        ("A rather than (B)", "incorrect"),
        ("anything but (B)", "incorrect"),
    ],
)
def test_a_choice_may_stand_behind_its_text_but_not_beside_another(answer: str, outcome: str) -> None:
    """A letter behind its text was incorrect, and the text of a second option beside the letter was not seen."""
    task = Task(answer="B", choices=["Paris", "London"])
    assert verify(task, Rollout(f"The answer is {answer}.")).outcome == outcome


@pytest.mark.parametrize("answer", ["London", "14", "a bit unclear"])
def test_the_text_of_an_option_that_is_not_told_is_undecided(answer: str) -> None:
    """With the letter alone as the gold answer, the text of the right option was incorrect."""
    assert verify(Task(answer="B"), Rollout(f"The answer is {answer}.")).outcome == "undecided"
