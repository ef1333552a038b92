"""Read and write row files: JSONL (also .gz), Parquet and CSV, by suffix; what is broken is named in one line.

Reading takes local paths and fsspec URLs. Model output is hostile: values of mixed types become JSON text, lone
surrogates (which no UTF-8 file can hold) become U+FFFD, and a file that cannot be read is a SchemaError.
Writing is whole or not at all, and local.
"""

import gzip
import hashlib
import io
import json
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.required import require_column
from schemas.errors import SchemaError
from schemas.messages import first_line, short

SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet", ".csv")
REPLACEMENT = "\ufffd"
INT64 = range(-(2**63), 2**63)

_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def suffix_of(path: str | Path) -> str:
    """The format of a row file, or a SchemaError that lists what there is.

    >>> suffix_of("runs/rates.jsonl.gz")
    '.jsonl.gz'
    """
    name = str(path).lower()
    for suffix in SUFFIXES:
        if name.endswith(suffix):
            return suffix
    raise SchemaError(f"{path}: unknown kind of file; wanted a name that ends in {', '.join(SUFFIXES)}")


def place(path: str | Path, number: int) -> str:
    """Where a record stands, for messages: JSONL has lines, other files have rows; both count from 1.

    >>> place("train.csv", 3)
    'train.csv row 3'
    """
    return f"{path} {'line' if '.jsonl' in suffix_of(path) else 'row'} {number}"


def iter_records(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each record with its number (line in JSONL, row otherwise, from 1); blank JSONL lines are passed over.

    CSV has no types: its values are text, or None where a field is empty and unquoted.
    """
    suffix = suffix_of(path)
    if suffix == ".csv":
        yield from enumerate(_read_csv(path).iter_rows(named=True), 1)
    elif suffix == ".parquet":
        yield from enumerate(_iter_parquet(path), 1)
    else:
        yield from _iter_jsonl(path)


def read_rows(path: str | Path, required: Sequence[str] = ()) -> pl.DataFrame:
    """All records as a frame of scalar columns, in file order; nested or mixed values become JSON text.

    A column of JSONL is Boolean, Int64, Float64 or String; CSV columns are String; Parquet keeps its scalar types.
    Each of `required` must be a column (in JSONL: a key of every line; its value may be null). A JSONL file without
    any line is an empty frame with the required columns.
    """
    suffix = suffix_of(path)
    if suffix in (".csv", ".parquet"):
        frame = _read_csv(path) if suffix == ".csv" else read_parquet(path)
        for name in required:
            require_column(name, frame.columns, path)
        return flat(frame)
    records = []
    for number, record in _iter_jsonl(path):
        for name in required:
            if name not in record:
                require_column(name, list(record), place(path, number))
        records.append(record)
    names = dict.fromkeys([*(name for record in records for name in record), *required])
    return pl.DataFrame([_column(name, [record.get(name) for record in records]) for name in names])


def check_output(path: str | Path, source: str | Path = "") -> None:
    """Raise a SchemaError where `write_rows` could not write, or would replace `source`: call it before long work."""
    suffix_of(path)
    if source and Path(path).resolve() == Path(source).resolve():
        raise SchemaError(f"{path}: this is the input too, and would be lost; write to another file")
    folder = Path(path).absolute().parent
    if "://" in str(path):
        raise SchemaError(f"{path}: outputs are local files; write here and copy")
    if not folder.is_dir():
        raise SchemaError(f"{path}: there is no folder {folder}; make it first")
    if Path(path).is_dir() or not os.access(folder, os.W_OK):
        raise SchemaError(f"{path}: cannot write here; name a file in a folder that you may write to")


def write_rows(frame: pl.DataFrame, path: str | Path) -> None:
    """Write a frame in the format of the suffix, whole or not at all; nested columns become JSON text in CSV."""
    check_output(path)
    with whole_file(path) as file:
        _write(frame, suffix_of(path), file)


@contextmanager
def whole_file(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place at `path` once all is written; a SchemaError where the disk is full."""
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise SchemaError(f"{path}: cannot write: {error.strerror or error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _write(frame: pl.DataFrame, suffix: str, file: BinaryIO) -> None:
    if suffix == ".parquet":
        frame.write_parquet(file)
    elif suffix == ".csv":
        flat(frame).write_csv(file)
    elif suffix == ".jsonl":
        frame.write_ndjson(file)
    else:  # no name and no time in the header: the same rows give the same bytes
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
            frame.write_ndjson(cast(io.BytesIO, packed))


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """The same frame with its nested columns as JSON text, and categories as their text."""
    nested = [column for column in frame if column.dtype.is_nested()]
    texts = [_as_text(column.name, column.to_list()) for column in nested]
    return frame.with_columns(*texts, pl.col(pl.Categorical, pl.Enum).cast(pl.String))


def _column(name: str, values: list[Any]) -> pl.Series:
    """Values of JSON as one column: the one scalar type that fits all of them, otherwise JSON text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {str} or not kinds:
        return pl.Series(name, values, dtype=pl.String)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    small = all(value in INT64 for value in values if type(value) is int)
    if kinds == {int} and small:
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float} and small:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    return _as_text(name, values)


def _as_text(name: str, values: list[Any]) -> pl.Series:
    """Text as it is, null as null, anything else as JSON."""
    texts = [value if value is None or isinstance(value, str) else json_text(value) for value in values]
    return pl.Series(name, texts, dtype=pl.String)


def json_text(value: Any) -> str:
    """JSON of any value of a record; what JSON has no form for (a date, bytes) is written as its text."""
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        raise SchemaError("a value is nested too deeply to be written as JSON") from None


def open_bytes(path: str | Path) -> BinaryIO:
    """A file or fsspec URL for reading; a SchemaError of one line where it cannot be opened."""
    try:
        return cast(BinaryIO, fsspec.open(str(path), "rb").open())
    except FileNotFoundError:
        raise SchemaError(f"{path}: there is no such file") from None
    except OSError as error:
        raise SchemaError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ImportError, ValueError) as error:
        raise SchemaError(f"{path}: cannot be read: {first_line(error)}") from None


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file or URL, in hex."""
    with open_bytes(path) as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _iter_jsonl(path: str | Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_bytes(path) as raw:
        file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if suffix_of(path) == ".jsonl.gz" else raw
        number = 0
        try:
            for number, line in enumerate(file, 1):
                content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if content.strip():
                    yield number, _record(content, path, number)
        except (OSError, EOFError, zlib.error) as error:
            raise SchemaError(f"{place(path, number + 1)}: cannot be read: {first_line(error)}") from None


def _record(line: bytes, path: str | Path, number: int) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8"))
        value = without_surrogates(value) if _SURROGATE_ESCAPE.search(line) else value
    except UnicodeDecodeError as error:
        raise SchemaError(f"{place(path, number)}: not UTF-8 at byte {error.start + 1} of the line") from None
    except json.JSONDecodeError as error:
        raise SchemaError(f"{place(path, number)}: broken JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits, nesting without end
        raise SchemaError(f"{place(path, number)}: JSON that cannot be read: {first_line(error)}") from None
    if not isinstance(value, dict):
        raise SchemaError(f"{place(path, number)}: wanted a JSON object, found {short(value)}")
    return value


def without_surrogates(value: Any) -> Any:
    """The same value with lone surrogates replaced."""
    if isinstance(value, str):
        return _SURROGATE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


def _read_csv(path: str | Path) -> pl.DataFrame:
    with open_bytes(path) as file:
        data = file.read()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SchemaError(f"{path} line {line}: not UTF-8") from None
    try:
        return pl.read_csv(data, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise SchemaError(f"{path}: the file is empty; wanted a header line") from None
    except pl.exceptions.PolarsError as error:
        raise SchemaError(f"{path}: not readable as CSV: {first_line(error)}") from None


def parquet_schema(path: str | Path) -> pa.Schema:
    """The columns of a Parquet file and their types."""
    with _parquet(path) as file:
        return file.schema_arrow


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """A Parquet file, or some columns of it."""
    with _parquet(path) as file:
        table = file.read(columns)
        table.validate(full=True)  # text that is no UTF-8 is found here, or by nobody
        return cast(pl.DataFrame, pl.from_arrow(table))


def _iter_parquet(path: str | Path) -> Iterator[dict[str, Any]]:
    with _parquet(path) as file:
        for batch in file.iter_batches(batch_size=1_000):
            yield from batch.to_pylist()


@contextmanager
def _parquet(path: str | Path) -> Iterator[pq.ParquetFile]:
    """By pyarrow, which raises where polars panics on a damaged file; its own `read_table` would import pandas."""
    with open_bytes(path) as file:
        try:
            read = pq.ParquetFile(file)
            names = read.schema_arrow.names
            if twice := next((name for name in names if names.count(name) > 1), None):
                raise SchemaError(f"{path}: two columns are named {twice!r}, wanted a name for each; rename one")
            yield read
        except (OSError, ValueError, pa.ArrowException, pl.exceptions.PolarsError) as error:
            raise SchemaError(f"{path}: not readable as Parquet: {first_line(error)}") from None
