"""Records pushed and pulled a second, beside the bare client: `python -m benchmarks.annotation_round_trip`.

A real server of its own starts on loopback, with its data in a folder that is gone afterwards. Pushing is held against
the client's `records.log`, and pulling against reading the same records, with responses, by the client's `records()`.
Both of a pair take turns, on data sets of the same size that are new for each turn, after a first turn that is not
counted; every record has one response when it is pulled, and the server has counted all of them. Printed are medians
of records a second, and the ratio of each turn's two. `--records 5000` pushes and pulls so many in all, in turns of
1,000; most of its quarter of an hour goes into the responses.
"""

import argparse
import contextlib
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from annotation.questions import FIELDS, QUESTIONS
from annotation.server.launch import Settings
from annotation.server.serving import Server, serving
from annotation.sync.address import Address
from annotation.sync.client import Connection, rg
from annotation.sync.dataset import Wanted, ensure_dataset
from annotation.sync.pull import answers_of, records_there
from annotation.sync.push import Payload, push_records

TURN = 1_000
TEXT = "Find the pairs that give a factor of the target, and make the other factor of the numbers that are left. "


def payloads(n: int) -> list[Payload]:
    """Records as large as those of the demo: a problem, a plan, what happened, and plans to rank."""
    return [
        {
            "external_id": f"{i:032x}",
            "fields": {
                "prompt": TEXT,
                "plan": f"Strategy: {i}\n\n1. {TEXT}",
                "outcome": TEXT * 10,
                "candidates": TEXT * 4,
            },
            "metadata": {"source": "a", "task_family": "b", "n_steps": i % 9, "guideline_version": "plans-1"},
        }
        for i in range(n)
    ]


def new_dataset(connection: Connection, name: str) -> str:
    """The id of an empty data set with our questions."""
    return ensure_dataset(connection, Wanted("annotation", name, FIELDS, QUESTIONS, "Guidelines", 1))


def log(connection: Connection, name: str, records: Sequence[Payload]) -> None:
    """The bare client: what its documentation tells people to call."""
    dataset = connection.client.datasets(name, "annotation")
    made = [rg.Record(id=one["external_id"], fields=one["fields"], metadata=one["metadata"]) for one in records]
    with contextlib.redirect_stderr(io.StringIO()):
        dataset.records.log(made, batch_size=500)


def respond(server: Server, dataset_id: str, connection: Connection) -> None:
    """Let an annotator answer every record of a data set."""
    key = next(account.api_key for account in server.accounts if account.username == "annotator-1")
    values = {"verdict": {"value": "keep"}, "strategy": {"value": 4}, "abstraction": {"value": 3}}
    there = records_there(connection, dataset_id, answers=False)
    for start in range(0, len(there), 100):
        items = [
            {"record_id": one["id"], "status": "submitted", "values": values} for one in there[start : start + 100]
        ]
        httpx.post(
            f"{server.url}/api/v1/me/responses/bulk",
            json={"items": items},
            headers={"X-Argilla-Api-Key": key},
            timeout=300,
        ).raise_for_status()
    while connection.request("GET", f"/api/v1/datasets/{dataset_id}/progress")["completed"] < len(there):
        time.sleep(0.5)


def rate(n: int, work: Callable[[], Any]) -> float:
    """Records a second."""
    started = time.perf_counter()
    work()
    return n / (time.perf_counter() - started)


def told(what: str, ours: list[float], theirs: list[float]) -> str:
    """Medians, and the median, least and greatest ratio."""
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    median = statistics.median
    return (
        f"{what}: {median(ours):,.0f} records/s, the bare client {median(theirs):,.0f}; "
        f"ratio {median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def measure(server: Server, n_records: int) -> list[str]:
    """The lines of the report."""
    connection = Connection(Address(server.url, server.accounts[0].api_key))
    turns = range(max(1, n_records // TURN) + 1)
    rates: dict[str, list[float]] = {"push": [], "log": [], "pull": [], "records": []}
    ids = [{name: new_dataset(connection, f"{name}-{turn}") for name in ("ours", "theirs")} for turn in turns]
    records = payloads(TURN)
    for turn in turns:
        pushing: dict[str, Callable[[], Any]] = {
            "push": lambda id=ids[turn]["ours"]: push_records(connection, id, records, lambda n: None),  # type: ignore[misc]
            "log": lambda name=f"theirs-{turn}": log(connection, name, records),  # type: ignore[misc]
        }
        take_turns(turn, pushing, rates)
    for id in (id for of_turn in ids for id in of_turn.values()):
        respond(server, id, connection)
    for turn in turns:
        theirs = connection.client.datasets(f"theirs-{turn}", "annotation")
        pulling: dict[str, Callable[[], Any]] = {
            "pull": lambda id=ids[turn]["ours"]: [  # type: ignore[misc]
                answer
                for one in records_there(connection, id, answers=True)
                for answer in answers_of(one, lambda record, question, value: value, frozenset(), {})
            ],
            "records": lambda there=theirs: list(there.records(with_suggestions=False)),  # type: ignore[misc]
        }
        take_turns(turn, pulling, rates)
    return [
        told("push, beside records.log", rates["push"][1:], rates["log"][1:]),
        told("pull, beside records()", rates["pull"][1:], rates["records"][1:]),
    ]


def take_turns(turn: int, work: dict[str, Callable[[], Any]], rates: dict[str, list[float]]) -> None:
    """Measure both, in this order or the other."""
    for name in sorted(work, reverse=turn % 2 == 0):
        rates[name].append(rate(TURN, work[name]))


def main() -> None:
    """Start a server, measure, and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--records", type=int, default=5_000)
    n_records = options.parse_args().records
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(Path(folder) / "data", "127.0.0.1", 0, 1, "", "")
        with serving(settings, print) as server:
            for line in measure(server, n_records):
                print(line)


if __name__ == "__main__":
    main()
