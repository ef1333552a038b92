"""The engine under test: the embedded one, or the server at COLDSTART_SEARCH_URL.

Nothing of the server is imported before a test asks for it: its settings read the environment when they are imported,
and the project's own pytest may pass here without having the server.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

URL = os.environ.get("COLDSTART_SEARCH_URL")
ENGINE = os.environ.get("COLDSTART_SEARCH_ENGINE", "elasticsearch") if URL else "sqlite"


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


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's home, before anything of it is imported."""
    home = tmp_path_factory.mktemp("argilla")
    os.environ |= {"ARGILLA_HOME_PATH": str(home), "ARGILLA_SEARCH_ENGINE": ENGINE, "HF_HUB_DISABLE_TELEMETRY": "1"}
    os.environ["ARGILLA_DATABASE_URL"] = f"sqlite+aiosqlite:///{home}/argilla.db?check_same_thread=False"
    if URL:
        os.environ["ARGILLA_ELASTICSEARCH"] = URL
    return home


@pytest.fixture(scope="session")
def engine(home: Path, loop: asyncio.AbstractEventLoop) -> Iterator[Engine]:
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
