"""Our own puzzles: families with levels, each puzzle with a gold solution, a gold plan and an answer a rule can check.

All numbers are whole, and every value on the way lies in 0 to 99, so that a very small language model can learn them.
The same seed gives the same puzzles in the same order; asking for more keeps those before.
"""

import random
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

VERSION = "1"
"""Raised whenever a seed gives other puzzles, texts, solutions or plans than before."""

MAX_VALUE = 99
OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}
VERBS = {"+": "add", "-": "subtract", "*": "multiply"}
BY = {"+": "add ", "-": "subtract ", "*": "multiply by "}
HELD_OUT_IN = 8
"""One puzzle in so many is never used to train the embedded model."""


@dataclass(frozen=True)
class Puzzle:
    """One puzzle and everything that is known of it."""

    family: str
    level: int
    text: str
    """The problem in a few words, such as `make 24 from 3 8 5`."""
    wording: str
    """The same for a reader who has never seen one."""
    group: str
    """Puzzles of one group share their numbers, and so much of their solutions."""
    task: Mapping[str, Any]
    """What the verifier checks an answer against."""
    steps: tuple[str, ...]
    """A gold solution, a calculation a step."""
    answer: str
    strategy: str
    """The gold plan's strategy: the operations in their order."""
    plan: tuple[str, ...]
    """The goals of the gold plan's steps; `#1` is the result of step 1."""

    def is_held_out(self) -> bool:
        """Whether the embedded model was never trained on it; the same for all puzzles of a group."""
        return zlib.crc32(self.group.encode()) % HELD_OUT_IN == 0

    def key(self) -> str:
        """Equal for two puzzles that give the same numbers, in whatever order, and ask for the same."""
        return f"{self.group} = {self.task['target']}"


class _Operand(NamedTuple):
    """A number of the puzzle, or (`step` > 0) the result of a step."""

    value: int
    step: int = 0

    def goal(self) -> str:
        return f"#{self.step}" if self.step else str(self.value)


class _Step(NamedTuple):
    left: _Operand
    operation: str
    right: _Operand
    result: int


def puzzles(family: str, level: int, *, seed: int = 0, largest: int | None = None) -> Iterator[Puzzle]:
    """Endless puzzles of a family, in an order that the seed decides; may give one twice.

    Raises what `check_level` raises.
    """
    check_level(family, level, largest)
    known = FAMILIES[family]
    limit = known.largest if largest is None else largest
    return _stream(random.Random(f"{family} {level} {limit} {seed}"), known, level, limit)


def _stream(rng: random.Random, family: "Family", level: int, largest: int) -> Iterator[Puzzle]:
    while True:
        yield family.draw(rng, level, largest)


def check_level(family: str, level: int, largest: int | None = None) -> None:
    """KeyError for an unknown family, ValueError where it has no puzzle of that level, or none with such numbers."""
    known = FAMILIES[family]
    if level not in known.levels:
        raise ValueError(f"{family} has levels {known.levels[0]} to {known.levels[-1]}, found {level}")
    if largest is not None and not known.least <= largest <= MAX_VALUE:
        raise ValueError(f"{family} needs a largest number of {known.least} to {MAX_VALUE}, found {largest}")


def other_attempt(rng: random.Random, puzzle: Puzzle) -> Puzzle | None:
    """The puzzle with a solution and plan that are carried out rightly but miss the target; None: none was found."""
    for _ in range(30):
        attempt = FAMILIES[puzzle.family].attempt(rng, puzzle.task)
        if attempt and attempt[-1].result != puzzle.task["target"]:
            return FAMILIES[puzzle.family].describe(puzzle.task, attempt)
    return None


def apply_operations(start: int, operations: Sequence[str]) -> list[int] | None:
    """The values after each operation, such as `+8`; None where one leaves 0 to 99.

    >>> apply_operations(6, ["+8", "*4", "-8"])
    [14, 56, 48]
    """
    values = []
    for operation in operations:
        start = OPERATIONS[operation[0]](start, int(operation[1:]))
        if not 0 <= start <= MAX_VALUE:
            return None
        values.append(start)
    return values


def _countdown(rng: random.Random, level: int, largest: int) -> Puzzle:
    while True:
        numbers = [rng.randint(1, largest) for _ in range(level)]
        if steps := _combine(rng, {"numbers": numbers}):
            return _describe_countdown({"numbers": numbers, "target": steps[-1].result}, steps)


def _combine(rng: random.Random, task: Mapping[str, Any]) -> list[_Step] | None:
    """A random way to use every number once, larger numbers and earlier results first."""
    for _ in range(200):
        pool = [_Operand(number) for number in task["numbers"]]
        steps: list[_Step] = []
        while len(pool) > 1 and len(steps) < len(task["numbers"]):
            left, right = sorted(rng.sample(pool, 2), key=lambda o: (o.step == 0, o.step, -o.value))
            operation = rng.choice("++-**")
            if operation == "-" and left.value < right.value:
                left, right = right, left
            result = OPERATIONS[operation](left.value, right.value)
            if not 0 < result <= MAX_VALUE:
                break
            steps.append(_Step(left, operation, right, result))
            pool.remove(left)
            pool.remove(right)
            pool.append(_Operand(result, len(steps)))
        if len(pool) == 1:
            return steps
    return None


def _describe_countdown(task: Mapping[str, Any], steps: Sequence[_Step]) -> Puzzle:
    numbers, target = task["numbers"], task["target"]
    expressions: list[str] = []
    for step in steps:
        sides = [
            f"({expressions[side.step - 1]})" if side.step else str(side.value) for side in (step.left, step.right)
        ]
        expressions.append(f"{sides[0]} {step.operation} {sides[1]}")
    ordered = " ".join(map(str, sorted(numbers)))
    return _puzzle(
        "countdown",
        task,
        steps,
        text=f"make {target} from {' '.join(map(str, numbers))}",
        wording=(
            f"Make {target} from the numbers {', '.join(map(str, numbers))}. Use every number exactly once, with +, -, "
            "* and brackets. Give the final answer as one expression, such as (3 * 8) + 5."
        ),
        group=f"countdown {ordered}",
        answer=expressions[-1],
        plan=tuple(f"{step.left.goal()} {step.operation} {step.right.goal()}" for step in steps),
    )


def _reach(rng: random.Random, level: int, largest: int) -> Puzzle:
    while True:
        operations = [_operation(rng, largest) for _ in range(level)]
        signs = {operation[0] for operation in operations}
        if len(set(operations)) < level or len(signs) < 2 or "*" not in signs:
            continue
        start = rng.randint(1, 20)
        if steps := _walk(start, operations):
            rng.shuffle(operations)
            task = {"start": start, "operations": operations, "target": steps[-1].result}
            return _describe_reach(task, steps)


def _operation(rng: random.Random, largest: int) -> str:
    sign = rng.choice("+-*")
    return f"{sign}{rng.randint(2, 4) if sign == '*' else rng.randint(1, largest)}"


def _walk(start: int, operations: Sequence[str]) -> list[_Step] | None:
    values = apply_operations(start, operations)
    if values is None:
        return None
    before = [start, *values]
    return [
        _Step(_Operand(a), operation[0], _Operand(int(operation[1:])), b)
        for a, operation, b in zip(before, operations, values, strict=False)
    ]


def _reorder(rng: random.Random, task: Mapping[str, Any]) -> list[_Step] | None:
    return _walk(task["start"], rng.sample(task["operations"], len(task["operations"])))


def _describe_reach(task: Mapping[str, Any], steps: Sequence[_Step]) -> Puzzle:
    operations = " ".join(task["operations"])
    return _puzzle(
        "reach",
        task,
        steps,
        text=f"reach {task['target']} from {task['start']} by {operations}",
        wording=(
            f"Start with {task['start']} and reach {task['target']} by doing each of these operations exactly once, in "
            f"an order that you choose: {operations}. Give as the final answer the value after each operation, "
            "separated by spaces."
        ),
        group=f"reach {task['start']} {' '.join(sorted(task['operations']))}",
        answer=" ".join(str(step.result) for step in steps),
        plan=tuple(f"{BY[step.operation]}{step.right.value}" for step in steps),
    )


def _arithmetic(rng: random.Random, level: int, largest: int) -> Puzzle:
    while True:
        start, operations = rng.randint(1, 50), [_operation(rng, largest) for _ in range(level)]
        if steps := _walk(start, operations):
            task = {"start": start, "operations": operations, "target": steps[-1].result}
            return _describe_arithmetic(task, steps)


def _describe_arithmetic(task: Mapping[str, Any], steps: Sequence[_Step]) -> Puzzle:
    operations = " ".join(task["operations"])
    return _puzzle(
        "arithmetic",
        task,
        steps,
        text=f"start {task['start']} {operations}",
        wording=(
            f"Start with {task['start']} and do these operations in order: {operations}. "
            "Give the last value as the final answer."
        ),
        group=f"arithmetic {task['start']} {operations}",
        answer=str(task["target"]),
        plan=tuple(f"{BY[step.operation]}{step.right.value}" for step in steps),
    )


def _in_order(rng: random.Random, task: Mapping[str, Any]) -> list[_Step] | None:
    return _walk(task["start"], task["operations"])


def _puzzle(family: str, task: Mapping[str, Any], steps: Sequence[_Step], **said: Any) -> Puzzle:
    """The puzzle with what all families say in the same way; the rest is `said`."""
    return Puzzle(
        family=family,
        level=len(task.get("numbers") or task["operations"]),
        task={"family": family, **task},
        steps=tuple(f"{s.left.value} {s.operation} {s.right.value} = {s.result}" for s in steps),
        strategy=", then ".join(VERBS[step.operation] for step in steps),
        **said,
    )


@dataclass(frozen=True)
class Family:
    """A kind of puzzle: its levels (how many numbers or operations), and how puzzles are drawn and tried."""

    levels: range
    largest: int
    """The largest number that is given, unless the caller says otherwise."""
    draw: Callable[[random.Random, int, int], Puzzle]
    attempt: Callable[[random.Random, Mapping[str, Any]], list[_Step] | None]
    """A random try at a task, carried out rightly, whether or not it reaches the target."""
    describe: Callable[[Mapping[str, Any], Sequence[_Step]], Puzzle]
    least: int = 1
    """With a smaller largest number there are no puzzles of some level."""


FAMILIES: Mapping[str, Family] = {
    "arithmetic": Family(range(1, 7), 12, _arithmetic, _in_order, _describe_arithmetic),
    "countdown": Family(range(2, 7), 12, _countdown, _combine, _describe_countdown),
    "reach": Family(range(2, 7), 12, _reach, _reorder, _describe_reach, least=2),
}
