"""Keep one vLLM engine in this process: in a thread with a loop of its own, from step to step, until the end.

An engine belongs to the loop that it was made in, and every step of a run has a new one. What calculates is a process
of vLLM's; a warden ends it where ours dies without a chance to.
"""

import asyncio
import atexit
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pipeline.hostile import one_line
from pipeline.vllm_model import warden
from pipeline.vllm_model.installation import installation
from pipeline.vllm_model.last_error import explained
from pipeline.vllm_model.launch import CPU_ENVIRONMENT, flags, log_folder
from schemas.errors import CurationError, RecipeError

POLL_S = 0.2

GRACE_S = 30.0
"""Time that the engine's processes have to end by themselves."""

T = TypeVar("T")


@dataclass
class Running:
    """An engine and the thread that it lives in."""

    key: str
    """What two equal engines share."""
    log: Path
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    llm: Any = None
    """The AsyncLLM; only to be used from its own loop."""
    reasoning_parser: str = ""
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    def submit(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start work in the engine's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    @property
    def is_usable(self) -> bool:
        """Whether it has not died."""
        return self.llm is not None and not self.llm.errored

    def stop(self) -> None:
        """End the engine's processes; returns when they are gone."""
        if self.llm is not None:
            self.llm.shutdown(timeout=GRACE_S)
            self.llm = None
        self.loop.call_soon_threadsafe(self.is_over.set)

    def serve(self) -> None:
        """What the thread does, until it is stopped."""
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self.is_over.wait())


_running: list[Running] = []
"""The engine of this process, where there is one: two would fight for the memory."""


async def running(model: str, arguments: Mapping[str, Any], contents: str) -> Running:
    """The engine for a model with arguments of vLLM's command line, started where it is not there.

    `contents` tells the model's files apart. Raises RecipeError or BackendError with vLLM's own last error where it
    does not start.
    """
    key = json.dumps([model, dict(arguments), contents], sort_keys=True)
    if _running and _running[0].key == key and _running[0].is_usable:
        return _running[0]
    await asyncio.to_thread(_stop)
    found = Running(key, _prepared())
    found.log.write_bytes(b"")  # errors of another engine would be taken for its own
    logging.getLogger(__name__).info("vLLM starts in this process; log: %s", found.log)
    threading.Thread(target=found.serve, name="vllm", daemon=True).start()
    starting = found.submit(_start(found, model, arguments))
    _running.append(found)
    while not starting.done():
        await asyncio.sleep(POLL_S)
        _put_under_warden()
    if error := starting.exception():
        raise error if isinstance(error, CurationError) else explained(found.log, "vLLM did not start")
    return found


async def _start(found: Running, model: str, arguments: Mapping[str, Any]) -> None:
    try:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.async_llm import AsyncLLM

        args = AsyncEngineArgs.from_cli_args(_parsed(["--model", model, *flags(arguments)]))
        found.reasoning_parser = args.reasoning_parser or ""
        # The defaults for much at a time; those without a name are for no machine in particular.
        found.llm = AsyncLLM.from_engine_args(args, usage_context=UsageContext.LLM_CLASS)
    except Exception:
        with found.log.open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        raise


def _parsed(command: list[str]) -> Any:
    """Arguments as vLLM itself reads them."""
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    class Parser(FlexibleArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise RecipeError(f"arguments: {one_line(message, 300)}; wanted arguments of vLLM's engine")

    return AsyncEngineArgs.add_cli_args(Parser()).parse_args(command)


def is_cpu_build() -> bool:
    """Whether the vLLM of this environment is the build for CPUs."""
    return installation(sys.executable).is_cpu


@cache
def _prepared() -> Path:
    """Set vLLM's environment, once and before it is imported, where the user did not; the file that its log goes to."""
    log = log_folder() / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    # Ours has threads, which a forked process would lack.
    os.environ.setdefault("VLLM_WORKER_MULTIPROCESSING_METHOD", "spawn")
    for name, value in CPU_ENVIRONMENT.items() if is_cpu_build() else ():
        os.environ.setdefault(name, value)
    if not {"VLLM_LOGGING_CONFIG_PATH", "VLLM_CONFIGURE_LOGGING"} & os.environ.keys():
        os.environ["VLLM_LOGGING_CONFIG_PATH"] = _logging_to(log)
    return log


def _logging_to(log: Path) -> str:
    """A file that tells vLLM, and each of its processes, to log to `log` instead of the terminal."""
    line = "(%(vllm_process_name)s pid=%(process)d) %(levelname)s %(asctime)s [%(fileinfo)s:%(lineno)d] %(message)s"
    formatter = {"class": "vllm.logging_utils.NewLineFormatter", "datefmt": "%m-%d %H:%M:%S", "format": line}
    handler = {"class": "logging.FileHandler", "filename": str(log), "formatter": "line", "encoding": "utf-8"}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"file": handler},
        "loggers": {"vllm": {"handlers": ["file"], "level": "INFO", "propagate": False}},
    }
    handle, path = tempfile.mkstemp(prefix="coldstart-vllm-", suffix=".json")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(config, file)
    atexit.register(lambda: Path(path).unlink(missing_ok=True))
    return path


@cache
def _warden() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-I", warden.__file__, str(os.getpid())], stdin=subprocess.PIPE)


def _put_under_warden() -> None:
    """Tell the warden which processes we have."""
    ours = " ".join(str(child.pid) for child in multiprocessing.active_children())
    if pipe := _warden().stdin:
        with suppress(BrokenPipeError):  # somebody ended it
            pipe.write(f"{ours}\n".encode())
            pipe.flush()


@atexit.register
def _stop() -> None:
    while _running:
        _running.pop().stop()
        _put_under_warden()
