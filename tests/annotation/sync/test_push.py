"""What is there is left alone, what is missing is sent, and what is refused is found within its batch."""

from typing import Any

import pytest

from annotation.sync.client import Refused
from annotation.sync.push import BATCH, push_records
from schemas.errors import BackendError


class Server:
    """Holds records; refuses batches with a `bad` one, and stops answering after so many batches."""

    url = "http://server"

    def __init__(self, stops_after: int = 10**9) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.batches: list[int] = []
        self.stops_after = stops_after

    def request(self, method: str, path: str, *, params: Any = None, json: Any = None) -> Any:
        if method == "GET":
            page = list(self.items.values())[params["offset"] :][: params["limit"]]
            return {"items": page, "total": len(self.items)}
        if len(self.batches) >= self.stops_after:
            raise BackendError("gone")
        self.batches.append(len(json["items"]))
        if any(item["fields"].get("bad") for item in json["items"]):
            raise Refused("not valid")
        self.items |= {item["external_id"]: item | {"id": item["external_id"]} for item in json["items"]}
        return None


def records(n: int, *bad: int) -> list[dict[str, Any]]:
    return [{"external_id": f"{i:032x}", "fields": {"bad": i in bad}} for i in range(n)]


def push(server: Server, payloads: list[dict[str, Any]]) -> Any:
    return push_records(server, "data", payloads, lambda n: None)  # type: ignore[arg-type]


def test_records_go_in_batches() -> None:
    server = Server()
    assert push(server, records(BATCH + 1)).n_new == BATCH + 1
    assert server.batches == [BATCH, 1]


def test_pushing_again_sends_nothing() -> None:
    server = Server()
    push(server, records(3))
    again = push(server, records(3))
    assert (again.n_new, again.n_there, server.batches) == (0, 3, [3])


def test_the_next_push_sends_what_is_missing() -> None:
    server = Server(stops_after=1)
    with pytest.raises(BackendError):
        push(server, records(2 * BATCH))
    server.stops_after = 10**9
    assert push(server, records(2 * BATCH)).n_new == BATCH
    assert len(server.items) == 2 * BATCH


def test_refused_records_are_named_and_the_others_go() -> None:
    server = Server()
    pushed = push(server, records(100, 7, 50, 51))
    assert (pushed.n_new, sorted(pushed.refused)) == (97, [f"{i:032x}" for i in (7, 50, 51)])
    assert len(server.batches) < 50


def test_progress_counts_every_record_once() -> None:
    server, seen = Server(), list[int]()
    push_records(server, "data", records(BATCH), lambda n: None)  # type: ignore[arg-type]
    push_records(server, "data", records(2 * BATCH + 5, BATCH + 1), seen.append)  # type: ignore[arg-type]
    assert sum(seen) == 2 * BATCH + 5
