"""vLLM on this machine: started from its own environment, asked over HTTP on loopback, and stopped at the end."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from pipeline.generators import Generate
from pipeline.served_model.client import open_servers
from pipeline.served_model.settings import ServedSettings
from pipeline.vllm_model.checkpoint import Checkpoint
from pipeline.vllm_model.installation import Installation, installation
from pipeline.vllm_model.launch import Launch, flags, servers
from schemas.errors import RecipeError
from schemas.recipe import identity_fields, mutable

SHUTDOWN_TIMEOUT_S = 20
"""Without one, a request that is in flight when vLLM stops hangs until its own time-out."""


class Config(Checkpoint, ServedSettings):
    """A model that vLLM loads, how it is served, and how samples are drawn."""

    python: str = mutable("", "The Python of an environment with vLLM; empty: the one that `make vllm-gpu` built.")
    gpus: list[int | str] = mutable([], "Ids of the GPUs to use, as CUDA_VISIBLE_DEVICES has them; empty: all.")
    replicas: int = mutable(1, "Servers, between which the GPUs are divided evenly.", ge=1, le=64)
    start_timeout_s: float = mutable(
        1800, "Longest time to load the model, a first download included, in seconds.", gt=0, le=86_400
    )


def identity(config: Config) -> dict[str, Any]:
    """The model, by name and revision or by its files, vLLM's arguments and how samples are drawn; never a place.

    Raises RecipeError where vLLM, the model's folder or the GPUs are not there.
    """
    _launch(config)
    return {"generator": "vllm_server", **identity_fields(config), **config.identified()}


def notice(config: Config) -> str:
    """What the NOTICE file in the model's folder says of all that the model makes; empty where there is none."""
    return config.notice()


@asynccontextmanager
async def open_generator(config: Config) -> AsyncIterator[Generate]:
    """Ask vLLM, which is started where this process has none for these settings, and again where it dies.

    Raises BackendError or RecipeError with its log's last error where it does not start or keeps dying. A server that
    is started again is waited for as long as a start may take.
    """
    running = await servers(_launch(config), config.start_timeout_s)
    settings = config.model_copy(update={"patience_s": max(config.patience_s, config.start_timeout_s)})
    async with running.needed(), open_servers(running.urls, config.name, settings) as generate:
        yield generate


def _launch(config: Config) -> Launch:
    vllm = installation(config.python)
    if vllm.is_cpu and config.gpus:
        raise RecipeError("gpus: this vLLM is the build for CPUs; leave gpus out, or install the other: make vllm-gpu")
    gpus = [()] * config.replicas if vllm.is_cpu else _shares(config)
    arguments = _arguments(config, vllm, len(gpus[0]))
    return Launch(
        vllm, ("--model", config.location, "--served-model-name", config.name, *flags(arguments)), tuple(gpus)
    )


def _arguments(config: Config, vllm: Installation, n_gpus: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"uvicorn_log_level": "warning"}  # a line a request would fill the disk
    if vllm.knows("shutdown_timeout"):
        defaults["shutdown_timeout"] = SHUTDOWN_TIMEOUT_S
    if n_gpus > 1 and not any(name.endswith("_parallel_size") for name in config.arguments):
        defaults["tensor_parallel_size"] = n_gpus
    return config.all_arguments(is_cpu=vllm.is_cpu, **defaults)


def _shares(config: Config) -> list[tuple[str, ...]]:
    """The GPUs of each replica."""
    gpus = [str(gpu) for gpu in config.gpus] or visible_gpus()
    if not gpus and config.replicas == 1:
        return [()]  # vLLM itself says what it finds
    n_each, left = divmod(len(gpus), config.replicas)
    if left or not n_each:
        raise RecipeError(
            f"replicas = {config.replicas}: {len(gpus)} GPUs ({', '.join(gpus)}) cannot be divided evenly between "
            "them; mend `replicas` or `gpus`"
        )
    return [tuple(gpus[at : at + n_each]) for at in range(0, len(gpus), n_each)]


def visible_gpus() -> list[str]:
    """Ids of the GPUs that this process may use, as far as the environment or nvidia-smi knows them."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [gpu.strip() for gpu in named.split(",") if gpu.strip()]
    return list(_gpus())


@cache
def _gpus() -> tuple[str, ...]:
    """All that the driver knows of; none where there is no driver."""
    if shutil.which("nvidia-smi") is None:
        return ()
    asked = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return tuple(done.stdout.split()) if done.returncode == 0 else ()
