"""Ask a chat model once for each of several conversations; a generator of the recipe, or the model at `URL#MODEL`."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pipeline.generators import Reply, Request, failed_reply
from pipeline.model_address import served

Messages = list[dict[str, str]]

NO_REPLY = "no_reply"
"""The error_kind of what a generator left unanswered."""


class ChatModel(NamedTuple):
    """A generator's module and its settings."""

    module: Any
    config: Any


def chat_model(where: str, name: str) -> ChatModel:
    """The model at `URL#MODEL`, which always says the most probable; `name` is the setting that says so.

    Raises RecipeError where `where` names no server.
    """
    from pipeline.generators import openai_server

    return ChatModel(openai_server, served(where, name, temperature=0))


def replies(conversations: Sequence[Messages], model: ChatModel) -> list[Reply]:
    """The reply to each conversation, in their order; one that failed has `error_kind` and no text.

    Raises BackendError where the model cannot be reached, refuses access or is not there.
    """
    requests = [Request(str(i), "chat", str(i), 0, messages) for i, messages in enumerate(conversations)]
    found = asyncio.run(_asked(requests, model))
    unanswered = "the generator gave no reply to this request"
    return [found.get(one.rollout_id) or failed_reply(one, NO_REPLY, unanswered) for one in requests]


async def _asked(requests: Iterable[Request], model: ChatModel) -> dict[str, Reply]:
    async with model.module.open_generator(model.config) as generate:
        return {reply.rollout_id: reply async for reply in generate(iter(requests))}
