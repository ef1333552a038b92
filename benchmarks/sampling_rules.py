"""Tables of docs/sampling.md: `python -m benchmarks.sampling_rules DATA > tables.md`.

DATA holds cruxeval/ as its publishers made it: 800 programs, with 10 outcomes each of predicting the output and of
finding an input. First what rules do on these outcomes, then what is expected of them under priors, exactly.
"""

import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.real_data import markdown
from pipeline.pass_rates.course import log_choose, log_moments
from pipeline.pass_rates.operating import characteristics
from pipeline.pass_rates.pilot_counts import PilotCount
from pipeline.pass_rates.prior import JEFFREYS, Floats, Prior, beta_prior, mean_rates, region_masses
from pipeline.pass_rates.stopping import Rule, optimal_plan, pilot_prior, regions, stops

Ints = NDArray[np.int64]
TASKS = ("input", "output")
BANDS = ((0.1, 0.9), (0.2, 0.8))
SKYWORK = (0.25, 0.19)
N_SPLITS = 10
HARD_TIMES = 4.0
"""How many times as long a sample of a prompt is that is never solved, as one of a prompt that always is."""


def main(data: Path) -> None:
    """Print every table as Markdown."""
    outcomes = {task: read(data, task) for task in TASKS}
    show("`curtailed` on CruxEval: fixed 10's decisions for less", curtailed_rows(outcomes))
    show(
        f"`optimal` on CruxEval: pilot of one half, pass rates of the other ({N_SPLITS} splits)", crossed_rows(outcomes)
    )
    show(
        f"`optimal` with a cap of 10: pilot of one half, outcomes of the other ({N_SPLITS} splits)",
        split_rows(outcomes),
    )
    natures = {"Beta(.25, .19)": beta_prior(*SKYWORK)}
    natures |= {f"CruxEval {task}": pilot_prior(counts_of(outcomes[task])) for task in TASKS}
    for name, nature in natures.items():
        show(f"Every rule, pass rates from {name}", list(rule_rows(name, nature, outcomes)))
    show("The wrong prior: `optimal` made for Beta(.25, .19), another nature", wrong_prior_rows())
    show("Tokens, hard prompts 4x as long, pass rates from Beta(.25, .19)", token_rows())
    show("Seconds to work `optimal` out, on one core", compile_rows())


def show(title: str, rows: list[dict[str, Any]]) -> None:
    """Print a table."""
    print(f"## {title}\n\n{markdown(rows)}", flush=True)


def read(data: Path, task: str) -> Ints:
    """Outcomes of CruxEval: shape (800, 10), 1 where a sample is right."""
    with gzip.open(data / "cruxeval" / f"codellama7b_t0.2_{task}_scored.json.gz", "rt") as file:
        scores = json.load(file)["raw_scored_generations"]
    return np.array([scores[name] for name in sorted(scores)]).astype(int)


def counts_of(outcomes: Ints) -> tuple[PilotCount, ...]:
    """The counts of prompts, as a pilot has them."""
    right, n_prompts = np.unique(outcomes.sum(axis=1), return_counts=True)
    return tuple((outcomes.shape[1], int(c), int(n), None) for c, n in zip(right, n_prompts, strict=True))


def replay(outcomes: Ints, rule: Rule) -> tuple[Ints, Ints]:
    """Samples that a rule uses of each prompt, and right ones among them."""
    right = outcomes.cumsum(axis=1)
    used = np.full(len(outcomes), rule.max_samples)
    is_open = np.ones(len(outcomes), bool)
    for n in range(rule.round_size(), rule.max_samples, rule.round_size()):
        states = pl.DataFrame({"n": np.full(len(right), n), "c": right[:, n - 1], "n_left": rule.max_samples - n})
        is_stop = is_open & stops(states, rule).to_numpy()
        used[is_stop], is_open = n, is_open & ~is_stop
    return used, right[np.arange(len(used)), used - 1]


def called(n: Ints, c: Ints, rule: Rule) -> pl.Series:
    """The region of each prompt."""
    return regions(pl.DataFrame({"n": n, "c": c}), rule)["region"].cast(pl.String)


def curtailed_rows(outcomes: dict[str, Ints]) -> list[dict[str, Any]]:
    """Decisions of `curtailed` beside those of all ten samples."""
    rows = []
    for task in TASKS:
        for low, high in (*BANDS, (0.05, 0.95)):
            fixed = Rule(rule="fixed", max_samples=10, low=low, high=high)
            row: dict[str, Any] = {"task": task, "band": f"[{low}, {high}]"}
            for batch in (1, 2):
                rule = fixed.model_copy(update={"rule": "curtailed", "batch": batch})
                n, c = replay(outcomes[task], rule)
                same = called(n, c, rule) == called(*replay(outcomes[task], fixed), fixed)
                row |= {f"same decisions, batch {batch}": f"{same.sum()} of {len(same)}"}
                row |= {f"samples, batch {batch}": f"{n.mean():.2f} ({1 - n.mean() / 10:.0%} fewer)"}
            rows.append(row)
    return rows


def crossed_rows(outcomes: dict[str, Ints]) -> list[dict[str, Any]]:
    """`optimal` with the prior of one half, where pass rates come from that of the other: beside fixed samples."""
    rows = []
    for task in TASKS:
        for low, high in BANDS:
            for goal, cap in ((16, 32), (32, 64)):
                found = []
                for pilot, rest in halves(outcomes[task]):
                    band = {"low": low, "high": high, "batch": 2}
                    nature, counts = pilot_prior(counts_of(rest)), counts_of(pilot)
                    rule = Rule(rule="optimal", pilot_counts=counts, as_good_as=goal, max_samples=cap, **band)
                    ours = characteristics(rule, nature)
                    fixed = characteristics(Rule(rule="fixed", max_samples=goal, **band), nature)
                    found.append((ours.samples, ours.error, fixed.error, ours.lost, fixed.lost))
                used, error, fixed_error, lost, fixed_lost = np.array(found).T
                times = f"{goal / used.mean():.2f} ({goal / used.max():.2f} to {goal / used.min():.2f})"
                rows.append(
                    {"task": task, "band": f"[{low}, {high}]", "as good as": f"fixed {goal}", "times fewer": times}
                    | {"error of fixed": f"{fixed_error.mean():.2%}", "error of optimal": f"{error.mean():.2%}"}
                    | {"no higher in": f"{(error <= fixed_error).sum()} of {len(found)}"}
                    | {"lost by fixed": f"{fixed_lost.mean():.1%}", "lost by optimal": f"{lost.mean():.1%}"}
                    | {"no more in": f"{(lost <= fixed_lost).sum()} of {len(found)}"}
                )
    return rows


def split_rows(outcomes: dict[str, Ints]) -> list[dict[str, Any]]:
    """`optimal` with the prior of one half, on the other, under the prior of that: means over halves and splits."""
    rows = []
    for task in TASKS:
        for low, high in BANDS:
            found = [judged(*half, low, high) for half in halves(outcomes[task])]
            error, fixed, used, differs = np.array(found).T
            rows.append(
                {"task": task, "band": f"[{low}, {high}]"}
                | {"error of fixed 10": f"{fixed.mean():.2%}", "error of optimal": f"{error.mean():.2%}"}
                | {"no higher in": f"{(error <= fixed).sum()} of {len(found)}"}
                | {"other region than fixed 10": f"{differs.mean():.1%}"}
                | {"times fewer": f"{10 / used.mean():.2f} ({10 / used.max():.2f} to {10 / used.min():.2f})"}
            )
    return rows


def halves(outcomes: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Both halves of several random splits, each once as the pilot and once as the rest."""
    for seed in range(N_SPLITS):
        order = np.random.default_rng(seed).permutation(len(outcomes))
        one, other = outcomes[order[: len(order) // 2]], outcomes[order[len(order) // 2 :]]
        yield one, other
        yield other, one


def judged(pilot: Ints, rest: Ints, low: float, high: float) -> tuple[float, float, float, float]:
    """Expected error of `optimal` and of fixed 10 on the rest, samples used, and share that they call differently."""
    band = {"low": low, "high": high, "max_samples": 10, "batch": 1, "as_good_as": 10}
    rule, fixed = Rule(rule="optimal", pilot_counts=counts_of(pilot), **band), Rule(rule="fixed", **band)
    n, c = replay(rest, rule)
    all_n, all_c = replay(rest, fixed)
    ours, theirs = called(n, c, rule), called(all_n, all_c, fixed)
    masses = region_masses(pilot_prior(counts_of(rest)), all_n, all_c, low=low, high=high)
    return wrong(masses, ours), wrong(masses, theirs), float(n.mean()), float((ours != theirs).mean())


def wrong(masses: Floats, regions_called: pl.Series) -> float:
    """Expected share of prompts in another region than called."""
    column = regions_called.replace_strict({"too_hard": 0, "in_band": 1, "too_easy": 2}).to_numpy()
    return float(1 - masses[np.arange(len(column)), column].mean())


def rule_rows(name: str, nature: Prior, outcomes: dict[str, Ints]) -> Iterator[dict[str, Any]]:
    """Every rule; each of `optimal` beside the fixed samples that it has to match."""
    known: dict[str, Any] = {"beta": SKYWORK}
    if name.startswith("CruxEval"):
        known = {"pilot_counts": counts_of(outcomes[name.split()[1]])}
    for low, high in BANDS:
        for rule in rules(known, low, high):
            found = characteristics(rule, nature)
            goal = rule.as_good_as if rule.rule == "optimal" else 32
            yield {"band": f"[{low}, {high}]", "rule": label(rule), "samples": f"{found.samples:.2f}"} | {
                "error": f"{found.error:.2%}", "impure": f"{found.impure:.1%}", "lost": f"{found.lost:.1%}",
                "times fewer than": f"{goal / found.samples:.2f} (fixed {goal})",
                "as good as that": "yes" if is_as_good(rule, nature, goal) else "no",
                "below / in / above": " / ".join(f"{n:.1f}" for n in found.by_region),
            }  # fmt: skip


def rules(known: dict[str, Any], low: float, high: float) -> Iterator[Rule]:
    """Fixed, curtailed, jeffreys; and optimal, for both goals and several batches and caps."""
    for cap in (8, 16, 32):
        yield Rule(rule="fixed", max_samples=cap, low=low, high=high)
    yield Rule(rule="curtailed", max_samples=16, low=low, high=high)
    yield Rule(rule="curtailed", low=low, high=high)
    yield Rule(rule="jeffreys", low=low, high=high)
    for goal, batch, cap in ((16, 4, 32), (16, 2, 32), (16, 4, 64), (32, 4, 64), (32, 2, 64)):
        yield Rule(rule="optimal", as_good_as=goal, batch=batch, max_samples=cap, low=low, high=high, **known)


def label(rule: Rule) -> str:
    """A rule as tables name it."""
    goal = f", as good as fixed {rule.as_good_as}" if rule.rule == "optimal" else ""
    batch = "" if rule.rule == "fixed" else f", rounds of {rule.batch}"
    return f"{rule.rule} {rule.max_samples}{batch}{goal}"


def is_as_good(rule: Rule, nature: Prior, goal: int) -> bool:
    """Whether a rule makes no more errors, and loses no more in-band prompts, than fixed samples."""
    fixed = characteristics(Rule(rule="fixed", max_samples=goal, batch=1, low=rule.low, high=rule.high), nature)
    found = characteristics(rule, nature)
    return found.error <= fixed.error + 1e-9 and found.lost <= fixed.lost + 1e-9


def wrong_prior_rows() -> list[dict[str, Any]]:
    """`optimal` made for one prior where nature is another, beside fixed 16 and `jeffreys` there."""
    natures = {
        "as made for": beta_prior(*SKYWORK),
        "mirrored, Beta(.19, .25)": beta_prior(0.19, 0.25),
        "uniform": beta_prior(1, 1),
        "far more hard prompts, Beta(.15, .6)": beta_prior(0.15, 0.6),
        "far more easy prompts, Beta(.6, .15)": beta_prior(0.6, 0.15),
        "Jeffreys": JEFFREYS,
    }
    rows = []
    for low, high in BANDS:
        for name, nature in natures.items():
            optimal = Rule(rule="optimal", beta=SKYWORK, batch=2, low=low, high=high)
            row: dict[str, Any] = {"band": f"[{low}, {high}]", "nature": name}
            fixed = Rule(rule="fixed", max_samples=16, low=low, high=high)
            jeffreys = Rule(rule="jeffreys", low=low, high=high)
            for title, rule in {"fixed 16": fixed, "jeffreys": jeffreys, "optimal": optimal}.items():
                found = characteristics(rule, nature)
                row[f"{title}: samples / error / lost"] = f"{found.samples:.1f} / {found.error:.1%} / {found.lost:.1%}"
            rows.append(row)
    return rows


def token_rows() -> list[dict[str, Any]]:
    """Rules counted in samples and in tokens (1 for a sample of a prompt that is always solved)."""
    nature, rows = beta_prior(*SKYWORK), []
    tokens = (HARD_TIMES, 1.0)
    for low, high in BANDS:
        for goal, cap in ((16, 32), (32, 64)):
            fixed = Rule(rule="fixed", max_samples=goal, low=low, high=high)
            at_goal = characteristics(fixed, nature, tokens)
            base = {"batch": 2, "low": low, "high": high, "beta": SKYWORK, "as_good_as": goal, "max_samples": cap}
            counted = Rule(rule="optimal", pilot_counts=pilot_of(nature, tokens), **base)
            named = {"fixed": fixed, "optimal, samples count": Rule(rule="optimal", **base)}
            for title, rule in (named | {"optimal, tokens count": counted}).items():
                found = characteristics(rule, nature, tokens)
                assert found.tokens is not None
                assert at_goal.tokens is not None
                rows.append(
                    {"band": f"[{low}, {high}]", "as good as": f"fixed {goal}", "rule": title}
                    | {"samples": f"{found.samples:.2f}", "tokens": f"{found.tokens:.1f}"}
                    | {"times fewer samples": f"{goal / found.samples:.2f}"}
                    | {"times fewer tokens": f"{at_goal.tokens / found.tokens:.2f}"}
                    | {"error": f"{found.error:.2%}", "lost": f"{found.lost:.1%}"}
                )
    return rows


def pilot_of(nature: Prior, tokens: tuple[float, float]) -> tuple[PilotCount, ...]:
    """A pilot of 16 samples of many prompts, as numerous as expected, with the tokens that they take."""
    n, c = np.full(17, 16), np.arange(17)
    n_prompts = np.round(1e5 * np.exp(log_choose(n, c) + log_moments(nature, n, c))).astype(int)
    means = np.interp(mean_rates(nature, n, c), (0, 1), tokens)
    return tuple((16, int(k), int(m), float(t)) for k, m, t in zip(c, n_prompts, means, strict=True))


def compile_rows() -> list[dict[str, Any]]:
    """Seconds of this process to work a rule out, its prior (a mixture) fitted before."""
    pilot, rows = pilot_of(beta_prior(*SKYWORK), (1.0, 1.0)), []
    pilot_prior(pilot)
    for cap in (32, 64, 256):
        for batch in (4, 1):
            started = time.process_time()
            optimal_plan(Rule(rule="optimal", pilot_counts=pilot, max_samples=cap, batch=batch))
            rows.append({"cap": cap, "batch": batch, "seconds": f"{time.process_time() - started:.2f}"})
    return rows


if __name__ == "__main__":
    main(Path(sys.argv[1]))
