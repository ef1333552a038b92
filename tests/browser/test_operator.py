"""A data lead in Prefect's web UI: sees what is scheduled, starts a run that asks people, and says how it goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect

from pipeline.bound import bind
from pipeline.resolve import resolve
from schemas.recipe_file import load_recipe
from tests.annotation.small_run import Asked, small_run
from tests.browser.prefect_page import PrefectPage
from tests.browser.watched_page import opened
from tests.flows.prefect_server import ROOT, api
from tests.flows.serving import serving

if TYPE_CHECKING:
    from tests.flows.serving import Serving
else:
    Serving = Any

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PROBLEMS = {f"Make {n}.": [f"1. Guess {n}\n2. Check"] for n in range(3)}


@pytest.fixture(scope="module")
def served(chromium: Browser, server_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """`coldstart serve` on loopback: Prefect's server, a worker, and the annotation server."""
    with serving(tmp_path_factory.mktemp("served") / "data", server_environment) as found:
        yield found


@pytest.fixture
def page(chromium: Browser, served: Serving) -> Iterator[PrefectPage]:
    with opened(chromium, PrefectPage, served.said["Prefect"], served.annotation().url) as found:
        yield found


@pytest.fixture
def asked(served: Serving, tmp_path: Path) -> Asked:
    """A run of the demo's recipe with three plans, about each of which two people are to be asked."""
    settings = [f"data={ROOT / 'data/models'}", "annotate.records=3", "annotate.random_share=0"]
    recipe, _ = load_recipe(ROOT / "flows/recipes/demo.toml", settings)
    run = small_run(tmp_path / "run", PROBLEMS)
    bind(run, resolve(recipe))
    return Asked(run, recipe, served.annotation())


def started(served: Serving, deployment: str) -> list[dict[str, Any]]:
    """Runs of a deployment that somebody asked for."""
    of_it = {"deployments": {"name": {"any_": [deployment]}}, "limit": 200}
    return [one for one in api(served.env, "/flow_runs/filter", of_it) if not one["auto_scheduled"]]


def test_the_deployments_are_listed_with_their_schedules(page: PrefectPage) -> None:
    page.open_deployments()
    expect(page.deployment("demo")).to_contain_text("At 03:00 AM, only on Monday")
    expect(page.deployment("poll")).to_contain_text("Every 10 minutes")
    page.picture("deployments")


def test_a_band_out_of_bounds_is_refused_by_the_form(page: PrefectPage, served: Serving) -> None:
    page.open_form("demo")
    page.field("Low").fill("2")
    page.submit()
    page.shows("2 is greater than or equal to the maximum of 1")
    page.picture("refused")
    assert started(served, "demo") == []


def test_a_run_waits_for_people_until_somebody_answers_its_form(page: PrefectPage, asked: Asked) -> None:
    page.open_form("people")
    page.field("Run folder").fill(asked.run.url)
    page.picture("form")
    page.submit()
    page.open_submitted()
    page.awaits_state("Suspended")
    page.picture("suspended")

    waiting = page.open_artifact("annotation")
    expect(waiting).to_contain_text("plans wait for people")
    link = waiting.get_by_role("link", name="annotation", exact=True)
    expect(link).to_have_attribute("href", f"{asked.server.url}/dataset/{asked.data_set()['id']}/annotation-mode")
    page.picture("waiting")
    link.click()
    page.page.wait_for_url(f"{asked.server.url}/**")
