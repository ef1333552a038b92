"""The language of planning tasks: what a schedule may be made of, and the constraints that it must hold.

Every constraint has a `kind` and speaks about the entries that its `of`, `names` and `places` select. Times are texts
such as `14:30` or `2:30 PM`; days are numbers from 1 or weekdays, with Monday as 1; money is an exact decimal.
"""

from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.constraints import times
from pipeline.constraints.entries import key, place_key
from pipeline.constraints.possible import require_kinds, require_options
from schemas.recipe import Settings

MAX_CONSTRAINTS = 500
MAX_OPTIONS = 20_000
MAX_LIST = 1_000


def _minutes(value: Any) -> Any:
    found = times.minutes(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("wanted a time such as '14:30' or '2:30 PM'")
    return found


def _day(value: Any) -> Any:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    found = times.day_number(text)
    if found is None:
        raise ValueError(f"wanted a day from 1 to {times.MAX_DAY} or a weekday such as 'Monday'")
    return found


def _require_after(begins: int, ends: int) -> None:
    if ends <= begins:
        raise ValueError(f"until_time: found {times.clock(ends)}, wanted a time after {times.clock(begins)}")


Text = Annotated[str, Field(min_length=1, max_length=200)]
Texts = Annotated[list[Text], Field(max_length=MAX_LIST)]
Time = Annotated[int, BeforeValidator(_minutes)]
Day = Annotated[int, BeforeValidator(_day)]
Days = Annotated[list[Day], Field(max_length=MAX_LIST)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Money = Annotated[Decimal, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)]
Pair = Annotated[list[Text], Field(min_length=2, max_length=2)]
Pairs = Annotated[list[Pair], Field(max_length=MAX_LIST)]


class Start(Settings):
    """Where and when a schedule begins."""

    place: Text = Field(description="The place.")
    time: Time = Field(description="The time of day.")


class Option(Settings):
    """Something that exists and may be in a schedule: a restaurant, a room, a flight."""

    kind: Text = Field(description="The kind of entry that it can be, such as `meal`.")
    name: str = Field("", max_length=200, description="Its name; empty where it has none, such as a taxi ride.")
    place: Text = Field(description="Where it is; of travel, where it begins.")
    to: str = Field("", max_length=200, description="Where travel ends.")
    day: Day | None = Field(None, description="The only day on which there is it; empty: any.")
    cost: Money = Field(Decimal(0), description="What it costs, for `serves` people and one day or night.")
    serves: int = Field(1, ge=1, le=100_000, description="How many people one such cost is for, such as 4 in a taxi.")
    numbers: dict[Text, Count] = Field({}, description="Further numbers, such as `minimum_nights`.")
    attributes: dict[Text, Texts] = Field({}, description="Further facts, such as `cuisine`.")


class Constraint(Settings):
    """What every constraint has."""

    name: str = Field(
        "", pattern=r"^([a-z][a-z_]*)?$", max_length=60, description="The reason where it is broken; empty: its kind."
    )

    @property
    def reason(self) -> str:
        """The snake_case code of a verdict."""
        return self.name or str(getattr(self, "kind", ""))


class Selecting(Constraint):
    """A constraint on some of the entries."""

    of: Texts = Field(min_length=1, description="The kinds of entries that it speaks about.")
    names: Texts = Field([], description="Only entries of these names; empty: of any.")
    places: Texts = Field([], description="Only entries at these places; empty: at any.")


class Bounded(Selecting):
    """A constraint with a smallest and a largest number."""

    at_least: Count = Field(0, description="The fewest or shortest.")
    at_most: Count | None = Field(None, description="The most or longest; empty: any.")

    @model_validator(mode="after")
    def _ordered(self) -> "Bounded":
        if self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"found at_least {self.at_least} and at_most {self.at_most}, wanted at_least no larger")
        return self


class HowMany(Bounded):
    """So many entries, or so many different names or places of them."""

    kind: Literal["count"]
    distinct: Literal["", "name", "place"] = Field("", description="What is counted once; empty: every entry.")
    without: Texts = Field([], description="Names or places that do not count.")


class Duration(Bounded):
    """Each of the entries lasts so long."""

    kind: Literal["duration"]
    unit: Literal["minutes", "days"] = Field("minutes", description="Days count both ends; of lodging, its nights.")
    at_least_of: str = Field("", max_length=200, description="The number of the entry's option that is the shortest.")


class Window(Selecting):
    """The entries are within days and times of day, or one of them covers or overlaps those."""

    kind: Literal["window"]
    days: Days = Field([], description="The days; empty: any.")
    from_time: Time = Field(0, description="Where the window opens.", validate_default=False)
    until_time: Time = Field(times.MINUTES_A_DAY, description="Where it closes.", validate_default=False)
    how: Literal["within", "covers", "overlaps"] = Field(
        "within",
        description="`within`: each entry lies in it; `covers`: one spans all of it; `overlaps`: one part of it.",
    )

    @model_validator(mode="after")
    def _forwards(self) -> "Window":
        _require_after(self.from_time, self.until_time)
        return self


class Busy(Settings):
    """A time that is taken."""

    day: Day = Field(description="The day.")
    from_time: Time = Field(description="When it begins.")
    until_time: Time = Field(description="When it ends.")

    @model_validator(mode="after")
    def _forwards(self) -> "Busy":
        _require_after(self.from_time, self.until_time)
        return self


class NoOverlap(Selecting):
    """The entries overlap neither each other nor what is taken already; to touch is no overlap."""

    kind: Literal["no_overlap"]
    who: str = Field("", max_length=200, description="Whose time is taken, for messages.")
    busy: list[Busy] = Field([], max_length=MAX_LIST, description="The times that are taken.")


class Travel(Selecting):
    """One place at a time: entries follow each other from the task's `start`, with at least the minutes of each way."""

    kind: Literal["travel"]
    minutes: dict[Text, dict[Text, Count]] = Field(description="Minutes from a place to another.")


class Route(Selecting):
    """The entries lead from place to place without a jump, and to no place twice."""

    kind: Literal["route"]
    direct: Pairs = Field([], description="Ways there are, in both directions; with none here and none one-way: any.")
    one_way: Pairs = Field([], description="Ways there are in one direction only.")
    begins: str = Field("", max_length=200, description="Where it must begin; empty: anywhere.")
    ends: str = Field("", max_length=200, description="Where it must end; empty: anywhere.")
    days: int | None = Field(None, ge=1, le=times.MAX_DAY, description="Days to be filled from day 1; empty: any.")
    shares_travel_day: bool = Field(True, description="Whether a day of travel is a day in both places.")


class Place(Selecting):
    """The entries are where they have to be."""

    kind: Literal["place"]
    at: Texts = Field([], description="The places, one of which it must be; empty: where `day` entries say one is.")


class Known(Selecting):
    """Every entry is one of the task's options."""

    kind: Literal["known"]


class Attribute(Selecting):
    """What the entries, or their options, are like."""

    kind: Literal["attribute"]
    attribute: Text = Field(description="Its name, such as `cuisine`.")
    any_of: Texts = Field([], description="Each entry has one of these; empty: no such rule.")
    none_of: Texts = Field([], description="No entry has any of these.")
    cover: Texts = Field([], description="Each of these is had by some entry.")
    not_together: list[Texts] = Field([], max_length=100, description="Groups of which a schedule has at most one.")


class SumAtMost(Selecting):
    """The entries' costs, added up, stay within a limit. What has no known cost breaks it."""

    kind: Literal["sum_at_most"]
    limit: Money = Field(description="The largest sum.")
    people: int = Field(1, ge=1, le=100_000, description="For how many people.")


class AllDifferent(Selecting):
    """No two entries are the same thing at the same place."""

    kind: Literal["all_different"]


class Needs(Settings):
    """How many entries of a kind certain days need."""

    of: Text = Field(description="The kind of entry.")
    at_least: int = Field(1, ge=1, le=MAX_LIST, description="How many.")
    on: Literal["every_day", "all_but_last", "travel_days", "other_days"] = Field(
        "every_day", description="On which days; a travel day is one whose `day` entry leads elsewhere."
    )


class EachDay(Constraint):
    """Each of the days has what it needs, and there is no further day."""

    kind: Literal["each_day"]
    days: int = Field(ge=1, le=times.MAX_DAY, description="How many days there are.")
    needs: list[Needs] = Field(min_length=1, max_length=100, description="What they need.")


AnyConstraint = Annotated[
    HowMany | Duration | Window | NoOverlap | Travel | Route | Place | Known | Attribute | SumAtMost | AllDifferent
    | EachDay,
    Field(discriminator="kind"),
]  # fmt: skip


def option_key(kind: str, name: str, place: str, to: str) -> tuple[str, str, str, str]:
    """What an entry and its option have in common."""
    return key(kind), key(name), place_key(place), place_key(to)


class Task(Settings):
    """A planning task: the form of its answer, what may be in it, and what it must hold."""

    form: Literal["calendar", "meetings", "trip", "days", "entries"] = Field(
        description="How an answer is written; a list of entries as JSON is read in every form."
    )
    start: Start | None = Field(None, description="Where and when a schedule of meetings begins.")
    options: list[Option] = Field([], max_length=MAX_OPTIONS, description="What may be in a schedule.")
    constraints: list[AnyConstraint] = Field(
        min_length=1, max_length=MAX_CONSTRAINTS, description="What it must hold, in the order of reasons."
    )

    @cached_property
    def found_options(self) -> dict[tuple[str, str, str, str], Option]:
        """Options by kind, name, place and target as they are compared; of equal ones the first."""
        by_key: dict[tuple[str, str, str, str], Option] = {}
        for option in self.options:
            by_key.setdefault(option_key(option.kind, option.name, option.place, option.to), option)
        return by_key

    @cached_property
    def option_kinds(self) -> frozenset[str]:
        """The kinds of entries that have options."""
        return frozenset(key(option.kind) for option in self.options)

    @model_validator(mode="after")
    def _possible(self) -> "Task":
        for number, rule in enumerate(self.constraints):
            field = f"constraints.{number}.{rule.kind}"
            if isinstance(rule, EachDay):
                for row, need in enumerate(rule.needs):
                    require_kinds(self.form, f"{field}.needs.{row}.of", [need.of])
                continue
            require_kinds(self.form, f"{field}.of", rule.of)
            if isinstance(rule, Known | SumAtMost):
                require_options(self.form, field, rule, self.options)
        return self

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, task: Any) -> Any:
        """Tables of tasks give every constraint the fields of all others, as nulls."""
        return _present(task)


def _present(item: Any) -> Any:
    if isinstance(item, dict):
        return {name: _present(value) for name, value in item.items() if value is not None}
    return [_present(value) for value in item] if isinstance(item, list) else item
