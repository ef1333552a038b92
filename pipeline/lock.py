"""One writer per run: `lock.json`, created only where there is none, with an owner and a lease.

The holder renews its lease from a thread. A lock is taken over when its lease ran out, or at once when its process
is known to be dead: same host, same boot, same process-id namespace, and no such process any more (where there is
no /proc, only the lease tells). A holder that was taken over (a laptop asleep, say) finds out at its next
publication, which is then refused.
"""

import contextlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.blobs import Conflict, read_version, remove, swap
from pipeline.store import Run, describe_holder, sweep, with_owner
from schemas.errors import StoreError

LEASE_S = 60.0


@contextlib.contextmanager
def locked(run: Run, *, lease_s: float = LEASE_S) -> Iterator[Run]:
    """Hold the run's lock; yields the run as its owner. StoreError names the holder where it is taken."""
    owner = _take(run, lease_s)
    mine = with_owner(run, owner)
    stop = threading.Event()
    renewer = threading.Thread(target=_renew, args=(mine, lease_s, stop), name="run-lock", daemon=True)
    renewer.start()
    try:
        sweep(mine)
        yield mine
    finally:
        stop.set()
        renewer.join()
        _release(mine)


def holder(run: Run) -> dict[str, Any] | None:
    """Who holds the lock, or None."""
    content, _ = read_version(run.fs, run.path("lock.json"))
    return json.loads(content) if content else None


def _take(run: Run, lease_s: float) -> str:
    path = run.path("lock.json")
    content, token = read_version(run.fs, path)
    if content is not None:
        other = json.loads(content)
        if not is_stale(other):
            raise StoreError(f"{run.url} is locked: {describe_holder(other)}; wait for it or stop it")
    owner = uuid.uuid4().hex
    try:
        swap(run.fs, path, _lock(owner, lease_s), token)
    except Conflict:
        other = holder(run) or {}
        who = describe_holder(other) if other else "another process took and released it just now"
        raise StoreError(f"{run.url} is locked: {who}; wait for it or stop it") from None
    return owner


def is_stale(lock: dict[str, Any]) -> bool:
    """Whether a lock's lease ran out or its process is known to be dead."""
    if lock["expires_at"] < _stamp():
        return True
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
            "acquired_at": acquired_at or _stamp(),
            "expires_at": _stamp(lease_s),
        },
        indent=1,
    ).encode()


def _renew(run: Run, lease_s: float, stop: threading.Event) -> None:
    """Move the lease forward until told to stop; ends quietly once the lock is somebody else's."""
    path = run.path("lock.json")
    while not stop.wait(lease_s / 3):
        with contextlib.suppress(OSError):  # a renewal that cannot be written is tried again before the lease ends
            content, token = read_version(run.fs, path)
            lock = json.loads(content) if content else {}
            if lock.get("owner") != run.owner:
                return
            try:
                swap(run.fs, path, _lock(str(run.owner), lease_s, lock["acquired_at"]), token)
            except Conflict:
                return


def _release(run: Run) -> None:
    current = holder(run)
    if current and current["owner"] == run.owner:
        remove(run.fs, run.path("lock.json"))


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


def _stamp(ahead_s: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=ahead_s)).isoformat(timespec="seconds")
