"""One answer as it was given: a number, a label, a ranking, or something that no coefficient of agreement takes."""

import json
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from schemas.ids import canonical_json

Kind = Literal["missing", "number", "label", "ranking", "other"]

NAMES = ("plan_id", "value", "item", "id")
"""Fields of a ranked thing that may name it, in this order."""

MAX_LABEL_CHARS = 200
"""A longer text, or one of several lines, is free text rather than a label."""


class Value(NamedTuple):
    """What an answer is: equal answers have equal labels; `number` is null for all but numbers."""

    kind: Kind
    label: str
    number: float | None = None


MISSING = Value("missing", "")


def read_value(cell: Any) -> Value:
    """The answer in a cell, which holds JSON, plain text or a plain number.

    Null, NaN and empty text are missing. A ranking is a list of objects with `rank` and one of NAMES. Lists, other
    objects and free text are `other`: they can be equal or not, and that is all.

    >>> read_value('"keep"') == read_value("keep"), read_value("4") == read_value(4.0), read_value('"4"').kind
    (True, True, 'label')
    >>> read_value('[{"value": "B", "rank": 2}, {"value": "A", "rank": 1}]').label
    '{"A":1.0,"B":2.0}'
    """
    value = parsed(cell)
    if isinstance(value, bool):
        return Value("label", "true" if value else "false")
    if isinstance(value, int | float):
        return _number(value)
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        is_free = len(value) > MAX_LABEL_CHARS or "\n" in value
        return Value("other" if is_free else "label", value)
    ranks = _ranks(value)
    return Value("other", _text(value)) if ranks is None else Value("ranking", canonical_json(ranks))


def parsed(cell: Any) -> Any:
    """JSON text as its value, with NaN and Infinity as text; any other text, and what is no text, as it is."""
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell, parse_constant=str)
    except (ValueError, RecursionError):  # no JSON, an integer of thousands of digits, nesting without end
        return cell


def ranks_of(label: str) -> dict[str, float]:
    """Rank of each ranked thing, of the label of a ranking."""
    ranks: dict[str, float] = json.loads(label)
    return ranks


def _number(value: float) -> Value:
    if value != value:
        return MISSING
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        return Value("label", str(value)[:MAX_LABEL_CHARS])
    return Value("number", str(int(number)) if number.is_integer() else repr(number), number + 0.0)


def _ranks(value: Any) -> dict[str, float] | None:
    """Rank by name; None where this is no ranking, or one that ranks a thing twice."""
    if not isinstance(value, list) or not value:
        return None
    ranks: dict[str, float] = {}
    for entry in value:
        name = next((entry[key] for key in NAMES if key in entry), None) if isinstance(entry, Mapping) else None
        if not isinstance(name, str | int):
            return None
        rank = _number(entry["rank"]) if type(entry.get("rank")) in (int, float) else MISSING
        if rank.number is None or str(name) in ranks:
            return None
        ranks[str(name)] = rank.number
    return ranks


def _text(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    except RecursionError:
        return "nested too deeply"
