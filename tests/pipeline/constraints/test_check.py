"""Each kind of constraint: what holds, what breaks it, which entry, and what is said of it."""

from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.constraints.check import CHECKS, MAX_PROBLEMS, broken
from pipeline.constraints.entries import Entry
from pipeline.constraints.language import AnyConstraint, Task
from pipeline.constraints.near_misses import PLANTS
from pipeline.constraints.times import clock

ANN = Entry("meeting", "Ann", "Quay", day=1, start=540, end=600)
BO = Entry("meeting", "Bo", "Hill", day=1, start=600, end=630)
OSLO, ROME, PORTO = (
    Entry("stay", place=p, day=a, last_day=b) for p, a, b in (("Oslo", 1, 2), ("Rome", 2, 5), ("Porto", 5, 7))
)
OUT, MIDDLE, BACK = (
    Entry("day", place=a, to=b, day=d) for a, b, d in (("Reno", "Mesa", 1), ("Mesa", "", 2), ("Mesa", "Reno", 3))
)
CAKE = Entry("meal", "Dial A Cake", "Mesa", day=2)
ROOM = Entry("lodging", "A room", "Mesa", day=1, last_day=2)
OPTIONS = [
    {"kind": "meal", "name": "Dial a cake", "place": "Mesa", "cost": 0.1, "attributes": {"cuisine": ["Cafe", "Tea"]}},
    {"kind": "meal", "name": "Plain", "place": "Mesa", "cost": 7},
    {"kind": "lodging", "name": "A room", "place": "Mesa(Arizona)", "cost": 70, "serves": 2, "numbers": {"nights": 2}},
    {"kind": "travel", "name": "F1", "place": "Reno", "to": "Mesa", "day": 1, "cost": 90},
]


def task(*rules: dict[str, Any]) -> Task:
    return Task.model_validate(
        {"form": "entries", "start": {"place": "Quay", "time": "9:00"}, "options": OPTIONS, "constraints": rules}
    )


def problem(constraint: dict[str, Any], *entries: Entry) -> tuple[int | None, str] | None:
    """The first entry that breaks the rule and what is said of it; None where it holds."""
    found = broken(task(constraint), entries)
    return (found[0].step, found[0].problems[0][1]) if found else None


def rule(kind: str, of: str = "", **fields: Any) -> dict[str, Any]:
    """A constraint on entries of some kinds, which are separated by spaces."""
    return {"kind": kind} | ({"of": of.split()} if of else {}) | fields


MONDAY = {"day": "Monday", "from_time": "9:30", "until_time": "10:30"}
WAYS = {"Quay": {"Hill": 15}, "Hill": {"Quay": 20}}
GOES = Entry("travel", place="Quay", to="Hill", start=600, end=615)
DIRECT = {"direct": [["Oslo", "Rome"]], "one_way": [["Rome", "Porto"]]}
ROUND = rule("route", "day", begins="Reno", ends="Reno")

HOLDS: list[tuple[dict[str, Any], tuple[Entry, ...]]] = [
    (rule("count", "Meeting", at_least=2, at_most=2), (ANN, BO)),
    (rule("count", "meeting", names=["ann"], distinct="name", at_least=1, at_most=1), (ANN, ANN, BO)),
    (rule("count", "day", distinct="place", without=["Reno"], at_most=1), (OUT, MIDDLE, BACK)),
    (rule("duration", "meeting", at_least=30, at_most=60), (ANN, BO)),
    (rule("duration", "meeting", names=["Cy"], at_least=600), (ANN,)),
    (rule("duration", "lodging", unit="days", at_least_of="nights"), (ROOM,)),
    (rule("window", "meeting", days=["Monday"], from_time="9:00", until_time="10:30"), (ANN, BO)),
    (rule("window", "stay", places=["Rome"], days=[2, 5], how="covers"), (OSLO, ROME)),
    (rule("window", "stay", places=["Rome"], days=[5, 6], how="overlaps"), (OSLO, ROME)),
    (rule("no_overlap", "meeting", busy=[{**MONDAY, "from_time": "10:30", "until_time": "17:00"}]), (ANN, BO)),
    (rule("no_overlap", "meeting", busy=[{**MONDAY, "day": "Tuesday"}]), (ANN, BO)),
    (rule("travel", "meeting travel", minutes=WAYS), (ANN, GOES, Entry("meeting", place="Hill", start=615, end=620))),
    (rule("travel", "meeting", minutes=WAYS), (ANN, Entry("meeting", place="Hill", start=615, end=620))),
    (rule("route", "stay travel", **DIRECT, days=7), (OSLO, ROME, PORTO)),
    (rule("route", "stay travel", **DIRECT), (OSLO, Entry("travel", place="Oslo", to="Rome", day=2), ROME)),
    (
        rule("route", "stay travel", days=3, shares_travel_day=False, **DIRECT),
        (OSLO, Entry("stay", place="Rome", day=3)),
    ),
    (ROUND, (OUT, MIDDLE, BACK)),
    (rule("place", "meeting", names=["Ann"], at=["The Mole", "QUAY"]), (ANN, BO)),
    (rule("place", "meal lodging travel"), (OUT, MIDDLE, CAKE, ROOM, Entry("travel", place="Reno", to="Mesa", day=1))),
    (rule("known", "meal lodging travel"), (CAKE, ROOM, Entry("travel", "f1", "Reno", "Mesa", day=1))),
    (rule("attribute", "meal", attribute="cuisine", any_of=["tea"], none_of=["Pizza"], cover=["Cafe"]), (CAKE,)),
    (rule("sum_at_most", "meal lodging", people=3, limit="280.3"), (CAKE, ROOM)),
    (rule("sum_at_most", "fee", limit=3), (Entry("fee", cost=Decimal("2.99")), Entry("fee", cost=Decimal("0.01")))),
    (rule("all_different", "meal"), (CAKE, Entry("meal", "Dial A Cake", "Reno"))),
    (
        rule(
            "each_day",
            days=3,
            needs=[{"of": "day"}, {"of": "lodging", "on": "all_but_last"}, {"of": "meal", "on": "other_days"}],
        ),
        (OUT, ROOM, MIDDLE, CAKE, BACK),
    ),
]

BROKEN: list[tuple[dict[str, Any], tuple[Entry, ...], int | None, str]] = [
    (rule("count", "meeting", at_least=3), (ANN, BO), None, "there are 2 of meeting, wanted at least 3"),
    (rule("count", "meeting", at_most=1), (ANN, BO), 2, "one too many"),
    (rule("duration", "meeting", at_least=31), (ANN, BO), 2, "lasts 30 minutes, wanted at least 31"),
    (rule("duration", "meeting", at_most=59), (BO, ANN), 2, "lasts 60 minutes, wanted at most 59"),
    (rule("duration", "meeting", at_least=1), (Entry("meeting", start=540),), 1, "does not say how long"),
    (
        rule("duration", "lodging", unit="days", at_least_of="nights"),
        (Entry("lodging", "A room", "Mesa", day=1),),
        1,
        "lasts 1 days, wanted at least 2",
    ),
    (rule("window", "meeting", days=["Tuesday"]), (ANN,), 1, "wanted within days 2"),
    (rule("window", "meeting", from_time="9:01"), (ANN,), 1, "wanted within 9:01 - 24:00"),
    (rule("window", "meeting", until_time="10:29"), (ANN, BO), 2, "wanted within 0:00 - 10:29"),
    (rule("window", "meeting", until_time="10:00"), (Entry("meeting", start=600, end=540),), 1, "wanted within"),
    (
        rule("window", "stay", places=["Rome"], days=[1, 2], how="covers"),
        (OSLO, ROME),
        2,
        "wanted one that covers days 1, 2",
    ),
    (
        rule("window", "stay", places=["Lima"], days=[1], how="overlaps"),
        (OSLO,),
        None,
        "nothing: wanted one that overlaps",
    ),
    (rule("no_overlap", "meeting", who="Cy", busy=[MONDAY]), (ANN,), 1, "overlaps the busy time of Cy, 9:30 - 10:30"),
    (rule("no_overlap", "meeting"), (BO, Entry("meeting", "Cy", day=1, start=610, end=640)), 2, "overlaps meeting Bo"),
    (rule("no_overlap", "meeting"), (Entry("meeting", day=1, start=600),), 1, "does not say from when"),
    (rule("no_overlap", "meeting"), (Entry("meeting", day=1, start=600, end=540),), 1, "ends before it begins"),
    (rule("no_overlap", "meeting", busy=[MONDAY]), (Entry("meeting", start=600, end=630),), 1, "on which day"),
    (rule("travel", "meeting", minutes=WAYS), (ANN, BO), 2, "begins at 10:00, wanted 10:15"),
    (rule("travel", "meeting", minutes={"Quay": {}}), (ANN, BO), 2, "no way from quay to hill"),
    (
        rule("travel", "start", minutes={}),
        (Entry("start", place="Hill", start=540, end=540),),
        1,
        "begins at Hill, wanted quay",
    ),
    (rule("travel", "meeting", minutes={}), (Entry("meeting", place="Quay", start=539, end=600),), 1, "wanted 9:00"),
    (
        rule("travel", "travel", minutes=WAYS),
        (Entry("travel", place="Quay", to="Hill", start=540, end=554),),
        1,
        "ends at 9:14, wanted 9:15",
    ),
    (rule("travel", "wait", minutes={}), (Entry("wait", end=530),), 1, "ends at 8:50"),
    (rule("route", "stay travel", **DIRECT), (ROME, OSLO, PORTO), 3, "no direct way from oslo to porto"),
    (rule("route", "stay travel", **DIRECT), (PORTO, ROME), 2, "no direct way from porto to rome"),
    (rule("route", "stay travel", **DIRECT), (OSLO, ROME, OSLO), 3, "oslo was visited before"),
    (rule("route", "stay travel", **DIRECT, days=6), (OSLO, ROME), 2, "ends on day 5, wanted day 6"),
    (
        rule("route", "stay travel", **DIRECT, days=5),
        (OSLO, Entry("stay", place="Rome", day=3, last_day=5)),
        2,
        "begins on day 3, wanted day 2",
    ),
    (
        rule("route", "stay travel", **DIRECT, days=5),
        (OSLO, Entry("travel", place="Oslo", to="Rome", day=4), ROME),
        2,
        "wanted on day 2",
    ),
    (rule("route", "stay travel", **DIRECT, days=5), (Entry("stay", place="Oslo"),), 1, "does not say on which days"),
    (rule("route", "stay travel"), (), None, "there is no route"),
    (ROUND, (OUT, MIDDLE), 2, "wanted to end at Reno"),
    (ROUND, (MIDDLE, BACK), 1, "wanted to begin at Reno"),
    (ROUND, (OUT, Entry("day", place="Yuma", day=2), BACK), 2, "it begins at yuma, but one is at mesa"),
    (ROUND, (OUT, BACK, OUT, BACK), 2, "reno was visited before"),
    (rule("place", "meeting", at=["Hill"]), (ANN,), 1, "is at Quay, wanted Hill"),
    (rule("place", "meal"), (OUT, Entry("meal", "X", "Yuma", day=1)), 2, "is at Yuma, wanted mesa, reno"),
    (rule("place", "meal"), (CAKE,), 1, "a day that says where one is"),
    (rule("place", "meal"), (MIDDLE, Entry("meal", "X", day=2)), 2, "does not say where it is"),
    (rule("place", "lodging"), (OUT, Entry("lodging", "X", "Reno", day=1)), 2, "is at Reno, wanted mesa"),
    (
        rule("place", "lodging"),
        (OUT, MIDDLE, BACK, Entry("lodging", "X", "Mesa", day=1, last_day=3)),
        4,
        "is at Mesa, wanted reno",
    ),
    (rule("known", "meal"), (CAKE, Entry("meal", "Dial A Cake", "Reno")), 2, "there is no such meal"),
    (rule("known", "travel"), (Entry("travel", "F1", "Reno", "Mesa", day=2),), 1, "there is no such travel"),
    (
        rule("attribute", "meal", attribute="cuisine", any_of=["Pizza"]),
        (CAKE,),
        1,
        "cuisine is cafe, tea, wanted Pizza",
    ),
    (rule("attribute", "meal", attribute="cuisine", none_of=["Tea"]), (CAKE,), 1, "cuisine is tea, which is ruled out"),
    (
        rule("attribute", "meal", attribute="cuisine", none_of=["Tea"]),
        (Entry("meal", "Plain", "Mesa"),),
        1,
        "is unknown",
    ),
    (
        rule("attribute", "meal", attribute="cuisine", cover=["Tea", "Pizza"]),
        (CAKE,),
        None,
        "no entry has the cuisine Pizza",
    ),
    (
        rule("attribute", "meal", attribute="cuisine", not_together=[["Tea", "Cafe"]]),
        (CAKE,),
        1,
        "Tea, Cafe are not to be",
    ),
    (
        rule("sum_at_most", "meal lodging", people=3, limit="280.29"),
        (CAKE, ROOM),
        2,
        "the sum is 280.3, wanted at most 280.29",
    ),
    (
        rule("sum_at_most", "meal", limit=9),
        (Entry("meal", "Free lunch", "Mesa", cost=Decimal(0)),),
        1,
        "its cost is unknown",
    ),
    (rule("sum_at_most", "fee", limit=9), (Entry("fee"),), 1, "its cost is unknown"),
    (
        rule("all_different", "meal"),
        (CAKE, BO, Entry("meal", "dial a  cake", "Mesa(Arizona)")),
        3,
        "is the same as meal Dial A Cake",
    ),
    (
        rule("each_day", days=2, needs=[{"of": "meal", "at_least": 2}]),
        (CAKE, CAKE),
        None,
        "day 1 has 0 of meal, wanted at least 2",
    ),
    (
        rule("each_day", days=2, needs=[{"of": "travel", "on": "travel_days"}]),
        (OUT, MIDDLE),
        None,
        "day 1 has 0 of travel",
    ),
    (rule("each_day", days=2, needs=[{"of": "meal", "on": "other_days"}]), (OUT, MIDDLE), None, "day 2 has 0 of meal"),
    (rule("each_day", days=2, needs=[{"of": "day"}]), (OUT, MIDDLE, BACK), 3, "wanted only 2 days"),
]


@pytest.mark.parametrize(("constraint", "entries"), HOLDS)
def test_what_keeps_a_constraint_holds(constraint: dict[str, Any], entries: tuple[Entry, ...]) -> None:
    assert problem(constraint, *entries) is None


@pytest.mark.parametrize(("constraint", "entries", "step", "said"), BROKEN)
def test_what_breaks_a_constraint_is_found(
    constraint: dict[str, Any], entries: tuple[Entry, ...], step: int | None, said: str
) -> None:
    found = problem(constraint, *entries)
    assert found is not None
    assert (found[0], said in found[1]) == (step, True), found


def test_every_kind_of_constraint_is_checked_planted_and_tested() -> None:
    kinds = {get_args(model.model_fields["kind"].annotation)[0] for model in get_args(get_args(AnyConstraint)[0])}
    assert set(CHECKS) == set(PLANTS) == kinds
    assert {held["kind"] for held, _ in HOLDS} == kinds == {held["kind"] for held, *_ in BROKEN}


def test_broken_constraints_are_named_in_the_order_of_the_task_and_told_a_few_times() -> None:
    rules = [
        rule("count", "meeting", at_most=0),
        rule("duration", "meeting", name="too_long", at_most=1),
    ]
    found = broken(task(*rules), (ANN,) * 20)
    assert [(item.number, item.reason, item.kind, item.step) for item in found] == [
        (1, "count", "count", 1), (2, "too_long", "duration", 1)
    ]  # fmt: skip
    assert [len(item.problems) for item in found] == [1, MAX_PROBLEMS]


TIMES = st.tuples(st.integers(540, 1020), st.integers(540, 1020)).filter(lambda t: t[0] < t[1])


@given(TIMES, st.lists(TIMES, max_size=4), st.integers(0, 120))
def test_a_meeting_holds_exactly_where_every_minute_is_free(
    span: tuple[int, int], taken: list[tuple[int, int]], least: int
) -> None:
    start, end = span
    busy = [{"day": 1, "from_time": clock(a), "until_time": clock(b)} for a, b in taken]
    rules = [rule("no_overlap", "meeting", busy=busy), rule("duration", "meeting", at_least=least)]
    is_free = not any(a <= minute < b for a, b in taken for minute in range(start, end))
    found = {item.kind for item in broken(task(*rules), (Entry("meeting", day=1, start=start, end=end),))}
    assert found == ({"duration"} if end - start < least else set()) | (set() if is_free else {"no_overlap"})


def test_a_name_that_several_options_have_is_the_first_of_them() -> None:
    twice = [{"kind": "meal", "name": "Two", "place": "Mesa", "cost": cost} for cost in (5, 9)]
    limit = rule("sum_at_most", "meal", limit=5)
    read = Task.model_validate({"form": "entries", "options": twice, "constraints": [limit]})
    assert broken(read, (Entry("meal", "Two", "Mesa"),)) == []


@pytest.mark.parametrize(
    ("constraint", "breaks"),
    [
        (rule("count", "meeting"), False),
        (rule("count", "meeting", at_least=1), True),
        (rule("duration", "meeting", at_least=1), False),
        (rule("window", "meeting", days=[1]), False),
        (rule("window", "meeting", days=[1], how="covers"), True),
        (rule("window", "meeting", days=[1], how="overlaps"), True),
        (rule("no_overlap", "meeting", busy=[MONDAY]), False),
        (rule("travel", "meeting", minutes=WAYS), False),
        (rule("route", "day"), True),
        (rule("place", "meeting", at=["Quay"]), False),
        (rule("known", "meal"), False),
        (rule("attribute", "meal", attribute="cuisine", any_of=["Tea"], none_of=["Cafe"]), False),
        (rule("attribute", "meal", attribute="cuisine", cover=["Tea"]), True),
        (rule("sum_at_most", "meal", limit=0), False),
        (rule("all_different", "meal"), False),
        (rule("each_day", days=1, needs=[{"of": "day"}]), True),
    ],
)
def test_a_constraint_that_selects_no_entry_holds_except_as_the_page_says(
    constraint: dict[str, Any], breaks: bool
) -> None:
    assert (problem(constraint) is not None) == breaks
