"""What a server has shown that it can do: several samples in a request, the tokens of each, a schema.

Nothing announces it. Each is tried, and left out from then on where the server refuses it, or drops it without a word.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from pipeline.served_model.completion import ChatCompletion, RequestFailed
from pipeline.served_model.refusals import BAD_REQUEST, SERVER_ERROR

REFUSED = (400, 422, 501)
"""How servers answer a request for what they cannot do (llama.cpp: a 500 that stays, where `n` is above 1)."""

_NAMES = {
    "schema": re.compile(r"response_format|structured_outputs|json_schema|grammar|schema|guided", re.IGNORECASE),
    "counts": re.compile(r"return_token_ids"),
    "n": re.compile(r"\bn\b"),
}


class Features(NamedTuple):
    """What a request asks for beyond a plain answer."""

    n: int = 1
    counts: bool = False
    """The token ids of each sample."""
    schema: str = ""
    """Key of the schema that is sent; empty: none is."""

    def without(self, name: str) -> "Features":
        return self._replace(**{name: self._field_defaults[name]})


@dataclass
class Capabilities:
    """What is known of a server; None: not tried yet."""

    takes_n: bool | None = None
    counts_each: bool | None = None
    takes_schema: dict[str, bool] = field(default_factory=dict)
    """By schema: a server may know schemas and yet not be able to compile one."""
    has_answered: bool = False

    def worth_asking(self, n: int, counts: bool, schema: str) -> Features:
        """What is worth asking for."""
        is_taken = self.takes_schema.get(schema, True)
        return Features(n, counts and self.counts_each is not False, schema if is_taken else "")

    def refused(self, features: Features, failure: RequestFailed) -> str | None:
        """The feature that a failure may be about, the one that it names first; None where it is not."""
        unproven = []
        if failure.status in REFUSED and failure.kind in (BAD_REQUEST, SERVER_ERROR):
            unproven += ["schema"] if features.schema and features.schema not in self.takes_schema else []
            unproven += ["counts"] if features.counts and self.counts_each is None else []
        if unproven or failure.status in REFUSED or failure.kind == SERVER_ERROR:
            unproven += ["n"] if features.n > 1 and self.takes_n is None else []
        return min(unproven, key=lambda name: not _NAMES[name].search(failure.text), default=None)

    def learn(self, features: Features, completion: ChatCompletion) -> None:
        """An answer shows which of the features it was asked for are there."""
        if features.counts:
            self.counts_each = completion.counts_each
        if features.n > 1:
            self.takes_n = len(completion.choices) >= features.n
        if features.schema:
            self.takes_schema[features.schema] = True

    def lacks(self, name: str, features: Features) -> None:
        """A request succeeded without the feature that had failed with it."""
        if name == "schema":
            self.takes_schema[features.schema] = False
        elif name == "counts":
            self.counts_each = False
        else:
            self.takes_n = False


@lru_cache(maxsize=64)
def capabilities(urls: tuple[str, ...], model: str) -> Capabilities:
    """The one object of this process for these servers and model."""
    return Capabilities()
