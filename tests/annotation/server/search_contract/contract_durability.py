"""What the file holds after the process ended, was killed, or was one of several. Of the embedded engine only."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import models
import pytest
from argilla_server.search_engine import MetadataFilterScope, RangeFilter

pytestmark = pytest.mark.embedded

SIZE = 100


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A file of its own, for this process and the ones it starts."""
    monkeypatch.setenv("ARGILLA_SQLITE_SEARCH_PATH", str(tmp_path / "search.db"))
    return tmp_path / "search.db"


@pytest.fixture
def opened(path, loop):
    """Opens the file as a process does that starts; what was open before is closed."""
    from conftest import Engine
    from sqlite_search.engine import SQLiteSearchEngine
    from sqlite_search.store import store_at

    stores = []

    def open_again():
        for store in stores:
            store.close()
        from sqlite_search import store as stores_of

        stores_of._stores.pop((os.getpid(), path), None)
        stores.append(store_at(path))
        return Engine(loop, SQLiteSearchEngine(stores[-1]))

    yield open_again
    for store in stores:
        store.close()


@pytest.fixture
def dataset(opened):
    found = models.dataset()
    opened().create_index(found)
    return found


def start(dataset, *arguments):
    """Start a process that indexes."""
    command = [sys.executable, "indexing_process.py", str(dataset.id), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    here = Path(__file__).parent
    return subprocess.Popen(command, cwd=here, env=environment, stdout=subprocess.PIPE, text=True)


def check_consistent(path, dataset):
    """Every table knows the same documents, and SQLite finds nothing wrong."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (number,) = connection.execute("SELECT number FROM indices WHERE dataset_id = ?", (str(dataset.id),)).fetchone()
        connection.execute(f"INSERT INTO texts_{number}(texts_{number}) VALUES ('integrity-check')")
        documents = connection.execute("SELECT id FROM documents ORDER BY id").fetchall()
        for table in (
            f"SELECT rowid FROM texts_{number}",
            "SELECT document FROM responses",
            "SELECT document FROM facets",
        ):
            assert sorted(connection.execute(table).fetchall()) == documents
        return len(documents)


def test_data_survives_reopening(opened, dataset):
    engine = opened()
    record = models.record(dataset, "red fox", metadata={"length": 3}, vector=[1.0] * models.DIMENSIONS)
    engine.index_records(dataset, [record])
    engine = opened()
    settings = dataset.vectors_settings[0]
    assert engine.found(dataset, "fox") == [record.id]
    assert engine.found(dataset, filter=RangeFilter(MetadataFilterScope("length"), ge=3)) == [record.id]
    assert engine.similarity_search(dataset, settings, value=[1.0] * models.DIMENSIONS).total == 1


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_writer_leaves_whole_batches_and_a_reindex_mends(opened, dataset, path, seed):
    process = start(dataset, SIZE)
    wait_for = random.Random(seed).randint(1, 4)
    for line in process.stdout:
        if int(line) == wait_for:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = wait_for + 1 + len(process.stdout.readlines())
    process.stdout.close()
    engine = opened()
    n_records = check_consistent(path, dataset)
    assert n_records % SIZE == 0
    assert n_records >= told * SIZE
    assert len(engine.found(dataset, f"batch{wait_for}")) == SIZE
    records = [models.record(dataset, f"batch{i} anew", metadata={"length": i}) for i in range(10)]
    for record in records:
        models.response(record, models.user())
    engine.delete_index(dataset)
    engine.create_index(dataset)
    engine.index_records(dataset, records)
    assert sorted(engine.found(dataset)) == sorted(models.ids(records))
    assert engine.found(dataset, "anew batch3") == [records[3].id]
    assert check_consistent(path, dataset) == 10


def test_processes_write_to_one_file_at_a_time_and_lose_nothing(opened, dataset, path):
    processes = [start(dataset, 20, 10) for _ in range(2)]
    engine = opened()
    while any(process.poll() is None for process in processes):
        assert engine.search(dataset).total % 20 == 0
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.stdout.close()
    assert len(engine.found(dataset, "batch7")) == 40
    assert check_consistent(path, dataset) == 400


def test_neither_readers_nor_the_event_loop_wait_for_a_writer(opened, dataset):
    engine = opened()
    record = models.record(dataset, "red fox")
    go_on = threading.Event()

    async def read_while_writing():
        def slow(connection):
            connection.execute("DELETE FROM documents")
            go_on.wait(60)

        writing = asyncio.ensure_future(engine._engine._store.write(slow))
        await asyncio.sleep(0.05)
        found = await engine._engine.search(dataset)
        assert not writing.done()
        go_on.set()
        await writing
        return found.total

    engine.index_records(dataset, [record])
    assert engine._loop.run_until_complete(read_while_writing()) == 1
    assert engine.search(dataset).total == 0


def test_a_failed_write_changes_nothing(opened, dataset):
    engine = opened()
    kept = models.record(dataset, "red fox")
    engine.index_records(dataset, [kept])
    bad = models.record(dataset, "blue whale")
    bad.fields = {"prompt": "blue whale"}
    bad.external_id = "\ud800"  # what SQLite cannot store
    with pytest.raises(UnicodeEncodeError):
        engine.index_records(dataset, [models.record(dataset, "fine whale"), bad])
    assert engine.found(dataset, "whale") == []
    assert engine.found(dataset) == [kept.id]


def test_a_file_of_another_version_is_emptied(opened, dataset, path):
    opened().index_records(dataset, [models.record(dataset, "red fox")])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    engine = opened()
    with pytest.raises(RuntimeError, match="search-engine reindex"):
        engine.search(dataset)
    engine.create_index(dataset)
    assert engine.found(dataset) == []


def test_a_file_that_is_no_index_says_what_to_do(opened, path):
    path.write_bytes(b"something else " * 1000)
    with pytest.raises(RuntimeError, match="delete it and run `search-engine reindex`"):
        opened().ping()


def test_the_file_is_for_its_owner_only(opened, dataset, path):
    assert path.stat().st_mode & 0o777 == 0o600
