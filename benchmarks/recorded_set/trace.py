"""A scripted response before it is written down: strategy, plan, reasoning and answer."""

import random
from dataclasses import dataclass
from typing import Protocol

N_APPROACHES = 3
"""Every puzzle can be attacked in three ways; samples of one prompt take turns with them."""


@dataclass(frozen=True)
class Trace:
    """One way through a puzzle, right or wrong; the reasoning always leads to the answer it gives."""

    strategy: str
    steps: tuple[str, ...]
    reasoning: str
    answer: str

    @property
    def plan(self) -> str:
        """The strategy and its numbered steps."""
        return "\n".join([f"Strategy: {self.strategy}", *(f"{n}. {step}" for n, step in enumerate(self.steps, 1))])


class Puzzle(Protocol):
    """A problem that solves itself exactly, and that can also be got wrong in a plausible way."""

    @property
    def gold(self) -> str:
        """The right answer."""

    def trace(self, rng: random.Random, approach: int, *, is_wrong: bool) -> Trace:
        """A trace by one of `N_APPROACHES`; with `is_wrong`, one with a mistake in it and a wrong answer."""


def listed(items: list[str] | list[int], last: str = "and") -> str:
    """Items as English.

    >>> listed([1, 7, 10])
    '1, 7 and 10'
    """
    words = [str(item) for item in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
