r"""Mathematical answers: the explicit final answer of a response must equal the gold answer.

Covers: `\boxed{}`, `####`, "the answer is", a last line `A:` and bare values, after the thinking; exact numbers
(decimals, fractions, thousands, currency, percent, a unit in words behind them) and, through math-verify, symbolic
equality of expressions, equations, sets, intervals and matrices, in a worker process with a hard limit of time.

Does not cover: whether the reasoning holds; units (5 feet equals 5 metres); rounding (0.333 is not 1/3); answers in
running prose. Different explicit answers are ambiguous: no answer is picked because it fits.
"""

from typing import Any

from pydantic import Field, field_validator

from pipeline.answers import MAX_ANSWER_CHARS, final_answers, number, same_text
from pipeline.limited import LimitedWorkers, OutOfTime
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, TIMEOUT, Rollout, Verdict
from schemas.recipe import Settings

VERSION = "1"

EQUAL = "equal"
NOT_EQUAL = "not_equal"

LIMIT_SECONDS = 5.0
"""Time for one symbolic comparison; plain numbers and equal texts need none."""


class Unreadable(Exception):
    """An answer that cannot be read as mathematics."""


class Task(Settings):
    r"""The gold answer, in LaTeX or plain; of a whole solution, its marked answer (`#### 18`, `A: 18`)."""

    answer: str = Field(description="The gold answer.")

    @field_validator("answer", mode="before")
    @classmethod
    def _number_as_text(cls, answer: Any) -> Any:
        is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
        return str(answer) if is_number else answer

    @field_validator("answer")
    @classmethod
    def _marked(cls, text: str) -> str:
        marked = final_answers(text)
        if any(not _plainly_equal(other, marked[-1]) for other in marked[:-1]):
            raise ValueError(f"several different answers are marked in it: {', '.join(marked)}")
        answer = marked[-1] if marked else text.strip()
        if not answer or len(answer) > MAX_ANSWER_CHARS:
            raise ValueError(f"wanted an answer of 1 to {MAX_ANSWER_CHARS} characters, found {len(answer)}")
        return answer


def verify(task: Task, rollout: Rollout) -> Verdict:
    """Judge the final answer of a response; all that cannot be read or compared in time is undecided."""
    answers = final_answers(rollout.text)
    if not answers:
        return Verdict("undecided", NO_ANSWER)
    answer = answers[-1]
    try:
        if any(not _equal(other, answer) for other in answers[:-1]):
            return Verdict("undecided", AMBIGUOUS, details={"answers": answers})
        if _equal(task.answer, answer):
            return Verdict("correct", EQUAL, answer)
        return Verdict("incorrect", NOT_EQUAL, answer)
    except Unreadable as error:
        return Verdict("undecided", NO_ANSWER, details={"unreadable": str(error)})
    except OutOfTime:
        return Verdict("undecided", TIMEOUT, answer)


def _plainly_equal(one: str, other: str) -> bool | None:
    """Equality of plain numbers and of texts; None where it takes mathematics to tell."""
    if same_text(one, other):
        return True
    first, second = number(one), number(other)
    return None if first is None or second is None else first.equals(second)


def _equal(gold: str, answer: str) -> bool:
    """Whether two answers are equal; the second is the one that may be unreadable."""
    plainly = _plainly_equal(gold, answer)
    if plainly is not None:
        return plainly
    is_equal = _workers.call(_symbolically_equal, gold, answer, seconds=LIMIT_SECONDS)
    if is_equal is None:
        raise Unreadable(answer)
    return bool(is_equal)


def _symbolically_equal(gold: str, answer: str) -> bool | None:
    """Runs in the worker process: math-verify's answer, or None where it cannot read the response's."""
    from math_verify import parse, verify

    wanted, found = (parse(f"\\boxed{{{text}}}", parsing_timeout=None) for text in (gold, answer))
    if all(isinstance(item, str) for item in found):
        return None
    return bool(verify(wanted, found, timeout_seconds=None, raise_on_error=True))


def _warm() -> None:
    """Pay for the imports, and for math-verify's first parse, before any comparison is timed."""
    import logging

    logging.disable(logging.WARNING)
    _symbolically_equal("x^2", "\\frac{1}{2}")


_workers = LimitedWorkers(_warm)

EXAMPLES = [
    ({"answer": "42"}, "6 times 7 is \\boxed{42}.", "correct", EQUAL),
    ({"answer": "42"}, "42", "correct", EQUAL),
    ({"answer": "72"}, "48 + 24 = 72\n#### 72", "correct", EQUAL),
    ({"answer": "She has 9 left, at $2 each.\nA: 18"}, "9 * 2 = 18\nA: 18", "correct", EQUAL),
    ({"answer": "1234.5"}, "The answer is $1,234.50.", "correct", EQUAL),
    ({"answer": "\\frac{1}{2}"}, "The final answer is 0.5", "correct", EQUAL),
    ({"answer": "50"}, "**Answer:** 50%", "correct", EQUAL),
    ({"answer": "(x-1)(x+1)"}, "So it is \\boxed{x^2-1}.", "correct", EQUAL),
    ({"answer": "7"}, "<think>\\boxed{6}, no</think>The answer is 7, thus \\boxed{7}.", "correct", EQUAL),
    ({"answer": "42"}, "I get \\boxed{41}.", "incorrect", NOT_EQUAL),
    ({"answer": "1/3"}, "The answer is 0.333.", "incorrect", NOT_EQUAL),
    ({"answer": "x^2-1"}, "It is \\boxed{x^2+1}.", "incorrect", NOT_EQUAL),
    ({"answer": "-5"}, "\\boxed{5}", "incorrect", NOT_EQUAL),
    ({"answer": "42"}, "\\boxed{41} or perhaps \\boxed{42}", "undecided", AMBIGUOUS),
    ({"answer": "42"}, "The answer is 41.\n#### 42", "undecided", AMBIGUOUS),
    ({"answer": "42"}, "First 6 * 7 = 42, which I will not call final.", "undecided", NO_ANSWER),
    ({"answer": "42"}, "<think>\\boxed{42}</think>", "undecided", NO_ANSWER),
    ({"answer": "42"}, "#### Step 1: multiply", "undecided", NO_ANSWER),
    ({"answer": "2x"}, "\\boxed{2x+}", "undecided", NO_ANSWER),
]
