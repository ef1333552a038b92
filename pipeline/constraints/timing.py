"""Checks of time: how long, when, not at once, and in time from place to place."""

from collections.abc import Iterator
from itertools import pairwise

from pipeline.constraints.entries import Entry, place_key
from pipeline.constraints.language import Busy, Duration, NoOverlap, Travel, Window
from pipeline.constraints.schedule import Problem, Schedule, days_of, listed, n_days
from pipeline.constraints.times import MINUTES_A_DAY, clock


def duration(rule: Duration, schedule: Schedule) -> Iterator[Problem]:
    """Entries that are too short or too long."""
    for number, entry in schedule.selected(rule):
        lasts = n_days(entry) if rule.unit == "days" else _minutes(entry)
        least = rule.at_least
        option = schedule.option(entry) if rule.at_least_of else None
        if option is not None:
            least = max(least, option.numbers.get(rule.at_least_of, 0))
        if lasts is None:
            yield number, f"{entry}: it does not say how long it lasts, wanted at least {least} {rule.unit}"
        elif lasts < least:
            yield number, f"{entry}: lasts {lasts} {rule.unit}, wanted at least {least}"
        elif rule.at_most is not None and lasts > rule.at_most:
            yield number, f"{entry}: lasts {lasts} {rule.unit}, wanted at most {rule.at_most}"


def _minutes(entry: Entry) -> int | None:
    return None if entry.start is None or entry.end is None else entry.end - entry.start


def window(rule: Window, schedule: Schedule) -> Iterator[Problem]:
    """Entries outside the window; or none that covers or overlaps it."""
    selected = schedule.selected(rule)
    wanted = _window_text(rule)
    if rule.how == "within":
        yield from ((n, f"{entry}: wanted within {wanted}") for n, entry in selected if not _within(rule, entry))
    elif not any(_meets(rule, entry) for _, entry in selected):
        first = selected[0][0] if selected else None
        found = listed([entry for _, entry in selected]) or "nothing"
        yield first, f"{found}: wanted one that {rule.how} {wanted}"


def _within(rule: Window, entry: Entry) -> bool:
    days = days_of(entry)
    if rule.days and not (0 < len(days) <= len(rule.days) and set(days) <= set(rule.days)):
        return False
    if not _has_times(rule):
        return True
    return (
        entry.start is not None
        and entry.end is not None
        and rule.from_time <= entry.start <= entry.end <= rule.until_time
    )


def _meets(rule: Window, entry: Entry) -> bool:
    """Whether an entry covers the window, or overlaps it."""
    quantifier = all if rule.how == "covers" else any
    days = days_of(entry)
    if rule.days and not quantifier(day in days for day in rule.days):
        return False
    if not _has_times(rule):
        return True
    if entry.start is None or entry.end is None:
        return False
    if rule.how == "covers":
        return entry.start <= rule.from_time and entry.end >= rule.until_time
    return entry.start < rule.until_time and entry.end > rule.from_time


def _has_times(rule: Window) -> bool:
    return (rule.from_time, rule.until_time) != (0, MINUTES_A_DAY)


def _window_text(rule: Window) -> str:
    days = f"days {listed(rule.days)}" if rule.days else ""
    hours = f"{clock(rule.from_time)} - {clock(rule.until_time)}" if _has_times(rule) else ""
    return " and ".join(filter(None, [days, hours])) or "any time"


def no_overlap(rule: NoOverlap, schedule: Schedule) -> Iterator[Problem]:
    """Entries at the same time as another, or as something that takes the time already."""
    spans = []
    for number, entry in schedule.selected(rule):
        if entry.start is None or entry.end is None:
            yield number, f"{entry}: it does not say from when to when"
            continue
        if entry.end < entry.start:
            yield number, f"{entry}: ends before it begins"
        yield from ((number, text) for text in _taken(rule, entry))
        spans.append((_absolute(entry.day, entry.start), _absolute(entry.until_day, entry.end), number))
    spans.sort()
    for (_, end, first), (start, _, second) in pairwise(spans):
        if start < end:
            yield second, f"{schedule.entries[second]}: overlaps {schedule.entries[first]}"


def _taken(rule: NoOverlap, entry: Entry) -> Iterator[str]:
    for busy in rule.busy:
        if entry.day is None:
            yield f"{entry}: it does not say on which day"
            return
        if _overlaps(entry, busy):
            whose = f" of {rule.who}" if rule.who else ""
            yield f"{entry}: overlaps the busy time{whose}, {clock(busy.from_time)} - {clock(busy.until_time)}"


def _overlaps(entry: Entry, busy: Busy) -> bool:
    start, end = _absolute(entry.day, entry.start), _absolute(entry.until_day, entry.end)
    return start < _absolute(busy.day, busy.until_time) and end > _absolute(busy.day, busy.from_time)


def _absolute(day: int | None, minutes: int | None) -> int:
    return (day or 0) * MINUTES_A_DAY + (minutes or 0)


def travel(rule: Travel, schedule: Schedule) -> Iterator[Problem]:
    """Entries that begin before one can be there, or somewhere else; nothing is checked after the first such one."""
    ways = minutes_between(rule)
    start = schedule.task.start
    here, now = (place_key(start.place), start.time) if start else ("", 0)
    for number, entry in schedule.selected(rule):
        try:
            here, now = _after(entry, here, now, ways)
        except _Late as problem:
            yield number, f"{entry}: {problem}"
            return


def minutes_between(rule: Travel) -> dict[str, dict[str, int]]:
    """How long each way takes, by the keys of where it begins and where it ends."""
    return {place_key(a): {place_key(b): n for b, n in row.items()} for a, row in rule.minutes.items()}


class _Late(Exception):
    """Why an entry cannot be as it is said."""


def _after(entry: Entry, here: str, now: int, ways: dict[str, dict[str, int]]) -> tuple[str, int]:
    """Place and time after an entry; _Late where it cannot be."""
    place, to = place_key(entry.place), place_key(entry.to)
    if place and here and place != here:
        if entry.kind in ("start", "travel"):
            raise _Late(f"begins at {entry.place}, wanted {here}")
        now += _way(here, place, ways)
    here = place or here
    if entry.start is not None:
        if entry.start < now:
            raise _Late(f"begins at {clock(entry.start)}, wanted {clock(now)} at the earliest")
        now = entry.start
    if to and to != here:
        now, here = now + _way(here, to, ways), to
    if entry.end is not None and entry.end < now:
        raise _Late(f"ends at {clock(entry.end)}, wanted {clock(now)} at the earliest")
    return here, now if entry.end is None else entry.end


def _way(here: str, to: str, ways: dict[str, dict[str, int]]) -> int:
    found = ways.get(here, {}).get(to)
    if found is None:
        raise _Late(f"there is no way from {here or 'nowhere'} to {to}")
    return found
