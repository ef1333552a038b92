"""Measure the embedded model on puzzles that it was never trained on: what it solves, and what plans do to it.

    python -m benchmarks.tiny_model.evaluate data/models/tiny --n 48

Prints Markdown tables, a row a family and level, of mean pass rates at temperature 1. An uplift is taken against a
second, fresh set of samples without a plan; the best of the model's own plans is chosen on one set of trials and
measured on another.
"""

import argparse
import asyncio
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev

from benchmarks.tiny_model.lessons import LEVELS, MAX_STRATEGIES, ask, held_out
from pipeline.generators import Reply, Request, ctranslate2_model
from pipeline.plan_text import parse_plan, render_plan
from pipeline.puzzles import Puzzle, other_attempt, puzzles
from pipeline.sources.procedural import gold_plan
from pipeline.strategies import strategies
from pipeline.verifiers import Rollout, procedural
from pipeline.verify import judge

BAND = (0.1, 0.9)


@dataclass
class Measured:
    """Pass rates of one puzzle."""

    puzzle: Puzzle
    rates: dict[str, float] = field(default_factory=dict)
    plans: list[str] = field(default_factory=list)
    trials: list[float] = field(default_factory=list)
    fresh: list[float] = field(default_factory=list)
    n_strategies: int = 0
    lists_gold: bool = False

    def in_band(self) -> bool:
        return BAND[0] <= self.rates["solve"] <= BAND[1]

    def uplift(self, arm: str) -> float:
        return self.rates[arm] - self.rates["solve again"]

    def best(self) -> float:
        """Uplift, on fresh samples, of the plan with the best trials; 0 where no plan could be read."""
        if not self.trials:
            return 0.0
        return self.fresh[max(range(len(self.trials)), key=self.trials.__getitem__)] - self.rates["solve again"]


class Model:
    """The model folder behind the project's own generator."""

    def __init__(self, folder: Path, max_tokens: int = 160) -> None:
        self.config = ctranslate2_model.Config(path=str(folder), temperature=1.0, max_tokens=max_tokens)

    def replies(self, asked: Sequence[str], n: int) -> list[list[Reply]]:
        """n replies to each text."""
        requests = [
            Request(f"{i}:{j}", "", str(i), j, [{"role": "user", "content": text}])
            for i, text in enumerate(asked)
            for j in range(n)
        ]
        found: list[list[Reply]] = [[] for _ in asked]
        for reply in asyncio.run(self._all(requests)):
            found[int(reply.rollout_id.partition(":")[0])].append(reply)
        return found

    async def _all(self, requests: Sequence[Request]) -> list[Reply]:
        async with ctranslate2_model.open_generator(self.config) as generate:
            return [reply async for reply in generate(requests)]

    def rates(self, problems: Sequence[Puzzle], asked: Sequence[str], n: int) -> list[float]:
        """The pass rate of each problem, asked in its text."""
        return [
            fmean(is_correct(puzzle, reply) for reply in replies)
            for puzzle, replies in zip(problems, self.replies(asked, n), strict=True)
        ]


def is_correct(puzzle: Puzzle, reply: Reply) -> bool:
    """Whether the project's verifier finds the reply correct."""
    if reply.finish_reason != "stop":
        return False
    return (
        judge(procedural, puzzle.task, Rollout(text=reply.text or "", reasoning=reply.reasoning)).outcome == "correct"
    )


def measure(model: Model, family: str, level: int, n: int, samples: int) -> list[Measured]:
    """All that is measured of one family and level."""
    found = [Measured(puzzle) for puzzle in held_out(family, level, n, seed=7)]
    problems = [one.puzzle for one in found]
    stream = puzzles(family, level, seed=99)
    rng = random.Random(5)
    wrong = [other_attempt(rng, puzzle) or puzzle for puzzle in problems]
    foreign = [next(other for other in stream if other.group != puzzle.group) for puzzle in problems]
    arms = {
        "solve": [ask("solve", p) for p in problems],
        "solve again": [ask("solve", p) for p in problems],
        "guess": [ask("guess", p) for p in problems],
        "gold": [ask("execute", p, plan=gold_plan(p)) for p in problems],
        "wrong": [ask("execute", p, plan=gold_plan(q)) for p, q in zip(problems, wrong, strict=True)],
        "placebo": [ask("execute", p, plan=gold_plan(q)) for p, q in zip(problems, foreign, strict=True)],
        "plan only": [ask("plan_only", p, plan=gold_plan(p)) for p in problems],
    }
    for arm, asked in arms.items():
        for one, rate in zip(found, model.rates(problems, asked, samples), strict=True):
            one.rates[arm] = rate
    own_plans(model, found, samples)
    return found


def own_plans(model: Model, found: Sequence[Measured], samples: int) -> None:
    """Strategies in one call, a plan for each, and two sets of trials of every plan that can be read."""
    lists = [
        strategies(replies[0].text or "") for replies in model.replies([ask("strategies", o.puzzle) for o in found], 1)
    ]
    pairs = [
        (one, listed[i % len(listed)])
        for one, listed in zip(found, lists, strict=True)
        if listed
        for i in range(MAX_STRATEGIES)
    ]
    for one, listed in zip(found, lists, strict=True):
        one.n_strategies, one.lists_gold = len(listed), one.puzzle.strategy in listed
    asked = [ask("expand", one.puzzle, strategy=strategy) for one, strategy in pairs]
    for (one, _), (reply,) in zip(pairs, model.replies(asked, 1), strict=True):
        parsed = parse_plan(reply.text or "")
        if parsed.status == "parsed" and (plan := render_plan(parsed._asdict())) not in one.plans:
            one.plans.append(plan)
    tried = [(one, plan) for one in found for plan in one.plans]
    asked = [ask("execute", one.puzzle, plan=plan) for one, plan in tried]
    problems = [one.puzzle for one, _ in tried]
    for kept, n in (("trials", samples // 2), ("fresh", samples)):
        for (one, _), rate in zip(tried, model.rates(problems, asked, n), strict=True):
            getattr(one, kept).append(rate)


def mean_se(values: Sequence[float]) -> str:
    """A mean with its standard error."""
    if len(values) < 2:
        return "–"
    return f"{fmean(values):+.2f} ± {stdev(values) / math.sqrt(len(values)):.2f}"


def row(name: str, found: Sequence[Measured]) -> str:
    """A row of the table of pass rates."""
    solve = [one.rates["solve"] for one in found]
    share = {
        "hard": fmean(rate < BAND[0] for rate in solve),
        "band": fmean(one.in_band() for one in found),
        "easy": fmean(rate > BAND[1] for rate in solve),
    }
    rates: Mapping[str, float] = {arm: fmean(one.rates[arm] for one in found) for arm in found[0].rates}
    arms = ("solve", "guess", "gold", "wrong", "placebo", "plan only")
    cells = [name, str(len(found)), *(f"{s:.2f}" for s in share.values()), *(f"{rates[arm]:.2f}" for arm in arms)]
    return f"| {' | '.join(cells)} |"


def uplifts(name: str, found: Sequence[Measured]) -> str:
    """A row of the table of uplifts, of the puzzles in the band."""
    band = [one for one in found if one.in_band()]
    own = [fresh - one.rates["solve again"] for one in band for fresh in one.fresh]
    cells = [
        name,
        str(len(band)),
        *(mean_se([one.uplift(arm) for one in band]) for arm in ("gold", "wrong", "placebo")),
        f"{fmean(len(one.plans) for one in band) if band else 0:.1f}",
        f"{fmean(one.lists_gold for one in band) if band else 0:.2f}",
        mean_se(own),
        mean_se([one.best() for one in band]),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=48, help="puzzles a family and level")
    parser.add_argument("--samples", type=int, default=32, help="samples a puzzle and arm")
    args = parser.parse_args()
    model = Model(args.folder)
    results = {f"{family} {level}": measure(model, family, level, args.n, args.samples) for family, level in LEVELS}
    results["all"] = [one for found in list(results.values()) for one in found]
    print("| puzzles | n | < .1 | .1 to .9 | > .9 | solve | guess | gold plan | wrong plan | placebo | plan only |")
    print(f"|{'---|' * 11}")
    print("\n".join(row(name, found) for name, found in results.items()))
    print("\nUplift in the band:\n")
    print(
        "| puzzles | n | gold plan | wrong plan | placebo | own plans | gold strategy listed | own plan | best of own |"
    )
    print(f"|{'---|' * 9}")
    print("\n".join(uplifts(name, found) for name, found in results.items()))


if __name__ == "__main__":
    main()
