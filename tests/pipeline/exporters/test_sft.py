"""An export is a folder that `datasets` opens, and is there whole or not at all."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pytest

from pipeline.evidence import evidence_of
from pipeline.exporters.sft import Config, export
from pipeline.figures.measured import ROLE
from schemas.errors import InputError, StoreError
from schemas.tables import TABLES, Examples, frame_of, table_name

EVIDENCE = evidence_of({table_name(table): table.create_empty() for table in TABLES}, {}, [])


HISTOGRAM = pl.DataFrame(
    [("target", 0.5, 0.55, 3)],
    {"role": ROLE, "rate_low": pl.Float64, "rate_high": pl.Float64, "n_prompts": pl.Int64},
    orient="row",
)
MEASURED = replace(EVIDENCE, difficulty=replace(EVIDENCE.difficulty, histogram=HISTOGRAM, models={"target": "$m$"}))
FIGURES = {f"out/figures/pass-rates.{suffix}" for suffix in ("png", "csv")}


def examples(n: int = 4, *, with_validation: bool = True) -> pl.DataFrame:
    """n examples, every fourth in validation."""
    said = [
        {"role": "user", "content": "6 x 7?", "train": False},
        {"role": "assistant", "content": "42", "train": True},
    ]
    row: dict[str, Any] = {
        "plan_id": "", "group_id": "g", "messages": said, "rendering": "answer", "effort": "low", "n_tokens": 1,
        "tokenizer": "whitespace", "pass_rate": 0.5, "model": "m", "model_license": "unknown", "annotation": "none",
    }  # fmt: skip
    ids = [{name: f"{i:032x}" for name in ("example_id", "prompt_id", "rollout_id")} for i in range(n)]
    splits = ["validation" if with_validation and i % 4 == 3 else "train" for i in range(n)]
    return frame_of(Examples, [row | ids[i] | {"split": splits[i]} for i in range(n)])


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_export_writes_splits_and_card(tmp_path: Path) -> None:
    assert export(examples(), EVIDENCE, Config(to=str(tmp_path / "out"), title="Mine")) == str(tmp_path / "out")
    assert files(tmp_path) == {"out/README.md", "out/data/train-00000.parquet", "out/data/validation-00000.parquet"}
    train = pl.read_parquet(tmp_path / "out/data/train-00000.parquet")
    assert train.height == 3
    assert train.columns == Examples.column_names()
    assert "# Mine\n" in (tmp_path / "out/README.md").read_text()


def test_a_second_export_replaces_the_first_whole(tmp_path: Path) -> None:
    for frame in (examples(), examples(2, with_validation=False)):
        export(frame, EVIDENCE, Config(to=str(tmp_path / "out")))
    assert files(tmp_path) == {"out/README.md", "out/data/train-00000.parquet"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_pictures_and_their_numbers_lie_beside_the_data_and_the_card_shows_them(tmp_path: Path) -> None:
    for _ in range(2):
        export(examples(), MEASURED, Config(to=str(tmp_path / "out")))
    assert files(tmp_path) >= FIGURES
    assert "(figures/pass-rates.png)" in (tmp_path / "out/README.md").read_text()


def test_an_export_without_pictures_replaces_one_with_them(tmp_path: Path) -> None:
    for evidence in (MEASURED, EVIDENCE):
        export(examples(), evidence, Config(to=str(tmp_path / "out")))
    assert not files(tmp_path) & FIGURES


def test_without_matplotlib_the_card_shows_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    export(examples(), MEASURED, Config(to=str(tmp_path / "out")))
    card = (tmp_path / "out/README.md").read_text()
    assert not files(tmp_path) & FIGURES
    assert "![" not in card
    assert "pass rate    prompts" in card


@pytest.mark.parametrize(
    "name", ["notes.txt", "README.md", "data/other.parquet", ".git/config", "figures/holiday.png", "pass-rates.png"]
)
def test_a_folder_of_somebody_else_is_refused_and_untouched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(StoreError, match="choose a new or an empty folder"):
        export(examples(), EVIDENCE, Config(to=str(tmp_path)))
    assert files(tmp_path) == {name}
    assert (tmp_path / name).read_text() == "mine"


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(StoreError, match="is a file"):
        export(examples(), EVIDENCE, Config(to=str(tmp_path / "out")))


def test_nothing_to_export_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to export"):
        export(Examples.create_empty(), EVIDENCE, Config(to=str(tmp_path / "out")))
    assert files(tmp_path) == set()


def test_a_failed_export_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export(examples(), EVIDENCE, Config(to=str(tmp_path / "out")))
    before = (tmp_path / "out/README.md").read_bytes()

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        export(examples(2), EVIDENCE, Config(to=str(tmp_path / "out"), title="Other"))
    assert (tmp_path / "out/README.md").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_linked_folder_stays_linked(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    export(examples(), EVIDENCE, Config(to=str(tmp_path / "out")))
    assert (tmp_path / "out").is_symlink()
    assert "README.md" in files(tmp_path / "real")


def test_export_goes_to_any_filesystem_and_replaces_there() -> None:
    fs = fsspec.filesystem("memory")
    for frame in (examples(), examples(2, with_validation=False)):
        assert export(frame, EVIDENCE, Config(to="memory://sets/mine")) == "memory://sets/mine"
    assert sorted(fs.find("/sets/mine")) == ["/sets/mine/README.md", "/sets/mine/data/train-00000.parquet"]


def test_an_unknown_filesystem_is_one_line() -> None:
    with pytest.raises(StoreError, match="nowhere") as raised:
        export(examples(), EVIDENCE, Config(to="nowhere://x"))
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_datasets_opens_the_folder(tmp_path: Path) -> None:
    export(examples(), MEASURED, Config(to=str(tmp_path / "out")))
    script = (
        "import json, sys, datasets\n"
        "found = datasets.load_dataset(sys.argv[1])\n"
        "print(json.dumps({name: split.num_rows for name, split in found.items()}))\n"
        "print(json.dumps(found['train'][0]['messages']))\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-c", script, str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sizes, messages = map(json.loads, done.stdout.splitlines())
    assert sizes == {"train": 3, "validation": 1}
    assert messages == examples()["messages"].to_list()[0]
