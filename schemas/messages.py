"""Values and errors in messages of one line."""

import difflib
import json
from collections.abc import Iterable
from typing import Any


def short(value: Any, limit: int = 80) -> str:
    """A value as JSON, cut to `limit` characters.

    >>> short({"answer": [1, 2, 3]}, limit=12)
    '{"answer": …'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        text = "a value that is nested too deeply to show"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def first_line(error: BaseException) -> str:
    """What an error says first; its kind where it says nothing.

    >>> first_line(KeyError()), first_line(ValueError("no\\nmore"))
    ('KeyError', 'no')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """The end of a message on an unknown name: the nearest of the known ones, else `otherwise`; empty without either.

    >>> did_you_mean("lo", ["low", "high"]), did_you_mean("x", ["low"], "there is only low"), did_you_mean("x", [])
    ("; did you mean 'low'?", '; there is only low', '')
    """
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else otherwise
    return hint and f"; {hint}"
