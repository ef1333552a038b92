"""The Argilla server's commands with this search engine: `python -m sqlite_search worker`."""

import os

os.environ.setdefault("ARGILLA_SEARCH_ENGINE", "sqlite")

from argilla_server.cli import app  # its settings read the environment when they are imported

from . import engine  # noqa: F401  # registers itself in this process and in the ones it forks

if __name__ == "__main__":
    app()
