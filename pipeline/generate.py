"""Generate the rollouts that are owed: one row a sample, whether or not it came back.

`READS` the prompts and the plans that are shown; what is owed comes from `sampling` (to rate prompts) and `planning`
(to write and try plans). A failed sample is a row with `error_kind`; it counts as generated and is owed again only by
`coldstart retry rollouts`.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from pipeline import plugins
from pipeline.generators import NOT_RUN, Generate, Reply, Request, failed_reply
from pipeline.plan_schema import PLAN_SCHEMA, STRATEGIES_SCHEMA
from pipeline.plan_text import render_plan
from pipeline.planning import BLANK, STRATEGIES
from pipeline.template import Template
from schemas.ids import NONE, content_id
from schemas.tables import Plans, Prompts, Rollouts, polars_schema

READS = (Prompts, Plans)
WRITES = Rollouts

NO_REPLY = "no_reply"


class Config(BaseModel):
    """Which generator answers, in which role and in which words."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    kind: str
    generator: Any
    generator_id: str
    template: Template
    role: str = "target"
    n_strategies: int = 1


def failure(row: dict[str, Any]) -> str | None:
    """Why a row counts towards max_error_rate; a recording that has no more samples is not a failure."""
    kind = row["error_kind"]
    return None if kind in (None, NOT_RUN) else str(kind)


def work(owed: pl.DataFrame, prompts: pl.DataFrame, plans: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """Finished rollouts as they come back, as rows of the rollouts table.

    `owed` has rollout_id, prompt_id, arm, phase and sample_index; and, where they are not `BLANK`, plan_id,
    step_id, parent_id and the strategy that a plan should follow.
    """
    samples = [BLANK | sample for sample in owed.iter_rows(named=True)]
    requests = _requests(samples, prompts, plans, config)
    left = {sample["rollout_id"]: (sample, request) for sample, request in zip(samples, requests, strict=True)}
    for reply in _replies(requests, config):
        if asked := left.pop(reply.rollout_id, None):
            yield _row(*asked, reply, config)
    for sample, request in left.values():
        reply = failed_reply(request, NO_REPLY, "the generator gave no reply to this request")
        yield _row(sample, request, reply, config)


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


def _requests(
    samples: Sequence[Mapping[str, Any]], prompts: pl.DataFrame, plans: pl.DataFrame, config: Config
) -> list[Request]:
    ids = {sample["prompt_id"] for sample in samples}, {sample["plan_id"] for sample in samples}
    names = ["prompt_id", "source", "source_key", "messages"]
    asked = prompts.filter(pl.col("prompt_id").is_in(list(ids[0]))).select(names).iter_rows(named=True)
    prompt_of = {prompt["prompt_id"]: prompt for prompt in asked}
    shown = plans.filter(pl.col("plan_id").is_in(list(ids[1]))).iter_rows(named=True)
    plan_of = {plan["plan_id"]: render_plan(plan) for plan in shown}
    plan_of[NONE] = ""
    return [_request(s, prompt_of[s["prompt_id"]], plan_of[s["plan_id"]], config) for s in samples]


def _request(sample: Mapping[str, Any], prompt: Mapping[str, Any], plan: str, config: Config) -> Request:
    """One sample in the words of the template."""
    kind, fields, schema = sample["arm"], {}, None
    if kind == "write_plan":
        schema = PLAN_SCHEMA
        if sample["step_id"] == STRATEGIES:
            kind, fields, schema = "strategies", {"n": str(config.n_strategies)}, STRATEGIES_SCHEMA
        elif sample["strategy"]:
            kind, fields = "expand", {"strategy": sample["strategy"]}
    elif plan:
        kind, fields = "plan_only" if kind == "plan_only" else "execute", {"plan": plan}
    return Request(
        rollout_id=sample["rollout_id"],
        source=prompt["source"],
        source_key=prompt["source_key"],
        sample_index=sample["sample_index"],
        messages=config.template.messages(kind, prompt["messages"], **fields),
        response_schema=schema,
    )


def _row(sample: Mapping[str, Any], request: Request, reply: Reply, config: Config) -> dict[str, Any]:
    messages = reply.messages or request.messages
    failed = reply.error_kind is not None
    key = ("rollout_id", "prompt_id", "plan_id", "step_id", "parent_id", "arm", "phase", "sample_index")
    row = dict.fromkeys(polars_schema(Rollouts)) | {
        **{name: sample[name] for name in key},
        "role": config.role,
        "generator_id": config.generator_id,
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
