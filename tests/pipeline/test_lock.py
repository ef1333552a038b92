"""One writer per run."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.blobs import Conflict, read_version, swap
from pipeline.lease import has_run_out
from pipeline.lock import holder, is_stale, locked
from pipeline.store import Provenance, Run, append, open_run, publish
from schemas.errors import StoreError
from schemas.tables import Bands, frame_of

MADE_BY = Provenance("test")
TAKE_AND_WAIT = """
import sys, time
from pipeline.lock import locked
from pipeline.store import open_run
with locked(open_run(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def rows(name: str) -> pl.DataFrame:
    band = {"region": "in_band", "is_decided": True, "reason": "in_band", "role": "target", "generator_id": "a" * 32}
    band |= {"decision": "kept", "n_guesses": 0, "c_guesses": 0}
    return frame_of(Bands, [{"prompt_id": name * 32, **band}])


def write_lock(run: Run, **changes: Any) -> dict[str, Any]:
    """Put a lock of another machine into the run, valid for an hour, with `changes`."""
    lock = {
        "owner": "somebody", "host": "elsewhere", "pid": 4242, "machine": "elsewhere", "process_started": "1",
        "acquired_at": "2026-01-02T03:04:05.000+00:00", "expires_at": "2999-01-01T00:00:00.000+00:00", **changes,
    }  # fmt: skip
    path = run.path("lock.json")
    swap(run.fs, path, json.dumps(lock).encode(), read_version(run.fs, path)[1])
    return lock


RAN_OUT = "2026-01-02T03:05:05.000+00:00"


def test_the_lock_says_who_holds_it_and_since_when(run: Run) -> None:
    with locked(run) as mine:
        found = holder(run)
        assert found is not None
        assert (found["owner"], found["pid"], found["host"]) == (mine.owner, os.getpid(), socket.gethostname())
        assert found["acquired_at"] < found["expires_at"]


def test_a_second_taker_is_told_who_holds_the_lock(run: Run) -> None:
    with locked(run):
        lock = holder(run) or {}
        told = rf"is locked: process {os.getpid()} on {socket.gethostname()} holds it since {lock['acquired_at'][:19]}"
        with pytest.raises(StoreError, match=told), locked(run):
            pass


def test_the_lock_is_released_at_exit_and_can_be_taken_again(run: Run) -> None:
    with locked(run):
        pass
    assert holder(run) is None
    with locked(run):
        assert holder(run) is not None


def test_the_lock_is_released_when_the_work_fails(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt), locked(run):
        raise KeyboardInterrupt
    assert holder(run) is None


def test_another_machines_lock_holds_until_its_lease_runs_out(run: Run) -> None:
    write_lock(run)
    with pytest.raises(StoreError, match="process 4242 on elsewhere holds it since 2026-01-02T03:04:05"), locked(run):
        pass
    write_lock(run, expires_at=RAN_OUT)
    with locked(run) as mine:
        assert (holder(run) or {})["owner"] == mine.owner


def test_of_two_that_take_over_a_stale_lock_one_gets_a_conflict(run: Run) -> None:
    write_lock(run, expires_at=RAN_OUT)
    path = run.path("lock.json")
    _, token = read_version(run.fs, path)
    with locked(run), pytest.raises(Conflict):
        swap(run.fs, path, b"{}", token)


def test_a_renewal_moves_the_lease(run: Run) -> None:
    with locked(run, lease_s=0.9):
        first = holder(run) or {}
        deadline = time.monotonic() + 10
        while (holder(run) or {})["expires_at"] == first["expires_at"] and time.monotonic() < deadline:
            time.sleep(0.05)
        renewed = holder(run) or {}
    assert renewed["expires_at"] > first["expires_at"]
    assert renewed["acquired_at"] == first["acquired_at"]


def test_a_holder_that_was_taken_over_cannot_publish(run: Run) -> None:
    with locked(run) as mine:
        publish(mine, Bands, rows("a"), MADE_BY)
        write_lock(run)
        with pytest.raises(StoreError, match="does not hold the run's lock; process 4242 on elsewhere"):
            publish(mine, Bands, rows("b"), MADE_BY)
        with pytest.raises(StoreError, match="does not hold the run's lock"):
            append(mine, Bands, rows("b"), MADE_BY)
    assert run.read(Bands)["prompt_id"].to_list() == ["a" * 32]
    assert (holder(run) or {})["owner"] == "somebody"


def test_a_holder_that_was_taken_over_cannot_publish_after_the_other_is_done(run: Run) -> None:
    with locked(run) as mine:
        write_lock(run, expires_at=RAN_OUT)
        with locked(run):
            pass
        with pytest.raises(StoreError, match="no longer holds the run's lock"):
            publish(mine, Bands, rows("b"), MADE_BY)


def test_what_a_taken_over_holder_has_in_flight_fails(run: Run) -> None:
    publish(run, Bands, rows("a"), MADE_BY)
    _, token = run.manifest_version(Bands)
    write_lock(run, expires_at=RAN_OUT)
    with locked(run), pytest.raises(Conflict):
        swap(run.fs, run.path("bands", "manifest.json"), b"{}", token)
    assert run.read(Bands).height == 1


def test_who_never_took_the_lock_cannot_publish_while_it_is_held(run: Run) -> None:
    with locked(run), pytest.raises(StoreError, match="does not hold the run's lock"):
        publish(run, Bands, rows("a"), MADE_BY)
    publish(run, Bands, rows("a"), MADE_BY)


def test_taking_the_lock_sweeps_parts_that_no_manifest_names(run: Run) -> None:
    publish(run, Bands, rows("a"), MADE_BY)
    for name in ("part-0000-dead.parquet", "manifest.json.7.7.tmp", "notes.txt"):
        run.fs.pipe_file(run.path("bands", name), b"left by a killed writer")
    with locked(run):
        left = {path.rpartition("/")[2] for path in run.fs.ls(run.path("bands"), detail=False)}
    named = {part["name"] for part in (run.manifest(Bands) or {})["parts"]}
    assert left == {*named, "manifest.json", "notes.txt"}


def test_an_unreadable_lock_is_named(run: Run) -> None:
    run.fs.makedirs(run.root, exist_ok=True)
    run.fs.pipe_file(run.path("lock.json"), b"not JSON")
    with pytest.raises(StoreError, match=r"lock\.json: not a readable lock; remove it"), locked(run):
        pass


def test_a_folder_that_cannot_be_written_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = open_run(str(tmp_path / "file" / "run"))
    with pytest.raises(StoreError, match="cannot write to the run folder: Not a directory"), locked(run):
        pass


def test_a_file_is_no_run_folder(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(StoreError, match=r"recipe\.toml: this is a file; wanted a folder"):
        open_run(str(tmp_path / "recipe.toml"))


def test_a_reused_process_id_is_not_the_holder(tmp_path: Path) -> None:
    run = open_run(str(tmp_path))
    with locked(run):
        lock = holder(run) or {}
    assert not is_stale(lock)
    assert is_stale({**lock, "process_started": "1"})
    assert not is_stale({**lock, "process_started": "1", "machine": "elsewhere"})


def test_a_live_process_keeps_its_lock_and_a_dead_one_is_taken_over_at_once(run: Run) -> None:
    if run.url.startswith("memory:"):
        pytest.skip("memory belongs to one process")
    command = [sys.executable, "-c", TAKE_AND_WAIT, run.url]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(StoreError, match=f"is locked: process {process.pid} "), locked(run):
            pass
        process.send_signal(signal.SIGKILL)
    assert not has_run_out(holder(run) or {})
    with locked(run) as mine:
        assert (holder(run) or {})["owner"] == mine.owner
