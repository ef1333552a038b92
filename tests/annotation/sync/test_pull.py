"""Records are read whole, and responses become answers."""

from typing import Any

import pytest

from annotation.sync.pull import PAGE, answers_of, records_there
from schemas.errors import BackendError

ANNOTATOR = "00000000-0000-0000-0000-000000000001"


class Server:
    """Serves the pages of `listings`, a listing a sweep."""

    url = "http://server"

    def __init__(self, *listings: list[dict[str, Any]]) -> None:
        self.listings = list(listings)

    def request(self, method: str, path: str, *, params: Any) -> Any:
        listing = self.listings[0]
        page = listing[params["offset"] :][: params["limit"]]
        if params["offset"] + len(page) >= len(listing) and len(self.listings) > 1:
            self.listings.pop(0)
        return {"items": page, "total": len(listing)}


def rows(*ids: int) -> list[dict[str, Any]]:
    return [{"id": str(i)} for i in ids]


def response(status: str = "submitted", **values: Any) -> dict[str, Any]:
    said = {name: {"value": value} for name, value in values.items()}
    at = "2026-01-02T03:04:05.000006"
    return {"values": said or None, "status": status, "user_id": ANNOTATOR, "updated_at": at}


def answers(*responses: dict[str, Any], models: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    record = {"external_id": "r", "metadata": {"guideline_version": "plans-1"}, "responses": list(responses)}
    return list(answers_of(record, lambda record, question, value: [question, value], models, {}))


def test_every_page_is_read() -> None:
    server = Server(rows(*range(2 * PAGE + 1)))
    assert len(records_there(server, "d", answers=True)) == 2 * PAGE + 1  # type: ignore[arg-type]


def test_a_page_that_repeats_a_record_is_read_again() -> None:
    server = Server(rows(*range(PAGE), 0), rows(*range(PAGE + 1)))
    assert len(records_there(server, "d", answers=False)) == PAGE + 1  # type: ignore[arg-type]


def test_records_that_never_stand_still_are_an_error() -> None:
    with pytest.raises(BackendError, match="run the same command again"):
        records_there(Server(rows(0, 0)), "d", answers=False)  # type: ignore[arg-type]


def test_each_question_is_an_answer() -> None:
    verdict, strategy = answers(response(verdict="keep", strategy=4))
    assert (verdict["question"], verdict["value"], strategy["value"]) == (
        "verdict", '["verdict","keep"]', '["strategy",4]',
    )  # fmt: skip
    assert verdict["answered_at"].isoformat() == "2026-01-02T03:04:05.000006+00:00"


def test_a_discarded_record_says_so_without_an_answer() -> None:
    (discarded,) = answers(response("discarded"))
    assert (discarded["question"], discarded["value"], discarded["status"]) == ("verdict", "null", "discarded")


def test_an_empty_draft_is_no_answer() -> None:
    assert answers(response("draft")) == []


def test_annotators_have_pseudonyms_and_models_are_known() -> None:
    (person,) = answers(response(verdict="keep"))
    (model,) = answers(response(verdict="keep"), models=frozenset({ANNOTATOR}))
    assert person["annotator"] == model["annotator"] != ANNOTATOR
    assert (person["annotator_kind"], model["annotator_kind"]) == ("person", "model")
