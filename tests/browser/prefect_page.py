"""Prefect's web UI as an operator uses it: by what is seen on the page, with mouse and keys."""

import re

from playwright.sync_api import Locator, expect

from tests.browser.watched_page import TIMEOUT_MS, WatchedPage

VERSION = re.compile(r"^[0-9a-f]{8}$")


class PrefectPage(WatchedPage):
    """A page of Prefect's server, which asks nobody to sign in."""

    # It fetches the settings of its analytics even where these are off; nothing is sent there then.
    asks_in_vain = ("https://sr-client-cfg.amplitude.com/config/",)
    may_stumble = True  # a timeline does, where somebody goes on before it is drawn; none of the scripts are ours

    def open_deployments(self) -> None:
        """The list of deployments, from the page that comes up first."""
        self.page.goto(self.url)
        self.page.get_by_role("link", name="Deployments").click()

    def open_deployment(self, name: str) -> None:
        """The page of a deployment, from the list."""
        self.open_deployments()
        self.page.get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("button", name="Run", exact=True).wait_for()

    def open_form(self, name: str) -> None:
        """The form that asks for the parameters of a run of a deployment."""
        self.open_deployment(name)
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Custom run").click()

    def field(self, title: str) -> Locator:
        """A field of a form by its title, to which the page adds a word where it may be left out."""
        return self.page.get_by_label(re.compile(rf"^{re.escape(title)}( \(Optional\))?$"))

    def choose(self, title: str, option: str) -> None:
        """Choose one of the values of a field."""
        self.page.get_by_label(f"Select {title}", exact=True).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def submit(self) -> None:
        """Send the form of a new run."""
        self.page.get_by_role("button", name="Submit").click()

    def open_submitted(self) -> str:
        """The page of the run that was just submitted, by what the page says of it; its address."""
        self.page.get_by_role("button", name="View run").click()
        self.page.wait_for_url("**/runs/flow-run/**")
        return self.page.url

    def open_run(self, address: str) -> None:
        """The page of a run."""
        self.page.goto(address)
        self.timeline().wait_for()

    def timeline(self) -> Locator:
        """What a run's page draws of its states, tasks and events over time."""
        return self.page.get_by_role("main").locator("canvas")

    def awaits_state(self, name: str) -> None:
        """Wait until the page of a run says that it is in a state; it looks every few seconds."""
        expect(self.page.get_by_text(name, exact=True).first).to_be_visible(timeout=2 * TIMEOUT_MS)

    def open_artifact(self, key: str) -> Locator:
        """The latest artifact of a key of the run whose page is open, as it is rendered."""
        self.page.get_by_role("tab", name="Artifacts").click()
        self.page.get_by_role("heading", name=key).click()
        self.page.get_by_role("link", name=VERSION).first.click()
        return self.page.get_by_test_id("markdown-display")

    def open_resume(self) -> Locator:
        """The form that a suspended run asks, from the menu of its page."""
        self.page.get_by_role("button", name="Open menu").click()
        self.page.get_by_role("menuitem", name="Resume").click()
        return self.page.get_by_role("dialog")

    def resume(self) -> None:
        """Send the form of a suspended run."""
        self.page.get_by_role("dialog").get_by_role("button", name="Resume").click()
