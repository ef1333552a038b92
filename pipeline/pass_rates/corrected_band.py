"""The band as an imperfect verifier shows it: its edges moved by the verifier's own error rates.

A verifier that rejects right answers at the rate fn, and accepts wrong ones at the rate fp, shows a true pass rate p as
p(1 - fn - fp) + fp (Rogan and Gladen 1978). Moving the edges of the band instead of the counts leaves counts whole
numbers, pass rates as counted, and every rule as it is.
"""

from collections.abc import Callable

import polars as pl

from pipeline.error_rates import GOLD, LABEL, NEAR_MISS, RULE
from pipeline.ledger import n_judged
from pipeline.pass_rates.stopping import Rule, VerifierErrors
from schemas.errors import RecipeError


def seen_rate(rate: float, *, false_negatives: float, false_positives: float) -> float:
    """The pass rate that a verifier shows where the true one is `rate`.

    >>> round(seen_rate(0.9, false_negatives=0.05, false_positives=0.01), 3)
    0.856
    """
    return rate * (1 - false_negatives - false_positives) + false_positives


def for_verifier(rule: Rule, verifier: str) -> Rule:
    """The rule with the edges of its band where this verifier shows them; as it is where nothing is to be corrected.

    Raises RecipeError where the verifier's errors add up to 1 or more: it then tells nothing of right and wrong.
    """
    rates = {name: (fn, fp) for name, fn, fp in rule.verifier_errors}
    if not rule.correct_verifiers or verifier not in rates:
        return rule
    fn, fp = rates[verifier]
    if not fn + fp < 1:  # nor is NaN
        raise RecipeError(
            f"verifier {verifier}: false negatives {fn:.3g} and false positives {fp:.3g} add up to 1 or more, so its "
            "verdicts tell nothing of right and wrong; mend the verifier, or leave the band uncorrected"
        )
    low, high = (seen_rate(edge, false_negatives=fn, false_positives=fp) for edge in (rule.low, rule.high))
    return rule.model_copy(update={"low": low, "high": high})


def by_verifier(states: pl.DataFrame, rule: Rule, answer: Callable[[pl.DataFrame, Rule], pl.DataFrame]) -> pl.DataFrame:
    """`answer(rows, rule)` for the rows of each verifier, in any order; for all at once where they name none."""
    if not (rule.correct_verifiers and "verifier" in states.columns):
        return answer(states, rule)
    parts = [answer(part, for_verifier(rule, str(name))) for (name,), part in states.group_by("verifier")]
    return pl.concat(parts or [answer(states, rule)])


def verifier_errors(audits: pl.DataFrame) -> tuple[VerifierErrors, ...]:
    """Rates of false negatives and false positives of each verifier, from the table `audits`; sorted by verifier.

    Right answers are gold answers and those that a label or a rule calls correct; wrong ones those that one calls
    incorrect, and only where there are none the near-misses. Near-misses are made to deceive, so that they overstate
    how often a model's mistakes are accepted. Like a pass rate, both are taken over verdicts that say right or wrong,
    of the verifier's highest version and of all sources together. A verifier is left out where either is unknown.
    """
    against, kind = pl.col("against").cast(pl.String), pl.col("kind")
    is_told = against.is_in([LABEL, RULE])
    version = pl.col("verifier_version").cast(pl.Int64)
    counts = audits.filter(version == version.max().over("verifier")).group_by("verifier")
    sums = {"right": (against == GOLD) | (is_told & (kind == "correct")), "wrong": is_told & (kind == "incorrect")}
    sums["near"] = against == NEAR_MISS
    judged = [n_judged().filter(rows).sum().alias(f"n_{name}") for name, rows in sums.items()]
    correct = [pl.col("n_correct").filter(rows).sum().alias(f"c_{name}") for name, rows in sums.items()]
    is_labelled = pl.col("n_wrong") > 0
    rates = counts.agg(*judged, *correct).select(
        "verifier",
        false_negatives=1 - pl.col("c_right") / pl.col("n_right"),
        false_positives=pl.when(is_labelled).then(pl.col("c_wrong") / pl.col("n_wrong"))
        .otherwise(pl.col("c_near") / pl.col("n_near")),
    )  # fmt: skip
    known = rates.filter(pl.all_horizontal(pl.col("false_negatives", "false_positives").is_finite()))
    return tuple(known.sort("verifier").rows())
