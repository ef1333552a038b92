"""The Argilla server's ASGI application with this search engine: `uvicorn sqlite_search.app:app`."""

import os

os.environ.setdefault("ARGILLA_SEARCH_ENGINE", "sqlite")

from argilla_server import app  # noqa: E402  # its settings read the environment when they are imported

from .engine import SQLiteSearchEngine  # noqa: E402

__all__ = ["SQLiteSearchEngine", "app"]
