import gzip
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from pipeline.constraints.entries import ENTRY_KINDS
from pipeline.constraints.language import AnyConstraint, Needs, Option, Selecting
from pipeline.verifiers import Rollout, Verdict
from pipeline.verifiers.constraints import EXAMPLES, Task, near_misses, verify

PAGE = (Path(__file__).resolve().parents[3] / "docs/constraints.md").read_text(encoding="utf-8")
FORMS = {task["form"]: task for task, *_ in reversed(EXAMPLES) if len(task["constraints"]) > 1}
HOSTILE = {
    "many days": "Day 1: Oslo\n" * 15_000,
    "rising days": "".join(f"Day {n}: City {n}\n" for n in range(15_000)),
    "many times": "".join(f"Monday, {n % 12}:{n % 60:02d} - {n % 12}:{n * 7 % 60:02d} " for n in range(8_000)),
    "many meetings": "You start at A at 9:00AM. " + "".join(f"You meet P{n} for 5 minutes. " for n in range(6_000)),
    "many journeys": "travel from A to " * 12_000,
    "open quotes": '["' + '\\"' * 100_000,
    "open brackets": "[{'a':" * 30_000,
    "a huge number": '{"entries": [{"kind": "stay", "place": "Oslo", "day": "' + "9" * 200_000 + '"}]}',
    "many attractions": "[{'current_city': 'x', 'breakfast': 'y', 'attraction': '" + "a;" * 95_000 + "'}]",
    "long stays": json.dumps([{"kind": "stay", "place": "Oslo", "day": "1-1000"}] * 400),
    "fields of no day": "Breakfast: X\n" * 15_000,
    "from from": "Day 1:\nLunch: X\nTransportation: " + "from a to " * 19_000,
    "spaces": "Monday," + " " * 190_000 + "9:00 - 10:00",
    "odd digits": "Monday, ¹⁴:³⁰ - ①②:½½ Day ②: Oslo [²] {'day': '½'}",
}


def judged(form: str, response: str) -> Verdict:
    return verify(Task.model_validate(FORMS[form]), Rollout(response))


def test_a_verdict_names_every_broken_constraint_and_the_entry() -> None:
    verdict = judged("calendar", "Monday, 14:30 - 15:15")
    assert (verdict.reason, verdict.failed_step, verdict.score) == ("duration", 1, 1 - 2 / 5)
    assert verdict.extracted == "meeting, day 1, 14:30 - 15:15"
    assert verdict.details == {
        "broken": [
            {
                "constraint": 2,
                "reason": "duration",
                "kind": "duration",
                "problems": [{"step": 1, "what": "meeting, day 1, 14:30 - 15:15: lasts 45 minutes, wanted at most 30"}],
            },
            {
                "constraint": 5,
                "reason": "busy",
                "kind": "no_overlap",
                "problems": [
                    {
                        "step": 1,
                        "what": "meeting, day 1, 14:30 - 15:15: overlaps the busy time of the second, 15:00 - 17:00",
                    }
                ],
            },
        ]
    }


def test_different_schedules_are_shown() -> None:
    verdict = judged("calendar", "Tuesday, 9:00 - 9:30 or Tuesday, 10:00 - 10:30")
    assert verdict.details == {"schedules": [["meeting, day 2, 10:00 - 10:30"], ["meeting, day 2, 9:00 - 9:30"]]}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_responses_never_raise_and_are_never_correct(form: str, text: str) -> None:
    assert judged(form, text).outcome != "correct"


CORRECT = [example[:2] for example in EXAMPLES if example[2] == "correct"]


@pytest.mark.parametrize(("task", "gold"), CORRECT)
def test_near_misses_are_many_and_wrong(task: dict[str, Any], gold: str) -> None:
    read = Task.model_validate(task)
    made = list(near_misses(read, gold))
    assert len(made) >= 3
    assert [(m.kind, v.outcome) for m in made if (v := verify(read, Rollout(m.response))).outcome != "incorrect"] == []


def test_near_misses_are_made_of_a_schedule_that_can_be_read() -> None:
    assert list(near_misses(Task.model_validate(FORMS["calendar"]), "Monday afternoon")) == []


def test_the_near_misses_of_a_stated_cost_and_a_busy_time_are_the_nearest() -> None:
    limit = {"kind": "sum_at_most", "of": ["fee"], "limit": "12.50"}
    task = Task.model_validate({"form": "entries", "constraints": [limit]})
    (miss,) = near_misses(task, '[{"kind": "fee", "cost": "5"}, {"kind": "fee", "cost": "7.50"}]')
    assert (miss.kind, json.loads(miss.response)["entries"][0]["cost"]) == ("one_over_budget", "6.00")
    busy = {"kind": "no_overlap", "of": ["meeting"], "busy": [{"day": 1, "from_time": "9:00", "until_time": "24:00"}]}
    task = Task.model_validate({"form": "calendar", "constraints": [busy]})
    (miss,) = near_misses(task, "Monday, 8:00 - 9:00")
    assert "8:01" in miss.response


def blocks() -> list[Any]:
    """The records of the page and, behind each, what it says comes out."""
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)]


@pytest.mark.parametrize(("given", "wanted"), list(zip(blocks()[::2], blocks()[1::2], strict=True)))
def test_examples_of_the_page_come_out_as_it_says(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    verdict = verify(Task.model_validate(given["task"]), Rollout(given["response"]))
    assert {name: getattr(verdict, name) for name in wanted} == wanted


def test_the_page_has_an_example_of_each_form_in_words() -> None:
    assert {given["task"]["form"] for given in blocks()[::2]} == {"calendar", "meetings", "trip", "days"}


def test_the_page_lists_every_kind_of_constraint_with_its_own_fields() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|([^|]*)\| .*\|$", PAGE.split("| kind |")[1].split("\n\n")[0], re.MULTILINE))
    models = get_args(get_args(AnyConstraint)[0])
    wanted = {
        get_args(m.model_fields["kind"].annotation)[0]: set(m.model_fields) - {"kind", *Selecting.model_fields}
        for m in models
    }
    plain = {kind: re.sub(r"\([^)]*\)", "", fields) for kind, fields in rows.items()}
    assert {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields in plain.items()} == wanted


@pytest.mark.parametrize("model", [*get_args(get_args(AnyConstraint)[0]), Needs], ids=lambda model: model.__name__)
def test_the_page_lists_the_values_of_every_field_with_the_default_first(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        if name != "kind" and (values := get_args(field.annotation)) and isinstance(values[0], str):
            assert field.default == values[0]
            listed = ", ".join(f"`{value}`" if value else '`""`' for value in values)
            assert re.search(rf"`{name}`(?: \(|: ){listed}\)", PAGE), name


def test_the_page_lists_every_field_of_an_option_and_every_kind_of_a_form() -> None:
    table = PAGE.split("An *option* has these fields:\n\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(Option.model_fields)
    for form, kinds in ENTRY_KINDS.items():
        assert f"`{form}`: {', '.join(f'`{kind}`' for kind in kinds)}" in PAGE.replace("\n", " ")


@pytest.fixture(scope="module")
def travelplanner(shared_data: Path) -> list[tuple[Task, str]]:
    """Reference plans, with the constraints that need no reference information."""
    with gzip.open(shared_data / "travelplanner" / "std_travelplanner.jsonl.gz", "rt", encoding="utf-8") as lines:
        plans = [json.loads(line)["messages"][-1]["content"] for line in lines]
    return [(own_task(plan), plan) for plan in plans]


def own_task(plan: str) -> Task:
    """A round trip from where the plan begins, with different meals, all in the city of the day."""
    (origin, *_) = re.findall(r"'from (.+?) to ", plan)
    place = {"kind": "place", "of": ["meal", "attraction", "lodging", "travel"]}
    route = {"kind": "route", "of": ["day"], "begins": origin, "ends": origin}
    return Task.model_validate(
        {"form": "days", "constraints": [place, route, {"kind": "all_different", "of": ["meal", "attraction"]}]}
    )


@pytest.mark.slow
def test_travelplanner_reference_plans_are_read_and_hold(travelplanner: list[tuple[Task, str]]) -> None:
    found = [verify(task, Rollout(plan)) for task, plan in travelplanner]
    assert len(found) == 45
    assert [n for n, verdict in enumerate(found, 1) if verdict.outcome != "correct"] == [42]
    assert "San Angelo Museum" in str(found[41].details)
