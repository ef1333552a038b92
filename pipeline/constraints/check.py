"""Check a schedule against every constraint of its task."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pipeline.constraints import placing, timing, values
from pipeline.constraints.entries import Entry
from pipeline.constraints.language import Task
from pipeline.constraints.schedule import Problem, Schedule

MAX_PROBLEMS = 5
"""So many problems of one constraint are told."""

CHECKS: dict[str, Callable[[Any, Schedule], Iterator[Problem]]] = {
    "count": values.count,
    "duration": timing.duration,
    "window": timing.window,
    "no_overlap": timing.no_overlap,
    "travel": timing.travel,
    "route": placing.route,
    "place": placing.place,
    "known": values.known,
    "attribute": values.attribute,
    "sum_at_most": values.sum_at_most,
    "all_different": values.all_different,
    "each_day": placing.each_day,
}
"""The check of each kind of constraint."""


@dataclass(frozen=True)
class Broken:
    """A constraint that does not hold."""

    number: int
    """Its place in the task, from 1."""
    reason: str
    kind: str
    problems: tuple[Problem, ...]

    @property
    def step(self) -> int | None:
        """The first entry that breaks it, from 1."""
        return next((number + 1 for number, _ in self.problems if number is not None), None)


def broken(task: Task, entries: tuple[Entry, ...]) -> list[Broken]:
    """Every constraint that a schedule breaks, in the order of the task."""
    schedule = Schedule(task, entries)
    found = []
    for number, rule in enumerate(task.constraints, 1):
        problems = tuple(islice(CHECKS[rule.kind](rule, schedule), MAX_PROBLEMS))
        if problems:
            found.append(Broken(number, rule.reason, rule.kind, problems))
    return found
