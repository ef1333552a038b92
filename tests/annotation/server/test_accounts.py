"""Accounts and their secrets: made once, kept, private."""

import fcntl
import json
import stat
import threading
from pathlib import Path

import pytest

from annotation.server.accounts import ensure_accounts
from annotation.server.data_folder import held
from schemas.errors import StoreError

URL = "http://127.0.0.1:6900"


def test_everybody_has_a_role_workspaces_and_secrets_of_their_own(tmp_path: Path) -> None:
    accounts = ensure_accounts(tmp_path / "accounts.json", URL, 2)
    assert [(account.username, account.role, account.workspaces) for account in accounts] == [
        ("owner", "owner", ("annotation", "adjudication")),
        ("annotator-1", "annotator", ("annotation",)),
        ("annotator-2", "annotator", ("annotation",)),
        ("adjudicator", "annotator", ("adjudication",)),
    ]
    assert len({secret for account in accounts for secret in (account.password, account.api_key)}) == 8


def test_secrets_are_kept_and_annotators_added(tmp_path: Path) -> None:
    path = tmp_path / "accounts.json"
    before = ensure_accounts(path, URL, 2)
    after = ensure_accounts(path, "http://127.0.0.1:7000", 3)
    assert after[:4] == before
    assert after[4].username == "annotator-3"
    assert json.loads(path.read_text())["url"] == "http://127.0.0.1:7000"
    assert ensure_accounts(path, URL, 1) == after


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    ensure_accounts(tmp_path / "accounts.json", URL, 1)
    assert stat.S_IMODE((tmp_path / "accounts.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["accounts.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"users": [{"username": "owner"}]}', '{"users": 3}'])
def test_a_file_that_is_no_such_file_is_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(text)
    with pytest.raises(StoreError, match=r"accounts\.json: not a file of accounts"):
        ensure_accounts(path, URL, 2)
    assert path.read_text() == text


def test_a_folder_that_others_could_read_is_mended_and_that_is_said(tmp_path: Path) -> None:
    lines: list[str] = []
    ensure_accounts(tmp_path / "accounts.json", URL, 1)
    for path in (tmp_path, tmp_path / "accounts.json"):
        path.chmod(0o755)
    with held(tmp_path, URL, lines.append) as data:
        assert data.secret_key() == data.secret_key()
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("", "accounts.json", "secret_key")]
    assert modes == [0o700, 0o600, 0o600]
    assert [line.partition(" could be read by others")[0] for line in lines] == [
        str(tmp_path),
        str(tmp_path / "accounts.json"),
    ]


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(StoreError, match="holds something else"), held(tmp_path, URL, print):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be written"), held(tmp_path / "file" / "data", URL, print):
        pass


def test_a_folder_is_held_once_at_a_time(tmp_path: Path) -> None:
    with (
        held(tmp_path / "data", URL, print),
        pytest.raises(StoreError, match=f"holds it already .process .*, {URL}"),
        held(tmp_path / "data", "http://127.0.0.1:1", print),
    ):
        pass
    with held(tmp_path / "data", URL, print):
        pass


def test_a_log_that_grew_is_set_aside_while_it_is_written(tmp_path: Path) -> None:
    with held(tmp_path / "data", URL, print) as data, data.log("web").open("a") as log:
        log.write("x" * 11 * 1024**2)
        log.flush()
        data.rotate_logs()
        log.write("next")
        log.flush()
        assert data.log("web").read_text() == "next"
        assert data.log("web").with_name("web.log.1").stat().st_size == 11 * 1024**2


def test_a_start_waits_for_the_processes_of_a_killed_server(tmp_path: Path) -> None:
    lines: list[str] = []
    with held(tmp_path / "data", URL, print):
        pass
    leftover = (tmp_path / "data" / "processes.lock").open("w")
    fcntl.flock(leftover, fcntl.LOCK_EX)
    timer = threading.Timer(0.2, leftover.close)
    timer.start()
    with held(tmp_path / "data", URL, lines.append):
        assert lines == ["an earlier server on this folder was killed; waiting for its processes to end"]
    timer.join()
