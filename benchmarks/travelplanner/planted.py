"""Mistakes that are planted in right plans of TravelPlanner: for each constraint, one way to break it."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from benchmarks.travelplanner.tasks import MEALS
from pipeline.constraints.reading import find_schedules
from pipeline.constraints.schedule import Schedule
from pipeline.verifiers.constraints import Task

Days = list[dict[str, Any]]
PLANTS: dict[str, Callable[[Days, dict[str, Any]], bool]] = {}
"""How each constraint is broken: changes a plan in place; False where this plan has nothing to break."""


def plants(name: str) -> Callable[[Callable[[Days, dict[str, Any]], bool]], Callable[[Days, dict[str, Any]], bool]]:
    def register(planted: Callable[[Days, dict[str, Any]], bool]) -> Callable[[Days, dict[str, Any]], bool]:
        PLANTS[name] = planted
        return planted

    return register


@plants("no_hallucination")
def _unknown_restaurant(days: Days, task: dict[str, Any]) -> bool:
    days[1]["lunch"] = f"The Moonlit Fork, {here(days[1])}"
    return True


@plants("within_current_city")
def _dinner_elsewhere(days: Days, task: dict[str, Any]) -> bool:
    """The dinners of two days in different cities change places, so that both are known."""
    first, city = days[1], days[1]["current_city"]
    other = next((day for day in days[2:] if "from" not in day["current_city"] and day["current_city"] != city), None)
    if other is None or "from" in city:
        return False
    first["dinner"], other["dinner"] = other["dinner"], first["dinner"]
    return True


@plants("reasonable_city_route")
def _no_way_home(days: Days, task: dict[str, Any]) -> bool:
    days[-1] |= {"current_city": days[-1]["current_city"].partition(" to ")[0][5:], "transportation": "-"}
    return True


@plants("diverse_restaurants")
def _same_restaurant(days: Days, task: dict[str, Any]) -> bool:
    days[1]["dinner"] = days[1]["lunch"]
    return True


@plants("diverse_attractions")
def _same_attraction(days: Days, task: dict[str, Any]) -> bool:
    days[1]["attraction"] += days[1]["attraction"].split(";")[0] + ";"
    return True


@plants("non_conflicting_transportation")
def _other_way_home(days: Days, task: dict[str, Any]) -> bool:
    """Home in another way than out, where there is one."""
    out, way = days[0]["transportation"].lower(), days[-1]["current_city"]
    other = "Flight Number: F0000000" if "self-driving" in out else "Self-driving"
    days[-1]["transportation"] = f"{other}, {way}"
    return True


@plants("minimum_nights")
def _too_few_nights(days: Days, task: dict[str, Any]) -> bool:
    nights = sum(day["accommodation"] == days[0]["accommodation"] for day in days)
    return _other_room(days, task, lambda room: room["numbers"]["minimum_nights"] > nights)


@plants("complete_information")
def _no_bed(days: Days, task: dict[str, Any]) -> bool:
    days[0]["accommodation"] = "-"
    return True


@plants("number_of_cities")
def _one_city_less(days: Days, task: dict[str, Any]) -> bool:
    """A trip that stays in its first city."""
    city = here(days[0])
    if here(days[-2]) == city:
        return False
    for day in days[1:-1]:
        day |= {"current_city": city, "transportation": "-"}
    days[-1]["current_city"] = f"from {city} to {days[-1]['current_city'].rpartition(' to ')[2]}"
    return True


@plants("room_rule")
def _barred_room(days: Days, task: dict[str, Any]) -> bool:
    barred = set(rule(task, "room_rule")["none_of"])
    return _other_room(days, task, lambda room: bool(barred & set(room["attributes"]["house_rules"])))


@plants("room_type")
def _other_type(days: Days, task: dict[str, Any]) -> bool:
    wanted = set(rule(task, "room_type")["any_of"])
    return _other_room(days, task, lambda room: not wanted & set(room["attributes"]["room_type"]))


@plants("cuisine")
def _no_such_cuisine(days: Days, task: dict[str, Any]) -> bool:
    """Every meal of one cuisine is left out."""
    missed = rule(task, "cuisine")["cover"][0]
    has_it = {(o["name"], o["place"]) for o in task["options"] if missed in o.get("attributes", {}).get("cuisine", ())}
    for day in days:
        for meal in MEALS:
            name, _, place = day[meal].rpartition(", ")
            if (name, place.partition("(")[0]) in has_it:
                day[meal] = "-"
    return True


@plants("transportation")
def _barred_way(days: Days, task: dict[str, Any]) -> bool:
    barred = rule(task, "transportation")["none_of"][0]
    way = "Flight Number: F0000000" if barred == "flight" else "Self-driving"
    days[0]["transportation"] = f"{way}, {days[0]['current_city']}"
    return True


@plants("budget")
def _one_cent_too_dear(days: Days, task: dict[str, Any]) -> bool:
    """The limit is one cent under what the plan costs."""
    read = Task.model_validate(task)
    (entries,) = find_schedules(json.dumps(days), read)
    spent = [Schedule(read, entries).cost(entry, rule(task, "budget")["people"]) for entry in entries]
    rule(task, "budget")["limit"] = str(sum((cost for cost in spent if cost), Decimal(0)) - Decimal("0.01"))
    return True


def _other_room(days: Days, task: dict[str, Any], is_wrong: Callable[[dict[str, Any]], bool]) -> bool:
    """The first city's room is changed for one that is wrong."""
    first, city = days[0]["accommodation"], here(days[0])
    rooms = [
        o for o in task["options"] if o["kind"] == "lodging" and o["place"] == city.partition("(")[0] and is_wrong(o)
    ]
    for day in days:
        if rooms and day["accommodation"] == first:
            day["accommodation"] = f"{rooms[0]['name']}, {city}"
    return bool(rooms)


def here(day: dict[str, Any]) -> str:
    """The city in which a day ends."""
    return str(day["current_city"]).rpartition(" to ")[2]


def is_said(text: str) -> bool:
    """Whether a field has something in it."""
    return text not in ("", "-")


def rule(task: dict[str, Any], name: str) -> dict[str, Any]:
    """The first constraint of a name."""
    return next(found for found in task["constraints"] if found["name"] == name)
