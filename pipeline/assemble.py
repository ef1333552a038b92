"""Assemble training examples: the prompt, and one answer that shows plan, reasoning and result.

A solve trace keeps the messages as they were sent, and shows the plan that was recorded with it. An execute trace
shows the plan that it was given, as a plan of its own: its conversation starts from the prompt, not from the request
with the plan in it. A plan that people rule out is shown nowhere.

The trained message is `<think>`, the plan under a heading, a blank line, the reasoning, `</think>`, a blank line and
the answer; what a trace does not have is left out, and without plan and reasoning there is no `<think>` block. So that
each message holds one block at most, think tags in a model's own words are written `[think]` and `[/think]`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from pipeline.people import UNSAID, standing, usable
from pipeline.plan_text import render_plan
from pipeline.plans import plan_row
from schemas.ids import NONE, content_id, example_id
from schemas.recipe import Assemble as Config
from schemas.tables import (
    Adjudicated,
    Bands,
    Choices,
    Examples,
    Plans,
    PlanScores,
    Prompts,
    Rollouts,
    Screened,
    frame_of,
)  # fmt: skip

READS = (Prompts, Screened, Rollouts, Bands, Plans, Choices, PlanScores, Adjudicated)
WRITES = Examples

CONTAMINATED = "contaminated"
EXECUTE = "execute"
PLAN_HEADING = "## Plan"
UNKNOWN = "unknown"
WHITESPACE = "whitespace"
THINK_TAG = re.compile(r"<\s*(/?)\s*(think)\b[^<>]*>", re.IGNORECASE)


def run(  # noqa: PLR0913 (the frames of READS)
    prompts: pl.DataFrame, screened: pl.DataFrame, rollouts: pl.DataFrame, bands: pl.DataFrame, plans: pl.DataFrame,
    choices: pl.DataFrame, plan_scores: pl.DataFrame, adjudicated: pl.DataFrame, config: Config,
) -> pl.DataFrame:  # fmt: skip
    """One row a kept trace, sorted by example_id; with `annotated_only`, of those whose plan people kept or edited.

    All prompts that share a source group or a cluster of duplicates are one group, named by the smallest of its group
    ids, and land in one split. The split is drawn from a hash of that name, so that more prompts move no example,
    unless they join two groups.
    """
    kept = choices.filter(pl.col("kind") == "trace", pl.col("decision") == "kept")
    uplift = plan_scores.select("plan_id", "generator_id", "phase", "uplift")
    asked = prompts.select("prompt_id", "source", "task_family", prompt="messages")
    traces = (
        rollouts.join(kept.select("id"), left_on="rollout_id", right_on="id", how="semi")
        .join(asked, on="prompt_id")
        .join(bands.select("prompt_id", "pass_rate"), on="prompt_id", how="left")
        .join(uplift, on=["plan_id", "generator_id", "phase"], how="left")
        .sort("rollout_id")
    )
    contaminated = choices.filter(pl.col("kind") == "plan", pl.col("reason") == CONTAMINATED)
    clean = plans.join(contaminated, left_on="plan_id", right_on="id", how="anti")
    clean, said = usable(clean, adjudicated), dict(standing(clean, adjudicated).iter_rows())
    is_out = (pl.col("arm") == EXECUTE) & ~pl.col("plan_id").is_in(clean["plan_id"].implode())
    plan_of = _plans_of(traces := traces.filter(~is_out), rollouts, clean)
    if config.annotated_only:
        annotated = [id for id, plan in plan_of.items() if plan["plan_id"] in said]
        traces = traces.filter(pl.col("rollout_id").is_in(annotated))
    shown = plan_of if config.show_plan else {}
    group_of = _groups(prompts, screened)
    examples = [_example(trace, shown.get(trace["rollout_id"])) for trace in traces.iter_rows(named=True)]
    for example in examples:
        example["annotation"] = said.get(example["plan_id"], UNSAID)
    groups = [group_of.get(example["prompt_id"], example["prompt_id"]) for example in examples]
    splits = _splits(groups, config.validation_share)
    counted = pl.Series([example["n_tokens"] for example in examples], dtype=pl.Int32)
    measured = traces["n_completion_tokens"]
    for example, group, level in zip(
        examples, groups, effort(counted if measured.null_count() else measured), strict=True
    ):
        example |= {"group_id": group, "split": splits[group], "effort": level}
    return frame_of(Examples, examples).sort("example_id")


def render(plan: str, reasoning: str, answer: str) -> tuple[str, str]:
    """The name of the rendering and the text of the message; empty parts are left out.

    >>> render("1. look", "It is here.", "Here.")
    ('plan_think_answer', '<think>\\n## Plan\\n1. look\\n\\nIt is here.\\n</think>\\n\\nHere.')
    >>> render("", "", "Here.")
    ('answer', 'Here.')
    """
    plan, reasoning, answer = (THINK_TAG.sub(r"[\1\2]", part).strip() for part in (plan, reasoning, answer))
    thinking = "\n\n".join(part for part in (plan and f"{PLAN_HEADING}\n{plan}", reasoning) if part)
    names = [name for name, part in (("plan", plan), ("think", reasoning)) if part]
    text = f"<think>\n{thinking}\n</think>\n\n{answer}" if thinking else answer
    return "_".join([*names, "answer"]), text


def _example(trace: Mapping[str, Any], plan: Mapping[str, Any] | None) -> dict[str, Any]:
    """The row of a trace but for what people said, and what depends on the other rows: group, split and effort."""
    rendering, text = render(render_plan(plan) if plan else "", trace["reasoning"] or "", trace["text"] or "")
    plan_id = plan["plan_id"] if plan else NONE
    asked = trace["prompt"] if trace["arm"] == EXECUTE else trace["messages"]
    said = [{"role": m["role"], "content": m["content"], "train": False} for m in asked]
    return {
        "example_id": example_id(trace["prompt_id"], trace["rollout_id"], plan_id, rendering),
        "prompt_id": trace["prompt_id"],
        "source": trace["source"],
        "task_family": trace["task_family"],
        "plan_id": plan_id,
        "rollout_id": trace["rollout_id"],
        "messages": [*said, {"role": "assistant", "content": text, "train": True}],
        "rendering": rendering,
        "n_tokens": len(text.split()),
        "tokenizer": WHITESPACE,
        "pass_rate": trace["pass_rate"],
        "uplift": trace["uplift"] if plan else None,
        "model": trace["model"] or UNKNOWN,
        "model_license": UNKNOWN,
    }


def _plans_of(traces: pl.DataFrame, rollouts: pl.DataFrame, plans: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """rollout_id of a trace -> the plan that it was given, or else the first parsed one that was written with it."""
    parsed = {row["plan_id"]: row for row in plans.filter(pl.col("status") == "parsed").iter_rows(named=True)}
    written = (
        rollouts.filter(pl.col("arm") == "write_plan", pl.col("text").is_not_null())
        .join(traces.select("rollout_id"), left_on="parent_id", right_on="rollout_id", how="semi")
        .sort("sample_index", "rollout_id")
    )
    given = traces.filter(pl.col("arm") == EXECUTE).select("rollout_id", "plan_id")
    found = {rollout: parsed[plan] for rollout, plan in given.iter_rows()}
    for rollout in written.iter_rows(named=True):
        if plan := parsed.get(plan_row(rollout)["plan_id"]):
            found.setdefault(rollout["parent_id"], plan)
    return found


def _groups(prompts: pl.DataFrame, screened: pl.DataFrame) -> dict[str, str]:
    """prompt_id -> the smallest group_id that it is linked to, through groups and clusters."""
    linked = prompts.join(screened, on="prompt_id", how="left").sort("prompt_id")
    pairs = [
        (("group", group), ("cluster", cluster or prompt))
        for prompt, group, cluster in linked.select("prompt_id", "group_id", "cluster_id").iter_rows()
    ]
    root = _components(pairs)
    name: dict[tuple[str, str], str] = {}
    for group in sorted({group for (_, group), _ in pairs}):
        name.setdefault(root["group", group], group)
    return {prompt: name[root["group", group]] for prompt, group in linked.select("prompt_id", "group_id").iter_rows()}


def _components(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """Union-find: node -> the node that stands for its component."""
    parent: dict[Any, Any] = {node: node for pair in pairs for node in pair}

    def root(node: Any) -> Any:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for a, b in pairs:
        parent[root(a)] = root(b)
    return {node: root(node) for node in parent}


def _splits(groups: Sequence[str], validation_share: float) -> dict[str, str]:
    """group -> split. Where every group would be held out, the one that is so most narrowly goes to train."""
    drawn = {group: int(content_id("split", group_id=group)[:8], 16) / 2**32 for group in groups}
    split = {group: "validation" if draw < validation_share else "train" for group, draw in drawn.items()}
    if split and "train" not in split.values():
        split[max(drawn, key=lambda group: (drawn[group], group))] = "train"
    return split


def effort(n_tokens: pl.Series) -> Iterator[str]:
    """Terciles of token counts, a level each; equal counts share a level.

    >>> list(effort(pl.Series([5, 90, 7])))
    ['low', 'high', 'medium']
    """
    for share in (n_tokens.rank("average") - 0.5) / len(n_tokens):
        yield "low" if share < 1 / 3 else "medium" if share < 2 / 3 else "high"
