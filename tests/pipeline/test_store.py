"""Tables on local folders, in memory and on S3: manifests last, swapped only against the version that was read."""

import datetime
import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import polars as pl
import pyarrow.parquet
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from polars.testing import assert_frame_equal

from pipeline.blobs import Conflict
from pipeline.store import Provenance, Run, append, digest, open_run, publish, seal, set_aside, sweep
from schemas.errors import SchemaError, StoreError
from schemas.tables import TABLES, Annotations, Bands, Plans, Prompts, frame_of, table_name

MADE_BY = Provenance("test")


def bands(*names: str, region: str = "in_band") -> pl.DataFrame:
    """One row a name, which is one hexadecimal digit or a number in hexadecimal."""
    rest = {"region": region, "is_decided": True, "reason": "in_band", "role": "target", "generator_id": "a" * 32}
    rest |= {"decision": "kept", "n_guesses": 0, "c_guesses": 0}
    return frame_of(Bands, [{"prompt_id": name.rjust(32, "0"), **rest} for name in names])


def ids(run: Run) -> list[str]:
    return sorted(name.lstrip("0") for name in run.read(Bands)["prompt_id"])


def annotations() -> pl.DataFrame:
    answered_at = datetime.datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=datetime.UTC)
    row = {"record_id": "a" * 32, "question": "q", "annotator": "p", "version": 1, "value": '{"é": "\u2028\\u0000"}'}
    row |= {"status": "submitted", "annotator_kind": "person", "guideline_version": "1", "answered_at": answered_at}
    return frame_of(Annotations, [row])


def plans() -> pl.DataFrame:
    step = {"id": "1", "goal": "g\0", "how": "h", "depends_on": ["2", "3"], "effort_tokens": None, "check": None}
    step |= {"on_failure": None, "action": "(pick-up a)"}
    row = {"plan_id": "b" * 32, "prompt_id": "c" * 32, "rollout_id": None, "parent_plan_id": None, "strategy": None}
    row |= {"origin": "model", "status": "parsed", "steps": [step], "n_steps": 1, "saw": "problem"}
    return frame_of(Plans, [{**dict.fromkeys(Plans.column_names()), **row}])


@pytest.mark.parametrize(("table", "frame"), [(Bands, bands("1", "2")), (Annotations, annotations()), (Plans, plans())])
def test_what_is_published_is_read_back_with_its_types(run: Run, table: Any, frame: pl.DataFrame) -> None:
    publish(run, table, frame, MADE_BY)
    assert_frame_equal(run.read(table), frame)


def test_a_table_that_is_not_published_is_empty_and_typed(run: Run) -> None:
    assert run.manifest(Bands) is None
    assert_frame_equal(run.read(Bands), Bands.create_empty())


def test_every_table_can_be_published_without_rows(tmp_path: Path) -> None:
    run = open_run(str(tmp_path))
    for table in TABLES:
        publish(run, table, table.create_empty(), MADE_BY)
        assert_frame_equal(run.read(table), pl.DataFrame(table.create_empty()))


def test_rows_are_stored_in_the_order_of_their_key(run: Run) -> None:
    publish(run, Bands, bands("3", "1", "2"), MADE_BY)
    assert run.read(Bands)["prompt_id"].is_sorted()


def test_the_order_of_rows_and_columns_changes_nothing_that_is_published(run: Run) -> None:
    first = publish(run, Bands, bands("1", "2"), MADE_BY)
    second = publish(run, Bands, bands("2", "1").select(reversed(Bands.column_names())), MADE_BY)
    assert digest(first) == digest(second)


def test_the_manifest_says_what_the_table_is_and_how_it_was_made(run: Run) -> None:
    publish(run, Bands, bands("1", "2"), Provenance("pipeline.bands", {"low": 0.1}, {"pass_rates": "d"}, "s"))
    found = run.manifest(Bands) or {}
    expected = {
        "table": "bands", "stage": "pipeline.bands", "rows": 2, "key": ["prompt_id"], "config": {"low": 0.1},
        "inputs": {"pass_rates": "d"}, "source_digest": "s", "sealed": True, "version": 1,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert found["versions"]["polars"] == pl.__version__
    assert [part["rows"] for part in found["parts"]] == [2]


def test_a_new_version_replaces_the_old_one_and_its_files(run: Run) -> None:
    publish(run, Bands, bands("1"), MADE_BY)
    publish(run, Bands, bands("2"), MADE_BY)
    assert ids(run) == ["2"]
    assert len(run.fs.glob(f"{run.path('bands')}/*.parquet")) == 1


def test_parts_open_without_our_code(run: Run) -> None:
    append(run, Bands, bands("1"), MADE_BY)
    append(run, Bands, bands("2", region="too_easy"), MADE_BY)
    arrow = [pyarrow.parquet.read_table(run.fs.open(path)) for path in run.part_paths(Bands)]
    assert {str(table.schema.field("region").type) for table in arrow} <= {"string", "large_string"}
    assert sorted(value for table in arrow for value in table["region"].to_pylist()) == ["in_band", "too_easy"]


def test_parts_open_with_duckdb_and_polars(tmp_path: Path) -> None:
    run = open_run(str(tmp_path))
    publish(run, Plans, plans(), MADE_BY)
    files = str(tmp_path / "plans" / "*.parquet")
    found = duckdb.sql(f"SELECT typeof(status), status, steps[1].depends_on FROM '{files}'").fetchall()
    assert found == [("VARCHAR", "parsed", ["2", "3"])]
    assert pl.scan_parquet(files).collect_schema()["status"] == pl.String


@pytest.mark.slow
def test_parts_open_with_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    import datasets

    run = open_run(str(tmp_path / "run"))
    publish(run, Plans, plans(), MADE_BY)
    found = datasets.load_dataset("parquet", data_files=run.part_paths(Plans), cache_dir=str(tmp_path / "cache"))
    assert found["train"][0]["steps"][0]["depends_on"] == ["2", "3"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (bands("1").drop("reason"), "'reason'"),
        (bands("1").with_columns(is_decided=pl.lit("yes")), "'is_decided', got: String"),
        (bands("1").with_columns(pass_rate=pl.lit(2.0)), "Column 'pass_rate' failed validation .* 'max'"),
        (bands("1").with_columns(prompt_id=pl.lit("x")), "Column 'prompt_id' .* 'regex'"),
        (bands("1").with_columns(role=pl.lit(None, pl.String)), "Column 'role' .* 'nullability'"),
        (bands("1", "1"), r"key is prompt_id.*'primary_key' failed for 2 rows"),
    ],
    ids=["missing", "type", "range", "id", "null", "duplicate key"],
)
def test_rows_that_break_the_declaration_are_refused(tmp_path: Path, wrong: pl.DataFrame, named: str) -> None:
    run = open_run(str(tmp_path))
    with pytest.raises(SchemaError, match=f"bands: rows do not match .*{named}") as refused:
        publish(run, Bands, wrong, MADE_BY)
    assert "\n" not in str(refused.value)
    assert run.manifest(Bands) is None


def test_appended_parts_add_up_and_the_same_rows_are_added_once(run: Run) -> None:
    append(run, Bands, bands("1"), MADE_BY)
    append(run, Bands, bands("2"), MADE_BY)
    append(run, Bands, bands("1"), MADE_BY)
    assert ids(run) == ["1", "2"]
    assert (run.manifest(Bands) or {})["rows"] == 2


def test_a_table_is_sealed_at_its_fixed_point_and_opened_by_a_new_part(run: Run) -> None:
    def is_sealed() -> bool:
        return bool((run.manifest(Bands) or {})["sealed"])

    append(run, Bands, bands("1"), MADE_BY)
    assert not is_sealed()
    seal(run, Bands)
    assert is_sealed()
    append(run, Bands, bands("2"), MADE_BY)
    assert not is_sealed()


def test_sealing_what_is_not_published_does_nothing(run: Run) -> None:
    seal(run, Bands)
    assert run.manifest(Bands) is None


def test_the_digest_depends_on_rows_and_not_on_the_order_of_parts(tmp_path: Path) -> None:
    there, back = open_run(str(tmp_path / "there")), open_run(str(tmp_path / "back"))
    for name, again in (("1", "2"), ("2", "1")):
        append(there, Bands, bands(name), MADE_BY)
        append(back, Bands, bands(again), MADE_BY)
    assert digest(there.manifest(Bands)) == digest(back.manifest(Bands))
    append(back, Bands, bands("3"), MADE_BY)
    assert digest(there.manifest(Bands)) != digest(back.manifest(Bands))
    assert digest(None) == ""


def test_of_writers_that_append_at_once_no_part_is_lost(run: Run) -> None:
    def write(writer: str) -> None:
        for number in range(5):
            append(run, Bands, bands(f"{writer}{number}"), MADE_BY)

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, "12345678"))
    assert ids(run) == sorted(f"{writer}{number}" for writer in "12345678" for number in range(5))
    assert (run.manifest(Bands) or {})["version"] == 40


class Meddler(MemoryFileSystem):
    """Calls `meddle` once, just before a part is written: another writer gets in between."""

    protocol = "meddler"
    store: dict[str, Any] = {}  # noqa: RUF012  a filesystem of its own
    cachable = False
    meddle: Any = None

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        if self.meddle and "part-" in path:
            meddle, self.meddle = self.meddle, None
            meddle()
        super().pipe_file(path, value, mode, **kwargs)


def meddled() -> Run:
    """A run with one row, on a filesystem where another writer appends a row during the next write."""
    fs = Meddler()
    run = Run("meddler://", fs, f"/{uuid.uuid4().hex}")
    publish(run, Bands, bands("1"), MADE_BY)
    fs.meddle = lambda: append(run, Bands, bands("2"), MADE_BY)
    return run


def test_a_table_that_changed_since_it_was_read_is_not_replaced() -> None:
    run = meddled()
    with pytest.raises(Conflict, match="changed by another writer"):
        publish(run, Bands, bands("3"), MADE_BY)
    assert ids(run) == ["1", "2"]


def test_an_append_that_meets_another_keeps_both() -> None:
    run = meddled()
    append(run, Bands, bands("3"), MADE_BY)
    assert ids(run) == ["1", "2", "3"]


def test_setting_rows_aside_loses_none_that_arrive_meanwhile() -> None:
    run = meddled()
    with pytest.raises(Conflict):
        set_aside(run, Bands, bands("1"))
    assert ids(run) == ["1", "2"]


class Dying(MemoryFileSystem):
    """Dies at the write whose path contains `at`: what is written before stays."""

    protocol = "dying"
    store: dict[str, Any] = {}  # noqa: RUF012  a filesystem of its own
    cachable = False
    at: str = "nowhere"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        if self.at in path:
            raise KeyboardInterrupt
        super().pipe_file(path, value, mode, **kwargs)

    def rm_file(self, path: str) -> None:
        if self.at == "removal":
            raise KeyboardInterrupt
        super().rm_file(path)


@pytest.mark.parametrize(("at", "left"), [("part-", "1"), ("manifest.json", "1"), ("removal", "2")])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_kill_at_any_write_leaves_the_old_or_the_new_table(at: str, left: str, is_first: bool) -> None:
    fs = Dying()
    run = Run("dying://", fs, f"/{uuid.uuid4().hex}")
    if not is_first:
        publish(run, Bands, bands("1"), MADE_BY)
    fs.at = at
    try:
        publish(run, Bands, bands("2"), MADE_BY)
    except KeyboardInterrupt:
        left = "" if is_first else left
    else:
        left = "2"  # where nothing was there before, there is nothing to remove
    assert ids(run) == [name for name in [left] if name]
    fs.at = "nowhere"
    publish(run, Bands, bands("2"), MADE_BY)
    sweep(run)
    assert ids(run) == ["2"]
    assert len(fs.glob(f"{run.path('bands')}/*.parquet")) == 1


@pytest.mark.parametrize("at", ["part-", "manifest.json"])
def test_a_killed_append_can_be_done_again(at: str) -> None:
    fs = Dying()
    run = Run("dying://", fs, f"/{uuid.uuid4().hex}")
    append(run, Bands, bands("1"), MADE_BY)
    fs.at = at
    with pytest.raises(KeyboardInterrupt):
        append(run, Bands, bands("2"), MADE_BY)
    assert ids(run) == ["1"]
    fs.at = "nowhere"
    append(run, Bands, bands("2"), MADE_BY)
    assert ids(run) == ["1", "2"]


class Lagging(MemoryFileSystem):
    """Lists what was there some time ago: `shown` (nothing, or a stale state), whatever is there now."""

    protocol = "lagging"
    store: dict[str, Any] = {}  # noqa: RUF012  a filesystem of its own
    cachable = False
    shown: tuple[str, ...] = ()

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        found = [name for name in self.shown if name.rpartition("/")[0] == self._strip_protocol(path)]
        return [{"name": name, "size": 0, "type": "file"} if detail else name for name in found]

    def find(self, path: str, *args: Any, **kwargs: Any) -> Any:
        return [name for name in self.shown if name.startswith(self._strip_protocol(path))]

    def glob(self, path: str, *args: Any, **kwargs: Any) -> Any:
        return list(self.shown)

    def exists(self, path: str, **kwargs: Any) -> bool:
        return path in self.shown


def test_a_listing_that_shows_nothing_hides_no_row() -> None:
    run = Run("lagging://", Lagging(), f"/{uuid.uuid4().hex}")
    publish(run, Bands, bands("1"), MADE_BY)
    append(run, Bands, bands("2"), MADE_BY)
    assert sweep(run) == []
    assert ids(run) == ["1", "2"]


def test_a_listing_that_shows_what_is_gone_brings_nothing_back() -> None:
    fs = Lagging()
    run = Run("lagging://", fs, f"/{uuid.uuid4().hex}")
    publish(run, Bands, bands("1"), MADE_BY)
    fs.shown = tuple(run.part_paths(Bands))
    publish(run, Bands, bands("2"), MADE_BY)
    assert ids(run) == ["2"]
    sweep(run)
    assert ids(run) == ["2"]


@pytest.mark.server
def test_s3_a_cached_listing_hides_no_row(s3_bucket: str) -> None:
    run = open_run(f"{s3_bucket}/{uuid.uuid4().hex}")
    publish(run, Bands, bands("1"), MADE_BY)
    run.fs.ls(run.path("bands"))
    other = Run(run.url, type(run.fs)(skip_instance_cache=True, use_listings_cache=False), run.root)
    publish(other, Bands, bands("2"), MADE_BY)
    append(other, Bands, bands("3"), MADE_BY)
    assert ids(run) == ["2", "3"]
    append(run, Bands, bands("4"), MADE_BY)
    assert ids(other) == ["2", "3", "4"]


def test_a_reader_that_is_overtaken_reads_the_new_version(run: Run) -> None:
    publish(run, Bands, bands("1"), MADE_BY)
    stop = threading.Event()
    seen: set[tuple[str, ...]] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(tuple(ids(run)))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2, 10):
        publish(run, Bands, bands(str(number)), MADE_BY)
    stop.set()
    reader.join()
    assert seen
    assert all(len(names) == 1 for names in seen)


def test_rows_set_aside_are_kept_and_owed_again(run: Run) -> None:
    append(run, Bands, bands("1", "2"), Provenance("pipeline.bands", source_digest="s"))
    append(run, Bands, bands("3"), Provenance("pipeline.bands", source_digest="s"))
    rows = run.read(Bands).filter(pl.col("prompt_id").str.ends_with("2"))
    assert set_aside(run, Bands, rows) == 1
    assert ids(run) == ["1", "3"]
    (kept,) = run.fs.ls(run.path("set_aside"), detail=False)
    assert pl.read_parquet(run.fs.open(kept))["prompt_id"].to_list() == rows["prompt_id"].to_list()
    assert not (run.manifest(Bands) or {})["sealed"]


def test_setting_nothing_aside_changes_nothing(run: Run) -> None:
    assert set_aside(run, Bands, bands("1")) == 0
    before = publish(run, Bands, bands("1"), MADE_BY)
    assert set_aside(run, Bands, bands()) == 0
    assert run.manifest(Bands) == before


def test_a_part_that_is_gone_is_named(run: Run) -> None:
    publish(run, Bands, bands("1"), MADE_BY)
    (part,) = run.part_paths(Bands)
    run.fs.rm_file(part)
    with pytest.raises(StoreError, match=rf"{part}: the manifest names this part, but it is gone"):
        run.read(Bands)


@pytest.mark.parametrize("content", [b"", b"junk", b"PAR1 torn"])
def test_a_torn_part_is_named(run: Run, content: bytes) -> None:
    publish(run, Bands, bands("1"), MADE_BY)
    (part,) = run.part_paths(Bands)
    run.fs.pipe_file(part, content)
    with pytest.raises(StoreError, match=rf"{part}: not a readable Parquet file"):
        run.read(Bands)


def test_a_torn_manifest_is_named(run: Run) -> None:
    publish(run, Bands, bands("1"), MADE_BY)
    run.fs.pipe_file(run.path("bands", "manifest.json"), b'{"parts": [')
    with pytest.raises(StoreError, match=r"bands/manifest\.json: not a readable manifest"):
        run.read(Bands)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda frame: frame.drop("role").with_columns(new=1), r"missing \['role'\], unknown \['new'\]"),
        (lambda frame: frame.with_columns(region=pl.lit("perfect")), "made by another version .*perfect"),
    ],
    ids=["columns", "values"],
)
def test_a_table_of_another_version_is_not_misread(tmp_path: Path, change: Any, told: str) -> None:
    run = open_run(str(tmp_path))
    publish(run, Bands, bands("1"), MADE_BY)
    (part,) = run.part_paths(Bands)
    change(pl.read_parquet(part)).write_parquet(part)
    with pytest.raises(SchemaError, match=told):
        run.read(Bands)


def test_special_characters_in_a_path_are_no_pattern(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run [1] * é"))
    publish(run, Bands, bands("1"), MADE_BY)
    (tmp_path / "run [1] * é" / "bands" / "part-orphan.parquet").write_bytes(b"")
    assert len(sweep(run)) == 1
    assert ids(run) == ["1"]


def test_a_location_opens_without_the_run(run: Run) -> None:
    publish(run, Bands, bands("1"), MADE_BY)
    with fsspec.open(run.location("bands", "manifest.json")) as file:
        assert json.load(file) == run.manifest(Bands)


def test_an_unknown_url_is_the_users_error() -> None:
    with pytest.raises(StoreError, match="nosuch://bucket/run: Protocol not known"):
        open_run("nosuch://bucket/run")


def test_opening_a_run_creates_nothing(tmp_path: Path) -> None:
    run = open_run(str(tmp_path / "run"))
    run.read(Prompts)
    sweep(run)
    assert list(tmp_path.iterdir()) == []


def test_table_folders_are_named_for_their_table(run: Run) -> None:
    publish(run, Bands, bands("1"), MADE_BY)
    manifest = json.loads(run.fs.cat_file(run.path(table_name(Bands), "manifest.json")))
    assert run.part_paths(Bands) == [run.path("bands", part["name"]) for part in manifest["parts"]]


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b"3", b'{"parts": 3}'])
def test_a_damaged_manifest_is_one_line_and_loses_no_part(tmp_path: Path, content: bytes) -> None:
    run = open_run(str(tmp_path))
    append(run, Bands, Bands.create_empty(), Provenance("test"))
    (tmp_path / "bands/manifest.json").write_bytes(content)
    with pytest.raises(StoreError, match="not a readable manifest"):
        sweep(run)
    assert len(list(tmp_path.glob("bands/*.parquet"))) == 1


def test_parts_of_a_lost_manifest_are_set_aside(tmp_path: Path) -> None:
    run = open_run(str(tmp_path))
    append(run, Bands, Bands.create_empty(), Provenance("test"))
    (tmp_path / "bands/manifest.json").unlink()
    assert len(sweep(run)) == 1
    assert len(list(tmp_path.glob("set_aside/bands-part-*.parquet"))) == 1
