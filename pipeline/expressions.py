r"""Expressions of whole numbers with + - * and brackets, as people and models write them; read without any `eval`.

Cost is bounded by the length of the text: there are no powers, and brackets nest to a limit.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MALFORMED = "malformed"
FORBIDDEN_OPERATION = "forbidden_operation"
UNREADABLE = "unreadable"

MAX_CHARS = 1_000
MAX_DEPTH = 40

_TOKEN = re.compile(
    r"(?P<skip>\s+|\\[!,;: ()\[\]]|\\left\b|\\right\b|[$`])|(?P<number>[0-9]+)"
    r"|(?P<forbidden>\*\*|/|÷|\^|%|!|\\div\b)|(?P<plus>\+)|(?P<minus>[-−–])"
    r"|(?P<times>\\?\*|[xX×✕·⋅∙]|\\times\b|\\cdot\b|\\ast\b)|(?P<open>[(\[{])|(?P<close>[)\]}])"
)
_SYMBOLS = {"plus": "+", "minus": "-", "times": "*", "open": "(", "close": ")"}


class NotAnExpression(ValueError):
    """Why a text is no such expression: one of the constants above."""


class Expression(NamedTuple):
    """What an expression comes to, and the numbers that stand in it, sorted."""

    value: int
    numbers: tuple[int, ...]


def read_expression(text: str) -> Expression:
    r"""Read an expression; a minus may stand before its first term, and `3(8 - 5)` is a product.

    Raises NotAnExpression: `forbidden_operation` (a division, a power, ...), `malformed` (numbers, operations and
    brackets that do not fit together), and `unreadable` for all else.

    >>> read_expression(r"(3 \times 8) + 5")
    Expression(value=29, numbers=(3, 5, 8))
    >>> read_expression("3 8 +")
    Traceback (most recent call last):
    pipeline.expressions.NotAnExpression: malformed
    """
    if len(text) > MAX_CHARS or not re.search("[0-9]", text):
        raise NotAnExpression(UNREADABLE)
    parser = _Parser(list(_tokens(text)))
    value = parser.sum_of_terms(0)
    if parser.place < len(parser.tokens):
        raise NotAnExpression(MALFORMED)
    return Expression(value, tuple(sorted(parser.numbers)))


def _tokens(text: str) -> Iterator[str]:
    """Numbers, + - * and round brackets."""
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise NotAnExpression(UNREADABLE)
        place, kind = match.end(), match.lastgroup
        if kind == "forbidden":
            raise NotAnExpression(FORBIDDEN_OPERATION)
        if kind != "skip":
            yield _SYMBOLS.get(kind, match[0])


class _Parser:
    """Recursive descent that evaluates as it goes."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.place = 0
        self.numbers: list[int] = []

    def sum_of_terms(self, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise NotAnExpression(UNREADABLE)
        value = -self._product(depth) if self._skips("-") else self._product(depth)
        while self._next() in ("+", "-"):
            value += -self._product(depth) if self._take() == "-" else self._product(depth)
        return value

    def _product(self, depth: int) -> int:
        value = self._factor(depth)
        while self._skips("*") or self._next() == "(":
            value *= self._factor(depth)
        return value

    def _factor(self, depth: int) -> int:
        token = self._take()
        if token.isdigit():
            self.numbers.append(int(token))
            return self.numbers[-1]
        if token != "(":
            raise NotAnExpression(MALFORMED)
        value = self.sum_of_terms(depth + 1)
        if not self._skips(")"):
            raise NotAnExpression(MALFORMED)
        return value

    def _next(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self.place += 1
        return token

    def _skips(self, token: str) -> bool:
        """Whether this is the next token, which is then taken."""
        is_next = self._next() == token
        self.place += is_next
        return is_next
