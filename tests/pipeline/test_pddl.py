import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pddl import Execution, PddlError, Step, execute, read_problem

DOMAIN = """(define (domain gripper) ; a comment (with parentheses
  (:requirements :strips :typing :negative-preconditions :equality)
  (:types ball - thing box - thing thing - object room)
  (:constants hall - room)
  (:predicates (in ?t - thing ?r - room) (at ?r - room) (held ?t - thing))
  (:action walk :parameters (?from ?to - room)
    :precondition (and (at ?from) (not (= ?from ?to))) :effect (and (at ?to) (not (at ?from))))
  (:action take :parameters (?t - thing ?r - room)
    :precondition (and (at ?r) (in ?t ?r) (not (held ?t))) :effect (and (held ?t) (not (in ?t ?r))))
  (:action drop :parameters (?b - ball) :precondition (and (held ?b) (at hall))
    :effect (and (in ?b hall) (not (held ?b)))))"""
PROBLEM = """(define (problem p) (:domain gripper) (:objects B1 - ball x1 - (either box room) den - room)
  (:init (at den) (in b1 den)) (:goal (and (in b1 hall) (not (held b1)))))"""
PLAN: list[Step] = [("take", "b1", "den"), ("walk", "den", "hall"), ("drop", "b1")]


def run(plan: list[Step], problem: str = PROBLEM) -> Execution:
    return execute(read_problem(DOMAIN, problem), plan)


def test_a_plan_that_reaches_the_goal() -> None:
    assert run(PLAN) == Execution("goal_reached")


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ([], Execution("goal_not_reached", None, ("(in b1 hall)",))),
        (PLAN[:2], Execution("goal_not_reached", None, ("(in b1 hall)", "(not (held b1))"))),
        (PLAN[1:], Execution("precondition_unmet", 2, ("(held b1)",))),
        ([PLAN[0], PLAN[0]], Execution("precondition_unmet", 2, ("(in b1 den)", "(not (held b1))"))),
        ([("walk", "den", "den")], Execution("precondition_unmet", 1, ("(not (= den den))",))),
        ([("fly", "den")], Execution("unknown_action", 1)),
        ([("take", "b2", "den")], Execution("unknown_object", 1)),
        ([("take", "b1")], Execution("wrong_arguments", 1)),
        ([("take", "den", "b1")], Execution("wrong_arguments", 1)),
        ([("drop", "x1")], Execution("wrong_arguments", 1)),
    ],
)
def test_a_failed_plan_says_where_and_what_was_unmet(plan: list[Step], expected: Execution) -> None:
    assert run(plan) == expected


def test_an_effect_that_adds_and_deletes_a_fact_leaves_it_true() -> None:
    domain = """(define (domain d) (:predicates (p)) (:action a :parameters () :effect (and (p) (not (p)))))"""
    problem = """(define (problem d1) (:domain d) (:init) (:goal (p)))"""
    assert execute(read_problem(domain, problem), [("a",)]).reason == "goal_reached"


def test_an_object_of_either_type_fits_both() -> None:
    problem = read_problem(DOMAIN, PROBLEM)
    assert problem.objects["x1"] == {"box", "thing", "object", "room"}
    assert execute(problem, [("walk", "den", "x1"), ("take", "x1", "x1")]).reason == "precondition_unmet"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        (":equality", ":adl", "':adl'"),
        (":equality", ":conditional-effects", "':conditional-effects'"),
        ("(:constants hall - room)", "(:functions (cost))", "':functions'"),
        ("(:action drop", "(:durative-action drop", "':durative-action'"),
        ("(and (held ?b) (at hall))", "(or (held ?b) (at hall))", "'or'"),
        ("(and (held ?b) (at hall))", "(forall (?r - room) (at ?r))", "'forall'"),
        ("(and (in ?b hall) (not (held ?b)))", "(when (at hall) (in ?b hall))", "'when'"),
        ("(and (in ?b hall) (not (held ?b)))", "(= ?b ?b)", "'='"),
        ("(and (held ?b) (at hall))", "(held ?c)", "'?c'"),
        ("(and (held ?b) (at hall))", "(held ?b ?b)", "'held'"),
        ("?b - ball", "?b - balloon", "'balloon'"),
        ("(at hall)", "(at hall", "parenthes"),
    ],
)
def test_what_is_not_supported_is_named(old: str, new: str, named: str) -> None:
    assert old in DOMAIN
    with pytest.raises(PddlError, match=named.replace("?", r"\?")):
        read_problem(DOMAIN.replace(old, new), PROBLEM)


@pytest.mark.parametrize(
    ("problem", "named"),
    [
        ("", "wanted one form"),
        (DOMAIN, "problem"),
        (PROBLEM.replace("(at den)", "(at nowhere)"), "'nowhere'"),
        (PROBLEM.replace("(:goal", "(:metric minimize (cost)) (:goal"), "':metric'"),
        (PROBLEM[: PROBLEM.index("(:goal")] + ")", "no :goal"),
        ("(" * 10_000, "nested deeper"),
    ],
)
def test_a_wrong_problem_is_refused(problem: str, named: str) -> None:
    with pytest.raises(PddlError, match=named):
        read_problem(DOMAIN, problem)


@given(st.text(alphabet="()- ?:abdefin;\n", max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    with pytest.raises(PddlError):
        read_problem(text, PROBLEM)


@given(
    st.lists(st.tuples(st.sampled_from(["take", "walk", "drop"]), st.sampled_from(["b1", "den", "hall"])), max_size=5)
)
def test_a_failed_step_is_the_first_that_fails(plan: list[Step]) -> None:
    done = run(plan)
    if done.failed_step:
        assert run(plan[: done.failed_step - 1]).failed_step is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_unified_planning_gives_the_same_verdicts() -> None:
    reader_of = pytest.importorskip("unified_planning.io").PDDLReader
    engines = pytest.importorskip("unified_planning.engines")
    pytest.importorskip("unified_planning.shortcuts").get_environment().credits_stream = None
    problem = PROBLEM.replace("x1 - (either box room)", "x1 - box")
    reader = reader_of()
    theirs = reader.parse_problem_string(DOMAIN, problem)
    ours = read_problem(DOMAIN, problem)
    walks: list[Step] = [("walk", "hall", "den"), ("walk", "den", "den")]
    for plan in (
        PLAN,
        [],
        PLAN[:2],
        PLAN[1:],
        PLAN[::-1],
        [*PLAN, *PLAN],
        [*PLAN, *walks[:1]],
        walks,
        [*PLAN[:2], PLAN[0]],
    ):
        text = "\n".join(f"({' '.join(step)})" for step in plan)
        valid = bool(engines.SequentialPlanValidator().validate(theirs, reader.parse_plan_string(theirs, text)))
        assert valid == (execute(ours, plan).reason == "goal_reached"), text
