"""Runs inside vLLM's environment: asks `vllm_engine` what a test wants, a line of JSON each, until its input ends."""

import asyncio
import dataclasses
import json
import multiprocessing
import os
import sys
from typing import Any

from pipeline import plugins
from pipeline.generators import Reply, Request
from schemas.errors import CurationError
from schemas.recipe_file import Origin


async def ask(wanted: dict[str, Any]) -> dict[str, Any]:
    """Replies, how many requests were taken, and the error that ended it all; `then`: what happens after the first."""
    module = plugins.load("generators", "vllm_engine")
    taken: list[str] = []
    found: list[Reply] = []

    def requests() -> Any:
        for fields in wanted["requests"]:
            taken.append(fields["rollout_id"])
            yield Request(**fields)

    error = None
    try:
        config = plugins.configure(module, wanted["config"], Origin("recipe.toml"), ("models", "target"))
        async with module.open_generator(config) as generate:
            replies = generate(requests())
            async for reply in replies:
                found.append(reply)
                if wanted["then"] == "stop":
                    break
                if wanted["then"] == "kill" and len(found) == 1:
                    for child in multiprocessing.active_children():
                        child.kill()
            await replies.aclose()
    except CurationError as raised:
        error = f"{type(raised).__name__}: {raised}"
    return {"replies": [dataclasses.asdict(reply) for reply in found], "n_taken": len(taken), "error": error}


def main() -> None:
    """Answer on what was standard output; what vLLM prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(asyncio.run(ask(json.loads(line)))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
