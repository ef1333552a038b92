"""Plans for STRIPS problems: every step is carried out from the initial state, and the goal must then hold.

Covers: STRIPS with typing, constants, negative preconditions and equality; plans as PDDL (`(pick-up a)`), as calls
(`stack(a, b)`) or in plain words ("2. **Unstack** the red block from the blue block"), one or several steps a line;
[PLAN] ... [PLAN END] blocks, which outrank what stands around them; thinking, chatter, code fences, numbers,
Markdown and explanations around a plan.

Does not cover: other PDDL (conditional effects, quantifiers, numbers, durations), which is refused when the task is
read; the length or cost of a plan; synonyms of an action's name ("place" for "put down"), references such as "it",
and steps in running prose. Different plans in one response are ambiguous unless the last is called final, corrected
or revised.
"""

from functools import lru_cache

from pydantic import Field, model_validator

from pipeline.actions import Plan, Reader, find_plans
from pipeline.pddl import (
    GOAL_NOT_REACHED,
    GOAL_REACHED,
    PRECONDITION_UNMET,
    UNKNOWN_ACTION,
    UNKNOWN_OBJECT,
    WRONG_ARGUMENTS,
    Execution,
    Problem,
    Step,
    execute,
    read_problem,
)
from pipeline.thinking import split_thinking
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, Outcome, Rollout, Verdict
from schemas.recipe import Settings

VERSION = "1"


class Task(Settings):
    """A problem, and optionally the names that its objects have in plain words."""

    domain: str = Field(description="The domain in PDDL.")
    problem: str = Field(description="The problem in PDDL.")
    objects: dict[str, str] = Field({}, description="Plain names of objects, such as a = 'red block'.")

    @model_validator(mode="after")
    def _readable(self) -> "Task":
        unknown = self.objects.keys() - _problem(self.domain, self.problem).objects.keys()
        if unknown:
            raise ValueError(f"objects: {min(unknown)!r} is no object of the problem")
        return self


def verify(task: Task, rollout: Rollout) -> Verdict:
    """Judge the one plan of a response; `failed_step` is the first step that cannot be carried out, from 1."""
    _, answer = split_thinking(rollout.text)
    plans = find_plans(answer, _reader(task.domain, task.problem, tuple(task.objects.items())))
    if not plans:
        return Verdict("undecided", NO_ANSWER)
    if (plan := the_plan(plans)) is None:
        return Verdict("undecided", AMBIGUOUS, details={"plans": [_text(plan.steps) for plan in plans]})
    done = execute(_problem(task.domain, task.problem), plan.steps)
    outcome: Outcome = "correct" if done.reason == GOAL_REACHED else "incorrect"
    return Verdict(outcome, done.reason, _text(plan.steps), failed_step=done.failed_step, details=_details(done, plan))


def the_plan(plans: list[Plan]) -> Plan | None:
    """The plan that a response stands by, or None where it offers several that differ."""
    offered = [plan for plan in plans if not plan.is_explanation] or plans
    if all(_restates(plan, offered[0]) for plan in offered[1:]):
        return offered[0]
    return offered[-1] if offered[-1].is_final else None


def _restates(plan: Plan, first: Plan) -> bool:
    """The same steps, where the later wording may leave objects out."""
    pairs = zip(plan.steps, first.steps, strict=False)
    return len(plan.steps) == len(first.steps) and all(a[0] == b[0] and set(a) <= set(b) for a, b in pairs)


def _text(steps: list[Step]) -> str:
    return "\n".join(f"({' '.join(step)})" for step in steps)


def _details(done: Execution, plan: Plan) -> dict[str, object] | None:
    if done.failed_step:
        return {"step": _text([plan.steps[done.failed_step - 1]]), "unmet": list(done.unmet)}
    return {"unmet": list(done.unmet)} if done.unmet else None


@lru_cache(maxsize=256)
def _problem(domain: str, problem: str) -> Problem:
    return read_problem(domain, problem)


@lru_cache(maxsize=256)
def _reader(domain: str, problem: str, names: tuple[tuple[str, str], ...]) -> Reader:
    return Reader(_problem(domain, problem), dict(names))


_DOMAIN = """(define (domain ferry) (:requirements :strips :typing) (:types car place)
  (:predicates (at ?c - car ?p - place) (ferry-at ?p - place) (aboard ?c - car) (free))
  (:action board :parameters (?c - car ?p - place) :precondition (and (at ?c ?p) (ferry-at ?p) (free))
    :effect (and (aboard ?c) (not (at ?c ?p)) (not (free))))
  (:action sail :parameters (?from ?to - place) :precondition (ferry-at ?from)
    :effect (and (ferry-at ?to) (not (ferry-at ?from))))
  (:action get-off :parameters (?c - car ?p - place) :precondition (and (aboard ?c) (ferry-at ?p))
    :effect (and (at ?c ?p) (free) (not (aboard ?c)))))"""
_PROBLEM = """(define (problem cross) (:domain ferry) (:objects c1 - car north south - place)
  (:init (at c1 north) (ferry-at north) (free)) (:goal (at c1 south)))"""
_TASK = {"domain": _DOMAIN, "problem": _PROBLEM}
_NAMED = _TASK | {"objects": {"c1": "old taxi", "north": "north quay", "south": "south quay"}}
_PLAN = "(board c1 north)\n(sail north south)\n(get-off c1 south)"

_WORDS = """Here is my plan:

1. **Board** the old taxi at the north quay. (The ferry is free.)
2. **Sail** from the north quay to the south quay.
3. **Get off** the old taxi at the south quay.

**Explanation:**
1. Board the old taxi: it must come along.
2. Sail from north to south."""
_OTHER = "(sail north south)\n(sail south north)\n" + _PLAN

EXAMPLES = [
    (_TASK, _PLAN, "correct", GOAL_REACHED),
    (
        _TASK,
        f"Here is a plan.\n```pddl\n{_PLAN.upper()}\n```\nThis works because c1 is aboard.",
        "correct",
        GOAL_REACHED,
    ),
    (_TASK, f"[PLAN]\n{_PLAN}\n[PLAN END]\nFirst board c1 north.", "correct", GOAL_REACHED),
    (_NAMED, _WORDS, "correct", GOAL_REACHED),
    (
        _NAMED,
        "Board the old taxi at north, sail from north to south, then get off old taxi at south.",
        "correct",
        GOAL_REACHED,
    ),
    (_TASK, f"{_OTHER}\n\nCorrected plan:\n{_PLAN}", "correct", GOAL_REACHED),
    (_TASK, "(board c1 north)\n(sail north south)", "incorrect", GOAL_NOT_REACHED),
    (_TASK, "(board c1 north)\n(get-off c1 south)", "incorrect", PRECONDITION_UNMET),
    (_TASK, "(board c1 north)\n(fly north south)\n(get-off c1 south)", "incorrect", UNKNOWN_ACTION),
    (_TASK, "(board c1 north)\n(sail north west)", "incorrect", UNKNOWN_OBJECT),
    (_TASK, "(board north c1)", "incorrect", WRONG_ARGUMENTS),
    (_NAMED, "1. Board the old taxi.\n2. Sail from north to south.", "incorrect", WRONG_ARGUMENTS),
    (_TASK, f"Plan A:\n{_PLAN}\n\nPlan B:\n{_OTHER}", "undecided", AMBIGUOUS),
    (_TASK, "The taxi should cross on the ferry.", "undecided", NO_ANSWER),
]
