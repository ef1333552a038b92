"""Agreement with the plurality of a prompt's own first answers: a pseudo-gold answer, where nobody knows the right one.

Covers: explicit final answers, marked as for the `math` verifier, that are equal as numbers or as text. The first
`samples` answers of each prompt vote, once and for all; every answer, those among them, is then compared with the one
that most of them give, where at least `share` of them do.

Does not cover: truth. Where a model is mostly wrong about a prompt its right answers count as wrong, and those that
voted agree with themselves. Its verdicts bear this verifier's name, and `details` holds the pseudo-gold answer and its
votes. Ties, and answers that are too scattered, decide nothing; nor are expressions compared by value, only numbers.
"""

import re
from collections import Counter
from fractions import Fraction
from typing import Literal

import polars as pl
from pydantic import Field

from pipeline.answers import final_answers
from pipeline.math_answers.multiple_choice import choice
from pipeline.math_answers.quantities import quantity
from pipeline.plain_values import equal_answers, number, plain_text
from pipeline.sampling import ARM, PHASE
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, Rollout, Verdict
from schemas.recipe import Settings

VERSION = "1"

AGREES = "agrees_with_plurality"
DIFFERS = "differs_from_plurality"

Value = Fraction | str

_WORD = re.compile(r"[A-Za-z]{3}")


class Config(Settings):
    """Who votes, and how many must agree."""

    samples: int = Field(8, ge=3, le=1024, description="The first samples of each prompt, which vote.")
    share: float = Field(0.5, gt=0, le=1, description="Share of the votes that the commonest answer must have.")


class Task(Settings):
    """What makes two answers the same."""

    equality: Literal["number", "text"] = Field(
        description="`number`: equal values (0.5 and 1/2), and what is no number as text; `text`: equal texts only."
    )


def gather(rollouts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """For every rollout of a prompt whose first samples are all there: their final answers ("" for none)."""
    first = rollouts.filter(pl.col("arm") == ARM, pl.col("phase") == PHASE, pl.col("sample_index") < config.samples)
    polls = {
        prompt_id: [_one_answer(text) or "" for text in texts]
        for prompt_id, texts in first.sort("sample_index").group_by("prompt_id").agg("text").rows()
        if len(texts) == config.samples
    }
    texts = pl.Series("evidence", list(polls.values()), dtype=pl.List(pl.String))
    evidence = pl.DataFrame([pl.Series("prompt_id", list(polls), dtype=pl.String), texts])
    return rollouts.select("rollout_id", "prompt_id").join(evidence, on="prompt_id").select("rollout_id", "evidence")


def verify(task: Task, rollout: Rollout, config: Config | None = None) -> Verdict:
    """Compare the final answer of a response with the pseudo-gold answer of its prompt."""
    answers = final_answers(rollout.text)
    if not answers:
        return Verdict("undecided", NO_ANSWER)
    if (answer := _one_answer(rollout.text)) is None:
        return Verdict("undecided", AMBIGUOUS, details={"answers": answers[-5:]})
    votes = Counter(_value(text, task) for text in rollout.evidence if text)
    (plurality, n), *others = votes.most_common(2) or [("", 0)]
    details = {"pseudo_gold": str(plurality), "votes": n, "of": len(rollout.evidence)}
    is_tie = bool(others) and others[0][1] == n
    if not n or is_tie or n < (config or Config()).share * len(rollout.evidence):
        return Verdict("undecided", AMBIGUOUS, answer, details=details)
    voted = next(text for text in rollout.evidence if text and _value(text, task) == plurality)
    is_number = task.equality == "number"
    agrees = _value(answer, task) == plurality or (is_number and equal_answers(answer, voted))
    return Verdict("correct" if agrees else "incorrect", AGREES if agrees else DIFFERS, answer, details=details)


def _one_answer(text: str | None) -> str | None:
    """The final answer of a response; None where it has none, or several that differ."""
    answers = final_answers(text or "")
    is_one = all(equal_answers(answer, answers[-1]) for answer in answers)
    return answers[-1] if answers and is_one else None


def _value(text: str, task: Task) -> Value:
    """What equal answers have in common: a value, the letter of a choice, or a text, in which words have no case."""
    if task.equality == "number":
        if (plain_number := number(text)) is not None:
            return plain_number.value
        if (read := quantity(text)) is not None and not (read.unit.words or read.is_percent):
            return read.value
    named, plain = choice(text), plain_text(text)
    return named[0] if named else plain.casefold() if _WORD.search(plain) and "\\" not in plain else plain


_TASK = {"equality": "number"}
_TEXT = {"equality": "text"}

EXAMPLES = [
    (_TASK, "6 * 7 is \\boxed{42}.", "correct", AGREES, ["42", "42.0", "41"]),
    (_TASK, "The answer is 1/2.", "correct", AGREES, ["0.5", "0.5", "", "2"]),
    (_TEXT, "The answer is Lyon.", "correct", AGREES, ["lyon", "Lyon", "Paris"]),
    (_TASK, "\\boxed{41}", "incorrect", DIFFERS, ["42", "42", "41"]),
    (_TASK, "The answer is B.", "correct", AGREES, ["\\text{(B)}", "(B)", "A"]),
    (_TASK, "\\boxed{50\\%}", "correct", AGREES, ["0.5", "1/2", "A"]),
    (_TASK, "\\boxed{1 1/2}", "incorrect", DIFFERS, ["11/2", "11/2", "3/2"]),
    (_TEXT, "The answer is 0.5.", "incorrect", DIFFERS, ["1/2", "1/2", "0.5"]),
    (_TASK, "\\boxed{42}", "undecided", AMBIGUOUS, ["42", "41"]),
    (_TASK, "\\boxed{42}", "undecided", AMBIGUOUS, ["42", "", "", "41", "40"]),
    (_TASK, "\\boxed{42}", "undecided", AMBIGUOUS, []),
    (_TASK, "\\boxed{42} or \\boxed{41}", "undecided", AMBIGUOUS, ["42", "42", "42"]),
    (_TASK, "I do not know.", "undecided", NO_ANSWER, ["42", "42", "42"]),
]
