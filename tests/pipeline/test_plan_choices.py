"""Which plans are tried: copies in other words are not, another number makes another plan."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.plan_choices import distinct_plans, formal, structure_key
from pipeline.plan_text import parse_plan
from schemas.recipe import PlanSettings
from schemas.tables import Bands, Plans, Rollouts, frame_of

LONG = """Strategy: move the blocks one after the other, from the top to the bottom
1. Find out which of the blocks lie on the table and which of them have another block on top
2. Clear the block that has to go to the bottom of the tower, by putting whatever is on it aside
3. Build the tower from its bottom to its top, one block at a time, and check that it is the one asked for"""


def id_of(number: int) -> str:
    return f"{number:032x}"


def plan(n: int, text: str, prompt: int = 1, writer: int | None = None) -> dict[str, Any]:
    read = parse_plan(text)
    return {
        "plan_id": id_of(n), "prompt_id": id_of(prompt), "rollout_id": id_of(100 + n if writer is None else writer),
        "origin": "model", "status": read.status, "strategy": read.strategy, "rejected_strategies": read.rejected,
        "steps": read.steps, "n_steps": len(read.steps), "saw": "prompt",
    }  # fmt: skip


def decided(*plans: dict[str, Any], **settings: Any) -> dict[int, dict[str, Any]]:
    """Decisions by number; the rollout 100 + i has sample_index i, and prompt 9 is not kept."""
    bands = frame_of(Bands, [{"prompt_id": id_of(i), "decision": "later" if i == 9 else "kept"} for i in range(10)])
    rollouts = frame_of(Rollouts, [{"rollout_id": id_of(100 + i), "sample_index": i} for i in range(20)])
    found = distinct_plans(bands, rollouts, frame_of(Plans, list(plans)), PlanSettings(**settings))
    return {int(row["id"], 16): row for row in found}


def kept(*texts: str, **settings: Any) -> list[bool]:
    found = decided(*(plan(i, text) for i, text in enumerate(texts)), **settings)
    return [found[i]["is_kept"] for i in sorted(found)]


def test_a_plan_in_almost_the_same_words_is_a_near_duplicate_and_names_its_keeper() -> None:
    found = decided(plan(1, LONG), plan(2, LONG.replace("asked for", "wanted")))
    assert found[1]["is_kept"]
    assert (found[2]["reason"], found[2]["keeper_id"]) == ("near_duplicate", id_of(1))
    assert 0.7 < found[2]["similarity"] < 1


@pytest.mark.parametrize(
    "texts",
    [
        ("1. 11*8\n2. #1+10", "1. 11*8\n2. #1+12"),
        ("1. 11*8\n2. #1+10", "1. 11*8\n2. #1-10"),
        ("1. 8*11\n2. #1+10", "1. 11*8\n2. #1+10"),
        ("1. 11*8", "1. 11*8\n2. #1+10"),
        ("1. go left\n2. go left\n3. go up", "1. go left\n2. go right\n3. go up"),
        ("\n".join(f"{i}. (put b{i} t)" for i in range(1, 15)), "\n".join(f"{i}. (put b{i} t)" for i in range(1, 14))
         + "\n14. (put t b14)"),
        ("\n".join(f"{i}. add {i}" for i in range(1, 15)), "\n".join(f"{i}. add {i}" for i in range(1, 14))
         + "\n14. subtract 14"),
        (LONG, LONG.replace("one block at a time", "2 blocks at a time")),
    ],
)  # fmt: skip
def test_another_number_operator_action_or_short_step_is_another_plan(texts: tuple[str, str]) -> None:
    assert kept(*texts) == [True, True]


def test_spaces_and_spellings_of_a_formula_make_no_other_plan() -> None:
    found = decided(plan(1, "1. 11*8\n2. #1+10"), plan(2, "1. 11 × 8\n2. #1 + 10"))
    assert (found[2]["keeper_id"], found[2]["similarity"]) == (id_of(1), 1.0)


def test_the_same_short_steps_under_another_strategy_are_tried_too() -> None:
    assert (
        kept("Strategy: multiply first\n1. 3*8\n2. #1+2", "Strategy: big numbers first\n1. 3*8\n2. #1+2") == [True] * 2
    )


def test_copies_under_another_prompt_are_tried_there_too() -> None:
    found = decided(plan(1, LONG), plan(2, LONG, prompt=2))
    assert [row["is_kept"] for row in found.values()] == [True, True]


def test_only_parsed_plans_of_kept_prompts_are_candidates() -> None:
    assert list(decided(plan(1, "no plan"), plan(2, "1. go", prompt=9), plan(3, "1. go"))) == [3]
    assert decided() == {}


def test_the_earliest_sample_wins_and_a_plan_that_nobody_sampled_comes_last() -> None:
    copies = [LONG, LONG.replace("asked for", "wanted"), LONG.replace("asked for", "sought")]
    found = decided(plan(1, copies[0], writer=999), plan(2, copies[1], writer=107), plan(3, copies[2], writer=103))
    assert [n for n, row in found.items() if row["is_kept"]] == [3]


def test_the_threshold_is_the_recipes() -> None:
    copies = LONG, LONG.replace("asked for", "wanted")
    assert kept(*copies, threshold=0.99) == [True, True]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 2), st.sampled_from([LONG, LONG.replace("a time", "once"), "1. 3*8", "1. 3*9"]))),
    st.randoms(use_true_random=False),
)
def test_row_order_does_not_matter(corpus: list[tuple[int, str]], rng: random.Random) -> None:
    plans = [plan(i, text, prompt) for i, (prompt, text) in enumerate(corpus[:8])]
    assert decided(*rng.sample(plans, len(plans))) == decided(*plans)


def steps(text: str) -> list[dict[str, Any]]:
    return parse_plan(text).steps


def test_the_structure_is_who_needs_whom_and_the_operators() -> None:
    same = "1. 3*8\n2. #1+2\n   - depends on: 1", "Strategy: s\n4. 5 * 9 — so\n7. #1 + 1\n   - depends on: 4"
    assert structure_key(steps(same[0])) == structure_key(steps(same[1]))
    others = ["1. 3*8\n2. #1+2", "1. 3*8\n2. #1-2\n   - depends on: 1", "1. 3*8", "1. three times eight\n2. #1+2"]
    keys = {structure_key(steps(text)) for text in [same[0], *others]}
    assert len(keys) == 5


def test_actions_have_their_names_in_the_structure_but_not_their_objects() -> None:
    assert structure_key(steps("(stack a b)\n(pick c)")) == structure_key(steps("(stack b c)\n(pick d)"))
    assert structure_key(steps("(stack a b)")) != structure_key(steps("(unstack a b)"))


@given(st.text(), st.text())
def test_no_wording_breaks_the_comparison(goal: str, how: str) -> None:
    step: dict[str, Any] = {"id": "1", "goal": goal, "how": how, "check": None, "depends_on": [], "action": None}
    assert formal([step]).startswith("[[")
    assert len(structure_key([step])) == 32


def test_near_duplicates_are_recorded_with_their_structure() -> None:
    found = decided(plan(1, LONG), plan(2, LONG.replace("asked for", "wanted")))
    assert [row["structure_key"] for row in found.values()] == [structure_key(steps(LONG))] * 2


def test_an_edit_that_changes_the_wording_alone_is_tried_and_so_is_what_it_was_made_of() -> None:
    edit = {**plan(2, LONG.replace("asked for", "wanted")), "origin": "person", "rollout_id": None}
    other = {**edit, "plan_id": id_of(3), "strategy": "move all of the blocks, from the top to the bottom"}
    found = decided(plan(1, LONG), edit, {**other, "parent_plan_id": id_of(2)})
    assert [found[i]["is_kept"] for i in (1, 2, 3)] == [True, True, False]
    assert found[3]["keeper_id"] == id_of(2)
