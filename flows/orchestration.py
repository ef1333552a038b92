"""Prefect's server and a worker beside the annotation server: started, watched over, and stopped.

Both run under a keeper, which ends them, and the flow runs of the worker, whatever way we end. A flow run that is
stopped so keeps what was finished, and can be retried: what Prefect still takes for running at the next start, though
no process of this machine works on it, is crashed.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotation.server.environment import Tell
from annotation.server.process import Process
from annotation.server.serving import MAX_RESTARTS, POLL_S, RESTARTS_S, Server
from flows import reaper
from schemas.errors import BackendError, RecipeError

HOST = "127.0.0.1"
POOL = "local"
DEPLOYMENTS = "prefect.yaml"

START_S = 240.0
"""Seconds that Prefect's server may take until it answers; the first start makes its database."""

REGISTER_S = 300.0

UNDER_WAY = ["PENDING", "RUNNING", "CANCELLING"]
FLOW_RUN = b"PREFECT__FLOW_RUN_ID="
"""What names the flow run in the environment of its process."""


@dataclass
class Prefect:
    """A Prefect server on loopback and a process worker, with the annotation server that its flows talk to."""

    port: int
    annotation: Server
    crashed: list[str] = field(default_factory=list)
    """Ids of flow runs that were under way when the last one ended."""
    _processes: dict[str, Process] = field(default_factory=dict)
    _restarted: list[float] = field(default_factory=list)
    _failure: BackendError | None = None

    @property
    def url(self) -> str:
        """Its web UI."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Start both; returns when they answer and the deployments of this folder are registered."""
        self._start("prefect")
        self._await("/api/health", "prefect")
        self.crashed = _declare_crashed(self)
        self._start("worker")
        self._await(f"/api/work_pools/{POOL}", "worker")
        self._register()

    def environment(self) -> dict[str, str]:
        """Ours, without Prefect settings that are for other servers; the key to the annotation server is in it."""
        home = self.annotation.data.path / "prefect"
        own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        return own | {
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"{self.url}/api",
            "PREFECT_SERVER_UI_API_URL": f"{self.url}/api",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            "ARGILLA_API_URL": self.annotation.url,
            "ARGILLA_API_KEY": self.annotation.accounts[0].api_key,
        }

    @contextmanager
    def watched(self, tell: Tell) -> Iterator[None]:
        """A block in which processes that end are started again; BackendError after it where one does so always."""
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(tell, done), name="prefect-watch", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
        if self._failure:
            raise self._failure

    def stop(self) -> None:
        """Stop the worker with its flow runs, and then the server; a KeyboardInterrupt meanwhile ends both at once."""
        order = [self._processes[name] for name in ("worker", "prefect") if name in self._processes]
        try:
            for process in order:
                process.stop()
        except KeyboardInterrupt:
            for process in order:
                process.kill()

    def _start(self, name: str) -> None:
        arguments = {
            "prefect": ["server", "start", "--host", HOST, "--port", str(self.port)],
            "worker": ["worker", "start", "--pool", POOL, "--type", "process"],
        }[name]
        data = self.annotation.data
        command = [sys.executable, "-P", "-m", "prefect", *arguments]
        if name == "worker":
            command = [sys.executable, "-I", reaper.__file__, *command]
        hold = data.processes.fileno()
        self._processes[name] = Process(name, command, self.environment(), data.log(name), hold)

    def _await(self, path: str, name: str) -> None:
        """Return once the server has something at a path; BackendError where a process ended, or it takes too long."""
        deadline = time.monotonic() + START_S
        while not self._has(path):
            process = self._processes[name]
            if not process.is_alive() or time.monotonic() > deadline:
                raise _ended(process, "did not start")
            time.sleep(POLL_S)

    def _has(self, path: str) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _register(self) -> None:
        command = [sys.executable, "-P", "-m", "prefect", "--no-prompt", "deploy", "--all"]
        try:
            done = subprocess.run(
                command, env=self.environment(), capture_output=True, text=True, timeout=REGISTER_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise BackendError(f"{DEPLOYMENTS} could not be registered within {REGISTER_S:g} s; start again") from None
        if done.returncode:
            said = "".join(f"\n  {line}" for line in (done.stdout + done.stderr).splitlines()[-12:])
            raise BackendError(f"{DEPLOYMENTS} could not be registered; Prefect says:{said}")

    def _watch(self, tell: Tell, done: threading.Event) -> None:
        """Start again what ends; a failure ends the main thread's watch as a signal does."""
        while not done.wait(POLL_S):
            for name, process in list(self._processes.items()):
                if process.is_alive() or done.is_set():
                    continue
                now = time.monotonic()
                self._restarted = [*(at for at in self._restarted if at > now - RESTARTS_S), now]
                if len(self._restarted) > MAX_RESTARTS:
                    self._failure = _ended(process, "ends again and again")
                    signal.raise_signal(signal.SIGTERM)
                    return
                tell(f"Prefect's {name} process ended and is started again; its log: {process.log}")
                process.kill()
                self._start(name)


def deployments(prefect: Prefect) -> list[str]:
    """Names of what is registered, as `prefect deployment run` takes them."""
    flows = {one["id"]: one["name"] for one in _ask(prefect, "/api/flows/filter")}
    return sorted(f"{flows[one['flow_id']]}/{one['name']}" for one in _ask(prefect, "/api/deployments/filter"))


def require_deployments() -> None:
    """Raise a RecipeError where this is not the folder with the deployments."""
    if not Path(DEPLOYMENTS).is_file():
        raise RecipeError(f"{DEPLOYMENTS} is not in this folder; start it in the project's folder, which has it")


@contextmanager
def orchestrating(port: int, annotation: Server) -> Iterator[Prefect]:
    """A block in which Prefect runs beside an annotation server. BackendError where it does not start."""
    prefect = Prefect(port, annotation)
    try:
        prefect.start()
        yield prefect
    finally:
        prefect.stop()


def _declare_crashed(prefect: Prefect) -> list[str]:
    """Tell Prefect of the flow runs under way that no process works on; their ids. None where that cannot be seen."""
    if not Path("/proc/self/environ").exists():
        return []
    wanted = {"flow_runs": {"state": {"type": {"any_": UNDER_WAY}}}}
    lost = {one["id"] for one in _ask(prefect, "/api/flow_runs/filter", wanted)} - _worked_on()
    state = {"type": "CRASHED", "message": "its process ended with `coldstart serve`, or before"}
    for id in sorted(lost):
        _ask(prefect, f"/api/flow_runs/{id}/set_state", {"state": state, "force": True})
    return sorted(lost)


def _worked_on() -> set[str]:
    """Ids of the flow runs that have a process on this machine, by its environment."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            variables = path.read_bytes().split(b"\0")
            found |= {one.removeprefix(FLOW_RUN).decode() for one in variables if one.startswith(FLOW_RUN)}
    return found


def _ask(prefect: Prefect, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """What its API answers; an empty list where it fails."""
    connection = http.client.HTTPConnection(HOST, prefect.port, timeout=30)
    with suppress(OSError, http.client.HTTPException, ValueError):
        connection.request("POST", path, json.dumps(body or {}), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())
    return []


def _ended(process: Process, how: str) -> BackendError:
    return BackendError(
        f"Prefect's {process.name} process {how}; its log ends with{process.last_lines()}\n(its log: {process.log})"
    )
