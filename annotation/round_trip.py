"""The round trip: a run's queue goes to the annotation server, and what people answer comes back into its tables.

Whoever calls holds the run's lock. Nothing is remembered but in the tables and on the server, so that a push or pull
that was cut off is finished by the next one, whoever makes it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from annotation import adjudicate, enqueue
from annotation.adjudicate import ADJUDICATION
from annotation.gold import read_gold
from annotation.guideline_files import Guidelines, load_guidelines
from annotation.outcomes import Evidence
from annotation.questions import ADJUDICATION_FIELDS, BAD_STEPS, EDITED_PLAN, FIELDS, QUESTIONS, RANKING, VERDICT
from annotation.records import Record, letters, ranked, records
from annotation.reports import Place, Pulled, Pushed
from annotation.shown_text import ShownPlan, typed
from annotation.sync.address import address
from annotation.sync.client import Connection
from annotation.sync.dataset import Wanted, ensure_dataset, find_dataset, question_ids
from annotation.sync.pull import answers_of, records_there, state, when
from annotation.sync.push import Payload, push_records
from annotation.versions import new_versions
from pipeline import runner, store
from pipeline.store import Provenance, Run
from schemas.errors import RecipeError
from schemas.recipe import Recipe
from schemas.tables import Annotations, Plans, PlanScores, Prompts, Queue, Rollouts, Verdicts, table_name

Progress = Callable[[int], None]


def push(run: Run, recipe: Recipe, progress: Progress = lambda n: None) -> Pushed:
    """Choose what people are asked, as the budget allows, and send what the server does not have yet.

    The queue grows only once the server is known to take it: a refusal leaves the run as it was.
    """
    guidelines = load_guidelines(recipe.annotate.guidelines)
    queue, made_by, n_gold_left_out = choose(run, recipe, guidelines)
    is_for_adjudicator = pl.col("kind") == ADJUDICATION
    asked = queue.filter((pl.col("guideline_version") == guidelines.version) | is_for_adjudicator)
    if asked.is_empty():
        raise RecipeError(_nothing_to_ask(run, recipe))
    connection = Connection(address(recipe.annotate.accounts))
    parts = [
        (ensure_dataset(connection, wanted), wanted, rows)
        for wanted, rows in (
            (_wanted(recipe, guidelines), asked.filter(~is_for_adjudicator)),
            (_wanted_of_adjudicator(recipe, guidelines), asked.filter(is_for_adjudicator)),
        )
        if rows.height
    ]
    if queue.height != run.keys(Queue).height:
        store.publish(run, Queue, queue, made_by)
    evidence = Evidence(*(run.read(table) for table in (Prompts, Plans, PlanScores, Rollouts, Verdicts)))
    pushed = Pushed(dict(asked.group_by("reason").len().sort("reason").rows()), n_gold_left_out=n_gold_left_out)
    for dataset_id, wanted, rows in parts:
        is_told_answers = wanted.fields is ADJUDICATION_FIELDS
        said = adjudicate.said_of(rows, queue, run.read(Annotations)) if is_told_answers else None
        shown = records(rows, evidence, said)
        suggested = question_ids(connection, dataset_id)[VERDICT] if recipe.annotate.suggestions else None
        payloads = [_payload(one, suggested) for one in shown if isinstance(one, Record)]
        sent = push_records(connection, dataset_id, payloads, progress)
        refused = {one.record_id: f"{one.reason}: {one.detail}" for one in shown if not isinstance(one, Record)}
        pushed.add(Place(connection.url, wanted.workspace, wanted.name, dataset_id), sent, refused)
    return pushed


def choose(run: Run, recipe: Recipe, guidelines: Guidelines) -> tuple[pl.DataFrame, Provenance, int]:
    """The run's queue as the budget allows it now, what it was made from, and how many gold plans are not askable."""
    gold_path = recipe.annotate.gold
    known = set(run.keys(Plans)["plan_id"])
    gold = read_gold(Path(recipe.data) / gold_path, known) if gold_path else ()
    config = enqueue.config_of(recipe.annotate, guidelines.version, gold)
    frames = [run.read(table) for table in enqueue.READS]
    chosen: Callable[..., pl.DataFrame] = enqueue.run
    queue = chosen(*frames, config)
    _, plans, choices, plan_scores, *_ = frames
    n_gold_left_out = len(enqueue.not_askable(gold, plans, choices, plan_scores))
    inputs = {table_name(table): store.digest(run.manifest(table)) for table in enqueue.READS if table is not Queue}
    source = runner.source_digest(enqueue)
    return queue, Provenance(enqueue.__name__, config.model_dump(mode="json"), inputs, source), n_gold_left_out


def pull(run: Run, recipe: Recipe) -> Pulled:
    """Fetch what was answered since the last pull, and queue for the adjudicator what people disagree about."""
    connection = Connection(address(recipe.annotate.accounts))
    places = list(_places(connection, recipe))
    data_sets = {place.dataset_id: state(connection, place.dataset_id) for place in places}
    models = connection.account_ids(recipe.annotate.model_accounts)
    pulled = Pulled(places)
    now = {"data_sets": data_sets, "models": sorted(models)}
    if now != (run.manifest(Annotations) or {}).get("config"):
        _take(run, connection, now, pulled)
    config = adjudicate.Config(min_submitted=recipe.annotate.min_submitted)
    owed = adjudicate.to_adjudicate(run.read(Queue), run.read(Annotations), config)
    if owed.height:
        store.append(run, Queue, owed, Provenance(adjudicate.__name__))
    pulled.n_owed = owed.height
    return pulled


def _take(run: Run, connection: Connection, now: Mapping[str, Any], pulled: Pulled) -> None:
    """Append the versions of answers that are new. `now` was read before: what comes in between is taken again."""
    queue = {row["record_id"]: row for row in run.read(Queue).iter_rows(named=True)}
    plans = {row["plan_id"]: row for row in run.read(Plans).iter_rows(named=True)}

    def read(record_id: str, question: str, value: Any) -> Any:
        row = queue[record_id]
        return _read(row, plans[row["plan_ids"][0]], question, value)

    data_sets, models = now["data_sets"], frozenset(now["models"])
    there = [record for id in data_sets for record in records_there(connection, id, answers=True)]
    known = [record for record in there if record["external_id"] in queue]
    seen = [answer for record in known for answer in answers_of(record, read, models, pulled.unreadable)]
    since = {record["external_id"]: when(record["inserted_at"]) for record in known}
    gone_at = max(when(data_set["last_activity_at"]) for data_set in data_sets.values())
    new = new_versions(run.read(Annotations), seen, since, gone_at)
    if new.height:
        store.append(run, Annotations, new, Provenance("annotation.round_trip", config=now))
    pulled.take(new, n_unknown=len(there) - len(known))


def _read(row: Mapping[str, Any], plan: Mapping[str, Any], question: str, value: Any) -> Any:
    """An answer to a row of the queue as annotations has it, from what the server holds."""
    if question == RANKING:
        return ranked(value, letters(row))
    if question == BAD_STEPS:
        return ShownPlan.of(plan).marked(value)
    return typed(value) if question == EDITED_PLAN else value


def _wanted(recipe: Recipe, guidelines: Guidelines) -> Wanted:
    settings = recipe.annotate
    name = settings.dataset or recipe.name
    return Wanted(settings.workspace, name, FIELDS, QUESTIONS, guidelines.text, settings.min_submitted)


def _wanted_of_adjudicator(recipe: Recipe, guidelines: Guidelines) -> Wanted:
    """The same questions, what the annotators said beside the plan, and one answer is enough."""
    workspace = recipe.annotate.adjudication_workspace
    return replace(_wanted(recipe, guidelines), workspace=workspace, fields=ADJUDICATION_FIELDS, min_submitted=1)


def _places(connection: Connection, recipe: Recipe) -> Iterator[Place]:
    """The data sets of a run that are on the server; RecipeError where there is none."""
    name = recipe.annotate.dataset or recipe.name
    found = False
    for workspace in (recipe.annotate.workspace, recipe.annotate.adjudication_workspace):
        if dataset := find_dataset(connection, workspace, name):
            found = True
            yield Place(connection.url, workspace, name, dataset["id"])
    if not found:
        raise RecipeError(
            f"{connection.url}: there is no data set {name!r} in workspace {recipe.annotate.workspace!r}: "
            "`coldstart annotate push` makes it, or annotate.dataset names another"
        )


def _payload(record: Record, suggested: str | None) -> Payload:
    """A record as the server takes it; with the verdict that the results suggest where `suggested` is its question."""
    payload: dict[str, Any] = {
        "external_id": record.record_id,
        "fields": {name: text for name, text in record.fields.items() if text is not None},
        "metadata": dict(record.metadata),
    }
    if suggested and record.suggested:
        payload["suggestions"] = [{"question_id": suggested, "value": record.suggested, "agent": "plan_scores"}]
    return payload


def _nothing_to_ask(run: Run, recipe: Recipe) -> str:
    if recipe.annotate.records == 0:
        return (
            "annotate.records is 0, so that nobody is asked; set it in the recipe, by --set annotate.records=200, or "
            "in the flow's form"
        )
    n_scored = run.keys(PlanScores).height
    return (
        f"{run.url}: no plan can be asked about: {n_scored} of its plans were measured; let `coldstart run` finish "
        "with a planner, so that there are plans with results"
    )
