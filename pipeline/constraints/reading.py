"""Read the schedules of a response: as JSON, as Python writes lists, or in the words of its form of answer."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from pipeline.constraints.day_plans import listed_days, written_days
from pipeline.constraints.entries import ENTRY_KINDS, MAX_ENTRIES, MAX_NAME, Entry, key, place_key
from pipeline.constraints.language import Task
from pipeline.constraints.literals import literals
from pipeline.constraints.prose import Found, meetings, plain, proposed_times, trips
from pipeline.constraints.times import day_number, day_span, minutes
from pipeline.thinking import split_thinking

WRITTEN: dict[str, Callable[[str, Task], Iterator[Found]]] = {
    "calendar": proposed_times,
    "meetings": meetings,
    "trip": trips,
    "days": written_days,
}
"""The reader of each form in words."""
KINDS = {"calendar": "meeting", "meetings": "meeting", "trip": "stay"}
"""What an entry is where it does not say."""
INSIDE = ("entries", "schedule", "plan", "itinerary", "meetings", "days", "travel_plan")
"""Names under which an object may hold its list."""

_FINAL = re.compile(r"(?<!\bnot )(?<!\bnot my )(?<!\bnot the )\b(?:final|corrected|revised)\b", re.IGNORECASE)
FINAL_CHARS = 120
"""So many characters before the last schedule may call it final."""
_ALIASES = {
    "location": "place", "city": "place", "person": "name", "person_name": "name", "start_time": "start",
    "end_time": "end", "from": "place", "days": "day", "day_range": "day",
}  # fmt: skip
_FIELDS = frozenset({"kind", "name", "place", "to", "day", "last_day", "start", "end", "cost", "attributes"})


class _Unreadable(Exception):
    """An object that is no entry, or says something that cannot be read."""


def find_schedules(text: str, task: Task) -> list[tuple[Entry, ...]]:
    """The different schedules of a response, thinking left out; one alone where the last is called final.

    Those in JSON outrank words. A schedule of no entries, or of too many, is none.
    """
    _, text = split_thinking(text)
    found = [(place, entries) for place, value in literals(text) if (entries := _schedule(value, task.form))]
    if not found and task.form in WRITTEN:
        text = plain(text)
        found = list(WRITTEN[task.form](text, task))
    found = [(place, entries) for place, entries in found if 0 < len(entries) <= MAX_ENTRIES]
    different = {_identity(entries, task.form): entries for _, entries in reversed(found)}
    if len(different) > 1 and (finals := _finals(text, found)):
        different = {_identity(entries, task.form): entries for entries in finals}
    return list(different.values())


def _finals(text: str, found: list[Found]) -> list[tuple[Entry, ...]]:
    """The schedules behind the last word that calls the last one final; none where no word does."""
    begins = max(0, found[-1][0] - FINAL_CHARS)
    marks = [begins + mark.end() for mark in _FINAL.finditer(text[begins : found[-1][0]])]
    return [entries for place, entries in found if marks and place >= marks[-1]]


def _identity(entries: tuple[Entry, ...], form: str) -> tuple[Any, ...]:
    """What makes schedules the same; of itineraries the stays alone, as flights may be left out."""
    return tuple(
        (e.kind, key(e.name), place_key(e.place), place_key(e.to), e.day, e.until_day, e.start, e.end)
        for e in entries
        if form != "trip" or e.kind == "stay"
    )


def _schedule(value: Any, form: str) -> tuple[Entry, ...]:
    """The entries of an object or list; none where it is no schedule."""
    if isinstance(value, dict):
        lists = [value[name] for name in INSIDE if isinstance(value.get(name), list)]
        if len(lists) > 1:
            return ()  # which of them is meant is not said
        value = lists[0] if lists else [value]
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        return ()
    if form == "days" and (days := listed_days(value)):
        return days
    try:
        return tuple(_entry(item, form) for item in value)
    except _Unreadable:
        return ()


def _entry(item: Any, form: str) -> Entry:
    """An entry of an object; _Unreadable where a field of it cannot be read."""
    if not isinstance(item, dict):
        raise _Unreadable
    said = [
        (_ALIASES.get(name.casefold(), name.casefold()), value) for name, value in item.items() if value is not None
    ]
    item = dict(said)
    if any(item[name] != value for name, value in said):
        raise _Unreadable
    attributes = item.pop("attributes", {})
    if not all(isinstance(value, str) for value in item.values()) or not isinstance(attributes, dict):
        raise _Unreadable
    kind = item.get("kind", KINDS.get(form, ""))
    is_known = form not in ENTRY_KINDS or key(kind) in ENTRY_KINDS[form]
    if not kind or not is_known or len(item.keys() & _FIELDS) < 2:
        raise _Unreadable
    first, last = _days(item)
    name, place, to = (item.get(field, "").strip()[:MAX_NAME] for field in ("name", "place", "to"))
    return Entry(
        key(kind)[:MAX_NAME],
        name,
        place,
        to,
        day=first,
        last_day=last,
        start=_read(minutes, item.get("start")),
        end=_read(minutes, item.get("end")),
        cost=_read(_money, item.get("cost")),
        attributes={key(name): value[:MAX_NAME] for name, value in attributes.items() if isinstance(value, str)},
    )


def _days(item: dict[str, str]) -> tuple[int | None, int | None]:
    """First and last day, of `day` (which may be a range such as `Day 1-3`) and `last_day`."""
    if "day" not in item:
        return None, None
    weekday = day_number(item["day"])
    first, last = (weekday, weekday) if weekday is not None else _read(day_span, item["day"])
    last = _read(day_number, item.get("last_day")) or last
    if first is not None and last < first:
        raise _Unreadable
    return first, None if last == first else last


def _read(reader: Callable[[str], Any], text: str | None) -> Any:
    """A field as `reader` reads it; None where it is not there."""
    if text is None:
        return None
    value = reader(text)
    if value is None:
        raise _Unreadable
    return value


def _money(text: str) -> Decimal | None:
    digits = text.strip().lstrip("$").replace(",", "")
    return Decimal(digits) if re.fullmatch(r"\d{1,20}(?:\.\d{1,10})?", digits) else None
