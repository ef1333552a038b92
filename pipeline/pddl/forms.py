"""The text of PDDL as nested lists: its sections, its typed lists of names and its types."""

import re
from typing import Any, cast

OBJECT = "object"
"""The type above all types."""

MAX_DEPTH = 100
_TOKEN = re.compile(r"[()]|[^\s()]+")


class PddlError(ValueError):
    """A domain or problem is malformed, or uses what is not supported; the text names it."""


def sections(text: str, kind: str, supported: tuple[str, ...]) -> list[tuple[str, list[Any]]]:
    """The sections of `(define (domain ...) ...)` as (keyword, content); an unsupported one is an error."""
    form = _read(text, kind)
    if len(form) < 2 or form[0] != "define" or not isinstance(form[1], list) or form[1][:1] != [kind]:
        raise PddlError(f"{kind}: wanted (define ({kind} NAME) ...)")
    found = [(head(part), part[1:]) for part in form[2:]]
    for key, _ in found:
        if key not in supported:
            raise PddlError(f"{kind}: section {key!r} is not supported; supported: {', '.join(supported)}")
    return found


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


def head(form: Any) -> str:
    """The name that a form begins with; PddlError where it has none."""
    if not isinstance(form, list) or not form or not isinstance(form[0], str):
        raise PddlError(f"wanted a form (NAME ...), found {shown(form)}")
    return form[0]


def contents(sections: list[tuple[str, list[Any]]], key: str) -> list[Any]:
    """The contents of all sections of one name, one after the other."""
    return [item for name, body in sections if name == key for item in body]


def typed(items: list[Any], where: str) -> list[tuple[str, tuple[str, ...]]]:
    """Read `a b - t c` as [(a, (t,)), (b, (t,)), (c, (object,))]; `(either t u)` gives several types."""
    found: list[tuple[str, tuple[str, ...]]] = []
    waiting: list[str] = []
    rest = iter(items)
    for item in rest:
        if item != "-":
            if not isinstance(item, str):
                raise PddlError(f"{where}: wanted a name, found {shown(item)}")
            waiting.append(item)
            continue
        kind = next(rest, None)
        kinds = tuple(kind[1:]) if isinstance(kind, list) and kind[:1] == ["either"] else (kind,)
        if not kinds or not all(isinstance(name, str) for name in kinds):
            raise PddlError(f"{where}: wanted a type after '-', found {shown(kind)}")
        found += [(name, cast(tuple[str, ...], kinds)) for name in waiting]
        waiting = []
    return found + [(name, (OBJECT,)) for name in waiting]


def type_closure(declared: list[tuple[str, tuple[str, ...]]]) -> dict[str, frozenset[str]]:
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


def supertypes(name: str, types: dict[str, frozenset[str]]) -> frozenset[str]:
    """A type with all types above it, out of `type_closure`; PddlError where it is not declared."""
    if name not in types:
        raise PddlError(f"type {name!r} is not declared")
    return types[name]


def shown(form: Any) -> str:
    """A form as PDDL, cut to 60 characters."""
    text = f"({' '.join(map(shown, form))})" if isinstance(form, list) else str(form)
    return text if len(text) <= 60 else text[:59] + "…"
