"""The index's file: one thread that writes, a few that read, none of them the event loop's.

Readers see the last committed state and never wait for a writer (write-ahead log). Writers of several processes wait
for each other, for `BUSY_S` at most. A process that is killed loses the transaction it was in, and nothing else.

Connections must not cross a fork, so they are opened by the process that uses them, at its first use: the worker that
forks for each of its jobs has none itself.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from .schema import prepare
from .vectors import Matrices

BUSY_S = 60
"""How long a writer waits for one of another process."""

N_READERS = 4

CACHE_KIB = 32_768
"""Pages that each connection keeps in memory."""

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class Store:
    """One file, as one process uses it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.matrices = Matrices()
        self._connections: list[sqlite3.Connection] = []
        self._own = threading.local()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="search-writer")
        self._readers = ThreadPoolExecutor(N_READERS, thread_name_prefix="search-reader")
        self._prepared = self._writer.submit(self._prepare)

    async def read(self, work: Work[T]) -> T:
        """The result of work that only reads, all of it on one state of the index."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._in_snapshot, work)

    async def write(self, work: Work[T]) -> T:
        """The result of work that is committed as a whole, or not at all where it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._in_transaction, work)

    def close(self) -> None:
        """Wait for what is under way and close the file."""
        self._writer.shutdown()
        self._readers.shutdown()
        while self._connections:
            self._connections.pop().close()

    def _prepare(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))  # records are nobody else's to read
        try:
            connection = self._connection()
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                prepare(connection)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            todo = "stop the server, delete it and run `search-engine reindex`"
            raise RuntimeError(f"the search index {self.path} is damaged ({error}); {todo}") from error

    def _connection(self) -> sqlite3.Connection:
        """The calling thread's own connection."""
        if not hasattr(self._own, "connection"):
            connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            self._connections.append(connection)
            self._own.connection = connection
        return self._own.connection

    def _in_snapshot(self, work: Work[T]) -> T:
        self._prepared.result()
        connection = self._connection()
        connection.execute("BEGIN")
        with connection:
            return work(connection)

    def _in_transaction(self, work: Work[T]) -> T:
        self._prepared.result()
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            return work(connection)


_stores: dict[tuple[int, Path], Store] = {}
_opening = threading.Lock()


def store_at(path: str | Path) -> Store:
    """This process's store for a file."""
    key = os.getpid(), Path(path).absolute()
    with _opening:
        if key not in _stores:
            _stores[key] = Store(key[1])
        return _stores[key]


def close_all() -> None:
    """Close every store of this process; the next use opens them again."""
    with _opening:
        for key in [key for key in _stores if key[0] == os.getpid()]:
            _stores.pop(key).close()
