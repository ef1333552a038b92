"""Plans for STRIPS problems: every step is carried out from the initial state, and the goal must then hold.

Covers: STRIPS with typing, constants, negative preconditions and equality; plans as PDDL (`(pick-up a)`), as calls
(`stack(a, b)`), as JSON or in plain words ("2. **Unstack** the red block from the blue block"), one or several steps a
line, in lists, tables or after `Plan:`; [PLAN] ... [PLAN END] blocks, which outrank what stands around them; thinking,
chatter, code fences, numbers, markup and explanations around a plan; a step or a plan that the response takes back.

Does not cover: other PDDL (conditional effects, quantifiers, numbers, durations), which is refused when the task is
read; the cost of a plan; synonyms of an action's name ("place" for "put down"), an "it" where the step before names
several objects, and steps in running prose ("I pick up a, then I ..."). Different plans in one response are ambiguous
unless the last is called final, corrected or a summary, or each of them reaches the goal, so that it does not matter
which one is meant.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations

from pydantic import Field, model_validator

from pipeline.pddl.plan_lines import PRONOUN, Reader, plain_name
from pipeline.pddl.plans import Plan, find_plans
from pipeline.pddl.problem import (
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
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, NearMiss, Outcome, Rollout, Verdict
from schemas.recipe import Settings

VERSION = "2"


class Task(Settings):
    """A problem, and optionally the names that its objects have in plain words."""

    domain: str = Field(description="The domain in PDDL.")
    problem: str = Field(description="The problem in PDDL.")
    objects: dict[str, str] = Field({}, description="Plain names of objects, such as a = 'red block'.")
    reference_length: int | None = Field(None, ge=1, description="Steps of a reference plan, best the shortest.")

    @model_validator(mode="after")
    def _readable(self) -> "Task":
        unknown = self.objects.keys() - _problem(self.domain, self.problem).objects.keys()
        if unknown:
            raise ValueError(f"objects: {min(unknown)!r} is no object of the problem")
        for (one, name), (other, same) in combinations(self.objects.items(), 2):
            if plain_name(name) == plain_name(same):
                raise ValueError(f"objects: {one!r} and {other!r} are both {name!r}; wanted a name each")
        return self


def verify(task: Task, rollout: Rollout) -> Verdict:
    """Judge the one plan of a response; `failed_step` is the first step that cannot be carried out, from 1.

    Where the plan is correct and the task has a reference length, `details.optimality` is reference / steps.
    """
    _, answer = split_thinking(rollout.text)
    plans = offered_plans(find_plans(answer, _reader(task.domain, task.problem, tuple(task.objects.items()))))
    if not plans:
        return Verdict("undecided", NO_ANSWER)
    problem = _problem(task.domain, task.problem)
    if (plan := the_plan(plans, problem)) is None:
        return Verdict("undecided", AMBIGUOUS, details={"plans": [_text(plan.steps) for plan in plans]})
    done = execute(problem, plan.steps)
    if done.reason == UNKNOWN_OBJECT and PRONOUN in plan.steps[(done.failed_step or 1) - 1]:
        return Verdict("undecided", NO_ANSWER, _text(plan.steps), details={"unclear_step": done.failed_step})
    if plan.unread:
        return Verdict("undecided", NO_ANSWER, _text(plan.steps), details={"unread_line": plan.unread[:200]})
    outcome: Outcome = "correct" if done.reason == GOAL_REACHED else "incorrect"
    details = _details(done, plan, task.reference_length)
    return Verdict(outcome, done.reason, _text(plan.steps), failed_step=done.failed_step, details=details)


def offered_plans(plans: list[Plan]) -> list[Plan]:
    """Those that neither explain another one nor are taken back; all, where none is left."""
    return [plan for plan in plans if not plan.is_explanation and not plan.is_taken_back] or plans


def the_plan(offered: list[Plan], problem: Problem) -> Plan | None:
    """The plan that a response stands by, or None where it offers several that differ.

    Where each of several reaches the goal, it is the longest, so that offering a shorter one as well earns nothing.
    """
    if all(_restates(plan, offered[0]) for plan in offered[1:]):
        return offered[0]
    if offered[-1].is_final:
        return offered[-1]
    is_valid = all(execute(problem, plan.steps).reason == GOAL_REACHED for plan in offered)
    return max(offered, key=lambda plan: len(plan.steps)) if is_valid else None


def near_misses(task: Task, gold: str) -> Iterator[NearMiss]:
    """Plans that fail though they are almost the gold plan: a change of one place in it, where that makes it fail."""
    problem = _problem(task.domain, task.problem)
    plans = offered_plans(find_plans(gold, _reader(task.domain, task.problem, tuple(task.objects.items()))))
    plan = the_plan(plans, problem) if plans else None
    for kind, steps in _changes(plan.steps, sorted(problem.objects)) if plan else ():
        if steps and execute(problem, steps).reason != GOAL_REACHED:
            yield NearMiss(kind, _text(steps))


def _changes(steps: list[Step], objects: list[str]) -> Iterator[tuple[str, list[Step]]]:
    """Each plan that differs in one place from `steps`, with what was changed."""
    for i, step in enumerate(steps):
        before, after = steps[:i], steps[i + 1 :]
        yield "dropped_step", before + after
        yield "doubled_step", [*before, step, step, *after]
        if after and after[0] != step:
            yield "swapped_steps", [*before, after[0], step, *after[1:]]
        for j, k in combinations(range(1, len(step)), 2):
            swapped = list(step)
            swapped[j], swapped[k] = step[k], step[j]
            yield "swapped_arguments", [*before, tuple(swapped), *after]
        for j in range(1, len(step)):
            other = next((name for name in objects if name not in step), None)
            if other:
                yield "replaced_object", [*before, (*step[:j], other, *step[j + 1 :]), *after]


def _restates(plan: Plan, first: Plan) -> bool:
    """The same steps, where the later wording may leave objects out."""
    pairs = zip(plan.steps, first.steps, strict=False)
    return len(plan.steps) == len(first.steps) and all(a[0] == b[0] and set(a) <= set(b) for a, b in pairs)


def _text(steps: list[Step]) -> str:
    return "\n".join(f"({' '.join(step)})" for step in steps)


def _details(done: Execution, plan: Plan, reference_length: int | None) -> dict[str, object] | None:
    if done.failed_step:
        return {"step": _text([plan.steps[done.failed_step - 1]]), "unmet": list(done.unmet)}
    if done.unmet:
        return {"unmet": list(done.unmet)}
    return {"optimality": reference_length / len(plan.steps)} if reference_length and plan.steps else None


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
_LONG = "(sail north south)\n(sail south north)\n" + _PLAN
_WRONG = "(sail north south)\n" + _PLAN

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
    (_TASK, f"{_WRONG}\n\nCorrected plan:\n{_PLAN}", "correct", GOAL_REACHED),
    (_TASK, f"{_WRONG}\n\nThis plan will not work. Another plan:\n{_PLAN}", "correct", GOAL_REACHED),
    (_TASK, f"(board c1 north)\n(get-off c1 south)\nWait, that is not allowed.\n{_PLAN[17:]}", "correct", GOAL_REACHED),
    (_TASK, f"Plan A:\n{_PLAN}\n\nPlan B:\n{_LONG}", "correct", GOAL_REACHED),
    (
        _TASK,
        '[{"action": "board", "args": ["c1", "north"]}, "(sail north south)", "get-off(c1, south)"]',
        "correct",
        GOAL_REACHED,
    ),
    (_TASK | {"reference_length": 3}, f"The plan is: {_PLAN}".replace("\n", ", "), "correct", GOAL_REACHED),
    (_TASK, "(board c1 north)\n(sail north south)", "incorrect", GOAL_NOT_REACHED),
    (_TASK, "(board c1 north)\n(get-off c1 south)", "incorrect", PRECONDITION_UNMET),
    (_TASK, "(board c1 north)\n(fly north south)\n(get-off c1 south)", "incorrect", UNKNOWN_ACTION),
    (_TASK, "(board c1 north)\n(sail north west)", "incorrect", UNKNOWN_OBJECT),
    (_TASK, "(board north c1)", "incorrect", WRONG_ARGUMENTS),
    (_NAMED, "1. Board the old taxi.\n2. Sail from north to south.", "incorrect", WRONG_ARGUMENTS),
    (_TASK, f"Plan A:\n{_PLAN}\n\nPlan B:\n{_WRONG}", "undecided", AMBIGUOUS),
    (_TASK, "The taxi should cross on the ferry.", "undecided", NO_ANSWER),
]
