"""Schedules in words: a proposed time, a day of meetings, an itinerary of cities."""

import re
from collections.abc import Iterator

from pipeline.constraints.entries import MAX_ENTRIES, MAX_NAME, Entry
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
_HALF = re.compile(r"[ap]\.?m", re.IGNORECASE)

_STEP = re.compile(
    rf"\bstart(?:\s(?:your|the)\sday)?\s(?:at|in|from)\s(?P<begin>[^\n;]{{1,80}}?)\sat\s(?P<begun>{TIME})"
    rf"|\b(?:travel|walk|drive|go|head|move)\s(?:from\s(?P<away>[^\n;]{{1,80}}?)\s)?to\s(?P<to>[^\n;]{{1,80}}?)"
    rf"(?=\sin\s\d|\sand\s|\s?[(,;\n]|(?!{_SHORT})\.\s|\.?$)(?:\sin\s(?P<ride>\d{{1,4}})\sminutes?)?"
    rf"(?:,?\s(?:and\s)?arriv(?:e|ing)(?:\sthere)?\sat\s(?P<arrival>{TIME}))?"
    rf"|\bwait(?:\sthere)?\suntil\s(?P<wait>{TIME})"
    rf"|\bmeet\s(?:with\s)?(?P<name>[^\n;.]{{1,80}}?)\s"
    rf"(?:for\s(?P<lasts>\d{{1,4}})\sminutes?(?:,?\sfrom\s(?P<from>{TIME}){_TO}(?P<until>{TIME}))?"
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
_END = rf"(?=\s(?:for|on|in|by|and|via|where|with|at|until|from|to)\b|\s?[,;:()\[\]]|(?!{_SHORT})\.|\s-|\s?$)"
_FLY = re.compile(
    r"\b(?:fly|flight|flying|travel|train|bus|depart|leave|go)\b"
    rf"(?:[^\n]{{0,60}}?\bfrom\s(?P<away>{_CITY})\sto\s(?P<to>{_CITY}){_END}|\sto\s(?P<to2>{_CITY}){_END})",
    re.IGNORECASE,
)
_VISIT = re.compile(
    rf"\b(?:visit(?:ing)?|stay(?:ing)?\s(?:in|at)|explor(?:e|ing)|arriv(?:e|ing)\s(?:in|at))\s(?P<city>{_CITY}){_END}",
    re.IGNORECASE,
)
_BARE = re.compile(rf"\s{{0,3}}(?P<city>(?-i:[A-ZÀ-Þ]){_MORE}){_END}", re.IGNORECASE)


def plain(text: str) -> str:
    """A text without Markdown, each mark as spaces, so that places in it stay the same."""
    return _MARKUP.sub(lambda mark: " " * len(mark[0]), text)


def proposed_times(text: str, task: Task) -> Iterator[Found]:
    """Every day with two times (`Monday, 14:30 - 15:00`); only those called the answer where there are any."""
    slots, before = [], 0
    for slot in _SLOT.finditer(text):
        slots.append((slot, bool(_MARK.search(text[max(before, slot.start() - 80) : slot.start()]))))
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
    if step["from"] or step["from2"]:
        now, end = _times(step["from"] or step["from2"], step["until"] or step["until2"])
    else:
        end = _later(now, step["lasts"])
    return Entry("meeting", _name(step["name"]), place=here, start=now, end=end)


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
            yield begins, tuple(trip)
            trip = []
        begins = begins if trip else line.start()
        trip += [entry for entry in entries if len(trip) <= MAX_ENTRIES and entry not in trip]
    if any(entry.kind == "stay" for entry in trip):
        yield begins, tuple(trip)


def _of_days(span: tuple[int, int], rest: str) -> list[Entry]:
    """The stay and the flight of a line; of a line on one day that has a flight, the flight alone."""
    first, last = span
    found = []
    fly, visit = _FLY.search(rest), _VISIT.search(rest) or _BARE.match(rest)
    if visit and not (fly and fly.start() < visit.end()):
        found.append(Entry("stay", place=_name(visit["city"]), day=first, last_day=last if last > first else None))
    if fly:
        found.append(Entry("travel", place=_name(fly["away"] or ""), to=_name(fly["to"] or fly["to2"]), day=last))
    return found
