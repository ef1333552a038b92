"""Row files are read and written as they are, and what is broken is named in one line."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from pipeline.required import require_unique
from pipeline.rows import check_output, iter_records, read_rows, write_rows
from schemas.errors import SchemaError


def one_line(error: pytest.ExceptionInfo[SchemaError], *words: str) -> None:
    assert "\n" not in str(error.value)
    for word in words:
        assert word in str(error.value), f"{word!r} is not in: {error.value}"


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".parquet"])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"id": [1, 2], "text": ["é\n", None], "share": [0.5, None], "ok": [True, False]})
    write_rows(frame, tmp_path / f"f{suffix}")
    assert_frame_equal(read_rows(tmp_path / f"f{suffix}"), frame)


def test_csv_values_are_text_and_nested_ones_json(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": ["007"], "empty": [""], "none": pl.Series([None], dtype=pl.String), "n": [{"a": [1]}]})
    write_rows(frame, tmp_path / "f.csv")
    assert read_rows(tmp_path / "f.csv").to_dicts() == [{"id": "007", "empty": "", "none": None, "n": '{"a": [1]}'}]


def test_nested_values_become_json_text_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text('{"task": {"answer": "4", "n": [1, 2]}}\n')
    write_rows(pl.DataFrame({"task": [{"answer": "4", "n": [1, 2]}]}), tmp_path / "f.parquet")
    for name in ("f.jsonl", "f.parquet"):
        assert json.loads(read_rows(tmp_path / name)["task"][0]) == {"answer": "4", "n": [1, 2]}


def test_gzip_output_depends_on_nothing_but_the_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": ["a"]})
    write_rows(frame, tmp_path / "a.jsonl.gz")
    write_rows(frame, tmp_path / "b.jsonl.gz")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "2"], pl.String),
        (["1", "null"], pl.Int64),
        (["1", "0.5", "NaN"], pl.Float64),
        (["true", "false"], pl.Boolean),
        (["true", "1"], pl.String),
        (["9223372036854775808", "1"], pl.String),
        (['"a"', "[1]", '{"b": 2}', "1e999"], pl.String),
        ([r'"\ud800"', r'"\ud83d\ude00"'], pl.String),
        (["null", "null"], pl.String),
    ],
)
def test_mixed_and_strange_json_values_become_one_type(tmp_path: Path, values: list[str], dtype: Any) -> None:
    quoted = [f'"{v}"' if dtype == pl.String and values == ["1", "2"] else v for v in values]
    (tmp_path / "f.jsonl").write_text("".join(f'{{"v": {value}}}\n' for value in quoted))
    assert read_rows(tmp_path / "f.jsonl")["v"].dtype == dtype


def test_lone_surrogates_are_replaced_and_pairs_kept(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text(r'{"v": ["a\ud800b", "\ud83d\ude00"]}')
    assert [record for _, record in iter_records(tmp_path / "f.jsonl")] == [{"v": ["a\ufffdb", "😀"]}]


def test_lines_keep_their_numbers_past_blank_ones_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"a": 2}')
    assert list(iter_records(tmp_path / "f.jsonl")) == [(1, {"a": 1}), (4, {"a": 2})]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(json_values, max_size=6))
def test_no_json_value_breaks_reading_or_writing(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    (folder / "f.jsonl").write_text("".join(json.dumps({"id": i, "v": v}) + "\n" for i, v in enumerate(values)))
    frame = read_rows(folder / "f.jsonl", ["id"])
    assert frame.height == len(values)
    for suffix in (".jsonl.gz", ".parquet", ".csv"):
        write_rows(frame, folder / f"g{suffix}")
        assert read_rows(folder / f"g{suffix}").height == (len(values))


def test_an_empty_jsonl_file_has_the_required_columns(tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").touch()
    assert_frame_equal(read_rows(tmp_path / "f.jsonl", ["id"]), pl.DataFrame(schema={"id": pl.String}))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("f.txt", b"", [".jsonl, .jsonl.gz, .parquet, .csv"]),
        ("f.jsonl", b'{"id": 1}\n{"id": \n', ["line 2", "broken JSON", "column"]),
        ("f.jsonl", b'{"id": 1}\n[1]\n', ["line 2", "object", "[1]"]),
        ("f.jsonl", b'{"id": "\xff"}\n', ["line 1", "UTF-8"]),
        ("f.jsonl", b'{"id": ' + b"9" * 5000 + b"}", ["line 1", "digits"]),
        ("f.jsonl", b'{"id": ' + b"[" * 100_000, ["line 1", "recursion"]),
        ("f.jsonl", b'{"id": 1}\n{"idd": 1}', ["line 2", "no column 'id'", "it has idd", "did you mean 'idd'"]),
        ("f.jsonl.gz", b"not gzip", ["f.jsonl.gz", "gzip"]),
        ("f.jsonl.gz", gzip.compress(b'{"id": 1}\n' * 9, mtime=0)[:-10], ["f.jsonl.gz line"]),
        ("f.parquet", b"not parquet", ["not readable as Parquet"]),
        ("f.csv", b"", ["empty", "header"]),
        ("f.csv", b"id\na\n\xff\n", ["line 3", "UTF-8"]),
        ("f.csv", b"id,b\n1,2,3\n", ["not readable as CSV"]),
        ("f.csv", b"a,b\n1,2\n", ["no column 'id'", "it has a, b"]),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, name: str, content: bytes, words: list[str]) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SchemaError) as error:
        read_rows(tmp_path / name, ["id"])
    one_line(error, name, *words)


def test_a_damaged_parquet_file_is_one_line(tmp_path: Path) -> None:
    write_rows(pl.DataFrame({"id": range(1000)}), tmp_path / "f.parquet")
    content = bytearray((tmp_path / "f.parquet").read_bytes())
    content[4:400] = b"\xff" * 396
    (tmp_path / "f.parquet").write_bytes(content)
    with pytest.raises(SchemaError) as error:
        list(iter_records(tmp_path / "f.parquet"))
    one_line(error, "f.parquet", "not readable as Parquet")


@pytest.mark.parametrize("path", ["none.jsonl", "none.parquet", "memory://none.csv", "nosuch://x/y.csv"])
def test_a_file_that_is_not_there_is_one_line(path: str) -> None:
    with pytest.raises(SchemaError) as error:
        read_rows(path)
    one_line(error, path)


def test_reading_takes_urls() -> None:
    import fsspec

    with fsspec.open("memory://rows/f.jsonl", "wb") as file:
        file.write(b'{"id": 1}\n')
    assert list(iter_records("memory://rows/f.jsonl")) == [(1, {"id": 1})]


@pytest.mark.parametrize(
    ("ids", "words"), [(["a", "b", "a"], ["'a'", "1, 3"]), (["a", None, "b"], ["null", "record 2"])]
)
def test_ids_must_be_there_and_unique(ids: list[str | None], words: list[str]) -> None:
    with pytest.raises(SchemaError) as error:
        require_unique(pl.DataFrame({"id": ids}), "id", "f.jsonl")
    one_line(error, "f.jsonl", "id", *words)


@pytest.mark.parametrize("name", ["none/f.jsonl", "f.txt", "s3://bucket/f.jsonl"])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(SchemaError) as error:
        check_output(name if "://" in name else tmp_path / name)
    one_line(error, name)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_rows(pl.DataFrame({"id": [1]}), tmp_path / "f.csv")
    with pytest.raises(pl.exceptions.PolarsError):
        write_rows(pl.DataFrame({"id": [object()]}, schema={"id": pl.Object}), tmp_path / "f.csv")
    assert read_rows(tmp_path / "f.csv").to_dicts() == [{"id": "1"}]
    assert [path.name for path in tmp_path.iterdir()] == ["f.csv"]


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    ids = pa.array(["a"])
    pq.write_table(pa.Table.from_arrays([ids, ids], names=["id", "id"]), tmp_path / "twice.parquet")
    with pytest.raises(SchemaError, match=r"twice\.parquet: two columns are named 'id', wanted a name for each"):
        read_rows(tmp_path / "twice.parquet")
