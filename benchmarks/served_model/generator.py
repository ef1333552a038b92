"""`openai_server`'s generator, from prompts in memory to replies in memory.

`python -m benchmarks.served_model.generator URL N CONCURRENCY` prints the seconds it took.
"""

import asyncio
import sys

from benchmarks.served_model.task import MODEL, N_TOKENS, Timed, problems
from pipeline.generators import Request, openai_server
from pipeline.served_model import client  # noqa: F401  imports are no part of what is timed


async def _ask(url: str, n: int, concurrency: int) -> None:
    settings = openai_server.Config(base_url=url, model=MODEL, concurrency=concurrency)
    prompts = problems(n)
    requests = (
        Request(f"rollout-{index}", "bench", str(index), 0, [{"role": "user", "content": prompt}])
        for index, prompt in enumerate(prompts)
    )
    with Timed() as timed:
        async with openai_server.open_generator(settings) as generate:
            replies = [reply async for reply in generate(requests)]
    assert len(replies) == n
    assert all(reply.n_completion_tokens == N_TOKENS for reply in replies)
    timed.report()


if __name__ == "__main__":
    asyncio.run(_ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
