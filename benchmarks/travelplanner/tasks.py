"""Tasks of the verifier `constraints` from TravelPlanner's public files: from the words of a query and its reference.

What the constraints mean is taken from the benchmark's own evaluation (in its repository, `evaluation/`).
"""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

KINDS = ["travel", "meal", "attraction", "lodging"]
MEALS = ("breakfast", "lunch", "dinner")
NUMBERS = {
    word: n for n, word in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), 1)
}
CUISINES = ("American", "Chinese", "French", "Indian", "Italian", "Mediterranean", "Mexican")
RULES = {
    "No children under 10": r"\bchild",
    "No smoking": r"\bsmok",
    "No pets": r"\bpets?\b",
    "No parties": r"\bpart(?:y(?! of)|ies)\b",
    "No visitors": r"\bvisitors?\b",
}
ROOMS = {"Entire home/apt": r"\bentire (?:rooms?|home)", "Private room": r"\bprivate rooms?\b"}
NOT = r"\b(?:not|cannot|no|non|avoid\w*|exclud\w*|without|\w+n't)\b"
BANS = {
    "flight": rf"{NOT}[^.]{{0,60}}\b(?:fl(?:y|ying|ights?)|air|airline)\b",
    "self-driving": rf"{NOT}[^.]{{0,60}}\b(?:self-driv\w+|driv\w+ ourselves)\b",
}
CITY = r"(?P<city>(?:St\. )?[A-Z][a-z]+(?: (?:Ste\. |St\. )?[A-Z][a-z]+)*)"
DEPARTS = (
    r"(?:depart\w*|leav\w+|start\w*|begin\w*|commenc\w+|originat\w+|set\w* off|tak\w+ off|journeying)"
    rf"(?: our journey| our travels| out)?(?: (?:from|in|at))? {CITY}"
)


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a gzipped JSONL file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def gold_rows(data: Path) -> Iterator[dict[str, Any]]:
    """The 45 reference plans with their tasks; both files have the queries in the same order."""
    plans, references = records(data / "std_travelplanner.jsonl.gz"), records(data / "train_ref_info.jsonl.gz")
    for number, (row, reference) in enumerate(zip(plans, references, strict=True), 1):
        _, asked, answer = (message["content"] for message in row["messages"])
        yield {"id": f"gold-{number}", "response": answer, "task": task_of(asked.rpartition("Query:")[2], reference)}


def example_rows(data: Path) -> Iterator[dict[str, Any]]:
    """The plans of the publishers' example of an evaluation; no reference information on these queries is here."""
    for row in records(data / "example_evaluation.jsonl.gz"):
        response = json.dumps(row["plan"]) if row["plan"] else ""
        yield {"id": f"example-{row['idx']}", "response": response, "task": task_of(row["query"], None)}


def task_of(query: str, reference: dict[str, Any] | None) -> dict[str, Any]:
    """The task of a query; without reference information, what only that can show is left out."""
    days = length(query)
    cities = {3: 1, 5: 2, 7: 3}[days]
    rules = commonsense(origin(query), days, cities)
    bans = [mode for mode, words in BANS.items() if re.search(words, query, re.IGNORECASE)]
    if bans:
        ban = {"kind": "attribute", "name": "transportation", "of": ["travel"], "attribute": "mode", "none_of": bans}
        rules.append(ban)
    if reference is None:
        return {"form": "days", "constraints": rules}
    return {"form": "days", "options": list(options(reference)), "constraints": [*referenced(), *rules, *hard(query)]}


def length(query: str) -> int:
    """Days of a trip, from its dates, which are all in one month."""
    first, last, *_ = (int(a or b) for a, b in re.findall(r"\bMarch (\d+)|\b(\d+)(?:st|nd|rd|th)\b", query))
    return last - first + 1


def origin(query: str) -> str:
    """Where a trip begins."""
    found = re.search(DEPARTS, query.replace("March", "")) or re.search(rf"\bfrom {CITY}", query.replace("March", ""))
    if found is None:
        raise ValueError(f"no origin in {query!r}")
    return found["city"]


def number_of(query: str, after: str, before: str = r"\b") -> int | None:
    """A number before or behind given words."""
    found = re.search(rf"{before}(\d+|{'|'.join(NUMBERS)}){after}", query)
    return None if found is None else NUMBERS.get(found[1]) or int(found[1])


def people(query: str) -> int:
    """For how many a trip is."""
    group = number_of(query, r"\b", r"\b(?:group|party) of ")
    counted = group or number_of(query, r" (?:people|persons?|individuals|participants|travell?ers)\b")
    several = counted or number_of(query, r"\b(?![- ](?:days|cities))", r"\bfor ")
    return several or (2 if re.search(r"\b(?:couple|pair|duo)\b", query) else 1)


def commonsense(origin: str, days: int, cities: int) -> list[dict[str, Any]]:
    """The rules that need no reference information."""
    needs = [
        {"of": "day"},
        {"of": "travel", "on": "travel_days"},
        {"of": "meal", "at_least": 3, "on": "other_days"},
        {"of": "attraction", "on": "other_days"},
        {"of": "lodging", "on": "all_but_last"},
    ]
    number = {"distinct": "place", "without": [origin], "at_least": cities, "at_most": cities}
    groups = [["self-driving", "flight"], ["self-driving", "taxi"]]
    return [
        {"kind": "place", "name": "within_current_city", "of": KINDS},
        {"kind": "route", "name": "reasonable_city_route", "of": ["day"], "begins": origin, "ends": origin},
        {"kind": "all_different", "name": "diverse_restaurants", "of": ["meal"]},
        {"kind": "all_different", "name": "diverse_attractions", "of": ["attraction"]},
        {"kind": "attribute", "name": "non_conflicting_transportation", "of": ["travel"], "attribute": "mode"}
        | {"not_together": groups},
        {"kind": "each_day", "name": "complete_information", "days": days, "needs": needs},
        {"kind": "count", "name": "number_of_cities", "of": ["day"], **number},
    ]


def referenced() -> list[dict[str, Any]]:
    """The rules of commonsense that need reference information."""
    nights = {"kind": "duration", "name": "minimum_nights", "of": ["lodging"], "unit": "days"}
    return [
        {"kind": "known", "name": "no_hallucination", "of": KINDS},
        nights | {"at_least_of": "minimum_nights"},
    ]


def hard(query: str) -> Iterator[dict[str, Any]]:
    """What a query asks for, read from its words."""
    lodging = {"kind": "attribute", "of": ["lodging"]}
    if barred := [rule for rule, words in RULES.items() if re.search(words, query, re.IGNORECASE)]:
        yield lodging | {"name": "room_rule", "attribute": "house_rules", "none_of": barred}
    if room := [kind for kind, words in ROOMS.items() if re.search(words, query, re.IGNORECASE)]:
        yield lodging | {"name": "room_type", "attribute": "room_type", "any_of": room}
    if tastes := [cuisine for cuisine in CUISINES if re.search(rf"\b{cuisine}\b", query)]:
        yield {"kind": "attribute", "name": "cuisine", "of": ["meal"], "attribute": "cuisine", "cover": tastes}
    (limit,) = re.findall(r"\$([\d,]+)", query)
    spent = {"of": ["travel", "meal", "lodging"], "people": people(query), "limit": limit.replace(",", "")}
    yield {"kind": "sum_at_most", "name": "budget", **spent}


def options(reference: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The reference information of a query as options."""
    dates = sorted({key.rpartition(" on ")[2] for key in reference if " on " in key})
    first = date.fromisoformat(dates[0])
    for key, found in reference.items():
        way = re.fullmatch(r"(?:Self-driving|Taxi) from (.+) to (.+)", key)
        if way and (cost := re.search(r"cost: ([\d.]+)", found)):
            mode = key.partition(" ")[0].lower()
            yield {"kind": "travel", "name": mode, "place": way[1], "to": way[2], "cost": cost[1]} | {
                "serves": 4 if mode == "taxi" else 5, "attributes": {"mode": [mode]},
            }  # fmt: skip
        elif isinstance(found, list):
            for record in found:
                yield option(key.partition(" ")[0], record, first)


def option(table: str, record: dict[str, Any], first: date) -> dict[str, Any]:
    """A record of a table as an option."""
    if table == "Flight":
        day = (date.fromisoformat(record["FlightDate"]) - first).days + 1
        ends = {"place": record["OriginCityName"], "to": record["DestCityName"], "day": day}
        names = {"kind": "travel", "name": record["Flight Number"], "attributes": {"mode": ["flight"]}}
        return names | ends | {"cost": str(record["Price"])}
    if table == "Restaurants":
        cuisine = {"cuisine": record["Cuisines"].split(", ")}
        place = {"kind": "meal", "name": record["Name"], "place": record["City"]}
        return place | {"cost": str(record["Average Cost"]), "attributes": cuisine}
    if table == "Attractions":
        return {"kind": "attraction", "name": record["Name"], "place": record["City"]}
    traits = {"room_type": [record["room type"]], "house_rules": record["house_rules"].split(" & ")}
    room = {"kind": "lodging", "name": record["NAME"], "place": record["city"], "cost": str(record["price"])}
    nights = {"minimum_nights": int(record["minimum nights"])}
    return room | {"serves": record["maximum occupancy"], "numbers": nights, "attributes": traits}
