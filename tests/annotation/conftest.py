"""A real annotation server for the tests of everything that talks to one."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SERVE = [str(Path(sys.executable).parent / "coldstart"), "annotate", "serve"]


@dataclass
class AnnotationServer:
    """A server that runs: `accounts` are by user name, each with password, api_key, role and workspaces."""

    url: str
    data: Path
    accounts: dict[str, dict[str, Any]]
    process: "subprocess.Popen[str]"

    def call(self, username: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """What the API answers a user: status and JSON."""
        headers = {"X-Argilla-Api-Key": self.accounts[username]["api_key"], "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def processes(self) -> list[int]:
        """Its processes, but for the one that was started."""
        wanted, found = f"ARGILLA_HOME_PATH={self.data}".encode(), []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                is_ours = wanted in path.read_bytes().split(b"\0")
                is_zombie = (path.parent / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except (OSError, ProcessLookupError):
                continue
            found += [int(path.parent.name)] if is_ours and not is_zombie else []
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the command a signal; its exit code, once none of its processes is left."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        deadline = time.monotonic() + 60
        while self.processes():
            assert time.monotonic() < deadline, "processes are left"
            time.sleep(0.1)
        return code


StartServer = Callable[..., AnnotationServer]


@pytest.fixture(scope="session")
def server_environment() -> Path:
    """The Python of the installed server environment; installs it in the user's cache where it is not there."""
    from annotation.server.environment import server_python

    return server_python(lambda line: None)


@pytest.fixture(scope="session")
def start_server(server_environment: Path) -> Iterator[StartServer]:
    """Start a server on a folder, with more arguments of `annotate serve`; all are stopped in the end."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Path, *arguments: str) -> AnnotationServer:
        environment = os.environ | {"COLDSTART_ANNOTATION_PYTHON": str(server_environment)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [*SERVE, "--data", str(data), "--port", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Ctrl-C"):
                break
        else:
            pytest.fail(f"the annotation server did not start; its logs are in {data / 'logs'}")
        found = json.loads((data / "accounts.json").read_text())
        return AnnotationServer(found["url"], data, {user["username"]: user for user in found["users"]}, process)

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def annotation_server(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> AnnotationServer:
    """A server with an owner, two annotators and an adjudicator, for every test that changes nothing of it itself."""
    return start_server(tmp_path_factory.mktemp("annotation") / "data")
