"""Which model it is, by name or by its files, and which arguments vLLM gets: the recipe's first, then ours."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.vllm_model.checkpoint import CPU_DEFAULTS, DEFAULTS, Checkpoint
from schemas.errors import RecipeError

NAMED: dict[str, Any] = {"model": "org/name", "revision": "abc"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As much of a model as an identity reads."""
    made = tmp_path / "tiny"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_text("weights")
    return made


def identified(folder: Path) -> dict[str, Any]:
    return Checkpoint(path=str(folder)).identified()


def test_a_model_is_called_by_its_name_on_the_hub_or_that_of_its_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (Checkpoint(**NAMED).name, Checkpoint(**NAMED).location) == ("org/name", "org/name")
    assert Checkpoint(path=f"{folder}/").name == "tiny"
    monkeypatch.chdir(folder)
    assert Checkpoint(path=".").name == "tiny"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "wanted either model"),
        ({"model": "org/name", "path": "x"}, "wanted either model"),
        ({"path": "x", "revision": "abc"}, "revision belongs to model"),
        ({"model": "m", "arguments": {"served-model-name": "x"}}, "served_model_name cannot be set here"),
        ({"model": "m", "arguments": {"api_key": "x"}}, "api_key cannot be set here"),
        ({"model": "m", "arguments": {"--max-model-len": 5}}, "should match pattern"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Checkpoint(**settings)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there is no such folder"):
        identified(tmp_path / "none")
    with pytest.raises(RecipeError, match="no model that vLLM reads"):
        _ = Checkpoint(path=str(tmp_path)).location


def test_a_model_on_the_hub_is_its_name_and_revision() -> None:
    assert Checkpoint(**NAMED, arguments={"max_model_len": 9}).identified() == NAMED


def test_a_model_in_a_folder_is_the_contents_of_the_files_that_decide_what_it_says(folder: Path) -> None:
    before = identified(folder)
    (folder / "README.md").write_text("words about it")
    (folder / "ctranslate2").mkdir()
    (folder / "ctranslate2/model.bin").write_text("converted")
    assert identified(folder) == before
    (folder / "chat_template.jinja").write_text("{{ 1 }}")
    assert identified(folder) != before


def test_where_a_folder_lies_is_no_identity(folder: Path, tmp_path: Path) -> None:
    before = identified(folder)
    assert str(tmp_path) not in str(before)
    assert identified(folder.rename(tmp_path / "moved")) == before


def test_the_recipe_overrides_what_is_left_open() -> None:
    arguments = Checkpoint(**NAMED, arguments={"enforce-eager": False, "seats": 1}).all_arguments(
        is_cpu=True, seats=2, tables=3
    )
    assert arguments == {**DEFAULTS, "enforce_eager": False, "revision": "abc", "seats": 1, "tables": 3}


def test_only_the_build_for_cpus_gets_what_cpus_need() -> None:
    with_cpu, with_gpu = (Checkpoint(model="m").all_arguments(is_cpu=is_cpu) for is_cpu in (True, False))
    assert with_gpu == DEFAULTS
    assert with_cpu == {**DEFAULTS, **CPU_DEFAULTS}


def test_a_notice_is_one_line_and_empty_where_there_is_none(folder: Path) -> None:
    assert Checkpoint(**NAMED).notice() == ""
    assert Checkpoint(path=str(folder)).notice() == ""
    (folder / "NOTICE").write_bytes("Made\n  by \xe4 model.\n".encode("latin-1"))
    assert Checkpoint(path=str(folder)).notice() == "Made by \ufffd model."
