import pytest

from pipeline.constraints.times import MAX_DAY, clock, day_number, day_span, minutes


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0:00", 0),
        ("14:30", 870),
        ("14:30:00", 870),
        ("2:30 PM", 870),
        ("2:30PM", 870),
        ("2:30 p.m.", 870),
        ("2 pm", 840),
        ("12:00 AM", 0),
        ("12:15 PM", 735),
        ("noon", 720),
        ("Midnight", 0),
        ("24:00", 1440),
    ],
)
def test_a_time_of_day_is_minutes_since_midnight(text: str, wanted: int) -> None:
    assert minutes(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "9", "soon", "24:01", "25:00", "9:60", "13:00 PM", "0:30 AM", "1" * 200, "14:30:15"]
)
def test_what_is_no_time_of_day_is_none(text: str) -> None:
    assert minutes(text) is None


@pytest.mark.parametrize("total", range(0, 1441, 7))
def test_a_clock_is_read_as_the_same_minutes(total: int) -> None:
    assert minutes(clock(total)) == total


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Day 2-5", (2, 5)),
        ("days 2 – 5", (2, 5)),
        ("2 through 5", (2, 5)),
        ("Day 2 to Day 5", (2, 5)),
        ("7", (7, 7)),
        ("5-2", None),
        ("0-3", None),
        (f"1-{MAX_DAY + 1}", None),
        ("Day two", None),
    ],
)
def test_a_span_of_days_has_its_first_and_last(text: str, wanted: tuple[int, int] | None) -> None:
    assert day_span(text) == wanted


def test_weekdays_are_numbered_from_monday() -> None:
    assert [day_number(day) for day in ("Monday", "SUNDAY", "Someday", "1-2")] == [1, 7, None, None]
