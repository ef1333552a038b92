"""The poll: a bad run folder keeps no other from being collected, and a record that the server refuses is told."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from annotation.records import MAX_CHARS
from flows.run_folder import stored
from flows.suspension import GoOn, expected
from pipeline.bound import RECIPE_FILE
from pipeline.store import Run, open_run
from schemas.errors import RecipeError
from schemas.recipe import Recipe
from tests.annotation.conftest import annotation_server, server_environment, start_server  # noqa: F401  fixtures
from tests.annotation.small_run import Asked, asking, small_run
from tests.flows.prefect_server import ROOT

if TYPE_CHECKING:
    from tests.annotation.conftest import AnnotationServer
else:
    AnnotationServer = Any

POLL = "import sys; from flows.collecting import collect_annotations as collect; collect(sys.argv[1:])"


def bound(folder: Path, recipe: Recipe, **changed: Any) -> Run:
    """A run with a recipe, some of whose settings of [annotate] may be of another version."""
    settings = recipe.model_dump(mode="json")
    settings["annotate"] |= changed
    folder.mkdir(exist_ok=True)
    (folder / RECIPE_FILE).write_text(json.dumps({"run_id": "1", "identity": {}, "recipe": settings}))
    return open_run(str(folder))


def test_a_recipe_of_another_version_is_an_error_that_names_file_and_key(tmp_path: Path) -> None:
    run = bound(tmp_path / "run", asking("old", tmp_path), person="two")
    with pytest.raises(RecipeError, match=r"run/recipe\.json: unknown key 'annotate\.person'"):
        stored(run)


def test_a_setting_that_is_overridden_wrongly_is_named_with_its_option(tmp_path: Path) -> None:
    run = bound(tmp_path / "run", asking("new", tmp_path))
    assert stored(run, ["annotate.records=7"]).annotate.records == 7
    with pytest.raises(RecipeError, match=r"with --set annotate\.records=-1: annotate\.records: .*found -1"):
        stored(run, ["annotate.records=-1"])


@pytest.fixture(scope="module")
def said(
    prefect_env: dict[str, str],
    annotation_server: AnnotationServer,  # noqa: F811
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """What a poll says of three bad folders, and of one with a plan for the adjudicator and one that is too long."""
    folder = tmp_path_factory.mktemp("poll")
    recipe = asking("poll", annotation_server.data / "accounts.json", min_submitted=2)
    bound(folder / "a-of-another-version", recipe, person="two")
    (folder / "b-unreadable" / RECIPE_FILE).mkdir(parents=True)
    puzzles = {"Make 24.": ["1. jump"], "long " * MAX_CHARS: ["1. wade"]}
    asked = Asked(small_run(folder / "d-whole", puzzles), recipe, annotation_server)
    asked.push()
    (id,) = asked.records()  # the long one is refused
    for username, verdict in (("annotator-1", "fix"), ("annotator-2", "discard")):
        asked.answer(username, {id: {"verdict": verdict, "strategy": 4, "abstraction": 3}})
    bound(folder / "d-whole", recipe)
    folders = [folder / name for name in ("a-of-another-version", "b-unreadable", "c-no-run", "d-whole")]
    env = {name: value for name, value in (os.environ | prefect_env).items() if not name.startswith("ARGILLA_")}
    done = subprocess.run([sys.executable, "-c", POLL, *folders], env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stdout + done.stderr


@pytest.mark.server
@pytest.mark.timeout(300)
def test_a_folder_is_collected_after_those_that_cannot_be(said: str) -> None:
    assert "d-whole: answers: 6 new, 0 changed, 0 withdrawn" in said


@pytest.mark.server
@pytest.mark.parametrize("why", ["a-of-another-version: .*annotate.person", "b-unreadable: .*", "c-no-run: .*no run"])
def test_each_folder_that_cannot_be_collected_is_told(said: str, why: str) -> None:
    assert re.search(rf"BackendError: .*{why}", said), said


@pytest.mark.server
def test_a_record_that_is_refused_is_told(said: str) -> None:
    """What was refused once was thrown away, and the flow waited for ever."""
    assert re.search("d-whole: 1 records were refused.*too_large: prompt", said), said


@pytest.mark.server
def test_a_push_by_hand_counts_the_records_as_they_go(
    coldstart: Callable[..., subprocess.CompletedProcess[str]],
    annotation_server: AnnotationServer,  # noqa: F811
    tmp_path: Path,
) -> None:
    small_run(tmp_path / "run", {"Make 24.": ["1. jump", "1. hop"]})
    run = bound(tmp_path / "run", asking("counted", annotation_server.data / "accounts.json"))
    done = coldstart("annotate", "push", "--run", run.url)
    assert (done.returncode, done.stderr) == (0, "records done: 2\n")


@pytest.mark.server
def test_a_flow_run_that_was_deleted_waits_no_more(prefect_env: dict[str, str]) -> None:
    with temporary_settings({PREFECT_API_URL: prefect_env["PREFECT_API_URL"]}):
        assert expected(uuid4(), defaults=GoOn(minimum_agreement=0.5, below="wait")) is None
