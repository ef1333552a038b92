"""Answers that were once misread: a wrong one accepted, or a right one refused."""

import pytest

from pipeline.verifiers import Rollout
from pipeline.verifiers.constraints import EXAMPLES, Task, verify

CALENDAR, MEETINGS, TRIP, DAYS = (
    next(task for task, *_ in EXAMPLES if task["form"] == form) for form in ("calendar", "meetings", "trip", "days")
)
RIGHT, WRONG = "Monday, 14:30 - 15:00", "Monday, 10:00 - 10:30"
MET, TOUR = (next(text for task, text, *_ in EXAMPLES if task is form) for form in (MEETINGS, TRIP))
LINES = next(text for task, text, *_ in EXAMPLES if task is DAYS and text.startswith("Day 1"))


@pytest.mark.parametrize("text", [f"Final: {WRONG} or {RIGHT}", f"Final: {RIGHT} or {WRONG}"])
def test_several_schedules_that_are_called_final_are_ambiguous(text: str) -> None:
    """The last of several behind the word "final" was picked."""
    assert verify(Task(**CALENDAR), Rollout(text)).reason == "ambiguous"


@pytest.mark.parametrize(
    "text",
    [
        f"The proposed time is not {RIGHT}",
        f"The meeting time cannot be {RIGHT}",
        f"{RIGHT} does not work.",
        f"No meeting is possible: {RIGHT} is taken.",
        f"The meeting time should avoid {RIGHT}",
        f"Answer: none ({RIGHT} fails)",
    ],
)
def test_a_time_that_is_denied_is_not_proposed(text: str) -> None:
    """Any time in the text counted, also one that was ruled out."""
    assert verify(Task(**CALENDAR), Rollout(text)).reason == "no_answer"


@pytest.mark.parametrize(
    "text",
    [
        '{"day": "Monday", "start": "10:00", "end": "10:30", "start": "14:30", "end": "15:00"}',
        '{"day": "Monday", "start": "10:00", "end": "10:30", "start_time": "14:30", "end_time": "15:00"}',
        '[{"day": "Monday", "start": "14:30", "end": "15:00"},'
        ' {"kind": "alternative", "day": "Monday", "start": "10:00", "end": "10:30"}]',
        '{"schedule": [{"day": "Monday", "start": "10:00", "end": "10:30"}],'
        ' "plan": [{"day": "Monday", "start": "14:30", "end": "15:00"}]}',
    ],
)
def test_an_object_that_says_two_things_is_no_answer(text: str) -> None:
    """Of a field said twice the last counted, of two lists one, and no constraint saw entries of other kinds."""
    assert verify(Task(**CALENDAR), Rollout(text)).reason == "no_answer"


@pytest.mark.parametrize("words", ["cannot", "do not", "don't", "are unable to"])
def test_a_meeting_that_is_denied_is_none(words: str) -> None:
    """`You cannot meet Bo` was a meeting."""
    response = MET.replace("You meet Bo", f"You {words} meet Bo")
    assert verify(Task(**MEETINGS), Rollout(response)).reason == "too_few_met"


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("60 minutes", "60 min"),
        ("60 minutes", "1 hour"),
        ("60 minutes", "about one hour"),
        ("30 minutes from 10:45AM to 11:15AM", "half an hour"),
        ("15 minutes", "15 mins"),
    ],
)
def test_hours_and_short_minutes_are_read(said: str, instead: str) -> None:
    """A meeting of `1 hour` was not seen, and its name became "Ann for 60 min"."""
    assert verify(Task(**MEETINGS), Rollout(MET.replace(said, instead))).outcome == "correct"


def test_a_meeting_whose_length_cannot_be_read_is_no_answer() -> None:
    response = MET.replace("30 minutes from 10:45AM to 11:15AM", "a few minutes")
    assert verify(Task(**MEETINGS), Rollout(response)).reason == "no_answer"


@pytest.mark.parametrize(
    "text",
    [
        "Day 1: Oslo\nDay 2: Oslo, fly to Rome\nDay 3: Rome\nDay 4: Rome\nDay 5: Rome, fly to Porto\n"
        "Day 6: Porto\nDay 7: Porto",
        "Day 1-2: Arrive in Oslo and explore.\nDay 2-5: Fly to Rome and explore.\nDay 5-7: Fly to Porto.",
    ],
)
def test_a_trip_told_day_by_day_is_read_as_stays(text: str) -> None:
    """Days in one place were stays of one day each, and a flight on a line of several days was no stay."""
    assert verify(Task(**TRIP), Rollout(text)).outcome == "correct"


def test_a_day_of_a_trip_that_is_left_out_is_still_missed() -> None:
    text = "Day 1: Oslo\nDay 2: Oslo, fly to Rome\nDay 3: Rome\nDay 5: Rome, fly to Porto\nDay 6: Porto\nDay 7: Porto"
    assert verify(Task(**TRIP), Rollout(text)).outcome == "incorrect"


@pytest.mark.parametrize("visit", ["Visit Oslo and Rome", "Do not visit Oslo"])
def test_a_line_of_two_cities_or_of_none_is_no_stay_in_one(visit: str) -> None:
    """The first city of a line was taken, whatever stood around it."""
    response = f"Day 1-2: {visit}\nDay 2-5: Rome\nDay 5-7: Porto"
    assert verify(Task(**TRIP), Rollout(response)).outcome == "incorrect"


@pytest.mark.parametrize(
    "dinners", ["Other, Mesa\nDinner: Dial A Cake, Mesa", "Dial A Cake, Mesa\nDinner: Other, Mesa"]
)
def test_a_field_that_a_day_says_twice_is_ambiguous(dinners: str) -> None:
    """The last of two dinners counted."""
    response = LINES.replace("Dial A Cake, Mesa", dinners)
    assert verify(Task(**DAYS), Rollout(response)).reason == "ambiguous"
