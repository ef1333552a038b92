"""vLLM is found where the user says, here, or where make built it; and who has none is told how to get it."""

import sys
from pathlib import Path

import pytest

from pipeline.vllm_model import installation
from pipeline.vllm_model.installation import Installation, vllm_python
from schemas.errors import RecipeError


def program(path: Path, *lines: str) -> str:
    """A program that says this, whatever it is asked."""
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return str(path)


def test_the_python_is_the_named_one_or_the_one_that_make_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(installation, "PROJECT", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.delenv(installation.PYTHON_VARIABLE, raising=False)
    assert vllm_python() is None
    built = tmp_path / ".vllm/bin/python"
    built.parent.mkdir(parents=True)
    built.touch()
    assert vllm_python() == str(built)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert vllm_python() == sys.executable
    monkeypatch.setenv(installation.PYTHON_VARIABLE, "/opt/other/python")
    assert vllm_python() == "/opt/other/python"


def test_an_installation_says_where_vllm_lies_and_whether_it_is_the_build_for_cpus(fake_vllm: str) -> None:
    found = installation.installation(fake_vllm)
    assert (found.python, found.is_cpu) == (fake_vllm, True)
    assert (found.folder / "entrypoints").is_dir()
    assert found.knows("shutdown_timeout")
    assert not found.knows("no_such_argument")


def test_a_build_for_gpus_is_none_for_cpus(tmp_path: Path) -> None:
    python = program(tmp_path / "python", f"""echo '["{tmp_path}", false]'""")
    assert installation.installation(python) == Installation(python, tmp_path, is_cpu=False)


def test_a_version_without_the_files_of_today_knows_no_argument(tmp_path: Path) -> None:
    assert not Installation("python", tmp_path, is_cpu=True).knows("shutdown_timeout")


def test_without_vllm_the_command_that_installs_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "vllm_python", lambda: None)
    with pytest.raises(RecipeError, match=r"^vLLM is not installed; install it with `make vllm-gpu`"):
        installation.installation()


def test_a_python_without_vllm_says_how_to_get_it(tmp_path: Path) -> None:
    python = program(tmp_path / "python", """echo '["", false]'""")
    with pytest.raises(RecipeError, match=f"^{python}: this Python has no vLLM; install it with `make vllm-gpu`"):
        installation.installation(python)


@pytest.mark.parametrize("line", ["echo hello", "exit 1"])
def test_what_is_no_python_cannot_be_run(tmp_path: Path, line: str) -> None:
    python = program(tmp_path / "python", line)
    with pytest.raises(RecipeError, match=f"^{python}: cannot be run; wanted the Python .* or install it with"):
        installation.installation(python)


def test_a_python_that_is_not_there_cannot_be_run() -> None:
    with pytest.raises(RecipeError, match=r"^no-such-python: cannot be run"):
        installation.installation("no-such-python")
