"""Checks of place: routes, where one is, and what each day needs."""

from collections import Counter
from collections.abc import Iterator

from pipeline.constraints.entries import Entry, key, place_key
from pipeline.constraints.language import EachDay, Place, Route
from pipeline.constraints.schedule import Numbered, Problem, Schedule, days_of, listed


def route(rule: Route, schedule: Schedule) -> Iterator[Problem]:
    """Jumps, ways that do not exist, places that are visited twice, wrong ends, and days that do not follow."""
    selected = schedule.selected(rule)
    moves = list(_moves(selected))
    yield from _wrong_ends(rule, selected)
    yield from _wrong_ways(rule, schedule, moves)
    yield from _twice(rule, moves, selected)
    if rule.days is not None:
        yield from _wrong_days(rule, rule.days, selected)


def _moves(selected: list[Numbered]) -> Iterator[tuple[int, str, str, bool]]:
    """Number, from, to of every move, and whether the response says it or leaves it out."""
    here = ""
    for number, entry in selected:
        place, to = place_key(entry.place), place_key(entry.target)
        if here and place and place != here:
            yield number, here, place, False
        here = place or here
        if to and to != here:
            yield number, here, to, True
        here = to or here


def _wrong_ends(rule: Route, selected: list[Numbered]) -> Iterator[Problem]:
    if not selected:
        yield None, "there is no route"
        return
    (first, begins), (last, ends) = selected[0], selected[-1]
    if rule.begins and place_key(begins.place) != place_key(rule.begins):
        yield first, f"{begins}: wanted to begin at {rule.begins}"
    if rule.ends and place_key(ends.target) != place_key(rule.ends):
        yield last, f"{ends}: wanted to end at {rule.ends}"


def _wrong_ways(rule: Route, schedule: Schedule, moves: list[tuple[int, str, str, bool]]) -> Iterator[Problem]:
    ways = direct_ways(rule)
    for number, here, to, is_said in moves:
        if ways and (here, to) not in ways:
            yield number, f"{schedule.entries[number]}: there is no direct way from {here} to {to}"
        elif not ways and not is_said:
            yield number, f"{schedule.entries[number]}: it begins at {to}, but one is at {here}"


def direct_ways(rule: Route) -> set[tuple[str, str]]:
    """The ways that there are, each as the keys of its ends; those that are not one-way in both directions."""
    ways = {(place_key(a), place_key(b)) for a, b in rule.direct + rule.one_way}
    return ways | {(place_key(b), place_key(a)) for a, b in rule.direct}


def _twice(rule: Route, moves: list[tuple[int, str, str, bool]], selected: list[Numbered]) -> Iterator[Problem]:
    entries = dict(selected)
    is_round = bool(rule.begins) and place_key(rule.begins) == place_key(rule.ends)
    visited = {here for _, here, _, _ in moves[:1]}
    for position, (number, _, to, _) in enumerate(moves):
        may_return = is_round and position == len(moves) - 1 and to == place_key(rule.ends)
        if to in visited and not may_return:
            yield number, f"{entries[number]}: {to} was visited before"
        visited.add(to)


def _wrong_days(rule: Route, days: int, selected: list[Numbered]) -> Iterator[Problem]:
    """Stays that do not begin when the one before ended, and days that are left over."""
    gap = 0 if rule.shares_travel_day else 1
    expected, last = 1, None
    for number, entry in selected:
        if entry.kind == "travel":
            if entry.day is not None and last is not None and not last <= entry.day <= last + gap:
                yield number, f"{entry}: wanted on day {last}"
            continue
        if entry.day is None or entry.until_day is None:
            yield number, f"{entry}: it does not say on which days"
            return
        if entry.day != expected:
            yield number, f"{entry}: begins on day {entry.day}, wanted day {expected}"
        last = entry.until_day
        expected = last + gap
    if last != days:
        yield (selected[-1][0] if selected else None), f"it ends on day {last or '?'}, wanted day {days}"


def place(rule: Place, schedule: Schedule) -> Iterator[Problem]:
    """Entries somewhere else than they have to be."""
    wanted = {place_key(at) for at in rule.at}
    days = {entry.day: entry for entry in schedule.entries if entry.kind == "day"}
    for number, entry in schedule.selected(rule):
        if wanted:
            if place_key(entry.place) not in wanted:
                yield number, f"{entry}: is at {entry.place or 'no place'}, wanted {listed(rule.at)}"
        elif wrong := _elsewhere(entry, days):
            yield number, wrong


def _elsewhere(entry: Entry, days: dict[int | None, Entry]) -> str:
    """Why an entry is not where the traveller is on its days; empty where it is. Nights are spent where a day ends."""
    if entry.day is None:
        return f"{entry}: it does not say on which day"
    for number in days_of(entry):
        day = days.get(number)
        here = {place_key(day.place), place_key(day.target)} if day else set()
        if entry.kind == "lodging":
            here = {place_key(day.target)} if day else set()
        named = [place for place in (entry.place, entry.to) if place]
        if entry.kind != "travel" and not named:
            return f"{entry}: it does not say where it is"
        wrong = [place for place in named if place_key(place) not in here]
        if wrong:
            return f"{entry}: is at {wrong[0]}, wanted {listed(sorted(here)) or 'a day that says where one is'}"
    return ""


def each_day(rule: EachDay, schedule: Schedule) -> Iterator[Problem]:
    """Days without what they need, and days too many."""
    for number, entry in enumerate(schedule.entries):
        if entry.until_day is not None and entry.until_day > rule.days:
            yield number, f"{entry}: wanted only {rule.days} days"
    found = Counter((entry.kind, day) for entry in schedule.entries for day in days_of(entry, rule.days))
    travels = {
        entry.day
        for entry in schedule.entries
        if entry.kind == "day" and place_key(entry.place) != place_key(entry.target)
    }
    for day in range(1, rule.days + 1):
        for need in rule.needs:
            if need.on == "all_but_last" and day == rule.days:
                continue
            if need.on in ("travel_days", "other_days") and (day in travels) != (need.on == "travel_days"):
                continue
            if found[key(need.of), day] < need.at_least:
                yield None, f"day {day} has {found[key(need.of), day]} of {need.of}, wanted at least {need.at_least}"
