"""What generation spends: counted while it goes on, held to the recipe's budget, and shown to whoever asks.

A sample is paid for once it was asked; so a budget stops the asking, and what is in flight still comes back.
"""

import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.generators import NOT_RUN, Reply
from pipeline.journal import journal_folder
from pipeline.store import Run
from schemas.recipe import Budget, Price
from schemas.tables import Rollouts

COUNTS = ("n_prompt_tokens", "n_cached_tokens", "n_completion_tokens")
"""Columns of rollouts that a cost is made from."""

SHOWN_EVERY_S = 1.0
SHOWN_FOR_S = 15.0
"""What a process says of itself counts for so long: a killed one says nothing new."""

RATE_OVER_S = 60


@dataclass
class Spending:
    """Counts of one command, on top of what the run has spent before; times are seconds of `time.monotonic`."""

    budget: Budget = field(default_factory=Budget)
    n_before: int = 0
    """Samples that were asked for by earlier commands."""
    tokens_before: int = 0
    what: str = ""
    """The step of now, such as `generate trials`."""
    n_reused: int = 0
    """Samples that the step of now wants and that were there when it began."""
    n_asked: int = 0
    n_paid: int = 0
    n_failed: int = 0
    n_tokens: int = 0
    failed_attempts: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    recent: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=RATE_OVER_S))
    """Times and `n_tokens` of then, a pair a second."""

    @property
    def n_in_flight(self) -> int:
        """Samples that were asked for and have no reply yet."""
        return self.n_asked - self.n_paid - self.n_failed

    def asked(self) -> None:
        """Count a sample on its way."""
        self.n_asked += 1

    def reused(self, rollouts: pl.DataFrame) -> None:
        """Count samples (columns `COUNTS`) that another run has paid for as if this one had before."""
        self.n_before += rollouts.height
        self.tokens_before += _n_tokens(rollouts)

    def replied(self, reply: Reply) -> None:
        """Count what came back."""
        self.n_tokens += (reply.n_prompt_tokens or 0) + (reply.n_completion_tokens or 0)
        self.failed_attempts.update(reply.failed_attempts)
        if reply.error_kind in (None, NOT_RUN):
            self.n_paid += 1
        else:
            self.n_failed += 1

    def exhausted(self) -> str:
        """Which limit of the budget is reached, in words; "" where none is.

        What is in flight counts with the mean of what the run has had back, so that a budget is not overrun by much;
        before the first answer there is no mean, and it counts nothing.
        """
        budget, n_done = self.budget, self.n_paid + self.n_failed
        n_requests = self.n_before + self.n_asked
        if budget.max_requests is not None and n_requests >= budget.max_requests:
            return f"budget.max_requests = {budget.max_requests:,}: {n_requests:,} samples were asked for"
        if budget.max_tokens is not None:
            n_tokens, n_known = self.tokens_before + self.n_tokens, self.n_before + n_done
            expected = self.n_in_flight * n_tokens / n_known if n_known else 0
            if n_tokens + expected >= budget.max_tokens:
                return f"budget.max_tokens = {budget.max_tokens:,}: {n_tokens:,} tokens are spent"
        if budget.max_hours is not None and time.monotonic() - self.started >= budget.max_hours * 3600:
            return f"budget.max_hours = {budget.max_hours:g}: this command has had its time"
        return ""

    def tokens_per_s(self) -> float | None:
        """Tokens a second over the last minute; None before there is anything to say."""
        if len(self.recent) < 2:
            return None
        (since, n_then), (now, n_now) = self.recent[0], self.recent[-1]
        return (n_now - n_then) / (now - since)

    def state(self) -> dict[str, Any]:
        """What `coldstart status` shows."""
        return {
            "step": self.what,
            "paid": self.n_paid,
            "reused": self.n_reused,
            "failed": self.n_failed,
            "in_flight": self.n_in_flight,
            "tokens": self.n_tokens,
            "tokens_per_s": None if (rate := self.tokens_per_s()) is None else round(rate, 1),
            "failed_attempts": dict(self.failed_attempts.most_common()),
        }

    @contextmanager
    def shown(self, path: Path) -> Iterator[None]:
        """Keep a file up to date with `state` for other processes, and remove it at the end."""
        ended = threading.Event()
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = threading.Thread(target=self._keep_writing, args=(path, ended), daemon=True)
        writer.start()
        try:
            yield
        finally:
            ended.set()
            writer.join()
            path.unlink(missing_ok=True)

    def _keep_writing(self, path: Path, ended: threading.Event) -> None:
        temporary = path.with_suffix(".tmp")
        while True:
            self.recent.append((time.monotonic(), self.n_tokens))
            try:
                temporary.write_text(json.dumps({**self.state(), "at": time.time()}))
                os.replace(temporary, path)
            except OSError:  # a full disk ends the run where its rows are written, and says so there
                temporary.unlink(missing_ok=True)
            if ended.wait(SHOWN_EVERY_S):
                return


def spending_of(run: Run, budget: Budget) -> Spending:
    """Nothing spent by this command yet, on top of what the run's rollouts say."""
    before = run.keys(Rollouts, *COUNTS)
    return Spending(budget, before.height, _n_tokens(before))


def _n_tokens(rollouts: pl.DataFrame) -> int:
    return int(rollouts.select(pl.sum_horizontal("n_prompt_tokens", "n_completion_tokens")).to_series().sum())


def state_path(run: Run) -> Path:
    """Where a process says what it is generating; on its own machine, as the journal is."""
    return journal_folder(run, Rollouts) / "generating.json"


def state_of(run: Run) -> dict[str, Any] | None:
    """What a process of this machine is generating for a run just now; None where none is."""
    try:
        state: dict[str, Any] = json.loads(state_path(run).read_text())
        is_new = time.time() - state.pop("at") < SHOWN_FOR_S
    except (OSError, ValueError, KeyError):
        return None
    return state if is_new else None


def cost(rollouts: pl.DataFrame, prices: Mapping[str, Price]) -> float:
    """What rollouts (role and `COUNTS`) cost at prices by role; those of an executor without one are the target's.

    Cached prompt tokens without a price of their own cost what others do. What nobody counted costs nothing.
    """
    total = 0.0
    by_role = rollouts.group_by(pl.col("role").cast(pl.String)).agg(pl.col(COUNTS).sum())
    for role, n_prompt, n_cached, n_completion in by_role.select("role", *COUNTS).iter_rows():
        price = prices[role if role in prices else "target"]
        cached = price.prompt if price.cached is None else price.cached
        total += (n_prompt - n_cached) * price.prompt + n_cached * cached + n_completion * price.completion
    return total / 1e6
