"""The Argilla server's own commands with this search engine registered: `python -m sqlite_search worker`."""

import os

os.environ.setdefault("ARGILLA_SEARCH_ENGINE", "sqlite")

from argilla_server.cli import app  # noqa: E402  # its settings read the environment when they are imported

from . import engine  # noqa: E402, F401  # registers itself in this process and in the ones it forks

if __name__ == "__main__":
    app()
