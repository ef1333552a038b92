"""Strategies: the different ways of attacking a problem that a planner lists in one call."""

import re

from pipeline.plan_text import json_value
from pipeline.rows import without_surrogates

ITEM = re.compile(r"\s{0,3}(?:(?:strategy )?[0-9]{1,3}[.):]|[-*+•])\s+(?P<text>\S.*)", re.IGNORECASE)


def strategies(text: str) -> list[str]:
    """The strategies that a list names, each on one line, without repetition; [] where none can be read. Never raises.

    Reads JSON (a list of texts, or an object with `strategies`; also in a fenced block) and the top-level items of a
    numbered or bulleted list. Half surrogate pairs, which JSON can spell and no file can hold, become U+FFFD.

    >>> strategies("Here they are:\\n1. halve it\\n2. **Guess**, then check")
    ['halve it', '**Guess**, then check']
    """
    value = json_value(text)
    found = value.get("strategies") if isinstance(value, dict) else value
    if not isinstance(found, list):
        found = [match["text"] for line in text.splitlines() if (match := ITEM.fullmatch(line))]
    lines = (" ".join(without_surrogates(item).split()) for item in found if isinstance(item, str))
    return list(dict.fromkeys(line for line in lines if line))
