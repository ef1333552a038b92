"""Every source, found by its file, keeps the contract of `pipeline/sources/__init__.py`."""

import pytest
from pydantic import BaseModel

from pipeline import plugins

SOURCES = plugins.names("sources")


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_says_what_it_is_and_can_be_read(name: str) -> None:
    module = plugins.load("sources", name)
    assert module.__doc__
    assert issubclass(module.Config, BaseModel)
    assert callable(module.read)
    assert callable(module.fingerprint)


@pytest.mark.parametrize("name", SOURCES)
def test_every_setting_is_described_and_unknown_ones_are_refused(name: str) -> None:
    config = plugins.load("sources", name).Config
    assert config.model_config["extra"] == "forbid"
    assert [field for field, info in config.model_fields.items() if not info.description] == []


@pytest.mark.parametrize("name", SOURCES)
def test_where_files_stand_is_no_identity(name: str) -> None:
    for field, info in plugins.load("sources", name).Config.model_fields.items():
        extra = info.json_schema_extra
        if isinstance(extra, dict) and extra.get("path"):
            assert extra.get("mutable"), f"{name}.{field} is a path and must be mutable"


@pytest.mark.parametrize("name", SOURCES)
def test_licence_and_revision_can_be_given(name: str) -> None:
    assert {"license", "revision"} <= plugins.load("sources", name).Config.model_fields.keys()
