"""The Prefect flow: the same steps as `coldstart run`, shards as tasks, with progress and a funnel as artifacts.

Files are the truth: a killed flow run loses nothing, and a new one on the same run folder goes on. So results are
neither cached nor persisted in Prefect, and one flow run at a time may hold the run's lock.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.reports import end_notes, funnel_frame, require_examples
from flows.row_wise import Step
from flows.steps import begin, n_owed_prompts, steps
from pipeline.hostile import escaped
from pipeline.lock import locked
from pipeline.resolve import Resolved, resolve
from pipeline.runner import Progress
from pipeline.store import Run, open_run
from schemas.errors import InputError, TooManyErrors, WorkOwed
from schemas.recipe import Recipe
from schemas.tables import Examples

SHARDS_AT_ONCE = 4
SHOWN_EVERY_S = 5.0
RETRY_DELAYS_S = [2.0, 20.0]


def _is_worth_retrying(task: Any, task_run: TaskRun, state: State[Any]) -> bool:
    """Wrong input, too many failed rows and a spent budget stay as they are; anything else may be the weather."""
    try:
        state.result(raise_on_failure=True)
    except (InputError, TooManyErrors, WorkOwed):
        return False
    except Exception:  # noqa: BLE001  the shard failed, whatever the reason: trying again costs only what was in flight
        return True
    return False


class Advance:
    """Counts the finished rows of a step, and shows them as a progress artifact at most every few seconds.

    Work that comes again, such as each round of `generate samples`, adds a version to the artifact of its key.
    """

    def __init__(self, step: Step) -> None:
        key = f"progress-{step.title.replace(' ', '-')}"
        made = create_progress_artifact(0.0, key=key, description=f"{step.title}: {step.n_rows} rows")
        self._artifact = cast(UUID, made)  # a coroutine only where there is a running event loop
        self._n_owed, self._n_done, self._shown = step.n_rows, 0, time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, n: int) -> None:
        """Count `n` more rows."""
        with self._lock:
            self._n_done += n
            if self._n_done < self._n_owed and time.monotonic() - self._shown < SHOWN_EVERY_S:
                return
            self._shown = time.monotonic()
            update_progress_artifact(self._artifact, min(100.0, 100.0 * self._n_done / self._n_owed))


@task(
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=len(RETRY_DELAYS_S),
    retry_delay_seconds=RETRY_DELAYS_S,
    retry_jitter_factor=0.5,
    retry_condition_fn=_is_worth_retrying,
)
def piece(work: Callable[[Progress], Any], advance: Progress) -> None:
    """One piece of a step: a batch stage, all samples that are owed, or a shard of verdicts."""
    work(advance)


@flow(
    name="curate",
    task_runner=ThreadPoolTaskRunner(max_workers=SHARDS_AT_ONCE),  # type: ignore[arg-type]
    persist_result=False,
)
def curate(
    recipe: Recipe,
    run_url: str = Field(
        "",
        description="A path or fsspec URL; empty: data/runs/NAME.",
        json_schema_extra={"title": "Run folder"},
    ),
    limit: int = Field(
        0,
        description="Sample only this many prompts; 0: all.",
        json_schema_extra={"title": "Limit", "minimum": 0},  # Prefect passes over a field's own title and bounds
    ),
) -> None:
    """Collect, screen, sample, verify, rate, plan, choose, assemble and export, on one run folder."""
    resolved = resolve(recipe)
    with locked(open_run(run_url or f"data/runs/{recipe.name}")) as run:
        work_through(run, resolved, limit)


def work_through(run: Run, resolved: Resolved, limit: int = 0) -> None:
    """All steps of a recipe on a run that this process has locked, from within a flow; then the funnel."""
    begin(run, resolved)
    try:
        for step in steps(run, resolved, limit=limit or None):
            _run_step(step)
    except WorkOwed as stopped:
        get_run_logger().warning("%s", stopped)
        _show_funnel(run, resolved.recipe)
        return
    _show_funnel(run, resolved.recipe)
    if n_owed := n_owed_prompts(run, resolved):
        get_run_logger().warning("limit %d: %d prompts are still owed samples", limit, n_owed)
    else:
        require_examples(run)


def _run_step(step: Step) -> None:
    """Submit the pieces of a step, follow them with a progress artifact, and raise the first failure."""
    advance = Advance(step) if step.n_rows else _uncounted
    futures = [
        piece.with_options(task_run_name=f"{step.title} {number}/{len(step.pieces)}").submit(work, advance)
        for number, work in enumerate(step.pieces, 1)
    ]
    wait(futures)
    for future in futures:
        future.result(raise_on_failure=True)


def _uncounted(n: int) -> None:
    """Batch stages have no rows to count."""


def _show_funnel(run: Run, recipe: Recipe) -> None:
    """The funnel as a Markdown artifact, what comes from data cleaned and escaped; notes in the log."""
    where = f"Run folder: `{escaped(run.url)}`"
    if run.read(Examples).height:
        where += f"\n\nData set: `{escaped(recipe.export.to or run.location('export'))}`"
    frame = funnel_frame(run)
    rows = [[escaped(str(value)) for value in row] for row in [frame.columns, *frame.rows()]]
    rows.insert(1, ["---"] * frame.width)
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    create_markdown_artifact(
        f"# {escaped(recipe.name)}\n\n{table}\n\n{where}\n",
        key="funnel",
        description=f"What was left after each stage of {escaped(recipe.name)}",
    )
    for note in end_notes(run):
        get_run_logger().warning("%s", note)
