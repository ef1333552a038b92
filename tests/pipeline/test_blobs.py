"""Small files that two writers may race for."""

import threading
from pathlib import Path

import pytest

from pipeline.blobs import Conflict, read_version, remove, remove_version, swap, write_whole
from pipeline.store import Run, open_run


def test_a_file_that_is_not_there_has_no_version(run: Run) -> None:
    assert read_version(run.fs, run.path("a.json")) == (None, None)


def test_what_was_swapped_in_is_read_back(run: Run) -> None:
    swap(run.fs, run.path("a.json"), b"one", None)
    content, token = read_version(run.fs, run.path("a.json"))
    swap(run.fs, run.path("a.json"), b"two", token)
    assert content == b"one"
    assert read_version(run.fs, run.path("a.json"))[0] == b"two"


def test_a_file_is_created_once(run: Run) -> None:
    swap(run.fs, run.path("a.json"), b"first", None)
    with pytest.raises(Conflict, match=r"a\.json was changed by another writer"):
        swap(run.fs, run.path("a.json"), b"second", None)
    assert read_version(run.fs, run.path("a.json"))[0] == b"first"


def test_of_two_writers_that_read_the_same_version_one_gets_a_conflict(run: Run) -> None:
    swap(run.fs, run.path("a.json"), b"old", None)
    _, token = read_version(run.fs, run.path("a.json"))
    swap(run.fs, run.path("a.json"), b"mine", token)
    with pytest.raises(Conflict):
        swap(run.fs, run.path("a.json"), b"theirs", token)
    assert read_version(run.fs, run.path("a.json"))[0] == b"mine"


def test_a_version_that_is_gone_cannot_be_swapped(run: Run) -> None:
    swap(run.fs, run.path("a.json"), b"old", None)
    _, token = read_version(run.fs, run.path("a.json"))
    remove(run.fs, run.path("a.json"))
    with pytest.raises(Conflict):
        swap(run.fs, run.path("a.json"), b"new", token)
    assert read_version(run.fs, run.path("a.json")) == (None, None)


def test_of_many_who_create_a_file_at_once_one_succeeds(run: Run) -> None:
    won: list[int] = []
    start = threading.Barrier(8)

    def create(number: int) -> None:
        start.wait()
        try:
            swap(run.fs, run.path("a.json"), f"writer {number}".encode(), None)
        except Conflict:
            return
        won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert read_version(run.fs, run.path("a.json"))[0] == f"writer {won[0]}".encode()


def test_only_the_version_that_was_read_is_removed(run: Run) -> None:
    swap(run.fs, run.path("a.json"), b"old", None)
    _, token = read_version(run.fs, run.path("a.json"))
    assert token is not None
    swap(run.fs, run.path("a.json"), b"new", token)
    with pytest.raises(Conflict):
        remove_version(run.fs, run.path("a.json"), token)
    _, token = read_version(run.fs, run.path("a.json"))
    assert token is not None
    remove_version(run.fs, run.path("a.json"), token)
    assert read_version(run.fs, run.path("a.json")) == (None, None)


def test_removing_what_is_gone_is_no_error(run: Run) -> None:
    remove(run.fs, run.path("a.json"))


def test_a_local_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_whole(open_run(str(tmp_path)).fs, str(tmp_path / "a" / "b.json"), b"x")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.json"]


@pytest.mark.server
def test_s3_a_write_that_is_sent_again_because_its_answer_was_lost_is_no_conflict(s3_bucket: str) -> None:
    run = open_run(f"{s3_bucket}/sent-again")
    swap(run.fs, run.path("lock.json"), b"owner 1", None)
    swap(run.fs, run.path("lock.json"), b"owner 1", None)
    with pytest.raises(Conflict):
        swap(run.fs, run.path("lock.json"), b"owner 2", None)


@pytest.mark.server
def test_s3_a_missing_bucket_is_no_conflict(s3_bucket: str) -> None:
    run = open_run("s3://no-such-bucket/run")
    with pytest.raises(FileNotFoundError, match="bucket does not exist"):
        swap(run.fs, run.path("lock.json"), b"owner", None)
