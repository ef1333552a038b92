"""Check a worked calculation step by step: what its equations claim, given the steps before them."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, islice, pairwise
from typing import NamedTuple

from pipeline.arithmetic.equations import Part, Unreadable, chains, closed, evaluate, tokens_of, values_within
from pipeline.plain_values import number

WRONG_VALUE = "wrong_value"
WRONG_COPY = "wrong_copy"
WRONG_SUBSTITUTION = "wrong_substitution"
WRONG_ANSWER = "wrong_answer"

MAX_CHAINS = 200
"""Equations of one step."""
MIN_NUMBERS = 4
"""Numbers of a problem that is told apart from other calculations by its form."""

_REWRITES = re.compile(r"\b(?:(?:re)?written|rewrite|express(?:ed)?|equivalent)\b", re.IGNORECASE)
_NUMBERED = re.compile(r"\s*(?:[#*]+\s*)?(?:step\s*)?(\d{1,3})\s*[.):]\**\s", re.IGNORECASE)
_BULLET = re.compile(
    r"\s*(?:[-*•+]\s+(?=\S))?(?:#+\s*)?\**(?:step\s*\d{1,3}\s*[.):]\**|\d{1,3}[.):]\**\s)?", re.IGNORECASE
)
_GOES_ON = re.compile(r"[\s$&*]*=")


class Mistake(NamedTuple):
    """What is wrong in a step, which counts from 1."""

    place: int
    reason: str
    claim: str


def steps_of(text: str) -> list[str]:
    """Numbered paragraphs where at least two are numbered from 1 on, else lines that are not blank.

    What stands before the first number belongs to the first step.

    >>> steps_of("We add.\\n1. 2 + 3 = 5\\nThat is five.\\n2. 5 + 1 = 6"), steps_of("2 + 3 = 5\\n\\n5 + 1 = 6")
    (['We add.\\n1. 2 + 3 = 5\\nThat is five.', '2. 5 + 1 = 6'], ['2 + 3 = 5', '5 + 1 = 6'])
    """
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [i for i, line in enumerate(lines) if _NUMBERED.match(line)]
    numbers = [int(match[1]) for i in starts if (match := _NUMBERED.match(lines[i]))]
    if len(starts) < 2 or numbers != list(range(1, len(numbers) + 1)):
        return lines
    cuts = [0, *starts[1:], len(lines)]
    return ["\n".join(lines[start:end]) for start, end in pairwise(cuts)]


class Trace:
    """What the steps so far have given values; `value` is what the problem comes to."""

    def __init__(self, expression: str) -> None:
        self.problem = tokens_of(expression)
        self.value = evaluate(self.problem)
        self.side = Part(self.problem)
        """The last side of all; a line that begins with `=` goes on from it."""
        self.names: dict[str, Fraction] = {}
        self.last: Fraction | None = None
        """Where the last equation of the last step ends."""
        self.uncertain: set[str] = set()
        """Names that were defined with brackets that do not fit."""
        self.n_equations = 0
        self.reached: set[Fraction] = set()
        """Values of the equations that calculate something."""
        self.place = 0
        self.openings: list[tuple[int, Part, Fraction]] = []
        """The first side of each equation that has no names, and its step."""

    def mistake_in(self, step: str, place: int) -> Mistake | None:
        """The first mistake in a step, whose definitions may stand in any order; Unreadable where it cannot be read."""
        self.place, self.last = place, None
        waiting = list(islice(self._claims(step), MAX_CHAINS + 1))
        if len(waiting) > MAX_CHAINS:
            raise Unreadable(f"more than {MAX_CHAINS} equations")
        while ready := [claim for claim in waiting if not self._lacks(claim.chain)]:
            waiting = [claim for claim in waiting if self._lacks(claim.chain)]
            for claim in ready:
                if mistake := self._in_claim(claim):
                    return mistake
        if unknown := next((claim.chain for claim in waiting if len(claim.chain) > 1), None):
            raise Unreadable(f"a name without a value in {' = '.join(map(str, unknown))}"[:200])
        return None

    def _claims(self, step: str) -> Iterator["Claim"]:
        for line in step.splitlines():
            bare = _BULLET.sub("", line, count=1)
            is_rewriting, goes_on = bool(_REWRITES.search(bare)), bool(_GOES_ON.match(bare))
            for chain in chains(bare):
                sides = [self.side, *chain[1:]] if goes_on and not chain[0].tokens else chain
                goes_on = False
                self.side = sides[-1]
                yield Claim(sides, is_rewriting)

    def astray(self) -> Mistake:
        """Where a trace whose equations hold leaves the problem: the first side that is no part of it, else the end."""
        known = values_within(self.problem)
        strays = ((place, part) for place, part, value in self.openings if value not in known)
        place, part = next(strays, (self.place, None))
        return Mistake(place, WRONG_COPY, str(part)) if part else Mistake(place, WRONG_ANSWER, "the final answer")

    def miscopied(self) -> Mistake | None:
        """A side that is the problem but for a few of its numbers or signs, where no later equation uses its value."""
        for i, (place, part, value) in enumerate(self.openings):
            if value == self.value or not _is_almost(part.tokens, self.problem):
                continue
            if not any(value in values_within(later.tokens) for _, later, _ in self.openings[i + 1 :]):
                return Mistake(place, WRONG_COPY, str(part))
        return None

    def is_reached(self) -> bool:
        """Whether some equation comes to the value of the problem."""
        return self.value in self.reached or _n_terms(Part(self.problem)) == 1

    def _lacks(self, chain: list[Part]) -> bool:
        """Whether it uses a name that has no value yet."""
        used = chain[1:] if len(chain) > 1 and chain[0].name else chain
        return any(not part.names <= self.names.keys() for part in used)

    def _in_claim(self, claim: "Claim") -> Mistake | None:
        if len(claim.chain) == 1:
            return self._in_formula(claim.chain[0]) if claim.is_rewriting else None
        name = claim.chain[0].name
        sides = claim.chain[1:] if name else claim.chain
        values = [evaluate(closed(side.tokens), self.names) for side in sides]
        if name and name not in self.names and closed(sides[0].tokens) != sides[0].tokens:
            self.uncertain.add(name)
        if name and self.names.setdefault(name, values[0]) != values[0]:
            _check_brackets(sides[0])
            return Mistake(self.place, WRONG_COPY, f"{name} = {sides[0]}")
        if not name and not sides[0].names:
            self.openings.append((self.place, sides[0], values[0]))
        self.n_equations += 1
        self.last = values[-1]
        if any(_n_terms(side) > 1 for side in claim.chain):
            self.reached.update(values)
        pairs = zip(pairwise(sides), pairwise(values), strict=True)
        return next((self._unequal(*pair, *both) for pair, both in pairs if both[0] != both[1]), None)

    def _in_formula(self, part: Part) -> Mistake | None:
        """A formula in names that is said to rewrite the problem must be worth the same."""
        if evaluate(part.tokens, self.names) == self.value:
            return None
        if part.names & self.uncertain:
            raise Unreadable(f"the brackets of a name in {part} do not fit")
        return Mistake(self.place, WRONG_COPY, str(part))

    def _unequal(self, left: Part, right: Part, left_value: Fraction, right_value: Fraction) -> Mistake:
        """Two sides that differ; Unreadable where it is a matter of rounding, or of brackets that do not fit."""
        _check_brackets(left)
        _check_brackets(right)
        claim = f"{left} = {right}"[:200]
        if _rounds(left, right_value) or _rounds(right, left_value):
            raise Unreadable(f"{claim} holds when rounded only")
        return Mistake(self.place, WRONG_SUBSTITUTION if left.names and not right.names else WRONG_VALUE, claim)


class Claim(NamedTuple):
    """A chain of equal sides; a single side in names is a claim where it says to rewrite the problem."""

    chain: list[Part]
    is_rewriting: bool


def _n_terms(side: Part) -> int:
    """Numbers and names in it."""
    return sum(token[0].isalnum() for token in side.tokens)


def _is_almost(tokens: Sequence[str], problem: Sequence[str]) -> bool:
    """Whether they differ in one place of four at most; brackets must be the same, and there must be four numbers."""
    told, given = _signed(tokens), _signed(problem)
    if len(told) != len(given) or sum(token[-1].isdigit() for token in given) < MIN_NUMBERS:
        return False
    changed = [(a, b) for a, b in zip(told, given, strict=True) if a != b]
    n_symbols = sum(token not in ("(", ")") for token in given)
    return 0 < len(changed) <= n_symbols / 4 and not any({"(", ")"} & set(pair) for pair in changed)


def _signed(tokens: Sequence[str]) -> list[str]:
    """Tokens without brackets around all of them, where a number holds its sign."""
    found: list[str] = []
    for token in tokens:
        is_signed = token[0].isdigit() and found[-1:] == ["-"] and (len(found) == 1 or found[-2] in "(+-*/^")
        found[-1:] = [f"-{token}"] if is_signed else [*found[-1:], token]
    while found[:1] == ["("] and _closing(found) == len(found) - 1:
        found = found[1:-1]
    return found


def _closing(tokens: Sequence[str]) -> int:
    """The place of the bracket that closes the first one."""
    depths = accumulate((token == "(") - (token == ")") for token in tokens)
    return next((i for i, depth in enumerate(depths) if not depth), -1)


def _check_brackets(side: Part) -> None:
    if closed(side.tokens) != side.tokens:
        raise Unreadable(f"the brackets of {side} do not fit")


def _rounds(side: Part, value: Fraction) -> bool:
    """Whether a side is a decimal that `value` rounds to."""
    text = "".join(side.tokens).strip("()-")
    decimals = len(text.partition(".")[2])
    read = number(text) if decimals else None
    return read is not None and abs(read.value - abs(value)) <= Fraction(1, 2 * 10**decimals)
