"""Read PDDL (STRIPS with typing, constants, negative preconditions and equality) and carry plans out.

Action costs are read and ignored. Anything else in a domain (conditional effects, quantifiers, numbers, durations, ...)
is refused by name in a `PddlError`. The language: McDermott et al. 1998, "PDDL - The Planning Domain Definition
Language"; negative preconditions and add-after-delete as in Fox and Long 2003, "PDDL2.1", section 3.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pipeline.pddl.forms import PddlError, contents, head, sections, shown, supertypes, type_closure, typed

GOAL_REACHED = "goal_reached"
GOAL_NOT_REACHED = "goal_not_reached"
PRECONDITION_UNMET = "precondition_unmet"
UNKNOWN_ACTION = "unknown_action"
UNKNOWN_OBJECT = "unknown_object"
WRONG_ARGUMENTS = "wrong_arguments"

REQUIREMENTS = frozenset({":strips", ":typing", ":negative-preconditions", ":equality", ":action-costs"})
TOTAL_COST = ["total-cost"]
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
DOMAIN_SECTIONS = (":requirements", ":types", ":constants", ":predicates", ":functions", ":action")
PROBLEM_SECTIONS = (":domain", ":requirements", ":objects", ":init", ":goal", ":metric")

Fact = tuple[str, ...]
"""A predicate and its arguments, such as ("on", "a", "b")."""

Step = tuple[str, ...]
"""An action's name and its arguments, such as ("stack", "a", "b")."""


@dataclass(frozen=True)
class Literal:
    """A fact that must (or, with `positive` false, must not) hold; `=` compares its two arguments."""

    fact: Fact
    positive: bool = True

    def __str__(self) -> str:
        text = f"({' '.join(self.fact)})"
        return text if self.positive else f"(not {text})"

    def bound(self, binding: dict[str, str]) -> "Literal":
        """The same literal with its variables replaced."""
        return Literal((self.fact[0], *(binding.get(term, term) for term in self.fact[1:])), self.positive)

    def holds(self, state: frozenset[Fact]) -> bool:
        """Whether it is true in a state (what is not in the state is false)."""
        true = self.fact[1] == self.fact[2] if self.fact[0] == "=" else self.fact in state
        return true is self.positive


@dataclass(frozen=True)
class Action:
    """An action schema; a parameter is a variable and the types that it may have."""

    name: str
    parameters: tuple[tuple[str, tuple[str, ...]], ...]
    precondition: tuple[Literal, ...]
    effect: tuple[Literal, ...]


@dataclass(frozen=True)
class Problem:
    """A domain and a problem together. `objects` gives each object all of its types, constants included."""

    actions: dict[str, Action]
    objects: dict[str, frozenset[str]]
    init: frozenset[Fact]
    goal: tuple[Literal, ...]
    predicates: frozenset[str]


@dataclass(frozen=True)
class Execution:
    """What became of a plan: `failed_step` counts from 1, `unmet` are the conditions that did not hold."""

    reason: str
    failed_step: int | None = None
    unmet: tuple[str, ...] = ()


def execute(problem: Problem, plan: Sequence[Step]) -> Execution:
    """Carry a plan out from the initial state; it succeeds where every step applies and the goal then holds."""
    state = problem.init
    for number, step in enumerate(plan, 1):
        if reason := _unfit(problem, step):
            return Execution(reason, number)
        action = problem.actions[step[0]]
        binding = {variable: value for (variable, _), value in zip(action.parameters, step[1:], strict=True)}
        needed = [literal.bound(binding) for literal in action.precondition]
        if unmet := tuple(str(literal) for literal in needed if not literal.holds(state)):
            return Execution(PRECONDITION_UNMET, number, unmet)
        effect = [literal.bound(binding) for literal in action.effect]
        state = (state - {e.fact for e in effect if not e.positive}) | {e.fact for e in effect if e.positive}
    unmet = tuple(str(literal) for literal in problem.goal if not literal.holds(state))
    return Execution(GOAL_NOT_REACHED, None, unmet) if unmet else Execution(GOAL_REACHED)


def _unfit(problem: Problem, step: Step) -> str | None:
    """Why a step is no instance of an action, or None where it is one."""
    action = problem.actions.get(step[0])
    if action is None:
        return UNKNOWN_ACTION
    if any(name not in problem.objects for name in step[1:]):
        return UNKNOWN_OBJECT
    if len(step) - 1 != len(action.parameters):
        return WRONG_ARGUMENTS
    fits = (
        not problem.objects[name].isdisjoint(types)
        for name, (_, types) in zip(step[1:], action.parameters, strict=True)
    )
    return None if all(fits) else WRONG_ARGUMENTS


class _Names(NamedTuple):
    """What a domain and a problem declare: predicates with their number of arguments, objects, cost functions."""

    arities: dict[str, int]
    objects: frozenset[str]
    costs: frozenset[str]


def read_problem(domain: str, problem: str) -> Problem:
    """Parse a domain and a problem; raises PddlError, which names what is malformed or not supported."""
    parts = sections(domain, "domain", DOMAIN_SECTIONS)
    wholes = sections(problem, "problem", PROBLEM_SECTIONS)
    _check_requirements(parts, "domain")
    _check_requirements(wholes, "problem")
    _check_metric(contents(wholes, ":metric"))
    types = type_closure(typed(contents(parts, ":types"), "types"))
    objects = {}
    for name, parents in typed(contents(parts, ":constants"), "constants") + typed(
        contents(wholes, ":objects"), "objects"
    ):
        objects[name] = frozenset().union(*(supertypes(parent, types) for parent in parents))
    names = _Names(_arities(contents(parts, ":predicates")), frozenset(objects), _costs(contents(parts, ":functions")))
    actions = [_action(body, types, names) for key, body in parts if key == ":action"]
    by_name = {action.name: action for action in actions}
    facts = [form for form in contents(wholes, ":init") if not _sets_cost(form, names.costs)]
    init = [literal for form in facts for literal in _literals(form, names, names.objects, "init")]
    goal = [literal for form in contents(wholes, ":goal") for literal in _literals(form, names, names.objects, "goal")]
    if not actions or not any(key == ":goal" for key, _ in wholes):
        raise PddlError("domain: no :action in it" if not actions else "problem: no :goal in it")
    if len(by_name) < len(actions):
        raise PddlError("domain: two actions have the same name")
    held = frozenset(literal.fact for literal in init if literal.positive)
    return Problem(by_name, objects, held, tuple(goal), frozenset(names.arities))


def _check_requirements(parts: list[tuple[str, list[Any]]], where: str) -> None:
    for requirement in contents(parts, ":requirements"):
        if requirement not in REQUIREMENTS:
            supported = ", ".join(sorted(REQUIREMENTS))
            raise PddlError(f"{where}: requirement {shown(requirement)!r} is not supported; supported: {supported}")


def _check_metric(metric: list[Any]) -> None:
    """Costs are ignored, so a metric may ask for the least cost and for nothing else."""
    if metric and metric != ["minimize", ["total-cost"]]:
        raise PddlError(f"problem: ':metric' {shown(metric)} is not supported; supported: minimize (total-cost)")


def _arities(forms: list[Any]) -> dict[str, int]:
    return {"=": 2} | {head(form): len(typed(form[1:], "predicates")) for form in forms}


def _costs(forms: list[Any]) -> frozenset[str]:
    """The names of `(:functions (total-cost) - number (road-length ?a ?b) - number)`."""
    items = [form for form in forms if form not in ("-", "number")]
    return frozenset(head(form) for form in items)


def _sets_cost(form: Any, costs: frozenset[str]) -> bool:
    """Whether it is `(= (total-cost) 0)`, or gives another cost function its value."""
    is_value = isinstance(form, list) and len(form) == 3 and form[0] == "=" and isinstance(form[1], list)
    if is_value and head(form[1]) not in costs:
        raise PddlError(f"init: function {head(form[1])!r} is not declared")
    return is_value and isinstance(form[2], str) and bool(_NUMBER.fullmatch(form[2]))


def _raises_cost(form: Any, costs: frozenset[str]) -> bool:
    """Whether it is `(increase (total-cost) C)`, C a number or a declared cost function."""
    if not (isinstance(form, list) and len(form) == 3 and form[:2] == ["increase", TOTAL_COST]):
        return False
    cost = form[2]
    is_number = isinstance(cost, str) and bool(_NUMBER.fullmatch(cost))
    return TOTAL_COST[0] in costs and (is_number or (isinstance(cost, list) and head(cost) in costs))


def _action(body: list[Any], types: dict[str, frozenset[str]], names: _Names) -> Action:
    name = body[0] if body and isinstance(body[0], str) else ""
    where = f"action {name!r}"
    fields = dict(zip(body[1::2], body[2::2], strict=False)) if all(isinstance(key, str) for key in body[1::2]) else {}
    if not name or len(body) % 2 == 0 or not fields.keys() <= {":parameters", ":precondition", ":effect"}:
        raise PddlError(f"{where}: wanted a name, :parameters, :precondition and :effect only")
    parameters = typed(fields.get(":parameters", []), where)
    for _, kinds in parameters:
        for kind in kinds:
            supertypes(kind, types)
    terms = names.objects | {variable for variable, _ in parameters}
    precondition = _literals(fields.get(":precondition", []), names, terms, where)
    effect = _literals(_without_costs(fields.get(":effect", []), names.costs), names, terms, where)
    if any(literal.fact[0] == "=" for literal in effect):
        raise PddlError(f"{where}: '=' in an effect is not supported")
    return Action(name, tuple(parameters), tuple(precondition), tuple(effect))


def _without_costs(effect: Any, costs: frozenset[str]) -> Any:
    """An effect without what it adds to the total cost."""
    if _raises_cost(effect, costs):
        return []
    is_conjunction = isinstance(effect, list) and effect[:1] == ["and"]
    return ["and", *(_without_costs(part, costs) for part in effect[1:])] if is_conjunction else effect


def _literals(form: Any, names: _Names, terms: frozenset[str], where: str) -> list[Literal]:
    """A conjunction as a list of literals; whatever else is in it is refused by name."""
    if form == []:
        return []
    if head(form) == "and":
        return [literal for part in form[1:] for literal in _literals(part, names, terms, where)]
    negated = form[0] == "not" and len(form) == 2
    fact = form[1] if negated else form
    name = head(fact)
    if name not in names.arities:
        raise PddlError(f"{where}: {name!r} is not supported here, nor is it a declared predicate")
    if not all(isinstance(term, str) for term in fact):
        raise PddlError(f"{where}: {shown(fact)}: {name!r} of a form (a number or a timed fact) is not supported")
    if len(fact) - 1 != names.arities[name]:
        raise PddlError(f"{where}: {shown(fact)}: {name!r} takes {names.arities[name]} arguments")
    if strange := [term for term in fact[1:] if term not in terms]:
        raise PddlError(f"{where}: {strange[0]!r} in {shown(fact)} is not declared")
    return [Literal(tuple(fact), not negated)]
