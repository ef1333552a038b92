"""Entries of a schedule: what happens where, from when to when, at what cost."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from pipeline.constraints.times import clock

MAX_ENTRIES = 500
"""A schedule of more entries is not read: no task asks for one."""
MAX_NAME = 200
ENTRY_KINDS = {
    "calendar": ("meeting",),
    "meetings": ("start", "travel", "wait", "meeting"),
    "trip": ("stay", "travel"),
    "days": ("day", "travel", "meal", "attraction", "lodging"),
}
"""What an entry can be in each form: of another kind, no constraint would see it. In the form `entries`, anything."""

_STATE = re.compile(r"\s*\([^()]{0,80}\)\s*$")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})


@dataclass(frozen=True)
class Entry:
    """One thing of a schedule. Empty texts and None mean that the response does not say."""

    kind: str
    """Such as `meeting`, `travel`, `wait`, `stay`, `day`, `meal`, `attraction` or `lodging`."""
    name: str = ""
    """Who is met, what is visited, which flight."""
    place: str = ""
    """Where it is; of travel, where it begins."""
    to: str = ""
    """Where travel ends."""
    day: int | None = None
    last_day: int | None = None
    """Both from 1; the last day is the first where it is None."""
    start: int | None = None
    end: int | None = None
    """Minutes since midnight."""
    cost: Decimal | None = None
    """As the response says it; options outrank it."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Further facts from the response, such as `mode` of travel."""

    @property
    def until_day(self) -> int | None:
        """The last day."""
        return self.day if self.last_day is None else self.last_day

    @property
    def target(self) -> str:
        """Where one is after it."""
        return self.to or self.place

    def __str__(self) -> str:
        """The entry in one line.

        >>> str(Entry("travel", "F1", "Rome", "Oslo", day=2)), str(Entry("meeting", "Ann", start=540, end=570))
        ('travel F1: Rome to Oslo, day 2', 'meeting Ann, 9:00 - 9:30')
        """
        where = f"{self.place or '?'} to {self.to}" if self.to else self.place
        text = f"{self.kind} {self.name}".strip() + (f": {where}" if where else "")
        if self.day is not None:
            text += f", day {self.day}" + (f"-{self.last_day}" if self.last_day not in (None, self.day) else "")
        if self.start is not None or self.end is not None:
            text += f", {clock(self.start)} - {clock(self.end)}"
        return text + (f", cost {self.cost}" if self.cost is not None else "")


def key(text: str) -> str:
    """A name as names are compared: without case, doubled spaces, the shape of quotes and dashes, marks around it.

    >>> key("  **Coco  BAMBU’s** ")
    "coco bambu's"
    """
    return " ".join(text.translate(_QUOTES).casefold().split()).strip("*_ ")


def place_key(text: str) -> str:
    """A place as places are compared: as `key`, without a region in parentheses behind it.

    >>> place_key("Toledo(Ohio)"), place_key("St. Petersburg")
    ('toledo', 'st. petersburg')
    """
    return key(_STATE.sub("", text)).rstrip(".")
