"""Judge every rollout with its prompt's verifier; what could not be judged is undecided, never wrong.

Truncated, failed and missing rollouts get their verdict here, without the verifier. A verifier that raises makes
that one verdict `undecided/verifier_error`, with the exception named in `details`; only a BackendError, which says
that this machine cannot run the verifier at all, ends the run.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from types import ModuleType
from typing import Any

import polars as pl
from pydantic import BaseModel, Field, ValidationError

from pipeline import plugins
from pipeline.spread import spread
from pipeline.verifiers import GENERATION_ERROR, MISSING_LIBRARY, NOT_RUN, TRUNCATED, VERIFIER_ERROR, Rollout, Verdict
from schemas.errors import BackendError, SchemaError
from schemas.messages import short
from schemas.recipe import Settings
from schemas.recipe_file import explain
from schemas.tables import Prompts, Rollouts, Verdicts, frame_of

VerifierSettings = dict[str, dict[str, Any]]
"""Settings of verifiers by name, as the recipe has them in its tables `[verifiers.NAME]`."""

READS = (Prompts, Rollouts)
WRITES = Verdicts

JUDGED_ARMS = ("solve", "guess", "execute", "placebo", "plan_only")
"""Arms whose rollouts answer the prompt itself; plans, steps and judgements are judged elsewhere."""

IS_ANSWER = (pl.col("finish_reason") == "stop") & pl.col("text").is_not_null()
"""Whether a rollout is a finished response, which only a verifier can judge."""


ANSWER = ("text", "reasoning", "messages", "tool_calls", "final_state")
"""Columns of a rollout that a verifier sees."""

NEEDED = ("rollout_id", "prompt_id", "finish_reason", "error_kind", *ANSWER)


class Config(Settings):
    """How much verification runs at a time, which never decides a verdict, and the settings of the verifiers."""

    workers: int = Field(default=1, ge=1, description="Threads that verify, or processes where a file has many rows.")
    verifiers: VerifierSettings = Field({}, description="Settings of verifiers by name.")


def wanted(prompts: pl.DataFrame, rollouts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The keys of all verdicts that there should be: one a rollout that answers its prompt, of today's version.

    Columns rollout_id, verifier and verifier_version, in rollout_id order.
    """
    answering = rollouts.filter(pl.col("arm").cast(pl.String).is_in(JUDGED_ARMS))
    named = answering.join(prompts.select("prompt_id", "verifier"), on="prompt_id")
    versions = {name: version_of(name) for name in named["verifier"].unique()}
    gathering = [name for name in versions if hasattr(plugins.load("verifiers", name), "gather")]
    if gathering:
        has_evidence = pl.col("rollout_id").is_in(_evidence(prompts, rollouts, config)["rollout_id"].implode())
        named = named.filter(~pl.col("verifier").is_in(gathering) | ~IS_ANSWER | has_evidence)
    version = pl.col("verifier").replace_strict(versions, return_dtype=pl.String)
    return named.select("rollout_id", "verifier", verifier_version=version).sort("rollout_id")


def _evidence(prompts: pl.DataFrame, rollouts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """What verifiers gather from other rollouts: rollout_id and evidence, a row for each that can be judged by now."""
    found = [pl.DataFrame(schema={"rollout_id": pl.String, "evidence": pl.List(pl.String)})]
    for name in prompts["verifier"].unique().sort():
        module = plugins.load("verifiers", name, where="prompts, column verifier")
        if hasattr(module, "gather"):
            own = rollouts.join(prompts.filter(verifier=name), on="prompt_id", how="semi")
            found.append(module.gather(own, config_of(module, config.verifiers)))
    return pl.concat(found)


@cache
def module_of(verifier: str) -> ModuleType:
    """The module of a verifier that is known to be there."""
    return plugins.load("verifiers", verifier)


def configs_of(verifiers: Iterable[str], settings: VerifierSettings) -> dict[str, BaseModel | None]:
    """The settings of each of several verifiers, by name."""
    return {name: config_of(module_of(name), settings) for name in verifiers}


def require_all(verifiers: Iterable[str], settings: VerifierSettings) -> None:
    """Raise a BackendError where this machine cannot run one of several verifiers."""
    for name, config in configs_of(verifiers, settings).items():
        if hasattr(module := module_of(name), "require"):
            module.require(config)


def config_of(verifier: ModuleType, settings: VerifierSettings) -> BaseModel | None:
    """A verifier's own settings out of those of all; None where it has none."""
    if not hasattr(verifier, "Config"):
        return None
    config: BaseModel = verifier.Config.model_validate(settings.get(name_of(verifier), {}))
    return config


def name_of(verifier: ModuleType) -> str:
    """The name that recipes call a verifier by."""
    return verifier.__name__.rpartition(".")[2]


def version_of(verifier: str) -> str:
    """The version of a verifier; RecipeError where there is none of that name."""
    return str(plugins.load("verifiers", verifier, where="prompts, column verifier").VERSION)


def work(owed: pl.DataFrame, prompts: pl.DataFrame, rollouts: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """Finished verdicts, as rows of the verdicts table, in no particular order."""
    joined = owed.join(rollouts.select(NEEDED), on="rollout_id", maintain_order="left")
    joined = joined.join(prompts.select("prompt_id", "task"), on="prompt_id", maintain_order="left")
    asked = prompts.join(joined, on="prompt_id", how="semi")  # a shard gathers for its own prompts only
    evidence = _evidence(asked, rollouts, config)
    joined = joined.join(evidence, on="rollout_id", how="left", maintain_order="left")
    configs = configs_of(owed["verifier"].unique().to_list(), config.verifiers)
    yield from spread(partial(_row, configs), joined.iter_rows(named=True), config.workers)


def run(prompts: pl.DataFrame, rollouts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """All verdicts: one row a rollout that answers its prompt, sorted by key.

    The whole stage in one call, without a run folder: what `wanted` and `work` give the runner shard by shard.
    """
    rows = list(work(wanted(prompts, rollouts, config), prompts, rollouts, config))
    return frame_of(Verdicts, rows).sort(Verdicts.primary_key())


def failure(row: Mapping[str, Any]) -> str | None:
    """Why a verdict counts towards max_error_rate: only where the verifier itself failed.

    A program that imports what is not there cannot be judged either, but its model chose to.
    """
    if row["reason"] != VERIFIER_ERROR or MISSING_LIBRARY in json.loads(row["details"] or "{}"):
        return None
    return f"{row['verifier']}: {row['details']}"


def latest(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The verdicts of the highest version for each rollout and verifier; older ones are history."""
    if verdicts.select("verifier", "verifier_version").unique()["verifier"].is_unique().all():
        return verdicts
    version = pl.col("verifier_version").cast(pl.Int64)
    return verdicts.filter(version == version.max().over("rollout_id", "verifier"))


def correct(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The correct rollouts, column rollout_id, sorted: those whose latest verdict of every verifier is correct."""
    is_correct = (pl.col("outcome") == "correct").all()
    judged = latest(verdicts).group_by("rollout_id").agg(is_correct=is_correct)
    return judged.filter("is_correct").select("rollout_id").sort("rollout_id")


def judge(
    verifier: ModuleType, task: BaseModel | Mapping[str, Any] | str, rollout: Rollout, config: BaseModel | None = None
) -> Verdict:
    """A verifier's verdict on a task (read, or as JSON); an exception of one row becomes `undecided/verifier_error`."""
    try:
        read = task if isinstance(task, BaseModel) else verifier.Task.model_validate(_object(task))
        verdict: Verdict = verifier.verify(read, rollout, *([config] if config else []))
    except BackendError:
        raise
    except Exception as error:  # noqa: BLE001 - the failure of one row is data
        return Verdict("undecided", VERIFIER_ERROR, details={"error": f"{type(error).__name__}: {str(error)[:300]}"})
    return verdict


def task_error(verifier: str, task: Mapping[str, Any] | str) -> str | None:
    """Why a verifier cannot read a task, in one line; None where it can. RecipeError for an unknown verifier."""
    module = plugins.load("verifiers", verifier, where="verifier")
    try:
        read_task(module, task, "task")
    except SchemaError as error:
        return str(error)
    return None


def read_task(verifier: ModuleType, task: Any, place: str) -> BaseModel:
    """A task as its verifier reads it, or a SchemaError that begins with `place`."""
    try:
        read: BaseModel = verifier.Task.model_validate(_object(task))
    except ValidationError as error:
        raise SchemaError(explain(error, verifier.Task, place)) from None
    except RecursionError:
        raise SchemaError(f"{place}: found {short(task)}, which is nested too deeply to be read") from None
    except ValueError as error:
        raise SchemaError(f"{place}: {error}") from None
    return read


def _object(task: Any) -> dict[str, Any]:
    """A task as a JSON object: from its text, or from a struct, whose null fields other rows brought in."""
    if isinstance(task, str):
        try:
            task = json.loads(task)
        except ValueError as error:
            raise ValueError(f"found {short(task)}, wanted valid JSON: {error}") from None
    if not isinstance(task, Mapping):
        raise ValueError(f"found {short(task)}, wanted a JSON object")
    return {key: _without_nulls(value) for key, value in task.items() if value is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    return value


def _row(configs: Mapping[str, BaseModel | None], row: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict of one rollout as a row of the table."""
    started = time.perf_counter()
    verdict = _without_verifier(row) or _with_verifier(row, configs[row["verifier"]])
    return {
        "rollout_id": row["rollout_id"],
        "verifier": row["verifier"],
        "verifier_version": row["verifier_version"],
        **columns(verdict),
        "details": json.dumps(verdict.details, ensure_ascii=False, default=str) if verdict.details else None,
        "seconds": time.perf_counter() - started,
    }


def columns(verdict: Verdict) -> dict[str, Any]:
    """A verdict as columns of the verdicts table, without its details."""
    names = ("outcome", "reason", "extracted", "failed_step", "score")
    return {name: getattr(verdict, name) for name in names}


def _without_verifier(row: Mapping[str, Any]) -> Verdict | None:
    """The verdict of a rollout that is not a finished response."""
    if row["finish_reason"] == "error" or row["text"] is None:
        return Verdict("undecided", NOT_RUN if row["error_kind"] == NOT_RUN else GENERATION_ERROR)
    return Verdict("undecided", TRUNCATED) if row["finish_reason"] == "length" else None


def _with_verifier(row: Mapping[str, Any], config: BaseModel | None) -> Verdict:
    rollout = Rollout(**{name: row[name] for name in ANSWER}, evidence=row["evidence"] or [])
    return judge(module_of(row["verifier"]), row["task"], rollout, config)
