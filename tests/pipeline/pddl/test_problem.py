import random
import re
from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pddl.forms import PddlError
from pipeline.pddl.problem import Execution, Problem, Step, execute, read_problem

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


COSTS = (
    DOMAIN.replace(":equality", ":equality :action-costs")
    .replace("(:constants", "(:functions (total-cost) (length ?a ?b - room) - number)\n (:constants")
    .replace("(and (at ?to)", "(and (increase (total-cost) (length ?from ?to)) (at ?to)")
    .replace("(and (held ?t)", "(and (increase (total-cost) 1.5) (held ?t)")
)
COSTLY = PROBLEM.replace("(:init", "(:init (= (total-cost) 0) (= (length den hall) 4)").replace(
    "(:goal", "(:metric minimize (total-cost)) (:goal"
)


def test_action_costs_are_read_and_ignored() -> None:
    assert COSTS.count("increase") == 2
    assert read_problem(COSTS, COSTLY) == read_problem(DOMAIN, PROBLEM)
    assert execute(read_problem(COSTS, COSTLY), PLAN) == Execution("goal_reached")


NEEDED, ADDED = "(and (held ?b) (at hall))", "(and (in ?b hall) (not (held ?b)))"
UNSUPPORTED = {
    "adl": (":equality", ":adl", "':adl'"),
    "conditional effects, required": (":equality", ":conditional-effects", "':conditional-effects'"),
    "conditional effects": (ADDED, "(when (at hall) (in ?b hall))", "'when'"),
    "universal effects": (ADDED, "(forall (?r - room) (in ?b ?r))", "'forall'"),
    "universal preconditions": (NEEDED, "(forall (?r - room) (at ?r))", "'forall'"),
    "existential preconditions": (NEEDED, "(exists (?r - room) (at ?r))", "'exists'"),
    "disjunction": (NEEDED, "(or (held ?b) (at hall))", "'or'"),
    "disjunction under not": (NEEDED, "(not (or (held ?b) (at hall)))", "'or'"),
    "implication": (NEEDED, "(imply (held ?b) (at hall))", "'imply'"),
    "preferences": (NEEDED, "(preference p1 (at hall))", "'preference'"),
    "numeric fluents, required": (":equality", ":numeric-fluents", "':numeric-fluents'"),
    "fluents, required": (":equality", ":fluents", "':fluents'"),
    "object fluents, required": (":equality", ":object-fluents", "':object-fluents'"),
    "a number compared": (NEEDED, "(>= (fuel) 2)", "'>='"),
    "a number equal": (NEEDED, "(= (fuel) 2)", "'='"),
    "a number raised": (ADDED, "(increase (fuel) 2)", "'increase'"),
    "a cost raised that is not declared": (ADDED, "(increase (total-cost) 2)", "'increase'"),
    "a number assigned": (ADDED, "(assign (fuel) 2)", "'assign'"),
    "durative actions": ("(:action drop", "(:durative-action drop", "':durative-action'"),
    "derived predicates": ("(:action drop", "(:derived (in ?t - thing) (held ?t)) (:action drop", "':derived'"),
    "trajectory constraints": ("(:action drop", "(:constraints (and)) (:action drop", "':constraints'"),
    "processes": ("(:action drop", "(:process drop", "':process'"),
    "an equality as effect": (ADDED, "(= ?b ?b)", "'='"),
    "an unknown variable": (NEEDED, "(held ?c)", "'?c'"),
    "a wrong number of arguments": (NEEDED, "(held ?b ?b)", "'held'"),
    "an unknown type": ("?b - ball", "?b - balloon", "'balloon'"),
    "two actions of one name": ("(:action drop", "(:action take", "same name"),
    "a missing parenthesis": ("(at hall)", "(at hall", "parenthes"),
}


@pytest.mark.parametrize(("old", "new", "named"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_what_is_not_supported_is_named(old: str, new: str, named: str) -> None:
    assert old in DOMAIN
    with pytest.raises(PddlError, match=re.escape(named)):
        read_problem(DOMAIN.replace(old, new), PROBLEM)


WRONG_PROBLEMS = {
    "nothing": ("", "wanted one form"),
    "a domain": (DOMAIN, "problem"),
    "an unknown object": (PROBLEM.replace("(at den)", "(at nowhere)"), "'nowhere'"),
    "another metric": (PROBLEM.replace("(:goal", "(:metric minimize (cost)) (:goal"), "':metric'"),
    "the most of a cost": (PROBLEM.replace("(:goal", "(:metric maximize (total-cost)) (:goal"), "':metric'"),
    "a timed literal": (PROBLEM.replace("(at den)", "(at den) (at 5 (at hall))"), "timed fact"),
    "an undeclared function": (PROBLEM.replace("(at den)", "(at den) (= (fuel) 5)"), "'fuel'"),
    "a requirement": (PROBLEM.replace("(:init", "(:requirements :adl) (:init"), "':adl'"),
    "a preference": (PROBLEM.replace("(in b1 hall)", "(preference p1 (in b1 hall))"), "'preference'"),
    "no goal": (PROBLEM[: PROBLEM.index("(:goal")] + ")", "no :goal"),
    "deep nesting": ("(" * 10_000, "nested deeper"),
}


@pytest.mark.parametrize(("problem", "named"), WRONG_PROBLEMS.values(), ids=WRONG_PROBLEMS)
def test_a_wrong_problem_is_refused(problem: str, named: str) -> None:
    with pytest.raises(PddlError, match=re.escape(named)):
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


BLOCKS = """(define (domain blocks) (:requirements :strips)
  (:predicates (clear ?x) (ontable ?x) (handempty) (holding ?x) (on ?x ?y))
  (:action pick-up :parameters (?x) :precondition (and (clear ?x) (ontable ?x) (handempty))
    :effect (and (holding ?x) (not (clear ?x)) (not (ontable ?x)) (not (handempty))))
  (:action put-down :parameters (?x) :precondition (holding ?x)
    :effect (and (clear ?x) (handempty) (ontable ?x) (not (holding ?x))))
  (:action stack :parameters (?x ?y) :precondition (and (clear ?y) (holding ?x))
    :effect (and (handempty) (clear ?x) (on ?x ?y) (not (clear ?y)) (not (holding ?x))))
  (:action unstack :parameters (?x ?y) :precondition (and (on ?x ?y) (clear ?x) (handempty))
    :effect (and (holding ?x) (clear ?y) (not (on ?x ?y)) (not (clear ?x)) (not (handempty)))))"""
TOWER = """(define (problem t) (:domain blocks) (:objects a b c)
  (:init (on b a) (ontable a) (ontable c) (clear b) (clear c) (handempty)) (:goal (on b c)))"""
LIGHTS = """(define (domain lights) (:requirements :strips :typing :negative-preconditions :equality :action-costs)
  (:types lamp) (:predicates (lit ?l - lamp) (next ?a ?b - lamp)) (:functions (total-cost) - number)
  (:action on :parameters (?l - lamp) :precondition (not (lit ?l)) :effect (and (lit ?l) (increase (total-cost) 1)))
  (:action move :parameters (?a ?b - lamp) :precondition (and (lit ?a) (not (lit ?b)) (next ?a ?b) (not (= ?a ?b)))
    :effect (and (not (lit ?a)) (lit ?b) (increase (total-cost) 2))))"""
ROW = """(define (problem r) (:domain lights) (:objects l1 l2 l3 - lamp)
  (:init (next l1 l2) (next l2 l3) (next l3 l3) (= (total-cost) 0)) (:goal (and (lit l3) (not (lit l2))))
  (:metric minimize (total-cost)))"""
DOMAINS = {"gripper": (DOMAIN, PROBLEM.replace("x1 - (either box room)", "x1 - box")), "blocks": (BLOCKS, TOWER)}
DOMAINS |= {"lights": (LIGHTS, ROW)}


def walks(problem: Problem, seed: int) -> Iterator[list[Step]]:
    """Random walks that end at the goal, and the same with a step left out or replaced."""
    chance = random.Random(seed)
    names = sorted(problem.objects)
    every = [
        (name, *values) for name, a in problem.actions.items() for values in product(names, repeat=len(a.parameters))
    ]
    steps = [step for step in every if execute(problem, [step]).reason != "wrong_arguments"]
    for _ in range(40):
        plan: list[Step] = []
        while (done := execute(problem, plan)).reason == "goal_not_reached" and len(plan) < 12:
            applicable = [step for step in steps if not execute(problem, [*plan, step]).failed_step]
            if not applicable:
                break
            plan.append(chance.choice(applicable))
        yield plan
        if plan and done.reason == "goal_reached":
            i = chance.randrange(len(plan))
            yield plan[:i] + plan[i + 1 :]
            yield [*plan[:i], chance.choice(steps), *plan[i + 1 :]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("domain", "problem"), DOMAINS.values(), ids=DOMAINS)
def test_unified_planning_gives_the_same_verdicts(domain: str, problem: str) -> None:
    reader = pytest.importorskip("unified_planning.io").PDDLReader()
    validator = pytest.importorskip("unified_planning.engines").SequentialPlanValidator()
    theirs, ours = reader.parse_problem_string(domain, problem), read_problem(domain, problem)
    found = set()
    for plan in walks(ours, seed=7):
        text = "\n".join(f"({' '.join(step)})" for step in plan)
        valid = bool(validator.validate(theirs, reader.parse_plan_string(theirs, text)))
        found.add(execute(ours, plan).reason)
        assert valid == (execute(ours, plan).reason == "goal_reached"), text
    assert found >= {"goal_reached", "precondition_unmet"}
