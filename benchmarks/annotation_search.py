"""Milliseconds of the annotation server's list pages and searches with its embedded search engine, alone and in all.

    PYTHONPATH=annotation/server <server's python> -m benchmarks.annotation_search --records 20000

The Python is the one of the annotation server's environment, and `redis-server` is on the path. A server of its own
starts on loopback, with everything in a folder that is gone afterwards. The first records go through its API, to see
how many a second; the others straight into its database, as that would take long, and the index is made by the server's
own command `search-engine reindex`. Then each list page and search is asked for again and again: of the engine alone,
and through the API with responses and suggestions, as the web interface does. Medians are printed; what the engine does
not take of a request is the server's own work, which loads records and writes JSON.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx

KEYS = {"owner": "owner-key", "annotator": "annotator-key"}
N_THROUGH_API = 500
N_DIMENSIONS = 64
WORDS = [f"{a}{b}{c}" for a in "bcdfglmnprst" for b in ("an", "el", "or", "um", "ix") for c in "abcdefghijklmnop"]
TOPICS = ["algebra", "geometry", "graphs", "numbers", "sets"]

Case = tuple[str, dict[str, Any], int]
"""What it is, the body of the request, and the offset of the page."""


def main() -> None:
    """Print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=15, help="how often each is asked for")
    arguments.add_argument("--limit", type=int, default=50, help="records of a page; the web interface asks for 10")
    asked = arguments.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        _server(Path(folder)) as url,
        httpx.Client(base_url=f"{url}/api/v1/", timeout=120) as client,
    ):
        dataset_id, user_id = _dataset(client)
        _through_api(client, dataset_id)
        _into_database(Path(folder), dataset_id, user_id, asked.records - N_THROUGH_API)
        _reindex(asked.records)
        columns = ["found", "engine", "annotator's request", "owner's request"]
        print(f"\n| {asked.records} records, pages of {asked.limit} | {' | '.join(columns)} |")
        print("|---|---:|---:|---:|---:|")
        for case in _cases(asked.records):
            n_found, times = _medians(client, dataset_id, user_id, case, asked)
            shown = [n_found, *(f"{time_s * 1000:.0f}" for time_s in times)]
            print(f"| {case[0]} | {' | '.join(map(str, shown))} |", flush=True)


def _cases(n_records: int) -> list[Case]:
    def text(query: str) -> dict[str, Any]:
        return {"query": {"text": {"q": query}}}

    def by(entity: str, order: str = "asc", **scope: str) -> dict[str, Any]:
        return {"sort": [{"scope": {"entity": entity, **scope}, "order": order}]}

    def where(*filters: dict[str, Any]) -> dict[str, Any]:
        return {"filters": {"and": list(filters)}}

    pending = {"type": "terms", "scope": {"entity": "response", "property": "status"}, "values": ["pending"]}
    topic = {"type": "terms", "scope": {"entity": "metadata", "metadata_property": "topic"}, "values": TOPICS[:1]}
    length = {"type": "range", "scope": {"entity": "metadata", "metadata_property": "length"}, "ge": 100, "le": 600}
    keep = {"type": "terms", "scope": {"entity": "response", "question": "verdict"}, "values": ["keep"]}
    vector = {"query": {"vector": {"name": "embedding", "value": [0.1] * N_DIMENSIONS}}}
    return [
        ("first page", {}, 0),
        ("deep page", {}, n_records * 3 // 4),
        ("pending", where(pending), 0),
        ("pending, deep page", where(pending), n_records // 2),
        ("topic and length", where(topic, length), 0),
        ("an answer", where(keep), 0),
        ("sorted by length", by("metadata", metadata_property="length"), 0),
        ("sorted by time, deep page", by("record", "desc", property="inserted_at"), n_records * 3 // 4),
        (
            "pending, sorted by a suggestion's score",
            where(pending) | by("suggestion", question="verdict", property="score"),
            0,
        ),
        ("a rare word", text(WORDS[-5]), 0),
        ("a common word", text(WORDS[3]), 0),
        ("a word of every record", text("plan"), 0),
        ("two words", text(f"{WORDS[5]} {WORDS[40]}"), 0),
        ("a phrase", text(f'"plan {WORDS[0]}"'), 0),
        ("a prefix", text("ban*"), 0),
        ("a misspelt word", text(f"{WORDS[200][:-1]}q~1"), 0),
        ("a word but not another", text(f"{WORDS[3]} -{WORDS[4]}"), 0),
        ("a word, pending, sorted", text(WORDS[3]) | where(pending) | by("metadata", metadata_property="length"), 0),
        ("nearest vectors", vector, 0),
    ]


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    ports = [_free_port(), _free_port()]
    os.environ |= {
        "ARGILLA_HOME_PATH": str(folder),
        "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/argilla.db?check_same_thread=False",
        "ARGILLA_SQLITE_SEARCH_PATH": str(folder / "search.db"),
        "ARGILLA_REDIS_URL": f"redis://127.0.0.1:{ports[0]}/0",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    _command("database", "migrate")
    user = ["database", "users", "create", "--first-name", "bench", "--password", "12345678"]
    for role, key in KEYS.items():
        _command(*user, "--username", role, "--role", role, "--api-key", key)
    redis = ["redis-server", "--bind", "127.0.0.1", "--port", str(ports[0]), "--save", "", "--dir", str(folder)]
    uvicorn = [
        sys.executable,
        "-m",
        "uvicorn",
        "sqlite_search.app:app",
        "--port",
        str(ports[1]),
        "--log-level",
        "warning",
    ]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in (redis, uvicorn)]
    try:
        _wait_for(f"http://127.0.0.1:{ports[1]}")
        yield f"http://127.0.0.1:{ports[1]}"
    finally:
        for process in processes[::-1]:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "sqlite_search", *arguments], check=True, capture_output=True)


def _wait_for(url: str) -> None:
    for _ in range(300):
        try:
            httpx.get(f"{url}/api/v1/version").raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError(f"the server at {url} does not answer")


def _post(client: httpx.Client, path: str, body: Any, key: str = "owner") -> Any:
    answer = client.post(path, json=body, headers={"X-Argilla-Api-Key": KEYS[key]})
    answer.raise_for_status()
    return answer.json() if answer.content else None


def _dataset(client: httpx.Client) -> tuple[str, str]:
    """A published dataset and the annotator in its workspace."""
    workspace = _post(client, "workspaces", {"name": "bench"})["id"]
    user = client.get("me", headers={"X-Argilla-Api-Key": KEYS["annotator"]}).json()["id"]
    _post(client, f"workspaces/{workspace}/users", {"user_id": user})
    dataset = _post(client, "datasets", {"name": "bench", "workspace_id": workspace})["id"]
    for name in ("prompt", "plan"):
        field = {"name": name, "title": name, "required": True, "settings": {"type": "text", "use_markdown": True}}
        _post(client, f"datasets/{dataset}/fields", field)
    options = [{"value": value, "text": value} for value in ("keep", "fix", "discard")]
    verdict = {"type": "label_selection", "options": options}
    question = {"name": "verdict", "title": "verdict", "required": True, "settings": verdict}
    _post(client, f"datasets/{dataset}/questions", question)
    for name, kind in {"topic": "terms", "length": "integer"}.items():
        _post(
            client, f"datasets/{dataset}/metadata-properties", {"name": name, "title": name, "settings": {"type": kind}}
        )
    vectors = {"name": "embedding", "title": "embedding", "dimensions": N_DIMENSIONS}
    _post(client, f"datasets/{dataset}/vectors-settings", vectors)
    client.put(f"datasets/{dataset}/publish", headers={"X-Argilla-Api-Key": KEYS["owner"]}).raise_for_status()
    return dataset, user


def _fields(draw: random.Random) -> dict[str, str]:
    """About 60 and 200 words, the first words of the list far more often than the last."""

    def text(n: int) -> str:
        return " ".join(WORDS[int(len(WORDS) * draw.random() ** 3)] for _ in range(n))

    return {"prompt": text(draw.randint(30, 90)), "plan": f"plan {text(draw.randint(100, 300))}"}


def _metadata(draw: random.Random) -> dict[str, Any]:
    return {"topic": draw.choice(TOPICS), "length": draw.randint(1, 1000)}


def _through_api(client: httpx.Client, dataset_id: str) -> None:
    draw = random.Random(1)
    questions = client.get(f"datasets/{dataset_id}/questions", headers={"X-Argilla-Api-Key": KEYS["owner"]}).json()
    suggestion = {"question_id": questions["items"][0]["id"], "value": "keep", "score": 0.5}
    items = [
        {
            "fields": _fields(draw),
            "metadata": _metadata(draw),
            "suggestions": [suggestion],
            "vectors": {"embedding": [draw.gauss(0, 1) for _ in range(N_DIMENSIONS)]},
        }
        for _ in range(N_THROUGH_API)
    ]
    started = time.perf_counter()
    for i in range(0, N_THROUGH_API, 100):
        _post(client, f"datasets/{dataset_id}/records/bulk", {"items": items[i : i + 100]})
    print(f"{N_THROUGH_API / (time.perf_counter() - started):.0f} records a second through the API", flush=True)


def _into_database(folder: Path, dataset_id: str, user_id: str, n: int) -> None:
    """Records with a suggestion and a vector each, and an answer of the annotator for every third."""
    draw, start = random.Random(2), datetime(2026, 1, 1)
    with closing(sqlite3.connect(folder / "argilla.db", timeout=60)) as database:
        settings = database.execute("SELECT id FROM vectors_settings").fetchone()[0]
        question = database.execute("SELECT id FROM questions").fetchone()[0]
        for i in range(n):
            record, at = uuid4().hex, str(start + timedelta(seconds=i))
            answered = {
                "values": json.dumps({"verdict": {"value": draw.choice(["keep", "fix"])}}),
                "status": "submitted",
            }
            rows: dict[str, dict[str, Any]] = {
                "records": {
                    "fields": json.dumps(_fields(draw)),
                    "metadata": json.dumps(_metadata(draw)),
                    "status": "pending" if i % 3 else "completed",
                    "dataset_id": UUID(dataset_id).hex,
                },
                "suggestions": {
                    "record_id": record,
                    "question_id": question,
                    "value": '"keep"',
                    "score": draw.random(),
                },
                "vectors": {
                    "record_id": record,
                    "vector_settings_id": settings,
                    "value": json.dumps([draw.gauss(0, 1) for _ in range(N_DIMENSIONS)]),
                },
            }
            if i % 3 == 0:
                rows["responses"] = {"record_id": record, "user_id": UUID(user_id).hex, **answered}
            for table, row in rows.items():
                row |= {"id": record if table == "records" else uuid4().hex, "inserted_at": at, "updated_at": at}
                names = ", ".join(f'"{name}"' for name in row)
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(row.values()))
        database.commit()


def _reindex(n: int) -> None:
    started = time.perf_counter()
    _command("search-engine", "reindex")
    print(
        f"{n / (time.perf_counter() - started):.0f} records a second indexed anew by the server's command", flush=True
    )


def _medians(
    client: httpx.Client, dataset_id: str, user_id: str, case: Case, asked: argparse.Namespace
) -> tuple[int, list[float]]:
    _, body, offset = case
    page = f"offset={offset}&limit={asked.limit}&include=responses&include=suggestions"
    answer = _post(client, f"me/datasets/{dataset_id}/records/search?{page}", body, "annotator")

    def through(path: str, key: str) -> float:
        return _median(lambda: _post(client, f"{path}/{dataset_id}/records/search?{page}", body, key), asked.rounds)

    engine_s = asyncio.run(_engine_median(dataset_id, user_id, case, asked))
    return answer["total"], [engine_s, through("me/datasets", "annotator"), through("datasets", "owner")]


def _median(work: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


async def _engine_median(dataset_id: str, user_id: str, case: Case, asked: argparse.Namespace) -> float:
    search = await _engine_search(dataset_id, user_id, case, asked.limit)
    await search()
    times = []
    for _ in range(asked.rounds):
        started = time.perf_counter()
        await search()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


async def _engine_search(dataset_id: str, user_id: str, case: Case, limit: int) -> Callable[[], Awaitable[Any]]:
    """The call that the server makes for a request of the annotator."""
    from argilla_server.api.handlers.v1.datasets import records as handlers
    from argilla_server.api.schemas.v1.records import SearchRecordsQuery
    from argilla_server.models import Dataset, User, VectorSettings
    from sqlite_search.engine import SQLiteSearchEngine

    _, body, offset = case
    query, user = SearchRecordsQuery.model_validate(body), User(id=UUID(user_id))
    engine, dataset = await SQLiteSearchEngine.new_instance(), Dataset(id=UUID(dataset_id))
    filters = handlers._to_search_engine_filter(query.filters, user) if query.filters else None
    if query.query and query.query.vector:
        with closing(sqlite3.connect(Path(os.environ["ARGILLA_HOME_PATH"]) / "argilla.db")) as database:
            found = database.execute("SELECT id FROM vectors_settings").fetchone()[0]
        settings = VectorSettings(id=UUID(found), name="embedding", dimensions=N_DIMENSIONS)
        value = query.query.vector.value
        return lambda: engine.similarity_search(dataset, settings, value=value, filter=filters, max_results=limit)
    sort = handlers._to_search_engine_sort(query.sort, user) if query.sort else None
    text = query.query.text if query.query else None
    return lambda: engine.search(dataset, text, filters, sort, offset, limit, user.id)


if __name__ == "__main__":
    main()
