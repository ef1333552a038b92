"""Where the server is: the environment first, then the accounts of a local server."""

import json
from pathlib import Path

import pytest

from annotation.sync.address import Address, address
from schemas.errors import RecipeError

LOCAL = "http://127.0.0.1:6900"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ARGILLA_API_URL", "ARGILLA_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def accounts(tmp_path: Path) -> str:
    path = tmp_path / "accounts.json"
    path.write_text(json.dumps({"url": LOCAL, "users": [{"username": "owner", "api_key": "secret"}]}))
    return str(path)


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, accounts: str) -> None:
    monkeypatch.setenv("ARGILLA_API_URL", "https://example.com/")
    monkeypatch.setenv("ARGILLA_API_KEY", "key")
    assert address(accounts) == Address("https://example.com", "key")


def test_else_it_is_the_local_server_with_its_owner(accounts: str) -> None:
    assert address(accounts) == Address(LOCAL, "secret")


def test_a_key_of_the_environment_is_used_on_the_local_server(monkeypatch: pytest.MonkeyPatch, accounts: str) -> None:
    monkeypatch.setenv("ARGILLA_API_KEY", "key")
    assert address(accounts) == Address(LOCAL, "key")


def test_the_key_of_one_server_is_never_sent_to_another(monkeypatch: pytest.MonkeyPatch, accounts: str) -> None:
    monkeypatch.setenv("ARGILLA_API_URL", "https://example.com")
    with pytest.raises(RecipeError, match="without ARGILLA_API_KEY"):
        address(accounts)


def test_no_server_at_all_says_how_to_have_one(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="coldstart annotate serve"):
        address(str(tmp_path / "none.json"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": "http://x"}', '{"url": "http://x", "users": []}'])
def test_a_file_that_is_no_accounts_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.json"
    path.write_text(text)
    with pytest.raises(RecipeError, match="cannot be read as accounts"):
        address(str(path))


def test_the_key_is_not_shown(accounts: str) -> None:
    assert "secret" not in repr(address(accounts))
