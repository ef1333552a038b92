"""Rules of contamination side by side: each gives every text a score and the benchmark row that it hit.

| rule | score | contaminated |
|---|---|---|
| ngram_8, ngram_13 | share of the row's n-grams of words that the text has | above 0 |
| coverage_8 | share of the row's words that lie in shared 8-grams | above `coverage` |
| numbers | TF-IDF cosine of words, of rows with the same answer and mostly the same numbers | from `word_similarity` |
| embedding | cosine to the nearest row | from `cosine`, and where there is a judge it agrees |

The row that is named has the highest score; among equals it is the first of the benchmarks. What a rule cannot judge
scores 0 and is counted.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import polars as pl

from pipeline.contamination import ngrams, rephrased
from pipeline.contamination.hits import Hits
from schemas.recipe import Decontaminate

SLICE_BYTES = 32 << 20
"""Bytes of text that are compared at a time, one text at least: what bounds the memory."""

Find = Callable[[pl.DataFrame], dict[str, Hits]]
"""Hits of one or several rules in a slice of rows."""


def contamination(rows: pl.DataFrame, benchmarks: pl.DataFrame, config: Decontaminate) -> pl.DataFrame:
    """What each rule says of each row: one row an id and rule, sorted by both.

    `rows` has id (unique) and text, both without nulls, and answer (nullable), which may be missing; `benchmarks` is
    as `benchmarks.read_benchmarks` makes it. Returns id, rule, contaminated, benchmark and benchmark_row (null where
    the score is 0) and score in [0, 1].
    """
    return compare(rows, benchmarks, config)[0]


def compare(rows: pl.DataFrame, benchmarks: pl.DataFrame, config: Decontaminate) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same, and what it comes to: rule, n (rows), n_contaminated, n_not_judged, n_out_of_reach, in recipe order.

    n_not_judged are rows, n_out_of_reach benchmark rows that the rule says nothing of: without words or, for
    `numbers`, without an answer or numbers.
    """
    if "answer" not in rows.columns:
        rows = rows.with_columns(answer=pl.lit(None, pl.String))
    rows = rows.select("id", "text", pl.col("answer").cast(pl.String))
    parts: list[pl.DataFrame] = [_empty(rows["id"].dtype)]
    not_judged: dict[str, int] = dict.fromkeys(config.rules, 0)
    finders, out_of_reach = _finders(benchmarks, config)
    for part in slices(rows):
        for find in finders:
            for rule, hits in find(part).items():
                parts.append(_decided(part, rule, hits, benchmarks, config))
                not_judged[rule] += int((~hits.is_judged).sum())
    if "embedding" in config.rules:
        parts.append(_by_embedding(rows, benchmarks, config))
        not_judged["embedding"] = int(_has_no_words(rows["text"]).sum())
        out_of_reach["embedding"] = int(_has_no_words(benchmarks["text"]).sum())
    found = pl.concat(parts).sort("id", "rule")
    n_found = dict(found.filter("contaminated").group_by("rule").len().iter_rows())
    counts = [(rule, rows.height, n_found.get(rule, 0), not_judged[rule], out_of_reach[rule]) for rule in config.rules]
    names = ["rule", "n", "n_contaminated", "n_not_judged", "n_out_of_reach"]
    return found, pl.DataFrame(counts, schema=names, orient="row")


def slices(rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows in order, `SLICE_BYTES` of text at a time."""
    read = rows["text"].str.len_bytes().cast(pl.Int64).cum_sum().to_numpy()
    begin = 0
    while begin < rows.height:
        before = read[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(read, before + SLICE_BYTES, side="right")))
        yield rows[begin:end]
        begin = end


def _finders(benchmarks: pl.DataFrame, config: Decontaminate) -> tuple[list[Find], dict[str, int]]:
    """What finds the hits of the rules that work on slices, and how many benchmark rows each cannot find."""
    finders: list[Find] = []
    out_of_reach: dict[str, int] = {}
    for n in (8, 13):
        if names := [name for name in (f"ngram_{n}", f"coverage_{n}") if name in config.rules]:
            of = ngrams.index(benchmarks["text"], n)
            finders.append(_by_ngrams(of, names))
            out_of_reach |= dict.fromkeys(names, int((of.n_words == 0).sum()))
    if "numbers" in config.rules:
        by_answer = rephrased.index(benchmarks["text"], benchmarks["answer"])
        finders.append(_by_numbers(by_answer, config.number_overlap))
        out_of_reach["numbers"] = int((~by_answer.is_judged).sum())
    return finders, out_of_reach


def _by_ngrams(index: ngrams.Index, names: Sequence[str]) -> Find:
    def find(part: pl.DataFrame) -> dict[str, Hits]:
        found = ngrams.overlaps(part["text"], index)
        scores = {"ngram": ngrams.ngram_score, "coverage": ngrams.coverage_score}
        is_judged = ~_has_no_words(part["text"])
        return {
            name: Hits(found.text, found.row, scores[name.partition("_")[0]](found, index), is_judged) for name in names
        }

    return find


def _by_numbers(index: rephrased.Index, overlap: float) -> Find:
    return lambda part: {"numbers": rephrased.hits(part["text"], part["answer"], index, overlap)}


def _by_embedding(rows: pl.DataFrame, benchmarks: pl.DataFrame, config: Decontaminate) -> pl.DataFrame:
    from pipeline.contamination.nearest import nearest_rows

    found = nearest_rows(rows, benchmarks, config).with_columns(rule=pl.lit("embedding"))
    return found.select(_empty(rows["id"].dtype).columns)


def _has_no_words(texts: pl.Series) -> np.ndarray:
    return ~texts.str.contains(r"\S").to_numpy()


def _decided(
    part: pl.DataFrame, rule: str, hits: Hits, benchmarks: pl.DataFrame, config: Decontaminate
) -> pl.DataFrame:
    """One row a text: its best hit, and whether that is enough."""
    order = np.lexsort((hits.row, -hits.score, hits.text))
    order = order[hits.score[order] > 0]
    text, first = np.unique(hits.text[order], return_index=True)
    row, score = np.full(part.height, -1), np.zeros(part.height)
    row[text], score[text] = hits.row[order[first]], hits.score[order[first]]
    place = pl.Series(row).replace(-1, None)
    return pl.DataFrame(
        {
            "id": part["id"],
            "rule": [rule] * part.height,
            "contaminated": _is_enough(rule, score, config),
            "benchmark": benchmarks["benchmark"].gather(place),
            "benchmark_row": benchmarks["benchmark_row"].gather(place),
            "score": score,
        }
    )


def _is_enough(rule: str, score: np.ndarray, config: Decontaminate) -> np.ndarray:
    if rule == "numbers":
        return score >= config.word_similarity
    return score > (config.coverage if rule == "coverage_8" else 0)


def _empty(id: pl.DataType) -> pl.DataFrame:
    schema = {"id": id, "rule": pl.String(), "contaminated": pl.Boolean(), "benchmark": pl.String()}
    return pl.DataFrame(schema=schema | {"benchmark_row": pl.String(), "score": pl.Float64()})
