"""The leanest asyncio loop that asks a server: nothing is tried again, checked or kept but text and token counts.

`python -m benchmarks.served_model.lean URL N CONCURRENCY` prints the seconds it took.
"""

import asyncio
import json
import sys

import aiohttp

from benchmarks.served_model.task import MODEL, Timed, problems


async def _ask(url: str, n: int, concurrency: int) -> None:
    prompts = iter(problems(n))
    replies: list[tuple[str, int]] = []
    headers = {"Content-Type": "application/json"}

    async def worker(session: aiohttp.ClientSession) -> None:
        for prompt in prompts:
            messages = [{"role": "user", "content": prompt}]
            body = {"model": MODEL, "messages": messages, "temperature": 1.0, "top_p": 1.0, "max_tokens": 2048}
            async with session.post(f"{url}/chat/completions", data=json.dumps(body), headers=headers) as response:
                answer = json.loads(await response.read())
            replies.append((answer["choices"][0]["message"]["content"], answer["usage"]["completion_tokens"]))

    with Timed() as timed:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(worker(session) for _ in range(concurrency)))
    assert len(replies) == n
    timed.report()


if __name__ == "__main__":
    asyncio.run(_ask(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
