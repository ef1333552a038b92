"""Coin puzzles: pay a sum with as few coins as possible, where the greedy way is often a trap."""

# ruff: noqa: E501  (phrases and problems, one a line, are read more easily uncut)

import random
from dataclasses import dataclass

from recorded_set.trace import Trace


@dataclass(frozen=True)
class Coins:
    """Coins of 1, `middle` and `large`; how few of them make `total`?"""

    middle: int
    large: int
    total: int
    wording: int = 0

    @property
    def question(self) -> str:
        m, g, t = self.middle, self.large, self.total
        return (
            f"A country mints coins of 1, {m} and {g} cents. What is the smallest number of coins that adds up to {t} cents?",
            f"Stamps come in values 1, {m} and {g}. A letter needs exactly {t}. How few stamps can be stuck on it?",
            f"You own weights of 1 kg, {m} kg and {g} kg, plenty of each. With how few of them can you balance {t} kg?",
        )[self.wording % 3]

    @property
    def gold(self) -> str:
        return str(min(sum(self._fill(n)) for n in range(self.total // self.large + 1)))

    def trace(self, rng: random.Random, approach: int, *, is_wrong: bool) -> Trace:
        if is_wrong:
            return (self._greedy, self._no_ones, self._one_less)[approach](rng)
        return (self._by_large, self._by_middle, self._by_count)[approach](rng)

    def _fill(self, n_large: int) -> tuple[int, int, int]:
        """Numbers of large, middle and unit coins, with `n_large` given: the rest is best paid greedily."""
        rest = self.total - n_large * self.large
        return n_large, rest // self.middle, rest % self.middle

    def _best(self) -> tuple[int, int, int]:
        return min((self._fill(n) for n in range(self.total // self.large + 1)), key=sum)

    def _check(self, rng: random.Random) -> str:
        n_large, n_middle, ones = self._best()
        parts = [(n_large, self.large), (n_middle, self.middle), (ones, 1)]
        total = " + ".join(f"{n}·{value}" for n, value in parts if n)
        return rng.choice(["Check: ", "Adding up, ", "To verify: ", "Indeed "]) + f"{total} = {self.total}."

    def _by_large(self, rng: random.Random) -> Trace:
        m, g, t = self.middle, self.large, self.total
        lines = [rng.choice([
            f"Taking the largest coin first is tempting but not always best, so I fix the number of {g}s and solve the rest.",
            f"Split into cases by how many {g}s there are; inside a case only {m}s and 1s remain, which is easy.",
            f"Once the count of {g}s is chosen, the remainder has an obvious best answer. So go through that count.",
        ])]  # fmt: skip
        for n in range(t // g, -1, -1):
            _, n_middle, ones = self._fill(n)
            lines.append(rng.choice([
                f"{n} of them leave {t - n * g}: {n_middle} of {m} and {ones} of 1, altogether {n + n_middle + ones}.",
                f"With {n}: rest {t - n * g} = {n_middle}·{m} + {ones}, coins {n} + {n_middle} + {ones} = {n + n_middle + ones}.",
                f"Case {n}: {t - n * g} is to be paid by {n_middle} middle ones and {ones} units; {n + n_middle + ones} pieces.",
            ]))  # fmt: skip
        lines.append(
            rng.choice(
                [f"The smallest is {self.gold}.", f"Comparing the cases, {self.gold} wins.", f"Minimum: {self.gold}."]
            )
        )
        lines.append(self._check(rng))
        return Trace(
            rng.choice([f"divide into cases by the number of {g}s", "fix the hard choice, then the rest is easy"]),
            (
                rng.choice([f"For each possible number of {g}s, find what is left.", f"Choose how many {g}s to use, from most to none."]),
                rng.choice([f"Pay the rest with {m}s and 1s, as many {m}s as fit.", f"Fill the remainder with {m}s, then ones."]),
                rng.choice(["Compare the cases.", "Keep the case with the fewest pieces."]),
                rng.choice(["Add the pieces up to check the sum.", f"Verify that they make {t}."]),
            ),
            " ".join(lines), self.gold,
        )  # fmt: skip

    def _by_middle(self, rng: random.Random) -> Trace:
        m, g, t = self.middle, self.large, self.total
        top = min(t // m, g - 1)
        lines = [rng.choice([
            f"Note that {g} coins of {m} are worth the same as {m} of {g}, so fewer than {g} of the {m}s are ever needed.",
            f"I would rather vary the number of {m}s, because the {g}s then follow by division.",
            f"What makes it tricky is the coin of {m}; let me decide about it first.",
        ])]  # fmt: skip
        best = t + 1
        for n in range(top + 1):
            rest = t - n * m
            cost = n + rest // g + rest % g
            if cost < best:
                best = cost
                lines.append(rng.choice([
                    f"{n} of {m}: {rest} remains, {rest // g} large and {rest % g} ones. {cost} pieces, the best so far.",
                    f"Use {n}: then {rest} = {rest // g}·{g} + {rest % g}, in total {cost}, an improvement.",
                    f"Setting it to {n} leaves {rest} and costs {n} + {rest // g} + {rest % g} = {cost}.",
                ]))  # fmt: skip
        lines.append(rng.choice([f"No other number up to {top} does better.", f"I went on to {top}; nothing beats that.",
                                 "The remaining choices only cost more."]))  # fmt: skip
        lines.append(
            rng.choice([f"So {self.gold}.", f"Answer of this search: {self.gold}.", f"That leaves {self.gold}."])
        )
        lines.append(self._check(rng))
        return Trace(
            rng.choice([f"search over the number of {m}s and keep the record", "vary the awkward coin, divide for the others"]),
            (
                rng.choice([f"Bound how many {m}s can be useful.", f"See that {g} or more of the {m}s are never needed."]),
                rng.choice([f"For each number of {m}s, divide the rest by {g}; what remains is ones.", "Divide the rest for each choice."]),
                rng.choice(["Keep the best total found so far.", "Note every improvement."]),
                rng.choice(["Confirm the sum.", "Check that the pieces add up."]),
            ),
            " ".join(lines), self.gold,
        )  # fmt: skip

    def _by_count(self, rng: random.Random) -> Trace:
        m, g, t = self.middle, self.large, self.total
        least, n = -(-t // g), int(self.gold)
        lines = [rng.choice([
            f"Start from a bound: no coin is above {g}, so at least {least} are needed. Then try one count after another.",
            f"Ask for a given number of coins whether it can work. Below {least} it cannot, as {least - 1}·{g} is under {t}.",
            f"The goal in small pieces: is {least} possible? If not, {least + 1}? And so on.",
        ])]  # fmt: skip
        lines.append(rng.choice([
            f"Think of n ones, some upgraded by {m - 1} or by {g - 1}; upgrades must bring {t} - n.",
            f"Swapping a one for a {m} adds {m - 1}, for a {g} it adds {g - 1}.",
        ]))  # fmt: skip
        for count in range(least, n):
            lines.append(rng.choice([
                f"{count}: the upgrades would have to bring {t - count}; no {count} of them do.",
                f"With {count} pieces {t - count} is missing and cannot be made of {m - 1}s and {g - 1}s.",
                f"{count} fails ({t - count} is out of reach).",
            ]))  # fmt: skip
        n_large, n_middle, _ = self._best()
        lines.append(rng.choice([
            f"{n} works: {n_middle}·{m - 1} + {n_large}·{g - 1} = {t - n}.",
            f"With {n} it fits, since {t - n} = {n_large}·{g - 1} + {n_middle}·{m - 1}.",
        ]))  # fmt: skip
        lines.append(self._check(rng))
        return Trace(
            rng.choice(["bound the number from below, then try one count after another", "ask of each count whether it can work"]),
            (
                rng.choice(["Find a lower bound from the largest coin.", f"Divide {t} by {g} and round up."]),
                rng.choice(["Test that count, then the next.", "Try the bound itself, then one more, and so on."]),
                rng.choice(["Stop at the first that works: it is the minimum.", "The first success is the answer."]),
            ),
            " ".join(lines), self.gold,
        )  # fmt: skip

    def _greedy(self, rng: random.Random) -> Trace:
        """The mistake: always the largest coin."""
        n, n_middle, ones = self._fill(self.total // self.large)
        cost = n + n_middle + ones
        if str(cost) == self.gold:
            return self._one_less(rng)
        opening = rng.choice(
            [
                "Always take the largest that fits.",
                "The biggest first, obviously.",
                "Largest coin, then the next, then ones.",
            ]
        )
        counted = rng.choice([f"{n} of {self.large}, then {n_middle} of {self.middle}, then {ones} of 1.",
                              f"That is {n}·{self.large} + {n_middle}·{self.middle} + {ones}."])  # fmt: skip
        ending = rng.choice([f"Together {cost}.", f"{cost} in all.", f"So {cost} pieces, and that must be optimal."])
        return Trace("take the largest first", ("Take as many large ones as fit.", "Fill up.", "Count."),
                     f"{opening} {counted} {ending}", str(cost))  # fmt: skip

    def _no_ones(self, rng: random.Random) -> Trace:
        """The mistake: forget to count the units."""
        n, n_middle, ones = self._best()
        if not ones:
            return self._one_less(rng)
        opening = rng.choice(
            [
                f"I combine {self.large}s and {self.middle}s.",
                "Mix the two bigger values.",
                "A balance of both large values looks right.",
            ]
        )
        counted = rng.choice([f"{n} of {self.large} and {n_middle} of {self.middle} nearly make it, a little rest of {ones} is filled up.",
                              f"{n}·{self.large} + {n_middle}·{self.middle} = {self.total - ones}, close enough, with ones for the rest."])  # fmt: skip
        ending = rng.choice([f"{n} + {n_middle} = {n + n_middle}.", f"I count {n + n_middle}."])
        return Trace("mix the larger values", ("Mix the larger values.", "Fill the rest with ones.", "Count."),
                     f"{opening} {counted} {ending}", str(n + n_middle))  # fmt: skip

    def _one_less(self, rng: random.Random) -> Trace:
        """The mistake: trust the lower bound."""
        least = -(-self.total // self.large)
        wrong = least if str(least) != self.gold else least + 1
        why = rng.choice([f"{self.total} / {self.large} is about {self.total / self.large:.1f}.",
                          f"The largest value is {self.large} and {self.total} is needed."])  # fmt: skip
        ending = rng.choice(
            [f"So {wrong} should do.", f"Rounding, {wrong}.", f"That makes {wrong}, roughly filled with the others."]
        )
        return Trace(
            "divide by the largest", (f"Divide {self.total} by {self.large}.", "Round."), f"{why} {ending}", str(wrong)
        )
