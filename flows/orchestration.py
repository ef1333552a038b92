"""Prefect's server and a worker beside the annotation server: started, watched over, and stopped.

Both run under a keeper, which ends them, and the flow runs of the worker, whatever way we end. A flow run that is
stopped so keeps what was finished, and can be retried: what Prefect still takes for running at the next start, though
no process of this machine works on it, is crashed.
"""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotation.server.address import require_free
from annotation.server.process import Group, Process
from annotation.server.serving import Server
from flows import reaper
from schemas.errors import BackendError, RecipeError

HOST = "127.0.0.1"
POOL = "local"
DEPLOYMENTS = "prefect.yaml"

START_S = 240.0
"""Seconds that Prefect's server may take until it answers; the first start makes its database."""

REGISTER_S = 300.0
POLL_S = 0.3
ATTEMPTS = 8

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
    group: Group = field(init=False)

    def __post_init__(self) -> None:
        self.group = Group("Prefect", self._launch)

    @property
    def url(self) -> str:
        """Its web UI."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Start both; returns when they answer and the deployments of this folder are registered."""
        require_free(HOST, self.port)
        self.group.start("prefect")
        self._await("/api/health", "prefect")
        self.crashed = _declare_crashed(self)
        self.group.start("worker")
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
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            "ARGILLA_API_URL": self.annotation.url,
            "ARGILLA_API_KEY": self.annotation.accounts[0].api_key,
        }

    def stop(self) -> None:
        """Stop the worker with its flow runs, and then the server; a KeyboardInterrupt meanwhile ends that at once.

        The worker is waited for even then, at most the grace of its keeper: only so are its flow runs ended.
        """
        try:
            self.group.stop(("worker",), ("prefect",))
        except KeyboardInterrupt:
            self.group.stop(("worker",))
            self.group.kill()

    def _launch(self, name: str) -> Process:
        arguments = {
            "prefect": ["server", "start", "--host", HOST, "--port", str(self.port)],
            "worker": ["worker", "start", "--pool", POOL, "--type", "process"],
        }[name]
        data = self.annotation.data
        command = [sys.executable, "-P", "-m", "prefect", *arguments]
        if name == "worker":
            command = [sys.executable, "-I", reaper.__file__, *command]
        return Process(name, command, self.environment(), data.log(name), data.processes.fileno())

    def _await(self, path: str, name: str) -> None:
        """Return once the server has something at a path; BackendError where a process ended, or it takes too long."""
        deadline = time.monotonic() + START_S
        while not self._has(path):
            process = self.group.processes[name]
            if not process.is_alive() or time.monotonic() > deadline:
                raise self.group.ended(process, "did not start")
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
    lost: list[str] = []
    if not Path("/proc/self/environ").exists():
        return lost
    of_workers = {"state": {"type": {"any_": UNDER_WAY}}, "deployment_id": {"is_null_": False}}
    state = {"type": "CRASHED", "message": "its process ended with `coldstart serve`, or before"}
    while found := {one["id"] for one in _ask(prefect, "/api/flow_runs/filter", {"flow_runs": of_workers})}.difference(
        _worked_on(), lost
    ):
        for id in sorted(found):
            _ask(prefect, f"/api/flow_runs/{id}/set_state", {"state": state, "force": True})
            lost.append(id)
    return lost


def _worked_on() -> set[str]:
    """Ids of the flow runs that have a process on this machine, by its environment."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            variables = path.read_bytes().split(b"\0")
            found |= {one.removeprefix(FLOW_RUN).decode() for one in variables if one.startswith(FLOW_RUN)}
    return found


def _ask(prefect: Prefect, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """What its API answers. BackendError where it fails; 503 is a database that its own services have locked."""
    for _ in range(ATTEMPTS):
        connection = http.client.HTTPConnection(HOST, prefect.port, timeout=30)
        try:
            connection.request("POST", path, json.dumps(body or {}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise BackendError(f"Prefect's server does not answer on {path} ({error}); start again") from None
        finally:
            connection.close()
        if answer.status < http.client.BAD_REQUEST:
            return json.loads(said)
        if answer.status != http.client.SERVICE_UNAVAILABLE:
            break
        time.sleep(1)
    told = said[:500].decode("utf-8", "replace")
    raise BackendError(f"Prefect's server answered {answer.status} to {path}: {told}; start again")
