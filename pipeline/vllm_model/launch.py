"""Start vLLM as a recipe says, once a process: its servers live on from step to step, and end with us."""

import asyncio
import atexit
import json
import logging
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cache_folder import cache_folder
from pipeline.vllm_model.installation import Installation
from pipeline.vllm_model.last_error import explained
from pipeline.vllm_model.replica import Replica
from schemas.errors import BackendError, RecipeError

KEPT_LOGS = 20
POLL_S = 0.3

CPU_ENVIRONMENT: Mapping[str, str] = {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
"""Without these, vLLM takes 90 % of the memory, and fails on machines that do not tell how their cores are laid out."""


@dataclass(frozen=True)
class Launch:
    """What is started. Equal launches are one set of servers."""

    vllm: Installation
    arguments: tuple[str, ...]
    """Of the command line, for every replica."""
    gpus: tuple[tuple[str, ...], ...] = ((),)
    """For each replica the ids of its GPUs; without ids, it sees all that there are."""

    def competes(self, other: "Launch") -> bool:
        """Whether both want the same GPU, or one of them the machine as a whole."""
        ours, theirs = ({gpu for gpus in launch.gpus for gpu in gpus} for launch in (self, other))
        return not ours or not theirs or bool(ours & theirs)

    def command(self) -> list[str]:
        """What runs a replica, but for its port. The CPU build's own `vllm` program does not find its version."""
        module = "vllm.entrypoints.openai.api_server"
        return [self.vllm.python, "-P", "-m", module, *self.arguments, "--host", "127.0.0.1"]

    def environment(self, gpus: Sequence[str]) -> dict[str, str]:
        """That of one replica: ours, with what vLLM needs where the user did not say otherwise."""
        defaults = {"VLLM_NO_USAGE_STATS": "1"} | (dict(CPU_ENVIRONMENT) if self.vllm.is_cpu else {})
        chosen = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
        # Kernels are compiled with programs that lie beside its Python.
        path = os.pathsep.join([str(Path(self.vllm.python).parent), os.environ.get("PATH", os.defpath)])
        return defaults | os.environ | chosen | {"PATH": path}


class Servers:
    """The running replicas of a launch."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        logs = log_folder()
        started = time.strftime("%Y%m%d-%H%M%S")
        self.replicas = [
            Replica(launch.command(), launch.environment(gpus), port, logs / f"{started}-{port}.log")
            for gpus, port in zip(launch.gpus, _free_ports(len(launch.gpus)), strict=True)
        ]

    @property
    def urls(self) -> list[str]:
        """Where each replica is asked; it is there again where it had to be started again."""
        return [f"http://127.0.0.1:{replica.port}/v1" for replica in self.replicas]

    def failure(self) -> BackendError | RecipeError | None:
        """Why all replicas are gone for good; None while one of them is there or on its way."""
        failures = [replica.failure for replica in self.replicas]
        return failures[0] if all(failures) else None

    async def healthy(self, timeout_s: float) -> None:
        """Wait until every replica answers; raises the error of the first that cannot, or will not in time.

        One that did answer once, and is gone for good, is done without while another is there.
        """
        deadline = time.monotonic() + timeout_s
        for replica in self.replicas:
            while not await asyncio.to_thread(replica.is_healthy):
                if replica.failure is not None:
                    if replica.was_healthy and not self.failure():
                        break
                    raise replica.failure
                if time.monotonic() > deadline:
                    late = f"vLLM was not ready after start_timeout_s = {timeout_s:g} seconds"
                    raise explained(replica.log, late)
                await asyncio.sleep(POLL_S)

    @asynccontextmanager
    async def needed(self) -> AsyncIterator[None]:
        """A block that ends with the servers' own error where they are gone for good, instead of waiting for them."""
        try:
            async with asyncio.timeout(None) as limit:
                watch = asyncio.create_task(self._end_when_gone(limit))
                try:
                    yield
                finally:
                    watch.cancel()
        except (TimeoutError, BackendError):
            if failure := self.failure():
                raise failure from None
            raise

    async def _end_when_gone(self, limit: asyncio.Timeout) -> None:
        while self.failure() is None:
            await asyncio.sleep(POLL_S)
        limit.reschedule(asyncio.get_running_loop().time())

    def stop(self) -> None:
        """Stop all replicas; returns when none is left."""
        for replica in self.replicas:
            replica.ask_to_stop()
        for replica in self.replicas:
            replica.stop()


_running: dict[Launch, Servers] = {}
"""The servers of this process."""


async def servers(launch: Launch, start_timeout_s: float) -> Servers:
    """The healthy servers of a launch, started where this process has none; others on the same GPUs are stopped.

    Raises the error of a server that does not start, with the last error of its log.
    """
    for other in [one for one in _running if one.competes(launch)]:
        if other != launch or _running[other].failure():
            await asyncio.to_thread(_running.pop(other).stop)
    if launch not in _running:
        found = _running[launch] = Servers(launch)
        logs = " ".join(str(replica.log) for replica in found.replicas)
        logging.getLogger(__name__).info("vLLM starts, which takes a minute or, for large models, many; log: %s", logs)
    found = _running[launch]
    try:
        await found.healthy(start_timeout_s)
    except BaseException:
        _running.pop(launch).stop()
        raise
    return found


@atexit.register
def _stop_all() -> None:
    while _running:
        _running.popitem()[1].stop()


def flags(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Arguments of a command line: `max_model_len = 4096` is `--max-model-len 4096`, tables are JSON.

    >>> list(flags({"max_model_len": 4096, "enforce_eager": True, "rope": {"a": 1}, "language": ["en", "de"]}))
    ['--max-model-len', '4096', '--enforce-eager', '--rope', '{"a": 1}', '--language', 'en', 'de']
    >>> list(flags({"enable_prefix_caching": False}))
    ['--no-enable-prefix-caching']
    """
    for name, value in arguments.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{'' if value else 'no-'}{flag}"
        else:
            values = value if isinstance(value, list) else [value]
            yield from (f"--{flag}", *(one if isinstance(one, str) else json.dumps(one) for one in values))


def _free_ports(n: int) -> list[int]:
    """Ports that nothing listens on now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def log_folder() -> Path:
    """Where logs go: the newest few are kept, in the user's cache or, where that cannot be written, beside it."""
    folder = cache_folder() / "vllm"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="coldstart-vllm-"))
    for old in sorted(folder.glob("*.log"))[: -KEPT_LOGS + 1]:
        with suppress(OSError):
            old.unlink()
    return folder
