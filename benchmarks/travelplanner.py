"""Tables of docs/constraints.md from TravelPlanner's public files: `python benchmarks/travelplanner.py DATA`.

DATA holds example_evaluation.jsonl.gz, train_ref_info.jsonl.gz and std_travelplanner.jsonl.gz as their publishers made
them. Tasks are made here, from the words of each query and its reference information; plans are judged by `coldstart
verify`. What the constraints mean is taken from the benchmark's own evaluation (in its repository, `evaluation/`).
"""

import ast
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipeline.constraints.reading import find_schedules
from pipeline.constraints.schedule import Schedule
from pipeline.verifiers import Rollout
from pipeline.verifiers.constraints import Task, near_misses, verify

Days = list[dict[str, Any]]
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


def main(data: Path) -> None:
    """Print every table as Markdown."""
    gold, examples = list(gold_rows(data)), list(example_rows(data))
    print("## The reference plans\n")
    show(gold)
    print("## The example plans\n")
    show(examples)
    print("## Planted mistakes\n")
    show_planted(gold)
    show_near_misses(gold)
    show_speed(gold)


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


def show(rows: list[dict[str, Any]]) -> None:
    """Outcomes, how often each constraint holds, and for few failures every one of them."""
    verdicts = [verify(Task.model_validate(row["task"]), Rollout(row["response"])) for row in rows]
    seconds, outcomes = through_the_command(rows)
    if outcomes != [verdict.outcome for verdict in verdicts]:
        raise AssertionError("coldstart verify says otherwise than the verifier")
    print(f"{len(rows)} plans, {seconds:.1f} s in `coldstart verify`: {dict(Counter(outcomes))}.\n")
    asked = Counter(rule["name"] for row in rows for rule in row["task"]["constraints"])
    judged = Counter(
        rule["name"]
        for row, v in zip(rows, verdicts, strict=True)
        if v.score is not None
        for rule in row["task"]["constraints"]
    )
    broken = Counter(item["reason"] for v in verdicts for item in (v.details or {}).get("broken", ()))
    table = [{"constraint": n, "tasks": asked[n], "judged": judged[n], "hold": judged[n] - broken[n]} for n in asked]
    print(markdown(table))
    failures = [(row["id"], v) for row, v in zip(rows, verdicts, strict=True) if v.outcome != "correct"]
    if len(failures) < 20:
        for name, verdict in failures:
            for item in (verdict.details or {}).get("broken", ()):
                print(f"- {name}, {item['reason']}: {item['problems'][0]['what']}")
        print()


def through_the_command(rows: list[dict[str, Any]]) -> tuple[float, list[str]]:
    """Seconds and outcomes of `coldstart verify`, with each task as JSON text."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        lines = [json.dumps(row | {"verifier": "constraints", "task": json.dumps(row["task"])}) for row in rows]
        source.write_text("\n".join(lines) + "\n")
        started = time.monotonic()
        subprocess.run(["coldstart", "verify", source, "-o", out], check=True, capture_output=True)
        seconds = time.monotonic() - started
        return seconds, [json.loads(line)["outcome"] for line in out.read_text().splitlines()]


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


def show_planted(gold: list[dict[str, Any]]) -> None:
    """One mistake for each constraint and plan that is correct: whether the constraint is named, first and alone."""
    table = []
    for name, planted in PLANTS.items():
        counts: Counter[str] = Counter()
        for row in gold:
            task, days = json.loads(json.dumps(row["task"])), [day for day in ast.literal_eval(row["response"]) if day]
            is_asked = any(found["name"] == name for found in task["constraints"])
            was_right = verify(Task.model_validate(task), Rollout(row["response"])).outcome == "correct"
            if is_asked and was_right and planted(days, task):
                verdict = verify(Task.model_validate(task), Rollout(json.dumps(days)))
                named = [item["reason"] for item in (verdict.details or {}).get("broken", ())]
                counts.update(planted=1, rejected=verdict.outcome == "incorrect", named=name in named)
                counts.update(first=named[:1] == [name], alone=named == [name])
        table.append({"constraint": name} | {k: counts[k] for k in ("planted", "rejected", "named", "first", "alone")})
    print(markdown(table))


def show_near_misses(gold: list[dict[str, Any]]) -> None:
    """What `near_misses` makes of the correct plans, and the verdicts on it."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in gold:
        task = Task.model_validate(row["task"])
        if verify(task, Rollout(row["response"])).outcome == "correct":
            for miss in near_misses(task, row["response"]):
                counts[miss.kind, verify(task, Rollout(miss.response)).outcome] += 1
    table = [{"near miss": kind, "outcome": outcome, "n": n} for (kind, outcome), n in sorted(counts.items())]
    print(markdown(table))


def show_speed(gold: list[dict[str, Any]]) -> None:
    """Plans a second on one core, with tasks that are read already and with tasks to be read."""
    tasks = [Task.model_validate(row["task"]) for row in gold]
    timed: dict[str, float] = {}
    for kind in ("read before", "read each time"):
        started = time.process_time()
        for _ in range(20):
            for task, row in zip(tasks, gold, strict=True):
                verify(task if kind == "read before" else Task.model_validate(row["task"]), Rollout(row["response"]))
        timed[kind] = 20 * len(gold) / (time.process_time() - started)
    print(markdown([{"task": kind, "plans a second": round(rate)} for kind, rate in timed.items()]))


def markdown(rows: list[dict[str, Any]]) -> str:
    """Rows as a Markdown table."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    return "\n".join(lines + ["| " + " | ".join(map(str, row.values())) + " |" for row in rows]) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
