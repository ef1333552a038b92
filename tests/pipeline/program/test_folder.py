"""Whatever a program leaves in its folder is measured, and goes with it; what it points to stays."""

import os
from pathlib import Path

import pytest

from pipeline.program import folder
from pipeline.program.folder import is_overfull, remove


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def nest(place: Path, depth: int) -> None:
    """Make folders in folders, deeper than a path may be long."""
    here = os.open(place, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 20, dir_fd=here)
        deeper = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("end", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_what_is_small_is_not_too_much(place: Path) -> None:
    (place / "a").mkdir()
    (place / "a" / "b").write_bytes(bytes(100))
    (place / "host").symlink_to("/")
    size = sum(path.lstat().st_size for path in (place / "a", place / "a" / "b", place / "host"))
    assert not is_overfull(place, os.getpid(), size)
    assert is_overfull(place, os.getpid(), size - 1)


def test_what_is_too_deep_to_measure_is_too_much_and_still_removed(place: Path) -> None:
    nest(place, 2_000)
    assert is_overfull(place, os.getpid(), 10**9)
    remove(place)
    assert not place.exists()


def test_many_empty_files_are_too_much(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_FILES", 3)
    for name in "abcd":
        assert not is_overfull(place, os.getpid(), 10**9)
        (place / name).touch()
    assert is_overfull(place, os.getpid(), 10**9)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system does not show the files of a process")
def test_open_files_without_a_name_count(place: Path) -> None:
    with open(place / "a", "wb") as file:
        file.write(bytes(1_000))
        file.flush()
        os.unlink(place / "a")
        assert is_overfull(place, os.getpid(), 999)
    assert not is_overfull(place, os.getpid(), 999)


def test_folders_that_may_not_be_read_are_removed_and_links_are_not_followed(place: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "inner").mkdir(parents=True)
    (outside / "kept").write_text("kept")
    os.chmod(outside, 0o750)
    (place / "a" / "b").mkdir(parents=True)
    (place / "a" / os.fsdecode(b"odd\xff\n")).touch()
    for path in (place / "link", place / "a" / "link", place / "a" / "b" / "link"):
        path.symlink_to(outside)
    os.chmod(place / "a" / "b", 0)
    os.chmod(place / "a", 0o300)
    remove(place)
    assert not place.exists()
    assert sorted(path.name for path in outside.iterdir()) == ["inner", "kept"]
    assert outside.stat().st_mode & 0o777 == 0o750
