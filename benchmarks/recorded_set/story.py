"""Word problems: several containers, a loss, packs and a price."""

# ruff: noqa: E501  (phrases and problems, one a line, are read more easily uncut)

import random
from dataclasses import dataclass

from recorded_set.trace import Trace


@dataclass(frozen=True)
class Story:
    """`containers` of `each` things, `lost` of them damaged; the rest is sold in full packs of `pack` at `price`."""

    where: str
    container: str
    thing: str
    containers: int
    each: int
    lost: int
    pack: int
    price: int
    suffix: str = ""

    @property
    def question(self) -> str:
        return (
            f"{self.where} has {self.containers} {self.container}s with {self.each} {self.thing}s in each of them. "
            f"{self.lost} of the {self.thing}s turn out to be damaged and are thrown away. The others are sold in packs of "
            f"{self.pack}, and only full packs are sold, at {self.price} euros a pack. How many euros do the full packs "
            f"bring in altogether?{self.suffix}"
        )

    @property
    def gold(self) -> str:
        return str(self._packs() * self.price)

    def trace(self, rng: random.Random, approach: int, *, is_wrong: bool) -> Trace:
        if is_wrong:
            return (self._no_loss, self._rounded_up, self._per_thing)[approach](rng)
        return (self._forwards, self._backwards, self._by_containers)[approach](rng)

    def _total(self) -> int:
        return self.containers * self.each

    def _packs(self) -> int:
        return (self._total() - self.lost) // self.pack

    def _forwards(self, rng: random.Random) -> Trace:
        total, left, packs = self._total(), self._total() - self.lost, self._packs()
        thing, rest = self.thing, left - packs * self.pack
        lines = [
            rng.choice(["Follow the goods from the delivery to the till.", "The story is a chain, so take it link by link.",
                        "Four small questions in the order of events: how many at first, how many good, how many packs, what money?"]),
            rng.choice([f"First, {self.containers} × {self.each} = {total} {thing}s arrive.",
                        f"In all the {self.container}s there are {self.containers}·{self.each}, that is {total}."]),
            rng.choice([f"Take away {self.lost}: {left} are good.", f"{total} - {self.lost} = {left} remain for sale."]),
            rng.choice([f"{left} fill {packs} packs of {self.pack}, with {rest} left over.",
                        f"Full packs: {left} divided by {self.pack} is {packs}, remainder {rest}."]),
            rng.choice([f"Each brings {self.price}, so {packs} × {self.price} = {self.gold}.",
                        f"The money is {packs}·{self.price} = {self.gold} euros."]),
            rng.choice([f"Sanity check: {packs}·{self.pack} + {rest} + {self.lost} = {total}, nothing is lost.",
                        f"Backward check: {packs}·{self.pack} = {left - rest} sold, plus {rest} and {self.lost}, are {total} again."]),
        ]  # fmt: skip
        return Trace(
            rng.choice(["follow the goods in the order of events", "turn the story into a chain of small questions"]),
            (
                rng.choice(["Count everything that arrives.", f"Multiply {self.container}s by their contents."]),
                rng.choice(["Take the damaged ones away.", "Subtract the loss."]),
                rng.choice(["See how many full packs that makes.", "Divide by the pack size and drop the remainder."]),
                rng.choice(["Multiply by the price.", "Turn packs into money."]),
                rng.choice(["Check by adding everything up again.", "Count back to the delivery."]),
            ),
            " ".join(lines), self.gold,
        )  # fmt: skip

    def _backwards(self, rng: random.Random) -> Trace:
        total, left, packs = self._total(), self._total() - self.lost, self._packs()
        lines = [
            rng.choice([f"What is asked? Money: packs times {self.price}. So what I need is the number of packs.",
                        f"Start at the question. Euros come from packs, {self.price} each; packs come from good {self.thing}s."]),
            rng.choice([f"Packs need the good {self.thing}s, and those need the total.",
                        "For that I need what is left after the loss, and before that the delivery."]),
            rng.choice([f"The innermost part is {self.containers}·{self.each} = {total}.", f"So, innermost first: {total} delivered."]),
            rng.choice([f"Good ones: {total} minus {self.lost}, {left}.", f"Without the damaged {self.lost}, {left}."]),
            rng.choice([f"Only whole packs count: {left} / {self.pack} rounds down to {packs}.",
                        f"{self.pack} go {packs} times into {left}; a broken pack is not sold."]),
            rng.choice([f"Now the question unwinds: {packs} times {self.price} is {self.gold}.",
                        f"Which answers it: {packs} packs, {self.gold} euros."]),
            rng.choice([f"One more pack would take {(packs + 1) * self.pack} {self.thing}s, more than {left}. Good.",
                        f"Test: {packs + 1} packs would need {(packs + 1) * self.pack}, too many."]),
        ]  # fmt: skip
        return Trace(
            rng.choice(["start from what is asked and find what it needs", "unwind the question from its end"]),
            (
                rng.choice(["Write the money as packs times price.", "State what the answer depends on."]),
                rng.choice(["Trace what the packs depend on, down to the delivery.", "Go back until only given numbers are left."]),
                rng.choice(["Compute from the inside out.", "Fill in the numbers, innermost first."]),
                rng.choice(["Test that one more pack is impossible.", "Check the rounding of the packs."]),
            ),
            " ".join(lines), self.gold,
        )  # fmt: skip

    def _by_containers(self, rng: random.Random) -> Trace:
        total, left, packs = self._total(), self._total() - self.lost, self._packs()
        guess = round(total / self.pack) * self.price
        lines = [
            rng.choice([f"An estimate first: about {total} things, some {round(total / self.pack)} packs, near {guess} euros.",
                        f"Roughly {round(total / self.pack)} packs at {self.price} would be {guess}; the loss makes it a bit less."]),
            rng.choice([f"Exactly now. A {self.container} holds {self.each}, {self.containers} of them {total}.",
                        f"Then precisely: {self.each} in a {self.container}, times {self.containers}, makes {total}."]),
            rng.choice([f"The damaged {self.lost} go, {left} stay.", f"Of these {left} are fit for sale."]),
            rng.choice([f"That is {packs} packs ({packs}·{self.pack} = {packs * self.pack}).",
                        f"{packs} packs use up {packs * self.pack} of them."]),
            rng.choice([f"At {self.price} euros: {self.gold}.", f"Times {self.price} gives {self.gold}."]),
            rng.choice([f"Against the estimate of {guess} this is plausible.", f"It is slightly off {guess}, as expected."]),
        ]  # fmt: skip
        return Trace(
            rng.choice(["estimate first, then compute exactly", "know the size of the answer before computing it"]),
            (
                rng.choice(["Estimate the answer without the loss.", "Get a rough idea of the result."]),
                rng.choice(["Compute the exact number of good things.", "Count exactly what can be sold."]),
                rng.choice(["Make full packs and multiply by the price.", "Go from things to packs to money."]),
                rng.choice(["Compare with the estimate.", "See whether it is near the rough idea."]),
            ),
            " ".join(lines), self.gold,
        )  # fmt: skip

    def _no_loss(self, rng: random.Random) -> Trace:
        """The mistake: forget what was damaged."""
        wrong = self._total() // self.pack * self.price
        if str(wrong) == self.gold:
            return self._rounded_up(rng)
        lines = rng.choice(
            [f"{self.containers} × {self.each} = {self._total()}.", f"There are {self._total()} {self.thing}s."]
        )
        ending = rng.choice([f"In packs of {self.pack} that is {self._total() // self.pack}, times {self.price}: {wrong}.",
                             f"{self._total() // self.pack} packs bring {wrong}."])  # fmt: skip
        return Trace(
            "count and multiply", ("Count.", "Divide by the pack.", "Multiply."), f"{lines} {ending}", str(wrong)
        )

    def _rounded_up(self, rng: random.Random) -> Trace:
        """The mistake: sell a pack that is not full."""
        left = self._total() - self.lost
        packs = self._packs() + 1
        opening = rng.choice([f"{left} are left after the loss.", f"{self._total()} - {self.lost} = {left}."])
        ending = rng.choice(
            [
                f"They fit into {packs} packs, {packs * self.price} euros.",
                f"{packs} packs are needed: {packs * self.price}.",
            ]
        )
        return Trace(
            "count what is left and pack it",
            ("Subtract.", "Pack.", "Multiply."),
            f"{opening} {ending}",
            str(packs * self.price),
        )

    def _per_thing(self, rng: random.Random) -> Trace:
        """The mistake: charge the price for each thing, packs forgotten."""
        left = self._total() - self.lost
        opening = rng.choice([f"{left} {self.thing}s can be sold.", f"Good ones: {left}."])
        ending = rng.choice(
            [f"At {self.price} that is {left * self.price}.", f"{left} × {self.price} = {left * self.price}."]
        )
        return Trace(
            "good things times price",
            ("Subtract the loss.", "Multiply by the price."),
            f"{opening} {ending}",
            str(left * self.price),
        )
