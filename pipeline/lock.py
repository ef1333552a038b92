"""One writer per run: `lock.json`, created only where there is none, with an owner and a lease.

The holder renews its lease from a thread. A lock is taken over when its lease ran out, or at once when its process
is known to be dead: same host, same boot, same process-id namespace, and no such process any more (where there is
no /proc, only the lease tells). A holder that was taken over (a laptop asleep, say) finds out at its next
publication, which is then refused; one that it has in flight fails, as the manifests are new versions by then.
"""

import contextlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.blobs import Conflict, remove_version, swap
from pipeline.lease import describe_holder, has_run_out, lock_of, stamp
from pipeline.store import Run, fence, sweep
from schemas.errors import StoreError

LEASE_S = 60.0


@contextlib.contextmanager
def locked(run: Run, *, lease_s: float = LEASE_S) -> Iterator[Run]:
    """Hold the run's lock; yields the run as its owner. StoreError names the holder where it is taken."""
    owner, has_rival = _take(run, lease_s)
    mine = replace(run, owner=owner)
    stop = threading.Event()
    renewer = threading.Thread(target=_renew, args=(mine, lease_s, stop), name="run-lock", daemon=True)
    renewer.start()
    try:
        if has_rival:
            fence(mine)
        sweep(mine)
        yield mine
    finally:
        stop.set()
        renewer.join()
        _release(mine)


def holder(run: Run) -> dict[str, Any] | None:
    """Who holds the lock, or None."""
    return lock_of(run)[0]


def _take(run: Run, lease_s: float) -> tuple[str, bool]:
    """Take the lock; returns the new owner, and whether an earlier one may still be alive."""
    other, token = lock_of(run)
    if other is not None and not is_stale(other):
        raise StoreError(f"{run.url} is locked: {describe_holder(other)}; wait for it or stop it")
    owner = uuid.uuid4().hex
    try:
        swap(run.fs, run.path("lock.json"), _lock(owner, lease_s), token)
    except Conflict:
        winner = holder(run)
        who = describe_holder(winner) if winner else "another process took and released it just now"
        raise StoreError(f"{run.url} is locked: {who}; wait for it or stop it") from None
    except OSError as error:
        raise StoreError(f"{run.url}: cannot write to the run folder: {error.strerror or error}") from error
    return owner, other is not None and not _is_dead(other)


def is_stale(lock: dict[str, Any]) -> bool:
    """Whether a lock's lease ran out or its process is known to be dead."""
    return has_run_out(lock) or _is_dead(lock)


def _is_dead(lock: dict[str, Any]) -> bool:
    return lock["machine"] == _machine() and _started(lock["pid"]) != lock["process_started"]


def _lock(owner: str, lease_s: float, acquired_at: str | None = None) -> bytes:
    pid = os.getpid()
    return json.dumps(
        {
            "owner": owner,
            "host": socket.gethostname(),
            "pid": pid,
            "machine": _machine(),
            "process_started": _started(pid),
            "acquired_at": acquired_at or stamp(),
            "expires_at": stamp(lease_s),
        },
        indent=1,
    ).encode()


def _renew(run: Run, lease_s: float, stop: threading.Event) -> None:
    """Move the lease forward until told to stop; ends quietly once the lock is somebody else's."""
    while not stop.wait(lease_s / 3):
        # Whatever class of error a filesystem raises, the renewal is tried again; the lease itself is the limit.
        with contextlib.suppress(Exception):
            lock, token = lock_of(run)
            if lock is None or lock["owner"] != run.owner:
                return
            swap(run.fs, run.path("lock.json"), _lock(lock["owner"], lease_s, lock["acquired_at"]), token)


def _release(run: Run) -> None:
    lock, token = lock_of(run)
    if lock and token and lock["owner"] == run.owner:
        with contextlib.suppress(Conflict):  # taken over at this very moment
            remove_version(run.fs, run.path("lock.json"), token)


def _machine() -> str:
    """Host, boot and process-id namespace: where a process id means the same process."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def _started(pid: int) -> str | None:
    """When a process started, in kernel ticks; None where it is gone, a zombie, or there is no /proc to ask."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
