"""Which plan samples are wanted: strategies, the plans that follow them, and the trials of each plan."""

import random
from typing import Any

import polars as pl
import pytest

from pipeline.planning import (
    MAX_PLACEBOS,
    STRATEGIES,
    wanted_plans,
    wanted_recorded_plans,
    wanted_strategies,
    wanted_trials,
)
from schemas.ids import rollout_id
from schemas.recipe import PlanSettings
from schemas.tables import Bands, Choices, Plans, Prompts, Rollouts, Verdicts, frame_of

GENERATOR = "9" * 32
TARGET = "8" * 32
SETTINGS = PlanSettings(n=3, samples=6)


def prompt_id(number: int) -> str:
    return f"{number:032x}"


def plan_id(prompt: int, number: int) -> str:
    return f"{100 * prompt + number:032x}"


def bands(**decisions: str) -> pl.DataFrame:
    return frame_of(Bands, [{"prompt_id": prompt_id(int(p[1:])), "decision": said} for p, said in decisions.items()])


def solve(prompt: int, index: int, **changes: Any) -> dict[str, Any]:
    row = {"rollout_id": rollout_id(prompt_id(prompt), TARGET, index), "prompt_id": prompt_id(prompt), "arm": "solve"}
    return row | {"role": "target", "generator_id": TARGET, "sample_index": index, **changes}


def plans_wanted(rollouts: list[dict[str, Any]], outcomes: list[str], version: str = "1") -> pl.DataFrame:
    verdicts = [
        {"rollout_id": row["rollout_id"], "verifier": "math", "verifier_version": version, "outcome": outcome}
        for row, outcome in zip(rollouts, outcomes, strict=True)
    ]
    return wanted_recorded_plans(
        bands(p1="kept", p2="dropped", p3="later"),
        frame_of(Rollouts, rollouts),
        frame_of(Verdicts, verdicts),
        GENERATOR,
    )


def test_plans_are_wanted_of_correct_rollouts_of_kept_prompts() -> None:
    found = plans_wanted(
        [solve(1, 0), solve(1, 1), solve(1, 2), solve(2, 0), solve(3, 0)],
        ["correct", "incorrect", "correct", "correct", "correct"],
    )
    assert found.select("prompt_id", "sample_index").rows() == [(prompt_id(1), 0), (prompt_id(1), 2)]
    assert found["rollout_id"][0] == rollout_id(prompt_id(1), GENERATOR, 0, arm="write_plan")
    assert found["parent_id"].to_list() == [solve(1, 0)["rollout_id"], solve(1, 2)["rollout_id"]]


def test_another_roles_rollouts_want_no_second_plan() -> None:
    executor = solve(1, 0, rollout_id="a" * 32, role="executor")
    assert plans_wanted([solve(1, 0), executor], ["correct", "correct"]).height == 1


def listed(prompt: int, text: str | None) -> dict[str, Any]:
    id = rollout_id(prompt_id(prompt), GENERATOR, 0, arm="write_plan", phase="search", step_id=STRATEGIES)
    row = {"rollout_id": id, "prompt_id": prompt_id(prompt), "arm": "write_plan", "step_id": STRATEGIES}
    return row | {"generator_id": GENERATOR, "text": text}


def test_strategies_are_listed_once_for_each_prompt_that_is_kept() -> None:
    found = wanted_strategies(bands(p1="kept", p2="later", p3="kept", p4="dropped"), GENERATOR)
    assert found.select("prompt_id", "arm", "step_id", "phase").rows() == [
        (prompt_id(1), "write_plan", STRATEGIES, "search"),
        (prompt_id(3), "write_plan", STRATEGIES, "search"),
    ]
    assert found["rollout_id"][0] == listed(1, None)["rollout_id"]


@pytest.mark.parametrize(
    ("text", "followed"),
    [
        ("1. halve it\n2. double it\n3. guess\n4. ask", ["halve it", "double it", "guess"]),
        ("1. halve it\n2. double it", ["halve it", "double it", "halve it"]),
        ("no idea", [None, None, None]),
        (None, [None, None, None]),
    ],
)
def test_each_plan_follows_one_of_the_strategies(text: str | None, followed: list[str | None]) -> None:
    found = wanted_plans(bands(p1="kept"), frame_of(Rollouts, [listed(1, text)]), GENERATOR, 3)
    assert found["strategy"].to_list() == followed
    assert found["sample_index"].to_list() == [0, 1, 2]
    assert found["parent_id"].unique().to_list() == [listed(1, text)["rollout_id"]]


def test_without_a_list_the_planner_is_free() -> None:
    found = wanted_plans(bands(p1="kept"), frame_of(Rollouts, []), GENERATOR, 2)
    assert found.select("strategy", "parent_id").rows() == [(None, None), (None, None)]


def trials(
    plans: list[tuple[int, int]], *, n_steps: dict[int, int] | None = None, dropped: tuple[tuple[int, int], ...] = (),
    groups: dict[int, int] | None = None, edits: tuple[tuple[int, int], ...] = (), leak_test: str = "people",
) -> pl.DataFrame:  # fmt: skip
    numbers = sorted({prompt for prompt, _ in plans})
    facts = [
        {
            "prompt_id": prompt_id(n),
            "group_id": str((groups or {}).get(n, n)),
            "task_family": "odd" if n % 2 else "even",
        }
        for n in numbers
    ]
    rows = [
        {"plan_id": plan_id(*plan), "prompt_id": prompt_id(plan[0]), "n_steps": (n_steps or {}).get(plan[0], 2)}
        | {"origin": "person" if plan in edits else "model"}
        for plan in plans
    ]
    choices = [
        {"kind": "plan", "id": plan_id(*plan), "decision": "dropped" if plan in dropped else "kept"} for plan in plans
    ]
    frames = (
        frame_of(Prompts, facts),
        frame_of(Plans, rows),
        frame_of(Choices, choices),
    )
    return wanted_trials(*frames, GENERATOR, SETTINGS.model_copy(update={"leak_test": leak_test}))


def counts(found: pl.DataFrame, arm: str) -> dict[tuple[str, str], int]:
    return {(p, plan): n for p, plan, n in found.filter(arm=arm).group_by("prompt_id", "plan_id").len().rows()}


def test_every_chosen_plan_is_executed_and_its_prompt_solved_afresh() -> None:
    found = trials([(1, 1), (1, 2), (3, 1)], dropped=((1, 2),))
    assert counts(found, "execute") == {(prompt_id(1), plan_id(1, 1)): 6, (prompt_id(3), plan_id(3, 1)): 6}
    assert counts(found, "solve") == {(prompt_id(1), ""): 6, (prompt_id(3), ""): 6}
    assert set(found["phase"]) == {"search"}
    assert found["rollout_id"].n_unique() == found.height


def test_a_placebo_is_a_plan_of_another_prompt_of_the_family() -> None:
    found = counts(trials([(1, 1), (2, 1), (3, 1), (4, 1)]), "placebo")
    assert found == {
        (prompt_id(1), plan_id(3, 1)): 6, (prompt_id(3), plan_id(1, 1)): 6,
        (prompt_id(2), plan_id(4, 1)): 6, (prompt_id(4), plan_id(2, 1)): 6,
    }  # fmt: skip


def test_a_placebo_is_never_of_the_same_group_and_another_family_will_do() -> None:
    found = counts(trials([(1, 1), (3, 1), (2, 1)], groups={1: 7, 3: 7}), "placebo")
    assert found[prompt_id(1), plan_id(2, 1)] == 6
    assert found[prompt_id(3), plan_id(2, 1)] == 6


def test_placebo_samples_are_spread_over_several_plans() -> None:
    found = counts(trials([(n, 1) for n in (1, 3, 5, 7, 9, 11)]), "placebo")
    assert sorted(n for (prompt, _), n in found.items() if prompt == prompt_id(1)) == [1, 1, 2, 2]


def test_placebos_of_like_length_come_first() -> None:
    found = counts(trials([(n, 1) for n in range(1, 19, 2)], n_steps={5: 3, 9: 4, 13: 3, 15: 2}), "placebo")
    shown = {plan for prompt, plan in found if prompt == prompt_id(9)}
    assert len(shown) == 4
    assert {plan_id(5, 1), plan_id(13, 1)} < shown


def test_more_prompts_change_few_placebos() -> None:
    numbers = random.Random(0).sample(range(10**6), 201)
    before, after = (counts(trials([(2 * n, 1) for n in drawn]), "placebo") for drawn in (numbers[:200], numbers))
    assert len(before.keys() - after.keys()) <= MAX_PLACEBOS
    assert len({plan for _, plan in before}) == 200


def test_a_prompt_alone_has_no_placebo() -> None:
    assert counts(trials([(1, 1), (1, 2)]), "placebo") == {}


@pytest.mark.parametrize(
    ("leak_test", "tested"),
    [("none", []), ("people", [(1, 2)]), ("all", [(1, 1), (1, 2), (3, 1)])],
)
def test_a_leak_test_guesses_with_each_plan_that_it_names_and_without_one(
    leak_test: str, tested: list[tuple[int, int]]
) -> None:
    found = trials([(1, 1), (1, 2), (3, 1), (3, 2)], dropped=((3, 2),), edits=((1, 2), (3, 2)), leak_test=leak_test)
    assert counts(found, "plan_only") == {(prompt_id(p), plan_id(p, n)): 6 for p, n in tested}
    assert counts(found, "guess") == {(prompt_id(p), ""): 6 for p, _ in tested}
    assert found["rollout_id"].n_unique() == found.height
    assert set(found["phase"]) == {"search"}


def test_edits_change_no_placebo_and_stand_in_where_a_prompt_has_no_other_plan() -> None:
    plans = [(1, 5), (3, 5), (5, 5)]
    before, after = trials(plans), trials([*plans, (1, 1)], edits=((1, 1),))
    assert counts(after, "placebo") == counts(before, "placebo")
    assert before.join(after, on="rollout_id", how="anti").is_empty()
    assert (prompt_id(3), plan_id(1, 1)) in counts(trials([(1, 1), (3, 5)], edits=((1, 1),)), "placebo")
