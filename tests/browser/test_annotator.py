"""An annotator in Chromium: what is done on the page is what the tables say, and text of models does nothing there."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from annotation.records import letters
from schemas.tables import Queue

if TYPE_CHECKING:
    from tests.annotation.small_run import Asked
    from tests.browser.annotation_page import AnnotationPage
else:
    Asked = AnnotationPage = Any

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

Visit = Callable[[str], AnnotationPage]
Ask = Callable[..., Asked]

PROBLEM, PLAN = "The problem", "The plan"
SMILING = (
    "Strategy: 🎯 factor 24, 𝒙 first\n\n1. 🔍 Look for a pair 🧩 with a factor\n2. Make the other factor\n3. Check it"
)
PUZZLES = {"Make 24 from 3, 8 and 5.": [SMILING, "1. Try all\n2. Stop at 24", "1. Guess"]}
HOSTILE = (
    "<script>window.hacked = 1</script>",
    "<img src=x onerror=\"window.hacked = 1; alert('x')\">",
    "<svg onload='window.hacked = 1'><a xlink:href='javascript:window.hacked = 1'>x</a></svg>",
    '<iframe srcdoc="<script>parent.hacked = 1</script>" src="http://evil.example/frame"></iframe>',
    "<a href='javascript:window.hacked = 1'>x</a> <style>@import 'http://evil.example/x.css'; * { color: red }</style>",
    "</p></div><!-- a comment --><form action=http://evil.example><button>Submit</button></form>",
    "![i](http://evil.example/x.png) [l](javascript:window.hacked=1) <http://evil.example> **b** `c` # h",
    "{{constructor.constructor('window.hacked = 1')()}} ${window.hacked = 1} <b v-html=\"'x'\" @click='x'>b</b>",
    "```mermaid graph TD; A[<img src=x onerror=window.hacked=1>]-->B ``` $\\href{javascript:window.hacked=1}{x}$",
    "&lt;script&gt;window.hacked = 1&lt;/script&gt; &#60;img src=x onerror=window.hacked=1&#62; &amp;amp;",
)


def step_texts(found: list[dict[str, Any]], text: str) -> list[tuple[str, str, str]]:
    """The parts of a text that were marked: step, label and what it says."""
    return [(mark["step"], mark["label"], text[mark["start"] : mark["end"]]) for mark in found]


def test_what_a_person_says_comes_back_exactly(ask: Ask, visit: Visit) -> None:
    asked, page = ask(PUZZLES), visit("annotator-1")
    page.open_data_set(asked.name)
    page.find("Look for a pair")
    page.mark(PLAN, "pair 🧩 with a factor\n2. Make", "Wrong")
    page.mark(PLAN, "Check it", "Too fine")
    page.choose("verdict", "Fix")
    page.choose("strategy", "4")
    page.choose("abstraction", "2")
    page.rank("Plan C", "Plan A", "Plan B", "Plan D")
    edited = "Strategy: factor 24 🎯\n\n1. Look for a <pair> & keep it\n2. Check\n   - depends on: 1"
    page.write("edited_plan", edited)
    page.picture("filled-in")
    page.submit()
    asked.pull()
    (id,) = {record_id for record_id, _ in asked.said()}
    said = {question: value for (_, question), (_, _, value) in asked.said().items()}
    row = asked.run.read(Queue).filter(record_id=id).row(0, named=True)
    plan_of = letters(row)
    assert {name: said[name] for name in ("verdict", "strategy", "abstraction")} == {
        "verdict": "fix", "strategy": 4, "abstraction": 2
    }  # fmt: skip
    assert said["ranking"] == [{"plan_id": plan_of[letter], "rank": place} for place, letter in enumerate("CAB", 1)]
    assert step_texts(said["bad_steps"], SMILING) == [
        ("1", "wrong", "pair 🧩 with a factor\n2. Make"), ("3", "too_fine", "Check it")
    ]  # fmt: skip
    assert said["edited_plan"] == edited


def test_a_copied_plan_comes_back_as_it_was_shown(ask: Ask, visit: Visit) -> None:
    plan = "Strategy: 🎯 if a < b & c > d\n\n1. Look\n2. Leap"
    asked, page = ask({"Make 24.": [plan]}), visit("annotator-1")
    page.open_data_set(asked.name)
    page.copy(PLAN)
    page.paste("edited_plan")
    page.choose("verdict", "Keep")
    page.save_draft()
    asked.pull()
    said = {question: (status, value) for (_, question), (_, status, value) in asked.said().items()}
    assert (said["edited_plan"], said["verdict"]) == (("draft", plan), ("draft", "keep"))


def test_a_person_finds_filters_passes_on_and_sees_progress(ask: Ask, visit: Visit) -> None:
    asked = ask({"Make 24.": ["1. Guess", "1. Look for a pair"], "Stack c on a.": ["1. Clear a"]}, candidates=1)
    page = visit("annotator-1")
    page.open_data_set(asked.name)
    assert page.n_shown() == 3
    page.search('"a pair"')
    page.shows("Look for a pair")
    assert page.n_shown() == 1
    page.search("")
    page.filter_by("task family", "Stack")
    page.shows("1. Clear a")
    assert page.n_shown() == 1
    page.picture("filtered")
    page.choose("verdict", "Discard")
    page.choose("strategy", "1")
    page.choose("abstraction", "5")
    page.submit()
    page.shows("submitted")
    page.open_data_set(asked.name)
    page.discard()
    assert "Pending 1 Draft 0 Discarded 1 Submitted 1" in page.progress()
    assert "33.33% 1 of 3" in page.progress()
    page.picture("progress")
    page.show_status("submitted")
    page.shows("1. Clear a")
    page.sign_out()
    page.page.goto(f"{page.url}/dataset/{asked.data_set()['id']}/annotation-mode")
    page.page.wait_for_url("**/sign-in**")


def test_hostile_text_of_models_is_shown_as_it_is_and_does_nothing(ask: Ask, visit: Visit) -> None:
    problem, answer = "\n\n".join(("Hostile:", *HOSTILE)), "\n".join((*HOSTILE, "```mermaid", "graph TD; A-->B", "```"))
    plan = json.dumps({"strategy": " ".join(HOSTILE), "steps": list(HOSTILE)})
    asked = ask({problem: [plan, "1. Another plan"]}, answers=[answer])
    page = visit("annotator-1")
    page.open_data_set(asked.name)
    page.find("window.hacked")
    shown = "\n".join([f"Strategy: {' '.join(HOSTILE)}", "", *(f"{i}. {text}" for i, text in enumerate(HOSTILE, 1))])
    assert page.text(PROBLEM) == problem
    assert page.text(PLAN).rstrip() == shown
    assert answer in page.text("What happened when it was carried out")
    assert shown in page.text("Plans to rank")
    page.mark(PLAN, HOSTILE[0], "Wrong")
    page.picture("hostile")
    assert page.effects() == (None, 0)
    page.show_side_by_side(2)
    page.picture("side-by-side")
    assert page.effects() == (None, 0)


def test_hostile_text_of_annotators_does_nothing_to_the_adjudicator(ask: Ask, visit: Visit) -> None:
    asked = ask({"Make 24.": ["1. Guess\n2. Check"]}, min_submitted=2)
    (id,) = asked.records()
    said = {"verdict": "keep", "strategy": 3, "abstraction": 3}
    edited = "\n".join(["Strategy: mine", "", *(f"{i}. {text}" for i, text in enumerate(HOSTILE, 1))])
    asked.answer("annotator-1", {id: said})
    asked.answer("annotator-2", {id: said | {"verdict": "fix", "edited_plan": edited}})
    asked.pull()
    asked.push()
    page = visit("adjudicator")
    page.open_data_set(asked.name)
    page.shows("1. Guess")
    assert edited in page.text("What the annotators said")
    assert "annotator-" not in page.text("What the annotators said")
    page.picture("adjudicator")
    page.search("script")
    page.shows(HOSTILE[0])
    assert page.effects() == (None, 0)


def test_markup_that_others_put_on_the_server_runs_nothing(ask: Ask, visit: Visit) -> None:
    asked = ask({"Make 24.": ["1. Guess"]})
    fields = {"prompt": "".join(HOSTILE), "plan": "".join(HOSTILE)}
    path = f"datasets/{asked.data_set()['id']}/records/bulk"
    assert asked.server.call("owner", "POST", path, {"items": [{"fields": fields}]})[0] == 201
    page = visit("annotator-1")
    page.open_data_set(asked.name)
    page.show_side_by_side(2)
    page.picture("raw")
    hacked, n_elements = page.effects()
    assert hacked is None
    assert n_elements > 0
