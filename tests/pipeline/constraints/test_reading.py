"""What is read as which schedule, in each form of answer."""

import pytest

from pipeline.constraints.entries import ENTRY_KINDS, MAX_ENTRIES
from pipeline.constraints.language import Task
from pipeline.constraints.near_misses import rendered
from pipeline.constraints.reading import find_schedules
from pipeline.verifiers.constraints import EXAMPLES


def task(form: str) -> Task:
    start = {"place": "Old Town", "time": "9:00AM"}
    rule = {"kind": "all_different", "of": [ENTRY_KINDS.get(form, ("x",))[0]]}
    return Task.model_validate({"form": form, "start": start, "constraints": [rule]})


def read(form: str, text: str) -> list[list[str]]:
    return [[str(entry) for entry in entries] for entries in find_schedules(text, task(form))]


@pytest.mark.parametrize(
    "text",
    [
        "Monday, 14:30 - 15:00",
        "Here is the proposed time: Monday, 14:30 - 15:00 ",
        "**Monday, 2:30 PM – 3:00 PM**",
        "The meeting is on monday from 2:30 pm to 3:00 pm.",
        "Monday: 2:30 - 3:00 PM",
        "14:30 - 15:00 on Monday",
        "Ann is busy on Monday, 9:00 - 10:00.\nMeeting time: Monday, 14:30 - 15:00. It avoids Tuesday, 9:00 - 9:30.",
        "<think>Monday, 9:00 - 9:30?</think>Monday, 14:30 - 15:00",
        "\\boxed{Monday, 14:30 - 15:00}",
        "Monday, 14:30 - 15:00. So the answer is Monday, 14:30 - 15:00!",
        '```json\n{"day": "Monday", "start": "2:30 PM", "end": "15:00"}\n```',
        '[{"kind": "Meeting", "day": "Monday", "start_time": "14:30", "end_time": "15:00"}]',
        "Draft: {'day': 'Tuesday', 'start': '9:00', 'end': '9:30'}\n"
        "Final: {'day': 'Monday', 'start': '14:30', 'end': '15:00'}",
    ],
)
def test_a_proposed_time_is_read_however_it_is_written(text: str) -> None:
    assert read("calendar", text) == [["meeting, day 1, 14:30 - 15:00"]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Monday",
        "Monday at noon",
        "14:30 - 15:00",
        "Someday, 14:30 - 15:00",
        "Monday, 25:30 - 26:00",
        "[1, 2]",
        "{}",
    ],
)
def test_what_proposes_no_time_is_no_schedule(text: str) -> None:
    assert read("calendar", text) == []


def test_different_proposed_times_stay_different() -> None:
    assert len(read("calendar", "Monday, 9:00 - 9:30 or Tuesday, 9:00 - 9:30")) == 2


DAY = [
    "start: Old Town, 9:00 - 9:00",
    "travel: Old Town to St. Anne's Hill, 9:00 - 9:20",
    "wait: St. Anne's Hill, ? - 9:30",
    "meeting Bo: St. Anne's Hill, 9:30 - 10:00",
]


@pytest.mark.parametrize(
    "text",
    [
        "SOLUTION: You start at Old Town at 9:00AM. You travel to St. Anne's Hill in 20 minutes and arrive at 9:20AM. "
        "You wait until 9:30AM. You meet Bo for 30 minutes from 9:30AM to 10:00AM.",
        "1. You start at **Old Town** at 9:00 AM\n"
        "2. You travel to St. Anne's Hill in 20 minutes and arrive at 9:20 AM\n"
        "3. You wait until 9:30 AM\n4. You meet **Bo** for 30 minutes from 9:30 AM to 10:00 AM",
        "You start at Old Town at 9:00.\nYou travel to St. Anne's Hill in 20 minutes.\nYou wait until 9:30.\n"
        "You meet Bo for 30 minutes.\n\nYou meet Bo from 9:30 to 10:00 since he leaves then.",
    ],
)
def test_a_day_of_meetings_is_read_however_it_is_written(text: str) -> None:
    assert read("meetings", text) == [DAY]


def test_two_days_that_differ_are_two_schedules() -> None:
    day = "You start at A at 9:00. You meet Bo from 9:30 to 10:00. "
    assert len(read("meetings", day + day.replace("Bo", "Cy"))) == 2
    assert len(read("meetings", day + day)) == 1
    assert len(read("meetings", day + "My final answer: " + day.replace("Bo", "Cy"))) == 1


TRIP = ["stay: Oslo, day 1-2", "stay: St. Malo, day 2-5"]


@pytest.mark.parametrize(
    ("text", "flights"),
    [
        ("Day 1-2: Oslo\nDay 2-5: St. Malo", 0),
        ("**Day 1-2:** Arriving in Oslo and visit Oslo for 2 days.\n**Day 2-5:** Visit St. Malo for 4 days.", 0),
        ("- Days 1 to 2 - Oslo (2 days)\n- Day 2: Fly from Oslo to St. Malo.\n- Days 2 to 5 - Explore St. Malo", 1),
        ("Day 1-2: Visit Oslo.\nDay 2: Fly from Oslo to St. Malo.\nDay 2-5: Visit St. Malo.", 1),
        ("### Day 1–2: Stay in Oslo\nDay 2: Take a flight from Oslo to St. Malo\n### Day 2–5: Stay in St. Malo", 1),
        (
            '{"itinerary": [{"day_range": "Day 1-2", "place": "Oslo"}, {"day_range": "Day 2-5", "place": "St. Malo"}]}',
            0,
        ),
        ("[{'city': 'Oslo', 'days': '1-2'}, {'city': 'St. Malo', 'days': '2-5'}]", 0),
    ],
)
def test_an_itinerary_is_read_however_it_is_written(text: str, flights: int) -> None:
    (found,) = read("trip", text)
    assert [line for line in found if line.startswith("stay")] == TRIP
    assert len(found) == 2 + flights


def test_a_second_itinerary_makes_two_schedules_unless_it_is_the_same() -> None:
    first = "Day 1-2: Oslo\nDay 2-5: Rome\n"
    assert len(read("trip", first + "Or:\n" + first)) == 1
    assert len(read("trip", first + "Or:\nDay 1-2: Oslo\nDay 2-5: Porto")) == 2


PLAN = [
    "day: Reno to Mesa(Arizona), day 1",
    "travel F100: Reno to Mesa(Arizona), day 1, 8:30 - 9:45",
    "meal Bean, Leaf & Co.: Mesa(Arizona), day 1, cost 14",
    "attraction Zoo: Mesa(Arizona), day 1",
    "attraction Park: Mesa(Arizona), day 1",
    "lodging Quiet room: Mesa(Arizona), day 1-2",
    "day: Mesa(Arizona), day 2",
]
FIRST = {
    "current_city": "from Reno to Mesa(Arizona)",
    "transportation": "Flight Number: F100, from Reno to Mesa(Arizona), Departure Time: 08:30, Arrival Time: 09:45",
    "breakfast": "-",
    "lunch": "Bean, Leaf & Co., Mesa(Arizona); Cost: 14",
    "attraction": "Zoo, Mesa(Arizona);Park, Mesa(Arizona)",
    "accommodation": "Quiet room, Mesa(Arizona)",
}
SECOND = {"current_city": "Mesa(Arizona)", "breakfast": "", "accommodation": "quiet room, Mesa"}
LINES = "".join(
    f"Day {number}:\n" + "".join(f"{name.replace('_', ' ').title()}: {value}\n" for name, value in day.items())
    for number, day in enumerate((FIRST, SECOND), 1)
)


@pytest.mark.parametrize(
    "text",
    [
        repr([{"days": 1, **FIRST}, {"days": 2, **SECOND}, {}, {}]),
        repr({"plan": [{"day": 1, **FIRST}, {"day": 2, **SECOND}, {"total_estimated_costs": {"meals": 14}}]}),
        f"Travel Plan:\n{LINES}",
        f"Sure!\n\n**{LINES.replace('Day 2:', '**Day 2:**')}\nEnjoy: Mesa is warm.",
        LINES.replace("Breakfast", "- **Breakfast**").upper().replace("MESA", "Mesa"),
    ],
)
def test_a_plan_day_by_day_is_read_however_it_is_written(text: str) -> None:
    assert [[line.casefold() for line in found] for found in read("days", text)] == [[line.casefold() for line in PLAN]]


def test_days_that_are_numbered_wrongly_are_counted() -> None:
    assert read("days", repr([{"days": 1, **FIRST}, {"days": 1, **SECOND}])) == [PLAN]


@pytest.mark.parametrize(
    ("text", "mode", "name"),
    [
        ("Self-driving, from Reno to Mesa, cost: 75", "self-driving", "Self-driving"),
        ("Rental Car, from Reno to Mesa", "self-driving", "Rental Car"),
        ("Taxi; Cost: 50", "taxi", "Taxi"),
        ("Greyhound Bus: from Reno to Mesa", "Greyhound Bus", "Greyhound Bus"),
        ("Flight Number: F12, Departure Time: 08:00", "flight", "F12"),
    ],
)
def test_the_way_to_travel_is_read_from_its_words(text: str, mode: str, name: str) -> None:
    day = {"current_city": "from Reno to Mesa", "transportation": text}
    ((_, travel),) = find_schedules(repr([day]), task("days"))
    assert (travel.attributes["mode"], travel.name, travel.place, travel.to) == (mode, name, "Reno", "Mesa")


def test_an_entry_with_a_field_that_cannot_be_read_makes_no_schedule() -> None:
    entry = {"kind": "meal", "name": "X", "cost": "$1,250.50", "day": "3", "last_day": "4"}
    assert read("entries", repr([entry])) == [["meal X, day 3-4, cost 1250.50"]]
    for wrong in (
        {"last_day": "2"},
        {"start": "soon"},
        {"cost": "a lot"},
        {"day": "0"},
        {"name": ["X"]},
        {"attributes": "dear"},
    ):
        assert read("entries", repr([entry | wrong])) == []


def test_a_schedule_of_too_many_entries_is_not_read() -> None:
    entry = {"kind": "meal", "name": "X"}
    assert read("entries", repr([entry] * MAX_ENTRIES))
    assert read("entries", repr([entry] * (MAX_ENTRIES + 1))) == []


@pytest.mark.parametrize(("given", "response"), [example[:2] for example in EXAMPLES if example[2] != "undecided"])
def test_a_schedule_that_is_written_as_json_is_read_as_the_same(given: dict[str, object], response: str) -> None:
    read_task = Task.model_validate(given)
    (entries,) = find_schedules(response, read_task)
    assert find_schedules(f"Here:\n```json\n{rendered(entries)}\n```", read_task) == [entries]


def test_entries_of_a_kind_that_no_day_plan_has_are_not_read() -> None:
    meal = '{"kind": "meal", "name": "Plain", "place": "Mesa", "day": 1}'
    assert read("days", f"[{meal}]") == [["meal Plain: Mesa, day 1"]]
    assert read("days", f"[{meal.replace('meal', 'restaurant')}]") == []
