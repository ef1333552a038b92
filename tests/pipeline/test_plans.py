"""Plans are read from what models write, and written so that they can be read again."""

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.plan_text import parse_plan, render_plan
from pipeline.plans import Config, plan_row, run
from schemas.ids import NONE, record_id
from schemas.tables import Annotations, Plans, Queue, Rollouts, frame_of

NO_DETAILS = {"how": None, "depends_on": [], "effort_tokens": None, "check": None, "on_failure": None, "action": None}


def step(id: str, goal: str, **details: Any) -> dict[str, Any]:
    return {"id": id, "goal": goal, **NO_DETAILS, **details}


def written(text: str | None, sample_index: int = 0, **columns: Any) -> dict[str, Any]:
    """A write_plan rollout."""
    return {
        "rollout_id": f"{sample_index:032x}", "prompt_id": "a" * 32, "plan_id": "", "step_id": "", "arm": "write_plan",
        "phase": "screen", "role": "planner", "generator_id": "b" * 32, "sample_index": sample_index,
        "request_hash": "c" * 32, "messages": [], "text": text, "finish_reason": "stop",
    } | columns  # fmt: skip


def read(rollouts: pl.DataFrame, **config: Any) -> pl.DataFrame:
    """The plans of rollouts, which nobody edited."""
    return run(rollouts, Queue.create_empty(), Annotations.create_empty(), Config(**config))


def test_numbered_markdown_with_every_detail_is_read() -> None:
    text = """Here is my plan.
    **Strategy:** clear the table first
    Rejected: build in place

    1. Move c — it is clear
       - check: c is on the table
       - on failure: look again
       - action: (put-down c)
    2. Move b
       - depends on: 1
       - effort: 1,200 tokens

    This plan reaches the goal."""
    plan = parse_plan(text)
    assert plan.strategy == "clear the table first"
    assert plan.rejected == ["build in place"]
    details = {"check": "c is on the table", "on_failure": "look again", "action": "(put-down c)"}
    assert plan.steps == [
        step("1", "Move c", how="it is clear", **details),
        step("2", "Move b", depends_on=["1"], effort_tokens=1200),
    ]


def test_json_and_markdown_of_one_plan_read_alike() -> None:
    steps = [{"id": "s1", "goal": "look", "how": "left, then right"}, {"id": "s2", "goal": "go", "depends_on": ["s1"]}]
    as_json = json.dumps({"strategy": "be careful", "steps": steps})
    as_markdown = "Strategy: be careful\n1. look — left, then right\n2. go\n   - depends on: 1"
    assert parse_plan(as_json) == parse_plan(f"My plan:\n```json\n{as_json}\n```\nDone.") == parse_plan(as_markdown)


def test_bare_actions_are_steps_with_actions() -> None:
    steps = [step("1", "(pick-up c)", action="(pick-up c)"), step("2", "(stack c a)", action="(stack c a)")]
    assert parse_plan("(pick-up c)\n(stack c a)\n").steps == steps
    assert parse_plan("1. (pick-up c)\n2. (stack c a)").steps == steps


@pytest.mark.parametrize(
    "text",
    ["- look\n- go", "* look\n* go", "1) look\n2) go", "1. look\n1. go", "Step 1: look\nStep 2: go", '["look", "go"]',
     " 9. look\n10. go", "Plan:\n\n- look\n\n- go\n\nDone."],
)  # fmt: skip
def test_lists_in_all_their_spellings_are_steps(text: str) -> None:
    assert parse_plan(text).steps == [step("1", "look"), step("2", "go")]


def test_text_below_a_step_is_how_it_is_done() -> None:
    plan = parse_plan("1. Unstack c\n   - Your hand is empty.\n   - c is clear.\n\n2. Put c down\nanywhere\n\nDone.")
    assert [each["how"] for each in plan.steps] == ["Your hand is empty. c is clear.", "anywhere"]


@pytest.mark.parametrize(
    "text",
    ["I do not know.", "{}", '{"steps": []}', '{"steps": "go"}', "[1, 2]", '[{"how": "fast"}]', '[{"goal": {"a": 1}}]',
     '[{"goal": "go", "depends_on": ["nowhere"]}]', "1. go\n   - depends on: 1", "[" * 5000, '[{"id": 1, "goal": "a"}, '
     '{"id": 1, "goal": "b"}]'],
)  # fmt: skip
def test_junk_is_malformed(text: str) -> None:
    assert parse_plan(text) == ("malformed", None, None, [])


@pytest.mark.parametrize("text", ["1. a\n2. b\n\nOr better:\n\n1. b\n2. a", "- a is clear\n\nPlan:\n- go"])
def test_several_lists_are_malformed_because_which_is_the_plan_is_unknown(text: str) -> None:
    assert parse_plan(text).status == "malformed"


def test_nothing_written_is_missing() -> None:
    assert parse_plan(" \n").status == "missing"


fragment = st.sampled_from(
    [
        "1.",
        "- ",
        "* ",
        "\n",
        " — ",
        "```",
        "Strategy:",
        "check:",
        "depends on: 1",
        "(a b)",
        "{",
        '"goal"',
        "[",
        "\ud800",
    ]
)
text_like = st.one_of(st.text(), st.lists(fragment | st.text(max_size=5)).map(" ".join))


@given(text_like)
def test_no_text_raises_and_only_parsed_plans_have_steps(text: str) -> None:
    plan = parse_plan(text)
    assert (plan.status == "parsed") == bool(plan.steps)
    json.dumps(plan).encode()


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert parse_plan(r'["look \ud800"]').steps[0]["goal"] == "look \ufffd"


some_text = st.one_of(st.none(), text_like)
raw_step = st.fixed_dictionaries(
    {"goal": text_like.filter(lambda text: text.strip()), "how": some_text, "check": some_text},
    optional={"on_failure": some_text, "action": some_text, "effort_tokens": st.integers(0, 2**31 - 1)},
)


@settings(max_examples=300, deadline=None)
@given(st.lists(raw_step, min_size=1, max_size=4), st.data(), some_text, st.lists(text_like, max_size=2))
def test_render_and_parse_are_inverse(steps: list[dict[str, Any]], data: st.DataObject, strategy: str | None,
                                      rejected: list[str]) -> None:  # fmt: skip
    for i, each in enumerate(steps):
        others = [j + 1 for j in range(len(steps)) if j != i]
        each["depends_on"] = data.draw(st.lists(st.sampled_from(others))) if others else []
    plan = parse_plan(json.dumps({"strategy": strategy, "rejected": rejected, "steps": steps}))
    assert plan.status == "parsed"
    assert parse_plan(render_plan(plan._asdict())) == plan


def test_rollouts_that_wrote_the_same_plan_share_a_row() -> None:
    texts = ["1. go", "1. look", '["go"]', "no idea", None]
    rollouts = frame_of(Rollouts, [written(text, i) for i, text in enumerate(texts)])
    plans = read(rollouts.sample(fraction=1, shuffle=True, seed=1), recorded=True)
    Plans.validate(plans)
    rows = plans.sort("rollout_id").select("rollout_id", "origin", "status", "n_steps").rows()
    assert rows == [
        (f"{0:032x}", "recorded", "parsed", 1),
        (f"{1:032x}", "recorded", "parsed", 1),
        (f"{3:032x}", "recorded", "malformed", 0),
    ]


def test_a_plan_that_was_cut_off_is_malformed() -> None:
    assert plan_row(written("1. look\n2. g", finish_reason="length"))["status"] == "malformed"


def test_only_plans_of_planners_are_read() -> None:
    rollouts = frame_of(Rollouts, [written("1. go", arm="solve")])
    assert read(rollouts).is_empty()


def test_a_list_of_strategies_is_no_plan() -> None:
    rollouts = frame_of(Rollouts, [written("1. halve it\n2. guess", step_id="strategies"), written("1. go", 1)])
    assert read(rollouts)["rollout_id"].to_list() == [f"{1:032x}"]


def test_a_plan_survives_the_table_and_renders_again() -> None:
    rollouts = frame_of(Rollouts, [written("Strategy: s\n\n1. a\n2. b — c\n   - depends on: 1")])
    (row,) = read(rollouts).with_columns(pl.col("origin").cast(pl.String)).to_dicts()
    assert render_plan(row) == "Strategy: s\n\n1. a\n2. b — c\n   - depends on: 1"


# --- edits ------------------------------------------------------------------------------------------------------------

WRITTEN = written("1. go", generator_id="b" * 32)
PLAN = plan_row(WRITTEN)["plan_id"]


def asked(plan: str, kind: str = "single") -> dict[str, Any]:
    return {"record_id": record_id([plan], kind, "1"), "plan_ids": [plan], "kind": kind, "guideline_version": "1"}


def edited(
    text: str, plan: str = PLAN, annotator: str = "annotator-1", version: int = 1, **changed: Any
) -> dict[str, Any]:
    """A person's answer that corrects a plan."""
    return {
        "record_id": asked(plan)["record_id"], "question": "edited_plan", "annotator": annotator, "version": version,
        "value": json.dumps(text), "status": "submitted", "annotator_kind": "person",
    } | changed  # fmt: skip


def edit_of(text: str, prompt_id: str = "a" * 32) -> str:
    """The plan_id of what a person wrote."""
    return str(plan_row(written(text, prompt_id=prompt_id))["plan_id"])


def with_edits(
    *answers: dict[str, Any], queue: list[dict[str, Any]] | None = None, rollouts: tuple[dict[str, Any], ...] = ()
) -> pl.DataFrame:
    """The plans of one rollout, and of what people answered about its plan."""
    records = [asked(PLAN)] if queue is None else queue
    frames = frame_of(Rollouts, [WRITTEN, *rollouts]), frame_of(Queue, records), frame_of(Annotations, list(answers))
    found = run(*frames, Config())
    Plans.validate(found)
    return found.filter(pl.col("plan_id") != PLAN)


def test_an_edit_is_a_plan_of_a_person() -> None:
    (row,) = with_edits(edited("Strategy: look first\n1. look\n2. go")).to_dicts()
    assert row["plan_id"] == edit_of("Strategy: look first\n1. look\n2. go")
    wanted = {"origin": "person", "parent_plan_id": PLAN, "rollout_id": None, "saw": "record", "status": "parsed"}
    assert row.items() >= {**wanted, "strategy": "look first", "n_steps": 2, "prompt_id": "a" * 32}.items()


def test_an_edit_that_cannot_be_read_is_malformed() -> None:
    assert with_edits(edited("just go"))["status"].to_list() == ["malformed"]


@pytest.mark.parametrize("text", ["1. go", '["go"]', "Here it is:\n\n- go"])
def test_an_edit_that_says_what_a_plan_says_adds_none(text: str) -> None:
    assert with_edits(edited(text)).is_empty()


@pytest.mark.parametrize(
    "changed", [{"status": "draft"}, {"status": "discarded"}, {"annotator_kind": "model"}, {"question": "comment"}]
)
def test_only_what_a_person_submitted_is_an_edit(changed: dict[str, Any]) -> None:
    assert with_edits(edited("1. look") | changed).is_empty()


def test_gold_items_and_plans_that_are_not_there_have_no_edits() -> None:
    gold, gone = asked(PLAN, "gold"), asked("d" * 32)
    answers = [edited("1. look", record_id=gold["record_id"]), edited("1. look", "d" * 32)]
    assert with_edits(*answers, queue=[gold, gone]).is_empty()


def test_people_who_write_the_same_share_a_row_and_the_latest_version_counts() -> None:
    found = with_edits(edited("1. look"), edited('["look"]', annotator="annotator-2"), edited("1. run", annotator="x"),
                       edited("1. wait", annotator="x", version=2))  # fmt: skip
    assert set(found["plan_id"]) == {edit_of("1. look"), edit_of("1. wait")}


def taken_back(text: str, status: str = "withdrawn") -> list[dict[str, Any]]:
    return [edited(text), edited(text, version=2, status=status)]


@pytest.mark.parametrize("status", ["withdrawn", "draft", "discarded"])
def test_an_edit_that_is_taken_back_is_no_plan(status: str) -> None:
    assert with_edits(*taken_back("1. look", status)).is_empty()


def test_what_refers_to_an_edit_that_was_taken_back_finds_it_missing() -> None:
    trial = written("42", 7, arm="execute", plan_id=edit_of("1. look"))
    (tried,) = with_edits(*taken_back("1. look"), rollouts=(trial,)).to_dicts()
    (queued,) = with_edits(*taken_back("1. look"), queue=[asked(PLAN), asked(edit_of("1. look"))]).to_dicts()
    assert tried == queued
    assert (tried["status"], tried["steps"], tried["parent_plan_id"]) == ("missing", [step("1", "look")], PLAN)
    (again,) = with_edits(*taken_back("1. look"), edited("1. look", version=3), rollouts=(trial,)).to_dicts()
    assert again == tried | {"status": "parsed"}


def test_edits_of_an_edit_keep_it() -> None:
    first, second = edit_of("1. look"), edit_of("1. look\n2. go")
    answers = [*taken_back("1. look"), edited("1. look\n2. go", first)]
    found = with_edits(*answers, queue=[asked(PLAN), asked(first)])
    rows = found.select("plan_id", "parent_plan_id", pl.col("status").cast(pl.String)).rows()
    assert sorted(rows) == sorted([(first, PLAN, "missing"), (second, first, "parsed")])


def test_edits_do_not_depend_on_row_order() -> None:
    answers = [edited("1. look"), edited("1. run", annotator="x"), edited("1. fly", edit_of("1. look"))]
    queue = [asked(PLAN), asked(edit_of("1. look"))]
    assert with_edits(*answers, queue=queue).equals(with_edits(*answers[::-1], queue=queue[::-1]))


def test_a_plan_that_no_rollout_shows_names_none() -> None:
    assert NONE not in with_edits(edited("1. look"), rollouts=(written("42", 7, arm="solve"),))["plan_id"]
