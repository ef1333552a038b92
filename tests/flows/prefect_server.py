"""What tests ask of a real Prefect server, and the worker that runs its flows."""

import contextlib
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WORKER = ["prefect", "worker", "start", "--pool", "local"]
OVER = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def call(env: dict[str, str], *arguments: object) -> str:
    """Run a prefect command in the project; its output, or the failure with it."""
    done = subprocess.run(
        ["prefect", *map(str, arguments)], env=env, cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def api(env: dict[str, str], path: str, body: dict[str, Any], n_attempts: int = 5) -> Any:
    """Ask Prefect's server; 503 is a database that its own scheduler has locked, which its own clients try again."""
    request = urllib.request.Request(
        f"{env['PREFECT_API_URL']}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            if error.code != 503 or n_attempts == 1:
                error.add_note(error.read().decode()[:2000])
                raise
        time.sleep(1)
        return api(env, path, body, n_attempts - 1)


def deployment(env: dict[str, str], name: str) -> dict[str, Any]:
    """A deployment of prefect.yaml, by its own name."""
    (found,) = api(env, "/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
    return found


@contextlib.contextmanager
def worker(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as docs/prefect.md starts it; `--run-once` now and then leaves before its flow run has begun."""
    started = subprocess.Popen(
        WORKER, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield started
    finally:
        started.terminate()
        started.wait(60)


def work_until_over(env: dict[str, str], flow_run_id: str) -> None:
    with worker(env) as started:
        while state_of(env, flow_run_id) not in OVER:
            assert started.poll() is None, "the worker ended before the flow run"
            time.sleep(0.5)


def start(env: dict[str, str], name: str, parameters: dict[str, Any]) -> str:
    """Ask for a run of a deployment; its id."""
    path = f"/deployments/{deployment(env, name)['id']}/create_flow_run"
    return str(api(env, path, {"parameters": parameters})["id"])


def flow_run(env: dict[str, str], flow_run_id: str) -> dict[str, Any]:
    (found,) = api(env, "/flow_runs/filter", {"flow_runs": {"id": {"any_": [flow_run_id]}}})
    return dict(found)


def state_of(env: dict[str, str], flow_run_id: str) -> str:
    return str(flow_run(env, flow_run_id)["state"]["type"])


def await_state(env: dict[str, str], flow_run_id: str, name: str) -> dict[str, Any]:
    """The flow run once its state has this name; a failure where it ends otherwise."""
    while (found := flow_run(env, flow_run_id))["state"]["name"] != name:
        assert found["state"]["type"] not in OVER, call(env, "flow-run", "logs", flow_run_id)
        time.sleep(0.3)
    return found
