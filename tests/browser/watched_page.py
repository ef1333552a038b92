"""A page of one of our web UIs: watched while it is used, and kept as pictures."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from playwright.sync_api import Browser, Page, Route, expect

TIMEOUT_MS = 60_000
"""How long a page may take to do what it is asked to, or to say what it should."""


@dataclass
class Watched:
    """What a page did beside what it was asked to."""

    dialogs: list[str] = field(default_factory=list)
    asked_of_others: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class WatchedPage:
    """A page of the web UI at `url`."""

    asks_in_vain: tuple[str, ...] = ()
    """Addresses elsewhere that the page is known to ask; it gets nothing from them, and does without."""

    may_stumble = False
    """Whether errors of its scripts are passed over."""

    def __init__(self, page: Page, url: str, watched: Watched) -> None:
        self.page, self.url, self.watched = page, url, watched

    def shows(self, text: str) -> None:
        """Wait until the page says something."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def picture(self, name: str) -> None:
        """Keep the page as a picture, where a folder for them is named."""
        if folder := os.environ.get("COLDSTART_SCREENSHOTS"):
            test = os.environ["PYTEST_CURRENT_TEST"].rpartition("::")[2].partition(" ")[0]
            self.page.screenshot(path=Path(folder) / f"{test}-{name}.png")


Kind = TypeVar("Kind", bound=WatchedPage)


@contextmanager
def opened(browser: Browser, kind: type[Kind], url: str, *others: str) -> Iterator[Kind]:
    """A page in a browser of its own. Whatever it shows, it asks nobody but these servers, and opens no box."""
    watched = Watched()
    context = browser.new_context(
        viewport={"width": 1440, "height": 1000}, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(TIMEOUT_MS)
    ours = (url, *others, "data:", "blob:")
    context.route(lambda asked: not asked.startswith(ours), _refuse_for(watched, kind.asks_in_vain))
    page = context.new_page()
    page.on("dialog", lambda dialog: (watched.dialogs.append(dialog.message), dialog.dismiss()))
    if not kind.may_stumble:
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
    seen = kind(page, url, watched)
    yield seen
    seen.picture("last")
    assert watched == Watched(), watched
    context.close()


def _refuse_for(watched: Watched, known: tuple[str, ...]) -> Callable[[Route], None]:
    """Note what a page asks of other hosts but for what is known, and let none of it through."""

    def refuse(route: Route) -> None:
        if not route.request.url.startswith(known):
            watched.asked_of_others.append(route.request.url)
        route.abort()

    return refuse
