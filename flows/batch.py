"""Rounds of OpenAI batch files: the samples that a run owes are written out, and their answers taken in.

`emit_batch` does all that is due before them, `ingest_batch` publishes answers as live ones are published; the two in
turn take a run to its end.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from flows.console import drive
from flows.row_wise import Asks, Step, owed_of
from flows.steps import begin, steps
from pipeline import generate, ingest, runner
from pipeline.generators import Request
from pipeline.lock import locked
from pipeline.resolve import Resolved
from pipeline.served_model import batch_file
from pipeline.served_model.settings import ServedSettings
from pipeline.store import Run
from schemas.errors import RecipeError, WorkOwed
from schemas.tables import Rollouts


@dataclass(frozen=True)
class Ingested:
    """What became of files of answers."""

    answers: ingest.Answers
    n_there: int
    """Answers to samples that the run has already."""
    n_unknown: int
    """Answers to what is no sample of the run."""
    n_owed: int
    """Samples of the same step that are still owed."""

    def lines(self) -> Iterator[str]:
        """The same in words."""
        answers = self.answers
        failed = ", ".join(f"{kind} {n:,}" for kind, n in answers.failed.most_common())
        failures = f", {answers.failed.total():,} of them failed ({failed})" if failed else ""
        yield f"{answers.n_taken:,} samples taken{failures}; {self.n_owed:,} of the same step are still owed"
        if self.n_there:
            yield f"{self.n_there:,} answers were there already"
        if self.n_unknown:
            yield f"{self.n_unknown:,} answers belong to no sample of this run"
        if answers.unanswered:
            reason, n = answers.unanswered.most_common(1)[0]
            yield f"{answers.unanswered.total():,} samples were never produced, and are owed: {reason} ({n:,}x)"
        if answers.n_unreadable:
            yield f"{answers.n_unreadable:,} lines are no answers, the first: {answers.unreadable}"


def require_served(resolved: Resolved) -> None:
    """Raise a RecipeError where no role of a recipe could be answered by a batch."""
    kinds = {role: model.kind for role, model in resolved.models.items()}
    if not any(isinstance(model.config, ServedSettings) for model in resolved.models.values()):
        found = ", ".join(f"models.{role} is {kind}" for role, kind in kinds.items())
        raise RecipeError(f"batch files are for openai_server and vllm_server; {found}: use `coldstart run`")


def emit_batch(run: Run, resolved: Resolved, path: str) -> None:
    """Work on a run until samples of a served model are owed, and write these as requests.

    Raises WorkOwed then; comes back only where the run has come to its end. Models that are not behind a server
    answer in this process, as they do in `coldstart run`.
    """
    batch_file.check_requests_file(path)
    require_served(resolved)
    with locked(run) as mine:
        begin(mine, resolved)
        for step in steps(mine, resolved):
            if asks := _served(step):
                raise _written(step, asks, run, path)
            drive([step])


def _served(step: Step | None) -> Asks | None:
    """What a step asks of a served model."""
    return step.asks if step and step.asks and isinstance(step.asks.model.config, ServedSettings) else None


def _model_name(asks: Asks) -> str:
    """As its server knows it."""
    return cast(ServedSettings, asks.model.config).name


def _written(step: Step, asks: Asks, run: Run, path: str) -> WorkOwed:
    """Write what a step asks, as far as the budget goes; what is to be done now."""
    asks.model.require_unchanged()
    config = cast(generate.Config, asks.job.config)
    if spent := config.spending.exhausted():
        return WorkOwed(f"{spent}; {asks.owed.height:,} samples of `{step.title}` are owed: raise it and go on")
    n = batch_file.write_requests(path, _requests(asks, config), config.generator, _model_name(asks))
    left = f", of {asks.owed.height:,} that are owed (the budget allows no more)" if n < asks.owed.height else ""
    return WorkOwed(
        f"{path}: {n:,} samples of `{step.title}` wait for {_model_name(asks)}{left}; have them answered, then: "
        f"coldstart generate --run {run.url} --ingest-batch ANSWERS"
    )


def _requests(asks: Asks, config: generate.Config) -> Iterator[Request]:
    prompts, plans = asks.job.frames
    for _, request in generate.asked(asks.owed, prompts, plans, config):
        if config.spending.exhausted():
            return
        config.spending.asked()
        yield request


def ingest_batch(run: Run, resolved: Resolved, paths: Sequence[str]) -> Ingested:
    """Publish the answers in files of any order; what is there already is left as it is."""
    for path in paths:
        batch_file.require_answers(path)
    answers = ingest.Answers(paths)
    with locked(run) as mine:
        begin(mine, resolved)
        step = _due(mine, resolved)
        asks = _served(step)
        if step and asks:
            drive([replace(step, name="ingest", pieces=[partial(_take, mine, resolved, asks, answers)])])
        else:
            deque(answers.to(()), maxlen=0)
        had = set(mine.keys(Rollouts)["rollout_id"])
        n_owed = owed_of(mine, asks.owed).height if asks else 0
    n_there = sum(custom_id in had for custom_id in answers.not_owed)
    return Ingested(answers, n_there, len(answers.not_owed) - n_there, n_owed)


def _due(run: Run, resolved: Resolved) -> Step | None:
    """The first row-wise work that is due; the batch stages before it are brought up to date."""
    for step in steps(run, resolved):
        if step.n_rows:
            return step
        drive([step])
    return None


def _take(run: Run, resolved: Resolved, asks: Asks, answers: ingest.Answers, progress: runner.Progress) -> None:
    """A piece of work. A file may hold nothing but failures, so they are seen against all that the model is asked."""
    n_there = run.keys(Rollouts, "generator_id").filter(generator_id=asks.model.generator_id).height
    errors = runner.ErrorRate(resolved.recipe.work.max_error_rate, n_there + asks.owed.height)
    asked = cast(generate.Config, asks.job.config)
    config = ingest.Config(asked=asked, model=_model_name(asks), answers=answers)
    (shard,) = runner.shards(generate, asks.owed, asks.owed.height)
    job = runner.Job(ingest, asks.job.frames, config)
    runner.work_off(run, job, shard, errors, progress, part_rows=resolved.recipe.work.shard_rows)
