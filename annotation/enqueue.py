"""Choose the plans that people are asked about, within a budget, each with its reason.

What was asked stays asked, whatever changed since: people may have answered it. A larger budget adds records, a smaller
one takes none away. The budget is that of one version of the guidelines: under another version plans are asked anew.

A plan can be asked about where it was read, is kept and was measured. The plans fall into three pools, so that what
one takes changes nothing for the others:

    gold      plans whose answers are known: up to `gold_share` of the records
    control   the share `random_share` of all other plans, drawn by hash: they are asked in the order of their hashes,
              and for no other reason, so that they are a fair sample of all plans however often the budget grows
    the rest  asked in turn by three criteria; one that finds nothing leaves its turns to the others

The criteria are `uncertain_uplift` (what is lost in expectation by trusting the sign of the measured uplift),
`disagreement` (executions that one verifier calls right and another wrong) and `new_strategy` (the structure and the
strategy that were asked about least).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import ndtr, ndtri

from annotation.gold import GoldItem
from annotation.outcomes import measured
from pipeline.verify import latest
from schemas.annotation import Annotate
from schemas.ids import content_id, record_id
from schemas.settings import Settings
from schemas.tables import Choices, Plans, PlanScores, Queue, Rollouts, Verdicts, frame_of

READS = (Queue, Plans, Choices, PlanScores, Rollouts, Verdicts)
WRITES = Queue

GOLD, RANDOM, UNCERTAIN = "gold", "random", "uncertain_uplift"
DISAGREEMENT, NEW_STRATEGY = "disagreement", "new_strategy"
IN_TURN = (UNCERTAIN, DISAGREEMENT, NEW_STRATEGY)

SINGLE, RANKED, ADJUDICATION = "single", "ranking", "adjudication"

DECIMALS = 9
"""Losses are rounded to so many places, so that equal ones are equal on every machine."""

_SEEN, _PROMPT = 1 << 20, 1 << 42
_NEVER = np.iinfo(np.int64).max // 2
"""Parts of a place in an order: its rank, how often the like was asked, how often the prompt was; and no place."""


class Config(Settings):
    """How much people are asked, and by which guidelines."""

    records: int = Field(0, ge=0, description="Most records under these guidelines.")
    random_share: float = Field(0.1, ge=0, le=1, description="Share of the records that is drawn at random.")
    gold_share: float = Field(0.05, ge=0, le=1, description="Most records with known answers, as a share of all.")
    candidates: int = Field(4, ge=1, le=4, description="Most plans of a prompt in one record.")
    guideline_version: str = Field(description="Version of the guidelines.")
    gold_items: tuple[GoldItem, ...] = Field((), description="Plans with known answers.")


def config_of(annotate: Annotate, guideline_version: str, gold_items: Iterable[GoldItem] = ()) -> Config:
    """The part of a recipe's settings that decides what people see, with what was read from its files."""
    shared = annotate.model_dump(include={"records", "random_share", "gold_share", "candidates"})
    return Config(**shared, guideline_version=guideline_version, gold_items=tuple(gold_items))


def run(  # noqa: PLR0913 (the frames of READS)
    queue: pl.DataFrame, plans: pl.DataFrame, choices: pl.DataFrame, plan_scores: pl.DataFrame,
    rollouts: pl.DataFrame, verdicts: pl.DataFrame, config: Config,
) -> pl.DataFrame:  # fmt: skip
    """The queue as it was with the records that the budget adds, sorted by record_id; no plan is judged in two of them.

    A record shows the plans of its prompt that differ most from the judged one in uplift, where there are any.
    """
    under = queue.filter(pl.col("guideline_version") == config.guideline_version)
    asked = [
        (ids[0], reason)
        for ids, kind, reason in under.select("plan_ids", "kind", "reason").iter_rows()
        if kind != ADJUDICATION
    ]
    found = _with_loss(askable(plans, choices, plan_scores))
    rows = found.join(_disagreements(rollouts, verdicts), on="plan_id", how="left").sort("draw").to_dicts()
    gold = {item.plan_id: item for item in config.gold_items}
    beside: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        beside[row["prompt_id"]].append(row)
    new = [
        _record(
            row, _beside(row, beside[row["prompt_id"]], config.candidates), reason, gold.get(row["plan_id"]), config
        )
        for row, reason in _chosen(rows, asked, gold.keys(), config)
    ]
    return pl.concat([queue, frame_of(Queue, new)]).sort("record_id")


def askable(plans: pl.DataFrame, choices: pl.DataFrame, plan_scores: pl.DataFrame) -> pl.DataFrame:
    """The plans that people can be asked about, with what their order depends on; one row a plan.

    Of a plan that was measured more than once, the measurement with the most executions counts. `draw` is a hash of
    the plan's id, which decides between equals.
    """
    kept = choices.filter(kind="plan", decision="kept").select(pl.col("id").alias("plan_id"), "structure_key")
    found = plans.filter(status="parsed").select("plan_id", "prompt_id", pl.col("strategy").str.to_lowercase())
    found = found.join(kept, on="plan_id")
    found = found.join(measured(plan_scores), on="plan_id").sort("plan_id")
    draws = [content_id("draw", plan_id=id) for id in found["plan_id"]]
    return found.with_columns(draw=pl.Series(draws, dtype=pl.String))


def not_askable(
    gold: Iterable[GoldItem], plans: pl.DataFrame, choices: pl.DataFrame, plan_scores: pl.DataFrame
) -> list[str]:
    """Ids of the plans with known answers that people cannot be asked about."""
    known = plans.filter(pl.col("plan_id").is_in([item.plan_id for item in gold]))
    return known.join(askable(known, choices, plan_scores), on="plan_id", how="anti")["plan_id"].to_list()


def _with_loss(plans: pl.DataFrame) -> pl.DataFrame:
    """Adds `loss`: the uplift lost in expectation where an undecided plan is judged by the sign of its uplift.

    The uplift is taken as normal, with its standard error, and above 0 with `p_positive`. The loss is largest where the
    sign is a toss-up *and* the error is large: a plan that surely does nothing is no question for people.
    Source: the unit normal loss of Raiffa and Schlaifer 1961, chapter 5.
    """
    z = np.abs(ndtri(plans["p_positive"].fill_null(0.5).to_numpy().clip(1e-12, 1 - 1e-12)))
    unit = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) - z * ndtr(-z)
    loss = pl.Series((unit * plans["uplift_se"].to_numpy()).round(DECIMALS), dtype=pl.Float64)
    return plans.with_columns(loss=pl.when(pl.col("decision") == "undecided").then(loss))


def _disagreements(rollouts: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Plans with executions that two verifiers judge differently: plan_id, n_disagree and its share.

    Only right against wrong counts: what a verifier could not judge contradicts nobody.
    """
    executed = rollouts.filter(arm="execute").select("rollout_id", "plan_id")
    judged = latest(verdicts).filter(pl.col("outcome") != "undecided").join(executed, on="rollout_id")
    several = (
        judged.group_by("plan_id", "rollout_id")
        .agg(pl.col("verifier").n_unique(), differ=pl.col("outcome").n_unique() > 1)
        .filter(pl.col("verifier") > 1)
    )
    counted = several.group_by("plan_id").agg(n_disagree=pl.col("differ").sum(), share=pl.col("differ").mean())
    return counted.filter(pl.col("n_disagree") > 0)


class _Order:
    """The plans that one reason may ask about: first those of the prompts that it asked least, then by their rank."""

    def __init__(self, ranked: Sequence[int], n: int) -> None:
        self.place: NDArray[np.int64] = np.full(n, _NEVER, np.int64)
        self.place[np.array(ranked, int)] = np.arange(len(ranked))

    def next(self) -> int | None:
        """The plan that comes first, by its index; None where none is left."""
        first = int(self.place.argmin()) if self.place.size else 0
        return first if self.place.size and self.place[first] < _NEVER else None

    def put_back(self, like: NDArray[np.int64], step: int) -> None:
        """Move plans behind those of which fewer were asked."""
        self.place[like] += np.where(self.place[like] < _NEVER, step, 0)


class _Asking:
    """The orders of all reasons, kept in step: a plan that is asked for one reason is asked for no other."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], gold: Iterable[str], random_share: float) -> None:
        self.rows, self.of_reason = rows, Counter[str]()
        self.index = {row["plan_id"]: i for i, row in enumerate(rows)}
        self.like = {name: _groups(rows, name) for name in ("prompt_id", "structure_key", "strategy")}
        known = {self.index[id] for id in gold if id in self.index}
        others = [i for i in range(len(rows)) if i not in known]
        n_control = math.ceil(len(others) * random_share - 1e-9)
        rest = others[n_control:]
        losses, disputes = ([i for i in rest if rows[i][name] is not None] for name in ("loss", "n_disagree"))
        ranked = {
            GOLD: sorted(known),
            RANDOM: others[:n_control],
            UNCERTAIN: sorted(losses, key=lambda i: -rows[i]["loss"]),
            DISAGREEMENT: sorted(disputes, key=lambda i: (-rows[i]["n_disagree"], -rows[i]["share"])),
            NEW_STRATEGY: rest,
        }
        self.orders = {reason: _Order(indices, len(rows)) for reason, indices in ranked.items()}

    def ask(self, plan_id: str, reason: str) -> None:
        """Note that a plan is asked about."""
        self.of_reason[reason] += 1
        if (i := self.index.get(plan_id)) is None:
            return
        row = self.rows[i]
        if reason in self.orders and reason != RANDOM:
            self.orders[reason].put_back(self.like["prompt_id"][row["prompt_id"]], _PROMPT)
        for name in ("structure_key", "strategy"):
            if row[name] is not None:
                self.orders[NEW_STRATEGY].put_back(self.like[name][row[name]], _SEEN)
        for order in self.orders.values():
            order.place[i] = _NEVER

    def next(self, reasons: Iterable[str]) -> tuple[str, int] | None:
        """The first of several reasons that finds a plan, and the plan; None where none does."""
        return next(((reason, i) for reason in reasons if (i := self.orders[reason].next()) is not None), None)


def _groups(rows: Sequence[Mapping[str, Any]], name: str) -> dict[str, NDArray[np.int64]]:
    found: dict[str, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        if row[name] is not None:
            found[row[name]].append(i)
    return {value: np.array(indices, np.int64) for value, indices in found.items()}


def _chosen(
    rows: Sequence[dict[str, Any]], asked: Sequence[tuple[str, str]], gold: Iterable[str], config: Config
) -> Iterator[tuple[dict[str, Any], str]]:
    """The plans that are asked about beside those that were, each with its reason."""
    asking = _Asking(rows, gold, config.random_share)
    for plan_id, reason in asked:
        asking.ask(plan_id, reason)
    of_reason = asking.of_reason
    wanted = {
        GOLD: math.floor(config.records * config.gold_share + 1e-9),
        RANDOM: round(config.records * config.random_share),
    }
    for _ in range(config.records - len(asked)):
        shares = [reason for reason, n in wanted.items() if of_reason[reason] < n]
        turns = sorted(IN_TURN, key=lambda reason: of_reason[reason])
        if (found := asking.next([*shares, *turns, RANDOM])) is None:
            return
        reason, i = found
        asking.ask(rows[i]["plan_id"], reason)
        yield rows[i], reason


def _beside(judged: Mapping[str, Any], plans: Sequence[Mapping[str, Any]], candidates: int) -> list[str]:
    """Ids of the plans that a plan is ranked with: always the one whose uplift is farthest from those taken so far."""
    left = {row["plan_id"]: row["uplift"] for row in plans if row["plan_id"] != judged["plan_id"]}
    taken = [judged["uplift"]]
    ids: list[str] = []
    while left and len(taken) < candidates:
        ids.append(max(left, key=lambda id: round(min(abs(left[id] - uplift) for uplift in taken), DECIMALS)))
        taken.append(left.pop(ids[-1]))
    return ids


def _record(
    judged: Mapping[str, Any], beside: Sequence[str], reason: str, gold: GoldItem | None, config: Config
) -> dict[str, Any]:
    """A row of the queue; one with known answers looks like any other, also in the plans that it shows."""
    kind = GOLD if reason == GOLD else RANKED if beside else SINGLE
    plan_ids = [judged["plan_id"], *beside]
    return {
        "record_id": record_id(plan_ids, kind, config.guideline_version),
        "plan_ids": plan_ids,
        "kind": kind,
        "reason": reason,
        "gold": gold.answers() if gold and reason == GOLD else None,
        "guideline_version": config.guideline_version,
    }
