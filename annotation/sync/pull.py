"""Pull people's answers: every response that the server has, as rows of annotations; polling is the truth."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from annotation.sync.client import Connection
from schemas.errors import BackendError, SchemaError
from schemas.ids import canonical_json, content_id

PAGE = 500
"""Records that are asked for at once."""
SWEEPS = 3
"""Times that all records are read where others were added in between."""

ReadValue = Callable[[str, str, Any], Any]
"""(record_id, question, value as the server has it) -> the value as the table has it."""


def state(connection: Connection, dataset_id: str) -> dict[str, Any]:
    """What is another where an answer was given, changed or taken back, or went with its account.

    The last is no activity to the server; it only leaves fewer responses.
    """
    path = f"/api/v1/datasets/{dataset_id}"
    last_activity_at = connection.request("GET", path)["last_activity_at"]
    users = connection.request("GET", f"{path}/users/progress")["users"]
    counts = (n for user in users for status in ("pending", "completed") for n in user[status].values())
    return {"last_activity_at": last_activity_at, "n_responses": sum(counts)}


def records_there(connection: Connection, dataset_id: str, *, answers: bool) -> list[dict[str, Any]]:
    """All records of a data set as the server gives them, with their responses where `answers` is set.

    The server sorts by the time of insertion, which several records may share: where a page repeats a record, or
    others were added while it was read, all are read again.
    """
    for _ in range(SWEEPS):
        found: dict[str, dict[str, Any]] = {}
        n_seen = total = 0
        for page in _pages(connection, dataset_id, answers):
            total = page["total"]
            n_seen += len(page["items"])
            found.update((record["id"], record) for record in page["items"])
        if len(found) == n_seen == total:
            return list(found.values())
    raise BackendError(
        f"{connection.url}: the records of a data set changed {SWEEPS} times while they were read; run the same "
        "command again"
    )


def _pages(connection: Connection, dataset_id: str, answers: bool) -> Iterator[dict[str, Any]]:
    offset = 0
    while True:
        include = {"include": "responses"} if answers else {}
        page = connection.request(
            "GET", f"/api/v1/datasets/{dataset_id}/records", params={"offset": offset, "limit": PAGE, **include}
        )
        yield page
        offset += len(page["items"])
        if not page["items"] or offset >= page["total"]:
            return


def pseudonym(user_id: str) -> str:
    """What an annotator is called in tables: 12 characters of a hash of the server's id of the account.

    >>> pseudonym("00000000-0000-0000-0000-000000000001")
    'a445cc4488f5'
    """
    return content_id("annotator", user_id=user_id)[:12]


def answers_of(
    record: Mapping[str, Any], read: ReadValue, models: frozenset[str], unreadable: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The answers to a record, as rows of annotations without a version.

    `models` are the ids of accounts that are no people. A response that was discarded without any answer says so in
    the question `verdict`, whose value is then null. An answer that `read` cannot take is none, and is put down in
    `unreadable` with the reason.
    """
    for response in record["responses"] or []:
        values = {name: answer["value"] for name, answer in (response["values"] or {}).items()}
        if not values and response["status"] == "discarded":
            values = {"verdict": None}
        for question, value in values.items():
            try:
                said = None if value is None else read(record["external_id"], question, value)
            except SchemaError as error:
                unreadable[f"record {record['external_id']}, {question}"] = str(error)
                continue
            yield {
                "record_id": record["external_id"],
                "question": question,
                "annotator": pseudonym(response["user_id"]),
                "value": canonical_json(said),
                "status": response["status"],
                "annotator_kind": "model" if response["user_id"] in models else "person",
                "guideline_version": record["metadata"]["guideline_version"],
                "answered_at": when(response["updated_at"]),
            }


def when(text: str) -> datetime:
    """A time as the server writes it: UTC, with or without saying so.

    >>> when("2026-01-02T03:04:05.000006").isoformat()
    '2026-01-02T03:04:05.000006+00:00'
    """
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
