"""Which plan samples are wanted: strategies, the plans that expand them, and the trials that measure each plan.

All of it is for prompts that go on, in the phase `search`. A trial of a plan is read against two others of the same
executor: solving afresh without a plan, and solving with a plan of another prompt (the placebo). The leak test of a
plan asks for the answer without reasoning, with the plan (`plan_only`) and without one (`guess`).
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from operator import itemgetter
from typing import Any

import polars as pl

from pipeline.strategies import strategies
from pipeline.verify import correct
from schemas.ids import NONE, rollout_id
from schemas.recipe import PlanSettings
from schemas.tables import Rollouts, polars_schema

PHASE = "search"
STRATEGIES = "strategies"
"""The step_id of the write_plan rollout that lists strategies."""
MAX_PLACEBOS = 4
"""Plans of other prompts that one prompt's placebo samples are spread over."""

WANTED = {
    **{name: polars_schema(Rollouts)[name] for name in ("rollout_id", "prompt_id", "plan_id", "step_id", "parent_id")},
    "arm": pl.String,
    "phase": pl.String,
    "sample_index": polars_schema(Rollouts)["sample_index"],
    "strategy": pl.String,
}
"""Columns of what is wanted; `strategy` is the one that a plan should follow, null where it is free."""

BLANK: dict[str, Any] = {"plan_id": NONE, "step_id": NONE, "parent_id": None, "strategy": None}
"""What a wanted sample has where nothing else is said."""

_IS_EDIT = (pl.col("origin") == "person").fill_null(False)
"""Whether a person made the plan of another one."""

_Pools = dict[str | None, dict[int, list[tuple[str, ...]]]]
"""Plans to draw placebos from: see `_pools`."""


def wanted_recorded_plans(
    bands: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, planner: str
) -> pl.DataFrame:
    """The plan samples wanted of a planner that replays a recording: one a correct solve rollout of kept prompts.

    `parent_id` is the solve rollout that the plan was recorded with; both are sample i of their recording.
    """
    solved = (
        rollouts.filter(pl.col("arm") == "solve", pl.col("role") == "target")
        .join(correct(verdicts), on="rollout_id", how="semi")
        .join(_kept(bands), on="prompt_id", how="semi")
        .sort("prompt_id", "sample_index")
    )
    names = ["prompt_id", "sample_index", "rollout_id"]
    rows = [
        {"prompt_id": prompt, "arm": "write_plan", "phase": "screen", "sample_index": index, "parent_id": parent}
        for prompt, index, parent in solved.select(names).rows()
    ]
    return keyed(rows, planner)


def wanted_strategies(bands: pl.DataFrame, planner: str) -> pl.DataFrame:
    """One list of strategies for each prompt that is kept."""
    row = {"arm": "write_plan", "phase": PHASE, "step_id": STRATEGIES, "sample_index": 0}
    return keyed([{**row, "prompt_id": id} for id in _kept(bands)["prompt_id"]], planner)


def wanted_plans(bands: pl.DataFrame, rollouts: pl.DataFrame, planner: str, n: int) -> pl.DataFrame:
    """`n` plans for each prompt that is kept: plan i follows strategy i of its list, `parent_id`.

    Where fewer are listed they are followed again from the first; where none can be read, the planner is free.
    """
    listed = {
        row["prompt_id"]: (row["rollout_id"], strategies(row["text"] or ""))
        for row in rollouts.filter(generator_id=planner, step_id=STRATEGIES).iter_rows(named=True)
    }
    rows = []
    for prompt in _kept(bands)["prompt_id"]:
        parent, found = listed.get(prompt, (None, []))
        for i in range(n):
            row = {"prompt_id": prompt, "arm": "write_plan", "phase": PHASE, "sample_index": i, "parent_id": parent}
            rows.append(row | {"strategy": found[i % len(found)] if found else None})
    return keyed(rows, planner)


def wanted_trials(
    prompts: pl.DataFrame, plans: pl.DataFrame, choices: pl.DataFrame, executor: str, settings: PlanSettings
) -> pl.DataFrame:
    """The samples that measure each chosen plan: `execute` with it, and a `solve` and a `placebo` set a prompt.

    For each plan that `leak_test` names there is a `plan_only` set more, and for its prompt a `guess` set.

    A prompt's placebos are plans of up to `MAX_PLACEBOS` other prompts: of its family where there are any, never of its
    group, of like length first, and then as the ids have it, which are hashes, so that more prompts change few of them.
    A plan that people edited stands in only where its prompt has no other, so that edits change none of them.
    """
    kept = choices.filter(pl.col("kind") == "plan", pl.col("decision") == "kept")
    chosen = (
        plans.join(kept, left_on="plan_id", right_on="id", how="semi")
        .join(prompts.select("prompt_id", "group_id", "task_family"), on="prompt_id")
        .select("prompt_id", "plan_id", "n_steps", "group_id", "task_family", is_edit=_IS_EDIT)
        .sort("prompt_id", "plan_id")
    )
    by_origin = chosen.sort("prompt_id", "is_edit", "plan_id")
    one_each = by_origin.unique("prompt_id", keep="first", maintain_order=True).to_dicts()
    n, pools = settings.samples, _pools(one_each)
    rows = [_trial("execute", prompt, i, plan) for prompt, plan, *_ in chosen.rows() for i in range(n)]
    for row in one_each:
        rows += [_trial("solve", row["prompt_id"], i) for i in range(n)]
        foreign = _placebos(row, pools)
        for j, plan in enumerate(foreign):
            rows += [_trial("placebo", row["prompt_id"], i, plan) for i in range(len(range(j, n, len(foreign))))]
    return keyed([*rows, *_leak_test(chosen, settings)], executor)


def _leak_test(chosen: pl.DataFrame, settings: PlanSettings) -> Iterator[dict[str, Any]]:
    """The guesses with and without the plans whose leak test is wanted."""
    tested = {"none": chosen.clear(), "people": chosen.filter("is_edit"), "all": chosen}[settings.leak_test]
    for prompt in tested["prompt_id"].unique(maintain_order=True):
        yield from (_trial("guess", prompt, i) for i in range(settings.samples))
    for prompt, plan in tested.select("prompt_id", "plan_id").iter_rows():
        yield from (_trial("plan_only", prompt, i, plan) for i in range(settings.samples))


def _trial(arm: str, prompt_id: str, sample_index: int, plan_id: str = NONE) -> dict[str, Any]:
    """The key of one sample of a trial, but for its generator."""
    return {"arm": arm, "phase": PHASE, "prompt_id": prompt_id, "plan_id": plan_id, "sample_index": sample_index}


def _pools(plans: Iterable[Mapping[str, Any]]) -> _Pools:
    """One plan a prompt, (plan_id, group_id) in order of plan_id, by family (None: of any) and number of steps."""
    pools: _Pools = defaultdict(lambda: defaultdict(list))
    for plan in sorted(plans, key=itemgetter("plan_id")):
        for family in (plan["task_family"], None):
            pools[family][plan["n_steps"]].append((plan["plan_id"], plan["group_id"]))
    return pools


def _placebos(row: Mapping[str, Any], pools: _Pools) -> list[str]:
    """Plan ids of other prompts to show with this one: those that follow its own, and then the first ones."""

    def foreign(family: str | None) -> Iterator[str]:
        by_length = pools[family]
        for length in sorted(by_length, key=lambda n_steps: abs(n_steps - row["n_steps"])):
            pool = by_length[length]
            start = bisect(pool, (row["plan_id"],))
            for i in range(len(pool)):
                plan_id, group = pool[(start + i) % len(pool)]
                if group != row["group_id"]:
                    yield plan_id

    alike = list(islice(foreign(row["task_family"]), MAX_PLACEBOS))
    return alike or list(islice(foreign(None), MAX_PLACEBOS))


def _kept(bands: pl.DataFrame) -> pl.DataFrame:
    return bands.filter(pl.col("decision") == "kept").select("prompt_id").sort("prompt_id")


def keyed(rows: Iterable[dict[str, Any]], generator: str) -> pl.DataFrame:
    """Keys with their rollout_id, in the order of the table's columns that `generate` reads."""
    return pl.DataFrame([_with_id(BLANK | row, generator) for row in rows], schema=WANTED, orient="row")


def _with_id(row: dict[str, Any], generator: str) -> dict[str, Any]:
    key = {name: row[name] for name in ("arm", "phase", "plan_id", "step_id")}
    return row | {"rollout_id": rollout_id(row["prompt_id"], generator, row["sample_index"], **key)}
