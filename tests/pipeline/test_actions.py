import pytest

from pipeline.actions import Plan, Reader, find_plans
from pipeline.pddl import read_problem

DOMAIN = """(define (domain blocks) (:predicates (on ?x ?y) (held ?x))
  (:action pick-up :parameters (?x) :effect (held ?x)) (:action put-down :parameters (?x) :effect (held ?x))
  (:action stack :parameters (?x ?y) :effect (on ?x ?y)) (:action unstack :parameters (?x ?y) :effect (held ?x)))"""
PROBLEM = "(define (problem p) (:domain blocks) (:objects a b c) (:init) (:goal (on a b)))"
COLOURS = {"a": "red block", "b": "blue block", "c": "orange block"}
READER = Reader(read_problem(DOMAIN, PROBLEM), COLOURS)


def plans(text: str) -> list[list[str]]:
    return [[" ".join(step) for step in plan.steps] for plan in find_plans(text, READER)]


@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("(unstack a b)", ["unstack a b"]),
        ("(PICK-UP A) (stack a b)", ["pick-up a", "stack a b"]),
        ("pick-up a", ["pick-up a"]),
        ("stack(a, b)", ["stack a b"]),
        ("- **Action:** `Stack(red, blue)`", ["stack a b"]),
        ("PickUp(red)", ["pick-up a"]),
        ("1. **Unstack** the orange block from on top of the blue block.", ["unstack c b"]),
        ("Step 3: Unstack orange from blue", ["unstack c b"]),
        ("Then, pick the red block up.", ["pick-up a"]),
        ("Pick up the red block and stack it", ["pick-up a"]),
        ("Unstack red from blue, then put down red.", ["unstack a b", "put-down a"]),
        ("2. Pick up the red block (it is on the blue block).", ["pick-up a"]),
        ("Pick up red: with orange clear, stack red on orange", ["pick-up a"]),
        ("Put down the red block on the blue block", ["put-down a b"]),
        ("Stack the red block on the table", ["stack a"]),
        ("(fly a b)", ["fly a b"]),
        ("(Hand is empty)", []),
        ("The red block is stacked on the blue block", []),
        ("We pick up the red block", []),
        ("Pick up is not needed, red is held", []),
        ("stack the red block on top of the blue block is not the correct move", []),
        ("Pick up a block", []),
        ("unstacking red from blue", []),
    ],
)
def test_a_line_is_a_step_only_where_it_starts_with_an_action(line: str, steps: list[str]) -> None:
    assert plans(line) == ([steps] if steps else [])


def test_objects_without_plain_names_are_read_by_their_own() -> None:
    reader = Reader(read_problem(DOMAIN.replace("stack", "load"), PROBLEM.replace(" a b c", " a b old_truck")), {})
    assert find_plans("Load a onto the old truck.", reader)[0].steps == [("load", "a", "old_truck")]


def test_steps_under_a_numbered_step_are_its_explanation() -> None:
    assert plans("1. Pick up red\n   - Pick up red: it is clear\n2. Stack red on blue") == [["pick-up a", "stack a b"]]


def test_steps_under_a_numbered_heading_are_steps() -> None:
    assert plans("1. Clear blue:\n   - Unstack orange from blue\n   - Put down orange\n2. Pick up blue") == [
        ["unstack c b", "put-down c", "pick-up b"]
    ]


def test_a_list_that_starts_anew_is_another_plan() -> None:
    assert plans("1. Pick up red\n2. Stack red on blue\n\nOr:\n1. Pick up blue") == [
        ["pick-up a", "stack a b"],
        ["pick-up b"],
    ]


def test_plan_marks_outrank_what_stands_around_them() -> None:
    text = "Pick up blue\n[PLAN]\npick up the red block\n[PLAN END]\nThe key steps are:\n1. Pick up red"
    assert plans(text) == [["pick-up a"]]


def test_a_response_that_only_ends_its_plan_is_that_plan() -> None:
    assert plans("pick up the red block\n[PLAN END]\nput down the red block") == [["pick-up a"]]


def test_an_empty_marked_plan_is_a_plan() -> None:
    assert plans("[PLAN]\n[PLAN END]") == [[]]
    assert plans("Nothing has to be done.") == []


@pytest.mark.parametrize(
    ("intro", "is_final"),
    [("Corrected plan:", True), ("**Final Answer:**", True), ("A better plan:", False), ("Final state:", False)],
)
def test_only_a_plan_called_final_is_final(intro: str, is_final: bool) -> None:
    assert Plan(intro).is_final is is_final
