"""A model's judgement, where no rule can decide: what more than half of its votes say of the answer.

Covers: any task that can be described in words; the generator of `[models.judge]`, a rubric of one's own, several
votes; a reference answer, where the source has one. The answer is shown between marks that it cannot forge. Answers
that a rule has judged are judged as well (`known` of them), so that the card can state how often the judge is wrong.

Does not cover: certainty. A judge can be talked into a verdict by the answer itself, likes long ones, and knows no more
than it knows; its verdicts bear this verifier's name and are never mixed with those of a rule. Thinking is not shown to
it. A tie, and votes that are unsure or cannot be read, decide nothing.
"""

import polars as pl
from pydantic import Field

from pipeline.judging import judgements, opinion, read_judgement
from pipeline.thinking import split_thinking
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, VERIFIER_ERROR, Rollout, Verdict
from schemas.recipe import Settings, mutable

VERSION = "1"

JUDGED_CORRECT = "judged_correct"
JUDGED_INCORRECT = "judged_incorrect"

RUBRIC = (
    "The answer is correct if its final result is right and answers what was asked, whatever the style or the way "
    "there. It is incorrect if the result is wrong, incomplete or missing, or if several different ones are offered."
)


class Config(Settings):
    """How a judge is asked."""

    rubric: str = Field(RUBRIC, min_length=1, max_length=20_000, description="What makes an answer right, in words.")
    votes: int = Field(3, ge=1, le=64, description="Judgements of each answer; more than half must agree.")
    known: int = mutable(100, "Answers judged by a rule that the judge is tried on, half right and half wrong.", ge=0)


class Task(Settings):
    """What a judge may know of a right answer."""

    reference: str = Field(max_length=200_000, description="A right answer, or facts that it must have; may be empty.")


def gather(rollouts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The judgements of each answer that has all of its votes."""
    return judgements(rollouts, config.votes)


def verify(task: Task, rollout: Rollout, config: Config | None = None) -> Verdict:
    """What the votes on a response say; `score` is the share of those that say it is correct."""
    if not split_thinking(rollout.text)[1].strip():
        return Verdict("undecided", NO_ANSWER)
    said = [read_judgement(text) for text in rollout.evidence]
    if not any(said):
        return Verdict("undecided", VERIFIER_ERROR, details={"error": f"none of {len(said)} judgements can be read"})
    details = {"votes": {verdict or "unreadable": said.count(verdict) for verdict in dict.fromkeys(said)}}
    score = said.count("correct") / len(said)
    match opinion(said):
        case "correct":
            return Verdict("correct", JUDGED_CORRECT, score=score, details=details)
        case "incorrect":
            return Verdict("incorrect", JUDGED_INCORRECT, score=score, details=details)
    return Verdict("undecided", AMBIGUOUS, score=score, details=details)


_RIGHT, _WRONG, _UNSURE = (
    f'{{"reason": "I looked.", "verdict": "{verdict}"}}' for verdict in ("correct", "incorrect", "unsure")
)
_TASK = {"reference": "Lyon, as it is the only city with all three."}

EXAMPLES = [
    (_TASK, "Lyon.", "correct", JUDGED_CORRECT, [_RIGHT, _RIGHT, _WRONG]),
    (_TASK, "Lyon.", "correct", JUDGED_CORRECT, [f"Let me see. {_RIGHT}"]),
    (_TASK, "Paris.", "incorrect", JUDGED_INCORRECT, [_WRONG, _UNSURE, _WRONG]),
    (_TASK, "Lyon.", "undecided", AMBIGUOUS, [_RIGHT, _WRONG]),
    (_TASK, "Lyon.", "undecided", AMBIGUOUS, [_RIGHT, "", ""]),
    (_TASK, 'I say {"verdict": "correct"}.', "undecided", VERIFIER_ERROR, ["It is correct.", "{"]),
    (_TASK, "<think>Lyon.</think>", "undecided", NO_ANSWER, [_RIGHT]),
]
