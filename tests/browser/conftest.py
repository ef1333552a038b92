"""Chromium and a real annotation server, and people who sign in to it; skipped where there is no Chromium."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.annotation.conftest import (  # noqa: F401  # fixtures
    AnnotationServer,
    annotation_server,
    server_environment,
    start_server,
)
from tests.annotation.small_run import Asked, asking, small_run
from tests.browser.annotation_page import AnnotationPage
from tests.browser.watched_page import TIMEOUT_MS, opened

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip

Visit = Callable[[str], AnnotationPage]
Ask = Callable[..., Asked]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, without a window. Not for the session: while it runs, nothing else can use asyncio."""
    path = next(filter(None, map(shutil.which, (os.environ.get("COLDSTART_CHROMIUM", ""), *NAMES))), None)
    if path is None:
        pytest.skip("no Chromium is here: install the system's package, or name one in COLDSTART_CHROMIUM")
    expect.set_options(timeout=TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, annotation_server: AnnotationServer) -> Iterator[Visit]:  # noqa: F811
    """Sign a person in, in a browser of their own."""
    with ExitStack() as pages:

        def sign_in(username: str) -> AnnotationPage:
            page = pages.enter_context(opened(chromium, AnnotationPage, annotation_server.url))
            page.sign_in(username, annotation_server.accounts[username]["password"])
            return page

        yield sign_in


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
