"""The Prefect flow that waits for people: push, suspend with no process alive, and go on once annotation is good.

Everything before the suspension may be done again: what is on the server already is not sent twice. What a run is told
is read from Prefect, and where annotation stands from the tables, so a killed run is retried and loses nothing.
"""

from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.events import emit_event
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from annotation.reports import Pushed
from annotation.round_trip import pull, push
from annotation.standing import Standing, standing
from flows.reports import recipe_of
from flows.run_folder import lock_awaited, stored
from flows.suspension import STOP, WAIT, GoOn, ask, last_answer
from pipeline.bound import bind
from pipeline.hostile import escaped
from pipeline.resolve import resolve
from pipeline.store import Run, open_run
from schemas.errors import BackendError
from schemas.recipe import Recipe
from schemas.settings import Settings

NAME = "annotate"
DONE = "coldstart.annotation.done"
"""The event upon which the data set is exported."""


class Overrides(Settings):
    """Settings of [annotate] that a run of the flow changes; the run folder's recipe keeps them."""

    records: int | None = Field(
        None, title="Records", ge=0, le=100_000, description="Most records that people are asked about."
    )
    min_submitted: int | None = Field(None, title="People", ge=1, le=20, description="People who answer each record.")
    min_agreement: float | None = Field(
        None, title="Minimum agreement", ge=-1, le=1, description="Krippendorff's alpha of the verdicts."
    )
    guidelines: str | None = Field(None, title="Guidelines", description="Guidelines, by name, or a path with a slash.")
    suggestions: bool | None = Field(
        None, title="Suggestions", description="Fill in the verdict that the results suggest."
    )
    dataset: str | None = Field(None, title="Data set", description="Name of the data set on the annotation server.")


OVERRIDES = Field(
    Overrides(),
    description="What is left empty is as in the run folder's recipe.",
    json_schema_extra={"title": "Other settings"},
)


@flow(name=NAME, persist_result=False)
def annotate(
    run_url: str = Field(
        description="A path or fsspec URL of a run that has plans with results.",
        json_schema_extra={"title": "Run folder"},
    ),
    settings: Overrides = OVERRIDES,
) -> State[Any]:
    """Ask people about the plans of a run, wait for them, and say when they are done."""
    run, flow_run_id = open_run(run_url), UUID(flow_run.id)
    n_asked, answer = last_answer(flow_run_id)
    with lock_awaited(run) as mine:
        if answer is None:
            _keep(mine, settings)
        recipe = stored(mine)
        lack = ""
        if answer is not None:
            pull(mine, recipe)
            stands = standing(mine, recipe.annotate)
            lack = stands.lack(answer.minimum_agreement)
            if not lack or answer.below != WAIT:
                return _end(mine, recipe, stands, lack, answer)
        pushed = push(mine, recipe)
    answer = answer or GoOn(minimum_agreement=recipe.annotate.min_agreement, below=WAIT)
    _show_waiting(recipe, run, pushed, answer, lack)
    get_run_logger().info("%d records wait for people%s", pushed.n_new + pushed.n_there, f": {lack}" if lack else "")
    ask(n_asked, answer, _what_is_asked(recipe, lack))
    raise BackendError("Prefect did not suspend this flow run; retry it: nothing is lost or sent twice")


def _keep(run: Run, settings: Overrides) -> None:
    """Put what is overridden into the run's recipe, so that whoever goes on has the same settings."""
    recipe = stored(run)
    others = settings.model_dump(exclude_none=True)
    changed = recipe.model_copy(update={"annotate": recipe.annotate.model_copy(update=others)})
    if changed != recipe:
        bind(run, resolve(changed))


def _end(run: Run, recipe: Recipe, stands: Standing, lack: str, answer: GoOn) -> State[Any]:
    """Show the agreement; where it goes on, say so to whoever listens."""
    is_stopped = bool(lack) and answer.below == STOP
    _show_agreement(run, recipe, stands, lack, answer)
    if is_stopped:
        return Completed(name="Stopped", message=f"stopped without an export: {lack}")
    emit_event(
        DONE,
        resource={
            "prefect.resource.id": f"coldstart.run.{recipe_of(run)['run_id']}",
            "prefect.resource.name": recipe.name,
        },
        payload={"run_url": run.url, "alpha": stands.alpha, "lack": lack},
        id=uuid5(UUID(flow_run.id), DONE),
    )
    return Completed(message=f"gone on all the same: {lack}" if lack else "annotation is done")


def _show_waiting(recipe: Recipe, run: Run, pushed: Pushed, answer: GoOn, lack: str) -> None:
    """An artifact with what waits for people, where, and how it goes on; refused records in the log, too."""
    url = escaped(run.url)
    lines = [f"# {escaped(recipe.name)}: plans wait for people", ""]
    lines += [f"Not done yet: {escaped(lack)}.", ""] if lack else []
    lines += ["| why people are asked | records |", "| --- | --- |"]
    lines += [f"| {escaped(reason)} | {n:,} |" for reason, n in pushed.reasons.items()]
    lines += ["", f"{pushed.n_new:,} were sent now, {pushed.n_there:,} were there already.", ""]
    lines += [f"- workspace [{escaped(p.workspace)}]({quote(p.url, safe=':/?#=&%')})" for p in pushed.places]
    if pushed.refused:
        get_run_logger().warning("%s", pushed.refusals())
        lines += ["", escaped(pushed.refusals())]
    lines += [
        "",
        "It goes on by itself, with the next run of `collect-annotations`, once every plan is decided and the "
        f"verdicts agree by {answer.minimum_agreement:g} or more. *Resume* opens a form to decide otherwise.",
        "",
        f"Run folder: {url}",
    ]
    create_markdown_artifact("\n".join(lines) + "\n", key="annotation", description="What waits for people")


def _what_is_asked(recipe: Recipe, lack: str) -> str:
    """What stands above the form."""
    before = f"Not done yet: {escaped(lack)}. " if lack else ""
    return f"{before}Is the annotation of {escaped(recipe.name)} good enough to go on?"


def _show_agreement(run: Run, recipe: Recipe, stands: Standing, lack: str, answer: GoOn) -> None:
    """An artifact with how the plans were decided and how far people agree."""
    said = stands.verdicts
    rows = {f"plans: {how}": f"{n:,}" for how, n in stands.decided.items()} | {
        "verdicts": f"{said.get('n_values', 0):,} of {said.get('n_annotators', 0):,} annotators",
        "agreement (Krippendorff's alpha)": stands.sentence(),
        "minimum": f"{answer.minimum_agreement:g}",
    }
    lines = [f"# {escaped(recipe.name)}: annotation", "", "| | |", "| --- | --- |"]
    lines += [f"| {escaped(name)} | {escaped(value)} |" for name, value in rows.items()]
    end = "Stopped" if answer.below == STOP else "Gone on all the same"
    lines += [
        "",
        f"{end}: {escaped(lack)}." if lack else "Good enough to go on.",
        "",
        f"Run folder: {escaped(run.url)}",
    ]
    create_markdown_artifact("\n".join(lines) + "\n", key="agreement", description="How far annotators agree")
