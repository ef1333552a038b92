"""The engine under test: the embedded one, or the server at COLDSTART_SEARCH_URL.

The Argilla server's settings read the environment when they are imported, so its home is set before. The project's own
pytest may pass here; it does not have the server, and nothing happens.
"""

import asyncio
import atexit
import os
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

URL = os.environ.get("COLDSTART_SEARCH_URL")
ENGINE = os.environ.get("COLDSTART_SEARCH_ENGINE", "elasticsearch") if URL else "sqlite"


def _use_a_home_of_its_own() -> None:
    """Let the server keep what it stores in a folder that is gone afterwards."""
    home = tempfile.TemporaryDirectory(prefix="search-contract-", ignore_cleanup_errors=True)
    atexit.register(home.cleanup)
    os.environ |= {
        "ARGILLA_HOME_PATH": home.name,
        "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{home.name}/argilla.db?check_same_thread=False",
        "ARGILLA_SQLITE_SEARCH_PATH": f"{home.name}/search.db",
        "ARGILLA_SEARCH_ENGINE": ENGINE,
        "ARGILLA_ELASTICSEARCH": URL or "http://127.0.0.1:9",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


if find_spec("argilla_server"):
    _use_a_home_of_its_own()


class Engine:
    """A search engine whose methods are called without waiting; all run in one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, engine: Any) -> None:
        self._loop = loop
        self._engine = engine

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            return self._loop.run_until_complete(getattr(self._engine, name)(*args, **kwargs))

        return called

    def found(self, dataset: Any, query: str | None = None, field: str | None = None, **asked: Any) -> list[Any]:
        """Ids of the records that a search finds, in its order."""
        from argilla_server.search_engine import TextQuery

        text = None if query is None else TextQuery(q=query, field=field)
        answer = self.search(dataset, query=text, **{"limit": 1000, **asked})
        assert answer.total == len(answer.items) or "limit" in asked or "offset" in asked
        return [item.record_id for item in answer.items]


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def engine(loop: asyncio.AbstractEventLoop) -> Iterator[Engine]:
    """The engine under test; its index is shared by all tests, each of which has a dataset of its own."""
    from argilla_server.search_engine import SearchEngine

    if not URL:
        import sqlite_search.engine  # noqa: F401  # registers itself
    made = loop.run_until_complete(SearchEngine.registered_classes[ENGINE].new_instance())
    yield Engine(loop, made)
    loop.run_until_complete(made.close())
    if not URL:
        from sqlite_search.store import close_all

        close_all()


@pytest.fixture
def dataset(engine: Engine) -> Iterator[Any]:
    """A published dataset with an empty index."""
    import models

    found = models.dataset()
    engine.create_index(found)
    yield found
    engine.delete_index(found)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what only the embedded engine does where another one is tested."""
    for item in items:
        if URL and item.get_closest_marker("embedded"):
            item.add_marker(pytest.mark.skip(reason="of the embedded engine only"))
