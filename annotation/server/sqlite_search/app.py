"""The Argilla server's application with this search engine: `uvicorn sqlite_search.app:app`."""

import os

os.environ.setdefault("ARGILLA_SEARCH_ENGINE", "sqlite")

from argilla_server import app  # its settings read the environment when they are imported

from .engine import SQLiteSearchEngine

__all__ = ["SQLiteSearchEngine", "app"]
