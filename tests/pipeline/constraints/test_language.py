"""Tasks that cannot be read say which field, what was found and what was wanted."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.constraints.language import Task
from pipeline.verify import task_error

COUNT = {"kind": "count", "of": ["meeting"]}


def task(*constraints: Any, **fields: Any) -> dict[str, Any]:
    return {"form": "calendar", "constraints": list(constraints or [COUNT])} | fields


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "'form' is missing"),
        (task(form="calender"), 'found "calender"'),
        (task(constraints=[]), "constraints: found an empty list, wanted at least 1 item"),
        (task({"kind": "durations", "of": ["meeting"]}), "constraints.0.kind: found 'durations', wanted one of "),
        (task(COUNT, {"kind": "duration"}), "'constraints.1.duration.of' is missing"),
        (task({**COUNT, "at_lest": 1}), "unknown key 'constraints.0.count.at_lest'"),
        (task({**COUNT, "at_least": -1}), "constraints.0.count.at_least: "),
        (task({**COUNT, "of": []}), "constraints.0.count.of: "),
        (task({**COUNT, "name": "Too Few"}), 'constraints.0.count.name: '),
        (task({"kind": "window", "of": ["x"], "from_time": "soon"}), "from_time: wanted a time such as '14:30'"),
        (task({"kind": "window", "of": ["x"], "from_time": 9}), "from_time: wanted a time such as '14:30'"),
        (task({"kind": "window", "of": ["x"], "days": ["Mon"]}), "days.0: wanted a day from 1 to 1000 or a weekday"),
        (task({"kind": "window", "of": ["x"], "days": [True]}), "days.0: wanted a day"),
        (task({"kind": "window", "of": ["x"], "from_time": "9:00", "until_time": "9:00"}), "until_time: found 9:00"),
        (task({"kind": "sum_at_most", "of": ["x"], "limit": "1e400"}), "limit: "),
        (task({"kind": "sum_at_most", "of": ["x"], "limit": "NaN"}), "limit: "),
        (task({"kind": "sum_at_most", "of": ["x"], "limit": 1, "people": 0}), "people: "),
        (task({"kind": "route", "of": ["x"], "direct": [["A"]]}), "direct.0: "),
        (task(options=[{"kind": "meal", "place": "X", "cost": -1}]), "options.0.cost: "),
        (task(start={"place": "X"}), "'start.time' is missing"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_read_says_which_field(given: dict[str, Any], said: str) -> None:
    assert said in (task_error("constraints", given) or "")
    with pytest.raises(ValidationError):
        Task.model_validate(given)


MEAL = {"kind": "meal", "name": "Plain", "place": "Mesa", "cost": 7}
KNOWN = {"kind": "known", "of": ["meeting"]}
SUM = {"kind": "sum_at_most", "of": ["meal"], "limit": 9}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            task(COUNT, {"kind": "no_overlap", "of": ["meetings"]}),
            "constraints.1.no_overlap.of: found 'meetings', "
            "wanted meeting in the form 'calendar'; did you mean 'meeting'?",
        ),
        (task({**COUNT, "of": ["stay", "city"]}, form="trip"), "of: found 'city', wanted one of stay, travel"),
        (task({**COUNT, "of": ["meals"]}, form="days"), "did you mean 'meal'?"),
        (
            task({"kind": "each_day", "days": 1, "needs": [{"of": "day"}, {"of": "mael"}]}, form="days"),
            "constraints.0.each_day.needs.1.of: found 'mael', wanted one of day, travel, meal, attraction, lodging",
        ),
        (
            task({**COUNT, "at_least": 40, "at_most": 30}),
            "constraints.0.count: found at_least 40 and at_most 30, wanted at_least no larger",
        ),
        (task({**COUNT, "kind": "duration", "at_least": 1, "at_most": 0}), "found at_least 1 and at_most 0"),
        (task(KNOWN), "constraints.0.known: found no option with of meeting, "),
        (task({**KNOWN, "of": ["meal"], "names": ["Plian"]}, form="days", options=[MEAL]), "of meal, names Plian"),
        (task({**KNOWN, "of": ["meal"], "places": ["Reno"]}, form="days", options=[MEAL]), "places Reno"),
        (task({**SUM, "of": ["stay"]}, form="trip"), "constraints.0.sum_at_most: found no option with of stay"),
        (task({**SUM, "names": ["Plian"]}, form="entries", options=[MEAL]), "of meal, names Plian"),
    ],
)
def test_a_constraint_that_nothing_or_no_answer_could_meet_is_refused(given: dict[str, Any], said: str) -> None:
    assert said in (task_error("constraints", given) or "")


@pytest.mark.parametrize(
    "given",
    [
        task({**COUNT, "of": [" Meeting"], "at_least": 2, "at_most": 2}),
        task({**COUNT, "of": ["anything"]}, form="entries"),
        task({**KNOWN, "of": ["MEAL", "lodging"], "places": ["Mesa(Arizona)"]}, form="days", options=[MEAL]),
        task(SUM, form="days"),
        task({**SUM, "of": ["meal", "travel"], "names": ["Taxi"]}, form="entries", options=[MEAL]),
    ],
)
def test_a_constraint_that_an_answer_could_meet_is_read(given: dict[str, Any]) -> None:
    assert task_error("constraints", given) is None


def test_money_is_exact() -> None:
    limit, cost = ({"kind": "sum_at_most", "of": ["meal"], "limit": 0.3}, {"kind": "meal", "place": "X", "cost": 0.1})
    read = Task.model_validate(task(limit, form="days", options=[cost]))
    assert read.constraints[0].limit == 3 * read.options[0].cost == Decimal("0.3")  # type: ignore[union-attr]


def test_fields_that_a_table_filled_with_nulls_are_not_there() -> None:
    nulls = {"at_most": None, "days": None, "minutes": {"A": None}, "direct": None}
    filled = task({**COUNT, **nulls, "minutes": None}, options=None)
    assert Task.model_validate(filled) == Task.model_validate(task())
