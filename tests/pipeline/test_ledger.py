"""Every verdict falls into exactly one of nine counts."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger import COUNTS, ENTRIES, counts, entry, is_rated, n_judged, n_rated, n_samples, n_undecided
from schemas.recipe import Band
from schemas.tables import OUTCOMES, PassRates

REASONS = st.sampled_from([*ENTRIES, "equal", "cosmic_ray", "", None])
VERDICTS = st.lists(st.tuples(st.sampled_from(OUTCOMES), REASONS), min_size=1, max_size=30)


def ledger(verdicts: list[tuple[str, str | None]]) -> pl.DataFrame:
    schema = {"outcome": pl.Enum(OUTCOMES), "reason": pl.String}
    return pl.DataFrame(verdicts, schema=schema, orient="row").with_columns(entry())


def expected(outcome: str, reason: str | None) -> str:
    if outcome != "undecided":
        return f"n_{outcome}"
    return f"n_{reason}" if reason in ENTRIES[2:] else "n_verifier_error"


@given(VERDICTS)
def test_counts_partition_the_verdicts(verdicts: list[tuple[str, str | None]]) -> None:
    row = ledger(verdicts).select(counts()).row(0, named=True)
    assert {name: n for name, n in row.items() if n} == Counter(expected(*verdict) for verdict in verdicts)
    assert tuple(row) == COUNTS


@given(VERDICTS, st.sampled_from(["undecided", "incorrect"]))
def test_what_is_rated_is_the_same_by_verdict_and_by_count(
    verdicts: list[tuple[str, str | None]], truncated: str
) -> None:
    band, frame = Band.model_validate({"truncated": truncated}), ledger(verdicts)
    rated = frame.select(is_rated(band).sum()).item()
    sums = frame.select(counts()).select(n_rated(band).alias("rated"), all=n_judged() + n_undecided(), n=n_samples())
    assert sums.row(0) == (rated, len(verdicts), len(verdicts))


@pytest.mark.parametrize("name", COUNTS)
def test_each_count_is_a_column_of_the_table(name: str) -> None:
    assert name in PassRates.column_names()
