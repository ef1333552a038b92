"""What a card says of difficulty: what the band is, how wrong its regions are, what it cost, and who went on."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from pipeline.evidence import Evidence
from pipeline.figures.difficulty import Difficulty
from pipeline.figures.pictures import Picture
from pipeline.folder import GENERATED
from pipeline.hostile import escaped, one_line
from pipeline.markdown import MAX_CELL, code_span, fenced, table, with_intervals

BAR_WIDTH = 40
RULES = {
    "jeffreys": "in rounds of {batch}, until one region had a posterior probability of {confidence:g} under the prior "
    "of Jeffreys or there were {max_samples} samples",
    "curtailed": "in rounds of {batch}, until nothing that the rest of {max_samples} could say would change its region",
    "optimal": "in rounds of {batch}, until another would have cost more than it could mend, under a prior fitted to a "
    "pilot, or there were {max_samples} samples",
    "fixed": "{max_samples} times",
}
CUT_OFF_COUNTS = {
    "undecided": "as neither right nor wrong, and no pass rate counts them",
    "incorrect": "as wrong",
}
REASONS = {
    "in_band": "in the band",
    "teachable": "too hard for the target, and solved by the stronger model",
    "replayed": "too easy, and replayed so that easy problems are not unlearned",
    "too_hard": "too hard for now",
    "unsolved": "not solved by the stronger model either",
    "too_easy": "too easy",
    "guessable": "answered without reasoning",
    "unmeasured": "without an answer that could be rated",
}
NAMES = {"target": "the target", "strong": "the stronger model"}
DECISIONS = {"kept": "went on", "later": "kept for later", "dropped": "left out"}


def band_told(evidence: Evidence) -> str:
    """The end of the sentence that says where the problems of the examples lie; nothing without a band."""
    band = evidence.settings.get("recipe", {}).get("band")
    if not band:
        return ""
    inside = f"its pass rate is taken to lie in {band['low']:g} to {band['high']:g}"
    shown = dict(evidence.decisions.filter(pl.col("n_examples") > 0).select("reason", "n_examples").rows())
    others = [f"of {n:,} it is {REASONS[name]}" for name, n in shown.items() if name != "in_band"]
    if not others:
        return f", and every problem is neither too easy nor too hard: {inside}"
    n = shown.get("in_band", 0)
    return f". Of {n:,} the problem is neither too easy nor too hard: {inside}; {'; '.join(others)}"


def difficulty_section(evidence: Evidence, pictures: Sequence[Picture], figures: str) -> Iterator[str]:
    """The section: text and tables where anything was measured, and `pictures`, which lie in `figures`."""
    yield "## Difficulty"
    yield from _measured(evidence.difficulty)
    yield _histogram(evidence.histogram)
    yield from _results(evidence.difficulty, pictures, figures)
    yield from _went_on(evidence)


def report_told(name: str, difficulty: Difficulty, pictures: Sequence[Picture]) -> str:
    """The README.md of a report, whose pictures lie beside it."""
    title = f"# Difficulty of {escaped(one_line(name, MAX_CELL))}"
    return "\n\n".join([title, GENERATED, *_measured(difficulty), *_results(difficulty, pictures, "")]) + "\n"


def _results(difficulty: Difficulty, pictures: Sequence[Picture], figures: str) -> Iterator[str]:
    """What was measured, each number beside its picture."""
    yield from _shown(pictures, figures, "pass-rates")
    yield from _stated(difficulty)
    yield from _shown(pictures, figures, "calibration")
    yield from _spent(difficulty)
    yield from _shown(pictures, figures, "samples-spent", "tokens-by-difficulty", "tokens-per-correct")
    yield from _first_round(difficulty)
    yield from _shown(pictures, figures, "pass-at-k")


def _measured(difficulty: Difficulty) -> Iterator[str]:
    """What the band is and how it was decided."""
    if difficulty.spent.is_empty():
        return
    band = difficulty.band
    models = " and ".join(
        f"{code_span(name)} ({role})" if name else NAMES[role] for role, name in difficulty.models.items()
    )
    rule = RULES[band.rule].format(**band.model_dump())
    yield (
        f"The pass rate of a problem is the share of right answers among those of {models} that could be rated; the "
        f"band is {band.low:g} to {band.high:g}. Each problem was sampled {rule} (rule `{band.rule}`). Its region is "
        f"the most probable one, and undecided where its posterior probability is below {band.confidence:g}."
        + _edges_told(difficulty)
        + _truncated_told(difficulty)
    )


def _edges_told(difficulty: Difficulty) -> str:
    band = difficulty.band
    moved = [edges for edges in difficulty.edges if edges != (band.low, band.high)]
    if not moved:
        return ""
    told = ", ".join(f"{low:.3g} to {high:.3g}" for low, high in moved)
    return f" As verifiers err, the edges that counted are where they show them (Rogan and Gladen 1978): {told}."


def _truncated_told(difficulty: Difficulty) -> str:
    n = difficulty.n_truncated()
    if not n:
        return " No answer was cut off by its token limit."
    return f" Answers that their token limit cut off ({n:,}) count {CUT_OFF_COUNTS[difficulty.band.truncated]}."


def _stated(difficulty: Difficulty) -> Iterator[str]:
    """How wrong the regions are expected to be, for each role, in words and as a table."""
    for (role,), rows in difficulty.stated.group_by("role", maintain_order=True):
        groups = {row["group"]: row for row in rows.iter_rows(named=True)}
        if groups["all"]["error"] is None:
            yield f"How many regions of {NAMES[str(role)]} are wrong is not stated: too few problems were measured."
            continue
        yield _stated_in_words(str(role), groups)
        yield table(stated_frame(rows.drop("role")))
    if difficulty.stated["error"].count():
        yield (
            f"The confidence, {difficulty.band.confidence:g}, is no error rate; shares are expected under a prior "
            "of pass rates that was fitted to the run's own counts, each problem judged by the others'. Intervals are "
            "of 95 %. Verdicts are taken as true."
        )


def _stated_in_words(role: str, groups: Mapping[str, Mapping[str, Any]]) -> str:
    parts = {"decided": "of those decided", "capped": "of those left undecided"}
    known = [name for name in parts if groups[name]["error"] is not None]
    apart = " and ".join(f"{groups[name]['error']:.1%} {parts[name]}" for name in known)
    every = groups["all"]
    told = (
        f"Of the {every['n_prompts']:,} problems measured with {NAMES[role]}, "
        f"{every['error']:.1%} are expected in the wrong region ({apart})"
    )
    if every["impure"] is not None:
        told += f"; of those taken to be in the band, {every['impure']:.1%} are not"
    if every["lost"] is not None:
        told += f"; of those really in it, {every['lost']:.1%} are taken for something else and lost"
    return f"{told}."


def stated_frame(stated: pl.DataFrame) -> pl.DataFrame:
    """The stated error with each rate and its interval as one text."""
    for name in ("error", "impure", "lost"):
        stated = with_intervals(stated, name, f"{name}_low", f"{name}_high", shape=".1%")
    return stated.rename({"n_prompts": "prompts", "n_kept": "called in band"})


def _spent(difficulty: Difficulty) -> Iterator[str]:
    """What measuring cost, beside a fixed number of samples a prompt."""
    spent = difficulty.spent
    if spent.is_empty():
        return
    n, n_fixed = int(spent["n_samples"].sum()), int(spent["n_fixed"].sum())
    beside = f"{1 - n / n_fixed:.0%} fewer than" if n < n_fixed else "as many as" if n == n_fixed else "more than"
    each = "problem" if spent["role"].n_unique() == 1 else "problem and model"
    fixed = f"the {n_fixed:,} that {difficulty.band.max_samples} for each {each} would be"
    yield f"Measuring took {n:,} samples, {beside} {fixed}:"
    yield table(spent_frame(spent))


def spent_frame(spent: pl.DataFrame) -> pl.DataFrame:
    """Samples by region as a card and a terminal show them: role only where there are two."""
    words = pl.col("region").cast(pl.String).str.replace_all("_", " ")
    told = spent.with_columns(
        region=words,
        is_decided=pl.when("is_decided").then(pl.lit("yes")).otherwise(pl.lit("no")),
        samples_each=pl.col("samples_each").round(1),
    )
    return told.drop("role") if told["role"].n_unique() == 1 else told.cast({"role": pl.String})


def _first_round(difficulty: Difficulty) -> Iterator[str]:
    """pass@k in a sentence for each role."""
    for (role,), rows in difficulty.pass_at_k.group_by("role", maintain_order=True):
        told = ", ".join(f"{rate:.3f} for k = {k}" for k, rate in rows.select("k", "pass_at_k").rows())
        yield (
            f"pass@k of {NAMES[str(role)]}, unbiased, over the {rows['n_prompts'][0]:,} problems whose first round was "
            f"rated whole: {told}."
        )


def _went_on(evidence: Evidence) -> Iterator[str]:
    """Which measured prompts went on and why, and what two models make of them."""
    if evidence.decisions.height:
        told = evidence.decisions.with_columns(
            pl.col("decision").replace_strict(DECISIONS), pl.col("reason").replace_strict(REASONS)
        )
        yield "Which of them went on:"
        yield table(told)
    if evidence.by_models.height:
        words = pl.col("region", "strong_region").cast(pl.String).str.replace_all("_", " ")
        yield "The problems by the regions of both models:"
        yield table(evidence.by_models.with_columns(words))


def _histogram(histogram: pl.DataFrame) -> str:
    """Bars of prompts by pass rate; every prompt that has a bar is drawn with one block at least."""
    most = max(1, *histogram["n_prompts"])
    lines = [f"{'pass rate':<12}{'prompts':>8}{'examples':>10}"]
    for label, n_prompts, n_examples in histogram.rows():
        bar = "█" * -(-n_prompts * BAR_WIDTH // most)
        lines.append(f"{label:<12}{n_prompts:>8,}{n_examples:>10,}  {bar}".rstrip())
    return fenced("\n".join(lines), "text")


def _shown(pictures: Sequence[Picture], figures: str, *names: str) -> Iterator[str]:
    """Those of the pictures that are there."""
    drawn = {picture.name: picture for picture in pictures}
    for name in names:
        if name in drawn:
            yield f"![{drawn[name].alt}]({posixpath.join(figures, name)}.png)"
