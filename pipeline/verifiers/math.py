r"""Mathematical answers: the explicit final answer of a response must equal the gold answer.

Covers: `\boxed{}`, `####`, "the answer is", a last line `A:`, a fenced last line and bare values, after the thinking;
by form and exactly, numbers (decimals, fractions, mixed numbers, percent, powers of ten, units), ratios, times, words,
choices, tuples, lists, sets, intervals and matrices; expressions by their value at points and by math-verify, in a
worker process with a hard limit of time and memory. What is equal is a table in docs/math.md, which the tests check.

Does not cover: whether the reasoning holds; rounding (0.333 is not 1/3), unless the task allows it; answers in running
prose. Different explicit answers are ambiguous, unless those before the last are not called final; none is picked
because it fits. What can be neither read nor compared in time is undecided.
"""

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.answers import final_answers
from pipeline.limited import CallFailed, LimitedWorkers, OutOfTime
from pipeline.math_answers.equality import Compare, Rules, equal
from pipeline.math_answers.multiple_choice import LETTERS, choice
from pipeline.math_answers.near_misses import near_answers
from pipeline.math_answers.quantities import Clock
from pipeline.math_answers.symbolic import compare, warm
from pipeline.math_answers.values import Unreadable, Words, read
from pipeline.plain_values import MAX_ANSWER_CHARS, tidy
from pipeline.thinking import split_thinking
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, TIMEOUT, VERIFIER_ERROR, NearMiss, Rollout, Verdict
from schemas.recipe import Settings

VERSION = "2"

EQUAL = "equal"
NOT_EQUAL = "not_equal"

_ANY_LETTER = re.compile(r"(?<![A-Za-z])[A-Z](?![A-Za-z])")
_PARTS = re.compile(r"\s*(?:,|/|\bor\b|\band\b)\s*")

LIMIT_SECONDS = 5.0
"""Time for all comparisons of expressions of one response; plain numbers and equal texts need none."""


class Task(Settings):
    r"""The gold answer, in LaTeX or plain; of a whole solution, its marked answer (`#### 18`, `A: 18`)."""

    answer: str = Field(description="The gold answer; with `choices`, the letter or the text of the right one.")
    choices: list[str] = Field([], max_length=len(LETTERS), description="The texts of options A, B, C, ..., in order.")
    equality: Literal["exact", "default", "loose"] = Field(
        "default",
        description="`exact`: the same text; `default`: the same value; `loose`: whatever the brackets, and rounded"
        " to three digits or more, and yes is true.",
    )
    tolerance: float = Field(0.0, ge=0, lt=1, description="Largest relative difference of numbers that are equal.")
    units: bool | None = Field(
        None, description="true: the gold answer's unit must be stated; false: units are ignored; null: none is needed,"
        " but another is wrong.",
    )  # fmt: skip
    percent: bool = Field(False, description="true: 50% is 0.5 only; false: it is 0.5, or 50.")
    case: bool = Field(False, description="true: Blue is not blue.")
    order: bool | None = Field(
        None,
        description="true: the order of values always matters; false: never; null: in tuples, not in sets or lists.",
    )

    @field_validator("answer", mode="before")
    @classmethod
    def _number_as_text(cls, answer: Any) -> Any:
        is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
        return str(answer) if is_number else answer

    @field_validator("answer")
    @classmethod
    def _marked(cls, text: str) -> str:
        marked = final_answers(text)
        if any(not _is_plainly_equal(other, marked[-1]) for other in marked[:-1]):
            raise ValueError(f"several different answers are marked in it: {', '.join(marked)}")
        answer = marked[-1] if marked else text.strip()
        if not answer or len(answer) > MAX_ANSWER_CHARS:
            raise ValueError(f"wanted an answer of 1 to {MAX_ANSWER_CHARS} characters, found {len(answer)}")
        return answer

    @model_validator(mode="after")
    def _can_be_judged(self) -> "Task":
        others = {"tolerance", "units", "percent", "case", "order"} & self.model_fields_set
        if self.equality == "exact":
            if others:
                raise ValueError(f"exact compares texts, so that {', '.join(sorted(others))} cannot be set beside it")
            return self
        try:
            read(self.answer)
        except Unreadable as error:
            raise ValueError(f"answer: it cannot be read: {error}") from None
        if self.choices and len(_letters(self, self.answer, _cannot_tell)) != 1:
            raise ValueError("answer: wanted the letter or the text of one of the choices")
        return self

    @property
    def rules(self) -> Rules:
        """What counts as equal, for a comparison."""
        return Rules(
            is_exact=self.equality == "exact",
            is_loose=self.equality == "loose",
            **{name: getattr(self, name) for name in ("tolerance", "units", "percent", "case", "order")},
        )


def verify(task: Task, rollout: Rollout) -> Verdict:
    """Judge the final answer of a response; all that cannot be read or compared in time is undecided."""
    answers = final_answers(rollout.text) or _bare_words(task, rollout.text)
    if not answers:
        return Verdict("undecided", NO_ANSWER)
    answer = answers[-1]
    try:
        is_equal = _judged(task, list(dict.fromkeys(answers)))
    except Unreadable as error:
        return Verdict("undecided", NO_ANSWER, details={"unreadable": answer, "because": str(error)})
    except OutOfTime:
        return Verdict("undecided", TIMEOUT, answer)
    except CallFailed as error:
        return Verdict("undecided", VERIFIER_ERROR, answer, details={"error": str(error)})
    if is_equal is None:
        return Verdict("undecided", AMBIGUOUS, details={"answers": answers})
    return Verdict("correct", EQUAL, answer) if is_equal else Verdict("incorrect", NOT_EQUAL, answer)


def _bare_words(task: Task, text: str) -> list[str]:
    """A response that is a few words and nothing else, where the gold answer is words too."""
    _, text = split_thinking(text)
    try:
        is_wanted = bool(task.choices) or isinstance(read(task.answer), Words | Clock)
    except Unreadable:
        is_wanted = False
    words = text.strip().split()
    is_short = 0 < len(words) <= len(task.answer.split()) + 1 and len(text.strip().splitlines()) == 1
    return [text.strip()] if is_wanted and is_short and len(text) <= MAX_ANSWER_CHARS else []


def _judged(task: Task, answers: list[str]) -> bool | None:
    """Whether all answers are the gold one, or none is and they are the same; None where they differ."""
    expressions = _Expressions()
    results = {_told(_equal(task, task.answer, answer, expressions), answer) for answer in answers}
    if results == {False} and any(not _equal(task, other, answers[-1], expressions) for other in answers[:-1]):
        return None
    return results.pop() if len(results) == 1 else None


def _told(result: bool | None, answer: str) -> bool:
    if result is None:
        raise Unreadable("it cannot be compared as mathematics")
    return result


def _equal(task: Task, gold: str, answer: str, expressions: Compare) -> bool | None:
    """Whether two answers are equal, as choices if the gold one is one."""
    rules = task.rules
    if rules.is_exact:
        return equal(gold, answer, rules, expressions)
    if task.choices:
        wanted, found = (_letters(task, text, expressions) for text in (gold, answer))
        return None if len(found) > 1 else bool(found) and found == wanted
    wanted_choice, found_choice = choice(gold), choice(answer)
    if wanted_choice and found_choice:
        return _equal_choices(wanted_choice, found_choice, partial(equal, rules=rules, compare=expressions), rules)
    if gold in tuple(LETTERS) and not _ANY_LETTER.search(answer):
        return None  # the text of an option that the task does not tell
    return equal(wanted_choice[1] if wanted_choice and wanted_choice[1] else gold, answer, rules, expressions)


def _equal_choices(
    wanted: tuple[str, str], found: tuple[str, str], same: Callable[[str, str], bool | None], rules: Rules
) -> bool | None:
    """Whether two choices have the same letter and, where both have one, the same text."""
    letters = (wanted[0], found[0]) if rules.case else (wanted[0].upper(), found[0].upper())
    if letters[0] != letters[1]:
        return False
    return same(wanted[1], found[1]) if wanted[1] and found[1] else True


def _letters(task: Task, text: str, expressions: Compare) -> set[str]:
    """The letters of the choices that a text names, by letter or by text; several, where these disagree."""
    named = choice(text)
    found = {named[0].upper()} & set(LETTERS[: len(task.choices)]) if named else set()
    words = named[1] if named else text
    same = _same_options(task, words, expressions)
    if found and not same:
        parts = _PARTS.split(tidy(words)) if words else []
        return found.union(*(_same_options(task, part, expressions) for part in parts))
    return found | (same if not found or not same & found else set())


def _same_options(task: Task, words: str, expressions: Compare) -> set[str]:
    options = zip(LETTERS, task.choices, strict=False)
    return {letter for letter, option in options if words and equal(option, words, task.rules, expressions)}


def _cannot_tell(gold: str, answer: str, tolerance: float) -> None:
    """In place of a comparison of expressions, where only form and numbers shall decide."""


def _is_plainly_equal(one: str, other: str) -> bool:
    try:
        return equal(one, other, Rules(), _cannot_tell) is True
    except Unreadable:
        return False


class _Expressions:
    """Comparisons of expressions in a worker process, each once, all of them in the time for one response."""

    def __init__(self) -> None:
        self._ends_at = time.monotonic() + LIMIT_SECONDS
        self._known: dict[tuple[str, str, float], bool | None] = {}

    def __call__(self, gold: str, answer: str, tolerance: float) -> bool | None:
        pair = (gold, answer, tolerance)
        if pair not in self._known:
            self._known[pair] = self._compared(*pair)
        return self._known[pair]

    def _compared(self, *pair: Any) -> bool | None:
        seconds = self._ends_at - time.monotonic()
        if seconds <= 0:
            raise OutOfTime(f"not done after {LIMIT_SECONDS} s")
        result = workers.call(compare, *pair, seconds=seconds)
        if isinstance(result, str):
            raise Unreadable(result)
        return result if isinstance(result, bool) else None


workers = LimitedWorkers(warm)


def near_misses(task: Task, gold: str) -> Iterator[NearMiss]:
    """Responses whose answer differs from the gold one in one thing, and in value as far as form and numbers tell."""
    marked = final_answers(gold)
    for kind, answer in near_answers(marked[-1] if marked else task.answer):
        try:
            is_equal = _equal(task, task.answer, answer, _cannot_tell)
        except Unreadable:
            continue
        if not is_equal:
            yield NearMiss(kind, f"The answer is \\boxed{{{answer}}}.")


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
    ({"answer": "42"}, "First \\boxed{6}, then \\boxed{7}. The final answer is \\boxed{42}.", "correct", EQUAL),
    ({"answer": "42"}, "So:\n```\n42\n```", "correct", EQUAL),
    ({"answer": "1 m"}, "\\boxed{100 \\text{ cm}}", "correct", EQUAL),
    ({"answer": "(-\\infty, 3]"}, "It is \\boxed{x \\le 3}.", "correct", EQUAL),
    ({"answer": "B", "choices": ["red", "blue"]}, "The answer is blue.", "correct", EQUAL),
    ({"answer": "1/3", "equality": "loose"}, "The answer is 0.333.", "correct", EQUAL),
    ({"answer": "42"}, "I get \\boxed{41}.", "incorrect", NOT_EQUAL),
    ({"answer": "1/3"}, "The answer is 0.333.", "incorrect", NOT_EQUAL),
    ({"answer": "x^2-1"}, "It is \\boxed{x^2+1}.", "incorrect", NOT_EQUAL),
    ({"answer": "-5"}, "\\boxed{5}", "incorrect", NOT_EQUAL),
    ({"answer": "5 feet"}, "\\boxed{5 \\text{ metres}}", "incorrect", NOT_EQUAL),
    ({"answer": "(1, 2)"}, "\\boxed{(2, 1)}", "incorrect", NOT_EQUAL),
    ({"answer": "B"}, "The answer is (A) or (B).", "incorrect", NOT_EQUAL),
    ({"answer": "42"}, "\\boxed{41} or perhaps \\boxed{42}", "undecided", AMBIGUOUS),
    ({"answer": "42"}, "The answer is 41.\n#### 42", "undecided", AMBIGUOUS),
    ({"answer": "42"}, "First 6 * 7 = 42, which I will not call final.", "undecided", NO_ANSWER),
    ({"answer": "42"}, "<think>\\boxed{42}</think>", "undecided", NO_ANSWER),
    ({"answer": "42"}, "#### Step 1: multiply", "undecided", NO_ANSWER),
    ({"answer": "2x"}, "\\boxed{2x+}", "undecided", NO_ANSWER),
]
