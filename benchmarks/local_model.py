"""Samples per second of the `ctranslate2_model` generator beside the bare library: `python benchmarks/local_model.py`.

The same prompts go through our async interface and straight into `generate_batch`, in turn and in one process, with
the same workers and settings, log-probabilities included: once as a plain caller would (every prompt repeated), once
with `num_hypotheses`. The ratio of medians is the result; samples per second are those of one machine at one time.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import ctranslate2

from pipeline.generators import Request, ctranslate2_model
from pipeline.local_model.chat import Chat
from pipeline.local_model.folder import find_model
from pipeline.local_model.model import Hardware, LocalModel

TINY = Path(__file__).resolve().parents[1] / "data/models/tiny"
BATCH = 64


def main() -> None:
    """Print a Markdown table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--model", default=str(TINY), help="a model folder")
    arguments.add_argument("--prompts", type=int, default=64)
    arguments.add_argument("--samples", type=int, default=16, help="samples a prompt")
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--max-tokens", type=int, default=120)
    asked = arguments.parse_args()
    settings = ctranslate2_model.Config(path=asked.model, max_tokens=asked.max_tokens, max_batch_size=BATCH)
    requests = _requests(asked.prompts, asked.samples)
    repeated, together = _bare(settings, requests, asked.samples)
    ways = {
        "`generate_batch`, prompts repeated": repeated,
        "`generate_batch`, `num_hypotheses`": together,
        "`ctranslate2_model`": lambda: asyncio.run(_ours(settings, requests)),
    }
    seconds = _alternating(ways, asked.rounds)
    ours = seconds["`ctranslate2_model`"]
    print("| way | samples/s | ours in relation |\n|---|---|---|")
    for way, took in seconds.items():
        print(f"| {way} | {len(requests) / took:,.0f} | {took / ours:.2f} |")


def _requests(n_prompts: int, n_samples: int) -> list[Request]:
    draw = random.Random(7)
    problems = []
    for _ in range(n_prompts):
        numbers = " ".join(str(draw.randint(2, 9)) for _ in range(3))
        problems.append(f"make {draw.randint(10, 99)} from {numbers}")
    return [
        Request(f"{p}-{i}", "bench", str(p), i, [{"role": "user", "content": problem}])
        for p, problem in enumerate(problems)
        for i in range(n_samples)
    ]


async def _ours(settings: ctranslate2_model.Config, requests: list[Request]) -> None:
    async with ctranslate2_model.open_generator(settings) as generate:
        n_replies = len([reply async for reply in generate(requests) if reply.error_kind is None])
    assert n_replies == len(requests)


def _bare(
    settings: ctranslate2_model.Config, requests: list[Request], n_samples: int
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The library with as many workers as ours: every prompt as often as it is sampled, and every prompt once."""
    folder = find_model(settings.path)
    chat = Chat(folder.root)
    workers = LocalModel(folder, chat, Hardware("auto", "default", 0)).n_workers
    generator = ctranslate2.Generator(str(folder.weights), device="auto", inter_threads=workers, intra_threads=1)
    prompts = [chat.prompt(request.messages).tokens for request in requests]
    options = {
        "max_length": settings.max_tokens,
        "sampling_temperature": settings.temperature,
        "sampling_topk": 0,
        "end_token": chat.end_ids,
        "include_prompt_in_result": False,
        "return_scores": True,
        "return_end_token": True,
    }
    each = n_samples
    return (
        lambda: generator.generate_batch(prompts, max_batch_size=BATCH, **options),
        lambda: generator.generate_batch(
            prompts[::each], num_hypotheses=each, max_batch_size=max(1, BATCH // each), **options
        ),
    )


def _alternating(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each way, after one round that does not count."""
    took: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            took[way].append(time.perf_counter() - start)
    return {way: statistics.median(seconds[1:]) for way, seconds in took.items()}


if __name__ == "__main__":
    main()
