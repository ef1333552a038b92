"""What `vllm_engine` says and is without vLLM; tests/live asks a real one."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline import plugins
from pipeline.generators import vllm_engine
from pipeline.generators.vllm_engine import Config
from schemas.errors import RecipeError
from schemas.recipe_file import Origin

TINY = Path(__file__).resolve().parents[3] / "data/models/tiny"


def configure(**settings: Any) -> Config:
    told = settings if "model" in settings else {"path": str(TINY), **settings}
    found = plugins.configure(vllm_engine, told, Origin("recipe.toml"), ("models", "target"))
    assert isinstance(found, Config)
    return found


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in vLLM's own environment."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is here")
def test_another_environment_than_vllms_is_told_how_to_run() -> None:
    with pytest.raises(RecipeError, match=r"make vllm-gpu.* \.vllm/bin/coldstart run") as raised:
        vllm_engine.identity(configure())
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("installed")
def test_identity_is_of_the_models_files_and_never_of_a_place(tmp_path: Path) -> None:
    copy = shutil.copytree(TINY, tmp_path / "copy")
    ours = vllm_engine.identity(configure())
    assert vllm_engine.identity(configure(path=str(copy), concurrency=3, logprobs=True)) == ours
    (copy / "config.json").write_text("{}")
    assert vllm_engine.identity(configure(path=str(copy))) != ours
    assert vllm_engine.identity(configure(arguments={"dtype": "float32"})) != ours
    assert "path" not in ours


@pytest.mark.usefixtures("installed")
def test_a_model_of_the_hub_is_its_name_and_revision() -> None:
    found = vllm_engine.identity(configure(model="a/b", revision="c"))
    assert (found["generator"], found["model"], found["revision"]) == ("vllm_engine", "a/b", "c")


@pytest.mark.parametrize(
    "settings",
    [{"arguments": {"served-model-name": "x"}}, {"sampling": {"n": 2}}, {"sampling": {"seed": 1}}],
)
def test_what_other_settings_decide_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="cannot be set here"):
        configure(**settings)


def test_the_notice_of_the_model_goes_onto_the_card() -> None:
    assert "plumbing" in vllm_engine.notice(configure())
