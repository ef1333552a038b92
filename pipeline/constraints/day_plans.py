"""Plans day by day, as TravelPlanner asks for them: a list of objects, or `Day 1:` and lines of its fields."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice, pairwise
from typing import Any

from pipeline.constraints.entries import MAX_ENTRIES, MAX_NAME, Entry, key, place_key
from pipeline.constraints.language import Task
from pipeline.constraints.times import MAX_DAY, TIME, minutes

MEALS = ("breakfast", "lunch", "dinner")
FIELDS = ("current_city", "transportation", *MEALS, "attraction", "accommodation")
MODES = {
    "taxi": re.compile(r"\b(?:taxi|cab|uber|lyft)\b", re.IGNORECASE),
    "flight": re.compile(r"\bfl(?:ight|y|ying)\b", re.IGNORECASE),
    "self-driving": re.compile(
        r"\bself-?\s?driv|\brental\s(?:car|van)\b|\bdriving\b|\bpersonal\svehicle\b", re.IGNORECASE
    ),
}
"""Ways to travel and the words for them, in the order in which a text is searched."""

_DAY = re.compile(r"^[^\w\n]{0,20}day\s?(\d{1,4})\b", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(
    r"^[^\w\n]{0,20}(current.city|transportation|breakfast|lunch|dinner|attractions?|accommodation)\W{0,6}?:\W{0,6}?([^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_FROM_TO = re.compile(r"\bfrom\s+(.{1,100}?)\s+to\s+([^,;\n]{1,100})", re.IGNORECASE)
_FLIGHT = re.compile(r"\bflight\s+number:?\s*([\w-]{1,40})", re.IGNORECASE)
_TIMES = re.compile(rf"\b(departure|arrival)\s+time:?\s*({TIME})", re.IGNORECASE)
_COST = re.compile(r"[;,(]?\s*\bcosts?:?\s*\$?\s*([\d,]{1,20}(?:\.\d{1,6})?).*$", re.IGNORECASE | re.DOTALL)
_NOTHING = frozenset({"", "-", "–", "—", "none", "n/a"})


def written_days(text: str, task: Task) -> Iterator[tuple[int, tuple[Entry, ...]]]:
    """Plans in lines; a day that is not after the one before begins another plan."""
    heads = list(_DAY.finditer(text))
    days: list[tuple[int, dict[str, str]]] = []
    begins = 0
    for head, after in pairwise([*heads, None]):
        if head is None:
            continue
        number = int(head[1])
        body = text[head.end() : after.start() if after else None]
        said = [(_field(name), value) for name, value in _FIELD.findall(body)]
        fields = dict(said)
        if len(fields) < 2 or not 1 <= number <= MAX_DAY:
            continue
        if days and number <= days[-1][0]:
            yield begins, _entries(days)
            days = []
        begins = begins if days else head.start()
        days.append((number, fields))
        if any(fields[name] != value for name, value in said):  # a field that is said twice makes another plan
            yield begins, _entries([*days[:-1], (number, dict(reversed(said)))])
    if days:
        yield begins, _entries(days)


def _field(name: str) -> str:
    name = re.sub(r"\W", "_", name.casefold())
    return "attraction" if name == "attractions" else name


def listed_days(value: list[Any]) -> tuple[Entry, ...]:
    """The entries of a list of days, none where there are none; days are counted where their numbers do not rise."""
    days = [item for item in value if isinstance(item, dict) and len(set(FIELDS) & item.keys()) >= 2]
    said = [str(item.get("days", item.get("day", ""))) for item in days]
    numbers = [int(text) if re.fullmatch(r"\d{1,3}", text) else 0 for text in said]
    if any(after <= before for before, after in zip([0, *numbers], numbers, strict=False)):
        numbers = list(range(1, len(days) + 1))
    return _entries(
        [(n, {name: _text(day.get(name)) for name in FIELDS}) for n, day in zip(numbers, days, strict=True)]
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""


def _entries(days: list[tuple[int, Any]]) -> tuple[Entry, ...]:
    """All entries in the order of days; nights in one place are one entry."""
    found: list[Entry] = []
    lodging: int | None = None
    for number, fields in days:
        for entry in islice(_of_day(number, fields), MAX_ENTRIES + 1):
            if entry.kind == "lodging":
                before = found[lodging] if lodging is not None else None
                if before and lodging is not None and _goes_on(before, entry):
                    found[lodging] = Entry(
                        "lodging", before.name, before.place, day=before.day, last_day=entry.day, cost=before.cost
                    )
                    continue
                lodging = len(found)
            found.append(entry)
    return tuple(found)


def _goes_on(before: Entry, entry: Entry) -> bool:
    is_same = (key(before.name), place_key(before.place)) == (key(entry.name), place_key(entry.place))
    return is_same and before.until_day is not None and entry.day == before.until_day + 1


def _of_day(number: int, fields: Mapping[str, str]) -> Iterator[Entry]:
    city = fields.get("current_city", "").strip(" *_")
    way = _FROM_TO.search(city)
    if city and city not in _NOTHING:
        place, to = (way[1], way[2]) if way else (city, "")
        yield Entry("day", place=_place(place), to=_place(to), day=number)
    if not _is_nothing(text := fields.get("transportation", "")):
        yield _travel(number, text, way)
    for meal in MEALS:
        if not _is_nothing(text := fields.get(meal, "")):
            yield _named("meal", text, number, {"meal": meal})
    for text in fields.get("attraction", "").split(";"):
        if not _is_nothing(text):
            yield _named("attraction", text, number, {})
    if not _is_nothing(text := fields.get("accommodation", "")):
        yield _named("lodging", text, number, {})


def _is_nothing(text: str) -> bool:
    return text.strip(" *_.;").casefold() in _NOTHING


def _place(text: str) -> str:
    return text.strip(" *_.,")[:MAX_NAME]


def _named(kind: str, text: str, day: int, attributes: dict[str, str]) -> Entry:
    """An entry of `Name, City; Cost: 14`; the city stands behind the last comma."""
    cost = _COST.search(text)
    name, comma, place = (text[: cost.start()] if cost else text).strip(" *_;").rpartition(",")
    if not comma:
        name, place = place, ""
    return Entry(kind, name.strip()[:MAX_NAME], _place(place), day=day, cost=_money(cost), attributes=attributes)


def _money(cost: re.Match[str] | None) -> Decimal | None:
    digits = cost[1].replace(",", "") if cost else ""
    return Decimal(digits) if digits else None


def _travel(day: int, text: str, way: re.Match[str] | None) -> Entry:
    """A way to travel; from where to where as it says, else as the day says."""
    flight, said = _FLIGHT.search(text), _FROM_TO.search(text) or way
    words = re.split(r"[,;:]", text)[0].strip()[:MAX_NAME]
    mode = next((mode for mode, words in MODES.items() if words.search(text)), words)
    times = {name.casefold(): minutes(time) for name, time in _TIMES.findall(text)}
    return Entry(
        "travel",
        flight[1] if flight else words,
        _place(said[1]) if said else "",
        _place(said[2]) if said else "",
        day=day,
        start=times.get("departure"),
        end=times.get("arrival"),
        cost=_money(_COST.search(text)),
        attributes={"mode": mode},
    )
