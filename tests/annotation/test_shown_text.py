"""Nothing in a text from outside does anything in the browser, and what is marked there leads back to its step."""

import html
import json
import shutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.shown_text import ShownPlan, excerpt, stored, typed, visible
from pipeline.plan_text import parse_plan, render_plan
from schemas.errors import SchemaError

TEXT = st.text(st.characters(exclude_categories=[]), max_size=40)
LINE = st.text(st.sampled_from("ab <&>1.-—:\t\u200b\u2028\U0001f600é"), min_size=1, max_size=12)


def plan_of(text: str) -> dict[str, Any]:
    read = parse_plan(text)
    assert read.status == "parsed"
    return {**read._asdict(), "rejected_strategies": read.rejected}


@st.composite
def any_plan(draw: st.DrawFn) -> dict[str, Any]:
    """A plan as the table has it, of texts with everything that is awkward."""
    step = st.fixed_dictionaries({"goal": LINE.map("g".__add__)}, optional={"how": LINE, "check": LINE, "action": LINE})
    raw = {"strategy": draw(st.none() | LINE), "rejected": draw(st.lists(LINE, max_size=2))}
    steps = draw(st.lists(step, min_size=1, max_size=4))
    steps[0]["depends_on"] = [len(steps)] if len(steps) > 1 else []
    return plan_of(json.dumps({**raw, "steps": steps}))


@given(TEXT)
def test_nothing_hides_in_a_visible_text(text: str) -> None:
    shown = visible(text)
    assert all(c in "\n\t" or c.isprintable() or c.isspace() for c in shown)
    assert visible(shown) == shown
    shown.encode()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\ud800b", "a⟨U+D800⟩b"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("selector\U000e0100", "selector⟨U+E0100⟩"),
        ("filler\u3164", "filler⟨U+3164⟩"),
        ("a\r\nb\rc", "a\nb⟨U+000D⟩c"),
        ("tab\tand\u00a0space, é, 漢, 😀", "tab\tand\u00a0space, é, 漢, 😀"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, wanted: str) -> None:
    assert visible(text) == wanted


@given(TEXT)
def test_a_stored_text_holds_no_markup_and_shows_the_visible_one(text: str) -> None:
    assert not set("<>") & set(stored(text))
    assert html.unescape(stored(text)) == visible(text)
    assert "&" not in stored(text).replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")


@given(TEXT)
def test_what_was_copied_with_the_button_is_typed_as_it_was_shown(text: str) -> None:
    if set(visible(text)) & set("<>&"):
        assert typed(stored(text)) == visible(text).rstrip()


@given(TEXT, st.integers(3, 50))
def test_an_excerpt_is_whole_or_says_how_much_is_missing(text: str, limit: int) -> None:
    shown = excerpt(text, limit)
    if len(text) > limit:
        assert f"[… {len(text) - limit:,} characters left out …]" in shown
        assert shown.startswith(text[: limit // 2])
    else:
        assert shown == text


@given(any_plan())
def test_every_step_stands_where_it_is_said_to_stand(plan: dict[str, Any]) -> None:
    shown = ShownPlan.of(plan)
    assert shown.text == visible(render_plan(plan))
    assert [id for id, _, _ in shown.steps] == [step["id"] for step in plan["steps"]]
    for id, start, end in shown.steps:
        assert shown.text[start:end].startswith(f"{id}. g")
        assert "\n" not in shown.text[start:end].replace("\n   - ", "")


@given(any_plan(), st.data())
def test_a_span_that_the_browser_counts_leads_back_to_its_text_and_step(
    plan: dict[str, Any], data: st.DataObject
) -> None:
    shown = ShownPlan.of(plan)
    id, first, last = data.draw(st.sampled_from(shown.steps))
    start = data.draw(st.integers(first, last - 1))
    end = data.draw(st.integers(start + 1, last))
    units = [len(shown.text[:at].encode("utf-16-le")) // 2 for at in (start, end)]
    assert units[1] <= len(shown.stored()), "the server would refuse it"
    (found,) = shown.marked([{"start": units[0], "end": units[1], "label": "wrong"}])
    assert found == {"start": start, "end": end, "label": "wrong", "step": id}


def test_a_span_over_several_steps_is_of_the_one_that_holds_most_of_it() -> None:
    shown = ShownPlan.of(plan_of("Strategy: go\n\n1. look\n2. leap far and wide"))
    ends = len(shown.text)
    assert [span["step"] for span in shown.marked([{"start": 16, "end": ends, "label": "wrong"}])] == ["2"]
    assert [span["step"] for span in shown.marked([{"start": 0, "end": 8, "label": "wrong"}])] == [None]


def test_half_a_character_is_the_whole_one() -> None:
    shown = ShownPlan.of(plan_of("1. a 😀 b"))
    (found,) = shown.marked([{"start": 6, "end": 7, "label": "wrong"}])
    assert shown.text[found["start"] : found["end"]] == "😀"


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (7, 9), (2, 99)])
def test_a_span_outside_the_text_is_refused(start: int, end: int) -> None:
    with pytest.raises(SchemaError, match=f"span: found {start} to {end}, wanted a part of the plan's 7 UTF-16"):
        ShownPlan.of(plan_of("1. look")).marked([{"start": start, "end": end, "label": "wrong"}])


def test_a_span_that_ends_in_the_spaces_behind_a_plan_ends_with_it() -> None:
    shown = ShownPlan.of(plan_of("1. 😀😀"))
    assert shown.stored() == "1. 😀😀  "
    (found,) = shown.marked([{"start": 3, "end": 9, "label": "wrong"}])
    assert (found["start"], found["end"]) == (3, 5)


def test_spans_are_in_the_order_of_the_text() -> None:
    spans = [{"start": 8, "end": 9, "label": "wrong"}, {"start": 0, "end": 1, "label": "too_fine"}]
    found = ShownPlan.of(plan_of("1. look\n2. leap")).marked(spans)
    assert [span["start"] for span in found] == [0, 8]


HOSTILE = [
    "<img src=x onerror=\"document.title='run'\">",
    "<script>document.title='run'</script><b>x</b>",
    "1. a<b then &lt; stays &amp;lt;\n   - check: x && y",
    "![i](http://127.0.0.1:9/x.png) </p></div> <!-- <svg onload=document.title='run'>",
    "\u202e\u200b\x00\r\ud800 \U0001f600",
]


@pytest.mark.browser
def test_a_browser_shows_a_stored_text_as_one_piece_and_does_nothing() -> None:
    """The UI sets a field as `innerHTML`, and counts spans from the first text node of it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<p id=field></p>")
        for text in HOSTILE:
            page.evaluate("text => document.getElementById('field').innerHTML = text", stored(text))
            page.wait_for_timeout(50)
            shown = page.evaluate("[field.textContent, field.childNodes.length, document.title]")
            assert shown == [visible(text), 1, ""]
        browser.close()
