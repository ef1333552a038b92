"""Finished rows survive the death of the process, line by line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.blobs import swap
from pipeline.journal import Journal, finished, journal_folder, leftover
from pipeline.store import Run, open_run
from schemas.tables import Rollouts, Verdicts


def journal_of(folder: Path, *rows: dict[str, Any]) -> Path:
    with Journal(folder, "shard") as journal:
        for row in rows:
            journal.write(row)
    return journal.path


def test_a_written_row_is_in_the_file_before_the_journal_is_closed(tmp_path: Path) -> None:
    with Journal(tmp_path, "shard") as journal:
        journal.write({"a": 1})
        assert finished(journal.path) == [{"a": 1}]


def test_where_there_is_no_journal_nothing_is_finished(tmp_path: Path) -> None:
    assert finished(tmp_path / "none.jsonl") == []
    assert list(leftover(tmp_path / "none")) == []


@pytest.mark.parametrize("n_lost", range(1, 16))
def test_a_torn_last_line_is_owed_again(tmp_path: Path, n_lost: int) -> None:
    path = journal_of(tmp_path, {"a": "one"}, {"a": "é\u2028"})
    path.write_bytes(path.read_bytes()[:-n_lost])
    assert finished(path) == ([{"a": "one"}, {"a": "é\u2028"}] if n_lost == 1 else [{"a": "one"}])


@pytest.mark.parametrize("n_lost", [1, 3, 4, 10])
def test_a_torn_line_does_not_swallow_the_next_row(tmp_path: Path, n_lost: int) -> None:
    path = journal_of(tmp_path, {"a": "one"}, {"a": "twé"})
    path.write_bytes(path.read_bytes()[:-n_lost])
    journal_of(tmp_path, {"a": "three"})
    assert finished(path)[0] == {"a": "one"}
    assert finished(path)[-1] == {"a": "three"}


@given(row=st.dictionaries(st.text(), st.none() | st.text() | st.floats(allow_nan=False) | st.integers()))
def test_rows_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any]) -> None:
    path = journal_of(tmp_path_factory.mktemp("journal"), row, row)
    assert finished(path) == [row, row]


@pytest.mark.parametrize("text", ["\u2028\u2029\x85\x0b\x0c\r\n", "\0", "\ufeff", "😀"])
def test_text_with_odd_characters_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    assert finished(journal_of(tmp_path, {"text": text})) == [{"text": text}]


def test_half_a_surrogate_pair_is_replaced_in_the_journal_and_in_the_row(tmp_path: Path) -> None:
    with Journal(tmp_path, "shard") as journal:
        written = journal.write({"text": json.loads(r'"a\ud83db"')})
    assert written == {"text": "a\ufffdb"}
    assert finished(journal.path) == [written]


def test_leftover_journals_are_found_by_file(tmp_path: Path) -> None:
    path = journal_of(tmp_path, {"a": 1})
    assert list(leftover(tmp_path)) == [(path, [{"a": 1}])]
    Journal(tmp_path, "shard").remove()
    assert list(leftover(tmp_path)) == []


def test_a_local_run_keeps_its_journals_and_a_remote_run_has_them_in_the_cache(run: Run, tmp_path: Path) -> None:
    folder = journal_folder(run, Rollouts)
    assert folder.is_relative_to(tmp_path)
    assert folder != journal_folder(run, Verdicts)
    assert not run.url.startswith("/") or folder == Path(run.root, "journal", "rollouts")


def test_a_new_run_at_an_old_url_does_not_find_the_old_runs_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run = open_run("memory://same-url")
    folders = set()
    for run_id in ("1", "2"):
        run.fs.store.pop(run.path("recipe.json"), None)
        swap(run.fs, run.path("recipe.json"), json.dumps({"run_id": run_id}).encode(), None)
        folders.add(journal_folder(run, Rollouts))
    assert len(folders) == 2
