"""Records: what people are shown of a row of the queue, as plain data, and the plans behind the letters they rank.

A record tells nothing of why it was chosen: records with known answers, and those drawn at random, look like any other.
A text that is too long is a refusal of its record, never a cut that nobody notices; only the answers of models
and annotators are shortened, with a mark.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from annotation.outcomes import NOT_TRIED, Evidence, measured, outcome_texts
from annotation.questions import ANSWERS, CANDIDATES, DISCARD, KEEP, LETTERS, OUTCOME, PLAN, PROMPT
from annotation.said import Said, said_text
from annotation.shown_text import ShownPlan, stored
from pipeline.hostile import one_line
from pipeline.plan_text import render_plan
from schemas.ids import content_id
from schemas.tables import Plans, PlanScores, Prompts, Rollouts, Verdicts

READS = (Prompts, Plans, PlanScores, Rollouts, Verdicts)
"""The tables of `Evidence`, in its order."""

TOO_LARGE = "too_large"
TOO_MANY_PLANS = "too_many_plans"
UNKNOWN_PLAN = "unknown_plan"

MAX_CHARS = 20_000
"""Longest value of a field. Nobody reads more, and a browser splits text beyond 65,536, where spans would be lost."""

MAX_TERM = 200
"""Longest text in the metadata."""

SUGGESTED = {"helps": KEEP, "hurts": DISCARD, "leaks": DISCARD}
"""The verdict that a decision of plan_scores suggests; others suggest none."""


@dataclass(frozen=True)
class Record:
    """What is pushed: a value by field (None where there is nothing to show), metadata, the verdict by the results."""

    record_id: str
    fields: Mapping[str, str | None]
    metadata: Mapping[str, str | int]
    suggested: str | None


@dataclass(frozen=True)
class Refused:
    """A row of the queue that cannot be shown, and why."""

    record_id: str
    reason: str
    detail: str


def records(queue: pl.DataFrame, evidence: Evidence, said: Mapping[str, Said] | None = None) -> list[Record | Refused]:
    """A record, or a refusal, for each row of the queue, in its order.

    `said` has, by record_id, the answers that an adjudicator is shown.
    """
    ids = queue["plan_ids"].explode().unique().to_list()
    plans = {row["plan_id"]: row for row in evidence.plans.filter(pl.col("plan_id").is_in(ids)).iter_rows(named=True)}
    prompts = {row["prompt_id"]: row for row in evidence.prompts.iter_rows(named=True)}
    judged = queue["plan_ids"].list.first().to_list()
    outcomes = outcome_texts(judged, evidence)
    decisions = dict(measured(evidence.plan_scores).select("plan_id", "decision").iter_rows())
    found: list[Record | Refused] = []
    for row in queue.iter_rows(named=True):
        shown = [plans.get(id) for id in row["plan_ids"]]
        prompt = prompts.get(shown[0]["prompt_id"]) if shown[0] else None
        if refused := _unshowable(row, shown, prompt):
            found.append(refused)
            continue
        plan = plans[row["plan_ids"][0]]
        fields = _fields(row, plans, prompts[plan["prompt_id"]], outcomes.get(plan["plan_id"], NOT_TRIED))
        if said and row["record_id"] in said:
            answers = said_text(said[row["record_id"]], row["record_id"], letters(row), ShownPlan.of(plan), MAX_CHARS)
            fields[ANSWERS] = stored(answers)
        metadata = _metadata(row, plan, prompts[plan["prompt_id"]])
        suggested = SUGGESTED.get(decisions.get(plan["plan_id"], ""))
        found.append(_too_large(row, fields) or Record(row["record_id"], fields, metadata, suggested))
    return found


def letters(row: Mapping[str, Any]) -> dict[str, str]:
    """The plans to rank of a row of the queue by letter, in an order drawn from the record's id; empty for one plan.

    Their place in the row, where the judged plan is first, has no influence.
    """
    drawn = sorted(row["plan_ids"], key=lambda id: content_id("letter", record_id=row["record_id"], plan_id=id))
    return dict(zip(LETTERS, drawn, strict=False)) if len(drawn) > 1 else {}


def ranked(values: Iterable[Mapping[str, Any]], letters: Mapping[str, str]) -> list[dict[str, Any]]:
    """A ranking as the server has it (value, rank) as the answer that annotations hold, by rank, then by plan_id.

    The server wants a rank for every letter: those that were not shown are left out, and the ranks of the others count
    on from 1 without gaps. A letter without a rank, as a draft may have, is left out too.

    >>> ranked([{"value": "A", "rank": 3}, {"value": "B", "rank": 1}, {"value": "C", "rank": 2}], {"A": "p", "B": "q"})
    [{'plan_id': 'q', 'rank': 1}, {'plan_id': 'p', 'rank': 2}]
    """
    given = {letters[item["value"]]: item["rank"] for item in values if item["value"] in letters and item.get("rank")}
    place = {rank: i for i, rank in enumerate(sorted(set(given.values())), 1)}
    return [{"plan_id": id, "rank": place[rank]} for rank, id in sorted((rank, id) for id, rank in given.items())]


def _unshowable(
    row: Mapping[str, Any], shown: Sequence[Mapping[str, Any] | None], prompt: Mapping[str, Any] | None
) -> Refused | None:
    if len(row["plan_ids"]) > len(LETTERS):
        detail = f"found {len(row['plan_ids'])} plans to rank, wanted at most {len(LETTERS)}"
        return Refused(row["record_id"], TOO_MANY_PLANS, detail)
    if None in shown or prompt is None:
        return Refused(row["record_id"], UNKNOWN_PLAN, "a plan of the record, or its prompt, is not in the tables")
    return None


def _fields(
    row: Mapping[str, Any], plans: Mapping[str, Mapping[str, Any]], prompt: Mapping[str, Any], outcome: str
) -> dict[str, str | None]:
    to_rank = [f"Plan {letter}\n\n{render_plan(plans[id])}" for letter, id in letters(row).items()]
    return {
        PROMPT: stored(_conversation(prompt["messages"])),
        PLAN: ShownPlan.of(plans[row["plan_ids"][0]]).stored(),
        CANDIDATES: stored("\n\n".join(to_rank)) if to_rank else None,
        OUTCOME: stored(outcome),
    }


def _conversation(messages: Sequence[Mapping[str, str]]) -> str:
    """A prompt as text: what the user says where there is nothing else, otherwise each message under its role."""
    if [message["role"] for message in messages] == ["user"]:
        return messages[0]["content"]
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)


def _metadata(row: Mapping[str, Any], plan: Mapping[str, Any], prompt: Mapping[str, Any]) -> dict[str, str | int]:
    return {
        "source": one_line(prompt["source"], MAX_TERM),
        "task_family": one_line(prompt["task_family"], MAX_TERM),
        "n_steps": plan["n_steps"],
        "guideline_version": row["guideline_version"],
    }


def _too_large(row: Mapping[str, Any], fields: Mapping[str, str | None]) -> Refused | None:
    for name, value in fields.items():
        if value is not None and len(value) > MAX_CHARS:
            detail = f"{name}: found {len(value):,} characters, wanted at most {MAX_CHARS:,}"
            return Refused(row["record_id"], TOO_LARGE, detail)
    return None
