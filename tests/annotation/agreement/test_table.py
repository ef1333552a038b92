"""A table of answers to a row a question: what it says of people, of each of them, and of judges."""

import random
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from annotation.agreement.table import SCHEMA, agreement_rows
from schemas.errors import RecipeError

Answers = tuple[list[str], list[str], list[int]]
NAMES = ("item", "annotator", "question", "value")


def table(rows: list[tuple[Any, ...]], **more: Any) -> pl.DataFrame:
    frame = pl.DataFrame([tuple(map(str, row)) for row in rows], schema=NAMES, orient="row")
    return frame.with_columns(pl.lit(value).alias(name) for name, value in more.items())


def simulated(n_items: int, right: dict[str, float], question: str = "verdict") -> list[tuple[Any, ...]]:
    """Answers that say the truth with some probability, and anything at all otherwise."""
    draw = np.random.default_rng(11)
    truth = draw.choice(["keep", "fix", "discard"], n_items)
    return [
        (item, name, question, truth[item] if draw.random() < share else draw.choice(["keep", "fix", "discard"]))
        for name, share in right.items()
        for item in range(n_items)
    ]


def test_the_published_example(reliability: Answers) -> None:
    units, observers, values = reliability
    rows = list(zip(units, observers, ["q"] * len(units), values, strict=True))
    (row,) = agreement_rows(table(rows)).to_dicts()
    counts = (row["n_items"], row["n_paired"], row["n_annotators"], row["n_values"])
    assert counts == (12, 11, 4, 41)
    assert row["alpha"] == pytest.approx(108577 / 133160, abs=1e-12)
    assert (row["scale"], row["is_scale_guessed"], row["reading"], row["is_sure"]) == ("ordinal", True, "firm", False)


def test_order_of_rows_and_names_of_annotators_change_nothing() -> None:
    rows = simulated(60, {"a": 0.9, "b": 0.7, "c": 0.8})
    shuffled = random.Random(1).sample([(i, f"other-{a}", q, v) for i, a, q, v in rows], len(rows))
    one, other = (agreement_rows(table(given), resamples=100) for given in (rows, shuffled))
    assert_frame_equal(one.drop("annotators"), other.drop("annotators"))
    without = pl.element().struct.field("alpha_without")
    assert one["annotators"].list.eval(without).to_list() == other["annotators"].list.eval(without).to_list()


def test_a_model_is_compared_with_people_and_not_counted() -> None:
    people = table(simulated(100, {"a": 0.95, "b": 0.95, "c": 0.95}))
    judge = people.filter(annotator="a").with_columns(annotator=pl.lit("judge"))
    both = pl.concat(
        [people.with_columns(annotator_kind=pl.lit("person")), judge.with_columns(annotator_kind=pl.lit("model"))]
    )
    alone, (row,) = agreement_rows(people), agreement_rows(both).to_dicts()
    assert_frame_equal(alone.drop("judges"), agreement_rows(both).drop("judges"))
    (found,) = row["judges"]
    assert (found["annotator"], found["may_be_used"], found["n_values"]) == ("judge", True, 100)
    assert found["n_compared"] + found["n_tied"] == 100


def test_one_who_sees_things_unlike_the_others_stands_out() -> None:
    (row,) = agreement_rows(table(simulated(200, {"a": 0.95, "b": 0.95, "c": 0.3}))).to_dicts()
    without = {one["annotator"]: one["alpha_without"] for one in row["annotators"]}
    estimated = {one["annotator"]: one["estimated_accuracy"] for one in row["annotators"]}
    assert without["c"] > row["alpha"] + 0.2 > max(without["a"], without["b"])
    assert estimated["c"] < 0.7 < min(estimated["a"], estimated["b"])


def test_accuracy_on_gold() -> None:
    rows = [("i", "a", "q", "keep"), ("i", "b", "q", "fix"), ("j", "a", "q", "keep")]
    frame = table(rows).with_columns(gold=pl.Series(["keep", "keep", None]))
    (row,) = agreement_rows(frame).to_dicts()
    assert [(one["n_gold"], one["gold_accuracy"]) for one in row["annotators"]] == [(1, 1.0), (1, 0.0)]


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([("i", "a", "q", "x"), ("j", "b", "q", "y")], "no item has two answers"),
        ([("i", "a", "q", "x"), ("i", "b", "q", "x")], "all answers are equal: nothing to tell apart"),
        ([("i", "a", "q", "x\ny"), ("i", "b", "q", "z")], "free text or lists: no coefficient, adjudicate"),
        ([("i", "a", "q", '[{"id": "A", "rank": 1}]')], "no item has two complete rankings"),
    ],
)
def test_what_is_undefined_says_why(rows: list[tuple[Any, ...]], note: str) -> None:
    (row,) = agreement_rows(table(rows)).to_dicts()
    assert (row["alpha"], row["reading"], row["is_sure"], row["note"]) == (None, "undefined", None, note)


def test_a_question_that_only_models_answered_is_undefined() -> None:
    (row,) = agreement_rows(table([("i", "judge", "q", "x")], annotator_kind="model")).to_dicts()
    assert (row["n_annotators"], row["note"]) == (0, "no answers of people")
    assert row["judges"][0]["may_be_used"] is False


def test_rankings_have_w_in_place_of_alpha() -> None:
    ranked = '[{"plan_id": "p", "rank": 1}, {"plan_id": "q", "rank": 2}, {"plan_id": "r", "rank": 3}]'
    (row,) = agreement_rows(table([(f"i{n}", name, "ranking", ranked) for n in range(60) for name in "ab"])).to_dicts()
    assert (row["alpha"], row["kendall_w"], row["rank_correlation"], row["reading"]) == (None, 1.0, 1.0, "firm")


def test_where_no_answer_counts_there_is_no_row() -> None:
    found = agreement_rows(table([("i", "a", "q", "x")], status="draft"))
    assert found.is_empty()
    assert list(found.schema) == list(SCHEMA)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"confidence": 2.0}, "agreement: confidence: found 2.0, wanted more than 0 and less than 1"),
        ({"resamples": 0}, "agreement: resamples: found 0, wanted 1 or more"),
        ({"judge_threshold": 1.0}, "agreement: judge_threshold: found 1.0, wanted more than -1 and less than 1"),
    ],
)
def test_settings_out_of_bounds_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        agreement_rows(table([("i", "a", "q", "x")]), **settings)
