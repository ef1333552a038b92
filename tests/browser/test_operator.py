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

DEPLOYMENTS = {"annotated": "export", "demo": "curate", "people": "annotate", "poll": "collect-annotations"}
SCHEDULES = {"demo": "At 03:00 AM, only on Monday", "poll": "Every 10 minutes"}
PROBLEMS = {f"Make {n}.": [f"1. Guess {n}\n2. Check"] for n in range(3)}
BELOW = "What to do below it, or while plans are open"


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
    """A run by the demo's recipe with three plans, about each of which two people are to be asked."""
    settings = [f"data={ROOT / 'data/models'}", "annotate.records=3", "annotate.random_share=0"]
    recipe, _ = load_recipe(ROOT / "flows/recipes/demo.toml", settings)
    run = small_run(tmp_path / "run", PROBLEMS)
    bind(run, resolve(recipe))
    return Asked(run, recipe, served.annotation())


def started(served: Serving, deployment: str) -> list[dict[str, Any]]:
    """Runs of a deployment that somebody asked for."""
    of_it = {"deployments": {"name": {"any_": [deployment]}}, "limit": 200}
    return [one for one in api(served.env, "/flow_runs/filter", of_it) if not one["auto_scheduled"]]


def leads_to_the_records(page: PrefectPage, asked: Asked) -> None:
    """What waits for people is counted, and the link beside it opens the annotation server."""
    waiting = page.open_artifact("annotation")
    expect(waiting).to_contain_text("demo: plans wait for people")
    expect(waiting).to_contain_text("3 were sent now, 0 were there already.")
    expect(waiting).to_contain_text(f"Run folder: {asked.run.url}")
    page.picture("artifact-annotation")
    link = waiting.get_by_role("link", name="annotation")
    expect(link).to_have_attribute("href", f"{asked.server.url}/dataset/{asked.data_set()['id']}/annotation-mode")
    link.click()
    page.page.get_by_role("button", name="Sign in").wait_for()


def test_deployments_are_listed_with_their_schedules(page: PrefectPage) -> None:
    page.open_deployments()
    for name, flow in DEPLOYMENTS.items():
        row = page.page.get_by_role("row").filter(has=page.page.get_by_role("link", name=name, exact=True))
        expect(row).to_contain_text(f"{name}{flow}")
    page.picture("list")
    for name, schedule in SCHEDULES.items():
        page.open_deployment(name)
        page.shows(schedule)
        page.picture(name)


def test_a_band_out_of_bounds_is_refused_by_the_form(page: PrefectPage, served: Serving) -> None:
    page.open_form("demo")
    expect(page.field("Limit")).to_have_attribute("min", "0")
    page.field("Low").fill("2")
    page.submit()
    page.shows("'recipe.band.low'. Failure reason: 2 is greater than or equal to the maximum of 1")
    page.field("Low").scroll_into_view_if_needed()
    expect(page.page.get_by_text("2 is greater than or equal to the maximum of 1", exact=True)).to_be_in_viewport()
    page.picture("refused")
    assert started(served, "demo") == []


def test_a_run_waits_for_people_until_somebody_answers_its_form(page: PrefectPage, asked: Asked) -> None:
    page.open_form("people")
    page.field("Run folder").fill(asked.run.url)
    page.picture("form")
    page.submit()
    run = page.open_submitted()
    page.awaits_state("Suspended")
    expect(page.timeline()).to_be_visible()
    page.picture("suspended")
    leads_to_the_records(page, asked)

    first, second, _ = sorted(asked.records())
    for username in ("annotator-1", "annotator-2"):
        rest = {"strategy": 4, "abstraction": 3}
        asked.answer(username, {first: {"verdict": "keep", **rest}, second: {"verdict": "discard", **rest}})

    page.open_run(run)
    form = page.open_resume()
    expect(form).to_contain_text("Is the annotation of demo good enough to go on?")
    page.field("Minimum agreement").fill("2")
    page.resume()
    page.shows("'minimum_agreement'. Failure reason: 2 is greater than the maximum of 1")
    expect(form).to_contain_text("Current state:Suspended")
    page.picture("refused")
    page.field("Minimum agreement").fill("0.5")
    page.choose(BELOW, "stop")
    page.picture("answered")
    page.resume()
    page.shows("Flow run resumed")
    page.awaits_state("Stopped")
    page.picture("stopped")
    agreement = page.open_artifact("agreement")
    expect(agreement).to_contain_text("1.000")
    expect(agreement).to_contain_text("Stopped: 1 of 3 plans are open.")
    page.shows("stopped without an export: 1 of 3 plans are open")
    page.picture("artifact-agreement")
