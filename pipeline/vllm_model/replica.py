"""One vLLM process: started under a keeper, watched, started again where it dies, and always stopped."""

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline import keeper
from pipeline.vllm_model.last_error import explained
from schemas.errors import BackendError, RecipeError

MAX_RESTARTS = 5
"""Times that a server which was healthy once is started again; one that dies before that has a reason to."""

GRACE_S = 45.0
"""Time that a server has to end by itself: its own time-out for what is in flight (20 s), and to let go of memory."""

STARTING_GRACE_S = 5.0
"""The same for one that was never ready: it has nothing in flight, and vLLM may not hear while it starts."""

HEALTH_TIMEOUT_S = 5.0


class Replica:
    """A server on a port of this machine. `failure` is why it is gone for good; None while it runs or starts.

    `was_healthy`: whether it has ever answered.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], port: int, log: Path) -> None:
        self.port = port
        self.log = log
        self.failure: BackendError | RecipeError | None = None
        self._command = [sys.executable, "-I", keeper.__file__, str(GRACE_S), *command, "--port", str(port)]
        self._environment = dict(environment)
        self.was_healthy = False
        self._is_stopping = False
        self._change = threading.Lock()
        self._process = self._started()
        threading.Thread(target=self._watch, name=f"vllm-{port}", daemon=True).start()

    def is_healthy(self) -> bool:
        """Whether it answers on `/health`; looked up now."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HEALTH_TIMEOUT_S)
        try:
            connection.request("GET", "/health")
            answers = connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        self.was_healthy = self.was_healthy or answers
        return answers

    def ask_to_stop(self) -> None:
        """Close the keeper's pipe: it ends the server; nothing is started again."""
        with self._change:
            self._is_stopping = True
            self._close_pipe()

    def stop(self) -> None:
        """Stop, and return when no process of it is left."""
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S + 15 if self.was_healthy else STARTING_GRACE_S)
        self._end_group()
        self._process.wait()

    def _started(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own, which Ctrl-C in a terminal does not reach
            )

    def _watch(self) -> None:
        n_restarts = 0
        while True:
            self._process.wait()
            self._end_group()
            with self._change:
                self._close_pipe()
                if self._is_stopping:
                    return
                if not self.was_healthy or n_restarts == MAX_RESTARTS:
                    what = f"vLLM ended {n_restarts + 1} times" if self.was_healthy else "vLLM did not start"
                    self.failure = explained(self.log, what)
                    return
                n_restarts += 1
                self._process = self._started()

    def _close_pipe(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _end_group(self) -> None:
        """End what the keeper left behind, which is something only where it was ended by kill -9 itself."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
