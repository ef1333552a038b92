"""Two annotators and an adjudicator go through fifty plans, on the page and beside it, until everything is decided."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from annotation import adjudicate
from annotation.questions import VERDICT
from annotation.standing import agreement
from schemas.tables import Annotations, Plans, Queue

if TYPE_CHECKING:
    from tests.annotation.small_run import Asked
    from tests.browser.annotation_page import AnnotationPage
else:
    Asked = AnnotationPage = Any

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

N, N_ON_THE_PAGE = 50, 3
FIRST, SECOND = "annotator-1", "annotator-2"
PROBLEMS = {f"Make {n}.": [f"1. Guess {n}\n2. Check"] for n in range(N)}


def verdict(username: str, n: int) -> str:
    """They agree on all but every tenth plan: 30 keep, 15 discard, 5 once keep and once fix."""
    if n % 10 == 0:
        return "keep" if username == FIRST else "fix"
    return "discard" if n % 10 in (1, 2, 3) else "keep"


def alpha(n_keep: int, n_discard: int, n_fix: int, n_disagree: int) -> float:
    """Krippendorff's alpha of two people's nominal answers without gaps: 1 - (n - 1) disagreements / by chance."""
    n = n_keep + n_discard + n_fix
    by_chance = n**2 - n_keep**2 - n_discard**2 - n_fix**2
    return 1 - (n - 1) * 2 * n_disagree / by_chance


def on_the_page(page: AnnotationPage, verdict: str) -> None:
    page.choose("verdict", verdict.capitalize())
    page.choose("strategy", "4")
    page.choose("abstraction", "3")
    page.submit()


def shown_number(page: AnnotationPage) -> int:
    return int(page.text("The problem").removeprefix("Make ").removesuffix("."))


def annotate(asked: Asked, page: AnnotationPage, username: str) -> None:
    """Go through the first plans on the page, and answer the others as the page does it."""
    page.open_data_set(asked.name)
    for _ in range(N_ON_THE_PAGE):
        on_the_page(page, verdict(username, shown_number(page)))
    mine = page.progress()
    assert f"Pending {N - N_ON_THE_PAGE} " in mine
    assert f"Submitted {N_ON_THE_PAGE}" in mine
    page.picture(username)
    user = asked.server.call(username, "GET", "me")[1]["id"]
    left = {
        id: int(record["fields"]["prompt"].removeprefix("Make ").removesuffix("."))
        for id, record in asked.records().items()
        if user not in {response["user_id"] for response in record["responses"]}
    }
    assert len(left) == N - N_ON_THE_PAGE
    asked.answer(
        username, {id: {"verdict": verdict(username, n), "strategy": 4, "abstraction": 3} for id, n in left.items()}
    )


def decided(asked: Asked) -> Counter[tuple[str, str]]:
    """How many plans were decided how, and as what."""
    tables = (asked.run.read(table) for table in (Queue, Annotations, Plans))
    found = adjudicate.run(*tables, adjudicate.Config(min_submitted=2))
    return Counter(found.select(pl.col("how", "verdict").cast(pl.String)).iter_rows())


def test_fifty_plans_are_decided(ask: Callable[..., Asked], visit: Callable[[str], AnnotationPage]) -> None:
    asked = ask(PROBLEMS, min_submitted=2)
    for username in (FIRST, SECOND):
        annotate(asked, visit(username), username)
    assert asked.pull().n_owed == 5
    rows = {row["question"]: row for row in agreement(asked.run.read(Queue), asked.run.read(Annotations)).to_dicts()}
    assert (rows[VERDICT]["n_items"], rows[VERDICT]["n_annotators"]) == (N, 2)
    assert rows[VERDICT]["alpha"] == pytest.approx(alpha(65, 30, 5, n_disagree=5), abs=1e-9)
    assert decided(asked) == {("unanimous", "keep"): 30, ("unanimous", "discard"): 15, ("open", "undecided"): 5}

    assert asked.push().n_new == 5
    page = visit("adjudicator")
    page.open_data_set(asked.name)
    assert page.n_shown() == 5
    for number in range(5):
        said = page.text("What the annotators said").split()
        assert {*said} >= {"First", "Second", "keep", "fix"}
        on_the_page(page, "Fix" if number < 2 else "Keep")
    asked.pull()
    wanted = {
        ("unanimous", "keep"): 30,
        ("unanimous", "discard"): 15,
        ("adjudicator", "fix"): 2,
        ("adjudicator", "keep"): 3,
    }
    assert decided(asked) == wanted
    assert (
        agreement(asked.run.read(Queue), asked.run.read(Annotations)).filter(question=VERDICT)["n_values"].item() == 100
    )


def test_a_third_person_makes_a_majority(ask: Callable[..., Asked]) -> None:
    asked = ask({"Make 1.": ["1. Guess"]}, min_submitted=2)
    (id,) = asked.records()
    said = {"strategy": 4, "abstraction": 3}
    for username, verdict in ((FIRST, "keep"), (SECOND, "fix"), ("owner", "fix")):
        asked.answer(username, {id: said | {"verdict": verdict}})
    asked.pull()
    assert decided(asked) == {("majority", "fix"): 1}


def test_annotators_do_not_see_what_goes_to_the_adjudicator(
    ask: Callable[..., Asked], visit: Callable[[str], AnnotationPage]
) -> None:
    asked = ask({"Make 1.": ["1. Guess"]}, min_submitted=2)
    (id,) = asked.records()
    for username, verdict in ((FIRST, "keep"), (SECOND, "fix")):
        asked.answer(username, {id: {"verdict": verdict, "strategy": 4, "abstraction": 3}})
    asked.pull()
    asked.push()
    page = visit(FIRST)
    page.shows(asked.name)
    assert page.page.get_by_text("adjudication").count() == 0
    hidden = asked.data_set("adjudication")["id"]
    assert asked.server.call(FIRST, "GET", f"datasets/{hidden}")[0] == 403
    assert asked.server.call(FIRST, "POST", f"me/datasets/{hidden}/records/search", {"query": {}})[0] == 403
    assert asked.data_set()["id"] != hidden
