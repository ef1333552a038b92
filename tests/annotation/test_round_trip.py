"""Plans go to a real annotation server and answers come back: once each, whatever is cut off, changed or refused."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from annotation.questions import FIELDS, QUESTIONS
from annotation.records import MAX_CHARS, letters
from annotation.sync.address import Address
from annotation.sync.client import Connection
from annotation.sync.dataset import Wanted, ensure_dataset
from annotation.sync.push import push_records
from pipeline.people import submitted
from pipeline.store import Provenance, publish
from schemas.errors import BackendError, RecipeError
from schemas.tables import Annotations, PlanScores, Queue, table_name
from tests.annotation.small_run import Asked, asking, small_run

if TYPE_CHECKING:
    from tests.annotation.conftest import AnnotationServer
else:
    AnnotationServer = Any

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]

PLAN = "Strategy: factors\n\n1. 🔍 look at 24 & 3 < 8\n2. leap"
PUZZLES = {"Make 24.": [PLAN, "1. jump"], "Make 25.": ["1. add"], "Make 26.": ["1. double 13"]}
KEEP = {"verdict": "keep", "strategy": 4, "abstraction": 3}
Ask = Callable[..., Asked]


@pytest.fixture
def ask(
    annotation_server: AnnotationServer,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Ask:
    """A run of puzzles that nobody was asked about yet, in a data set of its own or one that these tests share."""
    monkeypatch.delenv("ARGILLA_API_URL", raising=False)
    monkeypatch.delenv("ARGILLA_API_KEY", raising=False)
    name = request.node.name.translate(str.maketrans("_[ ]", "----")).strip("-")

    def make(puzzles: Mapping[str, list[str]] = PUZZLES, *, alone: bool = False, **settings: Any) -> Asked:
        recipe = asking(name, annotation_server.data / "accounts.json", dataset="" if alone else "shared", **settings)
        own = {f"{puzzle} ({name})": plans for puzzle, plans in puzzles.items()}
        return Asked(small_run(tmp_path / "run", own), recipe, annotation_server)

    return make


def judging(asked: Asked, text: str) -> str:
    """The record_id of the record that judges a plan that says `text`."""
    (found,) = (id for id, record in asked.records().items() if text in record["fields"]["plan"])
    return found


def tables(asked: Asked) -> dict[str, int]:
    """Versions of the tables that people's answers go through."""
    return {table_name(t): (asked.run.manifest(t) or {}).get("version", 0) for t in (Queue, Annotations)}


def test_every_plan_is_shown_once_with_what_it_can_be_filtered_by(ask: Ask) -> None:
    asked = ask()
    pushed = asked.push()
    assert (pushed.n_new, pushed.n_there, pushed.refused) == (4, 0, {})
    record = asked.records()[judging(asked, "look at")]
    assert record["fields"]["plan"].rstrip() == PLAN.replace("&", "&amp;").replace("<", "&lt;")
    assert record["metadata"] == {
        "source": "puzzles", "task_family": "Make", "n_steps": 2, "guideline_version": "plans-1"
    }  # fmt: skip
    assert record["responses"] == record["suggestions"] == []


def test_pushing_twice_changes_nothing(ask: Ask) -> None:
    asked = ask()
    asked.push()
    before, manifests = asked.records(), tables(asked)
    again = asked.push()
    assert (again.n_new, again.n_there) == (0, 4)
    assert (asked.records(), tables(asked)) == (before, manifests)


def test_a_push_that_was_cut_off_is_finished_by_the_next(ask: Ask) -> None:
    asked = ask()
    asked.push()
    before = asked.records()
    cut_off = [record["id"] for record in list(before.values())[:3]]
    path = f"datasets/{asked.data_set()['id']}/records?ids={','.join(cut_off)}"
    assert asked.server.call("owner", "DELETE", path)[0] == 204
    again = asked.push()
    assert (again.n_new, again.n_there) == (3, 1)
    assert asked.records().keys() == before.keys()


def test_a_push_sends_again_nothing_that_was_answered(ask: Ask) -> None:
    asked = ask(suggestions=True)
    asked.push()
    id = judging(asked, "look at")
    asked.answer("annotator-1", {id: KEEP})
    before = asked.records()[id]
    asked.push()
    assert asked.records()[id] == before


def test_a_data_set_that_a_killed_push_left_unpublished_is_made_anew(ask: Ask) -> None:
    asked = ask(alone=True)
    spaces = asked.server.call("owner", "GET", "me/workspaces")[1]["items"]
    wanted = {space["name"]: space["id"] for space in spaces}["annotation"]
    asked.server.call("owner", "POST", "datasets", {"name": asked.recipe.name, "workspace_id": wanted})
    assert asked.data_set()["status"] == "draft"
    assert asked.push().n_new == 4
    assert asked.data_set()["status"] == "ready"


def test_a_record_too_large_to_be_read_is_refused_and_the_others_go(ask: Ask) -> None:
    asked = ask({**PUZZLES, "long " * MAX_CHARS: ["1. wade"]})
    pushed = asked.push()
    ((_, why),) = pushed.refused.items()
    assert pushed.n_new == 4
    assert why.startswith("too_large: prompt: found 100,")
    assert why.endswith(f"characters, wanted at most {MAX_CHARS:,}")
    assert asked.push().refused.keys() == pushed.refused.keys()


def test_a_record_that_the_server_refuses_is_named_and_the_others_go(ask: Ask) -> None:
    asked = ask()
    asked.push()
    connection = Connection(Address(asked.server.url, asked.server.accounts["owner"]["api_key"]))
    fields = {"prompt": "Make 1.", "plan": "1. take it"}
    payloads = [{"external_id": f"{i:032x}", "fields": fields | ({"plan": 5} if i == 7 else {})} for i in range(20)]
    sent = push_records(connection, asked.data_set()["id"], payloads, lambda n: None)
    ((id, why),) = sent.refused.items()
    assert (sent.n_new, id, "plan" in why) == (19, f"{7:032x}", True)


@pytest.mark.parametrize(("is_on", "wanted"), [(False, []), (True, ["keep"])], ids=["off", "on"])
def test_verdicts_are_suggested_only_where_the_recipe_says_so(ask: Ask, is_on: bool, wanted: list[str]) -> None:
    asked = ask({"Make 24.": ["1. jump"]}, suggestions=is_on)
    scores = asked.run.read(PlanScores)
    helps = pl.lit("helps", dtype=scores["decision"].dtype).alias("decision")
    publish(asked.run, PlanScores, scores.with_columns(helps), Provenance("test"))
    asked.push()
    (record,) = asked.records().values()
    assert [suggestion["value"] for suggestion in record["suggestions"]] == wanted


def test_answers_come_back_as_rows_and_a_second_pull_adds_none(ask: Ask) -> None:
    asked = ask()
    asked.push()
    id = judging(asked, "look at")
    asked.answer("annotator-1", {id: KEEP | {"edited_plan": "1. look &amp; see", "bad_steps": []}})
    pulled = asked.pull()
    assert (pulled.n_new, pulled.n_changed, pulled.n_withdrawn) == (5, 0, 0)
    assert asked.said() == {
        (id, "verdict"): (1, "submitted", "keep"), (id, "strategy"): (1, "submitted", 4),
        (id, "abstraction"): (1, "submitted", 3), (id, "bad_steps"): (1, "submitted", []),
        (id, "edited_plan"): (1, "submitted", "1. look & see"),
    }  # fmt: skip
    before, manifests = asked.run.read(Annotations), tables(asked)
    assert asked.pull().n_new == 0
    assert tables(asked) == manifests
    assert_frame_equal(asked.run.read(Annotations), before)


def test_a_mark_behind_astral_characters_is_of_the_step_that_was_marked(ask: Ask) -> None:
    asked = ask()
    asked.push()
    id = judging(asked, "look at")
    before = PLAN.partition("2. leap")[0]
    start = len(before.encode("utf-16-le")) // 2
    mark = {"start": start, "end": start + len("2. leap"), "label": "too_coarse"}
    asked.answer("annotator-1", {id: KEEP | {"bad_steps": [mark]}})
    asked.pull()
    ((found),) = asked.said()[id, "bad_steps"][2]
    assert found == {"start": len(before), "end": len(PLAN), "label": "too_coarse", "step": "2"}


def test_a_ranking_is_of_plans_not_of_letters(ask: Ask) -> None:
    asked = ask()
    asked.push()
    id = judging(asked, "look at")
    row = asked.run.read(Queue).filter(record_id=id).row(0, named=True)
    first, second = letters(row).values()
    ranking = [{"value": letter, "rank": rank} for letter, rank in zip("BACD", (1, 2, 3, 4), strict=True)]
    asked.answer("annotator-1", {id: KEEP | {"ranking": ranking}})
    asked.pull()
    assert asked.said()[id, "ranking"][2] == [{"plan_id": second, "rank": 1}, {"plan_id": first, "rank": 2}]


def test_what_people_change_is_the_next_version(ask: Ask) -> None:
    asked = ask()
    asked.push()
    id = judging(asked, "look at")
    asked.answer("annotator-1", {id: {"verdict": "fix"}}, "draft")
    asked.pull()
    assert asked.said() == {(id, "verdict"): (1, "draft", "fix")}
    asked.answer("annotator-1", {id: KEEP | {"edited_plan": "1. look"}})
    asked.pull()
    asked.answer("annotator-1", {id: KEEP | {"strategy": 1}})
    pulled = asked.pull()
    assert (pulled.n_new, pulled.n_changed, pulled.n_withdrawn) == (0, 1, 1)
    assert asked.said() == {
        (id, "verdict"): (2, "submitted", "keep"), (id, "strategy"): (2, "submitted", 1),
        (id, "abstraction"): (1, "submitted", 3), (id, "edited_plan"): (2, "withdrawn", "1. look"),
    }  # fmt: skip


def test_a_record_that_is_discarded_has_no_answers(ask: Ask) -> None:
    asked = ask()
    asked.push()
    first, second = judging(asked, "look at"), judging(asked, "jump")
    asked.answer("annotator-1", {first: KEEP})
    asked.pull()
    asked.answer("annotator-1", {first: KEEP, second: {}}, "discarded")
    asked.pull()
    assert asked.said()[first, "verdict"] == (2, "discarded", "keep")
    assert asked.said()[second, "verdict"] == (1, "discarded", None)
    assert submitted(asked.run.read(Annotations)).is_empty()


def test_an_answer_that_is_deleted_is_withdrawn_and_may_come_back(ask: Ask) -> None:
    asked = ask()
    asked.push()
    id = judging(asked, "look at")
    asked.answer("annotator-1", {id: KEEP})
    asked.pull()
    (response,) = asked.records()[id]["responses"]
    assert asked.server.call("annotator-1", "DELETE", f"responses/{response['id']}")[0] == 200
    assert asked.pull().n_withdrawn == 3
    assert asked.said()[id, "verdict"] == (2, "withdrawn", "keep")
    assert asked.pull().n_withdrawn == 0
    asked.answer("annotator-1", {id: KEEP})
    asked.pull()
    assert asked.said()[id, "verdict"] == (3, "submitted", "keep")


@pytest.mark.parametrize("is_deleted", [False, True], ids=["renamed", "deleted"])
def test_in_another_data_set_nothing_was_taken_back(ask: Ask, is_deleted: bool) -> None:
    asked = ask(alone=True)
    asked.push()
    id = judging(asked, "look at")
    asked.answer("annotator-1", {id: KEEP})
    asked.pull()
    if is_deleted:
        assert asked.server.call("owner", "DELETE", f"datasets/{asked.data_set()['id']}")[0] == 200
    moved = asked if is_deleted else asked.with_settings(dataset=f"{asked.name}-2")
    assert moved.push().n_new == 4
    assert moved.pull().n_withdrawn == 0
    moved.answer("annotator-1", {judging(asked, "jump"): KEEP})
    assert (moved.pull().n_withdrawn, moved.said()[id, "verdict"]) == (0, (1, "submitted", "keep"))


def test_an_account_that_is_named_as_a_models_later_was_never_a_person(ask: Ask) -> None:
    asked = ask()
    asked.push()
    asked.answer("annotator-1", {judging(asked, "look at"): KEEP})
    asked.pull()
    named = asked.with_settings(model_accounts=["annotator-1"])
    assert (named.pull().n_changed, named.pull().n_changed) == (3, 0)
    assert submitted(asked.run.read(Annotations)).is_empty()
    assert asked.pull().n_changed == 3
    assert submitted(asked.run.read(Annotations)).height == 3


def test_answers_that_go_with_their_account_are_withdrawn(ask: Ask) -> None:
    asked = ask()
    asked.push()
    account = {"username": "guest", "first_name": "guest", "password": "guest-password", "role": "annotator"}
    guest = asked.server.call("owner", "POST", "users", account)[1]
    workspace = asked.data_set()["workspace_id"]
    asked.server.call("owner", "POST", f"workspaces/{workspace}/users", {"user_id": guest["id"]})
    accounts = {**asked.server.accounts, "guest": guest}
    Asked(asked.run, asked.recipe, replace(asked.server, accounts=accounts)).answer(
        "guest", {judging(asked, "look at"): KEEP}
    )
    assert asked.pull().n_new == 3
    assert asked.server.call("owner", "DELETE", f"users/{guest['id']}")[0] == 200
    assert (asked.pull().n_withdrawn, asked.pull().n_withdrawn) == (3, 0)


def test_gold_plans_that_cannot_be_asked_about_are_told(ask: Ask, tmp_path: Path) -> None:
    asked = ask(gold="gold.jsonl", gold_share=1)
    scores = asked.run.read(PlanScores)
    publish(asked.run, PlanScores, scores.tail(-1), Provenance("test"))
    scores.select("plan_id", verdict=pl.lit("keep")).write_ndjson(tmp_path / "gold.jsonl")
    asked = Asked(asked.run, asked.recipe.model_copy(update={"data": str(tmp_path)}), asked.server)
    (line,) = (line for line in asked.push().lines() if line.startswith("gold: "))
    assert line == "gold: 1 plans cannot be asked about: they were not read, not kept or not measured"


def test_a_record_is_complete_when_as_many_people_answered_as_the_recipe_says(ask: Ask) -> None:
    asked = ask(alone=True, min_submitted=2)
    asked.push()
    id = judging(asked, "look at")
    status = []
    for username in ("annotator-1", "annotator-2"):
        asked.answer(username, {id: KEEP})
        status.append(asked.records()[id]["status"])
    assert status == ["pending", "completed"]
    asked.pull()
    assert asked.run.read(Annotations)["annotator"].n_unique() == 2


def test_more_people_may_be_asked_after_some_have_answered(ask: Ask) -> None:
    asked = ask(alone=True)
    asked.push()
    id = judging(asked, "look at")
    asked.answer("annotator-1", {id: KEEP})
    more = asked.with_settings(min_submitted=2)
    assert more.push().n_new == 0
    assert more.data_set()["distribution"]["min_submitted"] == 2


def test_a_larger_budget_adds_records(ask: Ask) -> None:
    asked = ask(records=1)
    asked.push()
    (first,) = asked.records()
    pushed = asked.with_settings(records=3).push()
    assert (pushed.n_new, pushed.n_there, first in asked.records()) == (2, 1, True)


def test_a_mark_outside_the_text_is_refused_and_leaves_no_answer(ask: Ask) -> None:
    asked = ask()
    asked.push()
    id = judging(asked, "jump")
    said = KEEP | {"bad_steps": [{"start": 0, "end": 900, "label": "wrong"}]}
    values = {name: {"value": value} for name, value in said.items()}
    path = f"records/{asked.records()[id]['id']}/responses"
    assert asked.server.call("annotator-1", "POST", path, {"status": "submitted", "values": values})[0] == 422
    assert asked.pull().n_new == 0
    assert asked.run.read(Annotations).is_empty()


def test_records_of_others_in_the_data_set_are_left_alone(ask: Ask) -> None:
    asked = ask()
    asked.push()
    connection = Connection(Address(asked.server.url, asked.server.accounts["owner"]["api_key"]))
    payload = {"external_id": "from elsewhere", "fields": {"prompt": "Make 1.", "plan": "1. take it"}}
    push_records(connection, asked.data_set()["id"], [payload], lambda n: None)
    asked.answer("annotator-1", {judging(asked, "jump"): KEEP})
    pulled = asked.pull()
    assert (pulled.n_new, pulled.n_unknown > 0) == (3, True)


def test_what_people_disagree_about_goes_to_the_adjudicator_with_what_they_said(ask: Ask) -> None:
    asked = ask(alone=True, min_submitted=2)
    asked.push()
    id = judging(asked, "look at")
    asked.answer("annotator-1", {id: KEEP})
    asked.answer("annotator-2", {id: KEEP | {"verdict": "fix", "edited_plan": "1. <b>look</b>"}})
    assert asked.pull().n_owed == 1
    assert asked.pull().n_owed == 0
    pushed = asked.push()
    assert (pushed.n_new, pushed.n_there, len(pushed.places)) == (1, 4, 2)
    (record,) = asked.records("adjudication").values()
    assert "verdict: keep" in record["fields"]["answers"]
    assert "1. &lt;b&gt;look&lt;/b&gt;" in record["fields"]["answers"]
    assert "annotator-" not in record["fields"]["answers"]


@pytest.mark.parametrize("call", [Asked.push, Asked.pull], ids=["push", "pull"])
def test_a_server_that_is_not_there_is_named_and_nothing_is_half_done(
    ask: Ask, call: Callable[[Asked], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("ARGILLA_API_URL", url)
        monkeypatch.setenv("ARGILLA_API_KEY", "key")
        with pytest.raises(BackendError, match=f"{url}: .*does not answer.*coldstart annotate serve"):
            call(asked)
    assert tables(asked) == {"queue": 0, "annotations": 0}


@pytest.mark.parametrize(
    ("username", "wanted"),
    [(None, "the key is not known there"), ("annotator-1", "may not do that"), ("adjudicator", "has no workspace")],
    ids=["wrong key", "an annotator", "of another workspace"],
)
def test_a_key_without_the_rights_is_told_so_and_makes_nothing(
    ask: Ask, username: str | None, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask(alone=True)
    key = asked.server.accounts[username]["api_key"] if username else "not-a-key"
    monkeypatch.setenv("ARGILLA_API_URL", asked.server.url)
    monkeypatch.setenv("ARGILLA_API_KEY", key)
    with pytest.raises(RecipeError, match=wanted) as error:
        asked.push()
    assert key not in str(error.value)
    assert (asked.data_set(), tables(asked)) == ({}, {"queue": 0, "annotations": 0})


def test_a_pull_with_an_annotators_key_is_told_so_and_takes_nothing(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ask()
    asked.push()
    asked.answer("annotator-1", {judging(asked, "jump"): KEEP})
    with monkeypatch.context() as changed:
        changed.setenv("ARGILLA_API_URL", asked.server.url)
        changed.setenv("ARGILLA_API_KEY", asked.server.accounts["annotator-1"]["api_key"])
        with pytest.raises(RecipeError, match=r"has no workspace|may not do that"):
            asked.pull()
    assert asked.run.read(Annotations).is_empty()
    assert asked.pull().n_new == 3


def test_a_data_set_that_asks_something_else_is_left_as_it_is(ask: Ask) -> None:
    asked = ask(alone=True)
    connection = Connection(Address(asked.server.url, asked.server.accounts["owner"]["api_key"]))
    ensure_dataset(connection, Wanted("annotation", asked.name, FIELDS, QUESTIONS[:-1], "Judge.", 3))
    before = asked.data_set()
    with pytest.raises(RecipeError, match=rf"question {QUESTIONS[-1].name}: missing there.*annotate\.dataset"):
        asked.push()
    assert (asked.data_set(), tables(asked)["queue"]) == (before, 0)


def test_a_pull_before_any_push_says_what_is_missing(ask: Ask) -> None:
    asked = ask(alone=True)
    with pytest.raises(RecipeError, match=r"no data set .*coldstart annotate push"):
        asked.pull()
    assert tables(asked) == {"queue": 0, "annotations": 0}


def test_everything_that_is_asked_is_shown_by_the_server(ask: Ask) -> None:
    asked = ask(alone=True)
    asked.push()
    path = f"datasets/{asked.data_set()['id']}"
    fields, questions = (
        {one["name"]: one["title"] for one in asked.server.call("owner", "GET", f"{path}/{what}")[1]["items"]}
        for what in ("fields", "questions")
    )
    assert fields == dict(FIELDS)
    assert list(questions.items()) == [(question.name, question.title) for question in QUESTIONS]
