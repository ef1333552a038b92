"""Puzzles never change for a seed, keep to their bounds, and come with solutions and plans that are right."""

import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.plan_text import parse_plan, render_plan
from pipeline.puzzles import FAMILIES, MAX_VALUE, VERSION, Puzzle, apply_operations, check_level, other_attempt, puzzles
from pipeline.sources.procedural import gold_plan
from pipeline.verifiers import Rollout, Verdict, procedural
from schemas.ids import content_id

LEVELS = [(family, level) for family, known in FAMILIES.items() for level in known.levels]
every_level = pytest.mark.parametrize(("family", "level"), LEVELS)
seeds = st.integers(0, 10**6)


def first(family: str, level: int, seed: int = 0) -> Puzzle:
    return next(puzzles(family, level, seed=seed))


def judged(puzzle: Puzzle, response: str) -> Verdict:
    return procedural.verify(procedural.Task.model_validate(puzzle.task), Rollout(response))


def test_the_puzzles_of_a_seed_are_those_that_the_embedded_model_was_trained_on() -> None:
    said = [repr(puzzle) for family, level in LEVELS for puzzle in islice(puzzles(family, level, seed=1), 50)]
    digest = content_id("pin", said=said)
    assert (VERSION, digest) == ("1", "69d2b7ec7f91646ea026e0213eab578b"), (
        "other puzzles: raise VERSION, and train anew"
    )


@every_level
@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_the_gold_answer_passes_the_verifier(family: str, level: int, seed: int) -> None:
    puzzle = first(family, level, seed)
    assert judged(puzzle, puzzle.answer).outcome == "correct"
    assert judged(puzzle, f"<think>{puzzle.steps}</think>{puzzle.answer}").outcome == "correct"


@every_level
@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_another_attempt_fails_the_verifier(family: str, level: int, seed: int) -> None:
    attempt = other_attempt(random.Random(seed), first(family, level, seed))
    assert attempt is None or judged(attempt, attempt.answer).outcome == "incorrect"


@pytest.mark.parametrize("family", ["countdown", "reach"])
def test_where_there_is_a_choice_other_attempts_are_found(family: str) -> None:
    found = [other_attempt(random.Random(0), puzzle) for puzzle in islice(puzzles(family, 3), 20)]
    assert sum(attempt is not None for attempt in found) > 10


@every_level
@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_the_gold_plan_is_read_back_unchanged(family: str, level: int, seed: int) -> None:
    puzzle = first(family, level, seed)
    plan = parse_plan(gold_plan(puzzle))
    assert (plan.status, plan.strategy) == ("parsed", puzzle.strategy)
    assert tuple(step["goal"] for step in plan.steps) == puzzle.plan
    assert render_plan(plan._asdict()) == gold_plan(puzzle)


@every_level
@settings(max_examples=30, deadline=None)
@given(seed=seeds)
def test_steps_are_true_and_stay_in_bounds(family: str, level: int, seed: int) -> None:
    puzzle = first(family, level, seed)
    assert len(puzzle.steps) == len(puzzle.plan) == (level - 1 if family == "countdown" else level)
    for step in puzzle.steps:
        left, operation, right, _, result = step.split()
        assert apply_operations(int(left), [operation + right]) == [int(result)]
    assert puzzle.steps[-1].endswith(f"= {puzzle.task['target']}")


@every_level
def test_the_same_seed_gives_the_same_puzzles_and_another_others(family: str, level: int) -> None:
    one, again, other = (list(islice(puzzles(family, level, seed=seed), 30)) for seed in (1, 1, 2))
    assert one == again
    assert one != other


@every_level
def test_no_given_number_is_larger_than_asked(family: str, level: int) -> None:
    for puzzle in islice(puzzles(family, level, largest=4), 30):
        given = puzzle.task.get("numbers") or [int(operation[1:]) for operation in puzzle.task["operations"]]
        assert max(given) <= 4


@every_level
def test_there_are_puzzles_at_both_ends_of_the_largest_number(family: str, level: int) -> None:
    for largest in (FAMILIES[family].least, MAX_VALUE):
        assert len(list(islice(puzzles(family, level, largest=largest), 5))) == 5


@pytest.mark.parametrize(
    ("family", "level", "largest", "words"),
    [
        ("countdown", 7, None, "countdown has levels 2 to 6, found 7"),
        ("arithmetic", 0, None, "arithmetic has levels 1 to 6, found 0"),
        ("reach", 2, 1, "reach needs a largest number of 2 to 99, found 1"),
        ("countdown", 2, 0, "countdown needs a largest number of 1 to 99, found 0"),
        ("countdown", 2, 100, "countdown needs a largest number of 1 to 99, found 100"),
    ],
)
def test_what_has_no_puzzles_is_refused_at_once(family: str, level: int, largest: int | None, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}$"):
        check_level(family, level, largest)
    with pytest.raises(ValueError, match=f"^{words}$"):
        puzzles(family, level, largest=largest)


def test_an_unknown_family_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        puzzles("countup", 2)


def test_puzzles_with_the_same_numbers_are_held_out_together() -> None:
    by_group: dict[str, set[bool]] = {}
    for puzzle in islice(puzzles("countdown", 2), 2000):
        by_group.setdefault(" ".join(sorted(map(str, puzzle.task["numbers"]))), set()).add(puzzle.is_held_out())
    assert {len(values) for values in by_group.values()} == {1}
    assert {True, False} == set().union(*by_group.values())


def test_the_key_ignores_the_order_of_what_is_given_but_not_the_target() -> None:
    countdown, rng = FAMILIES["countdown"], random.Random(0)
    steps = countdown.attempt(rng, {"numbers": [3, 8]}) or []
    given = [([3, 8], 24), ([8, 3], 24), ([3, 8], 5)]
    keys = [countdown.describe({"numbers": numbers, "target": target}, steps).key() for numbers, target in given]
    assert keys == ["countdown 3 8 = 24", "countdown 3 8 = 24", "countdown 3 8 = 5"]
