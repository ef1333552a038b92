"""A schedule and its task, as the checks of constraints see them."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from pipeline.constraints.entries import Entry, key, place_key
from pipeline.constraints.language import Option, Selecting, Task, option_key
from pipeline.constraints.times import MAX_DAY

Problem = tuple[int | None, str]
"""The entry that breaks a constraint (from 0; None where there is none) and a sentence on it."""
Numbered = tuple[int, Entry]


@dataclass(frozen=True)
class Schedule:
    """The entries of a response, in its order, and the task that they are for."""

    task: Task
    entries: tuple[Entry, ...]

    def selected(self, by: Selecting) -> list[Numbered]:
        """The entries that a constraint speaks about, each with its number from 0."""
        kinds, names = {key(kind) for kind in by.of}, {key(name) for name in by.names}
        places = {place_key(place) for place in by.places}
        return [
            (number, entry)
            for number, entry in enumerate(self.entries)
            if entry.kind in kinds
            and (not names or key(entry.name) in names)
            and (not places or place_key(entry.place) in places or place_key(entry.target) in places)
        ]

    def option(self, entry: Entry) -> Option | None:
        """What an entry is, among the task's options; None where it is none of them."""
        found = self.task.found_options.get(option_key(entry.kind, entry.name, entry.place, entry.to))
        is_then = found is not None and (found.day is None or entry.day is None or found.day == entry.day)
        return found if is_then else None

    def traits(self, entry: Entry, attribute: str) -> frozenset[str] | None:
        """What an entry is like: as its option says, else as the response does; None where neither does."""
        option = self.option(entry)
        if option is not None and attribute in option.attributes:
            return frozenset(key(value) for value in option.attributes[attribute])
        return frozenset([key(entry.attributes[attribute])]) if attribute in entry.attributes else None

    def cost(self, entry: Entry, people: int) -> Decimal | None:
        """What an entry costs, None where that is unknown; the response's own figure where its kind has no options."""
        if (option := self.option(entry)) is not None:
            return option.cost * math.ceil(people / option.serves) * n_days(entry)
        return None if entry.kind in self.task.option_kinds else entry.cost


def n_days(entry: Entry) -> int:
    """Days from the first to the last, both counted; 1 where the response does not say."""
    return 1 if entry.day is None or entry.until_day is None else entry.until_day - entry.day + 1


def listed(values: Collection[object], limit: int = 6) -> str:
    """Values for a message.

    >>> listed(["b", "a"]), listed(range(9))
    ('b, a', '0, 1, 2, 3, 4, 5, ...')
    """
    shown = [str(value) for value, _ in zip(values, range(limit), strict=False)]
    return ", ".join(shown) + (", ..." if len(values) > limit else "")


def days_of(entry: Entry, last: int = MAX_DAY) -> range:
    """The days of an entry, up to `last`; none where the response does not say."""
    if entry.day is None or entry.until_day is None:
        return range(0)
    return range(entry.day, min(entry.until_day, last) + 1)
