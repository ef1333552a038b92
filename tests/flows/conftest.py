"""A real Prefect server for the flow tests, model servers that do as they are told, and the installed command line."""

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from tests.flows.prefect_server import call

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
DEMO = ROOT / "flows/recipes/demo.toml"
SETTINGS = (
    f"data={ROOT / 'data/models'}",
    "sources.puzzles.size=4",
    "plans.samples=8",
    "plans.confidence=0.8",
    "band.max_samples=8",
    "annotate.records=40",
    "annotate.random_share=1",
)
DEMO_SETTINGS = [word for setting in SETTINGS for word in ("--set", setting)]


Answer = Callable[[dict[str, Any], int], tuple[int, Any, dict[str, str]]]


class Server:
    """A model server that does what `answer` says: of a request's body and number come a status, a body and headers."""

    def __init__(self) -> None:
        self.answer: Answer = lambda body, number: (404, {}, {})
        self.n_asked, counting = 0, threading.Lock()
        ours = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with counting:
                    number, ours.n_asked = ours.n_asked, ours.n_asked + 1
                status, said, headers = ours.answer(body, number)
                content = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def do_GET(self) -> None:
                self.send_error(404)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        class Listening(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_: Any) -> None:
                """A client that is killed is what these tests are about."""

        self.http = Listening(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Two of them."""
    made = [Server(), Server()]
    yield made
    for server in made:
        server.close()


@pytest.fixture(scope="session")
def coldstart() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the command line as a user does, `coldstart("status", "--run", folder)`, without a process of its own."""

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        command, out, err = [str(argument) for argument in arguments], io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as end:
            main(command)
        status = end.value.code if isinstance(end.value.code, int) else 0
        return subprocess.CompletedProcess(command, status, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="module")
def recorded_run(
    coldstart: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished run of the recorded set; each module has its own, as its tests may add tables."""
    run = tmp_path_factory.mktemp("runs") / "recorded"
    recipe, data = ROOT / "flows/recipes/recorded.toml", ROOT / "data/recorded"
    done = coldstart("run", recipe, "--set", f"data={data}", "--run", run)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="session")
def plans_run(
    coldstart: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished run of the demo, made small, with more than 40 plans to ask people about; tests copy it."""
    run = tmp_path_factory.mktemp("plans") / "run"
    done = coldstart("run", DEMO, "--run", run, *DEMO_SETTINGS)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="session")
def prefect_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of a Prefect client whose server runs on loopback, in a home of its own."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    env = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    with (home / "server.log").open("w") as log:
        command = [BIN / "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=home)
    try:
        _wait_for(f"{url}/health", server, home / "server.log")
        yield env
    finally:
        server.terminate()
        server.wait(30)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"the Prefect server did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def deployed(prefect_env: dict[str, str]) -> dict[str, str]:
    """The same, with the deployments of prefect.yaml."""
    call(prefect_env, "work-pool", "create", "local", "--type", "process")
    call(prefect_env, "--no-prompt", "deploy", "--all")
    return prefect_env
