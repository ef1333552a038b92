"""Suspect keys: prompts whose answer key people should look at, with the evidence against each, the strongest first.

Two signs, both after Seed-1.5-Thinking (2025, the section on data): models agree with each other and not with the
key, or solve the problem in very few tokens (the answer may stand in the prompt, or be remembered). Neither proves
anything: models share misconceptions, and some problems are short.

Only answers to the prompt itself count (the arm `solve`) that the prompt's own verifier called right or wrong. Answers
are taken as equal where they are equal as numbers or as texts but for spaces and marks; other equal forms count apart,
which can only hide agreement. Where several models answered, each has the same weight, and two at least must give the
answer most often. Samples of a single model agree with themselves, which is weaker evidence: those stand behind.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl
from pydantic import Field

from pipeline.plain_values import equal_answers
from pipeline.verify import latest
from schemas.recipe import Settings
from schemas.tables import Prompts, Rollouts, Suspects, Verdicts, polars_schema

READS = (Prompts, Rollouts, Verdicts)
WRITES = Suspects

AGAINST_KEY = "models_agree_against_key"
FEW_TOKENS = "solved_in_few_tokens"

MAX_CHARS = 1_000
"""Keys and answers are kept up to this length."""

AGREED: dict[str, Any] = {
    "prompt_id": pl.String, "reason": pl.String, "answer": pl.String, "n_agree": pl.Int64, "agreement": pl.Float64,
    "n_models_agree": pl.Int64,
}  # fmt: skip

UNKNOWN = ""
"""The model of rollouts that do not say theirs: taken as one."""


class Config(Settings):
    """When a key is suspect."""

    agreement: float = Field(
        default=0.8, gt=0.5, le=1, description="Share of a prompt's answers that are one and the same wrong one."
    )
    min_samples: int = Field(
        default=4, ge=2, description="Answers to a prompt (for few tokens: correct ones) below which nothing is said."
    )
    few_tokens: float = Field(
        default=0.2, ge=0, lt=1, description="Tokens of its correct rollouts, as a share of the source's median."
    )


def run(prompts: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """One row a suspect prompt, sorted by prompt_id; `rank` is its place in the queue.

    First answers against the key, those of more models before those of fewer, then the larger agreement, then the
    more answers; behind them few tokens, the fewest first.
    """
    answers = _answers(prompts, rollouts, verdicts)
    found = pl.concat([_against_key(answers, config), _in_few_tokens(answers, config)], how="diagonal")
    counted = _counts(answers).join(found.unique("prompt_id", keep="first"), on="prompt_id")
    told = counted.join(prompts.select("prompt_id", "source", "verifier"), on="prompt_id")
    told = told.join(_lengths(answers), on="prompt_id", how="left").join(_keys(prompts, told), on="prompt_id")
    order = ["reason", "n_models_agree", "agreement", "n_answers", "tokens_ratio", "prompt_id"]
    ranked = told.sort(order, descending=[False, True, True, True, False, False], nulls_last=True)
    ranked = ranked.with_row_index("rank", offset=1)
    schema = polars_schema(Suspects)
    return ranked.select(pl.col(name).cast(dtype) for name, dtype in schema.items()).sort("prompt_id")


def _answers(prompts: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Right and wrong answers to prompts: prompt_id, source, model, is_correct, extracted, tokens."""
    judged = latest(verdicts).filter(pl.col("outcome").cast(pl.String) != "undecided")
    judged = judged.select("rollout_id", "verifier", "extracted", is_correct=pl.col("outcome") == "correct")
    solved = rollouts.filter(pl.col("arm") == "solve").select(
        "rollout_id", "prompt_id", model=pl.col("model").fill_null(UNKNOWN), tokens="n_completion_tokens"
    )
    asked = prompts.filter(~pl.col("is_withdrawn")).select("prompt_id", "source", "verifier")
    return solved.join(asked, on="prompt_id").join(judged, on=["rollout_id", "verifier"]).sort("rollout_id")


def _counts(answers: pl.DataFrame) -> pl.DataFrame:
    return answers.group_by("prompt_id").agg(
        n_answers=pl.len(), n_correct=pl.col("is_correct").sum(), n_models=pl.col("model").n_unique()
    )


def _against_key(answers: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Prompts whose answers agree on a wrong one: prompt_id, reason, answer, n_agree, agreement, n_models_agree."""
    wrong = answers.group_by("prompt_id", "model").agg(share=(~pl.col("is_correct")).mean(), n=pl.len())
    by_prompt = wrong.group_by("prompt_id").agg(pl.col("share").mean(), pl.col("n").sum())
    likely = by_prompt.filter(pl.col("share") >= config.agreement, pl.col("n") >= config.min_samples)
    groups = answers.join(likely.select("prompt_id"), on="prompt_id").group_by("prompt_id")
    rows = []
    for (prompt_id,), group in groups:
        found = _commonest(group)
        wanted = min(2, group["model"].n_unique())
        if found and found["agreement"] >= config.agreement and found["n_models_agree"] >= wanted:
            rows.append({"prompt_id": prompt_id, "reason": AGAINST_KEY, **found})
    return pl.DataFrame(rows, schema=AGREED, orient="row")


def _commonest(group: pl.DataFrame) -> dict[str, Any] | None:
    """The wrong answer that models give most, each with the same weight; None where none was extracted."""
    n_of_model: dict[str, int] = defaultdict(int)
    equal: list[tuple[str, dict[str, int]]] = []
    rights: dict[str, int] = defaultdict(int)
    for row in group.iter_rows(named=True):
        n_of_model[row["model"]] += 1
        if row["is_correct"]:
            rights[row["model"]] += 1
        elif row["extracted"] is not None:
            _counts_of(equal, row["extracted"])[row["model"]] += 1
    if not equal:
        return None
    answer, given = max(equal, key=lambda pair: _share(pair[1], n_of_model))
    others = [rights, *(counts for text, counts in equal if text != answer)]
    n_most = sum(all(given[model] > other[model] for other in others) for model in n_of_model)
    return {
        "answer": answer[:MAX_CHARS],
        "n_agree": sum(given.values()),
        "agreement": _share(given, n_of_model),
        "n_models_agree": n_most,
    }


def _counts_of(equal: list[tuple[str, dict[str, int]]], answer: str) -> dict[str, int]:
    """The counts by model of the answers that equal this one; new ones where it is the first of its kind."""
    for text, counts in equal:
        if equal_answers(text, answer):
            return counts
    equal.append((answer, defaultdict(int)))
    return equal[-1][1]


def _share(given: Mapping[str, int], n_of_model: Mapping[str, int]) -> float:
    return sum(given.get(model, 0) / n for model, n in n_of_model.items()) / len(n_of_model)


def _lengths(answers: pl.DataFrame) -> pl.DataFrame:
    """Tokens of correct rollouts: prompt_id, tokens_median, tokens_ratio, n_counted."""
    counted = answers.filter(pl.col("is_correct"), pl.col("tokens").is_not_null())
    by_model = counted.group_by("prompt_id", "source", "model").agg(tokens=pl.col("tokens").median())
    usual = pl.col("tokens").median().over("source", "model")
    ratio = by_model.with_columns(tokens_ratio=pl.when(usual > 0).then(pl.col("tokens") / usual))
    ratios = ratio.group_by("prompt_id").agg(pl.col("tokens_ratio").median())
    medians = counted.group_by("prompt_id").agg(tokens_median=pl.col("tokens").median(), n_counted=pl.len())
    return medians.join(ratios, on="prompt_id")


def _in_few_tokens(answers: pl.DataFrame, config: Config) -> pl.DataFrame:
    short = (pl.col("tokens_ratio") <= config.few_tokens) & (pl.col("n_counted") >= config.min_samples)
    return _lengths(answers).filter(short).select("prompt_id", reason=pl.lit(FEW_TOKENS))


def _keys(prompts: pl.DataFrame, suspects: pl.DataFrame) -> pl.DataFrame:
    """The key of each suspect prompt: prompt_id and key."""
    rows = prompts.join(suspects, on="prompt_id", how="semi").select("prompt_id", "task", "gold_answer").rows()
    keys = [(prompt_id, _key(json.loads(task), gold)) for prompt_id, task, gold in rows]
    return pl.DataFrame(keys, schema={"prompt_id": pl.String, "key": pl.String}, orient="row")


def _key(task: Mapping[str, Any], gold: str | None) -> str | None:
    """What the verifier compares with, where the task has an `answer`; else the source's own answer."""
    entries: Iterable[Any] = (task, task.get("entry"))
    answers = [entry["answer"] for entry in entries if isinstance(entry, dict) and "answer" in entry]
    key = answers[0] if answers else gold
    return None if key is None else str(key)[:MAX_CHARS]
