r"""Answers to reasoning-gym tasks: the library's own score of the final answer; only a score of 1 is correct.

Covers: the families that passed the admission test (docs/reasoning-gym.md); answers between `<answer>` and `</answer>`,
in `\boxed{}`, after "answer is" or "answer:" (on that line, or else all below it), or a response that is the answer and
little else, after the thinking; in a process of its own for every answer, without network, files and environment.

Does not cover: families that were refused; an answer in running prose; whether the reasoning holds. Answers that some
scorers would evaluate as Python are read as literals or plain algebra, and anything else in them is wrong.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline import gym
from pipeline.answers import boxed
from pipeline.limited import CallFailed, OutOfTime
from pipeline.plain_values import is_value
from pipeline.thinking import split_thinking
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, TIMEOUT, VERIFIER_ERROR, NearMiss, Rollout, Verdict
from schemas.recipe import Settings

VERSION = "2"

SCORED_FULL = "scored_full"
SCORED_PARTLY = "scored_partly"
SCORED_NOTHING = "scored_nothing"

LIMIT_SECONDS = 10.0
MAX_ANSWER_CHARS = 20_000
BARE_CHARS = 200
"""A response without any mark is its own answer up to this length, or four times that of the gold answer."""

_TAGS = re.compile(r"<answer>((?:(?!<answer>).)*?)</answer>", re.DOTALL | re.IGNORECASE)
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_PHRASE = re.compile(r"\banswer\b[\s*_]*(?:is|:)[ \t*_:]*", re.IGNORECASE)
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")


class Task(Settings):
    """An entry of one of the library's families."""

    dataset: str = Field(description="The family.")
    entry: dict[str, Any] = Field(description="The entry as the library made it: question, answer and metadata.")
    settings: dict[str, Any] = Field({}, description="The family's settings, where they are not its own defaults.")

    @field_validator("dataset")
    @classmethod
    def _admitted(cls, dataset: str) -> str:
        if error := gym.family_error(dataset):
            raise ValueError(error)
        return dataset

    @model_validator(mode="after")
    def _has_gold(self) -> "Task":
        if not isinstance(self.entry.get("answer"), str):
            raise ValueError("entry: wanted question, answer (text) and metadata, as the library made them")
        return self


def require(config: None = None) -> None:
    """Raise RecipeError where the library is not installed, BackendError where its scorers cannot be confined."""
    gym.version()
    gym.workers.call(gym.registered, seconds=gym.CALL_SECONDS)


def verify(task: Task, rollout: Rollout) -> Verdict:
    """Score the final answer of a response; what cannot be scored is undecided."""
    answers = marked_answers(rollout.text, max(BARE_CHARS, 4 * len(task.entry["answer"])))
    if not answers or len(answers[-1]) > MAX_ANSWER_CHARS:
        return Verdict("undecided", NO_ANSWER)
    answer = answers[-1]
    if any(other.split() != answer.split() for other in answers):
        return Verdict("undecided", AMBIGUOUS, details={"answers": answers[-5:]})
    try:
        score = gym.workers.call(gym.score, task.dataset, task.settings, task.entry, answer, seconds=LIMIT_SECONDS)
    except OutOfTime:
        return Verdict("undecided", TIMEOUT, answer)
    except CallFailed as error:
        return Verdict("undecided", VERIFIER_ERROR, answer, details={"error": str(error)})
    if not isinstance(score, int | float) or not 0 <= score <= 1:
        return Verdict("undecided", VERIFIER_ERROR, answer, details={"error": "no score"})
    if score == 1:
        return Verdict("correct", SCORED_FULL, answer, 1.0)
    return Verdict("incorrect", SCORED_PARTLY if score else SCORED_NOTHING, answer, float(score))


def near_misses(task: Task, gold: str) -> Iterator[NearMiss]:
    """Whole numbers one off or of other sign; of other answers, the last line or word left out.

    What is almost right differs by family; these are wrong in all that were admitted.
    """
    answers = marked_answers(gold, len(gold))
    answer = answers[-1] if answers else ""
    lines, words = answer.split("\n"), answer.split(" ")
    if _WHOLE.fullmatch(answer):
        yield from (NearMiss("one_off", _tagged(str(int(answer) + step))) for step in (1, -1))
        if int(answer):
            yield NearMiss("other_sign", _tagged(str(-int(answer))))
    elif len(lines) > 1:
        yield NearMiss("last_line_missing", _tagged("\n".join(lines[:-1])))
    elif len(words) > 2:
        yield NearMiss("last_word_missing", _tagged(" ".join(words[:-1])))


def _tagged(answer: str) -> str:
    return f"<answer>{answer}</answer>"


def marked_answers(text: str, longest_bare: int) -> list[str]:
    r"""The answers that a response marks, in the strongest of the ways it marks any; else the response, if short.

    >>> marked_answers("It is \\boxed{7}. <answer> 1 2\n3 4 </answer>", 200)
    ['1 2\n3 4']
    >>> marked_answers("The answer is:\nup\nup", 200), marked_answers("The answer is 42.", 200), marked_answers("no", 1)
    (['up\nup'], ['42'], [])
    """
    _, text = split_thinking(text)
    marked = [found.strip() for found in _TAGS.findall(text)]
    marked = marked or [_TEXT.sub(r"\1", found).strip() for found in boxed(text)] or _after_phrase(text)
    if marked:
        return [answer for answer in marked if answer]
    return [text.strip()] if 0 < len(text.strip()) <= longest_bare else []


def _after_phrase(text: str) -> list[str]:
    """What follows the last "answer is": the rest of its line, or all below it."""
    places = list(_PHRASE.finditer(text))
    if not places:
        return []
    line, _, below = text[places[-1].end() :].partition("\n")
    answer = line.strip(" *_`") or below.strip(" *_`\n")
    value = answer.rstrip(". *_`")
    return [value if is_value(value) else answer]


_COUNTDOWN: dict[str, Any] = {
    "dataset": "countdown",
    "entry": {
        "question": "Calculate 24 using all of these numbers: 3, 5, 8, 1.",
        "answer": "3*5 + 8 + 1",
        "metadata": {"numbers": [3, 5, 8, 1], "target": 24},
    },
}
_HANOI: dict[str, Any] = {
    "dataset": "tower_of_hanoi",
    "entry": {
        "question": "Move all disks from Peg 1 to Peg 3.",
        "answer": "Move disk 1 from Peg 1 to Peg 2\nMove disk 2 from Peg 1 to Peg 3\nMove disk 1 from Peg 2 to Peg 3",
        "metadata": {
            "num_disks": 2, "num_pegs": 3, "start_peg": 1, "target_peg": 3, "auxiliary_pegs": [2], "solution_length": 3
        },
    },
}  # fmt: skip
_INSERTION: dict[str, Any] = {
    "dataset": "string_insertion",
    "entry": {"question": "ABCD", "answer": "ABCDA", "metadata": {}},
}
_ATTACK = "[setattr(__import__('builtins'), 'eval', lambda _: 'ABCDA')]"

EXAMPLES = [
    (_COUNTDOWN, "<answer>8 + 5*3 + 1</answer>", "correct", SCORED_FULL),
    (_COUNTDOWN, "(8 + 1) + 15 is not allowed, so it is \\boxed{3*5 + 8 + 1}.", "correct", SCORED_FULL),
    (_COUNTDOWN, "<think>8 + 1 + 5*3</think>The answer is: 5*3 + 8 + 1", "correct", SCORED_FULL),
    (_COUNTDOWN, "3*5 + 8 + 1", "correct", SCORED_FULL),
    (_HANOI, f"Three moves.\n\n**Answer:**\n{_HANOI['entry']['answer']}", "correct", SCORED_FULL),
    (_COUNTDOWN, "<answer>3*5 + 8 - 1</answer>", "incorrect", SCORED_PARTLY),
    (_COUNTDOWN, "<answer>3*8</answer>", "incorrect", SCORED_PARTLY),
    (_COUNTDOWN, "<answer>3*5 + 8*1 + len('a')</answer>", "incorrect", SCORED_PARTLY),
    (_COUNTDOWN, "<answer>8*3**1 * 5**0</answer>", "incorrect", SCORED_PARTLY),
    (_INSERTION, "<answer>['A', 'B', 'C', 'D', 'A']</answer>", "incorrect", SCORED_PARTLY),
    (_INSERTION, f"<answer>{_ATTACK}</answer>", "incorrect", SCORED_NOTHING),
    (_COUNTDOWN, "<answer>3*5 + 8 + 1</answer> or <answer>3*8</answer>", "undecided", AMBIGUOUS),
    (_COUNTDOWN, "First 3 times 5, then eight more, which leaves one. " * 5, "undecided", NO_ANSWER),
    (_COUNTDOWN, "<think>3*5 + 8 + 1</think>", "undecided", NO_ANSWER),
]
