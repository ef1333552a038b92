"""Worked arithmetic: every step of a response is checked, and the first wrong one is named.

Covers: steps that are lines or numbered paragraphs and hold equations of numbers and of names that steps give values
(`A = 3 - 4 = -1`, later `A * B = -1 * 5 = -5`), about an expression that the task gives and whose value is computed
here. A step is judged given the steps before it: each side of an equation must have the same value, a name must keep
its value, and what rewrites the problem in names must still be worth the same. The final answer must be right too.

Does not cover: powers above 100, roots, percent, unknowns, rounding, words inside an equation, and a right answer that
no equation comes to: these are undecided. What a step says in words is not read, and steps that hold but lead nowhere
are no mistake. Nor are numbers that the problem does not have, where the right value is calculated from them in the
end (`9 * 9 = 81`, `81 - 76 = 5`). A step that a later one takes back is still a wrong one.
"""

import re
from collections.abc import Iterator
from fractions import Fraction

from pydantic import Field, field_validator

from pipeline.answers import final_answers
from pipeline.arithmetic.equations import Unreadable, chains, closed, evaluate, tokens_of
from pipeline.arithmetic.trace import (
    WRONG_ANSWER,
    WRONG_COPY,
    WRONG_SUBSTITUTION,
    WRONG_VALUE,
    Mistake,
    Trace,
    steps_of,
)
from pipeline.plain_values import number
from pipeline.thinking import split_thinking
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, NearMiss, Rollout, Verdict
from schemas.recipe import Settings

VERSION = "1"

ALL_STEPS_HOLD = "all_steps_hold"

MAX_CHARS = 100_000

_RESULT = re.compile(r"[\d)]\s*=\s*(-?\d{1,18})(?![\d,.]*\d|\s*[-+*/^(×÷])")
_SIGN = re.compile(r"(?<=[(+*/-])-(?=[1-9])|(?<=[=+*/-] )-(?=[1-9])")
_ANSWER = re.compile(r"(?:\banswer is:?\s*\$?|####\s*|\\boxed\{)(-?\d{1,18})(?![\d,.]*\d)", re.IGNORECASE)


class Task(Settings):
    """The expression whose value is asked for."""

    expression: str = Field(description="Numbers, + - * / ^ and brackets; a = behind them is left out.")

    @field_validator("expression")
    @classmethod
    def _readable(cls, text: str) -> str:
        try:
            evaluate(tokens_of(text))
        except Unreadable as error:
            raise ValueError(f"found {text[:60]!r}, wanted an expression of numbers: {error}") from None
        return text


def verify(task: Task, rollout: Rollout) -> Verdict:
    """Judge the steps in order; `failed_step` is the first wrong one, from 1, `details.claim` what is wrong in it."""
    _, text = split_thinking(rollout.text)
    steps = steps_of(text) if len(text) <= MAX_CHARS else []
    trace = Trace(task.expression)
    try:
        answers = {_value(answer) for answer in final_answers(text)} if steps else set()
    except Unreadable as error:
        return Verdict("undecided", NO_ANSWER, details={"why": f"the final answer: {error}"})
    if len(answers) > 1:
        return Verdict("undecided", AMBIGUOUS, details={"answers": sorted(map(str, answers))})
    for place, step in enumerate(steps, 1):
        try:
            mistake = trace.mistake_in(step, place)
        except Unreadable as error:
            return Verdict("undecided", NO_ANSWER, details={"unreadable_step": place, "why": str(error)})
        if mistake:
            return _wrong(mistake, steps, answers, trace)
    answers = answers or ({trace.last} if trace.last is not None else set())
    if not trace.n_equations or not answers:
        return Verdict("undecided", NO_ANSWER)
    if answers != {trace.value}:
        return _wrong(trace.astray(), steps, answers, trace)
    if mistake := trace.miscopied():
        return _wrong(mistake, steps, answers, trace)
    if not trace.is_reached():
        return Verdict("undecided", NO_ANSWER, details={"why": "no equation comes to the answer"})
    return Verdict("correct", ALL_STEPS_HOLD, str(trace.value), details={"n_steps": len(steps)})


def _value(answer: str) -> Fraction:
    """The value of a final answer, a number or an expression, perhaps behind an equation."""
    side = answer.rpartition("=")[2] or answer
    read = number(side)
    return evaluate(tokens_of(side)) if read is None else read.value


def _wrong(mistake: Mistake, steps: list[str], answers: set[Fraction], trace: Trace) -> Verdict:
    details: dict[str, object] = {"claim": mistake.claim, "n_steps": len(steps)}
    if answers:
        details["answer_is_right"] = answers == {trace.value}
    extracted = steps[mistake.place - 1].strip()
    return Verdict("incorrect", mistake.reason, extracted, failed_step=mistake.place, details=details)


def near_misses(task: Task, gold: str) -> Iterator[NearMiss]:
    """A right trace with one result, one sign or the answer changed, so that an equation or the answer is wrong."""
    for match in _RESULT.finditer(gold):
        yield NearMiss("changed_result", _changed(gold, match, str(int(match[1]) + 1)))
    for match in _SIGN.finditer(gold):
        line = gold[gold.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
        at = match.start() - gold.rfind("\n", 0, match.start()) - 1
        if _breaks(line, line[:at] + line[at + 1 :]):
            yield NearMiss("dropped_sign", gold[: match.start()] + gold[match.end() :])
    for match in list(_ANSWER.finditer(gold))[-1:]:
        yield NearMiss("changed_answer", _changed(gold, match, str(int(match[1]) + 1)))


def _changed(text: str, match: re.Match[str], new: str) -> str:
    """A text with the group of a match replaced."""
    return text[: match.start(1)] + new + text[match.end(1) :]


def _breaks(line: str, changed: str) -> bool:
    """Whether a change gives one side of an equation, which has another one without names, another value."""
    for old, new in zip(chains(line), chains(changed), strict=False):
        if old != new:
            sides = [(a, b) for a, b in zip(old, new, strict=False) if not a.names]
            return len(sides) > 1 and any(evaluate(closed(a.tokens)) != evaluate(closed(b.tokens)) for a, b in sides)
    return False


_PROBLEM = "((-9 - 5) - (4 + -5)) ="
_TASK = {"expression": _PROBLEM}
_TRACE = """This equation can be written as "A - B", where A = (-9 - 5) and B = (4 + -5).
Let's calculate A = (-9 - 5) = -14.
Let's calculate B = (4 + -5) = (4 - 5) = -1.
Then, the final equation is A - B = -14 - (-1) = -14 + 1 = -13. So the answer is -13"""

EXAMPLES = [
    (_TASK, _TRACE, "correct", ALL_STEPS_HOLD),
    (_TASK, "1. -9 - 5 = -14\n2. 4 + -5 = -1\n3. -14 - (-1) = -13\n\\boxed{-13}", "correct", ALL_STEPS_HOLD),
    ({"expression": "(2 + 4) / 4"}, "Step 1: (2 + 4) / 4 = 6 ÷ 4\nStep 2: 6 ÷ 4 = 1.5", "correct", ALL_STEPS_HOLD),
    ({"expression": "3 * 4 + 5"}, "**Total** = 3 × 4 + 5 = 12 + 5 = 17 apples", "correct", ALL_STEPS_HOLD),
    (_TASK, _TRACE.replace("= -14.", "= -13."), "incorrect", WRONG_VALUE),
    (_TASK, _TRACE.replace("A - B = -14 - (-1)", "A - B = -14 - 1"), "incorrect", WRONG_SUBSTITUTION),
    (_TASK, _TRACE.replace("B = (4 + -5) =", "B = (4 + 5) ="), "incorrect", WRONG_COPY),
    (_TASK, _TRACE.replace('"A - B"', '"A + B"'), "incorrect", WRONG_COPY),
    (_TASK, _TRACE.replace("answer is -13", "answer is 13"), "incorrect", WRONG_ANSWER),
    (_TASK, "-9 - 5 = -14\n4 + 5 = 9\n-14 - 9 = -23", "incorrect", WRONG_COPY),
    (_TASK, "((-9 - 6) - (4 + -5)) = -14\nThe answer is -13.", "incorrect", WRONG_COPY),
    (_TASK, "The answer is -13.", "undecided", NO_ANSWER),
    (_TASK, "2 + 2 = 4\n9 * 9 = 81\nThe answer is -13.", "undecided", NO_ANSWER),
    (_TASK, "9 apples less 5 = 4, so the answer is -13.", "undecided", NO_ANSWER),
    (_TASK, "3 apples + 4 = 8\nThe answer is -13.", "undecided", NO_ANSWER),
    (_TASK, _TRACE + "\nOr the answer is 13.", "undecided", AMBIGUOUS),
    ({"expression": "10 / 3"}, "10 / 3 = 3.33", "undecided", NO_ANSWER),
]
