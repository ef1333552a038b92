"""Generate the rollouts that are owed: one row a sample, whether or not it came back.

`READS` the prompts; what is owed comes from `sampling.wanted` (solve) or `wanted_plans` (write_plan). A failed sample
is a row with `error_kind`; it counts as generated and is owed again only by `coldstart retry rollouts`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from pipeline import plugins
from pipeline.generators import NOT_RUN, Generate, Reply, Request
from pipeline.verify import correct
from schemas.ids import content_id, rollout_id
from schemas.tables import Prompts, Rollouts, polars_schema

READS = (Prompts,)
WRITES = Rollouts

NO_REPLY = "no_reply"


class Config(BaseModel):
    """Which generator answers, in which role and arm."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    kind: str
    generator: Any
    generator_id: str
    role: str = "target"
    arm: str = "solve"


def failure(row: dict[str, Any]) -> str | None:
    """Why a row counts towards max_error_rate; a recording that has no more samples is not a failure."""
    kind = row["error_kind"]
    return None if kind in (None, NOT_RUN) else str(kind)


def wanted_plans(bands: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, planner: str) -> pl.DataFrame:
    """The plan samples wanted of a planner that replays a recording: one for each correct solve rollout
    of the target in the band.

    Columns rollout_id, prompt_id, sample_index and parent_id (the solve rollout that the plan was recorded with).
    """
    right = correct(verdicts)
    solved = (
        rollouts.filter(pl.col("arm") == "solve", pl.col("role") == "target")
        .join(right, on="rollout_id", how="semi")
        .join(bands.filter(pl.col("region") == "in_band"), on="prompt_id", how="semi")
        .sort("prompt_id", "sample_index")
    )
    ids = [rollout_id(p, planner, i, arm="write_plan") for p, i in solved.select("prompt_id", "sample_index").rows()]
    return solved.select(
        pl.Series("rollout_id", ids, dtype=pl.String), "prompt_id", "sample_index", parent_id="rollout_id"
    )


def work(owed: pl.DataFrame, prompts: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """Finished rollouts as they come back, as rows of the rollouts table."""
    requests = _requests(owed, prompts, config)
    parents = dict(owed.select("rollout_id", "parent_id").rows()) if "parent_id" in owed.columns else {}
    by_id = {request.rollout_id: request for request in requests}
    for reply in _replies(requests, config):
        if request := by_id.pop(reply.rollout_id, None):
            yield _row(request, reply, config, parents.get(reply.rollout_id))
    for request in by_id.values():
        reply = Reply(request.rollout_id, error_kind=NO_REPLY, error="the generator gave no reply to this request")
        yield _row(request, reply, config, parents.get(request.rollout_id))


def _replies(requests: Sequence[Request], config: Config) -> Iterator[Reply]:
    """Replies one by one; where the caller stops early, what is in flight is cancelled and the generator closed."""
    if not requests:
        return
    with asyncio.Runner() as runner:
        arrived: asyncio.Queue[Reply | None] = asyncio.Queue()
        asking = runner.get_loop().create_task(_ask(requests, config, arrived))
        while (reply := runner.run(_next(arrived))) is not None:
            yield reply
        asking.result()


async def _ask(requests: Sequence[Request], config: Config, arrived: asyncio.Queue[Reply | None]) -> None:
    """Hand over every reply, then None. One task from opening to closing, as the time-outs of clients need it."""
    module = plugins.load("generators", config.kind)
    try:
        async with module.open_generator(config.generator) as generate:
            generate_replies: Generate = generate
            async for reply in generate_replies(requests):
                arrived.put_nowait(reply)
                await arrived.join()
    finally:
        arrived.put_nowait(None)


async def _next(arrived: asyncio.Queue[Reply | None]) -> Reply | None:
    reply = await arrived.get()
    arrived.task_done()
    return reply


def _requests(owed: pl.DataFrame, prompts: pl.DataFrame, config: Config) -> list[Request]:
    asked = owed.join(prompts, on="prompt_id", how="left", maintain_order="left")
    names = ["rollout_id", "prompt_id", "source", "source_key", "sample_index", "messages"]
    return [Request(arm=config.arm, **row) for row in asked.select(names).iter_rows(named=True)]


def _row(request: Request, reply: Reply, config: Config, parent_id: str | None) -> dict[str, Any]:
    messages = reply.messages or request.messages
    failed = reply.error_kind is not None
    row = dict.fromkeys(polars_schema(Rollouts)) | {
        "rollout_id": request.rollout_id,
        "prompt_id": request.prompt_id,
        "plan_id": "",
        "step_id": "",
        "parent_id": parent_id,
        "arm": config.arm,
        "phase": "screen",
        "role": config.role,
        "generator_id": config.generator_id,
        "sample_index": request.sample_index,
        "request_hash": content_id("request", messages=messages, generator_id=config.generator_id),
        "messages": messages,
        "finish_reason": "error" if failed else reply.finish_reason,
        "error_kind": reply.error_kind,
        "error": reply.error,
    }
    names = ("model", "seed", "n_prompt_tokens", "n_completion_tokens", "n_reasoning_tokens", "mean_logprob")
    row |= {name: getattr(reply, name) for name in names}
    if not failed:
        row |= {name: getattr(reply, name) for name in ("text", "reasoning", "tool_calls", "final_state")}
    return row
