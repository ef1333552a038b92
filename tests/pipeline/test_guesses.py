"""Which guesses are wanted, and what people are told of those that are none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.guesses import told, wanted
from schemas.ids import content_id, rollout_id
from schemas.recipe import Keep
from schemas.tables import Bands, Rollouts, frame_of

A, B, C = sorted(content_id("prompt", n=n) for n in range(3))
TARGET = content_id("generator", n=0)


def band(prompt_id: str, decision: str = "kept", reason: str = "in_band") -> dict[str, str]:
    return {"prompt_id": prompt_id, "decision": decision, "reason": reason}


def test_every_prompt_that_would_go_on_is_guessed() -> None:
    bands = frame_of(Bands, [band(C), band(A, "later", "too_hard"), band(B, reason="replayed")])
    found = wanted(bands, TARGET, 2)
    assert found.select("prompt_id", "sample_index", "arm", "phase").rows() == [
        (prompt, index, "guess", "screen") for prompt in (B, C) for index in (0, 1)
    ]
    assert found["rollout_id"][0] == rollout_id(B, TARGET, 0, arm="guess")


@given(st.sets(st.sampled_from([A, B, C])))
def test_what_the_guesses_say_changes_nothing_of_what_is_wanted(guessable: set[str]) -> None:
    before = frame_of(Bands, [band(id) for id in (A, B, C)])
    after = frame_of(Bands, [band(id, *(("dropped", "guessable") if id in guessable else ())) for id in (A, B, C)])
    assert wanted(after, TARGET, 3).equals(wanted(before, TARGET, 3))


def test_without_guesses_none_are_wanted() -> None:
    assert wanted(frame_of(Bands, [band(A)]), TARGET, 0).is_empty()


def guess(index: int, **changes: Any) -> dict[str, Any]:
    key = {"prompt_id": A, "arm": "guess", "phase": "screen", "generator_id": TARGET, "sample_index": index}
    return {"rollout_id": rollout_id(A, TARGET, index, arm="guess"), **key, "text": "42", **changes}


@pytest.mark.parametrize(
    ("changes", "n"),
    [([{}, {}], 0), ([{"reasoning": "So."}, {}], 1), ([{"n_completion_tokens": 65}, {"text": "so " * 65}], 2)],
)
def test_tries_that_are_no_guesses_are_counted(changes: list[dict[str, Any]], n: int) -> None:
    failed, beyond = guess(2, text=None), guess(3, reasoning="So.")
    rollouts = frame_of(Rollouts, [*(guess(i, **one) for i, one in enumerate(changes)), failed, beyond])
    said = told(rollouts, TARGET, Keep(guesses=3))
    assert said.startswith(f"models.target: {n} of 2 tries at an answer without reasoning") if n else said == ""
