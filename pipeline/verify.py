"""Judge every rollout with its prompt's verifier; what could not be judged is undecided, never wrong.

Truncated, failed and missing rollouts get their verdict here, without the verifier. A verifier that raises makes
that one verdict `undecided/verifier_error`, with the exception named in `details`.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from operator import itemgetter
from types import ModuleType
from typing import Any, TypeVar

import polars as pl
from pydantic import BaseModel, Field, ValidationError

from pipeline import plugins
from pipeline.rows import json_text, require_column, require_unique
from pipeline.verifiers import GENERATION_ERROR, NOT_RUN, TRUNCATED, VERIFIER_ERROR, Rollout, Verdict
from schemas.errors import SchemaError
from schemas.messages import short
from schemas.recipe import Settings
from schemas.recipe_file import explain
from schemas.tables import Prompts, Rollouts, Verdicts, frame_of

T = TypeVar("T")
R = TypeVar("R")

READS = (Prompts, Rollouts)
WRITES = Verdicts

JUDGED_ARMS = ("solve", "guess", "execute", "placebo", "plan_only")
"""Arms whose rollouts answer the prompt itself; plans, steps and judgements are judged elsewhere."""

OUTPUT = {
    "id": pl.String, "outcome": pl.String, "reason": pl.String, "extracted": pl.String, "score": pl.Float64,
    "failed_step": pl.Int64, "seconds": pl.Float64,
}  # fmt: skip
"""Columns of `verify_rows`."""


class Config(Settings):
    """How much verification runs at a time; never decides a verdict."""

    workers: int = Field(default=1, ge=1, description="Threads that verify; each has its own worker process if needed.")


def wanted(prompts: pl.DataFrame, rollouts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The keys of all verdicts that there should be: one a rollout that answers its prompt, of today's version.

    Columns rollout_id, verifier and verifier_version, in rollout_id order.
    """
    answering = rollouts.filter(pl.col("arm").cast(pl.String).is_in(JUDGED_ARMS)).select("rollout_id", "prompt_id")
    named = answering.join(prompts.select("prompt_id", "verifier"), on="prompt_id")
    versions = {name: version_of(name) for name in named["verifier"].unique()}
    version = pl.col("verifier").replace_strict(versions, return_dtype=pl.String)
    return named.select("rollout_id", "verifier", verifier_version=version).sort("rollout_id")


def version_of(verifier: str) -> str:
    """The version of a verifier; RecipeError where there is none of that name."""
    return str(plugins.load("verifiers", verifier, where="prompts, column verifier").VERSION)


def work(owed: pl.DataFrame, prompts: pl.DataFrame, rollouts: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    """Finished verdicts, as rows of the verdicts table, in no particular order."""
    joined = owed.join(rollouts, on="rollout_id", maintain_order="left")
    joined = joined.join(prompts.select("prompt_id", "task"), on="prompt_id", maintain_order="left")
    yield from _spread(_row, joined.iter_rows(named=True), config.workers)


def _spread(judged: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """What `judged` makes of each item, as soon as it is there."""
    if workers == 1:
        yield from map(judged, items)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from (done.result() for done in as_completed([pool.submit(judged, item) for item in items]))
    finally:
        pool.shutdown(cancel_futures=True)


def run(prompts: pl.DataFrame, rollouts: pl.DataFrame, config: Config) -> pl.DataFrame:
    """All verdicts: one row a rollout that answers its prompt, sorted by key.

    The whole stage in one call, without a run folder: what `wanted` and `work` give the runner shard by shard.
    """
    rows = list(work(wanted(prompts, rollouts, config), prompts, rollouts, config))
    return frame_of(Verdicts, rows).sort(Verdicts.primary_key())


def failure(row: Mapping[str, Any]) -> str | None:
    """Why a verdict counts towards max_error_rate: only where the verifier itself failed."""
    return f"{row['verifier']}: {row['details']}" if row["reason"] == VERIFIER_ERROR else None


def latest(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The verdicts of the highest version for each rollout and verifier; older ones are history."""
    version = pl.col("verifier_version").cast(pl.Int64)
    return verdicts.filter(version == version.max().over("rollout_id", "verifier"))


def correct(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The correct rollouts, column rollout_id, sorted: those whose latest verdict of every verifier is correct."""
    is_correct = (pl.col("outcome") == "correct").all()
    judged = latest(verdicts).group_by("rollout_id").agg(is_correct=is_correct)
    return judged.filter("is_correct").select("rollout_id").sort("rollout_id")


def judge(verifier: ModuleType, task: BaseModel | Mapping[str, Any] | str, rollout: Rollout) -> Verdict:
    """A verifier's verdict on a task (read, or as JSON); any exception becomes `undecided/verifier_error`."""
    try:
        read = task if isinstance(task, BaseModel) else verifier.Task.model_validate(_object(task))
        verdict: Verdict = verifier.verify(read, rollout)
    except Exception as error:  # noqa: BLE001 - the failure of one row is data
        return Verdict("undecided", VERIFIER_ERROR, details={"error": f"{type(error).__name__}: {str(error)[:300]}"})
    return verdict


def task_error(verifier: str, task: Mapping[str, Any] | str) -> str | None:
    """Why a verifier cannot read a task, in one line; None where it can. RecipeError for an unknown verifier."""
    module = plugins.load("verifiers", verifier, where="verifier")
    try:
        _read_task(module, task, "task")
    except SchemaError as error:
        return str(error)
    return None


def _read_task(verifier: ModuleType, task: Any, place: str) -> BaseModel:
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


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict of one rollout as a row of the table."""
    started = time.perf_counter()
    verdict = _without_verifier(row) or _with_verifier(row)
    return {
        "rollout_id": row["rollout_id"],
        "verifier": row["verifier"],
        "verifier_version": row["verifier_version"],
        **_columns(verdict),
        "details": json.dumps(verdict.details, ensure_ascii=False, default=str) if verdict.details else None,
        "seconds": time.perf_counter() - started,
    }


def _columns(verdict: Verdict) -> dict[str, Any]:
    names = ("outcome", "reason", "extracted", "failed_step", "score")
    return {name: getattr(verdict, name) for name in names}


def _without_verifier(row: Mapping[str, Any]) -> Verdict | None:
    """The verdict of a rollout that is not a finished response."""
    if row["finish_reason"] == "error" or row["text"] is None:
        return Verdict("undecided", NOT_RUN if row["error_kind"] == NOT_RUN else GENERATION_ERROR)
    return Verdict("undecided", TRUNCATED) if row["finish_reason"] == "length" else None


def _with_verifier(row: Mapping[str, Any]) -> Verdict:
    names = ("text", "reasoning", "messages", "tool_calls", "final_state")
    rollout = Rollout(**{name: row[name] for name in names})
    return judge(plugins.load("verifiers", row["verifier"]), row["task"], rollout)


def verify_rows(
    frame: pl.DataFrame, default_verifier: str | None, workers: int = 1, where: str = "input"
) -> pl.DataFrame:
    """Judge rows of a file: id, response, reasoning?, verifier?, task -> the OUTPUT columns, a row a row, same order.

    A response that is no text is judged as its JSON, a null one is no answer. Raises SchemaError for a null or doubled
    id or a task that cannot be read, and RecipeError for an unknown verifier; each with `where`, record (from 1),
    field, found and wanted.
    """
    for name in ("id", "response", "task"):
        require_column(name, frame.columns, where)
    require_unique(frame, "id", where)
    rows = list(frame.iter_rows(named=True))
    tasks = [_task_of(row, default_verifier, f"{where}: record {number}") for number, row in enumerate(rows, 1)]
    judged = list(_spread(_judged, zip(range(len(rows)), rows, tasks, strict=True), workers))
    return pl.DataFrame([row for _, row in sorted(judged, key=itemgetter(0))], schema=OUTPUT, orient="row")


def _task_of(row: Mapping[str, Any], default: str | None, place: str) -> tuple[ModuleType, BaseModel]:
    """The verifier of a row and its task, read."""
    name = row.get("verifier") or default
    if not isinstance(name, str):
        wanted = f"one of {', '.join(plugins.names('verifiers'))}, here or with --verifier"
        raise SchemaError(f"{place}, verifier: found {short(name)}, wanted {wanted}")
    module = plugins.load("verifiers", name, where=f"{place}, verifier")
    return module, _read_task(module, row["task"], f"{place}, task")


def _judged(item: tuple[int, Mapping[str, Any], tuple[ModuleType, BaseModel]]) -> tuple[int, dict[str, Any]]:
    place, row, (verifier, task) = item
    started = time.perf_counter()
    verdict = judge(verifier, task, Rollout(_text(row["response"]) or "", _text(row.get("reasoning"))))
    return place, {"id": str(row["id"]), **_columns(verdict), "seconds": time.perf_counter() - started}


def _text(value: Any) -> str | None:
    """Text or null as it is, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json_text(value)
