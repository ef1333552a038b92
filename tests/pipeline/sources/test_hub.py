"""A data set on a stand-in Hub, on loopback, is read at its pinned revision; what cannot be reached is one line."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

from pipeline import plugins
from schemas.errors import RecipeError
from schemas.recipe_file import Origin

ROOT = Path(__file__).resolve().parents[3]
COMMIT = "a" * 40
ROWS = [{"q": "What is 1 + 1?", "a": "2"}, {"q": "What is 2 + 2?", "a": "4"}]
SETS: dict[str, dict[str, Any]] = {
    "org/sums": {
        "card": {"license": "mit"},
        "files": {
            "data/train.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
            "data/test.jsonl": json.dumps(ROWS[0]) + "\n",
            "data/validation.jsonl": '{"q": "broken\n',
        },
    },
    "org/two": {"card": {"license": ["mit", "cc-by-4.0"]}, "files": {"data/train.jsonl": json.dumps(ROWS[0]) + "\n"}},
}

CHILD = """
import json, sys
from dataclasses import asdict
from pipeline import plugins
from pipeline.sources import hub
from schemas.errors import CurationError
from schemas.recipe_file import Origin
for options in json.load(sys.stdin):
    try:
        prompts = list(hub.read(plugins.configure(hub, options, Origin("recipe.toml"))))
        print(json.dumps([asdict(prompt) for prompt in prompts]))
    except CurationError as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
"""


class Hub(BaseHTTPRequestHandler):
    """The routes that `datasets` and `huggingface_hub` ask for when they stream a data set."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urlparse(self.path).path
        if api := re.fullmatch(rf"/api/datasets/(\w+/\w+)/(revision|tree)/{COMMIT}/?(.*)", path):
            name, route, folder = api.groups()
            if name in SETS:
                self._json(_info(name) if route == "revision" else _tree(SETS[name]["files"], folder))
                return
        if file := re.fullmatch(rf"/datasets/(\w+/\w+)/resolve/{COMMIT}/(.*)", path):
            content = SETS.get(file[1], {"files": {}})["files"].get(file[2])
            if content is not None:
                self._file(content.encode())
                return
        is_known = any(name in path for name in SETS)
        self._send(404, b"{}", {"X-Error-Code": "EntryNotFound" if is_known else "RepoNotFound"})

    do_HEAD = do_GET

    def _file(self, content: bytes) -> None:
        etag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        self._send(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def _info(name: str) -> dict[str, Any]:
    files = [{"rfilename": file} for file in SETS[name]["files"]]
    return {"id": name, "sha": COMMIT, "private": False, "tags": [], "siblings": files, "cardData": SETS[name]["card"]}


def _tree(files: dict[str, str], folder: str) -> list[dict[str, Any]]:
    """One level of a repository."""
    prefix = f"{folder}/" if folder else ""
    inside = [file.removeprefix(prefix) for file in files if file.startswith(prefix)]
    folders = {name.partition("/")[0] for name in inside if "/" in name}
    rows: list[dict[str, Any]] = [{"type": "directory", "path": prefix + name, "oid": "0" * 40} for name in folders]
    for name in inside:
        if "/" not in name:
            rows.append({"type": "file", "path": prefix + name, "size": len(files[prefix + name]), "oid": "1" * 40})
    return rows


def read(endpoint: str, home: Path, *options: dict[str, Any]) -> list[Any]:
    """What a process of its own reads: a list of prompts, or the text of an error, for each of `options`."""
    common = {"dataset": "org/sums", "revision": COMMIT, "verifier": "math"}
    columns = {"columns": {"text": "q", "task": {"answer": "a"}}}
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps([common | columns | option for option in options]),
        env=env, capture_output=True, text=True, timeout=240, cwd=home,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    """The address of a stand-in Hub."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.server
def test_a_pinned_revision_is_streamed_with_its_licence(hub: str, tmp_path: Path) -> None:
    train, test, two, mine = read(
        hub, tmp_path, {}, {"split": "test"}, {"dataset": "org/two"}, {"license": "MIT", "where": {"a": "4"}}
    )
    assert [prompt["messages"][0]["content"] for prompt in train] == [row["q"] for row in ROWS]
    assert [prompt["task"] for prompt in train] == [{"answer": "2"}, {"answer": "4"}]
    assert (train[0]["revision"], train[0]["license"]) == (COMMIT, "mit")
    assert train[1]["origin"] == "org/sums/train row 2"
    assert (len(test), test[0]["source_key"]) == (1, train[0]["source_key"])
    assert two[0]["license"] == "mit OR cc-by-4.0"
    assert (len(mine), mine[0]["license"]) == (1, "MIT")


@pytest.mark.server
def test_what_is_not_on_the_hub_is_one_line(hub: str, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"dataset": "org/none"}, ["RecipeError: org/none/train at aaaaaaaaaaaa", hub, "RepositoryNotFound"]),
        ({"revision": "b" * 40}, ["RecipeError: org/sums/train at bbbbbbbbbbbb", hub]),
        ({"split": "dev"}, ["RecipeError: org/sums/dev", "'train', 'validation', 'test'"]),
        ({"subset": "hard"}, ["RecipeError: org/sums/hard/train", "'hard' not found"]),
        ({"split": "validation"}, ["org/sums/validation"]),
        ({"columns": {"text": "question"}}, ["SchemaError: org/sums/train row 1: no column 'question'; it has q, a"]),
        ({"where": {"a": "9"}}, ["SchemaError: org/sums/train: no row that `where` lets through"]),
    ]
    for (_, words), found in zip(cases, read(hub, tmp_path, *(options for options, _ in cases)), strict=True):
        assert isinstance(found, str)
        assert "\n" not in found
        for word in words:
            assert word in found


@pytest.mark.server
def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    (found,) = read("http://127.0.0.1:9", tmp_path, {})
    for word in ("RecipeError: org/sums/train", "http://127.0.0.1:9", "Connection refused", "check the id"):
        assert word in found
    assert "\n" not in found


@pytest.mark.parametrize("revision", ["main", "v1.0", "a" * 39])
def test_a_branch_or_a_short_commit_is_refused_with_advice(revision: str) -> None:
    options = {"dataset": "org/sums", "revision": revision, "verifier": "math", "columns": {"text": "q"}}
    with pytest.raises(RecipeError, match=r"revision: wanted a full commit hash of 40 characters.*found"):
        plugins.configure(plugins.load("sources", "hub"), options, Origin("recipe.toml"))
