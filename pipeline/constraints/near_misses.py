"""Schedules that are wrong though they are almost right: one change each, which one constraint forbids.

Every change is wrong by what its constraint says (one minute too short, one place that is none of those wanted), not
because the checker says so; what cannot be changed so is left alone.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from pipeline.constraints.entries import Entry, key, place_key
from pipeline.constraints.language import (
    AllDifferent,
    Attribute,
    Duration,
    EachDay,
    HowMany,
    Known,
    NoOverlap,
    Place,
    Route,
    SumAtMost,
    Task,
    Travel,
    Window,
)
from pipeline.constraints.placing import direct_ways
from pipeline.constraints.schedule import Numbered, Schedule, days_of
from pipeline.constraints.times import MAX_DAY, MINUTES_A_DAY, clock
from pipeline.constraints.timing import minutes_between
from pipeline.verifiers import NearMiss

Entries = tuple[Entry, ...]
Changed = Iterator[tuple[str, Entries]]
"""What was changed, and the entries then."""


def near_misses(task: Task, entries: Entries) -> Iterator[NearMiss]:
    """For each constraint the first change of each kind that breaks it, as JSON; the same schedule only once."""
    schedule, seen = Schedule(task, entries), {rendered(entries)}
    for rule in task.constraints:
        kinds: set[str] = set()
        for kind, changed in PLANTS[rule.kind](rule, schedule):
            response = rendered(changed)
            if changed and kind not in kinds and response not in seen:
                kinds.add(kind)
                seen.add(response)
                yield NearMiss(kind, response)


def rendered(entries: Entries) -> str:
    """Entries as JSON that is read as the same entries.

    >>> rendered((Entry("meeting", "Ann", day=1, start=540, end=570),))
    '{"entries": [{"kind": "meeting", "name": "Ann", "day": 1, "start": "9:00", "end": "9:30"}]}'
    """
    rows = []
    for entry in entries:
        times = {name: clock(value) for name in ("start", "end") if (value := getattr(entry, name)) is not None}
        names = ("kind", "name", "place", "to", "day", "last_day")
        row: dict[str, Any] = {name: value for name in names if (value := getattr(entry, name))}
        cost = {} if entry.cost is None else {"cost": str(entry.cost)}
        rows.append(row | times | cost | ({"attributes": dict(entry.attributes)} if entry.attributes else {}))
    return json.dumps({"entries": rows}, ensure_ascii=False)


def _with(schedule: Schedule, number: int, **fields: Any) -> Entries:
    entries = list(schedule.entries)
    entries[number] = replace(entries[number], **fields)
    return tuple(entries)


def _without(schedule: Schedule, numbers: set[int]) -> Entries:
    return tuple(entry for number, entry in enumerate(schedule.entries) if number not in numbers)


def _timed(selected: list[Numbered]) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of the entries that say both."""
    for number, entry in selected:
        if entry.start is not None and entry.end is not None:
            yield number, entry.start, entry.end


def _duration(rule: Duration, schedule: Schedule) -> Changed:
    if rule.unit == "days":
        for number, entry in schedule.selected(rule):
            if entry.day is not None and rule.at_least > 1:
                yield "one_day_short", _with(schedule, number, last_day=entry.day + rule.at_least - 2)
            if entry.day is not None and rule.at_most is not None and entry.day + rule.at_most <= MAX_DAY:
                yield "one_day_long", _with(schedule, number, last_day=entry.day + rule.at_most)
        return
    for number, start, _ in _timed(schedule.selected(rule)):
        if rule.at_least:
            yield "one_minute_short", _with(schedule, number, end=start + rule.at_least - 1)
        if rule.at_most is not None and start + rule.at_most < MINUTES_A_DAY:
            yield "one_minute_long", _with(schedule, number, end=start + rule.at_most + 1)


def _window(rule: Window, schedule: Schedule) -> Changed:
    selected = schedule.selected(rule)
    if rule.how != "within":
        yield "one_dropped", _without(schedule, {number for number, _ in selected})
        return
    for number, start, end in _timed(selected):
        if rule.from_time:
            fields = {"start": rule.from_time - 1, "end": rule.from_time - 1 + end - start}
            yield "one_minute_early", _with(schedule, number, **fields)
    for number, _ in selected:
        if 0 < max(rule.days, default=0) < MAX_DAY:
            yield "another_day", _with(schedule, number, day=max(rule.days) + 1, last_day=None)


def _no_overlap(rule: NoOverlap, schedule: Schedule) -> Changed:
    for number, start, end in _timed(schedule.selected(rule)):
        for busy in rule.busy:
            first = busy.until_time - 1
            if first + end - start > MINUTES_A_DAY:
                first = busy.from_time + 1 - (end - start)
            if end > start and busy.until_time > busy.from_time and first >= 0:
                times = {"start": first, "end": first + end - start}
                yield "one_minute_busy", _with(schedule, number, day=busy.day, last_day=None, **times)


def _travel(rule: Travel, schedule: Schedule) -> Changed:
    ways = minutes_between(rule)
    for number, start, _ in _timed(schedule.selected(rule)):
        entry = schedule.entries[number]
        least = ways.get(place_key(entry.place), {}).get(place_key(entry.to), 0) if entry.kind == "travel" else 0
        if least:
            yield "one_minute_fast", _with(schedule, number, end=start + least - 1)


def _route(rule: Route, schedule: Schedule) -> Changed:
    selected = schedule.selected(rule)
    stays = [(number, entry) for number, entry in selected if entry.kind != "travel"]
    if rule.days is not None and stays and stays[-1][1].until_day == rule.days and rule.days > 1:
        number, last = stays[-1]
        if last.day is not None and last.day < rule.days:
            yield "one_day_short", _with(schedule, number, last_day=rule.days - 1)
    if rule.ends and stays:
        number, last = stays[-1]
        if last.to and place_key(last.place) != place_key(rule.ends):
            yield "no_way_back", _with(schedule, number, to="")
    yield from _swapped_stays(rule, [entry for _, entry in stays])


def _swapped_stays(rule: Route, stays: list[Entry]) -> Changed:
    """Two neighbours change places, the flights left out, where that needs a way that there is not."""
    ways = direct_ways(rule)
    for first in range(len(stays) - 1):
        changed, second = list(stays), first + 1
        changed[first] = replace(stays[first], place=stays[second].place)
        changed[second] = replace(stays[second], place=stays[first].place)
        moves = {(place_key(a.place), place_key(b.place)) for a, b in pairwise(changed)}
        if ways and moves - ways:
            yield "two_swapped", tuple(changed)


def _place(rule: Place, schedule: Schedule) -> Changed:
    wanted = {place_key(at) for at in rule.at}
    others = [entry.place for entry in schedule.entries if entry.place and place_key(entry.place) not in wanted]
    for number, entry in schedule.selected(rule):
        for other, there in enumerate(schedule.entries):
            if rule.at and rule.names and there.kind == entry.kind and place_key(there.place) not in wanted:
                swapped = _with(schedule, number, name=there.name)
                yield "two_swapped", _with(Schedule(schedule.task, swapped), other, name=entry.name)
        if rule.at and others:
            yield "another_place", _with(schedule, number, place=others[0])
        if not rule.at:
            yield "unknown_place", _with(schedule, number, place="Nowhere at All", to="")


def _count(rule: HowMany, schedule: Schedule) -> Changed:
    """All entries of one name or place are dropped, so that one less is left, where there was none to spare."""
    selected = schedule.selected(rule)
    if rule.distinct == "place" or not rule.at_least:
        return
    names = [key(entry.name) if rule.distinct else str(number) for number, entry in selected]
    if len(set(names) - {key(name) for name in rule.without}) == rule.at_least:
        dropped = {number for (number, _), name in zip(selected, names, strict=True) if name == names[-1]}
        yield "one_dropped", _without(schedule, dropped)


def _known(rule: Known, schedule: Schedule) -> Changed:
    for number, entry in schedule.selected(rule):
        renamed = _with(schedule, number, name=f"{entry.name} the Second")
        if Schedule(schedule.task, renamed).option(renamed[number]) is None:
            yield "unknown_name", renamed


def _attribute(rule: Attribute, schedule: Schedule) -> Changed:
    any_of, none_of = ({key(value) for value in values} for values in (rule.any_of, rule.none_of))
    for number, entry in schedule.selected(rule):
        for option in schedule.task.options:
            here = (option.kind, place_key(option.place), place_key(option.to))
            traits = {key(value) for value in option.attributes.get(rule.attribute, ())}
            is_wrong = bool(traits & none_of) or bool(any_of and traits and not traits & any_of)
            if is_wrong and here == (entry.kind, place_key(entry.place), place_key(entry.to)):
                changed = _with(schedule, number, name=option.name)
                if Schedule(schedule.task, changed).option(changed[number]) is option:
                    yield "another_option", changed
    for value in rule.cover:
        having = {n for n, e in schedule.selected(rule) if key(value) in (schedule.traits(e, rule.attribute) or ())}
        yield "one_dropped", _without(schedule, having)


def _sum_at_most(rule: SumAtMost, schedule: Schedule) -> Changed:
    """One cost that the response itself states is raised until the sum is one more than the limit."""
    selected = schedule.selected(rule)
    costs = [schedule.cost(entry, rule.people) for _, entry in selected]
    spent = sum((cost for cost in costs if cost is not None), Decimal(0))
    for number, entry in selected:
        if entry.cost is not None and entry.kind not in schedule.task.option_kinds and None not in costs:
            yield "one_over_budget", _with(schedule, number, cost=entry.cost + rule.limit - spent + 1)


def _all_different(rule: AllDifferent, schedule: Schedule) -> Changed:
    selected = schedule.selected(rule)
    for (_, first), (number, _) in pairwise(selected):
        yield "repeated", _with(schedule, number, name=first.name, place=first.place)


def _each_day(rule: EachDay, schedule: Schedule) -> Changed:
    """What the first day needs is dropped."""
    for need in rule.needs:
        if need.on == "every_day" or (need.on == "all_but_last" and rule.days > 1):
            on_it = {n for n, e in enumerate(schedule.entries) if e.kind == need.of and 1 in days_of(e)}
            yield "one_dropped", _without(schedule, on_it)


PLANTS: dict[str, Callable[[Any, Schedule], Changed]] = {
    "count": _count,
    "duration": _duration,
    "window": _window,
    "no_overlap": _no_overlap,
    "travel": _travel,
    "route": _route,
    "place": _place,
    "known": _known,
    "attribute": _attribute,
    "sum_at_most": _sum_at_most,
    "all_different": _all_different,
    "each_day": _each_day,
}
"""How each kind of constraint is broken."""
