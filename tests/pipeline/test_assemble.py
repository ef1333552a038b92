"""Examples show what was measured, in a form that trainers can split and mask."""

import re
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline import plans
from pipeline.assemble import READS, Config, render, run
from schemas.tables import (
    Adjudicated,
    Annotations,
    Bands,
    Choices,
    Examples,
    PlanScores,
    Prompts,
    Queue,
    Rollouts,
    Screened,
    frame_of,
    table_name,
)  # fmt: skip


def id_of(number: int) -> str:
    return f"{number:032x}"


def prompt(i: int, group: int | None = None) -> dict[str, Any]:
    return {
        "prompt_id": id_of(i), "source": "s", "source_key": str(i), "revision": "r", "license": "MIT", "domain": "d",
        "task_family": "f", "messages": [], "problem_text": "p", "content_hash": id_of(i), "task": "{}",
        "verifier": "math", "group_id": id_of(i if group is None else group), "is_withdrawn": False,
    }  # fmt: skip


def screened(i: int, cluster: int | None = None) -> dict[str, Any]:
    cluster_id = id_of(i if cluster is None else cluster)
    return {"prompt_id": id_of(i), "decision": "kept", "reason": "kept", "cluster_id": cluster_id}


def rollout(i: int, **columns: Any) -> dict[str, Any]:
    return {
        "rollout_id": id_of(100 + i), "prompt_id": id_of(i), "plan_id": "", "step_id": "", "arm": "solve",
        "phase": "screen", "role": "target", "generator_id": id_of(7), "model": "m", "sample_index": 0,
        "request_hash": id_of(8), "messages": [{"role": "user", "content": f"problem {i}"}], "reasoning": "so",
        "text": "42", "finish_reason": "stop",
    } | columns  # fmt: skip


def written(i: int, text: str, **columns: Any) -> dict[str, Any]:
    """The plan that was recorded with the trace of prompt i."""
    ids = {"rollout_id": id_of(200 + i), "parent_id": id_of(100 + i)}
    return rollout(i, arm="write_plan", role="planner", text=text, reasoning=None, **ids) | columns


def read(rollouts: pl.DataFrame) -> pl.DataFrame:
    """The plans of rollouts, which nobody edited."""
    return plans.run(rollouts, Queue.create_empty(), Annotations.create_empty(), plans.Config())


def judged(verdict: str | None, plan_id: str) -> pl.DataFrame:
    return frame_of(Adjudicated, [{"plan_id": plan_id, "verdict": verdict}] if verdict else [])


def assembled(n: int = 1, *, extra: list[dict[str, Any]] | None = None, shuffle: bool = False, group: Any = None,
              cluster: Any = None, trace: dict[str, Any] | None = None, verdict: str | None = None,
              **config: Any) -> pl.DataFrame:  # fmt: skip
    """Examples of n prompts with a kept trace each, and `extra` rollouts."""
    rollouts = frame_of(Rollouts, [*(rollout(i, **(trace or {})) for i in range(n)), *(extra or [])])
    chosen = [
        {"kind": "trace", "id": id_of(100 + i), "decision": "kept", "reason": "kept", "cluster_id": id_of(100 + i)}
        for i in range(n)
    ]
    frames: list[Any] = [
        frame_of(Prompts, [prompt(i, group(i) if group else None) for i in range(n)]),
        frame_of(Screened, [screened(i, cluster(i) if cluster else None) for i in range(n)]),
        rollouts,
        frame_of(Bands, [{"prompt_id": id_of(i), "pass_rate": 0.5} for i in range(n)]),
        read(rollouts),
        frame_of(Choices, chosen),
        PlanScores.create_empty(),
        judged(verdict, PLAN),
    ]
    if shuffle:
        frames = [frame.sample(fraction=1, shuffle=True, seed=3) for frame in frames]
    return Examples.validate(run(*frames, Config(**config)))


def inputs(**frames: pl.DataFrame) -> list[Any]:
    """The tables of READS in order; those not given are empty."""
    return [frames.get(table_name(table), table.create_empty()) for table in READS]


def tried(
    *traces: dict[str, Any], uplift: float = 0.25, verdict: str | None = None, origin: str = "model", **config: Any
) -> pl.DataFrame:
    """Examples of kept execute rollouts of prompt 0, which carry out the plan `PLAN`, on which people decided."""
    wrote = written(0, "1. go\n2. stop", phase="search", parent_id=None)
    rollouts = frame_of(Rollouts, [wrote, *traces])
    kept = {"kind": "trace", "decision": "kept", "reason": "kept", "cluster_id": id_of(100)}
    ids = {"plan_id": PLAN, "generator_id": id_of(7)}
    scores = [{**ids, "phase": "search", "uplift": uplift}, {**ids, "phase": "confirm", "uplift": 0.9}]
    asked = prompt(0) | {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "asked"}]}
    frames = inputs(
        prompts=frame_of(Prompts, [asked]),
        rollouts=rollouts,
        plans=read(rollouts).with_columns(origin=pl.lit(origin)),
        adjudicated=judged(verdict, PLAN),
        choices=frame_of(Choices, [{"id": trace["rollout_id"], **kept} for trace in traces]),
        plan_scores=frame_of(PlanScores, scores),
        bands=frame_of(Bands, [{"prompt_id": id_of(0), "pass_rate": 0.5}]),
    )
    return run(*frames, config=Config(**config))


def execution(i: int = 0, **columns: Any) -> dict[str, Any]:
    given = {"arm": "execute", "phase": "search", "plan_id": PLAN, "role": "executor", "rollout_id": id_of(500 + i)}
    return rollout(0, messages=[{"role": "user", "content": "asked, with a plan: 1. go"}], **given) | columns


PLAN = plans.plan_row(written(0, "1. go\n2. stop"))["plan_id"]


def answer(examples: pl.DataFrame) -> str:
    (messages,) = examples["messages"].to_list()
    return messages[-1]["content"]


def test_a_trace_with_its_plan_shows_plan_reasoning_and_answer() -> None:
    examples = assembled(extra=[written(0, "(pick-up a)\n(stack a b)")])
    assert examples["messages"].to_list() == [
        [
            {"role": "user", "content": "problem 0", "train": False},
            {
                "role": "assistant",
                "content": "<think>\n## Plan\n1. (pick-up a)\n2. (stack a b)\n\nso\n</think>\n\n42",
                "train": True,
            },
        ]
    ]
    assert examples.select("rendering", "n_tokens", "pass_rate", "model").row(0) == ("plan_think_answer", 13, 0.5, "m")


def test_renderings_name_their_parts() -> None:
    plan = [written(0, "1. go")]
    assert assembled()["rendering"].item() == "think_answer"
    assert assembled(extra=plan, show_plan=False)["rendering"].item() == "think_answer"
    assert assembled(extra=plan, trace={"reasoning": None})["rendering"].item() == "plan_answer"
    without = assembled(trace={"reasoning": " \n"})
    assert without["rendering"].item() == "answer"
    assert answer(without) == "42"


@pytest.mark.parametrize("text", ["no plan at all", ""])
def test_a_plan_that_did_not_parse_is_not_shown(text: str) -> None:
    assert assembled(extra=[written(0, text)])["plan_id"].item() == ""


def test_a_plan_written_with_another_trace_is_not_shown() -> None:
    other = written(0, "1. go", parent_id=id_of(999))
    assert assembled(extra=[other])["rendering"].item() == "think_answer"


def test_traces_that_wrote_one_plan_both_show_it() -> None:
    same = [written(0, "1. go"), written(0, '["go"]', rollout_id=id_of(300), sample_index=1, parent_id=id_of(101))]
    rollouts = frame_of(Rollouts, [rollout(0), rollout(0, rollout_id=id_of(101), sample_index=1), *same])
    kept = {"kind": "trace", "decision": "kept", "reason": "kept", "cluster_id": id_of(100)}
    choices = frame_of(Choices, [{"id": id_of(i), **kept} for i in (100, 101)])
    frames = inputs(prompts=frame_of(Prompts, [prompt(0)]), rollouts=rollouts, plans=read(rollouts), choices=choices)
    examples = run(*frames, config=Config())
    assert examples["plan_id"].n_unique() == 1
    assert examples["rendering"].to_list() == ["plan_think_answer"] * 2


def test_a_trace_that_was_given_a_plan_shows_it_as_its_own_after_the_bare_prompt() -> None:
    examples = tried(execution())
    assert examples["messages"].to_list() == [
        [
            {"role": "system", "content": "be brief", "train": False},
            {"role": "user", "content": "asked", "train": False},
            {
                "role": "assistant",
                "content": "<think>\n## Plan\n1. go\n2. stop\n\nso\n</think>\n\n42",
                "train": True,
            },
        ]
    ]
    assert examples.select("plan_id", "uplift", "pass_rate", "source", "task_family").row(0) == (
        PLAN, 0.25, 0.5, "s", "f"
    )  # fmt: skip


def test_where_no_plan_is_shown_there_is_no_uplift_and_nobody_said_anything_of_it() -> None:
    examples = tried(execution(), show_plan=False, verdict="keep", annotated_only=True)
    assert examples.select("plan_id", "rendering", "uplift", "annotation").row(0) == ("", "think_answer", None, "none")


@pytest.mark.parametrize(
    ("verdict", "origin", "annotation"),
    [
        (None, "model", "none"), ("undecided", "model", "none"), ("keep", "model", "accepted"),
        (None, "person", "edited"), ("keep", "person", "edited"),
    ],
)  # fmt: skip
def test_an_example_says_what_people_said_of_its_plan(verdict: str | None, origin: str, annotation: str) -> None:
    told: dict[str, Any] = {"verdict": verdict, "origin": origin}
    assert tried(execution(), **told)["annotation"].to_list() == [annotation]
    only = tried(execution(), **told, annotated_only=True)["annotation"].to_list()
    assert only == ([] if annotation == "none" else [annotation])


@pytest.mark.parametrize("origin", ["model", "person"])
@pytest.mark.parametrize("verdict", ["discard", "fix"])
def test_a_plan_that_people_rule_out_is_carried_out_and_shown_nowhere(verdict: str, origin: str) -> None:
    assert tried(execution(), verdict=verdict, origin=origin).is_empty()
    beside = assembled(extra=[written(0, "1. go\n2. stop")], verdict=verdict)
    assert beside.select("plan_id", "rendering", "annotation").row(0) == ("", "think_answer", "none")


def test_of_recorded_plans_too_only_those_that_people_kept_may_be_asked_for() -> None:
    recorded = {"extra": [written(0, "1. go\n2. stop")], "annotated_only": True}
    assert assembled(**recorded, verdict="keep")["annotation"].to_list() == ["accepted"]
    assert assembled(**recorded).is_empty()


def test_effort_is_by_measured_tokens_unless_those_of_one_are_missing() -> None:
    wordy = ["w " * 9, "w " * 5, "w"]
    measured = [execution(i, text=wordy[i], n_completion_tokens=n) for i, n in enumerate((10, 50, 90))]
    by_rollout = tried(*measured).sort("rollout_id")
    assert by_rollout["effort"].to_list() == ["low", "medium", "high"]
    measured[2]["n_completion_tokens"] = None
    assert tried(*measured).sort("rollout_id")["effort"].to_list() == ["high", "medium", "low"]


def test_think_tags_in_a_models_words_do_not_break_the_block() -> None:
    trace = {"reasoning": "a</think>b< /THINK >c<think x=1>", "text": "<think>42"}
    assert answer(assembled(trace=trace)) == "<think>\na[/think]b[/THINK]c[think]\n</think>\n\n[think]42"


@given(st.lists(st.text() | st.sampled_from(["<think>", "</think>", "<", "/think>"]), min_size=3, max_size=3))
def test_every_message_has_one_block_at_most(parts: list[str]) -> None:
    _, text = render(*parts)
    tags = re.findall("</?think>", text)
    assert tags in ([], ["<think>", "</think>"])
    assert not tags or text.startswith("<think>\n")


def test_examples_do_not_depend_on_row_order() -> None:
    assert_frame_equal(assembled(6, shuffle=True, validation_share=0.5), assembled(6, validation_share=0.5))


def test_groups_and_clusters_that_touch_share_a_group_and_a_split() -> None:
    examples = assembled(8, group=lambda i: i // 2, cluster=lambda i: (i + 1) // 2, validation_share=0.5)
    assert examples["group_id"].unique().to_list() == [id_of(0)]
    assert examples["split"].n_unique() == 1


def test_splits_have_about_their_shares_and_more_prompts_move_no_example() -> None:
    few, many = assembled(100, validation_share=0.3), assembled(300, validation_share=0.3)
    assert 0.2 < (many["split"] == "validation").mean() < 0.4
    both = few.join(many, on="example_id")
    assert both.height == 100
    assert (both["split"] == both["split_right"]).all()


def test_a_tiny_set_keeps_something_to_train_on() -> None:
    assert assembled(2, validation_share=0.999999)["split"].sort().to_list() == ["train", "validation"]


def test_effort_is_a_tercile_of_tokens_and_ties_share_it() -> None:
    longer = [rollout(i, text="w " * (i + 1), reasoning=None) for i in range(6)]
    rollouts = frame_of(Rollouts, longer)
    kept = {"kind": "trace", "decision": "kept", "reason": "kept", "cluster_id": id_of(100)}
    choices = frame_of(Choices, [{"id": id_of(100 + i), **kept} for i in range(6)])
    frames = inputs(prompts=frame_of(Prompts, [prompt(i) for i in range(6)]), rollouts=rollouts, choices=choices)
    effort = run(*frames, config=Config()).sort("n_tokens")["effort"].to_list()
    assert effort == ["low", "low", "medium", "medium", "high", "high"]
    assert assembled(3)["effort"].to_list() == ["medium"] * 3


def test_no_kept_trace_gives_no_example() -> None:
    assert_frame_equal(run(*(table.create_empty() for table in READS), Config()), Examples.create_empty())
