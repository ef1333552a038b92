"""A folder of ours is replaced whole, and nobody else's is touched."""

import os
from pathlib import Path

import fsspec
import pytest

from pipeline.folder import GENERATED, README, replace_folder
from schemas.errors import StoreError


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(to: object, **names: bytes) -> None:
    content = {f"{name}.csv": data for name, data in names.items()}
    replace_folder(str(to), {**content, README: GENERATED.encode()}, "report", lambda name: name.endswith(".csv"))


def test_what_was_there_is_replaced_whole(tmp_path: Path) -> None:
    write(tmp_path / "out", a=b"1", b=b"2")
    write(tmp_path / "out", b=b"3")
    assert files(tmp_path) == {"out/b.csv": b"3", "out/README.md": GENERATED.encode()}


@pytest.mark.parametrize("name", ["notes.txt", "README.md", ".git/config"])
def test_a_folder_of_somebody_else_is_refused_in_a_line_and_untouched(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(StoreError, match=r"^report to .*choose a new or an empty folder$") as raised:
        write(tmp_path, a=b"1")
    assert "\n" not in str(raised.value)
    assert files(tmp_path) == {name: b"mine"}


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "out", a=b"1")
    before = files(tmp_path)

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        write(tmp_path / "out", a=b"2")
    assert files(tmp_path) == before


def test_any_filesystem_will_do() -> None:
    fs = fsspec.filesystem("memory")
    for names in ({"a": b"1"}, {"b": b"2"}):
        write("memory://folders/mine", **names)
    assert sorted(fs.find("/folders/mine")) == ["/folders/mine/README.md", "/folders/mine/b.csv"]
