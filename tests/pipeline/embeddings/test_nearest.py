"""The rule `embedding` names the nearest benchmark row, and a judge may say that it is another problem."""

import logging
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.contamination.nearest import nearest_rows
from pipeline.contamination.same_problem import read_answer
from schemas.errors import BackendError, RecipeError
from schemas.recipe import Decontaminate

OURS = pl.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "text": ["a cook bakes cakes", "a locomotive covers 7 miles", "red marbles", ""],
    }
)
BENCHMARKS = pl.DataFrame(
    {
        "benchmark": ["x", "x", "y"],
        "benchmark_row": ["0", "1", "0"],
        "text": ["the train travels seven miles", "a baker makes cakes", "the baker makes cakes"],
    }
)


def rule(where: Any, judge: str = "") -> Decontaminate:
    return Decontaminate(rules=["embedding"], embedder=str(where), judge=judge)


def test_the_nearest_row_is_named(embedding_model: Path) -> None:
    found = nearest_rows(OURS, BENCHMARKS, rule(embedding_model))
    assert found.rows(named=False)[3] == ("d", None, None, 0.0, False)
    assert found["contaminated"].to_list() == [True, True, False, False]
    assert found.select("benchmark", "benchmark_row").rows()[:2] == [("x", "1"), ("x", "0")]
    assert found["score"][:2].min() > 0.9 > found["score"][2]


def test_no_benchmark_rows_and_no_rows_are_no_hits(embedding_model: Path) -> None:
    found = nearest_rows(OURS, BENCHMARKS[:0], rule(embedding_model))
    assert found.select("benchmark", "score", "contaminated").unique().rows() == [(None, 0.0, False)]
    assert nearest_rows(OURS[:0], BENCHMARKS, rule(embedding_model)).height == 0


@pytest.mark.server
def test_a_judge_that_says_no_clears_a_row(embedding_model: Path, embedding_server: Any) -> None:
    embedding_server.says = lambda text: "No." if "locomotive" in text else "<think>no</think>Yes"
    found = nearest_rows(OURS, BENCHMARKS, rule(embedding_model, f"{embedding_server.url}#judge"))
    assert found["contaminated"].to_list() == [True, False, False, False]
    without = nearest_rows(OURS, BENCHMARKS, rule(embedding_model))
    assert_frame_equal(found.drop("contaminated"), without.drop("contaminated"))
    assert len(embedding_server.asked) == 3


@pytest.mark.server
def test_the_row_that_a_judge_confirms_is_named(embedding_model: Path, embedding_server: Any) -> None:
    embedding_server.says = lambda text: "yes" if "the baker" in text else "no"
    found = nearest_rows(OURS, BENCHMARKS, rule(embedding_model, f"{embedding_server.url}#judge"))
    assert found.row(0)[:3] == ("a", "y", "0")


@pytest.mark.server
def test_what_a_judge_does_not_answer_stays_contaminated_and_is_told(
    embedding_model: Path, embedding_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    embedding_server.says = lambda text: "it depends" if "locomotive" in text else "no"
    with caplog.at_level(logging.WARNING):
        found = nearest_rows(OURS, BENCHMARKS, rule(embedding_model, f"{embedding_server.url}#judge"))
    assert found["contaminated"].to_list() == [False, True, False, False]
    assert "pairs that the judge read: 2 different, 1 unreadable (only" in caplog.text


@pytest.mark.server
def test_a_row_near_a_whole_benchmark_is_not_cleared_by_the_first_pairs(
    embedding_model: Path, embedding_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    embedding_server.says = lambda _: "no"
    benchmark = pl.DataFrame({"benchmark": "x", "benchmark_row": map(str, range(20, 40)), "text": "sells red cakes"})
    benchmark = benchmark.with_columns(text=pl.col("text") + " " + pl.col("benchmark_row"))
    ours = pl.DataFrame({"id": ["a"], "text": ["vends crimson cakes"]})
    found = nearest_rows(ours, benchmark, rule(embedding_model, f"{embedding_server.url}#judge"))
    assert found["contaminated"].to_list() == [True]
    assert "16 different, 4 unread" in caplog.text


@pytest.mark.server
def test_a_judge_that_fails_on_one_pair_leaves_it_contaminated(embedding_model: Path, embedding_server: Any) -> None:
    embedding_server.says = lambda _: "no"
    embedding_server.fails(400, {"error": {"message": "I will not"}})
    found = nearest_rows(OURS[:2], BENCHMARKS[:2], rule(embedding_model, f"{embedding_server.url}#judge"))
    assert found["contaminated"].sum() == 1


@pytest.mark.server
def test_a_judge_that_is_down_or_none_is_told(embedding_model: Path, embedding_server: Any) -> None:
    embedding_server.close()
    with pytest.raises(BackendError, match="start the server or mend judge;"):
        nearest_rows(OURS, BENCHMARKS, rule(embedding_model, f"{embedding_server.url}#judge"))
    with pytest.raises(RecipeError, match="judge: found no URL; wanted URL#MODEL"):
        nearest_rows(OURS, BENCHMARKS, rule(embedding_model, "judge"))


@pytest.mark.parametrize("text", ["yes\nbecause", "Yes and no", "", "true", "<think>yes"])
def test_an_answer_is_read_strictly(text: str) -> None:
    assert read_answer(text) == "unreadable"
