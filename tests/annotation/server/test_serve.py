"""A real annotation server: what it serves and to whom, what a restart keeps and mends, and how it ends."""

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.annotation.conftest import AnnotationServer
else:
    AnnotationServer = Any

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]


@pytest.fixture
def serve(server_environment: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `annotate serve` to its end, which is an error."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {"COLDSTART_ANNOTATION_PYTHON": str(server_environment)} | environment
        command = [Path(sys.executable).parent / "coldstart", "annotate", "serve", *map(str, arguments)]
        return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, timeout=120)

    return run


def dataset_with_a_record(server: "AnnotationServer", name: str) -> tuple[str, str]:
    """A published dataset that asks for a label, with one record; their ids."""
    owner = "owner"
    workspaces = server.call(owner, "GET", "me/workspaces")[1]["items"]
    workspace = next(item["id"] for item in workspaces if item["name"] == "annotation")
    wanted = {"name": name, "workspace_id": workspace, "distribution": {"strategy": "overlap", "min_submitted": 1}}
    dataset = server.call(owner, "POST", "datasets", wanted)[1]["id"]
    field = {"name": "plan", "title": "Plan", "required": True, "settings": {"type": "text"}}
    options = [{"value": value, "text": value} for value in ("keep", "discard")]
    question = {"name": "verdict", "title": "Verdict", "required": True}
    question |= {"settings": {"type": "label_selection", "options": options}}
    assert server.call(owner, "POST", f"datasets/{dataset}/fields", field)[0] == 201
    assert server.call(owner, "POST", f"datasets/{dataset}/questions", question)[0] == 201
    assert server.call(owner, "PUT", f"datasets/{dataset}/publish")[0] == 200
    records = {"items": [{"fields": {"plan": "stack the red block"}, "external_id": "1"}]}
    status, made = server.call(owner, "POST", f"datasets/{dataset}/records/bulk", records)
    assert status == 201, made
    return dataset, made["items"][0]["id"]


def answer(server: "AnnotationServer", username: str, record: str) -> None:
    body = {"status": "submitted", "values": {"verdict": {"value": "keep"}}}
    status, said = server.call(username, "POST", f"records/{record}/responses", body)
    assert status == 201, said


def found(server: "AnnotationServer", dataset: str, text: str) -> list[dict[str, Any]]:
    """The records that a search finds."""
    query = {"query": {"text": {"q": text}}}
    status, said = server.call("owner", "POST", f"datasets/{dataset}/records/search", query)
    assert status == 200, said
    return [item["record"] for item in said["items"]]


def web_process(server: "AnnotationServer") -> int:
    """The process that answers, not its keeper."""
    words = {pid: Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") for pid in server.processes()}
    (found,) = (pid for pid, command in words.items() if command[1:4] == [b"-P", b"-m", b"inside.web"])
    return found


def is_up(server: "AnnotationServer") -> bool:
    try:
        return server.call("owner", "GET", "version")[0] == 200
    except OSError:
        return False


def test_the_web_ui_is_served(annotation_server: "AnnotationServer") -> None:
    with urllib.request.urlopen(annotation_server.url, timeout=30) as page:
        assert "<title>Argilla</title>" in page.read().decode()


@pytest.mark.parametrize("username", ["owner", "annotator-1", "annotator-2", "adjudicator"])
def test_everybody_can_sign_in_with_the_password_and_the_key(
    annotation_server: "AnnotationServer", username: str
) -> None:
    secrets = {"username": username, "password": annotation_server.accounts[username]["password"]}
    form = urllib.parse.urlencode(secrets).encode()
    with urllib.request.urlopen(f"{annotation_server.url}/api/v1/token", form, timeout=30) as response:
        assert response.status == 201
    assert annotation_server.call(username, "GET", "me")[1]["username"] == username


def test_people_see_their_own_workspaces(annotation_server: "AnnotationServer") -> None:
    def seen(username: str) -> set[str]:
        return {item["name"] for item in annotation_server.call(username, "GET", "me/workspaces")[1]["items"]}

    assert seen("annotator-1") == {"annotation"}
    assert seen("adjudicator") == {"adjudication"}


def test_an_annotator_cannot_make_a_dataset(annotation_server: "AnnotationServer") -> None:
    workspaces = annotation_server.call("annotator-1", "GET", "me/workspaces")[1]["items"]
    wanted = {"name": "mine", "workspace_id": workspaces[0]["id"]}
    assert annotation_server.call("annotator-1", "POST", "datasets", wanted)[0] == 403


def test_only_the_owner_of_the_folder_can_read_it_and_logs_name_no_secret(
    annotation_server: "AnnotationServer",
) -> None:
    data = annotation_server.data
    modes = {name: stat.S_IMODE((data / name).stat().st_mode) for name in (".", "accounts.json", "secret_key")}
    assert modes == {".": 0o700, "accounts.json": 0o600, "secret_key": 0o600}
    logs = "".join(path.read_text() for path in (data / "logs").glob("*.log"))
    accounts = annotation_server.accounts.values()
    secrets = [account[name] for account in accounts for name in ("password", "api_key")]
    assert not [secret for secret in (*secrets, (data / "secret_key").read_text()) if secret in logs]


def test_a_second_server_on_the_same_folder_is_refused(
    annotation_server: "AnnotationServer", serve: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = serve("--data", annotation_server.data, "--port", 0)
    assert done.returncode == 2
    assert f"process {annotation_server.process.pid}, {annotation_server.url}" in done.stderr


def test_the_job_worker_recomputes_statuses_after_the_overlap_was_changed(
    annotation_server: "AnnotationServer",
) -> None:
    dataset, record = dataset_with_a_record(annotation_server, "overlap")
    answer(annotation_server, "annotator-1", record)
    changed = {"distribution": {"strategy": "overlap", "min_submitted": 2}}
    assert annotation_server.call("owner", "PATCH", f"datasets/{dataset}", changed)[0] == 200
    deadline = time.monotonic() + 60
    while annotation_server.call("owner", "GET", f"records/{record}")[1]["status"] != "pending":
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_killed_server_leaves_no_process_and_the_next_start_mends_what_it_left(
    start_server: Callable[..., AnnotationServer], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    killed = start_server(data)
    dataset, record = dataset_with_a_record(killed, "kept")
    answer(killed, "annotator-1", record)
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL

    with sqlite3.connect(data / "argilla.db") as database:  # as if a job had been lost
        database.execute("UPDATE records SET status = 'pending'")
    database.close()
    for path in data.glob("search.db*"):
        path.write_text("torn " * 1000)

    again = start_server(data, "--annotators", "3")
    assert again.call("owner", "GET", f"records/{record}")[1]["status"] == "completed"
    assert [item["status"] for item in found(again, dataset, "red")] == ["completed"]
    assert again.accounts.items() >= killed.accounts.items()
    assert again.call("annotator-3", "GET", "me")[1]["role"] == "annotator"
    assert again.stop() == 0
    assert not list((data / "unfinished").iterdir())


def test_a_process_that_dies_is_started_again_and_two_ctrl_c_end_all_of_them(
    start_server: Callable[..., AnnotationServer], tmp_path: Path
) -> None:
    server = start_server(tmp_path / "data")
    dataset, record = dataset_with_a_record(server, "kept")
    os.kill(web_process(server), signal.SIGKILL)
    deadline = time.monotonic() + 120
    while not is_up(server):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert [item["id"] for item in found(server, dataset, "red")] == [record]
    assert "1 records of kept were indexed again" in (server.data / "logs" / "web.log").read_text()
    server.process.send_signal(signal.SIGINT)
    assert server.stop(signal.SIGINT) == 0


def test_a_database_that_is_none_ends_the_start_with_the_end_of_the_log(
    serve: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "server.lock").touch()
    (tmp_path / "argilla.db").write_text("no database " * 100)
    done = serve("--data", tmp_path, "--port", 0)
    assert done.returncode == 1
    assert "web process did not start; its log ends with" in done.stderr
    assert "file is not a database" in done.stderr


def test_a_port_that_is_taken_is_an_error(
    serve: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = serve("--data", tmp_path / "data", "--port", port)
    assert done.returncode == 2
    assert f"--host 127.0.0.1 --port {port}: the annotation server cannot listen there (Address already" in done.stderr
