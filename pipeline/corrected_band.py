"""The band as an imperfect verifier shows it: its edges moved by the verifier's own error rates.

A verifier that rejects right answers at the rate fn, and accepts wrong ones at the rate fp, shows a true pass rate p as
p(1 - fn - fp) + fp (Rogan and Gladen 1978). Moving the edges of the band instead of the counts leaves counts whole
numbers, pass rates as counted, and every rule as it is.
"""

from collections.abc import Callable

import polars as pl

from pipeline.stopping import Rule
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
    if fn + fp >= 1:
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
