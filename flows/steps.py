"""The order of the stages: what the command line and the Prefect flow both walk through.

`steps` yields one `Step` at a time; whoever drives it runs the step's pieces (in any order, also in parallel) and
then asks for the next. The sampling loop is in here: rounds of generate, verify and rate until nothing is owed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import polars as pl
from pydantic import BaseModel

from pipeline import (
    assemble,
    bands,
    choices,
    collect,
    generate,
    plans,
    plugins,
    rate,
    runner,
    sampling,
    screen,
    store,
    verify,
)
from pipeline.evidence import gather
from pipeline.resolve import Model, Resolved
from pipeline.store import Run
from schemas.recipe import Export, Origin
from schemas.tables import Bands, Examples, PassRates, Prompts, Rollouts, Screened, Verdicts

Piece = Callable[[runner.Progress], Any]


@dataclass(frozen=True)
class Step:
    """One stage's work: `pieces` may run in parallel; `n_rows` is what they owe (0: a batch stage)."""

    name: str
    pieces: list[Piece]
    n_rows: int = 0


def steps(run: Run, resolved: Resolved, *, limit: int | None = None) -> Iterator[Step]:
    """All work of a recipe on a run that this process has locked, in order.

    `limit` samples only the first so many kept prompts (by id, which is a hash: a fair sample).
    """
    recipe = resolved.recipe
    target = resolved.models["target"]
    yield Step("collect", [lambda _: _collect(run, resolved)])
    yield _batch(run, screen, recipe.screen, extra=verifier_versions())
    yield from _sampling_loop(run, resolved, limit)
    yield _batch(run, bands, bands.Config(target=target.generator_id))
    if planner := resolved.models.get("planner"):
        yield from _recorded_plans(run, resolved, planner)
    store.seal(run, Rollouts)
    yield _batch(run, plans, plans.Config(recorded=planner is not None and planner.kind == "replay"))
    yield _batch(run, choices, recipe.choose)
    yield _batch(run, assemble, recipe.assemble)
    if run.read(Examples).height:
        yield Step("export", [lambda _: export_examples(run, recipe.export)])


def verifier_versions() -> dict[str, str]:
    """Version of every verifier: part of the inputs of a stage that calls them."""
    return {f"verifier:{name}": verify.version_of(name) for name in plugins.names("verifiers")}


def n_owed_prompts(run: Run, resolved: Resolved) -> int:
    """Kept prompts whose sampling has not stopped: what `--limit` left."""
    return _wanted_solves(run, resolved, None)["prompt_id"].n_unique()


def export_examples(run: Run, settings: Export) -> str:
    """Export the examples of a run, into the run folder where the settings name no other; returns where they went."""
    exporter = plugins.load("exporters", settings.format, where="export.format")
    options = settings.options | {"to": settings.to or run.location("export")}
    config = plugins.configure(exporter, options, Origin("export"))
    went: str = exporter.export(run.read(Examples), gather(run), config)
    return went


def _batch(run: Run, stage: ModuleType, config: BaseModel, *, extra: dict[str, str] | None = None) -> Step:
    name = stage.__name__.rpartition(".")[2]
    return Step(name, [lambda _: runner.apply(run, stage, config, extra=extra)])


def _collect(run: Run, resolved: Resolved) -> None:
    """Read the sources, unless what they would say is what they said."""
    made_by = store.Provenance(
        collect.__name__,
        config={"sources": resolved.identity()["sources"]},
        inputs={source.name: source.module.fingerprint(source.config) for source in resolved.sources},
        source_digest=" ".join(runner.source_digest(m) for m in (collect, *(s.module for s in resolved.sources))),
    )
    if (before := run.manifest(Prompts)) and made_by.matches(before):
        return
    asked = run.read(Prompts).join(run.read(Rollouts), on="prompt_id", how="semi")
    store.publish(run, Prompts, collect.run(asked, resolved.prompts()), made_by)


def _sampling_loop(run: Run, resolved: Resolved, limit: int | None) -> Iterator[Step]:
    """Rounds until no sample is owed; a round that a killed process began is finished first."""
    runner.recover(run, generate)
    runner.recover(run, verify)
    config = _generate_config(resolved.models["target"], "solve")
    errors = runner.ErrorRate(resolved.recipe.work.max_error_rate)
    while True:
        wanted = _wanted_solves(run, resolved, limit)
        yield from _row_wise(run, resolved, generate, wanted, config, errors)
        yield from _verify(run, resolved)
        yield _batch(run, rate, resolved.recipe.band)
        if _wanted_solves(run, resolved, limit).is_empty():
            break
    store.seal(run, Verdicts)


def _wanted_solves(run: Run, resolved: Resolved, limit: int | None) -> pl.DataFrame:
    """Solve samples of the target that are wanted and not there."""
    screened = run.read(Screened)
    if limit is not None:
        kept = screened.filter(pl.col("decision") == "kept").sort("prompt_id").head(limit)
        screened = screened.join(kept.select("prompt_id"), on="prompt_id", how="semi")
    wanted = sampling.wanted(
        run.read(Prompts), screened, run.read(PassRates), resolved.recipe.band, resolved.models["target"].generator_id
    )
    return runner.owed(wanted, run.read(Rollouts), Rollouts)


def _recorded_plans(run: Run, resolved: Resolved, planner: Model) -> Iterator[Step]:
    wanted = generate.wanted_plans(run.read(Bands), run.read(Rollouts), run.read(Verdicts), planner.generator_id)
    owed = runner.owed(wanted, run.read(Rollouts), Rollouts)
    errors = runner.ErrorRate(resolved.recipe.work.max_error_rate)
    yield from _row_wise(run, resolved, generate, owed, _generate_config(planner, "write_plan"), errors)


def _verify(run: Run, resolved: Resolved) -> Iterator[Step]:
    config = verify.Config(workers=resolved.recipe.work.workers)
    wanted = verify.wanted(run.read(Prompts), run.read(Rollouts), config)
    owed = runner.owed(wanted, run.read(Verdicts), Verdicts)
    errors = runner.ErrorRate(resolved.recipe.work.max_error_rate)
    yield from _row_wise(run, resolved, verify, owed, config, errors)


def _row_wise(
    run: Run, resolved: Resolved, stage: ModuleType, owed: pl.DataFrame, config: BaseModel, errors: runner.ErrorRate
) -> Iterator[Step]:
    """A step with a piece a shard; nothing where nothing is owed."""
    job = runner.Job(stage, [run.read(table) for table in stage.READS], config)
    pieces: list[Piece] = [
        partial(runner.work_off, run, job, shard, errors)
        for shard in runner.shards(stage, owed, resolved.recipe.work.shard_rows)
    ]
    if pieces:
        yield Step(stage.__name__.rpartition(".")[2], pieces, owed.height)


def _generate_config(model: Model, arm: str) -> generate.Config:
    return generate.Config(
        kind=model.kind, generator=model.config, generator_id=model.generator_id, role=model.role, arm=arm
    )
