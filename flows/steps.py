"""The order of the stages: what the command line and the Prefect flow both walk through.

`steps` yields one `Step` at a time; whoever drives it runs the step's pieces (in any order, also in parallel) and
then asks for the next. The sampling loop is in here: rounds of generate, verify and rate until nothing is owed.
"""

from collections.abc import Iterator

import polars as pl

from flows.console import say
from flows.decontamination import prompts_decontaminated
from flows.judgements import known_judgements_owed, wanted_judgements
from flows.plan_steps import chosen, recorded_plans, tried_plans, wanted_of_plans
from flows.row_wise import Step, Wanted, batch, generate_owed, owed_of
from flows.verdicts import verdicts_owed
from pipeline import (
    assemble,
    bands,
    collect,
    generate,
    guesses,
    plugins,
    rate,
    runner,
    sampling,
    screen,
    store,
    verify,
)
from pipeline.bound import bind
from pipeline.evidence import gather
from pipeline.judging import JUDGE
from pipeline.pass_rates.corrected_band import verifier_errors
from pipeline.pass_rates.operating import warnings_of
from pipeline.pass_rates.stopping import Rule
from pipeline.resolve import Resolved
from pipeline.spending import Spending, spending_of
from pipeline.store import Run
from schemas.errors import RecipeError
from schemas.recipe import Export
from schemas.recipe_file import Origin
from schemas.tables import (
    Audits,
    Bands,
    Examples,
    PassRates,
    Prompts,
    Rollouts,
    Screened,
    Verdicts,
)  # fmt: skip


def begin(run: Run, resolved: Resolved) -> None:
    """Publish what a killed process finished, and tie the run to its recipe; StoreError where it has another one.

    In this order: a recipe may only be changed, and a prompt only be dropped, while there are no rollouts of it.
    RecipeError where its band needs an audit that is not there.
    """
    _rule(run, resolved)
    runner.recover(run, generate)
    runner.recover(run, verify)
    bind(run, resolved)


def steps(run: Run, resolved: Resolved, *, limit: int | None = None) -> Iterator[Step]:
    """All work of a recipe on a run that this process has locked and begun, in order.

    `limit` samples only the first so many kept prompts (by id, which is a hash: a fair sample). A piece of `generate`
    raises WorkOwed once the recipe's budget is spent.
    """
    recipe, spending = resolved.recipe, spending_of(run, resolved.recipe.budget)
    rule = _rule(run, resolved)
    yield Step("collect", [lambda _: _collect(run, resolved)])
    _require_what_verifiers_need(run, resolved, rule)
    for note in _notes(run, rule):
        say(note, err=True)
    yield from prompts_decontaminated(run, resolved)
    screening = screen.Config(**recipe.screen.model_dump(), verifiers=recipe.verifiers)
    yield batch(run, screen, screening, extra=verifier_versions())
    yield from _sampling_loop(run, resolved, rule, spending, limit)
    yield from known_judgements_owed(run, resolved, spending)
    yield from _bands(run, resolved, rule, spending)
    if resolved.tries_plans():
        yield from tried_plans(run, resolved, rule, spending)
    else:
        yield from recorded_plans(run, resolved, spending)
    yield from chosen(run, recipe, "execute" if resolved.tries_plans() else "solve")
    yield batch(run, assemble, recipe.assemble)
    for table in (Rollouts, Verdicts):
        store.seal(run, table)
    if run.read(Examples).height:
        yield Step("export", [lambda _: export_examples(run, recipe.export)])


def verifier_versions() -> dict[str, str]:
    """Version of every verifier: part of the inputs of a stage that calls them."""
    return {f"verifier:{name}": verify.version_of(name) for name in plugins.names("verifiers")}


def n_owed_prompts(run: Run, resolved: Resolved) -> int:
    """Kept prompts whose sampling has not stopped: what `--limit` left."""
    wanted = _wanted_solves(run, resolved, _rule(run, resolved))
    return pl.concat(owed_of(run, one.samples)["prompt_id"] for one in wanted).n_unique()


def wanted_rollouts(run: Run, resolved: Resolved) -> pl.DataFrame:
    """The rollout_id of every sample that the recipe wants, judging by the tables as they are now."""
    wanted = [one.samples for one in _wanted_solves(run, resolved, _rule(run, resolved))]
    wanted.append(_wanted_guesses(run, resolved).samples)
    wanted += [*wanted_of_plans(run, resolved), *wanted_judgements(run, resolved)]
    return pl.concat(frame.select("rollout_id") for frame in wanted)


def export_examples(run: Run, settings: Export) -> str:
    """Export the examples of a run, into the run folder where the settings name no other; returns where they went."""
    exporter = plugins.load("exporters", settings.format, where="export.format")
    options = settings.options | {"to": settings.to or run.location("export")}
    config = plugins.configure(exporter, options, Origin("export"))
    went: str = exporter.export(run.read(Examples), gather(run), config)
    return went


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


def _sampling_loop(run: Run, resolved: Resolved, rule: Rule, spending: Spending, limit: int | None) -> Iterator[Step]:
    """Rounds until no sample is owed of any model; a round that a killed process began is finished first."""
    errors = runner.ErrorRate(resolved.recipe.work.max_error_rate)
    while True:
        for wanted in _wanted_solves(run, resolved, rule, limit):
            yield from generate_owed(run, resolved, wanted, spending, errors)
        yield from verdicts_owed(run, resolved, spending)
        yield batch(run, rate, rule)
        if all(owed_of(run, wanted.samples).is_empty() for wanted in _wanted_solves(run, resolved, rule, limit)):
            break


def _bands(run: Run, resolved: Resolved, rule: Rule, spending: Spending) -> Iterator[Step]:
    """Who goes on; where the recipe asks for guesses, those that would are guessed, and it is decided again."""
    models, keep = resolved.models, resolved.recipe.keep
    strong = models["strong"].generator_id if "strong" in models else None
    deciding = bands.Config(target=models["target"].generator_id, strong=strong, **keep.model_dump())
    yield batch(run, bands, deciding)
    if keep.guesses:
        yield from generate_owed(run, resolved, _wanted_guesses(run, resolved), spending)
        yield from verdicts_owed(run, resolved, spending)
        yield batch(run, rate, rule)
        yield batch(run, bands, deciding)


def _require_what_verifiers_need(run: Run, resolved: Resolved, rule: Rule) -> None:
    """RecipeError, or BackendError, where this recipe or machine gives a verifier too little to work with."""
    used = set(run.read(Prompts)["verifier"].unique())
    verify.require_all(used, resolved.recipe.verifiers)
    if JUDGE in used and JUDGE not in resolved.models:
        raise RecipeError("models.judge is missing: there are prompts whose verifier is `judge`")
    if "majority" in used and "strong" in resolved.models:
        raise RecipeError("models.strong: there are prompts whose verifier is `majority`, which knows no right answer")
    n_voters, n_first = resolved.verifier_settings("majority").samples, rule.round_size()
    if "majority" in used and n_first < n_voters:
        raise RecipeError(
            f"band.batch: found {n_first}, wanted at least verifiers.majority.samples = {n_voters}: "
            "the first round of each prompt must hold all that vote"
        )


def _wanted_solves(run: Run, resolved: Resolved, rule: Rule, limit: int | None = None) -> list[Wanted]:
    """Solve samples that are wanted of the target and, on the same prompts, of the stronger model."""
    tables = _sampled(run, limit)
    what = {"target": "samples", "strong": "strong samples"}
    return [
        Wanted(model, what[model.role], sampling.wanted(*tables, rule, model.generator_id))
        for model in resolved.solvers()
    ]


def _wanted_guesses(run: Run, resolved: Resolved) -> Wanted:
    target = resolved.models["target"]
    samples = guesses.wanted(run.read(Bands), target.generator_id, resolved.recipe.keep.guesses)
    return Wanted(target, "guesses", samples)


def _notes(run: Run, rule: Rule) -> list[str]:
    """What to know of the band before it costs anything, by the verifiers' own errors where they were audited."""
    known = verifier_errors(run.read(Audits))
    notes = warnings_of(rule.model_copy(update={"verifier_errors": known}))
    unknown = set(run.read(Prompts)["verifier"].unique()) - {verifier for verifier, *_ in known}
    if rule.correct_verifiers and unknown:
        names = ", ".join(sorted(unknown))
        notes.append(f"The band is not corrected for {names}: the audit does not know both of its error rates.")
    return notes


def _sampled(run: Run, limit: int | None) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Prompts, screened and pass rates; of the screened only the first so many kept ones."""
    screened = run.read(Screened)
    if limit is not None:
        kept = screened.filter(pl.col("decision") == "kept").sort("prompt_id")[:limit]
        screened = screened.join(kept.select("prompt_id"), on="prompt_id", how="semi")
    return run.read(Prompts), screened, run.read(PassRates)


def _rule(run: Run, resolved: Resolved) -> Rule:
    return resolved.rule(run.read(Audits))
