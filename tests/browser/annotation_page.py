"""The annotation server's web UI as an annotator uses it: by what is seen on the page, with mouse and keys."""

from contextlib import suppress
from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.watched_page import WatchedPage

TRIES = 3
SOON_MS = 3_000

PLACE_OF_TEXT = """(element, [start, end]) => {
    const text = element.firstChild, range = document.createRange();
    const place = (from, to) => {
        range.setStart(text, from); range.setEnd(text, to);
        const boxes = range.getClientRects();
        return boxes[boxes.length - 1];
    };
    element.closest(".record__content").scrollBy(0, place(start, start + 1).top - innerHeight / 2);
    const first = place(start, start + 1), last = place(end - 1, end);
    return [first.left + 1, first.top + first.height / 2, last.right - 1, last.top + last.height / 2];
}"""
"""Where the first and the last character of a part of a text, in UTF-16 code units, are on the page."""


class AnnotationPage(WatchedPage):
    """A page on which somebody is signed in."""

    def sign_in(self, username: str, password: str) -> None:
        """Fill in the form, and wait for the list of data sets."""
        self.page.goto(f"{self.url}/sign-in")
        self.page.locator("input[name=Username]").fill(username)
        self.page.locator("input[name=Password]").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_text("Your datasets").wait_for()

    def sign_out(self) -> None:
        """By the menu behind the account's initials."""
        self.page.get_by_label("User Button").click()
        self.page.get_by_text("Log out").click()
        self.page.wait_for_url("**/sign-in**")

    def open_data_set(self, name: str) -> None:
        """From the list of data sets."""
        self.page.goto(self.url)
        self.page.get_by_text(name, exact=True).click()
        self.page.get_by_role("form", name="Annotation Questions").wait_for()

    def field(self, title: str) -> Locator:
        """The text of a field of the record by its title."""
        shown = self.page.locator(".text_field_component", has=self.page.get_by_text(title, exact=True))
        return shown.locator(".--ltr, p")

    def text(self, title: str) -> str:
        """What a field shows, exactly."""
        return str(self.field(title).text_content())

    def question(self, name: str) -> Locator:
        """The part of the form with a question by its name."""
        return self.page.get_by_label(f"Question: {name}")

    def choose(self, question: str, *options: str) -> None:
        """Click options of a label or rating question."""
        for option in options:
            self.question(question).locator("label", has_text=option).click()

    def mark(self, title: str, part: str, label: str) -> None:
        """Choose a label, then drag the mouse over the first place where a field says `part`."""
        before, found, _ = self.text(title).partition(part)
        assert found, f"{title}: {part!r} is not there"
        start, end = (len(text.encode("utf-16-le")) // 2 for text in (before, before + part))
        labels = self.page.locator("[id^=entity-span-container]")
        known = labels.text_content() or ""
        for _ in range(TRIES):
            button = self.question("bad_steps").get_by_role("button", name=label, exact=True)
            if not button.locator("input").is_checked():
                button.click()
            self._drag(*self.field(title).evaluate(PLACE_OF_TEXT, [start, end]))
            with suppress(AssertionError):  # a page that has just come up takes no marks yet
                return expect(labels).not_to_have_text(known, timeout=SOON_MS)
        raise AssertionError(f"{title}: {part!r} could not be marked")

    def _drag(self, x: float, y: float, to_x: float, to_y: float) -> None:
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(to_x, to_y, steps=5)
        mouse.up()

    def rank(self, *titles: str) -> None:
        """Drag plans to their places, the best first."""
        slots = self.question("ranking").locator(".draggable__slot-box")
        for place, title in enumerate(titles):
            self.question("ranking").get_by_title(title, exact=True).drag_to(slots.nth(place))

    def write(self, question: str, text: str) -> None:
        """Type or paste a text in place of what is there."""
        editor = self.question(question).locator("[contenteditable=true]")
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)

    def copy(self, title: str) -> None:
        """Use a field's copy button."""
        field = self.page.locator(".text_field_component", has=self.page.get_by_text(title, exact=True))
        field.hover()
        field.get_by_title("Copy to clipboard").click()

    def paste(self, question: str) -> None:
        """Paste what was copied."""
        self.question(question).locator("[contenteditable=true]").click()
        self.page.keyboard.press("Control+V")

    def submit(self) -> None:
        """Submit the form."""
        self._send("Submit")

    def save_draft(self) -> None:
        """Keep the form for later."""
        self._send("Save as draft")

    def discard(self) -> None:
        """Pass on the record."""
        self._send("Discard")

    def _send(self, button: str) -> None:
        """Wait until the server has it, and the page shows the next record where there is one."""
        before, is_last = self.page.url, self.page.get_by_label("Next").is_disabled()
        with self.page.expect_response(lambda response: "/responses" in response.url) as answer:
            self.page.locator(".footer-form").get_by_role("button", name=button).click()
        assert answer.value.ok, answer.value.text()
        if not is_last:
            self.page.wait_for_function("url => location.href !== url", arg=before)

    def n_shown(self) -> int:
        """How many records are in the list that is gone through."""
        total = self.page.get_by_label("Total Records")
        return int(total.inner_text().removeprefix("of ")) if total.count() else 0

    def search(self, query: str) -> None:
        """Search the records' text."""
        with self._searching():
            self.page.locator(".search-area__icon.--search").click()
            self.page.get_by_role("search").fill(query)
            self.page.keyboard.press("Enter")

    def find(self, part: str) -> None:
        """Search for a phrase of a plan, and go to the record whose plan says it.

        The page takes no marks in a record that it showed before a search found it again, until it is loaded anew.
        """
        self.search(f'"{part}"')
        for _ in range(self.n_shown() - 1):
            if part in self.text("The plan"):
                break
            with self._searching():
                self.page.get_by_label("Next").click()
        with self._searching():
            self.page.reload()
        expect(self.field("The plan")).to_contain_text(part)

    def filter_by(self, name: str, value: str) -> None:
        """Show only records with a value in their metadata."""
        filters = self.page.locator(".filters__wrapper")
        filters.get_by_text("Filters").click()
        filters.get_by_text("Metadata").click()
        filters.get_by_text(name, exact=True).click()
        with self._searching():
            self.page.locator(".labels-selector__item", has_text=value).click()

    def show_status(self, status: str) -> None:
        """Show only records in a state: pending, draft, discarded or submitted."""
        shown = self.page.get_by_label("Filter Records by Status")
        shown.locator(".selected-option").click()
        with self._searching():
            shown.locator("li", has_text=status).click()

    def show_side_by_side(self, n_records: int) -> None:
        """Switch to the view that lists records below each other."""
        self.page.get_by_label("Switch to Bulk Mode").click()
        expect(self.page.locator(".record__content")).to_have_count(n_records)

    def progress(self) -> str:
        """What the page says of one's own progress and the team's, on one line."""
        panel = self.page.locator(".wrapper__right .panel")
        if "TEAM PROGRESS" not in panel.inner_text():
            panel.locator(".panel__header").click()
        self.page.get_by_text("Team progress").wait_for()
        return " ".join(panel.inner_text().split())

    def _searching(self) -> Any:
        return self.page.expect_response(lambda response: "/records/search?" in response.url)

    def effects(self) -> tuple[Any, int]:
        """What scripts of a record left in the page, which is None, and how many elements came with its text."""
        elements = self.page.locator(".record__content").locator("img, script, iframe, form, a, b")
        return self.page.evaluate("window.hacked ?? null"), elements.count()
