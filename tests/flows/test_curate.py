"""The Prefect flow on a real server and worker: the demo on the embedded model, killed and resumed."""

import json
import os
import signal
import time
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml
from polars.testing import assert_frame_equal

from flows.steps import wanted_rollouts
from pipeline.checks import check
from pipeline.journal import journal_folder, leftover
from pipeline.lock import holder
from pipeline.resolve import resolve
from pipeline.store import Run, open_run
from schemas.recipe import Recipe
from schemas.recipe_file import load_recipe
from schemas.tables import Examples, PassRates, Rollouts, frame_of
from tests.flows.prefect_server import api, call, deployment, state_of, work_until_over, worker

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "flows/recipes/demo.toml"
SETTINGS = ["sources.puzzles.size=8", "plans.samples=8", "plans.confidence=0.8", "work.shard_rows=50"]


def test_deployment_parameters_are_the_demo_recipe() -> None:
    entries = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    (entry,) = (entry for entry in entries if entry["name"] == "demo")
    recipe = tomllib.loads(DEMO.read_text())
    assert Recipe.model_validate(entry["parameters"]["recipe"]) == Recipe.model_validate(recipe)


@dataclass(frozen=True)
class Resumed:
    """A flow run that was killed together with its worker, and what it had finished by then."""

    id: str
    run: Run
    finished: pl.DataFrame
    state_after_kill: str


@pytest.fixture(scope="module")
def resumed(deployed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    """The demo's deployment on a worker: both killed once rollouts are there, then resumed as docs/prefect.md says."""
    run = open_run(str(tmp_path_factory.mktemp("flow") / "run"))
    recipe, _ = load_recipe(DEMO, SETTINGS)
    parameters = {"recipe": recipe.model_dump(mode="json"), "run_url": run.url}
    started = api(
        deployed, f"/deployments/{deployment(deployed, 'demo')['id']}/create_flow_run", {"parameters": parameters}
    )
    kill_at_first_rollouts(deployed, run)
    state = state_of(deployed, started["id"])
    finished = finished_rollouts(run)
    crashed = json.dumps({"state": {"type": "CRASHED"}, "force": True})
    call(deployed, "api", "POST", f"/flow_runs/{started['id']}/set_state", "--data", crashed)
    call(deployed, "flow-run", "retry", started["id"])
    work_until_over(deployed, started["id"])
    return Resumed(started["id"], run, finished, state)


def kill_at_first_rollouts(env: dict[str, str], run: Run) -> None:
    """Start a worker; kill -9 it and the process of its flow run, which is in a session of its own."""
    with worker(env) as started:
        while finished_rollouts(run).is_empty():
            assert started.poll() is None, "the worker ended before the flow run had made a rollout"
            time.sleep(0.05)
        started.kill()
        lock = holder(run)
        assert lock is not None, "the flow run was over before it was killed"
        os.killpg(lock["pid"], signal.SIGKILL)


def finished_rollouts(run: Run) -> pl.DataFrame:
    """Rollouts that were paid for: published, or in a journal."""
    journalled = [row for _, rows in leftover(journal_folder(run, Rollouts)) for row in rows]
    found = pl.concat([run.read(Rollouts), frame_of(Rollouts, journalled)])
    return found.unique("rollout_id", keep="first").sort("rollout_id")


@pytest.mark.server
def test_killed_with_its_worker_a_flow_run_stays_running_until_it_is_retried(deployed, resumed) -> None:
    assert resumed.state_after_kill == "RUNNING"
    assert state_of(deployed, resumed.id) == "COMPLETED", call(deployed, "flow-run", "logs", resumed.id)
    assert resumed.run.read(Examples).height > 0


@pytest.mark.server
def test_resumed_flow_run_keeps_what_was_finished_and_makes_exactly_the_rest(resumed) -> None:
    rollouts = resumed.run.read(Rollouts).sort("rollout_id")
    assert rollouts.height > resumed.finished.height > 0
    assert_frame_equal(rollouts.join(resumed.finished, on="rollout_id", how="semi"), resumed.finished)
    wanted = wanted_rollouts(resumed.run, resolve(*load_recipe(DEMO, SETTINGS)))
    assert rollouts["rollout_id"].to_list() == sorted(wanted["rollout_id"])
    assert check(resumed.run).filter(pl.col("n_broken") > 0)["check"].to_list() == []


@pytest.mark.server
def test_command_line_finds_nothing_left_to_do_after_the_flow(resumed, coldstart) -> None:
    tables = (Rollouts, PassRates, Examples)
    before = [resumed.run.manifest(table) for table in tables]
    done = coldstart("run", DEMO, "--run", resumed.run.url, *(word for s in SETTINGS for word in ("--set", s)))
    assert done.returncode == 0, done.stderr
    assert [resumed.run.manifest(table) for table in tables] == before


@pytest.mark.server
def test_flow_run_leaves_a_funnel_and_progress_of_each_kind_of_work(deployed, resumed) -> None:
    latest = api(deployed, "/artifacts/latest/filter", {})
    newest = {artifact["key"]: artifact for artifact in latest if artifact["flow_run_id"] == resumed.id}
    assert "examples" in newest.pop("funnel")["data"]
    kinds = ("generate-samples", "generate-strategies", "generate-plans", "generate-trials", "verify")
    assert {key: artifact["data"] for key, artifact in newest.items()} == {f"progress-{k}": 100.0 for k in kinds}


@pytest.mark.server
def test_the_form_has_bounds_and_descriptions_and_refuses_a_bad_band(deployed) -> None:
    found = deployment(deployed, "demo")
    tables = found["parameter_openapi_schema"]["definitions"]
    assert tables["Band"]["properties"]["confidence"]["exclusiveMinimum"] == 0.5
    assert tables["PlanSettings"]["properties"]["samples"]["maximum"] == 1024
    assert tables["ModelSettings"]["properties"]["template"]["default"] == "plain-1"
    fields = {(name, field): got for name, t in tables.items() for field, got in t.get("properties", {}).items()}
    assert [name for name, got in fields.items() if not (got.get("description") or "$ref" in got)] == []
    bad = found["parameters"] | {"recipe": found["parameters"]["recipe"] | {"band": {"low": 2}}}
    with pytest.raises(urllib.error.HTTPError) as refused:
        api(deployed, f"/deployments/{found['id']}/create_flow_run", {"parameters": bad})
    assert refused.value.code in (409, 422)
    assert "recipe.band.low" in refused.value.__notes__[0]


@pytest.mark.server
def test_the_schedule_makes_flow_runs(deployed) -> None:
    scheduled = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}, "deployments": {"name": {"any_": ["demo"]}}}
    deadline = time.monotonic() + 120
    while not (runs := api(deployed, "/flow_runs/filter", scheduled)) and time.monotonic() < deadline:
        time.sleep(2)
    assert {run["auto_scheduled"] for run in runs} == {True}
    assert all("T03:00:00" in run["expected_start_time"] for run in runs)
