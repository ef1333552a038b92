"""Plans that a response writes as JSON: a list of actions, each a text, a list of words or an object.

Covers: `["(pick-up a)", "stack(a, b)"]`, `[["pick-up", "a"], ...]`, `[{"action": "stack", "args": ["a", "b"]}, ...]`
and such a list, or the plan as one text, under `plan`, `actions`, `steps`, `solution` or `answer`. The JSON is the
whole text, or one code fence in it with no other fence.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

MAX_CHARS = 100_000
_FENCE = re.compile(r"```[ \t]*\w*[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL)
_LISTS = ("plan", "actions", "steps", "solution", "answer")
_NAMES = ("action", "name", "operator", "act", "type")
_ARGUMENTS = ("args", "arguments", "parameters", "params", "objects")


def lines_of_json(text: str) -> list[str] | None:
    """The actions of a plan in JSON, one a line; None where the text holds no such plan.

    >>> lines_of_json('{"plan": [["stack", "a", "b"], {"action": "sail", "args": ["n", "s"]}, "(board c n)"]}')
    ['(stack a b)', '(sail n s)', '(board c n)']
    """
    source = _json_in(text)
    if source is None:
        return None
    try:
        read = json.loads(source)
    except (ValueError, RecursionError):
        return None
    if isinstance(read, Mapping):
        found = [read[key] for kind in (list, str) for key in _LISTS if isinstance(read.get(key), kind)]
        read = found[0].splitlines() if found and isinstance(found[0], str) else next(iter(found), None)
    if not isinstance(read, list):
        return None
    lines = [_line(item) for item in read]
    return [line for line in lines if line is not None] if None not in lines else None


def _json_in(text: str) -> str | None:
    """The part of a text that may be JSON."""
    if len(text) > MAX_CHARS or ("[" not in text and "{" not in text):
        return None
    fences = _FENCE.findall(text) if text.count("```") == 2 else []
    source = fences[0].strip() if fences else text.strip()
    return source if source[:1] in ("[", "{") and source[-1:] in ("]", "}") else None


def _line(item: Any) -> str | None:
    """One action as a line; None where it is no action."""
    if isinstance(item, str):
        return " ".join(item.split())
    if isinstance(item, list) and item and all(isinstance(word, str) for word in item):
        return f"({' '.join(item)})"
    if not isinstance(item, Mapping):
        return None
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), None)
    values = next((item[key] for key in _ARGUMENTS if isinstance(item.get(key), list | dict)), None)
    if name is None or values is None:
        return name
    words = list(values.values()) if isinstance(values, Mapping) else values
    return f"({' '.join([name, *words])})" if all(isinstance(word, str) for word in words) else None
