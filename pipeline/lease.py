"""Who may write to a run: what its `lock.json` says. (`lock.py` takes, renews and releases it.)"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pipeline.blobs import read_version
from schemas.errors import StoreError

if TYPE_CHECKING:
    from pipeline.store import Run, Version


def lock_of(run: Run) -> Version:
    """The run's lock and the token that a swap against it needs; (None, None) where nobody holds it."""
    path = run.path("lock.json")
    content, token = read_version(run.fs, path)
    try:
        return (None if content is None else json.loads(content)), token
    except ValueError:
        raise StoreError(f"{path}: not a readable lock; remove it if no process works on this run") from None


def require_unlocked(run: Run) -> None:
    """Refuse to write where the lock belongs to somebody else, or to nobody although this run was locked."""
    holder, _ = lock_of(run)
    if (holder["owner"] if holder else None) == run.owner:
        return
    if holder is None:
        raise StoreError(f"{run.url}: this process no longer holds the run's lock; it was taken over or removed")
    if run.owner or not has_run_out(holder):
        raise StoreError(f"{run.url}: this process does not hold the run's lock; {describe_holder(holder)}")


def describe_holder(holder: Mapping[str, Any]) -> str:
    """Who holds a lock and since when, in words."""
    return (
        f"process {holder['pid']} on {holder['host']} holds it since {holder['acquired_at']} "
        f"(lease until {holder['expires_at']})"
    )


def has_run_out(holder: Mapping[str, Any]) -> bool:
    """Whether a lease ended without being renewed."""
    return str(holder["expires_at"]) < stamp()


def stamp(ahead_s: float = 0.0) -> str:
    """The time in UTC, to the millisecond, so that stamps compare as text."""
    return (datetime.now(UTC) + timedelta(seconds=ahead_s)).isoformat(timespec="milliseconds")
