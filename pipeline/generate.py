"""Generate the rollouts that are owed: one row a sample, whether or not it came back.

`READS` the prompts and the plans that are shown; what is owed comes from `sampling` (to rate prompts), `planning` (to
write and try plans) and `judging`. A failed sample is a row with `error_kind`; it counts as generated and is owed again
only by `coldstart retry rollouts`.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from pipeline import plugins
from pipeline.generators import NOT_RUN, Generate, Reply, Request, failed_reply
from pipeline.interrupts import Interrupts
from pipeline.judging import JUDGE, SCHEMA, Judging
from pipeline.plan_schema import PLAN_SCHEMA, STRATEGIES_SCHEMA
from pipeline.plan_text import render_plan
from pipeline.planning import BLANK, STRATEGIES
from pipeline.spending import Spending
from pipeline.template import Template
from schemas.ids import NONE, content_id
from schemas.tables import Plans, Prompts, Rollouts, polars_schema

READS = (Prompts, Plans)
WRITES = Rollouts

NO_REPLY = "no_reply"

SLICE = 1000
"""Owed samples that are put into words at once: more would only need memory."""

AHEAD = 256
"""Most replies that wait to be journalled."""

Asked = tuple[Mapping[str, Any], Request]
"""An owed sample and its request."""

_COLUMNS = list(polars_schema(Rollouts))
_COUNTS = ("n_prompt_tokens", "n_completion_tokens", "n_reasoning_tokens", "n_cached_tokens")
_KEPT = ("model", "seed", "mean_logprob", *_COUNTS)
_ANSWER = ("text", "reasoning", "tool_calls", "final_state")


class Config(BaseModel):
    """Which generator answers, in which role and in which words."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    kind: str
    generator: Any
    generator_id: str
    template: Template
    role: str = "target"
    n_strategies: int = 1
    judging: Judging | None = None
    """What judgements are asked with, where they are owed."""
    spending: Spending = Field(default_factory=Spending, exclude=True)


def failure(row: dict[str, Any]) -> str | None:
    """Why a row counts towards max_error_rate; a recording that has no more samples is not a failure."""
    kind = row["error_kind"]
    return None if kind in (None, NOT_RUN) else str(kind)


def work(owed: pl.DataFrame, prompts: pl.DataFrame, plans: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """Finished rollouts as they come back, as rows of the rollouts table; fewer where the budget ends before.

    `owed` has rollout_id, prompt_id, arm, phase and sample_index; and, where they are not `BLANK`, plan_id,
    step_id, parent_id and the strategy that a plan should follow. Samples of one prompt come in a row.
    """
    if owed.is_empty():
        return
    in_flight: dict[str, Asked] = {}

    def take() -> Iterator[Request]:
        for sample, request in asked(owed, prompts, plans, config):
            if config.spending.exhausted():
                return
            config.spending.asked()
            in_flight[request.rollout_id] = sample, request
            yield request

    requests = take()
    for reply in _replies(requests, config):
        if taken := in_flight.pop(reply.rollout_id, None):
            yield row(*taken, reply, config)
    deque(requests, maxlen=0)  # what the generator did not even take
    for sample, request in in_flight.values():
        reply = failed_reply(request, NO_REPLY, "the generator gave no reply to this request")
        yield row(sample, request, reply, config)


def _replies(requests: Iterable[Request], config: Config) -> Iterator[Reply]:
    """Replies one by one; where the caller stops early, what is in flight is cancelled and the generator closed.

    Ctrl-C does the same, after the replies that were there by then.
    """
    with asyncio.Runner() as runner:
        arrived: asyncio.Queue[Reply | None] = asyncio.Queue()
        asking = (loop := runner.get_loop()).create_task(_ask(requests, config, arrived))
        interrupts, is_over = Interrupts(lambda: loop.call_soon_threadsafe(asking.cancel)), False
        while not is_over:
            with interrupts.held():
                batch = runner.run(_next(arrived))
            is_over = batch[-1] is None
            yield from (reply for reply in batch if reply is not None)
        if interrupts.came:
            raise KeyboardInterrupt
        asking.result()


async def _ask(requests: Iterable[Request], config: Config, arrived: asyncio.Queue[Reply | None]) -> None:
    """Hand over every reply, then None. One task from opening to closing, as the time-outs of clients need it."""
    module = plugins.load("generators", config.kind)
    try:
        async with module.open_generator(config.generator) as generate:
            generate_replies: Generate = generate
            async for reply in generate_replies(requests):
                arrived.put_nowait(reply)
                if arrived.qsize() >= AHEAD:
                    await arrived.join()
    finally:
        arrived.put_nowait(None)


async def _next(arrived: asyncio.Queue[Reply | None]) -> list[Reply | None]:
    """What has arrived, at least one."""
    replies = [await arrived.get()]
    while not arrived.empty():
        replies.append(arrived.get_nowait())
    for _ in replies:
        arrived.task_done()
    return replies


def asked(owed: pl.DataFrame, prompts: pl.DataFrame, plans: pl.DataFrame, config: Config) -> Iterator[Asked]:
    """Each owed sample, as `owed` has it, with its request in the words of the template."""
    names = ["prompt_id", "source", "source_key", "messages", "verifier", "task"]
    for part in owed.iter_slices(SLICE):
        samples = [BLANK | sample for sample in part.iter_rows(named=True)]
        ids = [{sample[name] for sample in samples} for name in ("prompt_id", "plan_id")]
        named = prompts.filter(pl.col("prompt_id").is_in(list(ids[0]))).select(names).iter_rows(named=True)
        prompt_of = {prompt["prompt_id"]: prompt for prompt in named}
        shown = plans.filter(pl.col("plan_id").is_in(list(ids[1]))).iter_rows(named=True)
        plan_of = {plan["plan_id"]: render_plan(plan) for plan in shown} | {NONE: ""}
        for sample in samples:
            yield sample, _request(sample, prompt_of[sample["prompt_id"]], plan_of[sample["plan_id"]], config)


def _request(sample: Mapping[str, Any], prompt: Mapping[str, Any], plan: str, config: Config) -> Request:
    messages, schema = _words(sample, prompt, plan, config)
    return Request(
        rollout_id=sample["rollout_id"],
        source=prompt["source"],
        source_key=prompt["source_key"],
        sample_index=sample["sample_index"],
        messages=messages,
        response_schema=schema,
    )


def _words(
    sample: Mapping[str, Any], prompt: Mapping[str, Any], plan: str, config: Config
) -> tuple[list[dict[str, str]], Mapping[str, Any] | None]:
    """One sample in the words of the template, or of a judge, and the schema that its answer should follow."""
    kind, fields, schema = sample["arm"], {}, None
    if kind == JUDGE and config.judging:
        return config.judging.messages(sample["parent_id"], prompt), SCHEMA
    if kind == "write_plan":
        schema = PLAN_SCHEMA
        if sample["step_id"] == STRATEGIES:
            kind, fields, schema = "strategies", {"n": str(config.n_strategies)}, STRATEGIES_SCHEMA
        elif sample["strategy"]:
            kind, fields = "expand", {"strategy": sample["strategy"]}
    elif plan:
        kind, fields = "plan_only" if kind == "plan_only" else "execute", {"plan": plan}
    return config.template.messages(kind, prompt["messages"], **fields), schema


def row(sample: Mapping[str, Any], request: Request, reply: Reply, config: Config) -> dict[str, Any]:
    """The row of a sample that was asked for; it counts as spent."""
    config.spending.replied(reply)
    messages = reply.messages or request.messages
    failed = reply.error_kind is not None
    key = ("rollout_id", "prompt_id", "plan_id", "step_id", "parent_id", "arm", "phase", "sample_index")
    found = dict.fromkeys(_COLUMNS) | {
        **{name: sample[name] for name in key},
        "role": config.role,
        "generator_id": config.generator_id,
        "request_hash": content_id("request", messages=messages, generator_id=config.generator_id),
        "messages": messages,
        "finish_reason": "error" if failed else reply.finish_reason,
        "error_kind": reply.error_kind,
        "error": reply.error,
        "failed_attempts": list(reply.failed_attempts) or None,
    }
    found |= {name: getattr(reply, name) for name in _KEPT}
    if not failed:
        found |= {name: getattr(reply, name) for name in _ANSWER}
    return found
