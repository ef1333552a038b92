"""Read a choice among lettered options: B, (B), B. and B) blue are the same one."""

import re

from pipeline.answers import tidy

LETTERS = "ABCDEFGHIJ"

_CHOICE = re.compile(
    r"(?:(?:the\s+)?(?:option|choice)\s+)?(?:\(([A-J])\)|([A-J])[.):](?=\s|$)|([A-J])$)\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_ANOTHER = re.compile(r"^(?:or|and|,|/|&|\+)|(?:^|[\s,/(])(?:\([A-J]\)|[A-J](?:\)|[.:]\s|$))", re.IGNORECASE)


def choice(text: str) -> tuple[str, str] | None:
    r"""The letter as it is written and the text behind it, where a text is one choice; else None.

    >>> [choice(text) for text in ("\\text{(B)}", "B) blue", "option c", "A or B", "(A) or (B)", "A+1")]
    [('B', ''), ('B', 'blue'), ('c', ''), None, None, None]
    """
    match = _CHOICE.fullmatch(tidy(text).strip("* "))
    if match is None or _ANOTHER.search(match[4]):
        return None
    return match[1] or match[2] or match[3], match[4].strip()
