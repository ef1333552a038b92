"""Prefect's web UI as an operator uses it: by what is seen on the page, with mouse and keys."""

from playwright.sync_api import Locator, expect

from tests.browser.watched_page import TIMEOUT_MS, WatchedPage


class PrefectPage(WatchedPage):
    """A page of Prefect's server, which asks nobody to sign in."""

    def open_deployments(self) -> None:
        """The list of deployments, from the page that comes up first."""
        self.page.goto(self.url)
        self.page.get_by_role("link", name="Deployments").click()

    def deployment(self, name: str) -> Locator:
        """A row of the list of deployments."""
        link = self.page.get_by_role("link", name=name, exact=True)
        return self.page.get_by_role("row").filter(has=link)

    def open_deployment(self, name: str) -> None:
        """The page of a deployment, from the list."""
        self.open_deployments()
        self.page.get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("button", name="Run", exact=True).wait_for()

    def open_form(self, name: str) -> None:
        """The form that asks for the parameters of a run of a deployment."""
        self.open_deployment(name)
        self.page.get_by_role("button", name="Run", exact=True).click()
        self.page.get_by_text("Custom run").click()
        self.page.get_by_role("button", name="Submit").wait_for()

    def field(self, title: str) -> Locator:
        """A field of a form by its title; the page adds a word to the title of one that has a default."""
        return self.page.get_by_label(title, exact=True).or_(self.page.get_by_label(f"{title} (Optional)", exact=True))

    def submit(self) -> None:
        """Send the form of a new run."""
        self.page.get_by_role("button", name="Submit").click()

    def open_submitted(self) -> None:
        """The page of the run that was just submitted, by what the page says of it."""
        self.page.get_by_role("button", name="View run").click()
        self.page.wait_for_url("**/runs/flow-run/**")

    def awaits_state(self, name: str) -> None:
        """Wait until the page of a run says that it is in a state; it looks every few seconds."""
        expect(self.page.get_by_text(name, exact=True).first).to_be_visible(timeout=2 * TIMEOUT_MS)

    def open_tab(self, name: str) -> None:
        """One of the tabs of a run's page."""
        self.page.get_by_role("tab", name=name).click()

    def open_artifact(self, key: str) -> Locator:
        """An artifact of the run whose page is open, as it is rendered."""
        self.open_tab("Artifacts")
        self.page.get_by_role("heading", name=key).click()
        return self.page.get_by_role("main")

    def open_resume(self) -> Locator:
        """The form that a suspended run asks, from the menu of its page."""
        self.page.get_by_role("button", name="Open menu").click()
        self.page.get_by_role("menuitem", name="Resume").click()
        return self.page.get_by_role("dialog")
