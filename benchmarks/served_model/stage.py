"""The whole generate step of `coldstart run`, from published prompts to published rollouts: requests, journal, parts.

`python -m benchmarks.served_model.stage URL N CONCURRENCY` prints the seconds it took. Not counted: reading the
recipe, collecting and screening prompts, and working out which samples are wanted, all of which is asked nothing of.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.served_model.task import MODEL, N_TOKENS, Timed, problems
from flows.row_wise import Wanted, generate_owed
from pipeline import collect, runner, sampling, store
from pipeline.pass_rates.stopping import Rule
from pipeline.resolve import Resolved, resolve
from pipeline.served_model import client  # noqa: F401  imports are no part of what is timed
from pipeline.sources import Prompt
from pipeline.spending import spending_of
from pipeline.store import Run
from schemas.recipe import Recipe
from schemas.tables import PassRates, Prompts, Rollouts, frame_of


def prepared(folder: Path, n: int, settings: dict[str, Any], work: dict[str, Any]) -> tuple[Run, Resolved]:
    """A run folder with `n` prompts, and a recipe that wants one sample of each."""
    families = {"arithmetic": [1]}
    recipe = Recipe.model_validate(
        {
            "name": "bench",
            "sources": {"puzzles": {"kind": "procedural", "size": 1, "families": families}},
            "models": {"target": {"kind": "openai_server", "model": MODEL, "template": "plain-1", **settings}},
            "band": {"rule": "fixed", "batch": 1, "max_samples": 1},
            "work": work,
        }
    )
    run = store.open_run(str(folder))
    offered = (("bench", _prompt(str(index), problem)) for index, problem in enumerate(problems(n)))
    store.publish(run, Prompts, collect.run(frame_of(Prompts, []), offered), store.Provenance("bench"))
    return run, resolve(recipe)


def _prompt(key: str, problem: str) -> Prompt:
    messages = [{"role": "user", "content": problem}]
    return Prompt(key, messages, {"answer": "1"}, "math", problem, revision="1")


def ask_all(run: Run, resolved: Resolved, progress: runner.Progress = lambda n: None) -> Timed:
    """Ask for every sample that is owed, as `coldstart run` does; the time it took."""
    target = resolved.models["target"]
    prompts = run.read(Prompts)
    screened = prompts.select("prompt_id", decision=pl.lit("kept"))
    rule = Rule(**resolved.recipe.band.model_dump())
    samples = sampling.wanted(prompts, screened, frame_of(PassRates, []), rule, target.generator_id)
    wanted = Wanted(target, "samples", samples)
    (step,) = generate_owed(run, resolved, wanted, spending_of(run, resolved.recipe.budget))
    with Timed() as timed:
        for piece in step.pieces:
            piece(progress)
    return timed


def _measure(url: str, n: int, concurrency: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run, resolved = prepared(Path(folder), n, {"base_url": url, "concurrency": concurrency}, {})
        timed = ask_all(run, resolved)
        rollouts = run.read(Rollouts)
        assert rollouts.height == n
        assert rollouts["n_completion_tokens"].to_list() == [N_TOKENS] * n
    timed.report()


if __name__ == "__main__":
    _measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
