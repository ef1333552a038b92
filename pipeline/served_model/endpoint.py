"""One endpoint: what is on its way there, and whether it can be asked."""

import random
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.served_model.congestion import Window
from pipeline.served_model.connection import Connection

FIRST_REST_S, LONGEST_REST_S = 1.0, 60.0


class Load(NamedTuple):
    """What a request puts on an endpoint."""

    n_tokens: float
    """An estimate: the characters of the prompt by 4, and the longest answers."""
    n_samples: int


NOTHING = Load(0, 0)


@dataclass
class Endpoint:
    """One endpoint, what is on its way there, and whether it can be asked."""

    connection: Connection
    window: Window
    n_tokens: float = 0
    """Outstanding."""
    n_samples: int = 0
    n_failures: int = 0
    """In a row."""
    n_rests: int = 0
    """In a row."""
    era: int = 0
    """Changes when it goes to rest and when it is back: a failure of an earlier era says nothing new."""
    is_on_trial: bool = False
    """Whether a request of this era is on its way while it has yet to show that it is back."""
    rests_until: float = 0.0
    is_told: bool = False
    """Whether it rests because it said so."""
    why: str = ""
    """What it said when it last failed."""

    def has_room(self, now: float) -> bool:
        """After a rest, until an answer shows that it is back, there is room for one request."""
        return self.rests_until <= now and (not self.is_on_trial if self.n_rests else self.window.has_room)

    def slot(self) -> "Slot":
        """Room for one request, taken until it is given back."""
        self.window.begin()
        self.is_on_trial = self.n_rests > 0
        return Slot(self, self.era)

    def is_back(self) -> None:
        self.n_failures = 0
        if self.n_rests:
            self.n_rests, self.era = 0, self.era + 1

    def rest(self, now: float, why: str) -> None:
        pause = min(LONGEST_REST_S, FIRST_REST_S * 2**self.n_rests)
        self.rests_until = now + pause * random.uniform(0.75, 1.25)
        self.n_rests, self.era, self.is_on_trial = self.n_rests + 1, self.era + 1, False
        self.is_told, self.why = False, why


@dataclass(slots=True)
class Slot:
    """Room for one request at an endpoint, from before it is sent until it is done."""

    endpoint: Endpoint
    era: int
    load: Load = NOTHING
    is_taken: bool = True

    @property
    def is_current(self) -> bool:
        return self.era == self.endpoint.era

    def put(self, load: Load) -> None:
        """A request is sent from here."""
        self.load = load
        self.endpoint.n_tokens += load.n_tokens
        self.endpoint.n_samples += load.n_samples

    def give_back(self, *, answered: bool = False) -> None:
        """The request is done, or never was."""
        if not self.is_taken:
            return
        self.is_taken = False
        endpoint = self.endpoint
        endpoint.window.end(answered=answered)
        endpoint.n_tokens -= self.load.n_tokens
        endpoint.n_samples -= self.load.n_samples
        if self.is_current:
            endpoint.is_on_trial = False
