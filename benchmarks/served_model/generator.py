"""`openai_server`'s generator, from requests in memory to replies in memory: one of the ways that are compared.

`python -m benchmarks.served_model.generator URL N CONCURRENCY` prints the seconds it took.
"""

import asyncio
import json
import sys
import time

from benchmarks.served_model.server import MODEL, N_TOKENS, problems
from pipeline.generators import Request, openai_server


async def _ask(url: str, n: int, concurrency: int) -> float:
    settings = openai_server.Config(base_url=url, model=MODEL, concurrency=concurrency)
    requests = [
        Request(f"rollout-{index}", "bench", str(index), 0, [{"role": "user", "content": problem}])
        for index, problem in enumerate(problems(n))
    ]
    began = time.perf_counter()
    async with openai_server.open_generator(settings) as generate:
        replies = [reply async for reply in generate(requests)]
    took = time.perf_counter() - began
    assert len(replies) == n
    assert all(reply.n_completion_tokens == N_TOKENS for reply in replies)
    return took


if __name__ == "__main__":
    print(json.dumps({"seconds": asyncio.run(_ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))}))
