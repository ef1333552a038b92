"""Take answers in that were given elsewhere: rollouts of the owed samples that batch files answer.

`READS` what `generate` reads, and writes the same rows. Samples without an answer make no row: they are owed as before.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from pipeline import generate
from pipeline.served_model.batch_file import Answer, lines, read_answer, reply_to
from schemas.errors import SchemaError

READS = generate.READS
WRITES = generate.WRITES

SLICE = 500
"""Answers that are in memory at once."""

failure = generate.failure


@dataclass
class Answers:
    """Files of answers, and what became of their lines."""

    paths: Sequence[str]
    n_taken: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """The error_kind of those that were taken as failed."""
    not_owed: list[str] = field(default_factory=list)
    """The custom_id of each answer to a sample that is there already, or that the run knows nothing of."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Why samples were never produced that are owed as before."""
    n_unreadable: int = 0
    unreadable: str = ""
    """Where the first line stands that is no answer, and what it is instead."""

    def to(self, left: Collection[str]) -> Iterator[dict[str, Answer]]:
        """The answers to samples that are `left`, some at a time, by custom_id; other lines are counted."""
        found: dict[str, Answer] = {}
        try:
            for answer in self._read():
                if answer.custom_id not in left or answer.custom_id in found:
                    self.not_owed.append(answer.custom_id)
                elif answer.unanswered:
                    self.unanswered[answer.unanswered] += 1
                else:
                    found[answer.custom_id] = answer
                if len(found) == SLICE:
                    yield found
                    found = {}
        except SchemaError:
            yield found
            raise
        yield found

    def _read(self) -> Iterator[Answer]:
        """The lines of all files that are answers; a SchemaError where a file ends in the middle."""
        for place, line in (numbered for path in self.paths for numbered in lines(path)):
            try:
                answer = read_answer(line)
            except SchemaError as error:
                self.n_unreadable += 1
                self.unreadable = self.unreadable or f"{place}: {error}"
            else:
                yield answer


class Config(BaseModel):
    """Answers, and what they are answers to; `model` is its name as it was asked."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    asked: generate.Config
    model: str
    answers: Answers = Field(exclude=True)


def work(owed: pl.DataFrame, prompts: pl.DataFrame, plans: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """Rows of the owed samples (as `generate.work` has them) that are answered, in about the order of the lines."""
    answers, left = config.answers, set(owed["rollout_id"])
    for found in answers.to(left):
        part = owed.filter(pl.col("rollout_id").is_in(list(found)))
        for sample, request in generate.asked(part, prompts, plans, config.asked):
            reply = reply_to(request, found[request.rollout_id], config.asked.generator, config.model)
            left.discard(request.rollout_id)
            answers.n_taken += 1
            if reply.error_kind:
                answers.failed[reply.error_kind] += 1
            yield generate.row(sample, request, reply, config.asked)
