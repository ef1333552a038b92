"""Plans: what planners wrote and what people edited, read into strategy and steps; one row a distinct plan of a prompt.

An edit is the text that a person gave as the corrected plan, and it counts while the person stands by it. One that was
taken back, or written anew, is no row, unless something refers to it (a rollout, a record of the queue, another edit):
then its row stays with the status `missing`, so that nothing points nowhere and no later stage takes it up.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
from pydantic import Field

from pipeline.people import edits
from pipeline.plan_text import MALFORMED, MISSING, PARSED, ParsedPlan, parse_plan
from schemas.ids import NONE, plan_id
from schemas.recipe import Settings
from schemas.tables import Annotations, Plans, Queue, Rollouts, frame_of

READS = (Rollouts, Queue, Annotations)
WRITES = Plans

SAW_PROMPT = "prompt"
SAW_RECORD = "record"

Rows = dict[str, dict[str, Any]]
"""Rows of plans by plan_id."""


class Config(Settings):
    """Where the plans come from."""

    recorded: bool = Field(False, description="The planner replays a recording.")


def run(rollouts: pl.DataFrame, queue: pl.DataFrame, annotations: pl.DataFrame, config: Config) -> pl.DataFrame:
    """One row a distinct plan of the write_plan rollouts that came back and of people's edits, sorted by plan_id.

    A write_plan rollout with a step_id lists strategies and is no plan.

    Rollouts that wrote the same plan share a row; `rollout_id` is the one with the smallest sample_index. A plan that
    was cut off is malformed: nobody knows how it goes on. An edit that says what another plan says adds no row.
    """
    written = rollouts.filter(pl.col("arm") == "write_plan", pl.col("step_id") == NONE, pl.col("text").is_not_null())
    found: Rows = {}
    for rollout in written.sort("sample_index", "rollout_id").iter_rows(named=True):
        row = plan_row(rollout) | {"origin": "recorded" if config.recorded else "model"}
        found.setdefault(row["plan_id"], row)
    referred = {*rollouts["plan_id"].unique(), *queue["plan_ids"].explode().drop_nulls()}
    found |= _edited(found, edits(queue, annotations).rows(), referred)
    return frame_of(Plans, [found[id] for id in sorted(found)])


def plan_row(rollout: Mapping[str, Any]) -> dict[str, Any]:
    """The plan that a write_plan rollout wrote, as a row of plans without its origin."""
    text = rollout["text"]
    plan = ParsedPlan(MALFORMED) if rollout["finish_reason"] == "length" and text.strip() else parse_plan(text)
    return _row(rollout["prompt_id"], text, plan) | {"rollout_id": rollout["rollout_id"], "saw": SAW_PROMPT}


def edit_row(parent: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The plan that a person made of another one, as a row of plans."""
    said = {"rollout_id": None, "parent_plan_id": parent["plan_id"], "origin": "person", "saw": SAW_RECORD}
    return _row(parent["prompt_id"], text, parse_plan(text)) | said


def _row(prompt_id: str, text: str, plan: ParsedPlan) -> dict[str, Any]:
    """What a plan says."""
    content = {"strategy": plan.strategy, "rejected_strategies": plan.rejected, "steps": plan.steps}
    return {
        "plan_id": plan_id(prompt_id, content if plan.status == PARSED else text),
        "prompt_id": prompt_id,
        "status": plan.status,
        **content,
        "n_steps": len(plan.steps),
    }


def _edited(written: Rows, edits: Iterable[tuple[str, str, bool]], referred: set[str]) -> Rows:
    """The plans of edits (parent, text, is_current), those of edited edits too; parents that are no plan have none."""
    found: Rows = {}
    current, todo = set(), list(edits)
    while ready := [edit for edit in todo if edit[0] in written or edit[0] in found]:
        todo = [edit for edit in todo if edit not in ready]
        for parent, text, is_current in ready:
            row = edit_row(written.get(parent) or found[parent], text)
            if row["plan_id"] not in written:
                found.setdefault(row["plan_id"], row)
                current |= {row["plan_id"]} if is_current else set()
    kept = _with_parents(found, current | (referred & found.keys()))
    return {id: found[id] | ({} if id in current else {"status": MISSING}) for id in kept}


def _with_parents(edited: Rows, ids: set[str]) -> set[str]:
    """Edited plans and the edited plans that they were made of."""
    for id in list(ids):
        while (id := edited[id]["parent_plan_id"]) in edited:
            ids.add(id)
    return ids
