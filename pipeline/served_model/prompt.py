"""What is sent for a prompt: the JSON of its requests, written once for all samples that are asked for in one way."""

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import to_json

from pipeline.generators import Request
from pipeline.served_model.capabilities import Features
from pipeline.served_model.endpoint import Load, Slot
from pipeline.served_model.settings import ServedSettings
from pipeline.served_model.structured import schema_fields


def body(request: Request, settings: ServedSettings, model: str, n: int = 1, counts: bool = False) -> dict[str, Any]:
    """The JSON of a request for `n` samples; `counts`: with the token ids of each, where the server has them."""
    sampling = {"temperature": settings.temperature, "top_p": settings.top_p, "max_tokens": settings.max_tokens}
    fields: dict[str, Any] = {
        "model": model,
        "messages": request.messages,
        **{name: value for name, value in sampling.items() if name not in settings.omit},
        **settings.extra_body,
    }
    if settings.stop:
        fields["stop"] = settings.stop
    if settings.logprobs:
        fields["logprobs"] = True
    if n > 1:
        fields["n"] = n
    if counts:
        fields["return_token_ids"] = True
    if request.response_schema is not None:
        fields |= schema_fields(request.response_schema, settings.structured)
    return fields


@dataclass
class Prompt:
    """A prompt on its way."""

    request: Request
    settings: ServedSettings
    model: str
    schema: str
    """Key of the schema that answers are held to; empty: to none."""
    slot: Slot | None
    """Room for its first request, until that is sent."""
    shows_counts: bool = False
    """Whether its first sample shows if the server counts the tokens of each."""
    written: dict[Features, bytes] = field(default_factory=dict)

    def body(self, features: Features) -> bytes:
        if features not in self.written:
            is_refused = self.schema and not features.schema
            request = replace(self.request, response_schema=None) if is_refused else self.request
            self.written[features] = to_json(body(request, self.settings, self.model, features.n, features.counts))
        return self.written[features]

    def load(self, n: int) -> Load:
        n_chars = sum(len(message["content"]) for message in self.request.messages)
        return Load(n_chars / 4 + n * self.settings.max_tokens, n)
