"""Tokens per second of `openai_server` and `vllm_engine` beside vLLM's own ways, on one vLLM and the same work.

    .vllm/bin/pip install pandas                          # `vllm bench serve` reads prompts with it
    .vllm/bin/python -m benchmarks.against_vllm server    # beside `vllm bench serve`, on one server
    .vllm/bin/python -m benchmarks.against_vllm engine    # beside `LLM.generate`, in one process

Every answer has the same number of tokens, end tokens ignored, so that both ways draw equally many. Rounds alternate,
after one of each that does not count; the ratio of medians is the result, tokens a second are those of one machine.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.generators import Request, openai_server, vllm_engine, vllm_server
from pipeline.vllm_model.launch import Servers, servers
from pipeline.vllm_model.running import is_cpu_build

TINY = Path(__file__).resolve().parents[1] / "data/models/tiny"

BENCH_SERVE = """
import argparse, sys
from vllm.benchmarks.serve import add_cli_args, main
parser = argparse.ArgumentParser()
add_cli_args(parser)
main(parser.parse_args())
"""
"""What `vllm bench serve` runs: the CPU build's own program does not find its version."""

Way = Callable[[], float]
"""Does all the work once; tokens per second."""


@dataclass(frozen=True)
class Work:
    """What both ways are asked for."""

    prompts: list[str]
    n_samples: int
    n_tokens: int
    concurrency: int
    """Samples in flight."""

    @property
    def n_all(self) -> int:
        """Tokens of all answers."""
        return len(self.prompts) * self.n_samples * self.n_tokens

    def requests(self) -> Iterator[Request]:
        """A request for each sample."""
        for p, prompt in enumerate(self.prompts):
            for i in range(self.n_samples):
                yield Request(f"{p}-{i}", "bench", str(p), i, [{"role": "user", "content": prompt}])


def main() -> None:
    """Print a Markdown table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("against", choices=["server", "engine"])
    arguments.add_argument("--model", default=str(TINY), help="a model folder")
    arguments.add_argument("--prompts", type=int, default=1000)
    arguments.add_argument("--samples", type=int, default=1, help="samples a prompt; `vllm bench serve` knows but one")
    arguments.add_argument("--tokens", type=int, default=128, help="tokens of every answer")
    arguments.add_argument(
        "--concurrency", type=int, help="samples in flight; the engine's default, or 256 at a server"
    )
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--arguments", type=json.loads, default={}, help="more of vLLM's, as JSON")
    asked = arguments.parse_args()
    if asked.against == "server" and asked.samples > 1:
        arguments.error("vllm bench serve asks for one sample a prompt")
    concurrency = asked.concurrency or {"server": 256, "engine": 2048}[asked.against]
    work = Work(_prompts(asked.prompts), asked.samples, asked.tokens, concurrency)
    ways = {"server": _on_a_server, "engine": _in_a_process}[asked.against]
    with ways(asked.model, work, asked.arguments) as found:
        _show(_alternating(found, asked.rounds))


def _prompts(n: int) -> list[str]:
    draw = random.Random(7)
    return [f"make {draw.randint(10, 99)} from {' '.join(str(draw.randint(2, 9)) for _ in range(4))}" for _ in range(n)]


@contextmanager
def _on_a_server(model: str, work: Work, arguments: Mapping[str, Any]) -> Iterator[dict[str, Way]]:
    launch = vllm_server._launch(vllm_server.Config(path=model, arguments=dict(arguments), python=sys.executable))
    running = asyncio.run(servers(launch, start_timeout_s=1800))
    config = openai_server.Config(
        base_url=running.urls[0],
        model=Path(model).resolve().name,
        max_tokens=work.n_tokens,
        extra_body={"ignore_eos": True},
        concurrency=work.concurrency,
    )
    with tempfile.TemporaryDirectory() as folder:
        yield {
            "`vllm bench serve`": lambda: _bench_serve(running, model, work, Path(folder)),
            "`openai_server`": lambda: asyncio.run(_ours(openai_server, config, work)),
        }


def _bench_serve(running: Servers, model: str, work: Work, folder: Path) -> float:
    """vLLM's own client on the same prompts; the time is its own, without its start."""
    data, result = folder / "prompts.jsonl", folder / "result.json"
    data.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in work.prompts))
    told = {
        "backend": "openai-chat",
        "base-url": running.urls[0].removesuffix("/v1"),
        "endpoint": "/v1/chat/completions",
        "model": model,
        "served-model-name": Path(model).resolve().name,
        "dataset-name": "custom",
        "dataset-path": data,
        "num-prompts": len(work.prompts),
        "custom-output-len": work.n_tokens,
        "max-concurrency": work.concurrency,
        "temperature": 1,
        "result-dir": folder,
        "result-filename": result.name,
    }
    flags = [part for name, value in told.items() for part in (f"--{name}", str(value))]
    switches = ["--ignore-eos", "--skip-chat-template", "--disable-shuffle", "--disable-tqdm", "--save-result"]
    command = [sys.executable, "-c", BENCH_SERVE, *flags, *switches]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    found = json.loads(result.read_text())
    if found["total_output_tokens"] != work.n_all:
        raise RuntimeError(f"{found['total_output_tokens']} tokens, wanted {work.n_all}")
    return float(found["total_output_tokens"] / found["duration"])


@contextmanager
def _in_a_process(model: str, work: Work, arguments: Mapping[str, Any]) -> Iterator[dict[str, Way]]:
    config = vllm_engine.Config(
        path=model,
        max_tokens=work.n_tokens,
        sampling={"ignore_eos": True},
        concurrency=work.concurrency,
        arguments=dict(arguments),
    )

    def ours() -> float:
        return asyncio.run(_ours(vllm_engine, config, work))

    ours()  # sets vLLM's environment, before anything imports it
    from vllm import LLM, SamplingParams  # only this benchmark asks vLLM itself

    llm = LLM(model=model, **config.all_arguments(is_cpu=is_cpu_build(), disable_log_stats=True))
    tokenizer = llm.get_tokenizer()
    params = SamplingParams(n=work.n_samples, temperature=1, max_tokens=work.n_tokens, ignore_eos=True)

    def theirs() -> float:
        start = time.perf_counter()
        texts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
            )
            for prompt in work.prompts
        ]
        outputs = llm.generate(texts, params, use_tqdm=False)
        took = time.perf_counter() - start
        n_tokens = sum(len(said.token_ids) for output in outputs for said in output.outputs)
        if n_tokens != work.n_all:
            raise RuntimeError(f"{n_tokens} tokens, wanted {work.n_all}")
        return n_tokens / took

    yield {"`LLM.generate`": theirs, "`vllm_engine`": ours}


async def _ours(generator: ModuleType, config: Any, work: Work) -> float:
    """The whole generator, but for opening it."""
    async with generator.open_generator(config) as generate:
        start = time.perf_counter()
        counts = [reply.n_completion_tokens async for reply in generate(work.requests())]
        took = time.perf_counter() - start
    if sum(count or 0 for count in counts) != work.n_all:
        raise RuntimeError(f"{sum(count or 0 for count in counts)} tokens, wanted {work.n_all}")
    return work.n_all / took


def _alternating(ways: Mapping[str, Way], rounds: int) -> dict[str, list[float]]:
    """Tokens per second of each round, in turn and each time in the other order."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in list(ways.items())[:: 1 if number % 2 else -1]:
            speed = way()
            if number:
                found[name].append(speed)
    return found


def _show(speeds: Mapping[str, list[float]]) -> None:
    (theirs, their), (ours, our) = speeds.items()
    ratio = statistics.median(our) / statistics.median(their)
    each = sorted(o / t for o, t in zip(our, their, strict=True))
    print(f"| way | tokens/s | {ours} in relation | single rounds |\n|---|---|---|---|")
    print(f"| {theirs} | {statistics.median(their):,.0f} | {ratio:.3f} | {each[0]:.2f} to {each[-1]:.2f} |")
    print(f"| {ours} | {statistics.median(our):,.0f} | 1 | |")


if __name__ == "__main__":
    main()
