r"""Answers to our own puzzles: countdown, reach and arithmetic, read by small grammars and checked by their rules.

Covers: explicit final answers, marked as for the `math` verifier. countdown: one expression of whole numbers with + - *
(also × · −, x, \times, \cdot) and brackets, with or without an outer `= 24`, that uses each given number exactly once
and has the target's value. reach: the value after each operation, separated by spaces, commas or arrows, with or
without the start before them; each given operation is used exactly once. arithmetic: the last value.

Does not cover: the steps before the answer; how large the values between are; a countdown solution that is given as
several calculations, or in words. An explicit answer of another form is undecided, except numbers, operations and
brackets that are no expression, or have an operation that is not allowed: these cannot be right. Different answers
are ambiguous, but the bare target beside a full answer is not another one.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, model_validator

from pipeline.answers import final_answers
from pipeline.arithmetic.expressions import (
    FORBIDDEN_OPERATION,
    MALFORMED,
    UNREADABLE,
    Expression,
    NotAnExpression,
    read_expression,
)
from pipeline.plain_values import number
from pipeline.puzzles import OPERATIONS
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, NearMiss, Rollout, Verdict
from schemas.recipe import Settings

VERSION = "2"

REACHED = "reached"
WRONG_VALUE = "wrong_value"
WRONG_NUMBERS = "wrong_numbers"
WRONG_STEP = "wrong_step"
MISSING_STEPS = "missing_steps"

MAX_GIVEN = 12
MAX_NUMBER = 10**6
"""Bounds of what a task may give."""

Given = Annotated[int, Field(ge=0, le=MAX_NUMBER)]
Operation = Annotated[str, Field(pattern=r"^[-+*][0-9]{1,6}$")]

_MARKS = re.compile(r"\\[()\[\]]|[$`]")
_LATEX_SPACE = re.compile(r"\\[!,;: ]")
_SEPARATOR = re.compile(r"\s*(?:[,;→⇒]|[-=]+>|\\to\b|\\(?:long)?rightarrow\b|\\Rightarrow\b)\s*|\s+")
_VALUE = re.compile(r"[-−]?[0-9]{1,60}(?:\.[0-9]{1,60})?")


class Task(Settings):
    """A puzzle of one family; countdown has `numbers`, the others `start` and `operations`."""

    family: Literal["arithmetic", "countdown", "reach"] = Field(description="The kind of puzzle.")
    target: int = Field(description="The value to reach; for arithmetic, the last value.")
    numbers: list[Given] = Field([], max_length=MAX_GIVEN, description="countdown: what the expression must use.")
    start: int | None = Field(None, ge=-MAX_NUMBER, le=MAX_NUMBER, description="reach, arithmetic: the first value.")
    operations: list[Operation] = Field(
        [], max_length=MAX_GIVEN, description="reach, arithmetic: what is done to it, such as `+8`."
    )
    gold_steps: list[str] = Field([], description="A right solution, for people; nothing is checked against it.")
    gold_plan: str = Field("", description="A right plan, for people; nothing is checked against it.")

    @model_validator(mode="after")
    def _fields_fit_the_family(self) -> "Task":
        given = bool(self.numbers), self.start is not None, bool(self.operations)
        if given != ((True, False, False) if self.family == "countdown" else (False, True, True)):
            fields = "numbers alone" if self.family == "countdown" else "start and operations, no numbers"
            raise ValueError(f"{self.family} wants {fields}")
        return self


class Answer(NamedTuple):
    """What a final answer says, so far as it can be judged; equal answers are no two candidates."""

    values: tuple[Fraction, ...] = ()
    """countdown: the expression's value, then what is said to be equal to it; otherwise the values in their order."""
    numbers: tuple[int, ...] = ()
    """countdown: the numbers of the expression, sorted."""
    fault: str = ""
    """Why it cannot be judged as an answer; then the rest is empty."""


def verify(task: Task, rollout: Rollout) -> Verdict:
    """Judge the final answer of a response by the rules of the puzzle's family; no model output raises."""
    texts = list(dict.fromkeys(final_answers(rollout.text)))
    answers = {_read(task.family, text): text for text in texts}
    bare_target = Answer((Fraction(task.target),), (task.target,) if task.family == "countdown" else ())
    if len(answers) > 1 and _JUDGES[task.family](task, bare_target)[0] != REACHED:
        answers.pop(bare_target, None)
    if not answers:
        return Verdict("undecided", NO_ANSWER)
    if len(answers) > 1:
        return Verdict("undecided", AMBIGUOUS, details={"answers": texts})
    [(answer, text)] = answers.items()
    if answer.fault == NO_ANSWER:
        return Verdict("undecided", NO_ANSWER, details={"unreadable": text})
    reason, failed_step = (answer.fault, None) if answer.fault else _JUDGES[task.family](task, answer)
    return Verdict("correct" if reason == REACHED else "incorrect", reason, text, failed_step=failed_step)


def _read(family: str, text: str) -> Answer:
    return _READERS[family](_MARKS.sub("", text).strip("*_ \t\r\n").rstrip(".").rstrip())


def _read_number(text: str) -> Answer:
    found = number(text.rpartition("=")[2])
    return Answer((found.value,)) if found else Answer(fault=NO_ANSWER)


def _read_values(text: str) -> Answer:
    """Values in a row, with or without brackets around them."""
    if len(text) > 1 and text[0] + text[-1] in ("()", "[]"):
        text = text[1:-1].strip()
    values = _SEPARATOR.split(_LATEX_SPACE.sub(" ", text))
    if not all(map(_VALUE.fullmatch, values)):
        return Answer(fault=NO_ANSWER)
    return Answer(tuple(Fraction(value.replace("−", "-")) for value in values))


def _read_equation(text: str) -> Answer:
    """An expression, alone or beside the number that it is said to equal."""
    sides = text.split("=")
    try:
        expressions = [read_expression(side) for side in sides[:2]]
    except NotAnExpression as error:
        is_plain = len(sides) == 1 and str(error) != UNREADABLE
        return Answer(fault=str(error) if is_plain else NO_ANSWER)
    expression, said = max(expressions, key=_n_numbers), min(expressions, key=_n_numbers)
    if len(sides) > 2 or (len(sides) > 1 and len(said.numbers) > 1):
        return Answer(fault=NO_ANSWER)
    values = dict.fromkeys((expression.value, said.value))
    return Answer(tuple(map(Fraction, values)), expression.numbers)


def _n_numbers(expression: Expression) -> int:
    return len(expression.numbers)


Judged = tuple[str, int | None]
"""A reason, and where steps are judged, the step that failed, from 1."""


def _judge_countdown(task: Task, answer: Answer) -> Judged:
    if answer.numbers != tuple(sorted(task.numbers)):
        return WRONG_NUMBERS, None
    return REACHED if answer.values == (task.target,) else WRONG_VALUE, None


def _judge_arithmetic(task: Task, answer: Answer) -> Judged:
    return REACHED if answer.values == (task.target,) else WRONG_VALUE, None


def _judge_reach(task: Task, answer: Answer) -> Judged:
    """Follow the values through the operations that could be left at each: two may lead to the same value."""
    values, before = list(answer.values), Fraction(task.start or 0)
    if len(values) == len(task.operations) + 1 and values[0] == before:
        values = values[1:]
    left = {tuple(sorted(task.operations))}
    for step, value in enumerate(values, 1):
        left = {rest[:i] + rest[i + 1 :] for rest in left for i in _explain(rest, before, value)}
        if not left:
            return WRONG_STEP, step
        before = value
    if any(left):
        return MISSING_STEPS, len(values) + 1
    return (REACHED, None) if before == task.target else (WRONG_VALUE, None)


def _explain(operations: tuple[str, ...], before: Fraction, value: Fraction) -> Iterator[int]:
    """Places of the operations that lead from one value to the next."""
    for i, operation in enumerate(operations):
        after: Any = OPERATIONS[operation[0]](before, int(operation[1:]))  # type: ignore[arg-type]
        if after == value:
            yield i


def near_misses(task: Task, gold: str) -> Iterator[NearMiss]:
    """Answers that break a rule of the puzzle: a number, an operation, a step or a value that is not right.

    countdown: another number or operation, a number used again, the bare target, an equation with another value. reach:
    a value that no operation gives, another last value, a missing step. arithmetic: values one off, and of other sign.
    """
    answers = final_answers(gold)
    yield from _SPOILT[task.family](task, answers[-1]) if answers else ()


def _spoilt_countdown(task: Task, gold: str) -> Iterator[NearMiss]:
    text = max(_MARKS.sub("", gold).split("="), key=len).strip()
    for found in re.finditer(r"[0-9]+", text):
        more = str(int(found[0]) + 1)
        yield NearMiss("one_number", text[: found.start()] + more + text[found.end() :])
    for found in re.finditer(r"[-+*]", text):
        for operation in {"-", "+", "*"} - {found[0]}:
            other = text[: found.start()] + operation + text[found.end() :]
            if _read_equation(other).values != (task.target,):
                yield NearMiss("one_operation", other)
    for again in task.numbers:
        yield NearMiss("number_again", f"{text} + {again} - {again}")
    if task.numbers != [task.target]:
        yield NearMiss("bare_target", str(task.target))
    yield NearMiss("other_value_of_equation", f"{text} = {task.target + 1}")


def _spoilt_reach(task: Task, gold: str) -> Iterator[NearMiss]:
    values = [int(value) for value in _read_values(_MARKS.sub("", gold)).values]
    before = task.start or 0
    for place, value in enumerate(values):
        for other in (value + 1, value - 1):
            if not any(_explain(tuple(task.operations), Fraction(before), Fraction(other))):
                yield NearMiss("one_value", _said([*values[:place], other, *values[place + 1 :]]))
        before = value
    if len(values) > 1 and values[-2] != task.target:
        yield NearMiss("missing_step", _said(values[:-1]))


def _spoilt_arithmetic(task: Task, gold: str) -> Iterator[NearMiss]:
    yield NearMiss("one_off", str(task.target + 1))
    yield NearMiss("one_off", str(task.target - 1))
    if task.target:
        yield NearMiss("other_sign", str(-task.target))


def _said(values: list[int]) -> str:
    return " ".join(map(str, values))


_SPOILT = {"arithmetic": _spoilt_arithmetic, "countdown": _spoilt_countdown, "reach": _spoilt_reach}
_READERS = {"arithmetic": _read_number, "countdown": _read_equation, "reach": _read_values}
_JUDGES = {"arithmetic": _judge_arithmetic, "countdown": _judge_countdown, "reach": _judge_reach}

_COUNTDOWN = {"family": "countdown", "numbers": [3, 8, 5], "target": 29}
_REACH = {"family": "reach", "start": 6, "operations": ["+8", "*4", "-8"], "target": 48}
_ARITHMETIC = {"family": "arithmetic", "start": 5, "operations": ["+3", "*2"], "target": 16}

EXAMPLES = [
    (_COUNTDOWN, "(3 * 8) + 5", "correct", REACHED),
    (_COUNTDOWN, "<think>3 * 8 = 24\n24 + 5 = 29</think>5 + 8 * 3", "correct", REACHED),
    (_COUNTDOWN, "The answer is \\boxed{3 \\times 8 + 5 = 29}.", "correct", REACHED),
    (_COUNTDOWN, "**Answer:** 3 × 8 + 5\n\nThe answer is 29.", "correct", REACHED),
    (_COUNTDOWN, "(3 + 8) * 5", "incorrect", WRONG_VALUE),
    (_COUNTDOWN, "\\boxed{3 * 8 + 5 = 30}", "incorrect", WRONG_VALUE),
    (_COUNTDOWN, "#### 3 * 8 + 5 + 5 - 5", "incorrect", WRONG_NUMBERS),
    (_COUNTDOWN, "The answer is 29.", "incorrect", WRONG_NUMBERS),
    (_COUNTDOWN, "(3 * 8 + 5", "incorrect", MALFORMED),
    (_COUNTDOWN, "\\boxed{8 * 3 + 5 / 1}", "incorrect", FORBIDDEN_OPERATION),
    (_COUNTDOWN, "\\boxed{3 * 8 + 5} or \\boxed{3 + 8 * 5}", "undecided", AMBIGUOUS),
    (_COUNTDOWN, "Multiply 3 by 8 and add 5.", "undecided", NO_ANSWER),
    (_COUNTDOWN, "\\boxed{3 * 8 = 24, 24 + 5 = 29}", "undecided", NO_ANSWER),
    (_REACH, "14 56 48", "correct", REACHED),
    (_REACH, "The answer is 6 → 14 → 56 → 48.", "correct", REACHED),
    (_REACH, "So \\boxed{14, 56, 48}. The answer is 48.", "correct", REACHED),
    (_REACH, "24 16 24", "incorrect", WRONG_VALUE),
    (_REACH, "14 56 50", "incorrect", WRONG_STEP),
    (_REACH, "14 56", "incorrect", MISSING_STEPS),
    (_REACH, "\\boxed{+8, *4, -8}", "undecided", NO_ANSWER),
    (_ARITHMETIC, "16", "correct", REACHED),
    (_ARITHMETIC, "5 + 3 = 8, so the answer is 8 * 2 = 16.", "correct", REACHED),
    (_ARITHMETIC, "#### 15", "incorrect", WRONG_VALUE),
    (_ARITHMETIC, "The answer is 16.\n#### 15", "undecided", AMBIGUOUS),
]
