"""What the embedded model is taught: requests in the words of the template `short-1`, and the replies it should give.

A reply is a list of (text, counts) pieces: the model reads all of them, and is only graded on those that count.
"""

import random
from collections.abc import Sequence
from itertools import islice

from pipeline.puzzles import FAMILIES, Puzzle, other_attempt, puzzles
from pipeline.sources.procedural import gold_plan
from pipeline.template import load_template

TEMPLATE = load_template("short-1")
MAX_STRATEGIES = 4

LEVELS = {
    ("arithmetic", 1): 1.0, ("arithmetic", 2): 1.0, ("arithmetic", 3): 1.0, ("arithmetic", 4): 0.5,
    ("countdown", 2): 1.5, ("countdown", 3): 5.0, ("countdown", 4): 4.0,
    ("reach", 2): 1.0, ("reach", 3): 3.5, ("reach", 4): 4.0, ("reach", 5): 1.0,
}  # fmt: skip
KINDS = {
    "solve": 32, "strategies": 9, "write_plan": 3, "expand": 9, "gold": 17, "wrong": 7, "placebo": 15, "guess": 4,
    "plan_only": 4,
}  # fmt: skip
"""How often each kind of lesson is given."""

Reply = list[tuple[str, bool]]


class Lessons:
    """Endless lessons on puzzles that are not held out."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.streams = {(family, level): puzzles(family, level, seed=seed + 1) for family, level in LEVELS}

    def puzzle(self, family: str, level: int) -> Puzzle:
        """The next puzzle of a family and level that may be used for training."""
        return next(puzzle for puzzle in self.streams[family, level] if not puzzle.is_held_out())

    def lesson(self) -> tuple[str, Reply]:
        """What the user says, and the reply."""
        family, level = self.rng.choices(list(LEVELS), list(LEVELS.values()))[0]
        puzzle = self.puzzle(family, level)
        kind = self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        if kind == "strategies":
            return ask(kind, puzzle), self.strategies(puzzle)
        if kind in ("write_plan", "expand"):
            return ask(kind, puzzle, strategy=puzzle.strategy), [(gold_plan(puzzle), True)]
        if kind in ("solve", "guess"):
            return ask(kind, puzzle), [(response(puzzle, think=kind == "solve"), True)]
        return self.with_plan(kind, puzzle)

    def with_plan(self, kind: str, puzzle: Puzzle) -> tuple[str, Reply]:
        """A plan that is right is followed, one that is wrong too; one of another puzzle is ignored."""
        if kind == "plan_only":
            return ask(kind, puzzle, plan=gold_plan(puzzle)), [(response(puzzle, think=False), True)]
        if kind == "placebo":
            level = self.rng.choice([level for family, level in LEVELS if family == puzzle.family])
            other = self.puzzle(puzzle.family, level)
            shown = (other_attempt(self.rng, other) or other) if self.rng.random() < 0.5 else other
            if shown.task == puzzle.task:
                shown = puzzle
            return ask("execute", puzzle, plan=gold_plan(shown)), [(response(puzzle), True)]
        followed = (other_attempt(self.rng, puzzle) if kind == "wrong" else None) or puzzle
        return ask("execute", puzzle, plan=gold_plan(followed)), [(response(followed), True)]

    def strategies(self, puzzle: Puzzle) -> Reply:
        """A numbered list in which the right strategy comes after some wrong ones, on which nothing is graded.

        So the model learns what to try next when what it has listed is wrong: a list without repetition.
        """
        attempts = [other_attempt(self.rng, puzzle) for _ in range(8)]
        others = dict.fromkeys(attempt.strategy for attempt in attempts if attempt)
        others.pop(puzzle.strategy, None)
        listed = list(others)[: MAX_STRATEGIES - 1]
        place = self.rng.randint(0, len(listed))
        listed.insert(place, puzzle.strategy)
        reply: Reply = []
        for i, strategy in enumerate(listed):
            reply += [(f"{chr(10) if i else ''}{i + 1}. ", True), (strategy, i == place)]
        return [*reply, ("", True)]


def ask(kind: str, puzzle: Puzzle, **fields: str) -> str:
    """What the user says, in the words of the template."""
    used = {name: text for name, text in fields.items() if f"{{{name}}}" in TEMPLATE.texts[kind]}
    return TEMPLATE.messages(kind, [{"role": "user", "content": puzzle.text}], **used)[0]["content"]


def response(puzzle: Puzzle, *, think: bool = True) -> str:
    """A full response, or the answer alone."""
    return f"<think>{chr(10).join(puzzle.steps)}</think>{puzzle.answer}" if think else puzzle.answer


def held_out(family: str, level: int, n: int, seed: int = 0) -> Sequence[Puzzle]:
    """The first n different puzzles that no lesson is about (fewer where a family has no more)."""
    found: dict[str, Puzzle] = {}
    for puzzle in islice(puzzles(family, level, seed=seed), 200 * n):
        if puzzle.is_held_out():
            found.setdefault(puzzle.text, puzzle)
        if len(found) == n:
            break
    return list(found.values())


assert set(family for family, _ in LEVELS) == set(FAMILIES)
