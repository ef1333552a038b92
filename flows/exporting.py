"""The Prefect flow that follows annotation: the rest of the run's own recipe, from what people said to the data set."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import Field

from flows.curate import SHARDS_AT_ONCE, work_through
from flows.run_folder import lock_awaited, stored
from pipeline.resolve import resolve
from pipeline.store import open_run


@flow(
    name="export",
    task_runner=ThreadPoolTaskRunner(max_workers=SHARDS_AT_ONCE),  # type: ignore[arg-type]
    persist_result=False,
)
def export(
    run_url: str = Field(
        description="A path or fsspec URL of an annotated run.", json_schema_extra={"title": "Run folder"}
    ),
) -> None:
    """Go on with a run by its own recipe: edited plans are tried, what people ruled out goes, the rest is exported.

    The steps are those of `coldstart run`, and find done what is done: only what annotation changed is work.
    """
    with lock_awaited(open_run(run_url)) as run:
        work_through(run, resolve(stored(run)))
