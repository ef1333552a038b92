"""vLLM inside this process, without a server: for one machine, run from vLLM's own environment.

Samples of a prompt share one request of the engine's. There is no seed: what vLLM computes depends on what else is in
a batch. What is promised is that a finished row stays as it is.
"""

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic import Field, JsonValue, field_validator

from pipeline.generators import Generate
from pipeline.vllm_model.checkpoint import Checkpoint, without
from schemas.errors import RecipeError
from schemas.ids import content_id
from schemas.recipe import SamplingSettings, identity_fields, mutable

OUR_SAMPLING = frozenset({"n", "temperature", "top_p", "top_k", "max_tokens", "stop", "logprobs"})
OUR_SAMPLING |= {"output_kind", "seed", "structured_outputs"}
"""Fields of SamplingParams that other settings decide, or that are decided here."""

INSTALL = (
    "build that with `make vllm-gpu` (without a GPU: `make vllm-cpu`) in Coldstart's folder and run from there: "
    ".vllm/bin/coldstart run RECIPE; or use kind = 'vllm_server', which runs from any environment"
)


class Config(Checkpoint, SamplingSettings):
    """A model that vLLM loads into this process, and how samples are drawn."""

    top_k: int = Field(0, ge=0, description="Sample from this many most probable tokens; 0: all of them.")
    sampling: dict[str, JsonValue] = Field(
        {}, description="More fields of vLLM's SamplingParams, such as min_p or repetition_penalty."
    )
    chat_template_kwargs: dict[str, JsonValue] = Field(
        {}, description="Values for the model's chat template, such as enable_thinking = false."
    )
    structured: Literal["json_schema", "off"] = Field(
        "json_schema", description="How plans are held to their schema: by what may be sampled, or not at all."
    )
    concurrency: int = mutable(2048, "Most samples in the engine at once; it computes as many of them as fit.", ge=1)
    logprobs: bool = mutable(False, "Ask for log-probabilities, for the mean of each answer.")

    @field_validator("sampling")
    @classmethod
    def _adds_sampling(cls, sampling: dict[str, JsonValue]) -> dict[str, JsonValue]:
        return without(sampling, OUR_SAMPLING)


def identity(config: Config) -> dict[str, Any]:
    """The model, by name and revision or by its files, vLLM's arguments and how samples are drawn; never a place.

    Raises RecipeError where vLLM is not in this environment, or the model's folder is not there.
    """
    if importlib.util.find_spec("vllm") is None:
        raise RecipeError(f"vllm_engine runs inside vLLM's own environment, and this is another one; {INSTALL}")
    return {"generator": "vllm_engine", **identity_fields(config), **config.identified()}


def notice(config: Config) -> str:
    """What the NOTICE file in the model's folder says of all that the model makes; empty where there is none."""
    return config.notice()


@asynccontextmanager
async def open_generator(config: Config) -> AsyncIterator[Generate]:
    """Ask the engine of this process, which is started where there is none for these settings.

    Raises RecipeError or BackendError with vLLM's last error where it does not start, `generate` where it dies.
    """
    identified = identity(config)
    from pipeline.vllm_model.running import is_cpu_build, running
    from pipeline.vllm_model.sampling import Sampler
    from pipeline.vllm_model.stream import Stream

    contents = content_id("model", **{name: identified[name] for name in ("model", "revision")})
    arguments = config.all_arguments(is_cpu=is_cpu_build(), disable_log_stats=True)
    engine = await running(config.location, arguments, contents)
    is_held = config.structured != "off"
    sampler = Sampler(engine, config.name, _sampling(config), config.chat_template_kwargs, is_held)
    yield Stream(sampler, config.concurrency, draws=config.temperature > 0).generate


def _sampling(config: Config) -> dict[str, Any]:
    chosen = {name: getattr(config, name) for name in ("temperature", "top_p", "top_k", "max_tokens", "stop")}
    return {**config.sampling, **chosen, "logprobs": 0 if config.logprobs else None}
