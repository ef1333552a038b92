"""`coldstart dedup`, as a user calls it; bad input is one line, exit code 2, no output file and no index."""

import gzip
import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pipeline.rows import read_rows

Call = Callable[..., subprocess.CompletedProcess[str]]
TEXT = "a baker sells forty two loaves each day and then gives nine of them away to the poor of her town"
ROWS: list[dict[str, object]] = [
    {"id": "a", "text": TEXT},
    {"id": "b", "text": f"{TEXT} today"},
    {"id": "c", "text": "nothing of the kind"},
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "in.jsonl", ROWS)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert [word for word in words if word not in done.stderr] == [], done.stderr


def test_an_index_is_made_and_copies_of_it_are_dropped(coldstart: Call, source: Path, out: Path) -> None:
    index = out.with_name("index")
    done = coldstart("dedup", source, "-o", out, "--add-to", index)
    assert (done.returncode, done.stderr.strip()) == (0, f"{index}: 2 texts added")
    again = coldstart("dedup", source, "-o", out, "--against", index, "--add-to", index)
    assert again.stderr.strip() == f"{index}: 0 texts added"
    assert "3 rows: 2 kept, 1 near_duplicate" in " ".join(again.stdout.split())
    write(source, [{"id": 1, "text": TEXT}, {"id": 2, "text": "new"}])
    more = coldstart("dedup", source, "-o", out, "--against", index, "--add-to", index)
    assert more.stderr.strip() == f"{index}: 1 texts added"
    assert read_rows(out).select("id", "keeper_id", "reason").rows() == [("1", "a", "published"), ("2", None, "kept")]


def test_what_the_index_holds_is_kept_before_a_better_copy(coldstart: Call, source: Path, out: Path) -> None:
    index = out.with_name("index")
    write(source, [{"id": "b", "text": TEXT, "score": 1}])
    assert coldstart("dedup", source, "-o", out, "--add-to", index).returncode == 0
    write(source, [{"id": "a", "text": f"{TEXT} today", "score": 9}, {"id": "b", "text": TEXT, "score": 1}])
    done = coldstart("dedup", source, "-o", out, "--keep-by", "score", "--against", index, "--add-to", index)
    assert done.stderr.strip() == f"{index}: 0 texts added"
    assert read_rows(out).select("id", "keeper_id").rows() == [("a", "b"), ("b", None)]


def test_what_the_index_holds_is_kept_whatever_is_near_it(coldstart: Call, source: Path, out: Path) -> None:
    index = out.with_name("index")
    for row in ({"id": "a", "text": TEXT}, {"id": "b", "text": TEXT}, {"id": "c", "text": f"{TEXT} today"}):
        write(source, [row])
        assert coldstart("dedup", source, "-o", out, "--add-to", index).returncode == 0
    texts = {"a": TEXT, "b": TEXT, "c": f"{TEXT} today", "d": TEXT}
    write(source, [{"id": id, "text": text} for id, text in texts.items()])
    assert coldstart("dedup", source, "-o", out, "--against", index).returncode == 0
    found = read_rows(out).select("id", "keeper_id", "reason").rows()
    assert found == [("a", None, "kept"), ("b", None, "kept"), ("c", None, "kept"), ("d", "a", "exact_duplicate")]


def test_what_is_compared_with_is_not_written_over(coldstart: Call, source: Path) -> None:
    published = write(source.with_name("published.jsonl"), [{"text": TEXT}])
    refused(coldstart("dedup", source, "-o", published, "--against", published), "would be lost")
    assert published.read_text() == json.dumps({"text": TEXT}) + "\n"


def test_a_typing_error_beside_another_file_is_no_index(coldstart: Call, source: Path, out: Path) -> None:
    done = coldstart("dedup", source, "-o", out, "--against", source, "--against", "gsm9k")
    refused(done, "--against gsm9k: there is no index here", "did you mean 'gsm8k'?")


def test_several_files_are_compared_with(coldstart: Call, source: Path, out: Path) -> None:
    one = write(out.with_name("one.jsonl"), [{"text": TEXT}])
    other = write(out.with_name("other.jsonl"), [{"text": "nothing of the kind"}])
    done = coldstart("dedup", source, "-o", out, "--against", one, "--against", other)
    assert done.returncode == 0, done.stderr
    keepers = [("a", f"{one}:1"), ("b", f"{one}:1"), ("c", f"{other}:1")]
    assert read_rows(out).select("id", "keeper_id").rows() == keepers
    index = out.with_name("index")
    assert coldstart("dedup", source, "-o", out, "--add-to", index).returncode == 0
    refused(coldstart("dedup", source, "-o", out, "--against", one, "--against", index), str(index), "goes alone")


def test_a_column_to_keep_by_holds_numbers_or_none(coldstart: Call, out: Path) -> None:
    mixed = out.with_name("mixed.csv")
    mixed.write_text("id,text,score\na,x y,9\nb,x y,n/a\nc,x y,10\n")
    done = coldstart("dedup", mixed, "-o", out, "--keep-by", "score")
    refused(done, 'record 2, score: found "n/a", wanted a number, a date')
    assert not out.exists()
    mixed.write_text("id,text,score\na,x y,1700000000000000001\nb,x y,1700000000000000002\n")
    assert coldstart("dedup", mixed, "-o", out, "--keep-by", "score").returncode == 0
    assert read_rows(out).filter(pl.col("is_kept") == "true")["id"].to_list() == ["b"]
    mixed.write_text("id,text,share\na,x y,9%\nb,x y,85%\n")
    refused(coldstart("dedup", mixed, "-o", out, "--keep-by", "share"), 'record 1, share: found "9%"')
    table = mixed.with_suffix(".parquet")
    pl.DataFrame({"id": ["a"], "text": ["x"], "score": [b"\xff"]}).write_parquet(table)
    refused(coldstart("dedup", table, "-o", out, "--keep-by", "score"), "record 1, score: found")
    mixed.write_text("id,text,day\na,x y,2026-01-02\nb,x y,2026-10-01\nc,x y,\n")
    assert coldstart("dedup", mixed, "-o", out, "--keep-by", "day").returncode == 0
    assert read_rows(out).filter(pl.col("is_kept") == "true")["id"].to_list() == ["b"]


def test_a_file_is_compared_with_by_its_column(coldstart: Call, source: Path, out: Path) -> None:
    published = write(out.with_name("set.jsonl"), [{"id": 1, "body": "other"}, {"id": 2, "body": TEXT}])
    done = coldstart("dedup", source, "-o", out, "--against", f"{published}#body")
    assert done.returncode == 0, done.stderr
    assert read_rows(out)["keeper_id"].to_list() == [f"{published}:2", f"{published}:2", None]


def test_what_was_left_out_is_said(coldstart: Call, source: Path, out: Path) -> None:
    rng = random.Random(1)
    template = " ".join(f"rule{i}" for i in range(60))
    texts = [f"{template} {' '.join(f'w{rng.random()}' for _ in range(30))}" for _ in range(500)]
    write(source, [{"id": i, "text": text} for i, text in enumerate(texts)])
    done = coldstart("dedup", source, "-o", out)
    assert "pairs, counted once a bucket, were left out" in done.stderr
    assert "--max-document-share" in done.stderr
    assert coldstart("dedup", source, "-o", out, "--max-document-share", "0.1").stderr == ""


def test_a_file_of_no_rows_gives_a_file_of_no_rows(coldstart: Call, source: Path, out: Path) -> None:
    write(source, [])
    assert coldstart("dedup", source, "-o", out).returncode == 0
    assert out.read_text() == "id,cluster_id,is_kept,keeper_id,similarity,reason\n"


def test_different_blocksworld_problems_are_not_merged(
    coldstart: Call, shared_data: Path, source: Path, out: Path
) -> None:
    with gzip.open(shared_data / "planbench" / "blocksworld_3_responses.jsonl.gz", "rt") as lines:
        prompts = {row["instance"]: row["prompt"] for row in map(json.loads, lines)}
    rows = [{"id": id, "text": text, "source": "planbench"} for id, text in list(prompts.items())[:100]]
    write(source, rows)
    options = ["--group", "source", "--max-document-share", "0.1"]
    done = coldstart("dedup", source, "-o", out, *options)
    assert done.returncode == 0, done.stderr
    assert read_rows(out)["reason"].value_counts().rows() == [("kept", 100)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--threshold", "0"], ["threshold", "0"]),
        (["--threshold", "2"], ["threshold", "2"]),
        (["--ngram", "0"], ["ngram", "0"]),
        (["--text", "txt"], ["no column 'txt'", "did you mean 'text'?"]),
        (["--keep-by", "score"], ["no column 'score'"]),
        (["--embedder", "folder", "--against", "index"], ["--against", "--embedder"]),
        (["--embedder", "folder", "--ngram", "3"], ["--ngram", "--embedder"]),
        (["--cosine", "0.5"], ["--cosine needs --embedder"]),
        (["--group", "id"], ["--group needs --max-document-share"]),
        (["--against", "in.jsonl", "--among", "id"], ["--among does not go with --against"]),
        (["--against", "noindex"], ["--against noindex", "no index here", "--add-to", ".parquet", "ID@REVISION"]),
        (["--against", "none.jsonl"], ["none.jsonl", "no such file"]),
        (["--add-to", "index", "--max-document-share", "0.1"], ["max_document_share"]),
        (["--output", "out.txt"], ["out.txt", "unknown kind of file", ".parquet"]),
        (["--output", "in.jsonl"], ["this is the input too"]),
    ],
)
def test_a_wrong_option_is_one_line_and_nothing_is_written(
    coldstart: Call, source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(source.parent)
    before = source.read_bytes()
    refused(coldstart("dedup", source, "-o", out, *options), *words)
    assert list(source.parent.iterdir()) == [source]
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([ROWS[0], ROWS[0]], ["'a'", "records 1, 2"]),
        ([{"id": "a", "text": None}], ["record 1, text", "null"]),
        ([{"id": None, "text": "x"}], ["record 1, id", "null"]),
    ],
    ids=["duplicate ids", "null text", "null id"],
)
def test_a_wrong_row_is_one_line_and_nothing_is_written(
    coldstart: Call, source: Path, out: Path, rows: list[dict[str, object]], words: list[str]
) -> None:
    write(source, rows)
    refused(coldstart("dedup", source, "-o", out, "--add-to", out.with_name("index")), *words)
    assert list(source.parent.iterdir()) == [source]


def test_a_null_in_a_later_row_group_is_one_line_and_nothing_is_written(coldstart: Call, out: Path) -> None:
    path, index = out.with_name("in.parquet"), out.with_name("index")
    pl.DataFrame({"id": range(5), "text": ["a", "b", "c", None, "e"]}).write_parquet(path, row_group_size=2)
    refused(coldstart("dedup", path, "-o", out, "--add-to", index), "in.parquet row 4, text: found null")
    assert list(out.parent.iterdir()) == [path]


def test_bytes_are_no_ids(coldstart: Call, source: Path, out: Path) -> None:
    table = source.with_suffix(".parquet")
    pl.DataFrame({"id": [b"\xff"], "text": [TEXT]}).write_parquet(table)
    refused(coldstart("dedup", table, "-o", out), "record 1, id", "wanted a whole number, or text")


def test_text_that_is_not_utf8_is_one_line(coldstart: Call, out: Path) -> None:
    path = out.with_name("in.csv")
    path.write_bytes(b"id,text\na,fine\nb,\xff\n")
    refused(coldstart("dedup", path, "-o", out), "in.csv line 3: not UTF-8")
    assert not out.exists()


def test_an_index_made_with_other_settings_shows_both(coldstart: Call, source: Path, out: Path) -> None:
    index = out.with_name("index")
    assert coldstart("dedup", source, "-o", out, "--add-to", index).returncode == 0
    out.unlink()
    for option in ("--against", "--add-to"):
        done = coldstart("dedup", source, "-o", out, option, index, "--num-perm", "64")
        refused(done, str(index), "num_perm 128 where this command has 64")
    assert not out.exists()


def test_another_text_under_an_id_of_the_index_is_one_line(coldstart: Call, source: Path, out: Path) -> None:
    """Where rows are numbered in each file, the numbers of an index would hide its texts."""
    index = out.with_name("index")
    assert coldstart("dedup", source, "-o", out, "--add-to", index).returncode == 0
    out.unlink()
    write(source, [{"id": "a", "text": "another"}, {"id": "b", "text": TEXT}])
    for option in ("--against", "--add-to"):
        refused(coldstart("dedup", source, "-o", out, option, index), "another text under the id 'a'")
    assert not out.exists()
