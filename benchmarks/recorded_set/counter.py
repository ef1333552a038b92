"""Counter puzzles: reach a number by doubling and adding, in as few presses as possible."""

# ruff: noqa: E501  (phrases and problems, one a line, are read more easily uncut)

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from recorded_set.trace import Trace, listed


@dataclass(frozen=True)
class Counter:
    """A counter shows `start`; one key doubles it, another adds `add`; how few presses give `target`?"""

    start: int
    add: int
    target: int
    wording: int = 0

    @property
    def question(self) -> str:
        s, a, t = self.start, self.add, self.target
        return (
            f"A counter shows {s}. The red key doubles the number on display and the blue key adds {a} to it. "
            f"What is the smallest number of key presses after which the counter shows exactly {t}?",
            f"Begin with the number {s}. In one move you may either double the number you have or increase it by {a}. "
            f"How few moves can take you to {t}?",
            f"A number game starts at {s}. Every turn offers two choices: multiply by two, or add {a}. "
            f"Find the least number of turns that ends at {t}.",
        )[self.wording % 3]

    @property
    def gold(self) -> str:
        return str(len(list(self._layers())) - 1)

    def trace(self, rng: random.Random, approach: int, *, is_wrong: bool) -> Trace:
        if is_wrong:
            return (self._greedy, self._miscounted, self._late_adds)[approach](rng)
        return (self._backwards, self._by_doublings, self._forwards)[approach](rng)

    def _layers(self) -> Iterator[list[int]]:
        """Numbers from which the target is 0, 1, 2 ... presses away, up to the layer that holds the start."""
        layer, seen = [self.target], {self.target}
        while True:
            yield layer
            if self.start in layer:
                return
            before = {n // 2 for n in layer if n % 2 == 0} | {n - self.add for n in layer}
            layer = sorted(n for n in before - seen if n >= self.start)
            seen.update(layer)

    def _path(self) -> list[int]:
        """One shortest way from start to target."""
        path = [self.start]
        for layer in list(self._layers())[-2::-1]:
            path.append(2 * path[-1] if 2 * path[-1] in layer else path[-1] + self.add)
        return path

    def _arrows(self) -> str:
        return " → ".join(map(str, self._path()))

    def _backwards(self, rng: random.Random) -> Trace:
        a, t = self.add, self.target
        layers = list(self._layers())
        lines = [
            rng.choice([
                f"Going forward the choices multiply, but {t} has few predecessors, so I plan to undo presses instead.",
                f"The goal is one fixed number, {t}; asking what could have come just before it keeps the search narrow.",
                f"Let me walk back from {t}. A number can only come from its half (if it is even) or from {a} less.",
            ]),
            rng.choice(["First sub-goal: the numbers one press away.", "Sub-goal one: peel off the last press.",
                        "To begin with, only the final press matters."]),
        ]  # fmt: skip
        for distance, layer in enumerate(layers[1:], 1):
            lines.append(rng.choice([
                f"{distance} before the end: {listed(layer)}.", f"Undo press {distance}: {listed(layer, 'or')}.",
                f"At distance {distance} stand {listed(layer)}.", f"{listed(layer, 'or')} would do with {distance} to go.",
            ]))  # fmt: skip
        lines.append(rng.choice([
            f"The start, {self.start}, appears here for the first time, so {len(layers) - 1} presses are needed.",
            f"Now {self.start} is on the list and it was on none before: {len(layers) - 1} it is.",
        ]))  # fmt: skip
        lines.append(
            rng.choice(["Replaying it: ", "Check in the forward direction: ", "As a test, "]) + self._arrows() + "."
        )
        return Trace(
            rng.choice(["work backwards from the target", "undo presses until the start appears"]),
            (
                rng.choice(["Find every number that is one press away from the target.",
                            f"List what can stand before {t}: its half, or {a} less."]),
                rng.choice(["Repeat for each number found, one layer at a time, without going below the start.",
                            "Take the same step back from those numbers, layer by layer."]),
                rng.choice(["Stop at the first layer that holds the start; its distance is the answer.",
                            "Count the layers until the start turns up."]),
                rng.choice(["Check by pressing the keys forward.", "Replay the way forward to make sure that it fits."]),
            ),
            " ".join(lines), self.gold,
        )  # fmt: skip

    def _by_doublings(self, rng: random.Random) -> Trace:
        s, a, t = self.start, self.add, self.target
        lines = [
            rng.choice([
                "The order of presses is confusing, the number of doublings is not: I split by that.",
                "Abstract from the order: fix how often we double, then see how cheaply the additions fit in.",
                f"Every path is {s} doubled some k times plus additions, and an early addition is doubled along with it.",
            ]),
            rng.choice([f"So an addition is worth {a} times a power of two.",
                        f"An addition followed by j doublings contributes {a}·2^j.", ""]),
        ]  # fmt: skip
        k = 0
        while s * 2**k <= t:
            lines.append(self._case(rng, k))
            k += 1
        lines.append(rng.choice([f"More doublings overshoot {t}.", f"With {k} doublings we are beyond {t} already."]))
        lines.append(
            rng.choice(["The cheapest case has", "Smallest of these:", "So the minimum is"]) + f" {self.gold} presses,"
        )
        lines.append(rng.choice(["for example ", "and it can be walked: ", "namely "]) + self._arrows() + ".")
        return Trace(
            rng.choice(["split by the number of doublings", "treat each number of doublings as its own small problem"]),
            (
                rng.choice(["Fix the number k of doublings.", "Choose how often to double; only a few values are possible."]),
                rng.choice([f"See how much is missing after them, and whether it is a multiple of {a}.",
                            f"Subtract the doubled start from {t} and divide the rest by {a}."]),
                rng.choice(["Pay for the rest with as few additions as possible: early ones count double.",
                            "Write the rest in powers of two: that is the fewest additions."]),
                rng.choice(["Compare the cases and walk through the best one.", "Take the cheapest case, then replay it."]),
            ),
            " ".join(filter(None, lines)), self.gold,
        )  # fmt: skip

    def _case(self, rng: random.Random, k: int) -> str:
        rest, a = self.target - self.start * 2**k, self.add
        if rest % a:
            return rng.choice([f"k = {k}: {rest} is missing, not a multiple of {a}.",
                               f"{k} doublings leave {rest}, which {a} does not divide."])  # fmt: skip
        q = rest // a
        n = q // 2**k + (q % 2**k).bit_count()
        return rng.choice([f"k = {k}: {rest} = {a}·{q} is missing, {n} additions, {k + n} presses.",
                           f"{k} doublings leave {rest}, that is {q} times {a}: {n} additions, total {k + n}."])  # fmt: skip

    def _forwards(self, rng: random.Random) -> Trace:
        path = self._path()
        s, a, t = self.start, self.add, self.target
        lines = [
            rng.choice(
                [
                    f"I want a lower bound first. Doubling grows fastest, so how far do doublings alone carry {s}?",
                    f"Two sub-problems: find a good path, then show that nothing shorter exists. Start at {s}.",
                    f"A sensible guess: add early while {a} is large beside the number, double late.",
                ]
            )
        ]
        for before, after in pairwise(path):
            is_double = after == 2 * before
            lines.append(rng.choice(
                [f"Double {before} to get {after}.", f"{before} doubled is {after}.", f"Twice {before} makes {after}."]
                if is_double else
                [f"Add {a}: {before} becomes {after}.", f"{before} + {a} = {after}.", f"Next {after}, by adding {a}."]
            ))  # fmt: skip
        n = len(path) - 1
        shorter = list(self._layers())[n - 1]
        lines.append(rng.choice([
            f"That took {n}. Could it be done in {n - 1}? Undoing presses from {t}, step {n - 1} first meets "
            f"{listed(shorter, 'or')}; {s} is not among them and did not come up before.",
            f"Length {n}. Nothing shorter works: the numbers at distance {n - 1} from {t} are {listed(shorter)}, and {s} "
            f"is neither there nor nearer.",
        ]))  # fmt: skip
        lines.append(rng.choice([f"So {n}.", f"The minimum is therefore {n}.", f"Both sub-goals done: {n}."]))
        return Trace(
            rng.choice(["find a short path, then prove that no shorter one exists", "guess well, then bound from below"]),
            (
                rng.choice([f"Build a path from {s}, adding early and doubling late.",
                            "Look for a short path: small additions first, doublings after."]),
                rng.choice(["Count its presses.", "Note how many presses it takes."]),
                rng.choice(["Show that one press fewer cannot reach the target.",
                            "Ask which numbers are closer to the target, and that the start is not among them."]),
            ),
            " ".join(lines), self.gold,
        )  # fmt: skip

    def _greedy(self, rng: random.Random) -> Trace:
        """The mistake: double as long as possible; where the rest does not fit, wave hands."""
        n, presses = self.start, 0
        lines = [rng.choice(["Doubling is fastest, so double as long as it fits.", "Just be greedy here: double, double, double.",
                             f"I double until the next doubling would pass {self.target}."])]  # fmt: skip
        while 2 * n <= self.target:
            n, presses = 2 * n, presses + 1
            lines.append(rng.choice([f"Now {n}.", f"That gives {n}.", f"{presses}: {n}."]))
        rest = self.target - n
        presses += -(-rest // self.add)
        if str(presses) == self.gold:
            return self._miscounted(rng)
        lines.append(rng.choice([f"{rest} is left, so {-(-rest // self.add)} additions of {self.add}.",
                                 f"The remaining {rest} takes about {-(-rest // self.add)} more."]))  # fmt: skip
        lines.append(rng.choice([f"Total {presses}.", f"Altogether {presses} presses."]))
        return Trace("double as long as possible", ("Double while it fits.", "Add for the rest.", "Sum the presses."),
                     " ".join(lines), str(presses))  # fmt: skip

    def _miscounted(self, rng: random.Random) -> Trace:
        """The mistake: count the numbers on the way instead of the presses between them."""
        path, wrong = self._arrows(), len(self._path())
        opening = rng.choice(["Let me look for a short chain by hand.", "A path is easy to spot here.",
                              f"Try to get from {self.start} to {self.target} directly."])  # fmt: skip
        counting = rng.choice([f"That is a chain of {wrong} numbers, so {wrong} moves.", f"Counting along it: {wrong}.",
                               f"There are {wrong} entries, hence {wrong}."])  # fmt: skip
        return Trace("find a chain and count it", ("Find a chain to the target.", "Count its entries."),
                     f"{opening} {path}. {counting}", str(wrong))  # fmt: skip

    def _late_adds(self, rng: random.Random) -> Trace:
        """The mistake: all additions after the doublings."""
        costs = {}
        k = 0
        while (rest := self.target - self.start * 2**k) >= 0:
            if rest % self.add == 0:
                costs[k] = k + rest // self.add
            k += 1
        if not costs or str(min(costs.values())) == self.gold:
            return self._miscounted(rng)
        lines = [rng.choice(["First double, then add: which number of doublings is best?",
                             "I try each number of doublings and fill up with additions afterwards."])]  # fmt: skip
        lines += [rng.choice([f"{k} doublings: {cost}.", f"k = {k} costs {cost}."]) for k, cost in costs.items()]
        best = min(costs.values())
        lines.append(rng.choice([f"The least is {best}.", f"So {best} is the best possible."]))
        return Trace("double first, add afterwards", ("Choose a number of doublings.", "Fill up with additions.", "Compare."),
                     " ".join(lines), str(best))  # fmt: skip
