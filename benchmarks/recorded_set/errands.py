"""Ways through a caretaker problem: reasoning that breaks it into deliveries, and plausible mistakes."""

# ruff: noqa: E501  (phrases and problems, one a line, are read more easily uncut)

import random
from dataclasses import dataclass

from recorded_set.caretaker import House, Step
from recorded_set.trace import Trace, listed


def shown(plan: list[Step]) -> str:
    """A plan as PDDL, a step a line."""
    return "\n".join(f"({' '.join(step)})" for step in plan)


def errands(plan: list[Step]) -> list[list[Step]]:
    """A plan cut after each thing that is put down or door that is unlocked: its sub-goals."""
    cut: list[list[Step]] = [[]]
    for step in plan:
        cut[-1].append(step)
        if step[0] in ("put", "unlock"):
            cut.append([])
    return [part for part in cut if part]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Errands:
    """A caretaker problem as a puzzle."""

    house: House

    @property
    def gold(self) -> str:
        return shown(self.house.plan(random.Random(0)))

    def trace(self, rng: random.Random, approach: int, *, is_wrong: bool) -> Trace:
        if is_wrong:
            return self._wrong(rng, approach)
        return (self._by_goals, self._by_need, self._by_state)[approach](rng)

    def _goals(self) -> str:
        return listed([f"the {thing} to the {room}" for thing, room in self.house.goal])

    def _by_goals(self, rng: random.Random) -> Trace:
        plan = self.house.plan(rng)
        lines = [rng.choice([
            f"I have to bring {self._goals()}. One hand, so each delivery is a sub-goal of its own; the order is mine to choose.",
            f"Deliveries wanted: {self._goals()}. They hardly touch each other, so I treat them as separate errands in a good order.",
            f"Break it up by what must be moved: {self._goals()}. Locked doors add errands before these.",
        ])]  # fmt: skip
        for number, part in enumerate(errands(plan), 1):
            lines.append(f"{rng.choice(['Errand', 'Sub-goal', 'Part'])} {number}: {self._told(part, rng)}")
        lines.append(self._checked(plan, rng))
        return Trace(
            rng.choice(["one errand for each thing to be moved, in an order that saves walking", "split the goal into deliveries"]),
            (
                rng.choice(["List what is not yet where it should be.", "Write down each thing that must move, and where to."]),
                rng.choice(["Find out which doors have to be unlocked before.", "Put errands for keys in front where a door is locked."]),
                rng.choice(["Order the errands so that one ends near where the next begins.", "Choose the order with the least walking."]),
                rng.choice(["Spell each errand out as walk, take, walk, put.", "Turn each errand into single actions."]),
                rng.choice(["Check that the hand is free before each take.", "Run through the steps and check their conditions."]),
            ),
            " ".join(lines), shown(plan),
        )  # fmt: skip

    def _by_need(self, rng: random.Random) -> Trace:
        plan = self.house.plan(rng)
        thing, room = plan[-1][1], plan[-1][2]
        lines = [
            rng.choice(
                [
                    f"Think from the end. The last action can be (put {thing} {room}); before it the robot must carry the {thing} there.",
                    f"What must be true last? The {thing} in the {room}. That needs the {thing} in the hand and a way in.",
                    f"Regress from the goal: to finish with the {thing} in the {room}, reach it, pick it up, carry it over.",
                ]
            )
        ]
        if self.house.locks:
            a, b, key = self.house.locks[0]
            lines.append(rng.choice([
                f"The door between {a} and {b} is locked: the {key} is needed before going through, and must be put down after.",
                f"A precondition hides here: {a} to {b} needs the {key}. The hand must then be emptied before taking anything.",
            ]))  # fmt: skip
        else:
            lines.append(
                rng.choice(
                    [
                        "No door is locked, only the single hand limits me.",
                        "All doors are open; the hand is the bottleneck.",
                    ]
                )
            )
        lines.append(rng.choice(["So from the front:", "Turned round, this gives:", "In order of execution:"]))
        for number, part in enumerate(errands(plan)):
            link = rng.choice(["then ", "next, ", ""]) if number else "first, "
            lines.append(_sentence(f"{link}{self._told(part, rng)}"))
        lines.append(self._checked(plan, rng))
        return Trace(
            rng.choice(["reason backwards from the goal to what it needs", "find the preconditions of the goal and meet them first"]),
            (
                rng.choice(["Start from the last goal and ask what it requires.", "Name the last action and its conditions."]),
                rng.choice(["Collect what those conditions need in turn: keys, doors, a free hand.", "Go on until the initial state meets everything."]),
                rng.choice(["Reverse the chain into a plan.", "Put the needs in order of execution."]),
                rng.choice(["Walk through it once more and check every condition.", "Simulate it to be sure."]),
            ),
            " ".join(lines), shown(plan),
        )  # fmt: skip

    def _by_state(self, rng: random.Random) -> Trace:
        plan = self.house.plan(rng)
        state = self.house.start()
        lines = [rng.choice([
            f"I simulate and keep the state in view. Robot in the {state.robot}, hand empty; to move: {self._goals()}.",
            f"State first. The robot stands in the {state.robot}; {listed([f'{t} in {r}' for t, r in sorted(state.places)])}.",
            f"Go step by step with the state written down, so that no condition is missed. Start: {state.robot}, nothing in hand.",
        ])]  # fmt: skip
        for step in plan:
            state = dict(self.house.moves(state))[step]
            if step[0] != "walk":
                hand = f"holding the {state.hand}" if state.hand else "hand free"
                lines.append(f"{self._verb(step, rng)} ({state.robot}, {hand}).")
            elif rng.random() < 0.5:
                lines.append(
                    rng.choice([f"Over to the {step[2]}.", f"Now in the {step[2]}.", f"Walk on to {step[2]}."])
                )
        lines.append(self._checked(plan, rng))
        return Trace(
            rng.choice(["simulate forward with the state written down", "search forward, always moving a thing nearer to its place"]),
            (
                rng.choice(["Write the initial state down.", "Note where the robot and all things are."]),
                rng.choice(["Choose an action that brings a thing nearer to its room.", "Take the step that serves an open goal."]),
                rng.choice(["Update the state and check the next conditions.", "After each action write down what changed."]),
                rng.choice(["Stop once every goal holds.", "Compare the final state with the goal."]),
            ),
            " ".join(lines), shown(plan),
        )  # fmt: skip

    def _verb(self, step: Step, rng: random.Random) -> str:
        if step[0] == "take":
            return rng.choice([f"Take the {step[1]}", f"Pick up the {step[1]} here", f"The {step[1]} comes along"])
        if step[0] == "put":
            return rng.choice([f"Put the {step[1]} down", f"The {step[1]} stays here", f"Set down the {step[1]}"])
        return rng.choice([f"Unlock the way to the {step[3]}", f"The {step[1]} opens the door to the {step[3]}"])

    def _told(self, part: list[Step], rng: random.Random) -> str:
        """An errand in a sentence."""
        last = part[-1]
        taken = next((n for n, step in enumerate(part) if step[0] == "take"), 0)
        between = [step[2] for step in part[taken:] if step[0] == "walk"][:-1]
        through = f" by way of the {listed(between)}" if between and rng.random() < 0.6 else ""
        if last[0] == "take":
            return f"take the {last[1]} in the {last[2]}."
        if last[0] == "walk":
            return f"walk to the {last[2]}{through}."
        if last[0] == "unlock":
            return rng.choice([
                f"fetch the {last[1]} and open the door from {last[2]} to {last[3]}{through}.",
                f"with the {last[1]} in hand, unlock {last[2]} to {last[3]}{through}.",
            ])  # fmt: skip
        if any(step[0] == "take" for step in part):
            origin = next(step[2] for step in part if step[0] == "take")
            return rng.choice([
                f"the {last[1]} goes from the {origin} to the {last[2]}{through}.",
                f"pick up the {last[1]} in the {origin}, carry it{through} and put it down in the {last[2]}.",
                f"collect the {last[1]} ({origin}) and deliver it to the {last[2]}{through}.",
            ])  # fmt: skip
        return rng.choice(
            [
                f"leave the {last[1]} in the {last[2]} to free the hand.",
                f"free the hand: the {last[1]} stays in the {last[2]}.",
            ]
        )

    def _checked(self, plan: list[Step], rng: random.Random) -> str:
        goals = listed([f"{thing} in {room}" for thing, room in self.house.goal])
        return rng.choice([
            f"Check: {len(plan)} steps, every take with a free hand, and at the end {goals}.",
            f"Running it through once: each walk goes through an open door; finally {goals}.",
            f"Verified in {len(plan)} steps; the goal holds: {goals}.",
        ])  # fmt: skip

    def _wrong(self, rng: random.Random, approach: int) -> Trace:
        """A plan with one mistake: a step left out, the goal cut short, or a door taken for open."""
        plan = self.house.plan(rng)
        candidates = [plan[:i] + plan[i + 1 :] for i in range(len(plan))]
        if approach == 0:
            candidates = [c for c, step in zip(candidates, plan, strict=True) if step[0] in ("walk", "put")]
        elif approach == 1:
            candidates = [plan[: -(1 + i)] for i in range(min(3, len(plan) - 2))]
        elif self.house.locks:
            candidates = [c for c, step in zip(candidates, plan, strict=True) if step[0] == "unlock"]
        broken = rng.choice([c for c in candidates if not self.house.is_solved_by(c)])
        lines = [rng.choice([f"Just move everything: {self._goals()}.", "Take the things and bring them over.",
                             f"Easy. {_sentence(self._goals())}.", "No need to look at the doors too closely."])]  # fmt: skip
        lines += [_sentence(self._told(part, rng)) for part in errands(broken)]
        lines.append(rng.choice(["That should be all.", "Done, I think.", "This looks complete."]))
        return Trace("carry the things over", ("Go to the things.", "Carry them over."), " ".join(lines), shown(broken))
