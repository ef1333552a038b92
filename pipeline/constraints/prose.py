"""Schedules in words: a proposed time, a day of meetings, an itinerary of cities."""

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from pipeline.constraints.entries import MAX_ENTRIES, MAX_NAME, Entry, place_key
from pipeline.constraints.language import Task
from pipeline.constraints.times import MINUTES_A_DAY, TIME, WEEKDAY, day_number, day_span, minutes

Found = tuple[int, tuple[Entry, ...]]
"""Where a schedule begins in the text, and its entries."""

_MARKUP = re.compile(r"[*_`#]+|\\[,;! ]")
_TO = r"\s{0,3}(?:-|–|—|to|until|till|and)\s{0,3}"
_SLOT = re.compile(
    rf"(?P<day>{WEEKDAY})[,:]?\s{{0,3}}(?:at\s|from\s|between\s|\()?\s{{0,3}}(?P<start>{TIME}){_TO}(?P<end>{TIME})"
    rf"|(?P<start2>{TIME}){_TO}(?P<end2>{TIME}),?\s{{1,3}}on\s{{1,3}}(?P<day2>{WEEKDAY})",
    re.IGNORECASE,
)
_MARK = re.compile(
    r"\b(?:(?:proposed|meeting|suggested|scheduled|best)\s(?:meeting\s)?(?:time|slot)|answer|solution|boxed)\b"
    r"(?![^\n]*\bnot\b)",
    re.IGNORECASE,
)
_SHORT = r"(?:(?<=\bSt)|(?<=\bSte)|(?<=\bMt)|(?<=\bFt))"
"""Where a dot ends no sentence: behind a part of a name."""
_DENIED_BEFORE = re.compile(
    r"\b(?:not|cannot|never|avoid|busy|unavailable|booked|blocked|occupied|conflict\w*)\b|n['’]t\b", re.IGNORECASE
)
_DENIED_BEHIND = re.compile(
    r"[\s,)]{0,3}(?:is|are|was|would\sbe|does|do|will|can|fails?|conflicts?|overlaps?)?\s?"
    r"(?:\b(?:not|cannot|taken|busy|booked|impossible|unavailable|blocked|out)\b|n['’]t\b|\b(?<=fails)|(?<=fail)\b"
    r"|(?<=conflicts)|(?<=overlaps))",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?;\n](?=\s|$)")
_NOT_DONE = re.compile(r"(?:\b(?:not|cannot|never|unable\sto|instead\sof)|n['’]t)\s\Z", re.IGNORECASE)
_HOURS = re.compile(
    r"(?:(half an)|(an?|one)|(\d{1,2}(?:\.\d)?))[ -](?:hours?|hrs?)(?:\s(?:and\s)?(\d{1,2})\smin(?:ute)?s?)?",
    re.IGNORECASE,
)
_HALF = re.compile(r"[ap]\.?m", re.IGNORECASE)

_STEP = re.compile(
    rf"\bstart(?:\s(?:your|the)\sday)?\s(?:at|in|from)\s(?P<begin>[^\n;]{{1,80}}?)\sat\s(?P<begun>{TIME})"
    rf"|\b(?:travel|walk|drive|go|head|move)\s(?:from\s(?P<away>[^\n;]{{1,80}}?)\s)?to\s(?P<to>[^\n;]{{1,80}}?)"
    rf"(?=\sin\s\d|\sand\s|\s?[(,;\n]|(?!{_SHORT})\.\s|\.?$)(?:\sin\s(?P<ride>\d{{1,4}})\smin(?:ute)?s?\b)?"
    rf"(?:,?\s(?:and\s)?arriv(?:e|ing)(?:\sthere)?\sat\s(?P<arrival>{TIME}))?"
    rf"|\bwait(?:\sthere)?\suntil\s(?P<wait>{TIME})"
    rf"|\bmeet\s(?:with\s)?(?P<name>[^\n;.]{{1,80}}?)\s"
    rf"(?:for\s(?P<lasts>\d{{1,4}})\smin(?:ute)?s?\b(?:,?\sfrom\s(?P<from>{TIME}){_TO}(?P<until>{TIME}))?"
    r"|for\s(?P<hours>(?:[\w.]{1,8}[ -]){1,3}?(?:hours?|hrs?|min(?:ute)?s?)\b(?:\s(?:and\s)?\d{1,2}\smin(?:ute)?s?\b)?)"
    rf"(?:,?\sfrom\s(?P<from3>{TIME}){_TO}(?P<until3>{TIME}))?"
    rf"|from\s(?P<from2>{TIME}){_TO}(?P<until2>{TIME}))",
    re.IGNORECASE | re.MULTILINE,
)

_DAYS = re.compile(
    r"^[^\w\n]{0,20}(?P<days>days?\s?\d{1,4}(?:\s?(?:-|–|—|to|through)\s?(?:day\s?)?\d{1,4})?)"
    r"\s{0,3}[:.)–—-]*\s{0,3}(?P<rest>[^\n]{1,300})",
    re.IGNORECASE | re.MULTILINE,
)
_MORE = rf"(?:[^\n.,;:()\[\]]|{_SHORT}\.){{0,60}}?"
_CITY = r"[^\W\d_]" + _MORE
_AND = r"and(?!\s(?-i:[A-ZÀ-Þ]))"
"""But for that before another name, so that two cities are none of the task's."""
_END = rf"(?=\s(?:for|on|in|by|{_AND}|via|where|with|at|until|from|to)\b|\s?[,;:()\[\]]|(?!{_SHORT})\.|\s-|\s?$)"
_FLY = re.compile(
    r"\b(?:fly|flight|flying|travel|train|bus|depart|leave|go)\b"
    rf"(?:[^\n]{{0,60}}?\bfrom\s(?P<away>{_CITY})\sto\s(?P<to>{_CITY}){_END}|\sto\s(?P<to2>{_CITY}){_END})",
    re.IGNORECASE,
)
_VISIT = re.compile(
    rf"(?<!\bnot\s)\b(?:visit(?:ing)?|stay(?:ing)?\s(?:in|at)|explor(?:e|ing)|arriv(?:e|ing)\s(?:in|at))\s(?P<city>{_CITY}){_END}",
    re.IGNORECASE,
)
_BARE = re.compile(rf"\s{{0,3}}(?P<city>(?-i:[A-ZÀ-Þ]){_MORE}){_END}", re.IGNORECASE)


def plain(text: str) -> str:
    """A text without Markdown, each mark as spaces, so that places in it stay the same."""
    return _MARKUP.sub(lambda mark: " " * len(mark[0]), text)


def proposed_times(text: str, task: Task) -> Iterator[Found]:
    """Every day with two times (`Monday, 14:30 - 15:00`) that its sentence does not deny.

    Only those called the answer where there are any.
    """
    slots, before = [], 0
    for slot in _SLOT.finditer(text):
        lead = text[max(before, slot.start() - 80) : slot.start()]
        is_denied = _DENIED_BEFORE.search(_SENTENCE_END.split(lead)[-1]) or _DENIED_BEHIND.match(text, slot.end())
        if not is_denied:
            slots.append((slot, bool(_MARK.search(lead))))
        before = slot.end()
    has_marked = any(is_marked for _, is_marked in slots)
    for slot, is_marked in slots:
        if is_marked or not has_marked:
            day = day_number(slot["day"] or slot["day2"])
            start, end = _times(slot["start"] or slot["start2"], slot["end"] or slot["end2"])
            if day is not None and start is not None and end is not None:
                yield slot.start(), (Entry("meeting", day=day, start=start, end=end),)


def _times(start: str, end: str) -> tuple[int | None, int | None]:
    """Two times; the half of the day may stand behind the second alone (`2:30 - 3:00 PM`)."""
    first, second, half = minutes(start), minutes(end), _HALF.search(end)
    if half and not _HALF.search(start) and first is not None and second is not None:
        shared = minutes(f"{start} {half[0]}")
        first = shared if shared is not None and shared <= second else first
    return first, second


def meetings(text: str, task: Task) -> Iterator[Found]:
    """Days of meetings: `You start at`, `You travel to`, `You wait until`, `You meet`; a start begins another day."""
    day: list[Entry] = []
    begins, here, now = 0, *_start(task)
    for step in _STEP.finditer(text):
        if _NOT_DONE.search(text[max(0, step.start() - 20) : step.start()]):
            continue
        if step["hours"] and not step["from3"] and _minutes(step["hours"]) is None:
            return
        if step["begin"] and any(entry.kind == "meeting" for entry in day):
            yield begins, tuple(day)
            day, (here, now) = [], _start(task)
        elif step["begin"]:
            day = []
        begins = begins if day else step.start()
        entry = _step(step, here, now)
        if len(day) <= MAX_ENTRIES and entry not in day:
            day.append(entry)
            here, now = entry.target or here, entry.end
    if any(entry.kind == "meeting" for entry in day):
        yield begins, tuple(day)


def _start(task: Task) -> tuple[str, int | None]:
    return (task.start.place, task.start.time) if task.start else ("", None)


def _step(step: re.Match[str], here: str, now: int | None) -> Entry:
    if step["begin"]:
        at = minutes(step["begun"])
        return Entry("start", place=_name(step["begin"]), start=at, end=at)
    if step["wait"]:
        return Entry("wait", place=here, end=minutes(step["wait"]))
    if step["to"]:
        arrival = minutes(step["arrival"]) if step["arrival"] else _later(now, step["ride"])
        return Entry("travel", place=_name(step["away"] or here), to=_name(step["to"]), start=now, end=arrival)
    if begins := step["from"] or step["from2"] or step["from3"]:
        now, end = _times(begins, step["until"] or step["until2"] or step["until3"])
    else:
        end = _later(now, step["lasts"] or _minutes(step["hours"]))
    return Entry("meeting", _name(step["name"]), place=here, start=now, end=end)


def _minutes(words: str) -> str | None:
    """The minutes of "an hour" or "1 hour and 30 minutes"; None where they cannot be read.

    >>> [_minutes(words) for words in ("half an hour", "1.5 hours", "an hour and 10 minutes", "some minutes")]
    ['30', '90', '70', None]
    """
    match = _HOURS.fullmatch(words)
    if match is None:
        return None
    hours = Decimal("0.5") if match[1] else Decimal(match[3] or 1)
    return str(int(hours * 60) + int(match[4] or 0))


def _later(now: int | None, lasts: str | None) -> int | None:
    return None if now is None or lasts is None else min(now + int(lasts), 2 * MINUTES_A_DAY)


def _name(text: str) -> str:
    return text.strip(" .,:\t")[:MAX_NAME]


def trips(text: str, task: Task) -> Iterator[Found]:
    """Itineraries: lines such as `Day 1-3: Visit Paris` and `Day 3: Fly from Paris to Rome`; day 1 begins another."""
    trip: list[Entry] = []
    begins = 0
    for line in _DAYS.finditer(text):
        span = day_span(line["days"])
        entries = _of_days(span, line["rest"]) if span else []
        if trip and entries and entries[0].kind == "stay" and entries[0].day == 1:
            yield begins, _joined(trip, task)
            trip = []
        begins = begins if trip else line.start()
        trip += [entry for entry in entries if len(trip) <= MAX_ENTRIES and entry not in trip]
    if any(entry.kind == "stay" for entry in trip):
        yield begins, _joined(trip, task)


def _joined(trip: list[Entry], task: Task) -> tuple[Entry, ...]:
    """A trip told day by day, as stays: days in one place follow each other, and the day of arrival is one of them."""
    shares_day = all(rule.shares_travel_day for rule in task.constraints if rule.kind == "route")
    found: list[Entry] = []
    for entry in trip:
        before = found[-1] if found else entry
        is_next = entry.kind == "stay" and entry.day == (before.until_day or 0) + 1
        is_there = place_key(before.target) == place_key(entry.place)
        if is_next and is_there and before.kind == "stay":
            found[-1] = replace(before, last_day=entry.until_day)
        elif is_next and is_there and shares_day:
            found.append(replace(entry, day=before.day, last_day=entry.until_day))
        else:
            found.append(entry)
    return tuple(found)


def _of_days(span: tuple[int, int], rest: str) -> list[Entry]:
    """The stay and the flight of a line; of a flight alone, on several days, a stay where it goes."""
    first, last = span
    found = []
    fly, visit = _FLY.search(rest), _VISIT.search(rest) or _BARE.match(rest)
    if visit and not (fly and fly.start() < visit.end()):
        found.append(Entry("stay", place=_name(visit["city"]), day=first, last_day=last if last > first else None))
    if fly:
        way = Entry("travel", place=_name(fly["away"] or ""), to=_name(fly["to"] or fly["to2"]), day=last)
        is_stay = last > first and not found
        found.append(replace(way, day=first) if is_stay else way)
        found += [Entry("stay", place=way.to, day=first, last_day=last)] if is_stay else []
    return found
