"""Whether the stated error is true, over runs whose pass rates are known: `python -m benchmarks.stated_error`.

Prompts of known pass rates are sampled under a rule; `stated_error` sees the counts alone. Counted is how often what
was really wrong lies within its 95 % interval. One core, about three minutes.
"""

import time
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import polars as pl

from pipeline.pass_rates.band_error import FIGURES, GROUPS, stated_error
from pipeline.pass_rates.prior import Floats
from pipeline.pass_rates.stopping import Rule, regions, stops

N_RUNS = 200
SIZES = (300, 2000)
SEED = 7

RULES = {"jeffreys, 8 x 4": Rule(), "fixed 16": Rule(rule="fixed", max_samples=16)}

Rates = Callable[[np.random.Generator, int], Floats]


def _bimodal(rng: np.random.Generator, n: int) -> Floats:
    kind = rng.choice(3, size=n, p=[0.35, 0.25, 0.4])
    return np.choose(kind, [np.zeros(n), rng.beta(1, 1.5, n), np.ones(n)])


def _edge(rng: np.random.Generator, n: int) -> Floats:
    return np.where(rng.random(n) < 0.6, rng.beta(8, 72, n), rng.beta(2, 2, n))


DISTRIBUTIONS: dict[str, Rates] = {
    "Beta(.25, .19), a 7B model on mathematics": lambda rng, n: rng.beta(0.25, 0.19, n),
    "35 % at 0, 40 % at 1, the rest Beta(1, 1.5)": _bimodal,
    "uniform": lambda rng, n: rng.random(n),
    "60 % Beta(8, 72), around the edge; the rest Beta(2, 2)": _edge,
}


def main() -> None:
    """Print the table as Markdown: one row a setting and a group of prompts."""
    started = time.process_time()
    print("`python -m benchmarks.stated_error`\n")
    print("| true pass rates | rule | prompts | group | samples | error | its width | naive | " + _columns() + " |")
    print("|---|---|" + "--:|---|" + "--:|" * 7)
    for (name, rates), (rule_name, rule), size in product(DISTRIBUTIONS.items(), RULES.items(), SIZES):
        runs = pl.concat(list(_runs(rates, rule, size)))
        for group in GROUPS:
            print(f"| {name} | {rule_name} | {size:,} | {group} | " + _cells(runs.filter(group=group), rule) + " |")
    print(f"\n{N_RUNS} runs a row, {time.process_time() - started:.0f} CPU-seconds.")


def simulated(rates: Floats, rule: Rule, rng: np.random.Generator) -> pl.DataFrame:
    """Counts and regions of prompts of known pass rates, sampled round by round until the rule stops each.

    A row a rate: n_rated, n_correct, region, is_decided, low, high, and really, the region it is in.
    """
    n, c, open_rows = np.zeros(rates.size, int), np.zeros(rates.size, int), np.arange(rates.size)
    while open_rows.size:
        drawn = np.minimum(rule.round_size(), rule.max_samples - n[open_rows])
        c[open_rows] += rng.binomial(drawn, rates[open_rows])
        n[open_rows] += drawn
        states = pl.DataFrame({"n": n[open_rows], "c": c[open_rows], "n_left": rule.max_samples - n[open_rows]})
        open_rows = open_rows[~stops(states, rule).to_numpy()]
    pairs = pl.DataFrame({"n": n, "c": c, "really": _really(rates, rule)})
    known = pairs.select("n", "c").unique()
    called = known.hstack(regions(known, rule).select("region", "is_decided"))
    return (
        pairs.join(called, on=["n", "c"], maintain_order="left")
        .rename({"n": "n_rated", "c": "n_correct"})
        .with_columns(low=rule.low, high=rule.high)
    )


def actual(prompts: pl.DataFrame) -> pl.DataFrame:
    """What `stated_error` states, as it really is: columns group and FIGURES, null where a share is of nothing."""
    is_wrong = pl.col("region").cast(pl.String) != pl.col("really")
    shares = {
        "error": is_wrong.mean(),
        "impure": is_wrong.filter(pl.col("region") == "in_band").mean(),
        "lost": is_wrong.filter(pl.col("really") == "in_band").mean(),
    }
    groups = (pl.col("is_decided"), ~pl.col("is_decided"), pl.lit(True))
    frames = [prompts.filter(is_own).select(**shares) for is_own in groups]
    return pl.concat(frames).insert_column(0, pl.Series("group", GROUPS, pl.Enum(GROUPS)))


def _really(rates: Floats, rule: Rule) -> Floats:
    return np.where(rates < rule.low, "too_hard", np.where(rates > rule.high, "too_easy", "in_band"))


def _runs(rates: Rates, rule: Rule, size: int) -> Iterator[pl.DataFrame]:
    """What was stated and what is, for each run."""
    rng = np.random.default_rng(SEED)
    prompts = simulated(rates(rng, N_RUNS * size), rule, rng)
    ids = pl.Series("prompt_id", rng.permutation(size)).cast(pl.String)
    for k in range(N_RUNS):
        run = prompts[k * size : (k + 1) * size]
        stated = stated_error(run.with_columns(ids), seed=k)
        yield stated.join(actual(run), on="group", suffix="_actual").with_columns(n_samples=run["n_rated"].mean())


def _columns() -> str:
    return " | ".join(f"{figure} held" for figure in FIGURES)


def _cells(runs: pl.DataFrame, rule: Rule) -> str:
    held = {f"{figure} held": _is_held(figure).mean() for figure in FIGURES}
    width = (pl.col("error_high") - pl.col("error_low")).mean()
    shares = {"error": pl.col("error_actual").mean(), "width": width, "naive": pl.lit(1 - rule.confidence), **held}
    samples, *row = runs.select(samples=pl.col("n_samples").mean(), **shares).row(0)
    return f"{samples:.1f} | " + " | ".join(f"{share:.1%}" for share in row)


def _is_held(figure: str) -> pl.Expr:
    """Whether each run's interval holds the actual share; null where that is a share of nothing."""
    return pl.col(f"{figure}_actual").is_between(f"{figure}_low", f"{figure}_high")


if __name__ == "__main__":
    main()
