"""The Argilla server's API and web UI, after what its data folder needs was done.

    python -m inside.web HOST PORT

One process does both, as importing the server takes longer than either.
"""

import asyncio
import signal
import sys

import uvicorn
from argilla_server import app

from . import (
    page_policy,
    prepare,
    search_engine,  # noqa: F401  # registers the embedded one
)


def main(host: str, port: int) -> None:
    prepare.migrate()
    prepare.discard_broken_index()
    for line in asyncio.run(prepare.prepare()):
        sys.stdout.write(f"{prepare.SAYS}{line}\n")
    sys.stdout.flush()
    with prepare.unfinished("web"):
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn has its own, and raises the signal again at its end
        guarded = page_policy.guarded(app, page_policy.pages_of(app))
        uvicorn.run(guarded, host=host, port=port, access_log=False, log_level="warning", timeout_graceful_shutdown=8)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
