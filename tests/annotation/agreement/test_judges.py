"""Judges beside people: whom they are compared with, and on what."""

import polars as pl

from annotation.agreement.judges import judge_rows, people_majority


def answers(rows: list[tuple[str, str, str, float | None]]) -> pl.DataFrame:
    schema = {"item": pl.String, "annotator": pl.String, "label": pl.String, "number": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


PEOPLE = answers(
    [("i", "a", "4", 4.0), ("i", "b", "4", 4.0), ("i", "c", "1", 1.0), ("j", "a", "2", 2.0), ("j", "b", "3", 3.0)]
)


def test_ties_are_no_decision() -> None:
    assert people_majority(PEOPLE).rows() == [("i", "4", 4.0), ("j", None, None)]


def test_a_judge_is_compared_where_people_decided() -> None:
    models = answers([("i", "m", "4", 4.0), ("j", "m", "2", 2.0), ("k", "m", "5", 5.0)])
    (row,) = judge_rows(models, PEOPLE, "ordinal", 0.95, 100, 0.6)
    assert (row["n_values"], row["n_compared"], row["n_tied"], row["may_be_used"]) == (3, 1, 1, False)


def test_there_is_no_kappa_of_rankings() -> None:
    (row,) = judge_rows(answers([("i", "m", "{}", None)]), PEOPLE, "ranking", 0.95, 100, 0.6)
    assert (row["kappa"], row["why"]) == (None, "kappa compares labels and ratings only")
