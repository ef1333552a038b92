"""Choose the traces that are used: correct ones of kept prompts, without near-copies, the most diverse few a prompt.

A trace is the reasoning and the answer of a rollout whose every latest verdict is correct: of a solve rollout, or,
where plans are tried, of an execute rollout with the plan that helps its prompt most, of those that people do not rule
out. Where plans are tried, the stage runs twice: before the trials it chooses which plans are tried
(`pipeline.plan_choices`; nothing of the trials changes that), after them it chooses traces too.

A trace that a benchmark holds, or that carries out a plan which it holds, is not used.

Near-duplicates are looked for across all prompts, but among traces of under `MIN_WORDS` words within the prompt
only: that two prompts have the answer 24 makes neither a copy. A trace with its reasoning is kept before one without.
Of what is left, each prompt keeps `max_per_prompt` traces, the most different ones.
"""

from collections import defaultdict
from collections.abc import Mapping
from operator import itemgetter
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import Field

from pipeline.contamination.hits import hits
from pipeline.dedup.near import KEPT, NEAR_DUPLICATE, near_duplicates
from pipeline.language import mixed_in
from pipeline.people import usable
from pipeline.plan_choices import distinct_plans, structure_key
from pipeline.shingling import Shingling, distinct_shingles, jaccard
from pipeline.traces import candidates
from schemas.recipe import Choose, PlanSettings
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

READS = (Bands, Rollouts, Verdicts, Plans, PlanScores, OutputContamination, Adjudicated)
WRITES = Choices

CONTAMINATED = "contaminated"
TOO_LONG = "too_long"
NO_REASONING = "no_reasoning"
MIXED_LANGUAGE = "mixed_language"
LESS_DIVERSE = "less_diverse"

MIN_WORDS = 30
"""Words from which two traces of different prompts can be copies of each other."""


class Config(Choose):
    """Which traces are used, and of which arm."""

    arm: Literal["solve", "execute"] = Field("solve", description="Whose rollouts are traces; `execute` tries plans.")
    plans: PlanSettings = Field(PlanSettings(), description="How plans are compared.")
    annotated_only: bool = Field(False, description="Only plans that people kept or edited have traces.")


def run(  # noqa: PLR0913 (the frames of READS)
    bands: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, plans: pl.DataFrame,
    plan_scores: pl.DataFrame, output_contamination: pl.DataFrame, adjudicated: pl.DataFrame, config: Config,
) -> pl.DataFrame:  # fmt: skip
    """Decide on every candidate: one row a trace, and where plans are tried one a parsed plan; kept prompts only.

    Where plans are not tried, only those that are contaminated have a row. Traces come first, each kind by id. For a
    trace the first reason that holds is given: contaminated, too_long, no_reasoning, mixed_language (over 1 % of the
    letters are in a script, other than Latin, that the prompt does not use), near_duplicate, less_diverse. A
    near-duplicate, exact copies included, names the kept one that it duplicates; other rows have no keeper.
    """
    shown = usable(plans, adjudicated, annotated_only=config.annotated_only)
    traces = candidates(bands, rollouts, verdicts, shown, plan_scores, config.arm)
    found = hits(output_contamination, "id")
    unfit = {
        row["rollout_id"]: reason
        for row in traces.iter_rows(named=True)
        if (reason := _contaminated(row, found) or _unfit(row, config))
    }
    fit = traces.filter(~pl.col("rollout_id").is_in(list(unfit)))
    decided = {id: {"cluster_id": id, "reason": reason} for id, reason in unfit.items()} | _distinct(fit, config)
    chosen = [_choice("trace", id, decided[id]) for id in sorted(decided)]
    clean = plans.filter(~pl.col("plan_id").is_in(list(found)))
    rows = _contaminated_plans(bands, plans.join(clean, on="plan_id", how="anti"))
    if config.arm == "execute":
        rows += distinct_plans(bands, rollouts, clean, config.plans)
    return frame_of(Choices, chosen + [_choice("plan", row["id"], row) for row in sorted(rows, key=itemgetter("id"))])


def most_different(texts: Mapping[str, np.ndarray], n: int) -> list[str]:
    """The ids of `n` texts that are far from each other, greedily: the first one, then always the farthest.

    Texts are arrays of distinct shingles. Distance is 1 - Jaccard to the nearest text taken so far; among equals the
    earlier one of `texts`.
    Source: Gonzalez 1985, farthest-first traversal.
    """
    left = dict(texts)
    nearest = dict.fromkeys(texts, 0.0)
    taken: list[str] = []
    while left and len(taken) < n:
        taken.append(min(left, key=nearest.__getitem__))
        last = left.pop(taken[-1])
        for id, text in left.items():
            nearest[id] = max(nearest[id], jaccard(last, text))
    return taken


def _contaminated(row: Mapping[str, Any], found: Mapping[str, str]) -> str | None:
    """The reason where a benchmark holds a trace, or the plan that it carries out."""
    return CONTAMINATED if row["rollout_id"] in found or row["plan_id"] in found else None


def _contaminated_plans(bands: pl.DataFrame, plans: pl.DataFrame) -> list[dict[str, Any]]:
    """Decisions on plans that a benchmark holds: those that are parsed, of kept prompts."""
    kept = bands.filter(pl.col("decision") == "kept")
    parsed = plans.filter(pl.col("status") == "parsed").join(kept, on="prompt_id", how="semi")
    return [
        {"id": id, "reason": CONTAMINATED, "cluster_id": id, "structure_key": structure_key(steps)}
        for id, steps in parsed.select("plan_id", "steps").iter_rows()
    ]


def _unfit(row: Mapping[str, Any], config: Config) -> str | None:
    """The reason why a trace is not used whatever the others are."""
    if len(row["trace"]) > config.max_chars:
        return TOO_LONG
    if config.require_reasoning and not row["reasons"]:
        return NO_REASONING
    prompt = "\n".join(message["content"] for message in row["messages"])
    return MIXED_LANGUAGE if mixed_in(row["trace"], prompt) else None


def _distinct(traces: pl.DataFrame, config: Config) -> dict[str, dict[str, Any]]:
    """Decisions of `near_duplicates` by id, and less_diverse on what goes beyond `max_per_prompt`.

    A trace that is not used cannot be a keeper: where a less diverse one was, its copies under the same prompt
    are less diverse too, and those under other prompts are decided again without it.
    """
    prompt_of = dict(traces.select("rollout_id", "prompt_id").iter_rows())
    sets = distinct_shingles(traces["trace"], Shingling.of(config))
    words = {id: sets[i] for i, id in enumerate(prompt_of)}
    less_diverse: dict[str, dict[str, Any]] = {}
    while True:
        left = traces.filter(~pl.col("rollout_id").is_in(list(less_diverse)))
        found = {row["id"]: row for row in _duplicates(left, config).iter_rows(named=True)}
        beyond = _beyond(found, prompt_of, words, config.max_per_prompt)
        copies = {id for id, row in found.items() if row["keeper_id"] in beyond}
        elsewhere = {id for id in copies if prompt_of[id] != prompt_of[found[id]["keeper_id"]]}
        for id in beyond | (copies - elsewhere):
            less_diverse[id] = {"cluster_id": found[id]["cluster_id"], "reason": LESS_DIVERSE}
        if not elsewhere:
            return found | less_diverse


def _beyond(
    found: Mapping[str, Mapping[str, Any]], prompt_of: Mapping[str, str], words: Mapping[str, np.ndarray], n: int
) -> set[str]:
    """The kept traces that are not among the `n` most different ones of their prompt."""
    kept: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for id, text in words.items():
        if id in found and found[id]["is_kept"]:
            kept[prompt_of[id]][id] = text
    many = [texts for texts in kept.values() if len(texts) > n]
    return {id for texts in many for id in texts.keys() - set(most_different(texts, n))}


def _duplicates(traces: pl.DataFrame, config: Config) -> pl.DataFrame:
    """`near_duplicates` among long traces, and among the short ones of each prompt."""
    is_short = pl.col("trace").str.count_matches(r"\S+") < MIN_WORDS
    among = pl.when(is_short).then("prompt_id").otherwise(pl.lit(""))
    columns = traces.select(pl.col("rollout_id").alias("id"), text="trace", keep_by="reasons", among=among)
    return near_duplicates(columns, config)


def _choice(kind: str, id: str, decided: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table; an exact copy is a near-duplicate of similarity 1."""
    reason = decided["reason"]
    is_copy = decided.get("keeper_id") is not None
    return {
        "kind": kind,
        "id": id,
        "decision": "kept" if reason == KEPT else "dropped",
        "reason": NEAR_DUPLICATE if is_copy else reason,
        "cluster_id": decided["cluster_id"],
        "keeper_id": decided.get("keeper_id"),
        "similarity": decided.get("similarity"),
        "structure_key": decided.get("structure_key"),
    }
