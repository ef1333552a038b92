"""Settings are checked once, and a key never shows."""

import pytest
from pydantic import ValidationError

from pipeline.served_model.settings import NO_KEY, ServedSettings, key_of
from schemas.errors import RecipeError
from schemas.recipe import identity_fields


def test_how_hard_a_server_is_asked_is_no_identity() -> None:
    names = set(identity_fields(ServedSettings()))
    assert names == {"temperature", "top_p", "max_tokens", "stop", "omit", "extra_body", "structured"}


def test_what_has_a_setting_of_its_own_cannot_be_smuggled_in() -> None:
    with pytest.raises(ValidationError, match="structured_outputs cannot be set here"):
        ServedSettings(extra_body={"structured_outputs": {"regex": "x"}})


def test_a_key_never_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", " sk-secret\n")
    key = key_of("MY_KEY")
    assert (key.value, key.variable) == ("sk-secret", "MY_KEY")
    assert "sk-secret" not in f"{key} {key!r}"


def test_without_a_name_there_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another")
    assert key_of("") is NO_KEY


@pytest.mark.parametrize("value", ["", "sk\nsecret", "schlüssel"])
def test_a_key_that_cannot_be_one_is_said_without_showing_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(RecipeError, match=r"^api_key_env: \$MY_KEY .*; export MY_KEY=\.\.\. before the run$"):
        key_of("MY_KEY")


def test_a_key_that_is_not_there_is_one_line() -> None:
    with pytest.raises(RecipeError, match=r"^api_key_env: \$NO_SUCH_KEY is not set; export NO_SUCH_KEY=\.\.\. "):
        key_of("NO_SUCH_KEY")
