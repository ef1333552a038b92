"""PDDL in plain words: what actions need and do, initial states and goals, with phrases for predicates and actions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.pddl.problem import Action, Literal, Problem
from schemas.errors import SchemaError

VARIABLES = "XYZUVWABCDEFGHIJKLMNOPQRST"


@dataclass(frozen=True)
class Wording:
    """The words: `names` of objects, `phrases` of predicates and actions; what has no phrase is put as `on (X, Y)`.

    >>> words = Wording({"a": "red block"}, {"on": "{0} is on {1}"})
    >>> words.literal(Literal(("on", "a", "b"), positive=False))
    'it is not true that the red block is on b'
    """

    names: dict[str, str]
    phrases: dict[str, str]

    def problem(self, problem: Problem) -> str:
        """Initial state and goal, each sorted."""
        init = sorted(self.literal(Literal(fact)) for fact in problem.init)
        goal = sorted(self.literal(literal) for literal in problem.goal)
        return f"Initially: {'; '.join(init)}.\nGoal: {'; '.join(goal)}."

    def objects(self, problem: Problem) -> str:
        """All objects, with their types where there are any."""
        shown = []
        for name, types in sorted(problem.objects.items()):
            kinds = ", ".join(sorted(types - {"object"}))
            shown.append(self.term(name) + (f" ({kinds})" if kinds else ""))
        return f"Objects: {'; '.join(shown)}."

    def actions(self, problem: Problem) -> str:
        """What each action needs and does."""
        return "\n".join(["Actions:", *(f"- {self.action(action)}" for action in problem.actions.values())])

    def action(self, action: Action) -> str:
        """One action, its parameters as X, Y, Z."""
        letters = dict(zip((name for name, _ in action.parameters), VARIABLES, strict=False))
        parts = [self.call(action.name, list(letters.values()))]
        kinds = [
            f"{letters[name]} is a {' or '.join(types)}" for name, types in action.parameters if types != ("object",)
        ]
        needs = kinds + [self.literal(literal.bound(letters)) for literal in action.precondition]
        gains = [self.literal(effect.bound(letters)) for effect in action.effect if effect.positive]
        losses = [self.literal(Literal(effect.bound(letters).fact)) for effect in action.effect if not effect.positive]
        for label, said in (("Needs", needs), ("Makes true", gains), ("Makes false", losses)):
            parts += [f"{label}: {'; '.join(said)}"] if said else []
        return ". ".join(parts) + "."

    def literal(self, literal: Literal) -> str:
        """One condition."""
        name, *terms = literal.fact
        if name == "=":
            return (
                f"{self.term(terms[0])} and {self.term(terms[1])} are {'the same' if literal.positive else 'different'}"
            )
        said = self.call(name, terms)
        return said if literal.positive else f"it is not true that {said}"

    def call(self, name: str, terms: Sequence[str]) -> str:
        """A predicate or action with its arguments, by its phrase or plainly: `on (X, Y)`."""
        shown = [self.term(term) for term in terms]
        if name not in self.phrases:
            return name.replace("-", " ") + (f" ({', '.join(shown)})" if shown else "")
        try:
            return re.sub(r"\{(\d+)\}", lambda m: shown[int(m[1])], self.phrases[name])
        except IndexError:
            raise SchemaError(
                f"phrases.{name}: {self.phrases[name]!r} asks for more than the {len(shown)} arguments"
            ) from None

    def term(self, name: str) -> str:
        """An object in words, such as `the red block`."""
        return f"the {self.names[name]}" if name in self.names else name
