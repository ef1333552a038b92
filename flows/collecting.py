"""The Prefect flow that polls the annotation server, and resumes what waited for people once they are done.

What people answered is in the tables before anything is resumed, under the run's lock. A suspended flow run is resumed
under that lock, too: it takes the lock itself before it could be suspended again, so that the form that was read is the
one that is answered. Of several who resume it at once, Prefect's server lets one.
"""

from collections.abc import Sequence

from httpx import HTTPError
from prefect import flow, get_run_logger
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectException
from pydantic import Field

from annotation.round_trip import pull, push
from annotation.standing import Standing, standing
from flows.annotating import NAME as ANNOTATE
from flows.run_folder import held_by, lock_or_none, stored
from flows.suspension import WAIT, GoOn, expected, resume, suspended_runs
from pipeline.store import Run, open_run
from schemas.errors import BackendError, CurationError
from schemas.recipe import Recipe

RUN_FOLDERS: list[str] = Field(
    [],
    description="Paths or fsspec URLs; none: those whose annotation is waited for.",
    json_schema_extra={"title": "Run folders"},
)

FAILURES = (CurationError, OSError, HTTPError, PrefectException)
"""What keeps a run folder from being collected, and no other: its recipe, its store, the servers."""


@flow(name="collect-annotations", persist_result=False)
def collect_annotations(
    run_urls: list[str] = RUN_FOLDERS,
) -> None:
    """Fetch what people answered, and resume the flow runs that waited for it."""
    waiting: dict[str, list[FlowRun]] = {}
    for one in suspended_runs(ANNOTATE):
        waiting.setdefault(str(one.parameters.get("run_url")), []).append(one)
    failed: dict[str, Exception] = {}
    for run_url in run_urls or sorted(waiting):
        try:
            _collect(open_run(run_url), waiting.get(run_url, []))
        except FAILURES as error:
            failed[run_url] = error
    if failed:
        told = "; ".join(f"{run_url}: {str(error) or repr(error)}" for run_url, error in failed.items())
        raise BackendError(told) from ExceptionGroup("run folders that were not collected", [*failed.values()])


def _collect(run: Run, waiting: Sequence[FlowRun]) -> None:
    """One run folder; it is left for the next time where another process works on it."""
    with lock_or_none(run) as mine:
        if mine is None:
            get_run_logger().info("%s is skipped: %s", run.url, held_by(run) or "it was locked just now")
            return
        recipe = stored(mine)
        pulled = pull(mine, recipe)
        for line in pulled.lines():
            get_run_logger().info("%s: %s", run.url, line)
        stands = standing(mine, recipe.annotate)
        if stands.n_for_adjudicator:  # also those that an earlier poll queued, before it was killed
            pushed = push(mine, recipe)
            if pushed.refused:
                get_run_logger().warning("%s: %s", run.url, pushed.refusals())
        for one in waiting:
            get_run_logger().info("%s: flow run %r: %s", run.url, one.name, _resumed(one, recipe, stands))


def _resumed(one: FlowRun, recipe: Recipe, stands: Standing) -> str:
    """Resume a flow run where annotation is done; what became of it, in words.

    It is told what its form has filled in. Whether to go on with open plans is for a person to say.
    """
    answer = expected(one.id, defaults=GoOn(minimum_agreement=recipe.annotate.min_agreement, below=WAIT))
    if answer is None:
        return "waits no more, or does not yet"
    lack = stands.lack(answer.minimum_agreement)
    if lack and (stands.n_open or answer.below == WAIT):
        return f"goes on waiting: {lack}"
    return "resumed" if resume(one.id, answer) else "was resumed by somebody else"
