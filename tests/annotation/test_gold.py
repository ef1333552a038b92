"""Gold files are read strictly: what is wrong with one is said before anybody is asked."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from annotation.gold import GoldItem, gold_items, read_gold, require_known
from schemas.errors import SchemaError

A, B = "a" * 32, "b" * 32


def items(*rows: dict[str, Any]) -> tuple[GoldItem, ...]:
    return gold_items(pl.DataFrame(list(rows)), "gold.jsonl")


def test_a_row_is_the_known_answers_on_a_plan() -> None:
    (found,) = items({"plan_id": A, "verdict": "fix", "strategy": 4, "abstraction": None, "note": "by two experts"})
    assert found == GoldItem(plan_id=A, verdict="fix", strategy=4)
    assert found.answers() == '{"strategy":4,"verdict":"fix"}'


def test_items_do_not_depend_on_the_order_of_the_rows() -> None:
    rows = [{"plan_id": B, "verdict": "keep"}, {"plan_id": A, "verdict": "discard"}]
    assert items(*rows) == items(*reversed(rows))


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_every_kind_of_file_says_the_same(tmp_path: Path, suffix: str) -> None:
    frame = pl.DataFrame({"plan_id": [A, B], "verdict": ["keep", "fix"], "strategy": [5, None]})
    path = tmp_path / f"gold{suffix}"
    {".jsonl": frame.write_ndjson, ".csv": frame.write_csv, ".parquet": frame.write_parquet}[suffix](path)
    assert read_gold(path) == (GoldItem(plan_id=A, verdict="keep", strategy=5), GoldItem(plan_id=B, verdict="fix"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"verdict": "maybe"}, 'record 1, verdict: found "maybe", wanted one of keep, fix, discard'),
        ({"verdict": None}, "record 1, verdict: found null, wanted one of"),
        ({"plan_id": "x"}, 'record 1, plan_id: found "x", wanted the 32 hex characters'),
        ({"strategy": 6}, "record 1, strategy: found 6, wanted a whole number from 1 to 5, or nothing"),
        ({"strategy": 2.5}, "record 1, strategy: found 2.5, wanted a whole number"),
        ({"abstraction": "good"}, 'record 1, abstraction: found "good", wanted a whole number'),
        ({"abstraction": 0}, "record 1, abstraction: found 0, wanted a whole number"),
        ({"strategy": float("nan")}, "record 1, strategy: found NaN, wanted a whole number"),
    ],
)
def test_what_is_no_answer_is_refused(row: dict[str, Any], message: str) -> None:
    with pytest.raises(SchemaError, match=f"gold.jsonl: {message}"):
        items({"plan_id": A, "verdict": "keep"} | row)


def test_a_plan_has_one_row() -> None:
    with pytest.raises(SchemaError, match=f"plan_id '{A}' stands in records 1, 2"):
        items({"plan_id": A, "verdict": "keep"}, {"plan_id": A, "verdict": "fix"})


def test_a_column_that_is_missing_is_named_with_the_nearest() -> None:
    with pytest.raises(SchemaError, match="no column 'verdict'; it has plan_id, verdicts; did you mean 'verdicts'"):
        items({"plan_id": A, "verdicts": "keep"})


def test_a_file_without_a_row_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text("")
    with pytest.raises(SchemaError, match="no row; wanted a plan with its known verdict"):
        read_gold(path)


def test_plans_that_are_not_in_the_run_are_counted_and_the_first_is_named() -> None:
    found = items({"plan_id": A, "verdict": "keep"}, {"plan_id": B, "verdict": "keep"})
    with pytest.raises(SchemaError, match=f'gold: 1 of 2 plans are not in this run, the first is "{B}"'):
        require_known(found, {A})
    require_known(found, {A, B})


def test_a_file_may_be_checked_against_the_run_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gold.csv"
    path.write_text(f"plan_id,verdict\n{A},keep\n")
    assert len(read_gold(path, [A])) == 1
    with pytest.raises(SchemaError, match=r"gold.csv: 1 of 1 plans are not in this run"):
        read_gold(path, [B])
