"""The leanest asyncio loop that asks a server: nothing is tried again, checked or kept but text and token counts.

`python lean.py URL N CONCURRENCY` prints the seconds it took.
"""

import asyncio
import json
import sys
import time

import aiohttp

from benchmarks.served_model.server import MODEL, problems


async def _ask(url: str, n: int, concurrency: int) -> float:
    prompts = iter(problems(n))
    replies: list[tuple[str, int]] = []

    async def worker(session: aiohttp.ClientSession) -> None:
        for prompt in prompts:
            messages = [{"role": "user", "content": prompt}]
            body = {"model": MODEL, "messages": messages, "temperature": 1.0, "top_p": 1.0, "max_tokens": 2048}
            async with session.post(
                f"{url}/chat/completions", data=json.dumps(body), headers={"Content-Type": "application/json"}
            ) as response:
                answer = json.loads(await response.read())
            replies.append((answer["choices"][0]["message"]["content"], answer["usage"]["completion_tokens"]))

    began = time.perf_counter()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(worker(session) for _ in range(concurrency)))
    took = time.perf_counter() - began
    assert len(replies) == n
    return took


if __name__ == "__main__":
    print(json.dumps({"seconds": asyncio.run(_ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))}))
