"""Read a choice among lettered options: B, (B), B. and B) blue are the same one."""

import re

from pipeline.plain_values import tidy

LETTERS = "ABCDEFGHIJ"

_CHOICE = re.compile(
    r"(?:(?:the\s+)?(?:option|choice|letter)\s+)?"
    r"(?:\(([A-J])\)|([A-J])(?:[.):](?=\s|$)|\s+[-–—]\s+(?=[A-Z]{2}))|([A-J])$)\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_BEHIND = re.compile(
    r"(?!.*\b(?:[A-J]|not|but|than|or|nor|neither|except|instead)\b.*\s\()(?!(?:sin|cos|tan|log|ln|exp|det|rank|dim|tr|max|min|arg)\b)([A-Za-z0-9][^()\\]{2,200})\s\(([A-J])\)"
)
"""A choice behind its text: London (B)."""
_ANOTHER = re.compile(r"^(?:or|and|,|/|&|\+)|(?:^|[\s,/(])(?:\([A-J]\)|[A-J](?:\)|[.:]\s|$))", re.IGNORECASE)


def choice(text: str) -> tuple[str, str] | None:
    r"""The letter as it is written and the text behind it, where a text is one choice; else None.

    >>> [choice(text) for text in ("\\text{(B)}", "B) blue", "option c", "A or B", "(A) or (B)", "A+1")]
    [('B', ''), ('B', 'blue'), ('c', ''), None, None, None]
    """
    plain = tidy(text).strip("* ")
    if behind := _BEHIND.fullmatch(plain):
        return behind[2], behind[1].strip()
    match = _CHOICE.fullmatch(plain)
    if match is None or _ANOTHER.search(match[4]):
        return None
    return match[1] or match[2] or match[3], match[4].strip()
