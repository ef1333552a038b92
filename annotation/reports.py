"""What a push and a pull did, for whoever asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from annotation.sync.push import Pushed as Sent

MAX_NAMED = 3
"""Refused records that are named."""


@dataclass(frozen=True)
class Place:
    """A data set on the annotation server."""

    server: str
    workspace: str
    name: str
    dataset_id: str

    @property
    def url(self) -> str:
        """The page on which its records are annotated."""
        return f"{self.server}/dataset/{self.dataset_id}/annotation-mode"


@dataclass
class Pushed:
    """What a push did: how many records are asked for which reason, where they went, and those that were refused."""

    reasons: dict[str, int]
    n_new: int = 0
    n_there: int = 0
    places: list[Place] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    n_gold_left_out: int = 0
    """Plans with known answers that people cannot be asked about."""

    def add(self, place: Place, sent: Sent, unshowable: Mapping[str, str]) -> None:
        """Count what was sent to one data set, and what could not be shown."""
        self.places.append(place)
        self.n_new += sent.n_new
        self.n_there += sent.n_there
        self.refused |= {**unshowable, **sent.refused}

    def lines(self) -> list[str]:
        """What people are told."""
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in self.reasons.items())
        sent = f"pushed: {self.n_new:,} new, {self.n_there:,} there already, {len(self.refused):,} refused"
        left_out = [
            f"gold: {self.n_gold_left_out:,} plans cannot be asked about: they were not read, not kept or not measured"
        ]
        asked = [f"queue: {reasons}", *(left_out if self.n_gold_left_out else [])]
        return [*asked, sent, *(f"{place.workspace}: {place.url}" for place in self.places)]

    def refusals(self) -> str:
        """What was refused and why, of the first few."""
        named = "; ".join(f"{id}: {why}" for id, why in list(self.refused.items())[:MAX_NAMED])
        return f"{len(self.refused)} records were refused, all others are pushed: {named}"


@dataclass
class Pulled:
    """What a pull did; counts of answers are of those to single questions."""

    places: list[Place]
    n_new: int = 0
    n_changed: int = 0
    n_withdrawn: int = 0
    n_unknown: int = 0
    n_owed: int = 0
    """Records that this pull queued for the adjudicator."""
    unreadable: dict[str, str] = field(default_factory=dict)

    def take(self, new: pl.DataFrame, *, n_unknown: int) -> None:
        """Count new rows of annotations, and records on the server that the queue does not know."""
        is_gone, is_first = pl.col("status") == "withdrawn", pl.col("version") == 1
        self.n_withdrawn = new.filter(is_gone).height
        self.n_new = new.filter(is_first & ~is_gone).height
        self.n_changed = new.height - self.n_withdrawn - self.n_new
        self.n_unknown = n_unknown

    def lines(self) -> list[str]:
        """What people are told."""
        said = [f"answers: {self.n_new:,} new, {self.n_changed:,} changed, {self.n_withdrawn:,} withdrawn"]
        if self.n_owed:
            said.append(f"{self.n_owed:,} more plans are for the adjudicator: `coldstart annotate push` sends them")
        if self.n_unknown:
            said.append(f"{self.n_unknown:,} records on the server are not in this run's queue: they were left alone")
        said += [f"not read: {where}: {why}" for where, why in list(self.unreadable.items())[:MAX_NAMED]]
        return said
