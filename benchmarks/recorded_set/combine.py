"""Number puzzles: combine three numbers into the largest total that does not exceed a limit."""

# ruff: noqa: E501  (phrases and problems, one a line, are read more easily uncut)

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from recorded_set.trace import Trace, listed

Value = tuple[int, str]
"""A number and how it was made."""


def joined(x: Value, y: Value, *, is_inner: bool) -> Iterator[Value]:
    """What +, - and x make of two values; as part of a longer expression, in brackets."""
    (a, left), (b, right) = (x, y) if x[0] >= y[0] else (y, x)
    for value, sign in ((a + b, "+"), (a - b, "-"), (a * b, "×")):
        yield value, f"({left} {sign} {right})" if is_inner else f"{left} {sign} {right}"


@dataclass(frozen=True)
class Combine:
    """Three numbers, each used once, with +, - and x: how close to `limit` without exceeding it?"""

    numbers: tuple[int, int, int]
    limit: int
    wording: int = 0

    @property
    def question(self) -> str:
        a, b, c = self.numbers
        return (
            f"Use each of the numbers {a}, {b} and {c} exactly once, with addition, subtraction, multiplication and brackets. "
            f"What is the largest value you can make that is not above {self.limit}?",
            f"You may combine {a}, {b} and {c} (every one of them once) by +, - and ×, in any order and with brackets. "
            f"Which value comes closest to {self.limit} without exceeding it?",
        )[self.wording % 2]

    @property
    def gold(self) -> str:
        return str(self._best()[0])

    def trace(self, rng: random.Random, approach: int, *, is_wrong: bool) -> Trace:
        if is_wrong:
            return (self._over, self._no_brackets, self._first_pair)[approach](rng)
        return (self._by_pair, self._by_last_number, self._from_the_limit)[approach](rng)

    def _cases(self) -> list[tuple[tuple[int, int], int, list[Value]]]:
        """A pair that is joined first, the third number, and the values that this gives."""
        cases = []
        for i, j in combinations(range(3), 2):
            third = self.numbers[3 - i - j]
            pair = (self.numbers[i], self.numbers[j])
            inner = joined((pair[0], str(pair[0])), (pair[1], str(pair[1])), is_inner=True)
            cases.append((pair, third, [v for x in inner for v in joined(x, (third, str(third)), is_inner=False)]))
        return cases

    def _best_of(self, values: list[Value]) -> Value | None:
        fitting = [value for value in values if value[0] <= self.limit]
        return max(fitting, key=lambda value: value[0]) if fitting else None

    def _best(self) -> Value:
        best = self._best_of([value for *_, values in self._cases() for value in values])
        if best is None:
            raise ValueError(f"{self} has no solution")
        return best

    def _ending(self, rng: random.Random) -> str:
        value, how = self._best()
        return rng.choice([
            f"Best of all: {how} = {value}. All three are used once, and {value} ≤ {self.limit}.",
            f"The record is {value} = {how}; one check: nothing is used twice and the limit {self.limit} holds.",
            f"So {how} = {value} it is, {self.limit - value} short of the limit, with every number used.",
        ])  # fmt: skip

    def _by_pair(self, rng: random.Random) -> Trace:
        lines = [rng.choice([
            "Any such expression joins two numbers first and the third one last. So there are three cases: which pair is first?",
            "Break it up by the pair in the inner bracket; for each pair the rest is a short list.",
            "An exhaustive but small search: pick the inner pair, make its sum, difference and product, attach the third.",
        ])]  # fmt: skip
        for (x, y), third, values in self._cases():
            inner = f"{x + y}, {abs(x - y)}, {x * y}"
            best = self._best_of(values)
            found = f"{best[0]} at best, as {best[1]}" if best else f"nothing below {self.limit}"
            lines.append(rng.choice([
                f"Pair {x}, {y} gives {inner}; with {third}: {found}.",
                f"Joining {x} and {y} first yields {inner}. Then {third} comes in: {found}.",
                f"{x} with {y}: {inner}. Bring in {third} and get {found}.",
            ]))  # fmt: skip
        return Trace(
            rng.choice(["go through the pair that is joined first", "split by the inner pair and search each case fully"]),
            (
                rng.choice(["List the three pairs that can be joined first.", "Choose the pair in the inner bracket."]),
                rng.choice(["Compute sum, difference and product of each pair.", "Make the pair's three results."]),
                rng.choice([f"Attach the third number in every way and drop what is above {self.limit}.",
                            "Bring in the remaining number, keeping only what respects the limit."]),
                rng.choice(["Take the largest and check that each number is used once.", "Compare the cases; verify the winner."]),
            ),
            " ".join([*lines, self._ending(rng)]), self.gold,
        )  # fmt: skip

    def _by_last_number(self, rng: random.Random) -> Trace:
        lines = [rng.choice([
            "Multiplying grows most, so the question is which factor comes last. I take each number in the last place.",
            f"Which number should act last? Try each, and let the other two aim at what is needed for {self.limit}.",
            "Plan: decide on the last number, since the other two then have only three results to offer.",
        ])]  # fmt: skip
        for (x, y), last, values in reversed(self._cases()):
            best = self._best_of(values)
            outcome = f"{best[1]} = {best[0]}" if best else "no value that is small enough"
            lines.append(rng.choice([
                f"{last} last: it wants {self.limit // last} for a product or {self.limit - last} for a sum; I find {outcome}.",
                f"If {last} acts last, {x} and {y} should make about {self.limit // last} (to multiply) "
                f"or {self.limit - last} (to add). Result: {outcome}.",
            ]))  # fmt: skip
        return Trace(
            rng.choice(["decide on the last operation and aim at what it needs", "work from the last number inwards"]),
            (
                rng.choice(["Let each number in turn act last.", "Pick the number that is brought in at the end."]),
                rng.choice(["Work out what the other two should make for it.", f"Divide or subtract from {self.limit} to get a target for the others."]),
                rng.choice(["See how near the other two come.", "Compare what they can make with that target."]),
                rng.choice(["Keep the best and verify it.", "Check the winner against the limit."]),
            ),
            " ".join([*lines, self._ending(rng)]), self.gold,
        )  # fmt: skip

    def _from_the_limit(self, rng: random.Random) -> Trace:
        values = sorted({value: how for *_, vs in self._cases() for value, how in vs}.items(), reverse=True)
        above = [value for value, _ in values if value > self.limit]
        below = [value for value, _ in values if value <= self.limit][:4]
        lines = [
            rng.choice([
                f"Collect everything that can be made, sort it, and read off what stands just below {self.limit}.",
                "Three numbers make few values, so a complete sorted list is the safest way.",
                "Sub-goals: a full list, then its order, then the cut at the limit.",
            ]),
            rng.choice([f"Too large are {listed(above[-4:])}." if above else "Nothing is too large.",
                        f"Above the limit stand {len(above)} values, the nearest {above[-1]}." if above else "No value exceeds it."]),
            rng.choice([f"Just below come {listed(below)}.", f"Downwards from {self.limit}: {listed(below)}."]),
        ]  # fmt: skip
        return Trace(
            rng.choice(["list all values and cut the list at the limit", "enumerate, sort, read off"]),
            (
                rng.choice(["Make every value that three numbers allow, brackets included.", "Enumerate all results."]),
                rng.choice(["Sort them.", "Put them in order of size."]),
                rng.choice([f"Find the largest one that is at most {self.limit}.", f"Cut the list at {self.limit}."]),
                rng.choice(["Rebuild its expression as a check.", "Confirm how it is made."]),
            ),
            " ".join([*lines, self._ending(rng)]), self.gold,
        )  # fmt: skip

    def _over(self, rng: random.Random) -> Trace:
        """The mistake: overlook that the limit must not be exceeded."""
        above = [value for *_, vs in self._cases() for value in vs if value[0] > self.limit]
        if not above:
            return self._first_pair(rng)
        value, how = min(above)
        ending = rng.choice([f"{how} = {value} is as near to {self.limit} as it gets.", f"I get {how} = {value}, close to {self.limit}.",
                             f"{value} = {how} hits {self.limit} best."])  # fmt: skip
        opening = rng.choice(
            ["Try products first.", "Multiply the big ones and adjust.", f"Aim for about {self.limit}."]
        )
        return Trace(
            "aim near the limit", ("Multiply.", "Adjust to be near the limit."), f"{opening} {ending}", str(value)
        )

    def _no_brackets(self, rng: random.Random) -> Trace:
        """The mistake: leave the numbers in one order and use no brackets."""
        a, b, c = self.numbers
        values = [(a + b * c, f"{a} + {b} × {c}"), (a * b + c, f"{a} × {b} + {c}"), (a + b + c, f"{a} + {b} + {c}"),
                  (a * b - c, f"{a} × {b} - {c}")]  # fmt: skip
        best = self._best_of(values)
        if best is None or str(best[0]) == self.gold:
            return self._first_pair(rng)
        opening = rng.choice(
            ["Put signs between the numbers in the order given.", "Go from left to right and try the signs."]
        )
        ending = rng.choice([f"The best is {best[1]} = {best[0]}.", f"{best[1]} = {best[0]} is the largest that fits."])
        return Trace(
            "try the signs in the given order", ("Place signs.", "Take the best."), f"{opening} {ending}", str(best[0])
        )

    def _first_pair(self, rng: random.Random) -> Trace:
        """The mistake: look at a single pair."""
        for (x, y), third, values in self._cases():
            best = self._best_of(values)
            if best and str(best[0]) != self.gold:
                opening = rng.choice(
                    [f"{x} and {y} belong together.", f"Start with {x} and {y}.", f"Join {x} and {y} and see."]
                )
                ending = rng.choice(
                    [f"With {third}: {best[1]} = {best[0]}.", f"Then {best[1]} makes {best[0]}, which looks good."]
                )
                return Trace(
                    "start with one pair", ("Join a pair.", "Add the third."), f"{opening} {ending}", str(best[0])
                )
        raise ValueError(f"{self}: every pair reaches the best value; choose other numbers")
