"""vLLM inside this process, without a server: for one machine, run from vLLM's own environment.

Samples of a prompt share one request of the engine's. There is no seed: what vLLM computes depends on what else is in
a batch. What is promised is that a finished row stays as it is.
"""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from pydantic import Field, JsonValue, field_validator

from pipeline.generators import Generate, Reply, Request, samples_by_prompt
from pipeline.served_model.checkpoint import Checkpoint
from schemas.errors import BackendError, RecipeError
from schemas.ids import content_id
from schemas.recipe import identity_fields, mutable

OURS = frozenset({"model", "revision", "served_model_name"})
"""Arguments that other settings decide."""

OUR_SAMPLING = frozenset({"n", "temperature", "top_p", "top_k", "max_tokens", "stop", "logprobs"})
OUR_SAMPLING |= {"output_kind", "seed", "structured_outputs"}
"""Fields of SamplingParams that other settings decide, or that are decided here."""

DEFAULTS: dict[str, Any] = {
    # Weak models else fill their budget with JSON white space.
    "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    "disable_log_stats": True,
}
CPU_DEFAULTS: dict[str, Any] = {"enforce_eager": True}  # compiling takes longer than it saves

MAX_TOGETHER = 64
"""Most samples in one request of the engine's: they come back when the slowest is done."""

INSTALL = (
    "build that with `make vllm-gpu` (without a GPU: `make vllm-cpu`) in Coldstart's folder and run from there: "
    ".vllm/bin/coldstart run RECIPE; or use kind = 'vllm_server', which runs from any environment"
)


class Config(Checkpoint):
    """A model that vLLM loads into this process, and how samples are drawn."""

    temperature: float = Field(
        1.0, ge=0, le=10, description="Sampling temperature; 0, the most probable token, only for planners and judges."
    )
    top_p: float = Field(1.0, gt=0, le=1, description="Sample from the most probable tokens of this total probability.")
    top_k: int = Field(0, ge=0, description="Sample from this many most probable tokens; 0: all of them.")
    max_tokens: int = Field(2048, ge=1, description="Longest answer in tokens, thinking included.")
    stop: list[Annotated[str, Field(min_length=1)]] = Field(
        [], max_length=16, description="Strings that end an answer and are cut off, inside thinking too."
    )
    sampling: dict[str, JsonValue] = Field(
        {}, description="More fields of vLLM's SamplingParams, such as min_p or repetition_penalty."
    )
    chat_template_kwargs: dict[str, JsonValue] = Field(
        {}, description="Values for the model's chat template, such as enable_thinking = false."
    )
    structured: bool = Field(True, description="Hold plans to their schema.")
    arguments: dict[Annotated[str, Field(pattern=r"^[a-zA-Z][\w.-]*$")], JsonValue] = Field(
        {},
        description="Arguments of vLLM's engine, as on its command line, such as max_model_len = 16384 or "
        "reasoning_parser = 'qwen3'; true and false switch a flag on and off.",
    )
    concurrency: int = mutable(2048, "Most samples in the engine at once; it computes as many of them as fit.", ge=1)
    logprobs: bool = mutable(False, "Ask for log-probabilities, for the mean of each answer.")

    @field_validator("arguments")
    @classmethod
    def _adds(cls, arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
        return _without({name.replace("-", "_"): value for name, value in arguments.items()}, OURS)

    @field_validator("sampling")
    @classmethod
    def _adds_sampling(cls, sampling: dict[str, JsonValue]) -> dict[str, JsonValue]:
        return _without(sampling, OUR_SAMPLING)


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
    from pipeline.vllm_model.running import running
    from pipeline.vllm_model.sampling import Sampler

    contents = content_id("model", **{name: identified[name] for name in ("model", "revision")})
    engine = await running(config.location, _arguments(config), contents)
    sampler = Sampler(engine, config.name, _sampling(config), config.chat_template_kwargs, config.structured)

    async def generate(requests: Iterable[Request]) -> AsyncIterator[Reply]:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Future[list[Reply]]] = asyncio.Queue()
        in_flight: dict[Future[list[Reply]], int] = {}
        died: BackendError | None = None

        def tell(future: "Future[list[Reply]]") -> None:
            with suppress(RuntimeError):  # nobody listens any more
                loop.call_soon_threadsafe(arrived.put_nowait, future)

        parts = _parts(requests, config)
        try:
            while True:
                while died is None and sum(in_flight.values()) < config.concurrency and (part := next(parts, None)):
                    future = engine.submit(sampler.replies(part))
                    in_flight[future] = len(part)
                    future.add_done_callback(tell)
                if not in_flight:
                    break
                del in_flight[future := await arrived.get()]
                if isinstance(error := future.exception(), BackendError):
                    died = error
                    continue
                for reply in future.result():
                    yield reply
        finally:
            for future in in_flight:
                future.cancel()
        if died is not None:
            raise died

    yield generate


def _parts(requests: Iterable[Request], config: Config) -> Iterator[list[Request]]:
    """Samples of one prompt that are asked for together; vLLM refuses several equal answers."""
    n_most = min(MAX_TOGETHER, config.concurrency) if config.temperature > 0 else 1
    for group in samples_by_prompt(requests):
        for start in range(0, len(group), n_most):
            yield group[start : start + n_most]


def _arguments(config: Config) -> dict[str, Any]:
    """Those of the recipe, and what it leaves open."""
    from pipeline.vllm_model.running import is_cpu_build

    defaults = DEFAULTS | (CPU_DEFAULTS if is_cpu_build() else {})
    named = {"revision": config.revision} if config.revision else {}
    return defaults | named | config.arguments


def _sampling(config: Config) -> dict[str, Any]:
    chosen = {name: getattr(config, name) for name in ("temperature", "top_p", "top_k", "max_tokens", "stop")}
    return {**config.sampling, **chosen, "logprobs": 0 if config.logprobs else None}


def _without(given: dict[str, JsonValue], taken: frozenset[str]) -> dict[str, JsonValue]:
    if found := sorted(taken & given.keys()):
        raise ValueError(f"{', '.join(found)} cannot be set here: it is decided by the other settings or by Coldstart")
    return given
