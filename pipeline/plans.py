"""Plans: what planners wrote, read into strategy and steps; one row a distinct plan of a prompt."""

from typing import Any

import polars as pl
from pydantic import Field

from pipeline.plan_text import MALFORMED, PARSED, ParsedPlan, parse_plan
from schemas.ids import NONE, plan_id
from schemas.recipe import Settings
from schemas.tables import Plans, Rollouts, frame_of

READS = (Rollouts,)
WRITES = Plans

SAW_PROMPT = "prompt"


class Config(Settings):
    """Where the plans come from."""

    recorded: bool = Field(False, description="The planner replays a recording.")


def run(rollouts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """One row a distinct plan of the write_plan rollouts that came back, sorted by plan_id.

    A write_plan rollout with a step_id lists strategies and is no plan.

    Rollouts that wrote the same plan share a row; `rollout_id` is the one with the smallest sample_index. A plan that
    was cut off is malformed: nobody knows how it goes on.
    """
    written = rollouts.filter(pl.col("arm") == "write_plan", pl.col("step_id") == NONE, pl.col("text").is_not_null())
    found: dict[str, dict[str, Any]] = {}
    for rollout in written.sort("sample_index", "rollout_id").iter_rows(named=True):
        row = plan_row(rollout) | {"origin": "recorded" if config.recorded else "model"}
        found.setdefault(row["plan_id"], row)
    return frame_of(Plans, [found[id] for id in sorted(found)])


def plan_row(rollout: dict[str, Any]) -> dict[str, Any]:
    """The plan that a write_plan rollout wrote, as a row of plans without its origin."""
    text = rollout["text"]
    plan = ParsedPlan(MALFORMED) if rollout["finish_reason"] == "length" and text.strip() else parse_plan(text)
    content = {"strategy": plan.strategy, "rejected_strategies": plan.rejected, "steps": plan.steps}
    return {
        "plan_id": plan_id(rollout["prompt_id"], content if plan.status == PARSED else text),
        "prompt_id": rollout["prompt_id"],
        "rollout_id": rollout["rollout_id"],
        "status": plan.status,
        **content,
        "n_steps": len(plan.steps),
        "saw": SAW_PROMPT,
    }
