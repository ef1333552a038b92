"""Batch stages by digest, row-wise stages by owed work."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import BaseModel

from pipeline import bands as bands_stage
from pipeline.journal import Journal, journal_folder, leftover
from pipeline.runner import ErrorRate, Job, Shard, apply, owed, recover, shards, source_digest, work_off
from pipeline.store import Provenance, Run, append, open_run, publish
from schemas.errors import SchemaError, TooManyErrors
from schemas.tables import Adjudicated, Bands, Screened, frame_of

MADE_BY = Provenance("test")
BATCH_STAGE = """
from schemas.tables import Bands, Screened, frame_of

READS = (Screened,)
WRITES = Bands

def run(screened, config):
    row = {"decision": "kept", "reason": config.reason, "region": "in_band", "is_decided": True, "role": "target",
           "generator_id": "a" * 32, "n_guesses": 0, "c_guesses": 0}
    return frame_of(Bands, [{"prompt_id": id, **row} for id in screened["prompt_id"]])
"""


class Config(BaseModel):
    reason: str = "in_band"


def plan_id(number: int) -> str:
    return f"{number:032x}"


def keys(*numbers: int) -> pl.DataFrame:
    return pl.DataFrame({"plan_id": [plan_id(number) for number in numbers]}, schema={"plan_id": pl.String})


def judged(number: int, ratings: str = "well") -> dict[str, Any]:
    """A finished row: the plan is judged `keep`, or failed where `ratings` says so."""
    row = dict.fromkeys(Adjudicated.column_names())
    return row | {
        "plan_id": plan_id(number),
        "verdict": "keep",
        "ratings": ratings,
        "n_annotators": 1,
        "how": "majority",
    }


def row_wise(row: Callable[[int], dict[str, Any]]) -> ModuleType:
    """A row-wise stage that makes the row of plan `number` by calling `row(number)`."""
    stage = ModuleType("row_wise")
    stage.__file__ = __file__

    def work(owed: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
        for (plan,) in owed.select("plan_id").iter_rows():
            yield row(int(plan, 16))

    def failure(row: dict[str, Any]) -> str | None:
        return row["ratings"] if row["ratings"].startswith("error") else None

    vars(stage).update(READS=(), WRITES=Adjudicated, work=work, failure=failure)
    return stage


def work_all(run: Run, stage: ModuleType, *numbers: int, limit: float = 0.2) -> int:
    (shard,) = shards(stage, keys(*numbers), 1000)
    return work_off(run, Job(stage, [], Config()), shard, ErrorRate(limit))


def numbers(run: Run) -> list[int]:
    return sorted(int(plan, 16) for plan in run.read(Adjudicated)["plan_id"])


def journals(run: Run) -> list[int]:
    """Rows in each journal that is left."""
    return [len(rows) for _, rows in leftover(journal_folder(run, Adjudicated))]


def load_stage(folder: Path, text: str = BATCH_STAGE) -> ModuleType:
    path = folder / "a_stage.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("a_stage", path)
    assert spec is not None
    assert spec.loader is not None
    stage = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stage)
    return stage


@pytest.fixture
def local(tmp_path: Path) -> Run:
    """A local run with one screened prompt."""
    run = open_run(str(tmp_path / "run"))
    publish(run, Screened, screened(1), MADE_BY)
    return run


def screened(*numbers: int) -> pl.DataFrame:
    rows = [{"prompt_id": plan_id(n), "cluster_id": plan_id(n), "decision": "kept", "reason": "kept"} for n in numbers]
    return frame_of(Screened, rows)


def test_a_batch_stage_publishes_what_it_makes(local: Run, tmp_path: Path) -> None:
    assert apply(local, load_stage(tmp_path), Config())
    assert local.read(Bands)["prompt_id"].to_list() == [plan_id(1)]


def test_a_batch_stage_is_skipped_while_nothing_changed(local: Run, tmp_path: Path) -> None:
    stage = load_stage(tmp_path)
    assert apply(local, stage, Config(), extra={"verifier:math": "1"})
    before = local.manifest(Bands)
    assert not apply(local, stage, Config(), extra={"verifier:math": "1"})
    assert local.manifest(Bands) == before


def test_a_batch_stage_runs_again_when_an_input_changed(local: Run, tmp_path: Path) -> None:
    stage = load_stage(tmp_path)
    apply(local, stage, Config())
    publish(local, Screened, screened(1, 2), MADE_BY)
    assert apply(local, stage, Config())
    assert local.read(Bands).height == 2


def test_a_batch_stage_is_skipped_when_an_input_was_only_published_again(local: Run, tmp_path: Path) -> None:
    stage = load_stage(tmp_path)
    apply(local, stage, Config())
    publish(local, Screened, screened(1), MADE_BY)
    assert not apply(local, stage, Config())


def test_a_batch_stage_runs_again_when_its_config_or_a_named_input_changed(local: Run, tmp_path: Path) -> None:
    stage = load_stage(tmp_path)
    apply(local, stage, Config())
    assert apply(local, stage, Config(reason="replayed"))
    assert apply(local, stage, Config(reason="replayed"), extra={"verifier:math": "2"})


def test_a_batch_stage_runs_again_when_its_source_changed(local: Run, tmp_path: Path) -> None:
    apply(local, load_stage(tmp_path), Config())
    assert apply(local, load_stage(tmp_path, BATCH_STAGE.replace('"target"', '"judge"')), Config())
    assert local.read(Bands)["role"].to_list() == ["judge"]


def test_the_source_of_a_stage_includes_the_modules_it_imports(tmp_path: Path) -> None:
    alone = source_digest(load_stage(tmp_path))
    importing = source_digest(load_stage(tmp_path, BATCH_STAGE + "\nfrom pipeline import intervals\n"))
    commented = source_digest(load_stage(tmp_path, BATCH_STAGE + "\n\n"))
    assert len({alone, importing, commented, source_digest(bands_stage)}) == 4


@given(wanted=st.sets(st.integers(0, 30)), had=st.sets(st.integers(0, 30)))
def test_owed_is_wanted_minus_had_and_nothing_once_it_is_done(wanted: set[int], had: set[int]) -> None:
    todo = owed(keys(*wanted), keys(*had), Adjudicated)
    assert {int(plan, 16) for plan in todo["plan_id"]} == wanted - had
    assert owed(keys(*wanted), pl.concat([keys(*had), todo]), Adjudicated).is_empty()


def test_owed_keeps_order_and_columns() -> None:
    wanted = keys(3, 1, 2).with_columns(sample_index=pl.Series([7, 8, 9]))
    expected = pl.DataFrame({"plan_id": [plan_id(3), plan_id(2)], "sample_index": [7, 9]})
    assert_frame_equal(owed(wanted, keys(1), Adjudicated), expected)


def test_shards_cover_what_is_owed_and_are_named_for_it() -> None:
    stage = row_wise(judged)
    cut = shards(stage, keys(*range(5)), 2)
    assert [shard.owed.height for shard in cut] == [2, 2, 1]
    assert_frame_equal(pl.concat([shard.owed for shard in cut]), keys(*range(5)))
    assert [shard.name for shard in cut] == [shard.name for shard in shards(stage, keys(*range(5)), 2)]
    assert shards(stage, keys(), 2) == []


def test_a_shard_is_published_and_its_journal_removed(run: Run) -> None:
    assert work_all(run, row_wise(judged), 1, 2, 3) == 3
    assert numbers(run) == [1, 2, 3]
    assert journals(run) == []


def test_progress_counts_every_row_once(local: Run) -> None:
    seen: list[int] = []
    (shard,) = shards(row_wise(judged), keys(1, 2, 3), 10)
    work_off(local, Job(row_wise(judged), [], Config()), shard, ErrorRate(0.2), seen.append)
    assert sum(seen) == 3


def dies_at(number: int, error: type[BaseException]) -> ModuleType:
    def row(n: int) -> dict[str, Any]:
        if n == number:
            raise error
        return judged(n)

    return row_wise(row)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, OSError])
def test_a_kill_keeps_finished_rows_and_recovery_publishes_them_once(run: Run, error: type[BaseException]) -> None:
    with pytest.raises(error):
        work_all(run, dies_at(3, error), 1, 2, 3, 4)
    assert (numbers(run), journals(run)) == ([], [2])
    stage = row_wise(judged)
    assert recover(run, stage) == 2
    assert recover(run, stage) == 0
    assert (numbers(run), journals(run)) == ([1, 2], [])
    left = owed(keys(1, 2, 3, 4), run.read(Adjudicated), Adjudicated)
    assert_frame_equal(left, keys(3, 4))


def test_the_same_shard_goes_on_where_it_stopped(run: Run) -> None:
    worked: list[int] = []

    def row(number: int) -> dict[str, Any]:
        worked.append(number)
        return judged(number)

    with pytest.raises(KeyboardInterrupt):
        work_all(run, dies_at(3, KeyboardInterrupt), 1, 2, 3, 4)
    work_all(run, row_wise(row), 1, 2, 3, 4)
    assert worked == [3, 4]
    assert numbers(run) == [1, 2, 3, 4]


def test_a_kill_between_publishing_and_forgetting_doubles_nothing(local: Run) -> None:
    rows = [judged(1), judged(2)]
    (shard,) = shards(row_wise(judged), keys(1, 2), 10)
    with Journal(journal_folder(local, Adjudicated), shard.name) as journal:
        for row in rows:
            journal.write(row)
    append(local, Adjudicated, frame_of(Adjudicated, rows), MADE_BY)
    work_all(local, row_wise(judged), 1, 2)  # tried again by the same process
    assert (numbers(local), journals(local)) == ([1, 2], [])


def test_rows_that_two_dead_processes_left_are_published_once(local: Run) -> None:
    append(local, Adjudicated, frame_of(Adjudicated, [judged(1)]), MADE_BY)
    for name, plans in (("first", (1, 2)), ("second", (2, 3))):
        with Journal(journal_folder(local, Adjudicated), name) as journal:
            for number in plans:
                journal.write(judged(number))
    assert recover(local, row_wise(judged)) == 2
    assert numbers(local) == [1, 2, 3]


def test_a_journal_that_cannot_be_published_is_named_and_kept(local: Run) -> None:
    folder = journal_folder(local, Adjudicated)
    with Journal(folder, "shard") as journal:
        journal.write({**judged(1), "n_annotators": -1})
    with pytest.raises(SchemaError, match=f"{folder}, left by an earlier process: .*'n_annotators'"):
        recover(local, row_wise(judged))
    assert journals(local) == [1]


def test_a_row_that_is_not_unicode_is_published_with_a_replacement(local: Run) -> None:
    work_all(local, row_wise(lambda number: judged(number, ratings="\ud800\0")), 1)
    assert local.read(Adjudicated)["ratings"].to_list() == ["\ufffd\0"]


def fails(*bad: int) -> ModuleType:
    return row_wise(lambda number: judged(number, ratings=f"error {number % 2}" if number in bad else "well"))


def test_too_many_errors_name_the_commonest_reasons(local: Run) -> None:
    with pytest.raises(TooManyErrors) as raised:
        work_all(local, fails(6, *range(3, 23, 2)), *range(1, 100))
    told = "row_wise: 11 of 21 rows failed, more than max_error_rate = 0.2: error 1 (10x), error 0 (1x); "
    assert str(raised.value).startswith(told)


def test_too_many_errors_publish_good_rows_and_owe_the_failed_ones(run: Run) -> None:
    with pytest.raises(TooManyErrors):
        work_all(run, fails(*range(3, 100)), *range(1, 100))
    assert (numbers(run), journals(run)) == ([1, 2], [])
    assert recover(run, row_wise(judged)) == 0


def test_a_few_failed_rows_are_published_as_data(local: Run) -> None:
    work_all(local, fails(1, 2, 3, 4), *range(1, 100))
    assert local.read(Adjudicated)["ratings"].str.starts_with("error").sum() == 4


@pytest.mark.parametrize(
    ("limit", "n_done", "n_failed", "is_too_high"),
    [
        (0.2, 10, 10, False), (0.2, 11, 11, True), (0.2, 50, 10, False), (0.2, 100, 20, False), (0.2, 100, 21, True),
        (0.0, 1, 0, False), (0.0, 1, 1, True), (1.0, 90, 90, False),
    ],
)  # fmt: skip
def test_few_rows_count_as_fifty(limit: float, n_done: int, n_failed: int, is_too_high: bool) -> None:
    rate = ErrorRate(limit)
    for number in range(n_done):
        rate.add("reason" if number < n_failed else None)
    assert rate.is_too_high() == is_too_high


def test_the_stage_is_closed_when_work_stops_early(local: Run) -> None:
    closed: list[bool] = []
    stage = fails(*range(100))
    rows = stage.work

    def work(owed: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
        try:
            yield from rows(owed, config)
        finally:
            closed.append(True)

    vars(stage).update(work=work)
    with pytest.raises(TooManyErrors):
        work_off(local, Job(stage, [], Config()), Shard("s", keys(*range(1, 50))), ErrorRate(0.2))
    assert closed == [True]


def test_parts_are_published_while_the_work_goes_on(run: Run) -> None:
    published: list[list[int]] = []

    def row(number: int) -> dict[str, Any]:
        published.append(numbers(run))
        return judged(number)

    stage = row_wise(row)
    (shard,) = shards(stage, keys(*range(5)), 1000)
    assert work_off(run, Job(stage, [], Config()), shard, ErrorRate(0.2), part_rows=2) == 5
    assert published == [[], [], [0, 1], [0, 1], [0, 1, 2, 3]]
    assert (numbers(run), journals(run)) == ([0, 1, 2, 3, 4], [])


def test_an_attempt_that_was_cut_off_between_parts_goes_on_behind_them(run: Run) -> None:
    stage = dies_at(4, KeyboardInterrupt)
    (shard,) = shards(stage, keys(*range(6)), 1000)
    with pytest.raises(KeyboardInterrupt):
        work_off(run, Job(stage, [], Config()), shard, ErrorRate(0.2), part_rows=3)
    assert (numbers(run), journals(run)) == ([0, 1, 2], [1])
    assert work_off(run, Job(row_wise(judged), [], Config()), shard, ErrorRate(0.2), part_rows=3) == 2
    assert (numbers(run), journals(run)) == ([0, 1, 2, 3, 4, 5], [])


def test_only_the_columns_that_are_named_are_read(run: Run) -> None:
    work_all(run, row_wise(judged), 1, 2)
    assert run.keys(Adjudicated, "ratings").columns == ["plan_id", "ratings"]
    assert run.keys(Bands).columns == ["prompt_id"]
