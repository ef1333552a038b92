"""The flow that waits for people, on real servers: killed, resumed by a person and by the collector, then exported."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import polars as pl
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.run_folder import lock_or_none
from flows.suspension import GoOn, expected, form, resume
from pipeline.checks import check
from pipeline.lock import holder
from pipeline.store import Run, open_run
from schemas.tables import Adjudicated, Annotations, Examples, Queue
from tests.annotation.conftest import annotation_server, server_environment, start_server  # noqa: F401  fixtures
from tests.flows.conftest import DEMO, DEMO_SETTINGS
from tests.flows.prefect_server import OVER, ROOT, api, await_state, call, deployment, flow_run, start, state_of, worker

if TYPE_CHECKING:
    from tests.annotation.conftest import AnnotationServer
else:
    AnnotationServer = Any

N_ASKED = 10
COLLECT = [sys.executable, "-c", "from flows.collecting import collect_annotations as collect; collect()"]
DEFAULTS = GoOn(minimum_agreement=0.25, below="wait")


def test_the_form_keeps_its_bounds_whatever_is_filled_in() -> None:
    fields = form(DEFAULTS, "Enough?").model_json_schema()["properties"]
    assert [fields["minimum_agreement"][name] for name in ("default", "minimum", "maximum")] == [0.25, -1, 1]
    assert fields["below"]["default"] == "wait"
    assert fields["below"]["enum"] == ["wait", "go on", "stop"]


def test_a_run_that_another_process_works_on_is_not_locked(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    with lock_or_none(run) as mine, lock_or_none(run) as other:
        assert mine is not None
        assert other is None
    with lock_or_none(run) as again:
        assert again is not None


@dataclass
class Story:
    """What was seen of one run of `annotate`, from the push to the export."""

    env: dict[str, str]
    server: AnnotationServer
    run: Run
    id: str = ""
    seen: dict[str, Any] = field(default_factory=dict)

    def await_state(self, name: str) -> dict[str, Any]:
        """The flow run once it has this state."""
        return await_state(self.env, self.id, name)

    def resume(self, **answer: Any) -> dict[str, Any]:
        """Answer the form as the UI does."""
        return dict(api(self.env, f"/flow_runs/{self.id}/resume", {"run_input": answer}))

    def processes(self) -> list[int]:
        """Those of the flow run."""
        wanted, found = f"PREFECT__FLOW_RUN_ID={self.id}".encode(), []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                found += [int(path.parent.name)] if wanted in path.read_bytes().split(b"\0") else []
        return found

    def answer(self, username: str, verdicts: list[str]) -> None:
        """Give verdicts on what the server shows to a person, in the order of the records' ids."""
        for data_set in self.server.call(username, "GET", "me/datasets")[1]["items"]:
            path = f"datasets/{data_set['id']}/records?limit=1000"
            records = sorted(self.server.call("owner", "GET", path)[1]["items"], key=lambda one: one["external_id"])
            rest = {"strategy": {"value": 4}, "abstraction": {"value": 3}}
            items = [
                {"record_id": one["id"], "status": "submitted", "values": {"verdict": {"value": verdict}, **rest}}
                for one, verdict in zip(records, verdicts, strict=False)
            ]
            code, said = self.server.call(username, "POST", "me/responses/bulk", {"items": items})
            assert (code, [item["error"] for item in said["items"] if item["error"]]) == (200, [])

    def collector(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            COLLECT, env=self.env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


@contextlib.contextmanager
def killed_at_work(story: Story) -> Iterator[None]:
    """A block that starts something; the process that then takes the run's lock is killed, with its group."""
    yield
    while (lock := holder(story.run)) is None:
        time.sleep(0.002)
    group = os.getpgid(lock["pid"])
    os.kill(lock["pid"], signal.SIGKILL) if group == os.getpgrp() else os.killpg(group, signal.SIGKILL)


@pytest.fixture(scope="module")
def story(
    deployed: dict[str, str],
    annotation_server: AnnotationServer,  # noqa: F811
    plans_run: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Story:
    """One after the other, what may come over a run of `annotate`."""
    key = annotation_server.accounts["owner"]["api_key"]
    env = deployed | {"ARGILLA_API_URL": annotation_server.url, "ARGILLA_API_KEY": key}
    folder = tmp_path_factory.mktemp("story") / "run"
    shutil.copytree(plans_run, folder)
    told = Story(env, annotation_server, open_run(str(folder)))
    poll = deployment(env, "poll")["id"]
    call(env, "api", "PATCH", f"/deployments/{poll}", "--data", '{"paused": true}')  # the tests poll themselves
    pushed_by_a_killed_worker(told)
    with worker(env):
        suspended(told)
        resumed_by_a_person(told)
        collected(told)
        exported(told)
    return told


def pushed_by_a_killed_worker(story: Story) -> None:
    changed = {"records": N_ASKED, "min_agreement": 0.25, "dataset": "story"}
    parameters = {"run_url": story.run.url, "settings": changed}
    story.id = start(story.env, "people", parameters)
    with worker(story.env) as started, killed_at_work(story):
        while holder(story.run) is None:
            assert started.poll() is None, "the worker ended before the flow run had begun"
            time.sleep(0.002)
        started.kill()
    story.seen["after the kill"] = state_of(story.env, story.id)
    crashed = json.dumps({"state": {"type": "CRASHED"}, "force": True})
    call(story.env, "api", "POST", f"/flow_runs/{story.id}/set_state", "--data", crashed)
    call(story.env, "flow-run", "retry", story.id)


def suspended(story: Story) -> None:
    story.await_state("Suspended")
    while story.processes():
        time.sleep(0.1)
    story.seen["records"] = story.server.call("owner", "GET", "me/datasets")[1]["items"]
    latest = api(story.env, "/artifacts/latest/filter", {})
    story.seen["waiting"] = next(one["data"] for one in latest if one["key"] == "annotation")
    story.seen["refused"] = story.resume(minimum_agreement=2.0)


def resumed_by_a_person(story: Story) -> None:
    before = flow_run(story.env, story.id)["state"]["id"]
    assert story.resume(minimum_agreement=0.3, below="wait")["status"] == "ACCEPT"
    while story.await_state("Suspended")["state"]["id"] == before:
        time.sleep(0.3)


def collected(story: Story) -> None:
    """Two agree but on the last; a collector is killed while it pulls, then two work at once, until all is decided."""
    story.answer("annotator-1", ["keep", "discard"] * (N_ASKED // 2))
    story.answer("annotator-2", ["keep", "discard"] * (N_ASKED // 2 - 1) + ["keep", "keep"])
    with killed_at_work(story):
        killed = story.collector()
    killed.communicate()
    story.seen["killed"] = killed.returncode
    story.seen["disagreed"] = story.collector().communicate()[0]
    story.answer("adjudicator", ["discard"])
    both = [story.collector() for _ in range(2)]
    story.seen["at once"] = [one.communicate()[0] for one in both]
    story.seen["end"] = story.await_state("Completed")


def exported(story: Story) -> None:
    of_it = {"deployments": {"name": {"any_": ["annotated"]}}}
    while not (found := api(story.env, "/flow_runs/filter", of_it)) or found[0]["state"]["type"] not in OVER:
        time.sleep(0.5)
    story.seen["exports"] = found


@pytest.mark.server
@pytest.mark.timeout(600)
def test_a_push_whose_worker_was_killed_is_finished_by_the_retry(story: Story) -> None:
    assert story.seen["after the kill"] == "RUNNING"
    assert [one["name"] for one in story.seen["records"]] == ["story"]
    path = f"datasets/{story.seen['records'][0]['id']}/records?limit=1000"
    ids = [one["external_id"] for one in story.server.call("owner", "GET", path)[1]["items"]]
    asked = story.run.read(Queue).filter(pl.col("kind") != "adjudication")
    assert sorted(ids) == sorted(asked["record_id"])
    assert len(ids) == N_ASKED


@pytest.mark.server
def test_while_it_waits_there_is_an_artifact_with_counts_and_links(story: Story) -> None:
    assert f"| random | {N_ASKED} |" in story.seen["waiting"]
    assert f"({story.server.url}/dataset/{story.seen['records'][0]['id']}/annotation-mode)" in story.seen["waiting"]


@pytest.mark.server
def test_an_agreement_of_two_is_refused_by_the_form_and_it_goes_on_waiting(story: Story) -> None:
    assert story.seen["refused"]["status"] == "REJECT"
    assert "2.0 is greater than the maximum of 1" in story.seen["refused"]["details"]["reason"]
    assert story.seen["refused"]["state"]["name"] == "Suspended"


@pytest.mark.server
def test_a_person_who_resumes_too_early_is_asked_again_with_what_they_said(story: Story) -> None:
    path = f"/flow_runs/{story.id}/input/filter"
    kept = {
        one["key"]: json.loads(one["value"])
        for one in api(story.env, path, {"prefix": "suspended-people-", "limit": 50})
    }
    assert kept["suspended-people-2-schema"]["properties"]["minimum_agreement"]["default"] == 0.3
    assert kept["suspended-people-1-response"] == {"minimum_agreement": 0.3, "below": "wait"}


@pytest.mark.server
def test_a_collector_that_was_killed_loses_no_answer_and_the_next_asks_the_adjudicator(story: Story) -> None:
    assert story.seen["killed"] == -signal.SIGKILL
    assert f"goes on waiting: 1 of {N_ASKED} plans are open" in story.seen["disagreed"]
    answers = story.run.read(Annotations).filter(question="verdict")
    assert answers.height == 2 * N_ASKED + 1
    assert answers["version"].unique().to_list() == [1]


@pytest.mark.server
def test_of_two_collectors_one_resumes_the_run_with_what_its_form_expects(story: Story) -> None:
    assert sum(said.count(": resumed") for said in story.seen["at once"]) == 1, story.seen["at once"]
    said = api(story.env, f"/flow_runs/{story.id}/input/filter", {"prefix": "suspended-people-2-response", "limit": 50})
    assert [json.loads(one["value"]) for one in said] == [{"minimum_agreement": 0.3, "below": "wait"}]


@pytest.mark.server
def test_a_run_that_somebody_resumed_is_not_resumed_again(story: Story) -> None:
    with temporary_settings({PREFECT_API_URL: story.env["PREFECT_API_URL"]}):
        assert expected(UUID(story.id), defaults=DEFAULTS) is None
        assert resume(UUID(story.id), DEFAULTS) is False


@pytest.mark.server
def test_a_run_that_was_killed_before_it_had_a_form_gets_one(story: Story) -> None:
    path = f"/deployments/{deployment(story.env, 'people')['id']}/create_flow_run"
    id = api(story.env, path, {"parameters": {"run_url": "nowhere"}, "state": {"type": "PENDING"}})["id"]
    keys = {name: f"suspended-people-1-{name}" for name in ("description", "response", "schema")}
    details = {"pause_key": "people-1", "pause_reschedule": True, "run_input_keyset": keys}
    paused = {"type": "PAUSED", "name": "Suspended", "state_details": details}
    for state in ({"type": "RUNNING"}, paused):
        api(story.env, f"/flow_runs/{id}/set_state", {"state": state, "force": True})
    with temporary_settings({PREFECT_API_URL: story.env["PREFECT_API_URL"]}):
        assert expected(UUID(id), defaults=DEFAULTS) is None, "it may be about to save its form"
        assert expected(UUID(id), defaults=DEFAULTS, unsaid_after_s=0) == DEFAULTS
        assert resume(UUID(id), DEFAULTS) is True
    api(story.env, f"/flow_runs/{id}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


@pytest.mark.server
def test_the_event_has_the_data_set_exported_once_by_what_people_said(story: Story) -> None:
    assert story.seen["end"]["state"]["message"] == "annotation is done"
    (export,) = story.seen["exports"]
    assert (export["state"]["type"], export["parameters"]) == ("COMPLETED", {"run_url": story.run.url})
    decided = dict(story.run.read(Adjudicated).group_by("how").len().rows())
    assert decided == {"unanimous": N_ASKED - 1, "adjudicator": 1}
    discarded = story.run.read(Adjudicated).filter(verdict="discard")
    assert story.run.read(Examples).join(discarded, on="plan_id").is_empty()
    assert check(story.run).filter(pl.col("n_broken") > 0)["check"].to_list() == []


@pytest.mark.server
def test_the_command_line_finds_nothing_left_to_do(story: Story, coldstart: Callable[..., Any]) -> None:
    tables = (Queue, Annotations, Adjudicated, Examples)
    before = [story.run.manifest(table) for table in tables]
    done = coldstart("run", DEMO, "--run", story.run.url, *DEMO_SETTINGS)
    assert done.returncode == 0, done.stderr
    assert [story.run.manifest(table) for table in tables] == before


@pytest.mark.server
def test_a_setting_out_of_bounds_is_refused_before_the_flow_starts(deployed: dict[str, str]) -> None:
    with pytest.raises(OSError, match="HTTP Error 4") as refused:
        start(deployed, "people", {"run_url": "run", "settings": {"min_agreement": 2.0}})
    assert "settings.min_agreement" in refused.value.__notes__[0]
