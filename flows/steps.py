"""The order of the stages: what the command line and the Prefect flow both walk through.

`steps` yields one `Step` at a time; whoever drives it runs the step's pieces (in any order, also in parallel) and
then asks for the next. The sampling loop is in here: rounds of generate, verify and rate until nothing is owed. What
people answered since the last time comes in by `plans` (their edits, which are tried as any plan is) and `adjudicate`.
"""

from collections.abc import Iterator
from typing import Literal

import polars as pl

from annotation import adjudicate
from flows.console import say
from flows.decontamination import outputs_decontaminated, prompts_decontaminated
from flows.judgements import judgements_owed, known_judgements_owed, wanted_judgements
from flows.row_wise import Step, Wanted, batch, generate_owed, owed_of, verify_owed
from pipeline import (
    assemble,
    bands,
    choices,
    collect,
    generate,
    guesses,
    leaks,
    planning,
    plans,
    plugins,
    rate,
    runner,
    sampling,
    score,
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
from pipeline.resolve import RECORDED, Model, Resolved
from pipeline.spending import Spending, spending_of
from pipeline.store import Run
from schemas.errors import RecipeError
from schemas.recipe import Export, Recipe
from schemas.recipe_file import Origin
from schemas.tables import (
    Audits,
    Bands,
    Choices,
    Examples,
    PassRates,
    Plans,
    Prompts,
    Queue,
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
        yield from _tried_plans(run, resolved, rule, spending)
    else:
        yield from _recorded_plans(run, resolved, spending)
    if run.keys(Queue).height:
        yield batch(run, adjudicate, adjudicate.Config(min_submitted=recipe.annotate.min_submitted))
    yield from _chosen(run, recipe, "execute" if resolved.tries_plans() else "solve")
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
    if resolved.tries_plans():
        wanted += [_wanted_strategies(run, resolved), _wanted_plans(run, resolved), _wanted_trials(run, resolved)]
    elif planner := resolved.models.get("planner"):
        wanted += [_wanted_recorded_plans(run, planner)]
    wanted += wanted_judgements(run, resolved)
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
        yield from _verdicts(run, resolved, spending)
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
        yield from _verdicts(run, resolved, spending)
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


def _verdicts(run: Run, resolved: Resolved, spending: Spending) -> Iterator[Step]:
    """The judgements that verdicts rest on, and then the verdicts."""
    yield from judgements_owed(run, resolved, spending)
    yield from verify_owed(run, resolved)


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


def _recorded_plans(run: Run, resolved: Resolved, spending: Spending) -> Iterator[Step]:
    """Plans that were recorded with the responses; without a planner, none."""
    if planner := resolved.models.get("planner"):
        wanted = Wanted(planner, "plans", _wanted_recorded_plans(run, planner))
        yield from generate_owed(run, resolved, wanted, spending)
    yield batch(run, plans, plans.Config(recorded=planner is not None))


def _wanted_recorded_plans(run: Run, planner: Model) -> pl.DataFrame:
    tables = run.read(Bands), run.read(Rollouts), run.read(Verdicts)
    return planning.wanted_recorded_plans(*tables, planner.generator_id)


def _tried_plans(run: Run, resolved: Resolved, rule: Rule, spending: Spending) -> Iterator[Step]:
    """Strategies, plans and their trials for the prompts that are kept, and what the results say of each plan."""
    recipe, planner, executor = resolved.recipe, resolved.models["planner"], resolved.executor()
    strategies = Wanted(planner, "strategies", _wanted_strategies(run, resolved))
    yield from generate_owed(run, resolved, strategies, spending)
    yield from generate_owed(run, resolved, Wanted(planner, "plans", _wanted_plans(run, resolved)), spending)
    yield batch(run, plans, plans.Config(recorded=planner.kind == RECORDED))
    yield from _chosen(run, recipe, "execute")
    yield from generate_owed(run, resolved, Wanted(executor, "trials", _wanted_trials(run, resolved)), spending)
    yield from _verdicts(run, resolved, spending)
    yield batch(run, rate, rule)
    n_tokens = recipe.keep.guess_tokens
    scoring = score.Config(executor=executor.generator_id, confidence=recipe.plans.confidence, guess_tokens=n_tokens)
    yield batch(run, score, scoring)
    if note := leaks.told(run.read(Rollouts), executor.generator_id, n_tokens):
        say(note, err=True)


def _wanted_strategies(run: Run, resolved: Resolved) -> pl.DataFrame:
    """None of a recording: it holds plans."""
    planner = resolved.models["planner"]
    is_listing = resolved.recipe.plans.strategies and planner.kind != RECORDED
    banded = run.read(Bands)
    return planning.wanted_strategies(banded if is_listing else banded.clear(), planner.generator_id)


def _wanted_plans(run: Run, resolved: Resolved) -> pl.DataFrame:
    planner, n = resolved.models["planner"].generator_id, resolved.recipe.plans.n
    return planning.wanted_plans(run.read(Bands), run.read(Rollouts), planner, n)


def _wanted_trials(run: Run, resolved: Resolved) -> pl.DataFrame:
    tables = run.read(Prompts), run.read(Plans), run.read(Choices)
    return planning.wanted_trials(*tables, resolved.executor().generator_id, resolved.recipe.plans)


def _chosen(run: Run, recipe: Recipe, arm: Literal["solve", "execute"]) -> Iterator[Step]:
    """Which traces and plans are used."""
    yield from outputs_decontaminated(run, recipe, arm)
    settings = recipe.choose.model_dump() | {"annotated_only": recipe.assemble.annotated_only}
    yield batch(run, choices, choices.Config(arm=arm, plans=recipe.plans, **settings))


def _rule(run: Run, resolved: Resolved) -> Rule:
    return resolved.rule(run.read(Audits))
