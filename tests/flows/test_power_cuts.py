"""`coldstart serve`: nothing is lost, and nothing doubled, when all is killed in the middle of each step."""

import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.checks import check
from pipeline.lock import holder
from pipeline.store import Run, open_run
from schemas.tables import Adjudicated, Annotations, Examples, Queue
from tests.annotation.conftest import server_environment  # noqa: F401  a fixture
from tests.flows.conftest import DEMO, DEMO_SETTINGS
from tests.flows.prefect_server import api, await_state, call, deployment, start, state_of
from tests.flows.serving import Serving, serving

N_ASKED = 40
SAID = ["keep", "discard"] * (N_ASKED // 2)
VERDICTS = {"annotator-1": SAID, "annotator-2": [*SAID[:-1], "keep"]}
"""Of both annotators, by the records' ids; they disagree about the last."""


FLOWS = ["annotate/people", "collect-annotations/poll", "curate/demo", "export/annotated"]
WORKER = [b"-P", b"-m", b"prefect", b"worker"]


@dataclass
class Plant:
    """What `coldstart serve` keeps in a folder, switched on and cut off, and a run whose plans go through it."""

    run: Run
    data: Path
    python: Path
    now: Serving = field(init=False)

    @contextmanager
    def on(self, *lost: str) -> Iterator[None]:
        """A block in which all runs; the flow runs that the last cut hit were declared crashed, and are retried."""
        with serving(self.data, self.python) as self.now:
            poll = deployment(self.now.env, "poll")["id"]
            call(self.now.env, "api", "PATCH", f"/deployments/{poll}", "--data", '{"paused": true}')
            for id in lost:
                assert state_of(self.now.env, id) == "CRASHED"
                call(self.now.env, "flow-run", "retry", id)
            yield

    def cut_when(self, is_time: Callable[[], object]) -> None:
        while not is_time():
            time.sleep(0.002)
        self.now.cut()

    def start(self, name: str, **parameters: Any) -> str:
        return start(self.now.env, name, parameters)

    def await_state(self, id: str, name: str) -> None:
        await_state(self.now.env, id, name)

    def flow_runs(self, name: str) -> list[dict[str, Any]]:
        return list(api(self.now.env, "/flow_runs/filter", {"deployments": {"name": {"any_": [name]}}}))

    def data_sets(self, username: str = "owner") -> list[dict[str, Any]]:
        return list(self.now.annotation().call(username, "GET", "me/datasets")[1]["items"])

    def records(self) -> list[dict[str, Any]]:
        """Of all data sets, with their responses."""
        paths = [f"datasets/{one['id']}/records?limit=1000&include=responses" for one in self.data_sets()]
        found = [self.now.annotation().call("owner", "GET", path)[1]["items"] for path in paths]
        return sorted((one for some in found for one in some), key=lambda one: str(one["external_id"]))

    def answer(self, username: str, record: dict[str, Any], verdict: str) -> None:
        """Submit one record, as the web page does."""
        values = {"verdict": {"value": verdict}, "strategy": {"value": 4}, "abstraction": {"value": 3}}
        body = {"items": [{"record_id": record["id"], "status": "submitted", "values": values}]}
        code, said = self.now.annotation().call(username, "POST", "me/responses/bulk", body)
        assert (code, [one["error"] for one in said["items"]]) == (200, [None])

    def answer_all(self, username: str, done: list[str]) -> None:
        """Submit what was not submitted yet; `done` grows by each record that the server has confirmed."""
        for record, verdict in zip(self.records(), VERDICTS[username], strict=True):
            if record["id"] not in done:
                self.answer(username, record, verdict)
                done.append(record["id"])


@pytest.mark.server
@pytest.mark.timeout(900)
def test_power_cuts_in_push_annotation_pull_and_export_lose_and_double_nothing(
    plans_run: Path,
    tmp_path: Path,
    server_environment: Path,  # noqa: F811
    coldstart: Callable[..., Any],
) -> None:
    run = open_run(str(shutil.copytree(plans_run, tmp_path / "run")))
    plant = Plant(run, tmp_path / "data", server_environment)

    with plant.on():
        _require_all_said(plant)
        asking = plant.start("people", run_url=run.url, settings={"min_agreement": 0.25, "dataset": "story"})
        plant.cut_when(plant.data_sets)  # made, and not filled yet

    with plant.on(asking):
        plant.await_state(asking, "Suspended")
        assert Counter(one["external_id"] for one in plant.records()) == Counter(run.read(Queue)["record_id"])
        done: list[str] = []
        annotator = threading.Thread(target=_until_cut, args=(lambda: plant.answer_all("annotator-1", done),))
        annotator.start()
        plant.cut_when(lambda: len(done) > N_ASKED // 2)
        annotator.join()

    with plant.on():
        confirmed = len(done)
        assert confirmed < N_ASKED
        n_there = sum(len(one["responses"]) for one in plant.records())
        assert n_there - confirmed in (0, 1), "one may have been taken, and not confirmed"
        for username, before in (("annotator-1", done), ("annotator-2", [])):
            plant.answer_all(username, before)
        polling = plant.start("poll")
        plant.cut_when(lambda: holder(run))

    with plant.on():
        _require_worker_is_started_again(plant.now)
        assert state_of(plant.now.env, polling) == "CRASHED"
        plant.await_state(plant.start("poll"), "Completed")
        disputed = run.read(Queue).filter(kind="adjudication")["record_id"].item()
        (record,) = (one for one in plant.records() if one["external_id"] == disputed)
        plant.answer("adjudicator", record, "discard")
        plant.await_state(plant.start("poll"), "Completed")
        plant.await_state(asking, "Completed")
        while not (exports := plant.flow_runs("annotated")):
            time.sleep(0.1)
        plant.cut_when(lambda: holder(run))

    with plant.on(exports[0]["id"]):
        plant.await_state(exports[0]["id"], "Completed")
        assert len(plant.flow_runs("annotated")) == len(plant.flow_runs("people")) == 1
        (automation,) = api(plant.now.env, "/automations/filter", {})
        assert (automation["name"], automation["enabled"]) == ("export what is annotated", True)
        records = plant.records()
        assert plant.now.end(signal.SIGTERM) == 0

    _require_all_once(run, records)
    tables = (Queue, Annotations, Adjudicated, Examples)
    manifests = [run.manifest(table) for table in tables]
    assert coldstart("run", DEMO, "--run", run.url, *DEMO_SETTINGS).returncode == 0
    assert [run.manifest(table) for table in tables] == manifests


def _require_all_said(plant: Plant) -> None:
    """It says where everything is."""
    said = plant.now.said
    assert said["deployments"] == ", ".join(FLOWS)
    assert said["Prefect"].startswith("http://127.0.0.1:")
    assert said["annotation server"].startswith("http://127.0.0.1:")
    assert said["their passwords and API keys"] == str(plant.data / "accounts.json")


def _require_worker_is_started_again(now: Serving) -> None:
    (worker,) = (pid for pid, words in now.processes().items() if words[1:5] == WORKER)
    os.kill(worker, signal.SIGKILL)
    assert now.process.stdout is not None
    assert "Prefect's worker process ended and is started again" in now.process.stdout.readline()


def _until_cut(work: Callable[[], None]) -> None:
    """Somebody works on until the server is gone."""
    try:
        work()
    except OSError:
        return
    raise AssertionError("the server outlived the work")


def _require_all_once(run: Run, records: list[dict[str, Any]]) -> None:
    """Each plan was asked about, answered by both annotators and decided once; the disagreement by one more person."""
    asked = run.read(Queue)
    assert Counter(one["external_id"] for one in records) == Counter(asked["record_id"])
    assert asked.height == N_ASKED + 1
    verdicts = run.read(Annotations).filter(question="verdict")
    assert verdicts.height == sum(len(one["responses"]) for one in records) == 2 * N_ASKED + 1
    assert verdicts.unique(["record_id", "annotator"]).height == verdicts.height
    assert verdicts["version"].unique().to_list() == [1]
    decided = run.read(Adjudicated)
    assert decided["plan_id"].is_unique().all()
    assert dict(decided.group_by("how").len().rows()) == {"unanimous": N_ASKED - 1, "adjudicator": 1}
    examples = run.read(Examples)
    assert examples["example_id"].is_unique().all()
    assert examples.join(decided.filter(verdict="discard"), on="plan_id").is_empty()
    assert check(run).filter(pl.col("n_broken") > 0)["check"].to_list() == []
