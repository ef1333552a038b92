"""Evidence of a run: the funnel, and what its sources, models, verifiers and settings did; cards are made from it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipeline.blobs import read_version
from pipeline.resolve import RECIPE_FILE
from pipeline.store import Run
from pipeline.verify import latest
from schemas.tables import TABLES, table_name

UNKNOWN = "unknown"
UNMEASURED = "unmeasured"
N_BINS = 10

Tables = Mapping[str, pl.DataFrame]


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
    """model, n_rollouts, n_correct, n_examples, of solve rollouts that came back."""
    verdicts: pl.DataFrame
    """verifier, version, outcome, reason, n_rollouts, of solve rollouts."""
    histogram: pl.DataFrame
    """pass_rate (a tenth, or `unmeasured`), n_prompts, n_examples."""
    n_uncertain: int
    """Prompts in the band whose region did not reach the confidence."""


def gather(run: Run) -> Evidence:
    """The evidence that a run holds now."""
    content, _ = read_version(run.fs, run.path(RECIPE_FILE))
    settings = json.loads(content) if content else {}
    manifests = [manifest for table in TABLES if (manifest := run.manifest(table))]
    return evidence_of({table_name(table): run.read(table) for table in TABLES}, settings, manifests)


def evidence_of(tables: Tables, settings: Mapping[str, Any], manifests: Sequence[Mapping[str, Any]]) -> Evidence:
    """The same from frames by table name (all of them), the content of `recipe.json` and the manifests."""
    solved = _solved(tables)
    return Evidence(
        name=settings.get("recipe", {}).get("name", ""),
        settings=settings,
        versions=_versions(manifests),
        funnel=funnel(tables),
        sources=_sources(tables),
        models=_models(solved, tables["examples"]),
        verdicts=_verdicts(solved),
        histogram=_histogram(tables["bands"], tables["examples"]),
        n_uncertain=_n_uncertain(tables["bands"]),
    )


def funnel(tables: Tables) -> pl.DataFrame:
    """Where rows went, a row a step: step, entity, n, and in `detail` what was left out, by reason.

    Rollouts are the solve rollouts; correct, incorrect, undecided and not judged yet (a row only where there are any)
    add up to those asked for.
    """
    screened, bands, solved = tables["screened"], tables["bands"], _solved(tables)
    traces = tables["choices"].filter(pl.col("kind") == "trace")
    in_band, kept = pl.col("region") == "in_band", pl.col("decision") == "kept"
    uncertain = f"not yet certain: {n}" if (n := _n_uncertain(bands)) else ""
    outcome = {name: solved.filter(pl.col("outcome") == name) for name in ("correct", "incorrect", "undecided")}
    unjudged = solved.filter(pl.col("outcome").is_null())
    rows = [
        ("collected", "prompts", tables["prompts"].height, _tally(tables["prompts"]["source"])),
        _passed("kept by the screen", "prompts", screened, kept, "reason"),
        ("sampled", "prompts", solved["prompt_id"].n_unique(), ""),
        _passed("in the band", "prompts", bands, in_band, "region", uncertain),
        ("asked for", "rollouts", solved.height, ""),
        _passed("came back", "rollouts", solved, pl.col("text").is_not_null(), "error_kind"),
        ("correct", "rollouts", outcome["correct"].height, ""),
        ("incorrect", "rollouts", outcome["incorrect"].height, _tally(outcome["incorrect"]["reason"])),
        ("undecided", "rollouts", outcome["undecided"].height, _tally(outcome["undecided"]["reason"])),
        *([("not judged yet", "rollouts", unjudged.height, "")] if unjudged.height else []),
        ("correct and in the band", "traces", traces.height, ""),
        _passed("chosen", "traces", traces, kept, "reason"),
        _passed("parsed", "plans", tables["plans"], pl.col("status") == "parsed", "status"),
        ("assembled", "examples", tables["examples"].height, _tally(tables["examples"]["split"])),
    ]
    return pl.DataFrame(
        rows, {"step": pl.String, "entity": pl.String, "n": pl.Int64, "detail": pl.String}, orient="row"
    )


def _passed(
    step: str, entity: str, rows: pl.DataFrame, passes: pl.Expr, reason: str, more: str = ""
) -> tuple[str, str, int, str]:
    """A step of the funnel: how many rows pass it, and the others by their reason."""
    left_out = _tally(rows.filter(~passes)[reason])
    detail = "; ".join(text for text in (left_out and f"left out: {left_out}", more) if text)
    return step, entity, rows.filter(passes).height, detail


def _n_uncertain(bands: pl.DataFrame) -> int:
    return bands.filter(pl.col("region") == "in_band", ~pl.col("is_decided")).height


def _tally(values: pl.Series) -> str:
    """Values with their counts, the commonest first."""
    counts = values.cast(pl.String).fill_null(UNKNOWN).rename("value").value_counts(name="n")
    return ", ".join(f"{value} {n}" for value, n in counts.sort("n", "value", descending=[True, False]).rows())


def _solved(tables: Tables) -> pl.DataFrame:
    """Solve rollouts with the latest verdict of their prompt's own verifier (null columns where there is none)."""
    own = tables["prompts"].select("prompt_id", "verifier")
    verdicts = latest(tables["verdicts"]).select("rollout_id", "verifier", "verifier_version", "outcome", "reason")
    return (
        tables["rollouts"].filter(pl.col("arm") == "solve")
        .select("rollout_id", "prompt_id", "text", "error_kind", model=pl.col("model").fill_null(UNKNOWN))
        .join(own, on="prompt_id", how="left")
        .join(verdicts, on=["rollout_id", "verifier"], how="left")
        .with_columns(pl.col("outcome", "reason").cast(pl.String))
    )  # fmt: skip


def _versions(manifests: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        for name, version in manifest["versions"].items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _sources(tables: Tables) -> pl.DataFrame:
    n_examples = tables["examples"].group_by("prompt_id").agg(n_examples=pl.len())
    by = ["source", "revision", "license"]
    counted = tables["prompts"].join(n_examples, on="prompt_id", how="left")
    return counted.group_by(by).agg(n_prompts=pl.len(), n_examples=pl.col("n_examples").sum()).sort(by)


def _models(solved: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    is_correct, is_shown = pl.col("outcome") == "correct", pl.col("rollout_id").is_in(examples["rollout_id"].to_list())
    counts = {"n_rollouts": pl.len(), "n_correct": is_correct.sum(), "n_examples": is_shown.sum()}
    return solved.filter(pl.col("text").is_not_null()).group_by("model").agg(**counts).sort("model")


def _verdicts(solved: pl.DataFrame) -> pl.DataFrame:
    judged = solved.filter(pl.col("outcome").is_not_null()).rename({"verifier_version": "version"})
    by = ["verifier", "version", "outcome", "reason"]
    return judged.group_by(by).agg(n_rollouts=pl.len()).sort(by)


def _histogram(bands: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    """Tenths of the pass rate; 1 is in the last, and what has no pass rate has a row of its own."""
    n_examples = examples.group_by("prompt_id").agg(n_examples=pl.len())
    tenth = (pl.col("pass_rate") * N_BINS).floor().clip(0, N_BINS - 1).fill_null(N_BINS).cast(pl.Int64)
    counted = bands.join(n_examples, on="prompt_id", how="left").group_by(tenth.alias("bin"))
    counts = counted.agg(n_prompts=pl.len(), n_examples=pl.col("n_examples").sum())
    labels = [*(f"{i / N_BINS:.1f} to {(i + 1) / N_BINS:.1f}" for i in range(N_BINS)), UNMEASURED]
    every = pl.DataFrame({"bin": range(N_BINS + 1), "pass_rate": labels}, schema_overrides={"bin": pl.Int64})
    joined = every.join(counts, on="bin", how="left").sort("bin").drop("bin")
    return joined.with_columns(pl.col("n_prompts", "n_examples").fill_null(0))
