"""The Prefect flow on a real server and worker."""

import json
import subprocess
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from polars.testing import assert_frame_equal

from pipeline.store import open_run
from schemas.recipe import Recipe
from schemas.tables import Examples, PassRates

ROOT = Path(__file__).resolve().parents[2]


def call(env: dict[str, str], *arguments: object) -> str:
    """Run a prefect command in the project; its output, or the failure with it."""
    done = subprocess.run(
        ["prefect", *map(str, arguments)], env=env, cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def api(env: dict[str, str], path: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(
        f"{env['PREFECT_API_URL']}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


@pytest.fixture(scope="module")
def deployed(prefect_env: dict[str, str]) -> dict[str, str]:
    call(prefect_env, "work-pool", "create", "local", "--type", "process")
    call(prefect_env, "--no-prompt", "deploy", "--all")
    return prefect_env


def deployment(env: dict[str, str]) -> dict[str, Any]:
    (found,) = api(env, "/deployments/filter", {})
    return found


def test_deployment_parameters_are_the_demo_recipe() -> None:
    (entry,) = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    recipe = tomllib.loads((ROOT / "flows/recipes/demo.toml").read_text())
    assert Recipe.model_validate(entry["parameters"]["recipe"]) == Recipe.model_validate(recipe)


@pytest.fixture(scope="module")
def finished(deployed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a deployment that a worker has run."""
    run = tmp_path_factory.mktemp("flow") / "run"
    call(deployed, "deployment", "run", "curate/demo", "--param", f"run_url={run}")
    call(deployed, "worker", "start", "--pool", "local", "--run-once", "--limit", "1", "--name", "test")
    return run


@pytest.mark.server
def test_deployed_flow_runs_on_a_worker_and_equals_the_command_line(deployed, finished, coldstart, tmp_path) -> None:
    (flow_run,) = api(deployed, "/flow_runs/filter", {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}})
    assert flow_run["parameters"]["recipe"]["name"] == "demo"
    assert coldstart("demo", "--run", tmp_path).returncode == 0
    for table in (PassRates, Examples):
        ours, theirs = open_run(str(tmp_path)).read(table), open_run(str(finished)).read(table)
        assert ours.height > 0
        assert_frame_equal(ours.sort(table.primary_key()), theirs.sort(table.primary_key()))


@pytest.mark.server
def test_flow_run_leaves_a_funnel_and_progress(deployed, finished) -> None:
    artifacts = {a["key"]: a for a in api(deployed, "/artifacts/filter", {})}
    assert "examples" in artifacts["funnel"]["data"]
    assert artifacts["progress-generate"]["data"] == 100.0


@pytest.mark.server
def test_the_form_has_bounds_and_descriptions_and_refuses_a_bad_band(deployed) -> None:
    found = deployment(deployed)
    band = found["parameter_openapi_schema"]["definitions"]["Band"]["properties"]
    assert band["low"]["description"]
    assert band["confidence"]["exclusiveMinimum"] == 0.5
    bad = found["parameters"] | {"recipe": found["parameters"]["recipe"] | {"band": {"low": 2}}}
    with pytest.raises(urllib.error.HTTPError) as refused:
        api(deployed, f"/deployments/{found['id']}/create_flow_run", {"parameters": bad})
    assert refused.value.code in (409, 422)
    refused.value.close()


@pytest.mark.server
def test_the_schedule_makes_flow_runs(deployed) -> None:
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
    deadline = time.monotonic() + 120
    while not (runs := api(deployed, "/flow_runs/filter", scheduled)) and time.monotonic() < deadline:
        time.sleep(2)
    assert {run["auto_scheduled"] for run in runs} == {True}
    assert all("T03:00:00" in run["expected_start_time"] for run in runs)
