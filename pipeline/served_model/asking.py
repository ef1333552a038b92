"""Ask a served model: samples of a prompt go out together, and replies come back as soon as they are there."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from pipeline.generators import Generate, Reply, Request, failed_reply
from pipeline.served_model.completion import RequestFailed, replies
from pipeline.served_model.settings import NO_KEY, Asking, Key


def body(request: Request, asking: Asking, model: str, n: int = 1, counts: bool = False) -> dict[str, Any]:
    """The JSON of a request for `n` samples; `counts`: with the token ids of each, where the server has them."""
    sampling = {"temperature": asking.temperature, "top_p": asking.top_p, "max_tokens": asking.max_tokens}
    fields: dict[str, Any] = {
        "model": model,
        "messages": request.messages,
        **{name: value for name, value in sampling.items() if name not in asking.omit},
        **asking.extra_body,
    }
    if asking.stop:
        fields["stop"] = asking.stop
    if asking.logprobs:
        fields["logprobs"] = True
    if n > 1:
        fields["n"] = n
    if counts:
        fields["return_token_ids"] = True
    if request.response_schema is not None and asking.structured == "json_schema":
        schema = {"name": "answer", "schema": request.response_schema, "strict": True}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.response_schema is not None and asking.structured == "structured_outputs":
        fields["structured_outputs"] = {"json": request.response_schema}
    return fields


@asynccontextmanager
async def open_servers(urls: Sequence[str], model: str, asking: Asking, key: Key = NO_KEY) -> AsyncIterator[Generate]:
    """Ask the servers at `urls`, which all have `model`; what is in flight when this closes is cancelled.

    `generate` raises BackendError where no server can be reached, access is refused or the model is not there.
    """
    from pipeline.served_model.connection import connect

    async with connect(urls[0], key, asking) as server:

        async def one(request: Request) -> Reply:
            try:
                completion = await server.complete(json.dumps(body(request, asking, model)).encode())
            except RequestFailed as failure:
                return failed_reply(request, failure.kind, failure.text)
            return next(iter(replies(completion, [request], model)))

        async def generate(requests: Iterable[Request]) -> AsyncIterator[Reply]:
            for request in requests:
                yield await asyncio.create_task(one(request))

        yield generate
