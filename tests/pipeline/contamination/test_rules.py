"""What each rule hits, names and leaves; and that neither the order of rows nor the size of a slice changes it."""

from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from pipeline.contamination import ngrams, rules
from pipeline.contamination.rules import compare, contamination
from schemas.recipe import Decontaminate

ROW = "a baker sells forty two loaves each day and then gives nine of them away to the poor of her town"
WORDS = ROW.split()
ASKED = "A baker sells 42 loaves each day at $3 and gives 9 loaves to the poor. How much does she earn?"
REPHRASED = "Giving nine to the poor each day, how much does the baker who sells forty-two loaves at $3 earn?"


def rows(*texts: str, answers: list[str] | None = None) -> pl.DataFrame:
    answer = pl.Series(answers or [None] * len(texts), dtype=pl.String)
    ids = pl.Series([f"r{i}" for i in range(len(texts))], dtype=pl.String)
    return pl.DataFrame({"id": ids, "text": pl.Series(texts, dtype=pl.String), "answer": answer})


def benchmark(*texts: str, answers: list[str] | None = None) -> pl.DataFrame:
    frame = rows(*texts, answers=answers)
    numbers = pl.int_range(1, pl.len() + 1).cast(pl.String)
    return frame.select("text", "answer", benchmark=pl.lit("b"), benchmark_row=numbers)


def config(*names: Any, **settings: Any) -> Decontaminate:
    return Decontaminate(rules=list(names), **settings)


def hit(found: pl.DataFrame) -> list[tuple[bool, str | None, float]]:
    return found.select("contaminated", "benchmark_row", "score").rows()


@pytest.mark.parametrize(("n_shared", "hits_8", "hits_13"), [(7, False, False), (8, True, False), (13, True, True)])
def test_an_ngram_of_so_many_words_is_a_hit(n_shared: int, hits_8: bool, hits_13: bool) -> None:
    text = " ".join(["x", "y", *WORDS[2 : 2 + n_shared], "z"])
    found = contamination(rows(text), benchmark("other words", ROW), config("ngram_8", "ngram_13"))
    assert found.sort("rule")["contaminated"].to_list() == [hits_13, hits_8]
    assert set(found.filter("contaminated")["benchmark_row"]) <= {"2"}


def test_case_width_and_white_space_hide_no_copy() -> None:
    found = contamination(rows(f"So:\n{ROW.upper()}  ！"), benchmark(ROW), config("ngram_13", "coverage_8"))
    assert found["contaminated"].all()


def test_coverage_is_the_share_of_the_rows_words_in_shared_ngrams() -> None:
    text = " ".join(WORDS[:9]) + " something else altogether " + " ".join(WORDS[-8:])
    (found,) = hit(contamination(rows(text), benchmark(ROW), config("coverage_8")))
    assert found == (True, "1", 17 / len(WORDS))


def test_coverage_at_the_threshold_is_no_hit() -> None:
    sixteen = [f"w{i}" for i in range(16)]
    found = contamination(rows(" ".join(sixteen[:8])), benchmark(" ".join(sixteen)), config("coverage_8"))
    assert hit(found) == [(False, "1", 0.5)]


def test_coverage_is_of_one_row_and_not_of_several() -> None:
    two = benchmark(
        " ".join(WORDS[:10]) + " p q r s t u v w x y z", " ".join(WORDS[10:]) + " k l m n o p q r s t u v w"
    )
    (found,) = hit(contamination(rows(ROW), two, config("coverage_8")))
    assert found[0] is False


def test_a_row_shorter_than_the_ngram_is_hit_only_by_the_whole_of_it() -> None:
    found = contamination(rows("what is 2 + 2?", "so what is 2 + 2?"), benchmark("What is 2 + 2?"), config("ngram_13"))
    assert hit(found) == [(True, "1", 1.0), (False, None, 0.0)]


def test_a_copy_is_found_among_more_rows_of_one_template_than_are_proposed() -> None:
    template = "in this task you are given {} and must say whether the claim holds or not at all"
    many = benchmark(*(template.format(f"number {i}") for i in range(10 * ngrams.MAX_ROWS)))
    (found,) = hit(contamination(rows(many["text"][250]), many, config("coverage_8")))
    assert found == (True, "251", 1.0)


def test_a_row_that_is_the_text_is_found_where_all_it_says_is_common() -> None:
    longer = [f"{ROW} {' '.join(f'own{i}x{k}' for k in range(30))}" for i in range(40)]
    found = contamination(rows(ROW), benchmark(*longer, ROW), config("ngram_8", "coverage_8"))
    assert hit(found) == [(True, "41", 1.0)] * 2


def test_among_equal_rows_the_first_is_named() -> None:
    assert hit(contamination(rows(ROW), benchmark("none", ROW, ROW), config("ngram_8")))[0][1] == "2"


def test_a_rephrased_problem_is_found_by_its_numbers_and_answer() -> None:
    problem = benchmark(ASKED, answers=["99"])
    found, counts = compare(rows(REPHRASED, answers=["#### 99.0"]), problem, config("ngram_8", "numbers"))
    assert dict(found.select("rule", "contaminated").rows()) == {"ngram_8": False, "numbers": True}
    assert counts.select("rule", "n", "n_contaminated").rows() == [("ngram_8", 1, 0), ("numbers", 1, 1)]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (REPHRASED, "100"),
        (REPHRASED.replace("nine", "eight").replace("$3", "$4"), "99"),
        ("A train of 42 waggons at speed 9 passes 3 stations; when is it there?", "99"),
    ],
    ids=["another answer", "other numbers", "other words"],
)
def test_what_is_another_problem_is_left(text: str, answer: str) -> None:
    found = contamination(rows(text, answers=[answer]), benchmark(ASKED, answers=["99"]), config("numbers"))
    assert not found["contaminated"].any()


def test_what_a_rule_cannot_judge_scores_0_and_is_counted() -> None:
    ours = rows(ASKED, "no numbers here", " ", answers=[None, "99", "99"])  # type: ignore[list-item]
    found, counts = compare(ours, benchmark(ASKED, "no answer", answers=["99", None]), config("numbers", "ngram_8"))  # type: ignore[list-item]
    assert found.filter(rule="numbers")["score"].to_list() == [0.0, 0.0, 0.0]
    assert counts.select("n_not_judged", "n_out_of_reach").rows() == [(3, 1), (1, 0)]


def test_slices_and_the_order_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [" ".join(WORDS[i : i + 9]) + f" and {i} more" for i in range(12)] + [ASKED, ROW]
    ours = rows(*texts, answers=["99"] * len(texts))
    against, rule = benchmark(ROW, ASKED, answers=["1", "99"]), config("ngram_8", "coverage_8", "numbers")
    whole = contamination(ours, against, rule)
    monkeypatch.setattr(rules, "SLICE_BYTES", 100)
    assert_frame_equal(whole, contamination(ours.sample(fraction=1, shuffle=True, seed=1), against, rule))


def test_a_missing_answer_column_and_no_rows_are_fine() -> None:
    found = contamination(rows().drop("answer"), benchmark(ROW), config("ngram_8", "numbers"))
    assert found.columns == ["id", "rule", "contaminated", "benchmark", "benchmark_row", "score"]
    assert found.height == 0


def test_real_copies_are_found_in_full_and_name_their_row(shared_data: Any) -> None:
    from pipeline.rows import read_rows

    read = read_rows(shared_data / "gsm8k/test.jsonl.gz").with_row_index("n", 1).head(400)
    text = pl.col("question").str.replace_all(r"[^\x00-\x7f]", "")
    real = read.select(benchmark=pl.lit("gsm8k"), benchmark_row=pl.col("n").cast(pl.String), text=text, answer="answer")
    found = contamination(real.select("text", "answer", id="benchmark_row"), real, config("ngram_13", "coverage_8"))
    assert found.filter("contaminated", pl.col("id") == pl.col("benchmark_row")).height == 2 * real.height
