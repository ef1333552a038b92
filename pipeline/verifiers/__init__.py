"""Verifiers judge one rollout against one task.

A verifier is a module here with
- a docstring that says what it *covers* and what it *does not cover*;
- `VERSION: str`, raised whenever a verdict can change (older verdicts are owed again);
- `Task`, a pydantic model of the prompt's task: an unreadable task raises its ValidationError, before any work;
- `verify(task: Task, rollout: Rollout) -> Verdict`, deterministic, never raising on model output;
- `EXAMPLES`, a list of (task dict, response text, outcome, reason), and where it gathers evidence that as well:
  accepted, rejected, near-misses;
- where it has settings, `Config`, a pydantic model that is its table `[verifiers.NAME]` in the recipe; `verify` then
  takes it as third parameter, with `Config()` as the default;
- where a verdict rests on other rollouts too (votes of a judge, other answers to the prompt), `gather(rollouts, config)
  -> frame` with columns rollout_id and evidence (list of texts): a row for each rollout that can be judged by now.
  `rollouts` are those of its prompts; `verify` finds the texts in `rollout.evidence`;
- where it needs something of the machine, `require(config)`, which raises a BackendError that says how to get it; no
  model is asked before that;
- where it can make them, `near_misses(task: Task, gold: str) -> Iterator[NearMiss]`: responses that are wrong though
  they are almost the gold answer (one digit, one step, two arguments swapped); `coldstart audit` sees them rejected.

`verify` sees only finished responses: the verify stage itself gives truncated, failed and missing rollouts their
verdict. What cannot be judged is `undecided` with one of the reasons below; it is never `incorrect`.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Outcome = Literal["correct", "incorrect", "undecided"]

NO_ANSWER = "no_answer"
AMBIGUOUS = "ambiguous"
TIMEOUT = "timeout"
VERIFIER_ERROR = "verifier_error"
TRUNCATED = "truncated"
GENERATION_ERROR = "generation_error"
NOT_RUN = "not_run"
UNDECIDED_REASONS = (TRUNCATED, NO_ANSWER, AMBIGUOUS, VERIFIER_ERROR, TIMEOUT, GENERATION_ERROR, NOT_RUN)
"""The closed list of reasons of an undecided verdict; each has its own count in `pass_rates`."""

MISSING_LIBRARY = "missing_library"
"""Key of a verdict's details: a library that a program imports and that is not there, which is no failure of ours."""


@dataclass(frozen=True)
class Rollout:
    """One response as a verifier sees it. `text` has no thinking in it; `reasoning` has."""

    text: str
    reasoning: str | None = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    tool_calls: str | None = None
    final_state: str | None = None
    evidence: list[str] = field(default_factory=list)
    """What the verifier's `gather` found in other rollouts."""


@dataclass(frozen=True)
class Verdict:
    """What a verifier found. `score` is in [0, 1], `failed_step` counts from 1, `details` becomes JSON."""

    outcome: Outcome
    reason: str
    extracted: str | None = None
    score: float | None = None
    failed_step: int | None = None
    details: dict[str, Any] | None = None


class NearMiss(NamedTuple):
    """A response that is wrong, made from a right one."""

    kind: str
    """What was changed, a snake_case code such as `one_digit`."""
    response: str
