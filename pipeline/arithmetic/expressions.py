r"""Expressions of whole numbers with + - * and brackets, as people and models write them; read without any `eval`.

Cost is bounded by the length of the text, and by the bounds of what `equations` evaluates.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from pipeline.arithmetic.equations import TooLarge, Unreadable, evaluate

MALFORMED = "malformed"
FORBIDDEN_OPERATION = "forbidden_operation"
UNREADABLE = "unreadable"

MAX_CHARS = 1_000

_TOKEN = re.compile(
    r"(?P<skip>\s+|\\[!,;: ()\[\]]|\\left\b|\\right\b|[$`])|(?P<number>[0-9]+)"
    r"|(?P<forbidden>\*\*|/|÷|\^|%|!|\\div\b)|(?P<plus>\+)|(?P<minus>[-−–])"
    r"|(?P<times>\\?\*|[xX×✕·⋅∙]|\\times\b|\\cdot\b|\\ast\b)|(?P<open>[(\[{])|(?P<close>[)\]}])"
)
_SYMBOLS = {"plus": "+", "minus": "-", "times": "*", "open": "(", "close": ")"}
_BEFORE_NO_SIGN = {"+": "(+-*", "-": "+-*"}
"""A plus stands behind a term, a minus behind a term or before the first one."""


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
    pipeline.arithmetic.expressions.NotAnExpression: malformed
    """
    if len(text) > MAX_CHARS or not re.search("[0-9]", text):
        raise NotAnExpression(UNREADABLE)
    tokens = list(_tokens(text))
    if any(token in "+-" and before in _BEFORE_NO_SIGN[token] for before, token in pairwise(["(", *tokens])):
        raise NotAnExpression(MALFORMED)
    try:
        value = evaluate(tokens)
    except TooLarge:
        raise NotAnExpression(UNREADABLE) from None
    except Unreadable:
        raise NotAnExpression(MALFORMED) from None
    return Expression(int(value), tuple(sorted(int(token) for token in tokens if token.isdigit())))


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
