"""Objects and lists that a response contains, as JSON or as Python writes them; nothing is evaluated."""

import re
from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 8
MAX_STARTS = 40
"""Brackets at which reading is tried; a response with more that lead nowhere is junk, whose cost must stay bounded."""
MAX_NUMBER = 30

_OPEN = re.compile(r"[\[{]")
_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>[\[\]{},:])|"(?P<double>(?:[^"\\]|\\.)*+)"|'(?P<single>(?:[^'\\]|\\.)*+)'|(?P<bare>[^\s\[\]{},:"']+))""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4})|(.))", re.DOTALL)
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = {"null": None, "None": None, "true": True, "True": True, "false": False, "False": False}
_NUMBER = re.compile(r"[-+]?\d{1,30}(?:\.\d{1,30})?")


class _Unreadable(Exception):
    """What stands at a bracket is no object or list."""


def literals(text: str) -> Iterator[tuple[int, Any]]:
    """Every outermost object or list with the place where it begins, in order.

    Numbers are texts, so that none is too large and none is rounded.

    >>> list(literals('Here: {"a": [1.50, null]} and [\\'it\\\\\\'s\\', True,] but not [PLAN].'))
    [(6, {'a': ['1.50', None]}), (30, ["it's", True])]
    """
    place = 0
    for _ in range(MAX_STARTS):
        start = _OPEN.search(text, place)
        if start is None:
            return
        try:
            value, place = _read(text, start.start())
        except _Unreadable:
            place = start.end()
        else:
            yield start.start(), value


def _read(text: str, place: int) -> tuple[Any, int]:
    """The value that begins with the bracket at `place`, and where it ends. Open values wait on a stack."""
    stack: list[_Open] = []
    while True:
        token = _TOKEN.match(text, place)
        if token is None:
            raise _Unreadable
        place = token.end()
        mark = token["mark"]
        if mark in ("[", "{"):
            if len(stack) == MAX_DEPTH:
                raise _Unreadable
            stack.append(_Open(is_object=mark == "{"))
        elif mark in ("]", "}"):
            value = stack.pop().close(mark)
            if not stack:
                return value, place
            stack[-1].add(value)
        elif mark:
            stack[-1].mark(mark)
        else:
            stack[-1].add(_scalar(token))


class _Open:
    """An object or list that is being read; commas at the end are forgiven, missing ones are not."""

    def __init__(self, *, is_object: bool) -> None:
        self.is_object = is_object
        self.items: list[Any] = []
        self.keys: list[str] = []
        self.wants = "key" if is_object else "value"

    def add(self, value: Any) -> None:
        """Take a finished key or value; _Unreadable where none is wanted."""
        if self.wants == "key" and isinstance(value, str):
            self.keys.append(value)
            self.wants = "colon"
        elif self.wants == "value":
            self.items.append(value)
            self.wants = "comma"
        else:
            raise _Unreadable

    def mark(self, mark: str) -> None:
        """Take a colon or comma; _Unreadable where none is wanted."""
        if mark == ":" and self.wants == "colon":
            self.wants = "value"
        elif mark == "," and self.wants == "comma":
            self.wants = "key" if self.is_object else "value"
        else:
            raise _Unreadable

    def close(self, mark: str) -> Any:
        """The value that a closing bracket ends; _Unreadable where it is of the other kind, or a value is missing."""
        if (mark == "}") != self.is_object or len(self.keys) != (len(self.items) if self.is_object else 0):
            raise _Unreadable
        if len(set(self.keys)) < len(self.keys):
            raise _Unreadable  # which of two values is meant is not said
        return dict(zip(self.keys, self.items, strict=True)) if self.is_object else self.items


def _scalar(token: re.Match[str]) -> Any:
    quoted = token["double"] if token["double"] is not None else token["single"]
    if quoted is not None:
        return _unescape(quoted) if "\\" in quoted else quoted
    bare = token["bare"]
    if bare in _WORDS:
        return _WORDS[bare]
    if len(bare) <= 2 * MAX_NUMBER + 2 and _NUMBER.fullmatch(bare):
        return bare
    raise _Unreadable


def _unescape(quoted: str) -> str:
    """A text without its escapes; what is half a character is replaced."""
    text = _ESCAPE.sub(_unescaped, quoted)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    return chr(int(code, 16)) if code else _LETTERS.get(escape[4], escape[4])
