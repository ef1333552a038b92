"""What every exporter must hold."""

import socket
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import BaseModel

from pipeline import plugins
from pipeline.evidence import Evidence, evidence_of
from schemas.errors import InputError
from schemas.tables import TABLES, Examples, frame_of, table_name


@pytest.fixture(params=plugins.names("exporters"))
def exporter(request: pytest.FixtureRequest) -> ModuleType:
    return plugins.load("exporters", request.param)


@pytest.fixture
def evidence() -> Evidence:
    return evidence_of({table_name(table): table.create_empty() for table in TABLES}, {}, [])


EXAMPLES = frame_of(
    Examples,
    [
        {
            "example_id": "a" * 32, "prompt_id": "b" * 32, "plan_id": "", "rollout_id": "c" * 32, "group_id": "g",
            "split": "train", "messages": [{"role": "assistant", "content": "42", "train": True}], "n_tokens": 1,
            "rendering": "answer", "effort": "low", "tokenizer": "whitespace", "model": "m", "model_license": "unknown",
            "annotation": "none",
        }
    ],
)  # fmt: skip


def test_exporter_is_documented_and_configured(exporter: ModuleType) -> None:
    assert exporter.__doc__
    assert issubclass(exporter.Config, BaseModel)
    assert all(field.description for field in exporter.Config.model_fields.values())
    exporter.Config.model_validate({"to": "somewhere", "title": "A title"})


def test_exporter_works_offline_and_twice_gives_the_same(
    exporter: ModuleType, evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("an exporter opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    config = exporter.Config(to=str(tmp_path / "out"))
    seen = []
    for _ in range(2):
        assert exporter.export(EXAMPLES, evidence, config) == str(tmp_path / "out")
        seen.append({path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()})
    assert seen[0] == seen[1] != {}


def test_exporter_refuses_an_empty_set(exporter: ModuleType, evidence: Evidence, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        exporter.export(Examples.create_empty(), evidence, exporter.Config(to=str(tmp_path / "out")))
    assert list(tmp_path.iterdir()) == []
