"""Read PDDL (STRIPS with typing, constants, negative preconditions and equality) and carry plans out.

Anything else in a domain (conditional effects, quantifiers, numbers, durations, ...) is refused by name in a
`PddlError`. The language: McDermott et al. 1998, "PDDL - The Planning Domain Definition Language"; negative
preconditions and add-after-delete as in Fox and Long 2003, "PDDL2.1", section 3.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

GOAL_REACHED = "goal_reached"
GOAL_NOT_REACHED = "goal_not_reached"
PRECONDITION_UNMET = "precondition_unmet"
UNKNOWN_ACTION = "unknown_action"
UNKNOWN_OBJECT = "unknown_object"
WRONG_ARGUMENTS = "wrong_arguments"

REQUIREMENTS = frozenset({":strips", ":typing", ":negative-preconditions", ":equality"})
OBJECT = "object"
"""The type above all types."""

MAX_DEPTH = 100
_TOKEN = re.compile(r"[()]|[^\s()]+")

Fact = tuple[str, ...]
"""A predicate and its arguments, such as ("on", "a", "b")."""

Step = tuple[str, ...]
"""An action's name and its arguments, such as ("stack", "a", "b")."""


class PddlError(ValueError):
    """A domain or problem is malformed, or uses what is not supported; the text names it."""


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


def read_problem(domain: str, problem: str) -> Problem:
    """Parse a domain and a problem; raises PddlError, which names what is malformed or not supported."""
    parts = _sections(domain, "domain", (":requirements", ":types", ":constants", ":predicates", ":action"))
    for requirement in _all(parts, ":requirements"):
        if requirement not in REQUIREMENTS:
            raise PddlError(
                f"domain: requirement {requirement!r} is not supported; supported: {', '.join(sorted(REQUIREMENTS))}"
            )
    types = _type_closure(_typed(_all(parts, ":types"), "types"))
    constants = _typed(_all(parts, ":constants"), "constants")
    arities = {"=": 2} | {_head(form): len(_typed(form[1:], "predicates")) for form in _all(parts, ":predicates")}
    wholes = _sections(problem, "problem", (":domain", ":requirements", ":objects", ":init", ":goal"))
    objects = {}
    for name, parents in constants + _typed(_all(wholes, ":objects"), "objects"):
        objects[name] = frozenset().union(*(_supertypes(parent, types) for parent in parents))
    known = frozenset(objects)
    actions = [_action(body, types, arities, known) for key, body in parts if key == ":action"]
    init = [literal for form in _all(wholes, ":init") for literal in _literals(form, arities, known, "init")]
    goal = [literal for form in _all(wholes, ":goal") for literal in _literals(form, arities, known, "goal")]
    if not actions or not any(key == ":goal" for key, _ in wholes):
        raise PddlError("domain: no :action in it" if not actions else "problem: no :goal in it")
    facts = frozenset(literal.fact for literal in init if literal.positive)
    return Problem({action.name: action for action in actions}, objects, facts, tuple(goal))


def _sections(text: str, kind: str, supported: tuple[str, ...]) -> list[tuple[str, list[Any]]]:
    """The sections of `(define (domain ...) ...)` as (keyword, content); an unsupported one is an error."""
    form = _read(text, kind)
    if len(form) < 2 or form[0] != "define" or not isinstance(form[1], list) or form[1][:1] != [kind]:
        raise PddlError(f"{kind}: wanted (define ({kind} NAME) ...)")
    sections = [(_head(part), part[1:]) for part in form[2:]]
    for key, _ in sections:
        if key not in supported:
            raise PddlError(f"{kind}: section {key!r} is not supported; supported: {', '.join(supported)}")
    return sections


def _read(text: str, kind: str) -> list[Any]:
    """The one form in a text as nested lists of lower-case tokens; comments are left out."""
    stack: list[list[Any]] = [[]]
    for token in _TOKEN.findall(re.sub(r";[^\n]*", "", text).lower()):
        if token == "(":
            stack.append([])
        elif token == ")" and len(stack) > 1:
            done = stack.pop()
            stack[-1].append(done)
        elif token == ")":
            raise PddlError(f"{kind}: a closing parenthesis too many")
        else:
            stack[-1].append(token)
        if len(stack) > MAX_DEPTH:
            raise PddlError(f"{kind}: parentheses nested deeper than {MAX_DEPTH}")
    if len(stack) > 1:
        raise PddlError(f"{kind}: {len(stack) - 1} closing parentheses are missing")
    if len(stack[0]) != 1 or not isinstance(stack[0][0], list):
        raise PddlError(f"{kind}: wanted one form (define ...), found {len(stack[0])}")
    return stack[0][0]


def _head(form: Any) -> str:
    if not isinstance(form, list) or not form or not isinstance(form[0], str):
        raise PddlError(f"wanted a form (NAME ...), found {_shown(form)}")
    return form[0]


def _all(sections: list[tuple[str, list[Any]]], key: str) -> list[Any]:
    """The contents of all sections of one name, one after the other."""
    return [item for name, body in sections if name == key for item in body]


def _typed(items: list[Any], where: str) -> list[tuple[str, tuple[str, ...]]]:
    """Read `a b - t c` as [(a, (t,)), (b, (t,)), (c, (object,))]; `(either t u)` gives several types."""
    found: list[tuple[str, tuple[str, ...]]] = []
    waiting: list[str] = []
    rest = iter(items)
    for item in rest:
        if item != "-":
            if not isinstance(item, str):
                raise PddlError(f"{where}: wanted a name, found {_shown(item)}")
            waiting.append(item)
            continue
        kind = next(rest, None)
        kinds = tuple(kind[1:]) if isinstance(kind, list) and kind[:1] == ["either"] else (kind,)
        if not kinds or not all(isinstance(name, str) for name in kinds):
            raise PddlError(f"{where}: wanted a type after '-', found {_shown(kind)}")
        found += [(name, cast(tuple[str, ...], kinds)) for name in waiting]
        waiting = []
    return found + [(name, (OBJECT,)) for name in waiting]


def _type_closure(declared: list[tuple[str, tuple[str, ...]]]) -> dict[str, frozenset[str]]:
    """Each type with itself and all types above it."""
    parents: dict[str, set[str]] = {OBJECT: set()}
    for name, above in declared:
        parents.setdefault(name, set()).update(above)
        for parent in above:
            parents.setdefault(parent, set())
    closure = {}
    for name in parents:
        seen, todo = {OBJECT}, [name]
        while todo:
            if (current := todo.pop()) not in seen or current == name:
                seen.add(current)
                todo += [parent for parent in parents[current] if parent not in seen]
        closure[name] = frozenset(seen)
    return closure


def _supertypes(name: str, types: dict[str, frozenset[str]]) -> frozenset[str]:
    if name not in types:
        raise PddlError(f"type {name!r} is not declared")
    return types[name]


def _action(
    body: list[Any], types: dict[str, frozenset[str]], arities: dict[str, int], known: frozenset[str]
) -> Action:
    name = body[0] if body and isinstance(body[0], str) else ""
    where = f"action {name!r}"
    fields = dict(zip(body[1::2], body[2::2], strict=False)) if all(isinstance(key, str) for key in body[1::2]) else {}
    if not name or len(body) % 2 == 0 or not fields.keys() <= {":parameters", ":precondition", ":effect"}:
        raise PddlError(f"{where}: wanted a name, :parameters, :precondition and :effect only")
    parameters = _typed(fields.get(":parameters", []), where)
    for _, kinds in parameters:
        for kind in kinds:
            _supertypes(kind, types)
    terms = known | {variable for variable, _ in parameters}
    precondition = _literals(fields.get(":precondition", []), arities, terms, where)
    effect = _literals(fields.get(":effect", []), arities, terms, where)
    if any(literal.fact[0] == "=" for literal in effect):
        raise PddlError(f"{where}: '=' in an effect is not supported")
    return Action(name, tuple(parameters), tuple(precondition), tuple(effect))


def _literals(form: Any, arities: dict[str, int], terms: frozenset[str], where: str) -> list[Literal]:
    """A conjunction as a list of literals; whatever else is in it is refused by name."""
    if form == []:
        return []
    head = _head(form)
    if head == "and":
        return [literal for part in form[1:] for literal in _literals(part, arities, terms, where)]
    negated = head == "not" and len(form) == 2
    fact = form[1] if negated else form
    name = _head(fact)
    if name not in arities:
        raise PddlError(f"{where}: {name!r} is not supported here, nor is it a declared predicate")
    if not all(isinstance(term, str) for term in fact) or len(fact) - 1 != arities[name]:
        raise PddlError(f"{where}: {_shown(fact)}: {name!r} takes {arities[name]} arguments")
    if strange := [term for term in fact[1:] if term not in terms]:
        raise PddlError(f"{where}: {strange[0]!r} in {_shown(fact)} is not declared")
    return [Literal(tuple(fact), not negated)]


def _shown(form: Any) -> str:
    """A form as PDDL, cut to 60 characters."""
    text = f"({' '.join(map(_shown, form))})" if isinstance(form, list) else str(form)
    return text if len(text) <= 60 else text[:59] + "…"
