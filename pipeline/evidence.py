"""Evidence of a run: the funnel, and what its sources, models, verifiers and settings did; cards are made from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.agreement_rates import agreement
from pipeline.audit import judge_beside_rules
from pipeline.bound import stored_recipe
from pipeline.error_rates import RULE, error_rates, known_answer_rates
from pipeline.figures.difficulty import Difficulty, difficulty_of
from pipeline.funnel import Tables, funnel, n_uncertain, solved_rollouts
from pipeline.intervals import Z_95
from pipeline.score import difference_se
from pipeline.store import Run
from schemas.tables import TABLES, table_name

UNMEASURED = "unmeasured"
N_BINS = 10
_FILE = r"^.*/([^/]+\.(?:jsonl|jsonl\.gz|parquet|csv))$"
NO_PLAN = "no plan"
TRIED_ARMS = {"the plan": "execute", "a plan of another problem": "placebo", NO_PLAN: "solve"}
"""What was shown in a trial -> its arm."""


@dataclass(frozen=True)
class Contamination:
    """What was compared with benchmarks and found there; frames without rows where nothing was."""

    benchmarks: pl.DataFrame
    """benchmark, n_rows."""
    hits: pl.DataFrame
    """compared (prompts, traces or plans), rule, n, n_hit."""
    self_tests: pl.DataFrame
    """The table of that name."""


@dataclass(frozen=True)
class Evidence:
    """What is known about how a data set was made, the same wherever the run stands and whenever it is asked.

    The frames hold no time, host or path. `settings` does: it is the recipe as it was bound, with its paths and
    endpoints, so that a card shows only the parts of it that decided rows.
    """

    name: str
    settings: Mapping[str, Any]
    """`identity`, `generators` and `recipe`, as `recipe.json` has them; empty where the run has none."""
    versions: Mapping[str, str]
    """Coldstart and the libraries that decide results -> version (several where tables were made by several)."""
    funnel: pl.DataFrame
    """step, entity, n, detail."""
    sources: pl.DataFrame
    """source, revision, license, n_prompts, n_examples."""
    models: pl.DataFrame
    """model, n_rollouts, n_correct (of the screen's solve rollouts that came back), n_examples."""
    verdicts: pl.DataFrame
    """verifier, version, outcome, reason, n_rollouts, of the screen's solve rollouts."""
    trials: pl.DataFrame
    """shown, n_plans, pass_rate, uplift, ci_low, ci_high: means over the plans that examples show; empty without."""
    histogram: pl.DataFrame
    """pass_rate (a tenth, or `unmeasured`), n_prompts, n_examples."""
    decisions: pl.DataFrame
    """decision, reason, n_prompts, n_examples: which measured prompts went on."""
    by_models: pl.DataFrame
    """region (the target's), strong_region, n_prompts: what two models make of the prompts; empty with one model."""
    difficulty: Difficulty
    """How the pass rates were measured, and how wrong the regions are expected to be."""
    n_uncertain: int
    """Prompts that went on although their region did not reach the confidence."""
    n_pooled: int
    """Models whose answers the target's pass rates are over: several where a recording or a router holds them."""
    errors: pl.DataFrame
    """How often verifiers erred on answers whose worth is known: the columns of `known_answer_rates`; empty where
    nobody measured it."""
    agreement: pl.DataFrame
    """How far they agree with labels and with each other: the columns of `agreement`."""
    suspects: pl.DataFrame
    """reason, n_prompts, n_examples: prompts whose key is suspect, and the examples of them."""
    annotation: pl.DataFrame
    """verdict, how, n_plans, agreement (mean): what people decided about plans; empty where nobody was asked."""
    contamination: Contamination
    """Which benchmarks the run was compared with, and what the rules found and miss."""


def gather(run: Run) -> Evidence:
    """The evidence that a run holds now."""
    manifests = [manifest for table in TABLES if (manifest := run.manifest(table))]
    return evidence_of({table_name(table): run.read(table) for table in TABLES}, stored_recipe(run) or {}, manifests)


def evidence_of(tables: Tables, settings: Mapping[str, Any], manifests: Sequence[Mapping[str, Any]]) -> Evidence:
    """The same from frames by table name (all of them), the content of `recipe.json` and the manifests."""
    solved = solved_rollouts(tables)
    return Evidence(
        name=settings.get("recipe", {}).get("name", ""),
        settings=settings,
        versions=_versions(manifests),
        funnel=funnel(tables),
        sources=_sources(tables),
        models=_models(solved, tables["examples"]),
        verdicts=_verdicts(solved),
        trials=_trials(tables["plan_scores"], tables["examples"]),
        histogram=_histogram(tables["bands"], tables["examples"]),
        decisions=_decisions(tables["bands"], tables["examples"]),
        by_models=_by_models(tables["bands"]),
        difficulty=difficulty_of(tables, settings),
        n_uncertain=n_uncertain(tables["bands"]),
        n_pooled=_n_pooled(tables["rollouts"]),
        errors=known_answer_rates(_audits(tables, settings)),
        agreement=agreement(tables["audits"]),
        suspects=_suspects(tables["suspects"], tables["examples"]),
        annotation=_annotation(tables["adjudicated"]),
        contamination=_contamination(tables),
    )


def _versions(manifests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        for name, version in manifest["versions"].items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _sources(tables: Tables) -> pl.DataFrame:
    return _counted(tables["prompts"], tables["examples"], "source", "revision", "license")


def _models(solved: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    """Models that solved in the screen, and those that wrote examples: an executor may be another."""
    came_back = solved.filter(pl.col("text").is_not_null())
    counted = came_back.group_by("model").agg(n_rollouts=pl.len(), n_correct=(pl.col("outcome") == "correct").sum())
    shown = examples.group_by("model").agg(n_examples=pl.len())
    joined = counted.join(shown, on="model", how="full", coalesce=True).sort("model")
    return joined.with_columns(pl.col("^n_.*$").fill_null(0))


def _n_pooled(rollouts: pl.DataFrame) -> int:
    own = rollouts.filter(pl.col("text").is_not_null(), arm="solve", phase="screen", role="target")
    return own["model"].n_unique()


def _trials(scores: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    """Mean pass rates with the plans that examples show, with placebos and without a plan; a row each, none untried.

    A prompt counts once, as it has one such plan. `uplift` is the mean difference to no plan, and its interval (95 %,
    normal) says how exactly these very plans were measured: the standard errors of independent prompts add up.
    """
    shown = scores.filter(pl.col("phase") == "search").join(examples, on="plan_id", how="semi")
    shown = shown.filter(pl.min_horizontal("n_execute", "n_placebo", "n_solve") > 0)
    solve = pl.col("c_solve"), pl.col("n_solve")
    rows = []
    for name, arm in TRIED_ARMS.items():
        c, n = pl.col(f"c_{arm}"), pl.col(f"n_{arm}")
        difference = (c / n - solve[0] / solve[1]).mean()
        reach = Z_95 * (difference_se(c, n, *solve) ** 2).sum().sqrt() / pl.len()
        numbers = {"pass_rate": (c / n).mean(), "uplift": difference, "reach": reach}
        rows.append(shown.select(pl.lit(name).alias("shown"), pl.len().cast(pl.Int64).alias("n_plans"), **numbers))
    is_measured, is_baseline = pl.col("n_plans") > 0, pl.col("shown") == NO_PLAN
    uplift = pl.when(~is_baseline).then("uplift")
    means = pl.concat(rows).filter(is_measured).with_columns(uplift=uplift)
    return means.with_columns(ci_low=uplift - pl.col("reach"), ci_high=uplift + pl.col("reach")).drop("reach")


def _verdicts(solved: pl.DataFrame) -> pl.DataFrame:
    judged = solved.filter(pl.col("outcome").is_not_null()).rename({"verifier_version": "version"})
    by = ["verifier", "version", "outcome", "reason"]
    return judged.group_by(by).agg(n_rollouts=pl.len()).sort(by)


def _audits(tables: Tables, settings: Mapping[str, Any]) -> pl.DataFrame:
    """What the table `audits` holds, and how the judge does, which is known without an audit."""
    verifiers = settings.get("recipe", {}).get("verifiers", {})
    beside = judge_beside_rules(tables["prompts"], tables["rollouts"], tables["verdicts"], verifiers)
    audits = tables["audits"].filter(pl.col("against").cast(pl.String) != RULE)
    return pl.concat([audits, error_rates(beside)])


def _suspects(suspects: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    return _counted(suspects.cast({"reason": pl.String}), examples, "reason")


def _contamination(tables: Tables) -> Contamination:
    prompts = tables["prompt_contamination"].with_columns(compared=pl.lit("prompts"))
    outputs = tables["output_contamination"].with_columns(compared=pl.col("kind").cast(pl.String) + "s")
    compared = pl.concat([frame.select("compared", "rule", "contaminated") for frame in (prompts, outputs)])
    by = ["compared", "rule"]
    hits = compared.group_by(by).agg(n=pl.len(), n_hit=pl.col("contaminated").sum())
    name = pl.col("benchmark").str.replace(_FILE, "$1")
    named = tables["benchmarks"].group_by(name).agg(n_rows=pl.len()).sort("benchmark")
    return Contamination(named, hits.sort(by), tables["self_tests"].cast({"kind": pl.String}))


def _decisions(bands: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    counted = _counted(bands, examples, "decision", "reason")
    return counted.cast({"decision": pl.String, "reason": pl.String})


def _annotation(adjudicated: pl.DataFrame) -> pl.DataFrame:
    by = ["verdict", "how"]
    decided = adjudicated.group_by(by).agg(n_plans=pl.len(), agreement=pl.col("agreement").mean().round(2))
    return decided.sort(by).cast(dict.fromkeys(by, pl.String))


def _by_models(bands: pl.DataFrame) -> pl.DataFrame:
    by = ["region", "strong_region"]
    return bands.filter(pl.col("strong_region").is_not_null()).group_by(by).agg(n_prompts=pl.len()).sort(by)


def _histogram(bands: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    """Tenths of the pass rate; 1 is in the last, and what has no pass rate has a row of its own."""
    tenth = (pl.col("pass_rate") * N_BINS).floor().clip(0, N_BINS - 1).fill_null(N_BINS).cast(pl.Int64)
    counts = _counted(bands.with_columns(bin=tenth), examples, "bin")
    labels = [*(f"{i / N_BINS:.1f} to {(i + 1) / N_BINS:.1f}" for i in range(N_BINS)), UNMEASURED]
    every = pl.DataFrame({"bin": range(N_BINS + 1), "pass_rate": labels}, schema_overrides={"bin": pl.Int64})
    joined = every.join(counts, on="bin", how="left").sort("bin").drop("bin")
    return joined.with_columns(pl.col("n_prompts", "n_examples").fill_null(0))


def _counted(prompts: pl.DataFrame, examples: pl.DataFrame, *by: str) -> pl.DataFrame:
    """How many prompts have the same in these columns, and how many examples show them: n_prompts and n_examples."""
    n_examples = examples.group_by("prompt_id").agg(n_examples=pl.len())
    groups = prompts.join(n_examples, on="prompt_id", how="left").group_by(by)
    return groups.agg(n_prompts=pl.len(), n_examples=pl.col("n_examples").sum()).sort(by)
