"""Checks of what entries are: how many, known, different, of which kind, at what cost."""

from collections.abc import Iterator
from decimal import Decimal

from pipeline.constraints.entries import key, place_key
from pipeline.constraints.language import AllDifferent, Attribute, HowMany, Known, SumAtMost
from pipeline.constraints.schedule import Problem, Schedule, listed


def count(rule: HowMany, schedule: Schedule) -> Iterator[Problem]:
    """Too few or too many entries, names or places."""
    selected = schedule.selected(rule)
    without = {key(name) for name in rule.without} | {place_key(name) for name in rule.without}
    seen: set[str] = set()
    for number, entry in selected:
        if rule.distinct == "place":
            new = {place_key(entry.place), place_key(entry.target)} - {""}
        else:
            new = {key(entry.name)} if rule.distinct == "name" else {str(number)}
        seen |= new - without
        if rule.at_most is not None and len(seen) > rule.at_most:
            yield number, f"{entry}: is one too many, wanted at most {rule.at_most} of {_what(rule)}"
            return
    if len(seen) < rule.at_least:
        yield None, f"there are {len(seen)} of {_what(rule)}, wanted at least {rule.at_least}"


def _what(rule: HowMany) -> str:
    return f"different {rule.distinct}s of {listed(rule.of)}" if rule.distinct else listed(rule.of)


def known(rule: Known, schedule: Schedule) -> Iterator[Problem]:
    """Entries that are none of the options."""
    for number, entry in schedule.selected(rule):
        if schedule.option(entry) is None:
            yield number, f"{entry}: there is no such {entry.kind} in the task"


def attribute(rule: Attribute, schedule: Schedule) -> Iterator[Problem]:
    """Entries that are not as they have to be; what is unknown is not as wanted."""
    any_of, none_of = ({key(value) for value in values} for values in (rule.any_of, rule.none_of))
    seen: dict[str, int] = {}
    for number, entry in schedule.selected(rule):
        traits = schedule.traits(entry, rule.attribute)
        seen |= dict.fromkeys(traits or (), number)
        if traits is None:
            if any_of or none_of:
                yield number, f"{entry}: its {rule.attribute} is unknown"
        elif any_of and not traits & any_of:
            yield number, f"{entry}: {rule.attribute} is {listed(sorted(traits))}, wanted {listed(rule.any_of)}"
        elif traits & none_of:
            yield number, f"{entry}: {rule.attribute} is {listed(sorted(traits & none_of))}, which is ruled out"
    for value in rule.cover:
        if key(value) not in seen:
            yield None, f"no entry has the {rule.attribute} {value}"
    for group in rule.not_together:
        both = [value for value in group if key(value) in seen]
        if len(both) > 1:
            yield max(seen[key(value)] for value in both), f"{listed(both)} are not to be in one schedule"


def sum_at_most(rule: SumAtMost, schedule: Schedule) -> Iterator[Problem]:
    """A sum beyond the limit, or one that cannot be known."""
    total = Decimal(0)
    for number, entry in schedule.selected(rule):
        cost = schedule.cost(entry, rule.people)
        if cost is None:
            yield number, f"{entry}: its cost is unknown, so that the sum is"
            return
        total += cost
        if total > rule.limit:
            yield number, f"the sum is {_sum(rule, schedule)}, wanted at most {rule.limit}"
            return


def _sum(rule: SumAtMost, schedule: Schedule) -> str:
    costs = [schedule.cost(entry, rule.people) for _, entry in schedule.selected(rule)]
    return str(sum((cost for cost in costs if cost is not None), Decimal(0)))


def all_different(rule: AllDifferent, schedule: Schedule) -> Iterator[Problem]:
    """Entries that are there twice."""
    seen: dict[tuple[str, str], int] = {}
    for number, entry in schedule.selected(rule):
        same = seen.setdefault((key(entry.name), place_key(entry.place)), number)
        if same != number:
            yield number, f"{entry}: is the same as {schedule.entries[same]}"
