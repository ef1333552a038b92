"""The caretaker domain: a robot carries things between rooms, one at a time; some doors need a key first."""

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

DOMAIN = """\
; A caretaker robot carries things between the rooms of a house, one thing at a time.
; Some doors are locked; the right key opens a door from either side, for good.
(define (domain caretaker)
  (:requirements :strips :typing)
  (:types room thing - object key - thing)
  (:predicates (robot-in ?r - room)
               (in ?t - thing ?r - room)
               (carrying ?t - thing)
               (hand-free)
               (open ?a ?b - room)
               (locked ?a ?b - room)
               (fits ?k - key ?a ?b - room))

  (:action walk
    :parameters (?from ?to - room)
    :precondition (and (robot-in ?from) (open ?from ?to))
    :effect (and (robot-in ?to) (not (robot-in ?from))))

  (:action take
    :parameters (?t - thing ?r - room)
    :precondition (and (robot-in ?r) (in ?t ?r) (hand-free))
    :effect (and (carrying ?t) (not (in ?t ?r)) (not (hand-free))))

  (:action put
    :parameters (?t - thing ?r - room)
    :precondition (and (robot-in ?r) (carrying ?t))
    :effect (and (in ?t ?r) (hand-free) (not (carrying ?t))))

  (:action unlock
    :parameters (?k - key ?here ?there - room)
    :precondition (and (robot-in ?here) (carrying ?k) (locked ?here ?there) (fits ?k ?here ?there))
    :effect (and (open ?here ?there) (open ?there ?here) (not (locked ?here ?there)) (not (locked ?there ?here)))))
"""

Step = tuple[str, ...]
"""An action's name and its arguments, such as ("walk", "hall", "attic")."""


@dataclass(frozen=True)
class State:
    """Where everything is; `hand` is what the robot carries, `opened` the doors that it has unlocked."""

    robot: str
    hand: str | None
    places: frozenset[tuple[str, str]]
    opened: frozenset[frozenset[str]]


@dataclass(frozen=True)
class House:
    """A problem: `doors` are open, `locks` give a locked door and its key, `goal` where things should be."""

    robot: str
    doors: tuple[tuple[str, str], ...]
    things: tuple[tuple[str, str], ...]
    goal: tuple[tuple[str, str], ...]
    locks: tuple[tuple[str, str, str], ...] = ()

    @property
    def rooms(self) -> list[str]:
        """All rooms, by name."""
        return sorted(
            {room for door in self.doors for room in door} | {room for a, b, _ in self.locks for room in (a, b)}
        )

    def start(self) -> State:
        return State(self.robot, None, frozenset(self.things), frozenset())

    def is_goal(self, state: State) -> bool:
        return set(self.goal) <= state.places

    def moves(self, state: State) -> Iterator[tuple[Step, State]]:
        """Every action that applies, with the state that it leads to."""
        here, hand, places, opened = state.robot, state.hand, state.places, state.opened
        for a, b in [*self.doors, *(tuple(sorted(door)) for door in opened)]:
            if here in (a, b):
                there = b if here == a else a
                yield ("walk", here, there), State(there, hand, places, opened)
        if hand is None:
            for thing in sorted(t for t, room in places if room == here):
                yield ("take", thing, here), State(here, thing, places - {(thing, here)}, opened)
            return
        yield ("put", hand, here), State(here, None, places | {(hand, here)}, opened)
        for a, b, key in self.locks:
            if key == hand and here in (a, b) and frozenset((a, b)) not in opened:
                there = b if here == a else a
                yield ("unlock", key, here, there), State(here, hand, places, opened | {frozenset((a, b))})

    def plan(self, rng: random.Random) -> list[Step]:
        """A shortest plan (breadth-first search); the order of expansion, so which one, comes from `rng`."""
        start = self.start()
        came: dict[State, tuple[State, Step] | None] = {start: None}
        queue = deque([start])
        while queue:
            state = queue.popleft()
            if self.is_goal(state):
                return _steps_to(state, came)
            moves = list(self.moves(state))
            rng.shuffle(moves)
            for step, after in moves:
                if after not in came:
                    came[after] = (state, step)
                    queue.append(after)
        raise ValueError(f"{self} has no plan")

    def is_solved_by(self, plan: list[Step]) -> bool:
        """Whether a plan can be carried out and reaches the goal."""
        state = self.start()
        for step in plan:
            after = dict(self.moves(state)).get(step)
            if after is None:
                return False
            state = after
        return self.is_goal(state)

    def pddl(self, name: str) -> str:
        """The problem as a PDDL file."""
        keys = sorted({key for *_, key in self.locks})
        things = sorted(t for t, _ in self.things if t not in keys)
        facts = [f"(robot-in {self.robot})", "(hand-free)", *(f"(in {t} {room})" for t, room in sorted(self.things))]
        facts += [f"(open {x} {y})" for a, b in self.doors for x, y in ((a, b), (b, a))]
        for a, b, key in self.locks:
            facts += [f"(locked {a} {b})", f"(locked {b} {a})", f"(fits {key} {a} {b})", f"(fits {key} {b} {a})"]
        objects = f"{' '.join(self.rooms)} - room {' '.join(things)} - thing" + (
            f" {' '.join(keys)} - key" if keys else ""
        )
        goal = " ".join(f"(in {t} {room})" for t, room in self.goal)
        return (
            f"(define (problem {name})\n  (:domain caretaker)\n  (:objects {objects})\n"
            f"  (:init {chr(10).join(('         ' if n else '') + fact for n, fact in enumerate(facts))})\n"
            f"  (:goal (and {goal})))\n"
        )


def _steps_to(state: State, came: dict[State, tuple[State, Step] | None]) -> list[Step]:
    steps: list[Step] = []
    while (origin := came[state]) is not None:
        state, step = origin
        steps.append(step)
    return steps[::-1]
