"""Registers the embedded search engine, where that is the one that the settings name."""

import os

if os.environ.get("ARGILLA_SEARCH_ENGINE") == "sqlite":
    import sqlite_search.engine  # noqa: F401
