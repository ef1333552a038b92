"""Times of day and days as people write them, read as whole numbers."""

import re

MINUTES_A_DAY = 24 * 60
MAX_DAY = 1_000
"""Days are counted from 1 to this."""
MAX_TEXT = 80

TIME = (
    r"(?:(?<![\d:])\d{1,2}(?::\d{2}(?::00)?)?\s?[ap]\.?m\b"
    r"|(?<![\d:])\d{1,2}:\d{2}(?::00)?(?![\d:])|\bnoon\b|\bmidnight\b)"
)
"""A time of day in running text; a bare number is none."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WEEKDAY = r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"

_TIME = re.compile(r"(\d{1,2})(?::(\d{2})(?::00)?)?\s*(?:([ap])\.?m\.?)?", re.IGNORECASE)
_SPAN = re.compile(r"(?:days?\s*)?(\d{1,4})(?:\s*(?:-|–|—|to|through|until)\s*(?:day\s*)?(\d{1,4}))?", re.IGNORECASE)


def minutes(text: str) -> int | None:
    """Minutes since midnight of a time of day; None where it is none. 24:00 is the end of a day.

    >>> [minutes(t) for t in ("14:30", "2:30 PM", "9:00AM", "12 a.m.", "noon", "24:00", "25:00", "9")]
    [870, 870, 540, 0, 720, 1440, None, None]
    """
    text = text.strip().casefold()
    if text in ("noon", "midnight"):
        return 720 if text == "noon" else 0
    match = _TIME.fullmatch(text) if len(text) <= MAX_TEXT else None
    if match is None or (match[2] is None and match[3] is None):
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if minute > 59 or (half and not 1 <= hour <= 12):
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    total = hour * 60 + minute
    return total if total <= MINUTES_A_DAY else None


def clock(total: int | None) -> str:
    """Minutes since midnight as text; `?` where there are none.

    >>> clock(870), clock(None)
    ('14:30', '?')
    """
    return "?" if total is None else f"{total // 60}:{total % 60:02d}"


def day_number(text: str) -> int | None:
    """A day from 1: a number, `Day 3`, or a weekday with Monday as 1; None where it is none.

    >>> [day_number(t) for t in ("3", "Day 3", "Monday", "sunday", "0", "soon")]
    [3, 3, 1, 7, None, None]
    """
    text = text.strip().casefold()
    if text in WEEKDAYS:
        return WEEKDAYS.index(text) + 1
    span = day_span(text)
    return span[0] if span and span[0] == span[1] else None


def day_span(text: str) -> tuple[int, int] | None:
    """First and last day of `Day 2-5`, `Days 2 to 5` or `Day 2`; None where it is neither or runs backwards.

    >>> day_span("Day 2-5"), day_span("days 2 to 5"), day_span("Day 7"), day_span("5-2")
    ((2, 5), (2, 5), (7, 7), None)
    """
    match = _SPAN.fullmatch(text.strip()) if len(text) <= MAX_TEXT else None
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return (first, last) if 1 <= first <= last <= MAX_DAY else None
