"""Carries out the Argilla server's background jobs: webhooks, statuses after a changed overlap, imports and exports."""

import ctypes
import signal
import sys
from pathlib import Path
from typing import Any

from argilla_server.jobs.queues import DEFAULT_QUEUE, HIGH_QUEUE, REDIS_CONNECTION
from rq import Worker

from . import search_engine  # noqa: F401  # registers the embedded one for the jobs
from .prepare import UNFINISHED

PR_SET_PDEATHSIG = 1


class JobWorker(Worker):
    """A worker whose jobs end with it, and are known to be unfinished where they did."""

    def main_work_horse(self, *args: Any, **kwargs: Any) -> None:
        """In the process of a job, which leads a session of its own: have the kernel end it with its parent (Linux)."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        super().main_work_horse(*args, **kwargs)

    def execute_job(self, *args: Any, **kwargs: Any) -> None:
        mark = UNFINISHED / "job"
        mark.touch()
        super().execute_job(*args, **kwargs)
        mark.unlink(missing_ok=True)


if __name__ == "__main__":
    Path(UNFINISHED).mkdir(exist_ok=True)
    JobWorker([HIGH_QUEUE, DEFAULT_QUEUE], connection=REDIS_CONNECTION).work(logging_level="WARNING")
