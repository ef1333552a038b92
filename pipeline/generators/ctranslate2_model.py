"""A model in this process, on CPU or GPU: CTranslate2 samples from any folder that it can convert.

Samples are fresh: every process draws its own random numbers, and there is no seed. What CTranslate2 computes depends
on what else is in a batch, so a seed would not repeat a run; it would only make its workers repeat each other. What is
promised is that a finished row stays as it is.
"""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any, Literal

from pydantic import Field

from pipeline.generators import Generate, Reply, Request, failed_reply
from pipeline.local_model.batches import Batch, Limits, make_batches
from pipeline.local_model.chat import Chat
from pipeline.local_model.completion import read_completion
from pipeline.local_model.folder import ModelFolder, find_model
from pipeline.local_model.model import Halt, Hardware, LocalModel, Sample, Sampling, loaded_model, usable_device
from schemas.errors import RecipeError
from schemas.ids import content_id
from schemas.messages import first_line
from schemas.recipe import SamplingSettings, identity_fields, mutable

BATCHES_TAKEN = 4
"""Requests that are taken at once, in full batches for each worker: of some that are alike, batches can be made."""

GENERATION_FAILED = "generation_failed"
"""The error_kind of samples on which the library failed, such as a batch that did not fit into memory."""


class Config(SamplingSettings):
    """A model folder in Hugging Face format with its CTranslate2 conversion, and how samples are drawn."""

    path: str = Field(
        description="The model's folder, relative to the recipe's `data` folder; other contents need another run.",
        json_schema_extra={"mutable": True, "path": True},
    )
    name: str = mutable("", "What rollouts call the model; empty: the name of its folder.")
    top_k: int = Field(0, ge=0, description="Sample from this many most probable tokens; 0: all of them.")
    chat_template_kwargs: dict[str, Any] = Field(
        {}, description="Values for the model's chat template, such as enable_thinking = false."
    )
    max_context: int | None = Field(
        None, ge=2, title="Max context", description="Longest prompt and answer together; empty: what the model allows."
    )
    device: Literal["auto", "cpu", "cuda"] = mutable("auto", "Where the model runs; auto: a GPU where there is one.")
    compute_type: Literal[
        "default", "auto", "float32", "float16", "bfloat16", "int16", "int8",
        "int8_float32", "int8_float16", "int8_bfloat16",
    ] = mutable("default", "Numbers to compute in; default: as converted, auto: the fastest here.")  # fmt: skip
    threads: int = mutable(0, "CPU threads; 0: one a core.", ge=0, le=1024)
    max_batch_size: int = mutable(
        64, "Most samples that a worker draws at once; fewer need less memory.", ge=1, le=4096
    )


def identity(config: Config) -> dict[str, Any]:
    """The model by the content of its files, how it is talked to and how samples are drawn; never where it stands.

    Raises RecipeError where the folder, the library or the device cannot be used as asked.
    """
    device = usable_device(_hardware(config))
    if device == "cuda" and config.top_p < 1 and not config.top_k:
        raise RecipeError(f"top_p = {config.top_p}: on a GPU the library needs top_k with it, such as top_k = 100")
    folder = find_model(config.path)
    chat = _chat(folder, folder.stamp())
    talk = content_id("chat", template=chat.template, end_ids=chat.end_ids, n_context=chat.n_context)
    return {"generator": "ctranslate2_model", "model": folder.digest(), "chat": talk, **identity_fields(config)}


def notice(config: Config) -> str:
    """What the NOTICE file in the model's folder says of all that the model makes; empty where there is none."""
    path = find_model(config.path).root / "NOTICE"
    return " ".join(path.read_text(encoding="utf-8", errors="replace").split()) if path.is_file() else ""


@asynccontextmanager
async def open_generator(config: Config) -> AsyncIterator[Generate]:
    """Sample in threads beside the event loop; the model is loaded once a process, and again where its files change."""
    folder = find_model(config.path)
    chat = _chat(folder, folder.stamp())
    model = loaded_model(folder, chat, _hardware(config))
    halt = Halt()
    sample = partial(_sample, halt=halt, model=model, config=config, name=config.name or folder.name)
    # One batch more than there are workers waits in the library, so that no worker waits for Python.
    pool = ThreadPoolExecutor(model.n_workers + 1, thread_name_prefix="ctranslate2")

    async def generate(requests: Iterable[Request]) -> AsyncIterator[Reply]:
        loop = asyncio.get_running_loop()
        rest = iter(requests)
        n_taken = BATCHES_TAKEN * config.max_batch_size * model.n_workers
        running: set[asyncio.Future[list[Reply]]] = set()
        try:
            while True:
                while len(running) <= model.n_workers and (taken := list(itertools.islice(rest, n_taken))):
                    limits = _limits(config, chat, math.ceil(len(taken) / model.n_workers))
                    failures, batches = await asyncio.to_thread(
                        make_batches, taken, chat, config.chat_template_kwargs, limits
                    )
                    for reply in failures:
                        yield reply
                    running |= {loop.run_in_executor(pool, sample, batch) for batch in batches}
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for work in done:
                    for reply in work.result():
                        yield reply
        finally:
            for work in running:
                work.cancel()

    try:
        yield generate
    finally:
        halt.set()
        pool.shutdown(cancel_futures=True)


def _sample(batch: Batch, *, halt: Halt, model: LocalModel, config: Config, name: str) -> list[Reply]:
    """One reply a request; those of a batch are there together."""
    sampling = Sampling(config.temperature, config.top_p, config.top_k, config.stop)
    try:
        return [_reply(sample, model.chat, config, name) for sample in model.samples(batch, sampling, halt)]
    except (RuntimeError, ValueError, MemoryError) as error:
        asked = itertools.chain.from_iterable(batch.requests)
        return [failed_reply(request, GENERATION_FAILED, first_line(error)) for request in asked]


def _reply(sample: Sample, chat: Chat, config: Config, name: str) -> Reply:
    said = read_completion(chat, sample.ids, stop=config.stop, opens_thinking=sample.prompt.opens_thinking)
    return Reply(
        sample.request.rollout_id,
        text=said.text,
        reasoning=said.reasoning,
        finish_reason=said.finish_reason,
        model=name,
        n_prompt_tokens=len(sample.prompt.tokens),
        n_completion_tokens=said.n_tokens,
        n_reasoning_tokens=said.n_reasoning_tokens,
        mean_logprob=sample.mean_logprob,
    )


def _hardware(config: Config) -> Hardware:
    return Hardware(config.device, config.compute_type, config.threads)


def _limits(config: Config, chat: Chat, n_each_worker: int) -> Limits:
    """Batches small enough that every worker has one."""
    known = [length for length in (config.max_context, chat.n_context) if length is not None]
    n_samples = max(1, min(config.max_batch_size, n_each_worker))
    return Limits(n_samples, config.max_tokens, min(known, default=None))


@lru_cache(maxsize=4)
def _chat(folder: ModelFolder, stamp: str) -> Chat:
    return Chat(folder.root)
