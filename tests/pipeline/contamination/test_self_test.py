"""What the rules find of what is planted."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.contamination.self_test import Config, run
from schemas.tables import Benchmarks, SelfTests, frame_of

THINGS = (
    "bagels", "tickets", "lamps", "rivers", "stamps", "violins", "maps", "kettles", "tulips", "engines", "toys", "hats",
)  # fmt: skip


def problem(n: int) -> str:
    a, b, c = THINGS[n % 12], THINGS[(5 * n + 3) % 12], THINGS[(7 * n + 1) % 12]
    return (
        f"A dealer in {a} owns {17 + 13 * n} of them and trades every third one for {b} with somebody who keeps "
        f"{400 - 9 * n} {c} behind a barn. How many {b} can the dealer of {a} have when {n + 5} of the {c} are gone?"
    )


@pytest.fixture(scope="module")
def benchmarks() -> pl.DataFrame:
    rows = [
        {"benchmark": "b", "benchmark_row": str(n), "text": problem(n), "answer": str(100 + n)} for n in range(1, 41)
    ]
    return frame_of(Benchmarks, rows)


@pytest.fixture(scope="module")
def config() -> Config:
    return Config(self_test=30, rules=["coverage_8", "numbers"])


def hits(found: pl.DataFrame, rule: str) -> dict[str, int]:
    return dict(found.filter(rule=rule).select(pl.col("kind").cast(pl.String), "n_hit").rows())


def test_copies_are_found_and_words_alone_do_not_find_paraphrases(benchmarks, config) -> None:
    found = run(benchmarks, config)
    SelfTests.validate(found)
    assert found["n"].unique().to_list() == [30]
    covered, numbers = hits(found, "coverage_8"), hits(found, "numbers")
    assert covered["exact"] == numbers["exact"] == 30
    assert covered["rephrased"] < 5 < numbers["rephrased"]
    assert numbers["clean"] == 0


def test_a_rule_that_hits_other_problems_shows_false_positives(benchmarks) -> None:
    loose = run(benchmarks, Config(rules=["ngram_8", "coverage_8"], coverage=0.99, self_test=30))
    same = benchmarks.with_columns(text=pl.col("text") + " Think of the other traders too before you say what it is.")
    assert hits(run(same, Config(rules=["ngram_8"], self_test=30)), "ngram_8")["clean"] > 15
    assert hits(loose, "coverage_8")["clean"] == 0


def test_the_order_of_rows_and_rows_of_the_same_text_change_nothing(benchmarks, config) -> None:
    again = pl.concat([benchmarks, benchmarks.with_columns(benchmark=pl.lit("c"))]).reverse()
    assert_frame_equal(run(benchmarks, config), run(again, config))


def test_without_benchmarks_or_rows_to_plant_nothing_is_measured(benchmarks, config) -> None:
    assert run(benchmarks.clear(), config).is_empty()
    assert run(benchmarks, config.model_copy(update={"self_test": 0})).is_empty()


def test_a_benchmark_of_one_row_has_no_other_rows_to_be_confused_with(benchmarks, config) -> None:
    assert set(run(benchmarks.head(1), config)["kind"].cast(pl.String)) == {"exact", "edited", "rephrased"}
