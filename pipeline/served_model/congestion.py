"""How many requests may be in flight at an endpoint: as many as it takes without making them wait.

Additive increase, multiplicative decrease, as TCP finds the rate of a path (RFC 5681, section 3.1): slow start, one
more for each answer, until the first congestion; then one more for each full window of answers. Only a window that is
used grows: what counts is how full it was when the last request was sent, because many answers can come at once before
the room that they leave is taken (as Linux has it, tcp_is_cwnd_limited).

Congestion is what the endpoint says of itself, a status of 429 or 503, or requests that wait in vLLM's gauge; never how
long an answer took, because a long answer is not a slow server.
"""

from dataclasses import dataclass

INITIAL = 32
"""Requests at first, so that a server with long answers is not left idle for their first rounds."""

MOST_WAITING = 0.125
"""Share of what is in flight that may wait in the server: some must, or it runs dry between two looks."""


@dataclass
class Window:
    """The limit of requests in flight at one endpoint, between 1 and its ceiling."""

    ceiling: int
    limit: float = INITIAL
    in_flight: int = 0
    was_in_flight: int = 0
    """When the last request was sent."""
    is_slow_start: bool = True
    is_settling: bool = False
    """After a decrease, until what is in flight fits the new limit: what fails meanwhile was sent before it."""

    def __post_init__(self) -> None:
        self.limit = min(self.limit, self.ceiling)

    @property
    def has_room(self) -> bool:
        return self.in_flight < int(self.limit)

    def begin(self) -> None:
        """A request is sent."""
        self.in_flight += 1
        self.was_in_flight = self.in_flight

    def end(self, *, answered: bool) -> None:
        """A request is done; only an answer while the window was used shows that there is room for more."""
        is_used = self.was_in_flight * (2 if self.is_slow_start else 1) > self.limit - 1
        self.in_flight -= 1
        if answered and is_used and not self.is_settling:
            self._grow(1 if self.is_slow_start else 1 / self.limit)
        self._settle()

    def congested(self, share: float = 0.5) -> None:
        """The endpoint has too much: `share` of what is in flight is enough for it."""
        if self.is_settling:
            return
        self.is_slow_start = False
        self.limit = max(1.0, min(self.limit, self.in_flight * share))
        self.is_settling = True
        self._settle()

    def looked(self, n_waiting: float, n_samples: int) -> None:
        """What the gauge says, while `n_samples` of ours are in flight: each request may ask for several.

        Nothing waits: a window's worth of requests has found room, as after a round of answers. Too much waits: what
        does not is enough, but never less than half (in proportion to the congestion, as in RFC 8257).
        """
        if n_waiting > MOST_WAITING * n_samples:
            self.congested(max(0.5, 1 - n_waiting / max(1, n_samples)))
        elif n_waiting == 0 and not self.has_room and not self.is_settling:
            self._grow(self.limit if self.is_slow_start else 1)

    def _grow(self, n: float) -> None:
        self.limit = min(float(self.ceiling), self.limit + n)

    def _settle(self) -> None:
        if self.in_flight <= int(self.limit):
            self.is_settling = False
