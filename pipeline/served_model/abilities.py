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


class Wish(NamedTuple):
    """What a request asks for beyond a plain answer."""

    n: int = 1
    counts: bool = False
    """The token ids of each sample."""
    schema: str = ""
    """Key of the schema that is sent; empty: none is."""

    def without(self, name: str) -> "Wish":
        return self._replace(**{name: self._field_defaults[name]})


@dataclass
class Abilities:
    """What is known of a server; None: not tried yet."""

    takes_n: bool | None = None
    counts_each: bool | None = None
    takes_schema: dict[str, bool] = field(default_factory=dict)
    """By schema: a server may know schemas and yet not be able to compile one."""
    has_answered: bool = False

    def wish(self, n: int, counts: bool, schema: str) -> Wish:
        """What is worth asking for."""
        return Wish(n, counts and self.counts_each is not False, schema if self.takes_schema.get(schema, True) else "")

    def refused(self, wish: Wish, failure: RequestFailed) -> str | None:
        """The part of a wish that a failure may be about, the one that it names first; None where it is not."""
        unproven = []
        if failure.status in REFUSED and failure.kind in (BAD_REQUEST, SERVER_ERROR):
            unproven += ["schema"] if wish.schema and wish.schema not in self.takes_schema else []
            unproven += ["counts"] if wish.counts and self.counts_each is None else []
        if unproven or failure.status in REFUSED or failure.kind == SERVER_ERROR:
            unproven += ["n"] if wish.n > 1 and self.takes_n is None else []
        return min(unproven, key=lambda name: not _NAMES[name].search(failure.text), default=None)

    def learn(self, wish: Wish, completion: ChatCompletion) -> None:
        """An answer shows what of its wish was granted."""
        if wish.counts:
            self.counts_each = completion.counts_each
        if wish.n > 1:
            self.takes_n = len(completion.choices) >= wish.n
        if wish.schema:
            self.takes_schema[wish.schema] = True

    def lacks(self, name: str, wish: Wish) -> None:
        """The part of a wish without which a request succeeded that had failed with it."""
        if name == "schema":
            self.takes_schema[wish.schema] = False
        elif name == "counts":
            self.counts_each = False
        else:
            self.takes_n = False


@lru_cache(maxsize=64)
def abilities(urls: tuple[str, ...], model: str) -> Abilities:
    """The one object of this process for these servers and model."""
    return Abilities()
