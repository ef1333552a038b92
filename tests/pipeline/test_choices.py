"""Which correct traces are used."""

import random
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import choices
from pipeline.plan_text import parse_plan
from pipeline.shingling import Shingling, distinct_shingles
from schemas.tables import (
    Adjudicated,
    Bands,
    Choices,
    OutputContamination,
    Plans,
    PlanScores,
    Rollouts,
    Verdicts,
    frame_of,
)  # fmt: skip

STORY = "first I list what is known and then I look for the smallest step that brings me nearer to the goal of {}"


def hexid(n: int) -> str:
    return f"{n:032x}"


def trace(n: int, text: str = STORY, *, prompt: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "rollout_id": hexid(n), "prompt_id": hexid(prompt), "plan_id": "", "step_id": "", "arm": "solve",
        "phase": "screen", "role": "target", "generator_id": hexid(0), "sample_index": n, "request_hash": hexid(0),
        "messages": [{"role": "user", "content": "Solve it."}], "text": text, "finish_reason": "stop",
    } | changed  # fmt: skip


def verdict(n: int, outcome: str = "correct", version: str = "1", verifier: str = "math") -> dict[str, Any]:
    return {
        "rollout_id": hexid(n), "verifier": verifier, "verifier_version": version, "outcome": outcome, "reason": "r",
        "seconds": 0.0,
    }  # fmt: skip


def band(prompt: int, decision: str = "kept") -> dict[str, Any]:
    return {"prompt_id": hexid(prompt), "decision": decision}


def plan(n: int, text: str, prompt: int = 1) -> dict[str, Any]:
    read = parse_plan(text)
    return {
        "plan_id": hexid(n), "prompt_id": hexid(prompt), "origin": "model", "status": read.status, "steps": read.steps,
        "strategy": read.strategy, "n_steps": len(read.steps), "saw": "prompt",
    }  # fmt: skip


def contaminated(*ids: int) -> pl.DataFrame:
    """A rule hits these traces and plans, and not others."""
    rows = [
        {"kind": "plan" if n >= 50 else "trace", "id": hexid(n), "rule": "ngram_13", "contaminated": n in ids,
         "benchmark": "b", "benchmark_row": "1", "score": 1.0}
        for n in {1, 50, *ids}
    ]  # fmt: skip
    return frame_of(OutputContamination, rows)


def choose(
    traces: Sequence[dict[str, Any]],
    verdicts: Sequence[dict[str, Any]] | None = None,
    bands: Sequence[dict[str, Any]] | None = None,
    hit: Sequence[int] = (),
    plans: Sequence[dict[str, Any]] = (),
    **settings: Any,
) -> pl.DataFrame:
    judged = [verdict(int(row["rollout_id"], 16)) for row in traces] if verdicts is None else verdicts
    rated = [band(n) for n in range(1, 9)] if bands is None else bands
    frames = frame_of(Bands, list(rated)), frame_of(Rollouts, list(traces)), frame_of(Verdicts, list(judged))
    planned = frame_of(Plans, list(plans)), PlanScores.create_empty()
    found = choices.run(*frames, *planned, contaminated(*hit), Adjudicated.create_empty(), choices.Config(**settings))
    Choices.validate(found)
    return found


def reasons(found: pl.DataFrame) -> dict[int, str]:
    return {int(id, 16): reason for id, reason in found.select("id", "reason").iter_rows()}


def different(n: int) -> str:
    return " ".join(f"{word}{n}" for word in STORY.split())


def test_candidates_are_correct_solve_rollouts_of_kept_prompts() -> None:
    traces = [trace(1), trace(2, arm="execute"), trace(3), trace(4, prompt=2), trace(5, prompt=3)]
    judged = [verdict(1), verdict(2), verdict(3, "incorrect"), verdict(4), verdict(5)]
    bands = [band(1), band(2, "dropped"), band(3, "later")]
    assert reasons(choose(traces, judged, bands)) == {1: "kept"}


def score(plan: int, uplift: float, decision: str = "helps") -> dict[str, Any]:
    return {"plan_id": hexid(plan), "generator_id": hexid(0), "phase": "search", "uplift": uplift, "decision": decision}


def carried_out(n: int, plan: int, **changed: Any) -> dict[str, Any]:
    return trace(n, different(n), **{"arm": "execute", "phase": "search", "plan_id": hexid(plan)} | changed)


def tried(
    traces: Sequence[dict[str, Any]],
    plans: Sequence[dict[str, Any]],
    scores: Sequence[dict[str, Any]] = (),
    hit: Sequence[int] = (),
    judged: dict[int, str] | None = None,
    **settings: Any,
) -> pl.DataFrame:
    """Choices where plans are tried; every rollout is correct and every prompt kept but 9."""
    frames = (
        frame_of(Bands, [*(band(n) for n in range(1, 9)), band(9, "dropped")]),
        frame_of(Rollouts, list(traces)),
        frame_of(Verdicts, [verdict(int(row["rollout_id"], 16)) for row in traces]),
        frame_of(Plans, list(plans)),
        frame_of(PlanScores, list(scores)),
        contaminated(*hit),
        frame_of(Adjudicated, [{"plan_id": hexid(n), "verdict": said} for n, said in (judged or {}).items()]),
    )
    found = choices.run(*frames, choices.Config(arm="execute", **settings))
    Choices.validate(found)
    return found


def test_where_plans_are_tried_traces_carry_out_the_best_plan_of_their_prompt() -> None:
    plans = [plan(50, "Strategy: a\n1. go"), plan(51, "1. look"), plan(52, "1. run"), plan(53, "1. go", prompt=9)]
    scores = [score(50, 0.2), score(51, 0.3), score(52, 0.9, "leaks"), score(53, 0.5)]
    traces = [trace(1), trace(2, phase="search"), carried_out(3, 50), carried_out(4, 51), carried_out(5, 52),
              carried_out(6, 51, arm="placebo"), carried_out(7, 51, generator_id=hexid(1)),
              carried_out(8, 53, prompt=9)]  # fmt: skip
    found = tried(traces, plans, scores)
    assert reasons(found.filter(kind="trace")) == {4: "kept"}


@pytest.mark.parametrize(("verdict", "trace"), [("discard", 3), ("fix", 3), ("keep", 4), ("undecided", 4)])
def test_the_next_best_plan_takes_the_place_of_one_that_people_rule_out(verdict: str, trace: int) -> None:
    plans = [plan(50, "Strategy: a\n1. go"), plan(51, "1. look")]
    traces, scores = [carried_out(3, 50), carried_out(4, 51)], [score(50, 0.2), score(51, 0.3)]
    found = tried(traces, plans, scores, judged={51: verdict})
    assert reasons(found.filter(kind="trace")) == {trace: "kept"}
    assert reasons(found.filter(kind="plan")) == {50: "kept", 51: "kept"}


def test_where_people_must_have_said_so_the_best_of_the_plans_that_they_stand_behind_is_carried_out() -> None:
    edit = {**plan(52, "1. run"), "origin": "person", "parent_plan_id": hexid(50)}
    plans = [plan(50, "Strategy: a\n1. go"), plan(51, "1. look"), edit, plan(53, "1. go", prompt=2)]
    scores = [score(50, 0.2), score(51, 0.4), score(52, 0.3), score(53, 0.5)]
    traces = [carried_out(3, 50), carried_out(4, 51), carried_out(5, 52), carried_out(6, 53, prompt=2)]
    found = tried(traces, plans, scores, judged={50: "keep"}, annotated_only=True)
    assert reasons(found.filter(kind="trace")) == {5: "kept"}


def test_samples_beside_the_trials_are_no_traces() -> None:
    assert reasons(choose([trace(1), trace(2, different(2), phase="search")])) == {1: "kept"}


def test_the_plans_that_are_tried_do_not_depend_on_how_the_trials_go() -> None:
    plans = [plan(50, "1. go"), plan(51, "1. look")]
    before, after = tried([], plans), tried([carried_out(3, 50)], plans, [score(50, 0.2), score(51, 0.3, "hurts")])
    assert_frame_equal(before.filter(kind="plan"), after.filter(kind="plan"))
    assert reasons(before) == {50: "kept", 51: "kept"}


def test_without_trials_no_plan_is_chosen() -> None:
    frames: list[Any] = [table.create_empty() for table in choices.READS]
    frames[0], frames[3] = frame_of(Bands, [band(1)]), frame_of(Plans, [plan(50, "1. go")])
    assert choices.run(*frames, config=choices.Config()).is_empty()


def test_no_trace_is_dropped_for_the_sake_of_a_contaminated_one() -> None:
    assert reasons(choose([trace(1), trace(2)])) == {1: "kept", 2: "near_duplicate"}
    assert reasons(choose([trace(1), trace(2)], hit=[1])) == {1: "contaminated", 2: "kept"}


def test_a_contaminated_plan_is_not_tried_and_its_near_copy_is() -> None:
    plans = [plan(50, "1. go to the shop"), plan(51, "1. go  to the shop")]
    assert reasons(tried([], plans)) == {50: "kept", 51: "near_duplicate"}
    assert reasons(tried([], plans, hit=[50])) == {50: "contaminated", 51: "kept"}


def test_traces_that_carry_out_a_contaminated_plan_are_contaminated() -> None:
    found = tried([carried_out(3, 50)], [plan(50, "1. go")], [score(50, 0.2)], hit=[50])
    assert reasons(found) == {3: "contaminated", 50: "contaminated"}


def test_a_contaminated_plan_has_a_row_also_where_plans_are_not_tried() -> None:
    plans = [plan(50, "1. go"), plan(51, "1. look")]
    assert reasons(choose([trace(1)], plans=plans, hit=[50])) == {1: "kept", 50: "contaminated"}


def test_the_latest_verdict_counts() -> None:
    judged = [
        verdict(1, version="9"),
        verdict(1, "incorrect", version="10"),
        verdict(2, "incorrect"),
        verdict(2, version="2"),
    ]
    assert reasons(choose([trace(1), trace(2)], judged)) == {2: "kept"}


def test_every_verifier_must_agree() -> None:
    judged = [verdict(1), verdict(1, "undecided", verifier="code")]
    assert reasons(choose([trace(1)], judged)) == {}


def test_a_trace_is_measured_with_its_reasoning() -> None:
    found = choose([trace(1, "short", reasoning="x" * 20), trace(2, "short")], max_chars=10)
    assert reasons(found) == {1: "too_long", 2: "kept"}


def test_reasoning_may_be_required() -> None:
    traces = [trace(1), trace(2, different(2), reasoning=" \n"), trace(3, different(3), reasoning="so")]
    assert reasons(choose(traces, require_reasoning=True)) == {1: "no_reasoning", 2: "no_reasoning", 3: "kept"}


def test_a_trace_that_slips_into_another_script_is_dropped() -> None:
    assert reasons(choose([trace(1, "so 我们先看第一步 then stack it")])) == {1: "mixed_language"}


def test_of_two_copies_the_one_with_reasoning_is_kept() -> None:
    text = STORY + " " + different(0)
    found = choose([trace(1, text + " x"), trace(2, "x", reasoning=text)])
    assert found.select("id", "reason", "keeper_id").rows() == [
        (hexid(1), "near_duplicate", hexid(2)),
        (hexid(2), "kept", None),
    ]
    assert found["cluster_id"].to_list() == [hexid(1)] * 2


def test_an_exact_copy_is_a_near_duplicate_of_similarity_one() -> None:
    found = choose([trace(1), trace(2)])
    assert found.filter(id=hexid(2)).select("reason", "similarity").row(0) == ("near_duplicate", 1.0)


def test_a_copy_under_another_prompt_is_dropped() -> None:
    text = different(1) + " " + different(2)
    assert reasons(choose([trace(1, text), trace(2, text, prompt=2)])) == {1: "kept", 2: "near_duplicate"}


def test_the_same_short_answer_to_another_prompt_is_not_a_copy() -> None:
    assert reasons(choose([trace(1, "24"), trace(2, "24", prompt=2)])) == {1: "kept", 2: "kept"}


def test_a_prompt_keeps_its_most_different_traces() -> None:
    half = different(1).split()[:11]
    traces = [trace(1, different(1)), trace(2, " ".join(half + different(2).split()[11:])), trace(3, different(3))]
    assert reasons(choose(traces, max_per_prompt=2)) == {1: "kept", 2: "less_diverse", 3: "kept"}


def test_a_copy_of_a_trace_that_is_not_used_is_not_used_either() -> None:
    """Its keeper was beyond the cap; a dropped row must not name a keeper that is dropped."""
    traces = [trace(1, different(1)), trace(2, different(2)), trace(3, different(2))]
    found = choose(traces, max_per_prompt=1)
    assert reasons(found) == {1: "kept", 2: "less_diverse", 3: "less_diverse"}
    assert found["keeper_id"].null_count() == 3


def test_a_copy_under_another_prompt_takes_the_place_of_one_that_is_not_used() -> None:
    text = different(2) + " " + different(3)
    traces = [trace(1, different(1)), trace(2, text), trace(3, text, prompt=2)]
    assert reasons(choose(traces, max_per_prompt=1)) == {1: "kept", 2: "less_diverse", 3: "kept"}


def test_farthest_first_takes_the_first_and_then_the_farthest() -> None:
    words = {"a": "x y z", "b": "x y w", "c": "p q r", "d": "p q z"}
    sets = distinct_shingles(pl.Series(list(words.values())), Shingling(1))
    texts = {id: sets[i] for i, id in enumerate(words)}
    assert choices.most_different(texts, 3) == ["a", "c", "b"]
    assert choices.most_different(texts, 9)[0] == "a"
    assert choices.most_different({}, 2) == []


def test_nothing_to_choose_from_gives_an_empty_table() -> None:
    assert_frame_equal(choose([]), frame_of(Choices, []))


corpora = st.lists(
    st.tuples(st.integers(1, 3), st.lists(st.sampled_from("ab"), max_size=6).map(" ".join), st.booleans()), max_size=10
)


@settings(max_examples=40)
@given(corpora, st.randoms(use_true_random=False))
def test_row_order_does_not_matter_and_keepers_are_kept(
    corpus: list[tuple[int, str, bool]], rng: random.Random
) -> None:
    traces = [
        trace(n, text, prompt=prompt, reasoning="a b" if reasons else None)
        for n, (prompt, text, reasons) in enumerate(corpus)
    ]
    found = choose(traces, max_per_prompt=2, ngram=2, threshold=0.5)
    shuffled = rng.sample(traces, len(traces))
    assert_frame_equal(found, choose(shuffled, max_per_prompt=2, ngram=2, threshold=0.5))
    kept = found.filter(decision="kept")["id"]
    assert found["keeper_id"].drop_nulls().is_in(kept.to_list()).all()
    assert sorted(found["id"]) == [row["rollout_id"] for row in traces]


@pytest.mark.parametrize("cap", [1, 2, 5])
def test_no_prompt_has_more_than_its_share(cap: int) -> None:
    traces = [trace(n, different(n), prompt=1 + n % 2) for n in range(10)]
    found = choose(traces, max_per_prompt=cap)
    assert found.filter(decision="kept").height == 2 * cap
