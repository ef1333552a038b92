"""Chromium and a real annotation server, and people who sign in to it; skipped where there is no Chromium."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, sync_playwright

from tests.annotation.conftest import (  # noqa: F401  # fixtures
    AnnotationServer,
    annotation_server,
    server_environment,
    start_server,
)
from tests.annotation.small_run import Asked, asking, small_run
from tests.browser.annotation_page import AnnotationPage, Watched

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
TIMEOUT_MS = 30_000

Visit = Callable[[str], AnnotationPage]
Ask = Callable[..., Asked]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, without a window. Not for the session: while it runs, nothing else can use asyncio."""
    path = next(filter(None, map(shutil.which, (os.environ.get("COLDSTART_CHROMIUM", ""), *NAMES))), None)
    if path is None:
        pytest.skip("no Chromium is here: install the system's package, or name one in COLDSTART_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, annotation_server: AnnotationServer) -> Iterator[Visit]:  # noqa: F811
    """Sign a person in, in a browser of their own. Whatever the page shows, it asks nobody else, and opens no box."""
    pages: list[AnnotationPage] = []
    contexts: list[BrowserContext] = []

    def sign_in(username: str) -> AnnotationPage:
        watched = Watched()
        context = chromium.new_context(
            viewport={"width": 1440, "height": 1000}, permissions=["clipboard-read", "clipboard-write"]
        )
        context.set_default_timeout(TIMEOUT_MS)
        context.route(lambda url: not url.startswith((annotation_server.url, "data:", "blob:")), _refuse_for(watched))
        page = context.new_page()
        page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        contexts.append(context)
        pages.append(AnnotationPage(page, annotation_server.url, watched))
        pages[-1].sign_in(username, annotation_server.accounts[username]["password"])
        return pages[-1]

    yield sign_in
    for page in pages:
        page.picture("last")
        assert page.watched == Watched(), page.watched
    for context in contexts:
        context.close()


def _refuse_for(watched: Watched) -> Callable[[Route], None]:
    """Note what a page asks of other hosts, and let none of it through."""

    def refuse(route: Route) -> None:
        watched.asked_of_others.append(route.request.url)
        route.abort()

    return refuse


@pytest.fixture
def ask(
    annotation_server: AnnotationServer,  # noqa: F811
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Ask:
    """Push a run with these problems (text -> its plans), into a data set of the test's name."""
    monkeypatch.delenv("ARGILLA_API_URL", raising=False)
    monkeypatch.delenv("ARGILLA_API_KEY", raising=False)
    name = request.node.name.removeprefix("test_").replace("_", "-")

    def make(problems: Mapping[str, Sequence[str]], *, answers: Sequence[str] = (), **settings: Any) -> Asked:
        recipe = asking(name, annotation_server.data / "accounts.json", **settings)
        asked = Asked(small_run(tmp_path / "run", problems, answers), recipe, annotation_server)
        asked.push()
        return asked

    return make
