"""Are the verifiers right? Gold answers must pass, near-misses of them must not, and two verifiers should agree.

A grader's mistake moves a prompt out of the band unseen, so its rates of error are measured: by source, as a verifier
that is right about one kind of answer may be wrong about another. Nothing is dropped here; the screen drops prompts
whose gold answer fails.

A near-miss is made by the verifier's own `near_misses` from a gold answer that passed; where a prompt has none, from
what was read in the first response that passed. Verifiers that judge by other rollouts (they have `gather`) are only
compared with others: they have no verdict on a gold answer alone.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel, Field

from pipeline import plugins
from pipeline.error_rates import GOLD, JUDGED, NEAR_MISS, OTHER_VERIFIER, RULE, error_rates
from pipeline.judging import JUDGE, by_rule, judgements
from pipeline.spread import spread
from pipeline.verifiers import Rollout, Verdict
from pipeline.verify import IS_ANSWER, VerifierSettings, config_of, judge, latest, name_of, read_task
from schemas.errors import SchemaError
from schemas.recipe import Settings
from schemas.tables import Audits, Prompts, Rollouts, Verdicts

_log = logging.getLogger(__name__)

READS = (Prompts, Rollouts, Verdicts)
WRITES = Audits

TOLD_EVERY_S = 30.0
"""Seconds between two lines on how far it is."""

MAX_NEAR_MISSES = 1_000
"""So many near-misses of one gold answer are looked at, at most."""

MAX_ANSWER_CHARS = 20_000
"""Answers are listed up to this length."""


class Config(Settings):
    """How much is tested, and the settings of the verifiers."""

    near_misses: int = Field(default=4, ge=0, description="Near-misses of each kind that are made of an answer.")
    near_miss_prompts: int = Field(
        default=200, ge=0, description="Answers of each source and verifier that near-misses are made of."
    )
    workers: int = Field(default=1, ge=1, description="Threads that verify.")
    verifiers: VerifierSettings = Field({}, description="Settings of verifiers by name.")


class Known(NamedTuple):
    """An answer that should be right, and what its verifier needs."""

    id: str
    source: str
    verifier: ModuleType
    task: BaseModel
    answer: str
    is_gold: bool = True
    """Otherwise it was read in a response that passed, and only its near-misses tell anything."""


def run(prompts: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """One row a source, verifier, reference and kind, sorted by key; errors name prompts, or rollouts.

    Prompts that were withdrawn or have a task that cannot be read are not tested.
    """
    tables = prompts, rollouts, verdicts
    gold = judged_gold(known_answers(prompts, _accepted(rollouts, verdicts)), config)
    return error_rates(pl.concat([gold, compared_verdicts(*tables), judge_beside_rules(*tables, config.verifiers)]))


def _accepted(rollouts: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """What was read in the first correct rollout of each prompt: prompt_id, verifier, accepted."""
    correct = latest(verdicts).filter(pl.col("outcome") == "correct", pl.col("extracted").is_not_null())
    named = correct.join(rollouts.select("rollout_id", "prompt_id"), on="rollout_id").sort("rollout_id")
    return named.group_by("prompt_id", "verifier").agg(accepted=pl.col("extracted").first())


def known_answers(prompts: pl.DataFrame, accepted: pl.DataFrame) -> Iterator[Known]:
    """The gold answers that can be tested, else accepted ones, in the order of their prompts' ids, which are hashes."""
    answers = prompts.join(accepted, on=["prompt_id", "verifier"], how="left")
    answers = answers.with_columns(answer=pl.coalesce("gold_answer", "accepted"))
    asked = answers.filter(~pl.col("is_withdrawn"), pl.col("answer").is_not_null()).sort("prompt_id")
    for row in asked.iter_rows(named=True):
        verifier = plugins.load("verifiers", row["verifier"], where="prompts, column verifier")
        if hasattr(verifier, "gather"):
            continue
        try:
            task = read_task(verifier, row["task"], "task")
        except SchemaError:
            continue
        is_gold = row["gold_answer"] is not None
        yield Known(row["prompt_id"], row["source"], verifier, task, row["answer"], is_gold)


def judged_gold(known: Iterable[Known], config: Config) -> pl.DataFrame:
    """Verdicts on gold answers, and on near-misses of the first answers of each source and verifier, columns JUDGED."""
    rows: list[dict[str, Any]] = []
    said = time.monotonic()
    judged = spread(partial(_judged, config), _early(known, config.near_miss_prompts), config.workers)
    for found in judged:
        rows += found
        if time.monotonic() - said >= TOLD_EVERY_S:
            said = time.monotonic()
            _log.info("audit: %s gold answers and near-misses are judged so far", f"{len(rows):,}")
    return pl.DataFrame(rows, schema=JUDGED, orient="row")


def _early(known: Iterable[Known], n_early: int) -> Iterator[tuple[Known, bool]]:
    """Each answer, and whether it is among the first of its source and verifier."""
    n_before: Counter[tuple[str, ModuleType]] = Counter()
    for one in known:
        yield one, n_before[one.source, one.verifier] < n_early
        n_before[one.source, one.verifier] += 1


def _judged(config: Config, item: tuple[Known, bool]) -> list[dict[str, Any]]:
    known, is_early = item
    own = config_of(known.verifier, config.verifiers)
    verdict = judge(known.verifier, known.task, Rollout(known.answer), own)
    rows = [row_of(known, GOLD, "", "correct", verdict, known.answer)] if known.is_gold else []
    if verdict.outcome == "correct" and is_early and hasattr(known.verifier, "near_misses"):
        for kind, response in _near_misses(known, config.near_misses):
            verdict = judge(known.verifier, known.task, Rollout(response), own)
            rows.append(row_of(known, NEAR_MISS, kind, "incorrect", verdict, response))
    return rows


def _near_misses(known: Known, n_each: int) -> Iterator[tuple[str, str]]:
    """Kind and text of the first few different near-misses of each kind."""
    seen, n_of = {known.answer}, Counter[str]()
    made = known.verifier.near_misses(known.task, known.answer)
    for (kind, response), _ in zip(made, range(MAX_NEAR_MISSES), strict=False):
        if response not in seen and n_of[kind] < n_each:
            n_of[kind] += 1
            seen.add(response)
            yield kind, response


def row_of(
    known: Known, against: str, kind: str, expected: str, verdict: Verdict, answer: str | None
) -> dict[str, Any]:
    """A judged answer, columns JUDGED."""
    details = json.dumps(verdict.details, ensure_ascii=False, default=str) if verdict.details else None
    return {
        "source": known.source, "verifier": name_of(known.verifier), "verifier_version": str(known.verifier.VERSION),
        "against": against, "kind": kind, "expected": expected, "id": known.id, "outcome": verdict.outcome,
        "reason": verdict.reason, "extracted": verdict.extracted, "failed_step": verdict.failed_step,
        "details": details, "answer": None if answer is None else answer[:MAX_ANSWER_CHARS],
    }  # fmt: skip


def compared_verdicts(prompts: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Verdicts of the prompts' own verifiers on finished responses that another verifier judged too, columns JUDGED.

    A row a response and other verifier, whose verdict is the one that is expected.
    """
    named = ["rollout_id", "verifier", "verifier_version", "outcome", "reason", "extracted", "details"]
    newest = latest(verdicts).select(pl.col(named).cast(pl.String), "failed_step")
    answers = rollouts.filter(IS_ANSWER).select("rollout_id", "prompt_id")
    answers = answers.join(prompts.select("prompt_id", "source", own="verifier"), on="prompt_id")
    judged = newest.join(answers, on="rollout_id")
    own, others = judged.filter(pl.col("verifier") == pl.col("own")), judged.filter(pl.col("verifier") != pl.col("own"))
    kind = pl.concat_str("verifier", "outcome", separator=":")
    pairs = own.join(others.select("rollout_id", kind=kind, expected="outcome"), on="rollout_id")
    told = pairs.with_columns(against=pl.lit(OTHER_VERIFIER), id="rollout_id", answer=pl.lit(None, pl.String))
    return told.select(list(JUDGED))


def judge_beside_rules(
    prompts: pl.DataFrame, rollouts: pl.DataFrame, verdicts: pl.DataFrame, settings: VerifierSettings
) -> pl.DataFrame:
    """What the judge says of answers that a rule has judged, columns JUDGED; they have no verdict of the judge."""
    judging: Any = plugins.load("verifiers", JUDGE)
    config = config_of(judging, settings)
    known = judgements(rollouts, config.votes).join(by_rule(verdicts), on="rollout_id")  # type: ignore[union-attr]
    known = known.join(rollouts.select("rollout_id", "prompt_id", "text"), on="rollout_id")
    known = known.join(prompts.select("prompt_id", "source"), on="prompt_id").sort("rollout_id")
    task, rows = judging.Task(reference=""), []
    for row in known.iter_rows(named=True):
        verdict = judge(judging, task, Rollout(row["text"], evidence=row["evidence"]), config)
        answer = Known(row["rollout_id"], row["source"], judging, task, row["text"])
        rows.append(row_of(answer, RULE, row["outcome"], row["outcome"], verdict, None))
    return pl.DataFrame(rows, schema=JUDGED, orient="row")
