"""Plans in natural language: a schedule must hold every constraint of its task.

Covers: proposed times of a meeting, days of meetings at several places, itineraries of cities, and travel plans day by
day, each in the words that its task asks for, as JSON or as a Python list, in any case, with Markdown, numbering,
fences, thinking and chatter around it; twelve kinds of constraints on time, place, money and what entries are
(`pipeline/constraints/language.py`). The verdict names every constraint that is broken, the first as its reason.

Does not cover: whether a better schedule exists (state what is enough, such as `at_least` 5 people met); time zones and
daylight saving; meetings that pass midnight; places, names and times that a response paraphrases; costs that no option
states. A schedule in JSON outranks one in words; different schedules are ambiguous unless the last is called final,
corrected or revised.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.constraints import near_misses as planted
from pipeline.constraints.check import Broken, broken
from pipeline.constraints.language import Task
from pipeline.constraints.reading import find_schedules
from pipeline.verifiers import AMBIGUOUS, NO_ANSWER, NearMiss, Rollout, Verdict

VERSION = "1"

ALL_HOLD = "all_hold"

MAX_SHOWN = 10
"""So many schedules of an ambiguous response are shown."""

__all__ = ["EXAMPLES", "VERSION", "Task", "near_misses", "verify"]


def verify(task: Task, rollout: Rollout) -> Verdict:
    """Judge the one schedule of a response; `score` is the share of constraints that hold."""
    schedules = find_schedules(rollout.text, task)
    if not schedules:
        return Verdict("undecided", NO_ANSWER)
    if len(schedules) > 1:
        texts = [[str(entry) for entry in entries] for entries in schedules[:MAX_SHOWN]]
        return Verdict("undecided", AMBIGUOUS, details={"schedules": texts})
    (entries,) = schedules
    found = broken(task, entries)
    extracted = "\n".join(str(entry) for entry in entries)
    if not found:
        return Verdict("correct", ALL_HOLD, extracted, score=1.0)
    score = 1 - len(found) / len(task.constraints)
    details = {"broken": [_told(item) for item in found]}
    return Verdict("incorrect", found[0].reason, extracted, score, found[0].step, details)


def _told(item: Broken) -> dict[str, Any]:
    """A broken constraint as JSON; steps count from 1, and are null where no entry breaks it."""
    problems = [{"step": None if number is None else number + 1, "what": what} for number, what in item.problems]
    return {"constraint": item.number, "reason": item.reason, "kind": item.kind, "problems": problems}


def near_misses(task: Task, gold: str) -> Iterator[NearMiss]:
    """The gold schedule with one thing changed so that one constraint cannot hold; none where gold cannot be read."""
    schedules = find_schedules(gold, task)
    if len(schedules) == 1:
        yield from planted.near_misses(task, schedules[0])


_CALENDAR: dict[str, Any] = {
    "form": "calendar",
    "constraints": [
        {"kind": "count", "name": "one_meeting", "of": ["meeting"], "at_least": 1, "at_most": 1},
        {"kind": "duration", "of": ["meeting"], "at_least": 30, "at_most": 30},
        {
            "kind": "window",
            "name": "work_hours",
            "of": ["meeting"],
            "days": ["Monday", "Tuesday"],
            "from_time": "9:00",
            "until_time": "17:00",
        },
        {
            "kind": "no_overlap",
            "name": "busy",
            "of": ["meeting"],
            "who": "the first",
            "busy": [{"day": "Monday", "from_time": "9:00", "until_time": "14:30"}],
        },
        {
            "kind": "no_overlap",
            "name": "busy",
            "of": ["meeting"],
            "who": "the second",
            "busy": [{"day": "Monday", "from_time": "3:00 PM", "until_time": "5:00 PM"}],
        },
    ],
}
_MEETINGS: dict[str, Any] = {
    "form": "meetings",
    "start": {"place": "Old Town", "time": "9:00AM"},
    "constraints": [
        {
            "kind": "travel",
            "of": ["start", "travel", "wait", "meeting"],
            "minutes": {"Old Town": {"Harbour": 7, "Hill": 20}, "Harbour": {"Old Town": 8, "Hill": 15}},
        },
        {"kind": "place", "of": ["meeting"], "names": ["Ann"], "at": ["Harbour"]},
        {"kind": "window", "of": ["meeting"], "names": ["Ann"], "from_time": "9:30AM", "until_time": "11:00AM"},
        {"kind": "duration", "of": ["meeting"], "names": ["Ann"], "at_least": 60},
        {"kind": "place", "of": ["meeting"], "names": ["Bo"], "at": ["Hill"]},
        {"kind": "duration", "of": ["meeting"], "names": ["Bo"], "at_least": 30},
        {"kind": "all_different", "of": ["meeting"]},
        {
            "kind": "count",
            "name": "too_few_met",
            "of": ["meeting"],
            "names": ["Ann", "Bo"],
            "distinct": "name",
            "at_least": 2,
        },
    ],
}
_TRIP: dict[str, Any] = {
    "form": "trip",
    "constraints": [
        {
            "kind": "route",
            "of": ["stay", "travel"],
            "direct": [["Oslo", "Rome"], ["Rome", "Porto"]],
            "days": 7,
        },
        {"kind": "count", "of": ["stay"], "distinct": "place", "at_least": 3, "at_most": 3},
        {"kind": "duration", "of": ["stay"], "places": ["Oslo"], "unit": "days", "at_least": 2, "at_most": 2},
        {"kind": "duration", "of": ["stay"], "places": ["Rome"], "unit": "days", "at_least": 4, "at_most": 4},
        {"kind": "window", "name": "wedding", "of": ["stay"], "places": ["Porto"], "days": [6, 7], "how": "covers"},
    ],
}
_DAYS: dict[str, Any] = {
    "form": "days",
    "options": [
        {"kind": "travel", "name": "F100", "place": "Reno", "to": "Mesa", "day": 1, "cost": 90},
        {"kind": "travel", "name": "F200", "place": "Mesa", "to": "Reno", "day": 2, "cost": 80},
        {"kind": "meal", "name": "Dial A Cake", "place": "Mesa", "cost": 20, "attributes": {"cuisine": ["Cafe"]}},
        {"kind": "attraction", "name": "Zoo", "place": "Mesa"},
        {"kind": "lodging", "name": "A room, quiet", "place": "Mesa", "cost": 70.5, "serves": 2},
    ],
    "constraints": [
        {
            "kind": "each_day",
            "name": "complete_information",
            "days": 2,
            "needs": [{"of": "day"}, {"of": "travel", "on": "travel_days"}, {"of": "lodging", "on": "all_but_last"}],
        },
        {"kind": "known", "name": "no_hallucination", "of": ["travel", "meal", "attraction", "lodging"]},
        {"kind": "place", "name": "within_current_city", "of": ["travel", "meal", "attraction", "lodging"]},
        {"kind": "route", "of": ["day"], "begins": "Reno", "ends": "Reno"},
        {"kind": "all_different", "name": "diverse_restaurants", "of": ["meal"]},
        {"kind": "attribute", "name": "cuisine", "of": ["meal"], "attribute": "cuisine", "cover": ["Cafe"]},
        {"kind": "sum_at_most", "name": "budget", "of": ["travel", "meal", "lodging"], "people": 2, "limit": 451},
    ],
}
_MET = (
    "SOLUTION: You start at Old Town at 9:00AM. You travel to Harbour in 7 minutes and arrive at 9:07AM. "
    "You wait until 9:30AM. You meet Ann for 60 minutes from 9:30AM to 10:30AM. "
    "You travel to Hill in 15 minutes and arrive at 10:45AM. You meet Bo for 30 minutes from 10:45AM to 11:15AM."
)
_TOUR = """Here is the trip plan for visiting the 3 European cities for 7 days:

**Day 1-2:** Arriving in Oslo and visit Oslo for 2 days.
**Day 2:** Fly from Oslo to Rome.
**Day 2-5:** Visit Rome for 4 days.
**Day 5:** Fly from Rome to Porto.
**Day 5-7:** Visit Porto for 3 days."""
_PLANNED = """[{'days': 1, 'current_city': 'from Reno to Mesa',
  'transportation': 'Flight Number: F100, from Reno to Mesa', 'breakfast': '-', 'attraction': 'Zoo, Mesa;',
  'lunch': '-', 'dinner': 'Dial A Cake, Mesa', 'accommodation': 'A room, quiet, Mesa'},
 {'days': 2, 'current_city': 'from Mesa to Reno', 'transportation': 'Flight Number: F200, from Mesa to Reno',
  'breakfast': '-', 'attraction': '-', 'lunch': '-', 'dinner': '-', 'accommodation': '-'}, {}]"""
_LINES = """Day 1:
Current City: from Reno to Mesa
Transportation: Flight Number: F100, from Reno to Mesa
Dinner: Dial A Cake, Mesa
Attraction: Zoo, Mesa
Accommodation: A room, quiet, Mesa

Day 2:
Current City: from Mesa to Reno
Transportation: Flight Number: F200, from Mesa to Reno"""

EXAMPLES = [
    (_CALENDAR, "Here is the proposed time: Monday, 14:30 - 15:00", "correct", ALL_HOLD),
    (_CALENDAR, "Busy: Monday, 9:00 - 14:30.\nThe proposed time is **Monday, 2:30 - 3:00 PM**.", "correct", ALL_HOLD),
    (_CALENDAR, '```json\n{"day": "Tuesday", "start": "9:00", "end": "9:30"}\n```', "correct", ALL_HOLD),
    (_CALENDAR, "Monday, 14:29 - 14:59", "incorrect", "busy"),
    (_CALENDAR, "Monday, 14:30 - 15:15", "incorrect", "duration"),
    (_CALENDAR, "Tuesday, 16:45 - 17:15", "incorrect", "work_hours"),
    (_CALENDAR, "Wednesday, 10:00 - 10:30", "incorrect", "work_hours"),
    (_CALENDAR, "Either Tuesday, 9:00 - 9:30 or Tuesday, 10:00 - 10:30.", "undecided", AMBIGUOUS),
    (_CALENDAR, "Monday afternoon suits both.", "undecided", NO_ANSWER),
    (_MEETINGS, _MET, "correct", ALL_HOLD),
    (_MEETINGS, _MET.replace("10:45", "10:44"), "incorrect", "travel"),
    (_MEETINGS, _MET.replace("10:30AM", "10:29AM").replace("60", "59"), "incorrect", "duration"),
    (_MEETINGS, _MET.replace("You wait until 9:30AM. ", "").replace("9:30", "9:29"), "incorrect", "window"),
    (_MEETINGS, _MET.replace("travel to Hill in 15", "travel to Old Town in 15"), "incorrect", "place"),
    (_MEETINGS, _MET.rpartition(" You meet")[0], "incorrect", "too_few_met"),
    (_TRIP, _TOUR, "correct", ALL_HOLD),
    (
        _TRIP,
        '{"itinerary": [{"day_range": "Day 1-2", "place": "Oslo"}, {"day_range": "Day 2-5", "place": "Rome"}, '
        '{"day_range": "Day 5-7", "place": "Porto"}]}',
        "correct",
        ALL_HOLD,
    ),
    (_TRIP, "Day 1-2: Oslo\nDay 2-5: Rome\nDay 5-6: Porto", "incorrect", "route"),
    (_TRIP, "Day 1-2: Oslo\nDay 2-4: Porto\nDay 4-7: Rome", "incorrect", "route"),
    (_TRIP, "Day 1-2: Oslo\nDay 2-6: Rome\nDay 6-7: Porto", "incorrect", "duration"),
    (_TRIP, "Day 1-3: Porto\nDay 3-6: Rome\nDay 6-7: Oslo", "incorrect", "wedding"),
    (_TRIP, "I would see Oslo, then Rome, then Porto.", "undecided", NO_ANSWER),
    (_DAYS, _PLANNED, "correct", ALL_HOLD),
    (_DAYS, _LINES, "correct", ALL_HOLD),
    (_DAYS, _PLANNED.replace("F200", "F201"), "incorrect", "no_hallucination"),
    (_DAYS, _PLANNED.replace("Cake, Mesa", "Cake, Reno"), "incorrect", "no_hallucination"),
    (_DAYS, _PLANNED.replace("'A room, quiet, Mesa'", "'-'"), "incorrect", "complete_information"),
    (
        _DAYS,
        _PLANNED.replace("'breakfast': '-'", "'breakfast': 'Dial a cake, Mesa'", 1),
        "incorrect",
        "diverse_restaurants",
    ),
    (_DAYS, _LINES.replace("Dinner: Dial A Cake, Mesa\n", ""), "incorrect", "cuisine"),
    ({**_DAYS, "constraints": [{**_DAYS["constraints"][-1], "limit": "450.49"}]}, _PLANNED, "incorrect", "budget"),
    (_DAYS, f"{_LINES}\n\nOr else:\n\n{_LINES.replace('Zoo', 'Park')}", "undecided", AMBIGUOUS),
]
