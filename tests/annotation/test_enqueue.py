"""People are asked about the plans that matter, and a fair sample of all, within a budget that only ever adds."""

import json
import random
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from annotation.enqueue import Config, config_of, not_askable, run
from annotation.gold import GoldItem
from schemas.annotation import Annotate
from schemas.ids import record_id
from schemas.tables import Choices, Plans, PlanScores, Queue, Rollouts, Verdicts, frame_of

EXECUTOR = f"{99:032x}"
NOTHING = frame_of(Queue, [])


def hexid(n: int) -> str:
    return f"{n:032x}"


def plan(n: int, prompt: int | None = None, **changed: Any) -> dict[str, Any]:
    """A plan that is parsed, kept and measured, of a prompt of its own; its sign is a toss-up unless it says more."""
    return {
        "plan_id": hexid(n), "prompt_id": hexid(1000 + (n if prompt is None else prompt)), "origin": "model",
        "status": "parsed", "strategy": f"Strategy {n}", "steps": [], "n_steps": 1, "saw": "prompt",
        "decision_of_choice": "kept", "structure_key": f"s{n}", "uplift": 0.0, "uplift_se": 0.1, "p_positive": 0.5,
        "decision": "undecided",
    } | changed  # fmt: skip


def tables(*plans: dict[str, Any]) -> list[pl.DataFrame]:
    """The tables of READS behind the queue, without any rollout."""
    choices = [
        {"kind": "plan", "id": row["plan_id"], "decision": row["decision_of_choice"], "reason": "kept",
         "cluster_id": row["plan_id"], "structure_key": row["structure_key"]}
        for row in plans
    ]  # fmt: skip
    scores = [
        {name: row[name] for name in ("plan_id", "uplift", "uplift_se", "p_positive", "decision")}
        | {"generator_id": EXECUTOR, "phase": "search", "n_execute": 16}
        for row in plans
    ]
    kept = [{name: row[name] for name in Plans.columns() if name in row} for row in plans]
    frames = [frame_of(Plans, kept), frame_of(Choices, choices), frame_of(PlanScores, scores)]
    return [*frames, frame_of(Rollouts, []), frame_of(Verdicts, [])]


def asked(frames: list[pl.DataFrame], queue: pl.DataFrame = NOTHING, **config: Any) -> pl.DataFrame:
    found = run(queue, *frames, Config(guideline_version="v1", **config))
    Queue.validate(found)
    return found


def judged(queue: pl.DataFrame, reason: str | None = None) -> set[int]:
    rows = queue if reason is None else queue.filter(pl.col("reason") == reason)
    return {int(ids[0], 16) for ids in rows["plan_ids"]}


def reasons(queue: pl.DataFrame) -> Counter[str]:
    return Counter(queue["reason"].cast(pl.String).to_list())


def disputed(frames: list[pl.DataFrame], plan_of: dict[int, int], *outcomes: tuple[int, str, str]) -> None:
    """Give plans executions (rollout -> plan) and these verdicts (rollout, verifier, outcome)."""
    rollouts = [
        {"rollout_id": hexid(r), "prompt_id": hexid(1), "plan_id": hexid(p), "arm": "execute", "sample_index": r}
        for r, p in plan_of.items()
    ]
    verdicts = [
        {"rollout_id": hexid(r), "verifier": verifier, "verifier_version": "1", "outcome": outcome}
        for r, verifier, outcome in outcomes
    ]
    frames[3:] = [frame_of(Rollouts, rollouts), frame_of(Verdicts, verdicts)]


def test_without_a_budget_nobody_is_asked() -> None:
    assert asked(tables(plan(1)), records=0).is_empty()
    assert asked(tables(), records=5).is_empty()


@pytest.mark.parametrize(
    "changed",
    [{"status": "malformed"}, {"decision_of_choice": "dropped"}, {"uplift": None}],
    ids=lambda c: next(iter(c)),
)
def test_only_plans_that_are_read_kept_and_measured_are_asked_about(changed: dict[str, Any]) -> None:
    assert judged(asked(tables(plan(1), plan(2, **changed)), records=9)) == {1}


def test_a_plan_that_a_person_edited_is_asked_about_like_others() -> None:
    assert judged(asked(tables(plan(1, origin="person")), records=9)) == {1}


def test_shares_of_the_budget() -> None:
    frames = tables(*[plan(n) for n in range(200)])
    both = (("strips", "correct"), ("judge", "incorrect"))
    disputed(frames, {n: n for n in range(200)}, *[(n, *said) for n in range(200) for said in both])
    gold = tuple(GoldItem(plan_id=hexid(n), verdict="keep") for n in range(20))
    found = asked(frames, records=100, random_share=0.1, gold_share=0.05, gold_items=gold)
    assert reasons(found) == {
        "random": 10, "gold": 5, "uncertain_uplift": 29, "disagreement": 28, "new_strategy": 28
    }  # fmt: skip


def test_a_criterion_that_finds_nothing_leaves_its_share_to_the_others() -> None:
    frames = tables(*[plan(n, decision="helps") for n in range(50)])
    assert reasons(asked(frames, records=20, random_share=0.1)) == {"random": 2, "new_strategy": 18}


def test_what_is_lost_by_trusting_the_sign_decides_what_is_uncertain() -> None:
    toss_up = plan(1, uplift=0.01, uplift_se=0.2, p_positive=0.5)
    small_and_sure = plan(2, uplift=0.0, uplift_se=0.01, p_positive=0.5)
    likely = plan(3, uplift=0.3, uplift_se=0.2, p_positive=0.93)
    frames = tables(small_and_sure, likely, toss_up)
    assert judged(asked(frames, records=1, random_share=0)) == {1}
    assert judged(asked(frames, records=3, random_share=0), "uncertain_uplift") == {1, 3}
    decided = tables(plan(1, decision="no_effect"), plan(2, decision="helps"))
    assert reasons(asked(decided, records=2, random_share=0)) == {"new_strategy": 2}


def test_more_disagreement_comes_first_and_what_is_undecided_contradicts_nobody() -> None:
    frames = tables(*[plan(n, decision="helps") for n in (1, 2, 3)])
    disputed(
        frames,
        {11: 1, 21: 2, 22: 2, 31: 3},
        *[(11, "strips", "correct"), (11, "judge", "incorrect")],
        *[(21, "strips", "correct"), (21, "judge", "incorrect"), (22, "strips", "incorrect"), (22, "judge", "correct")],
        *[(31, "strips", "correct"), (31, "judge", "undecided")],
    )
    assert judged(asked(frames, records=1, random_share=0)) == {2}
    assert judged(asked(frames, records=3, random_share=0), "disagreement") <= {1, 2}


def test_verdicts_of_an_older_version_contradict_nobody() -> None:
    frames = tables(plan(1, decision="helps"))
    disputed(frames, {11: 1}, (11, "strips", "correct"))
    old = frames[4].with_columns(verifier_version=pl.lit("0"), outcome=pl.lit("incorrect", frames[4]["outcome"].dtype))
    frames[4] = pl.concat([frames[4], old])
    assert reasons(asked(frames, records=1, random_share=0)) == {"new_strategy": 1}


def test_the_structure_that_was_asked_about_least_comes_first() -> None:
    plans = [plan(n, decision="helps", structure_key="a" if n < 40 else f"b{n}") for n in range(42)]
    found = asked(tables(*plans), records=3, random_share=0)
    assert {40, 41} < judged(found)


def test_no_prompt_is_asked_twice_by_a_criterion_before_each_was_asked_once() -> None:
    loud = [plan(n, prompt=1, uplift_se=0.3) for n in range(5)]
    quiet = [plan(10 + n, uplift_se=0.1) for n in range(5)]
    frames = tables(*loud, *quiet)
    frames[1] = frames[1].with_columns(structure_key=pl.lit("same"))
    found = asked(frames, records=6, random_share=0, candidates=1)
    for reason in ("uncertain_uplift", "new_strategy"):
        prompts = Counter("loud" if n < 5 else n for n in judged(found, reason))
        assert prompts.get("loud", 0) <= 1


def test_the_random_share_is_a_fair_sample_however_the_budget_grew() -> None:
    """The plans that other criteria like best are drawn as often as any."""
    n_liked = n_drawn = 0
    for seed in range(40):
        plans = [plan(1000 * seed + n, uplift_se=0.5 if n < 20 else 0.1) for n in range(40)]
        frames = tables(*plans)
        queue = asked(frames, records=15, random_share=0.4)
        queue = asked(frames, queue, records=30, random_share=0.4)
        drawn = [n % 1000 for n in judged(queue, "random")]
        n_drawn += len(drawn)
        n_liked += sum(n < 20 for n in drawn)
    assert n_drawn == 40 * 12
    assert 0.42 < n_liked / n_drawn < 0.58


def test_plans_with_known_answers_carry_them_and_look_like_others() -> None:
    frames = tables(plan(1, prompt=1), plan(2, prompt=1))
    gold = (GoldItem(plan_id=hexid(1), verdict="fix", strategy=2),)
    found = asked(frames, records=2, gold_share=0.5, random_share=0, gold_items=gold)
    row = found.filter(pl.col("kind") == "gold").row(0, named=True)
    assert (row["reason"], json.loads(row["gold"])) == ("gold", {"verdict": "fix", "strategy": 2})
    assert row["plan_ids"] == [hexid(1), hexid(2)]
    assert found.filter(pl.col("kind") != "gold")["gold"].to_list() == [None]


def test_plans_with_known_answers_beyond_their_share_are_not_asked_about() -> None:
    gold = tuple(GoldItem(plan_id=hexid(n), verdict="keep") for n in range(5))
    found = asked(tables(*[plan(n) for n in range(5)]), records=5, gold_share=0.2, gold_items=gold)
    assert reasons(found) == {"gold": 1}


def test_gold_plans_that_cannot_be_asked_about_are_found() -> None:
    plans = [plan(1), plan(2, status="malformed"), plan(3, uplift=None), plan(4, decision_of_choice="dropped"), plan(5)]
    gold = [GoldItem(plan_id=hexid(n), verdict="keep") for n in range(1, 5)]
    assert sorted(not_askable(gold, *tables(*plans)[:3])) == [hexid(2), hexid(3), hexid(4)]


def test_a_plan_is_ranked_with_those_of_its_prompt_that_differ_most() -> None:
    others = {2: 0.1, 3: 0.5, 4: 0.45, 5: -0.5, 6: 0.05}
    plans = [plan(1, prompt=1, uplift=0.0), *[plan(n, prompt=1, uplift=u, decision="helps") for n, u in others.items()]]
    found = asked(tables(*plans), records=1, random_share=0, candidates=3)
    (row,) = found.to_dicts()
    assert (row["kind"], row["plan_ids"][0]) == ("ranking", hexid(1))
    assert set(row["plan_ids"][1:]) == {hexid(3), hexid(5)}
    assert row["record_id"] == record_id(row["plan_ids"], "ranking", "v1")


@pytest.mark.parametrize(("n_plans", "candidates"), [(1, 4), (3, 1)])
def test_a_plan_alone_is_not_ranked(n_plans: int, candidates: int) -> None:
    frames = tables(*[plan(n, prompt=1) for n in range(n_plans)])
    (row,) = asked(frames, records=1, candidates=candidates).to_dicts()
    assert (row["kind"], len(row["plan_ids"])) == ("single", 1)


def test_what_was_asked_stays_whatever_changed_since() -> None:
    before = asked(tables(*[plan(n) for n in range(20)]), records=10)
    after = asked(tables(*[plan(n, status="malformed") for n in range(20)], plan(30)), before, records=11)
    assert_frame_equal(after.join(before, on="record_id", how="semi"), before)
    assert judged(after) - judged(before) == {30}


def test_a_smaller_budget_takes_nothing_away() -> None:
    frames = tables(*[plan(n) for n in range(20)])
    before = asked(frames, records=10)
    assert_frame_equal(asked(frames, before, records=3), before)


def test_an_adjudication_is_no_part_of_the_budget() -> None:
    frames = tables(*[plan(n) for n in range(4)])
    before = asked(frames, records=2)
    ids = before["plan_ids"][0].to_list()
    again = {"record_id": record_id(ids, "adjudication", "v1"), "plan_ids": ids, "kind": "adjudication",
             "reason": "adjudication", "guideline_version": "v1"}  # fmt: skip
    after = asked(frames, pl.concat([before, frame_of(Queue, [again])]), records=3)
    assert after.height == 4


def test_other_guidelines_ask_anew_beside_what_is_there() -> None:
    frames = tables(*[plan(n) for n in range(20)])
    before = asked(frames, records=5)
    after = run(before, *frames, Config(guideline_version="v2", records=5))
    assert Counter(after["guideline_version"]) == {"v1": 5, "v2": 5}
    assert_frame_equal(after.filter(guideline_version="v1"), before)


def test_of_several_measurements_the_one_with_most_executions_counts() -> None:
    frames = tables(plan(1), plan(2))
    confirmed = frames[2].with_columns(
        phase=pl.lit("confirm", frames[2]["phase"].dtype), n_execute=pl.lit(64, pl.Int32),
        decision=pl.lit("helps", frames[2]["decision"].dtype),
    )  # fmt: skip
    frames[2] = pl.concat([frames[2], confirmed])
    assert reasons(asked(frames, records=2, random_share=0)) == {"new_strategy": 2}


def test_the_settings_come_from_the_recipe() -> None:
    gold = (GoldItem(plan_id=hexid(1), verdict="keep"),)
    config = config_of(Annotate(records=7, candidates=2, random_share=0.3), "v1", gold)
    assert config.model_dump(mode="json") == {
        "records": 7, "random_share": 0.3, "gold_share": 0.05, "candidates": 2, "guideline_version": "v1",
        "gold_items": [{"plan_id": hexid(1), "verdict": "keep", "strategy": None, "abstraction": None}],
    }  # fmt: skip


ANY_PLAN = st.builds(
    lambda n, prompt, se, structure, decision: plan(
        n, prompt, uplift=se / 2, uplift_se=se, structure_key=structure, decision=decision
    ),
    st.integers(0, 400),
    st.integers(0, 8),
    st.sampled_from([0.05, 0.1, 0.2]),
    st.sampled_from("abc"),
    st.sampled_from(["undecided", "helps", "hurts"]),
)
ANY_PLANS = st.lists(ANY_PLAN, max_size=30, unique_by=lambda row: row["plan_id"])


@settings(max_examples=40)
@given(ANY_PLANS, st.integers(0, 20), st.floats(0, 1), st.floats(0, 1), st.randoms())
def test_any_budget_is_kept_without_regard_to_the_order_of_rows(
    plans: list[dict[str, Any]], records: int, random_share: float, gold_share: float, rng: random.Random
) -> None:
    gold = tuple(GoldItem(plan_id=row["plan_id"], verdict="keep") for row in plans[:3])
    config = {"records": records, "random_share": random_share, "gold_share": gold_share, "gold_items": gold}
    frames = tables(*plans)
    found = asked(frames, **config)
    assert found.height == len(judged(found)) <= records
    assert reasons(found)["gold"] <= gold_share * records + 1e-9
    if records <= len(plans) - len(gold):
        assert found.height == records
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=rng.randrange(1000)) for frame in frames]
    assert_frame_equal(asked(shuffled, **config), found)


@settings(max_examples=40)
@given(ANY_PLANS, st.integers(0, 10), st.integers(0, 20), st.floats(0, 1))
def test_a_budget_that_grows_only_adds(plans: list[dict[str, Any]], few: int, more: int, random_share: float) -> None:
    frames = tables(*plans)
    before = asked(frames, records=few, random_share=random_share)
    after = asked(frames, before, records=few + more, random_share=random_share)
    assert_frame_equal(after.join(before, on="record_id", how="semi"), before)
    assert after.height == min(few + more, len(plans))
    assert_frame_equal(asked(frames, after, records=few + more, random_share=random_share), after)
