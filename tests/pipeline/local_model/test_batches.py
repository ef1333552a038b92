"""Batches hold every request once: samples of a prompt together, prompts of about the same length, answers that fit."""

from collections import Counter
from pathlib import Path

from pipeline.generators import Request
from pipeline.local_model.batches import SPREAD_TOKENS, Limits, make_batches
from pipeline.local_model.chat import Chat

TINY = Path(__file__).resolve().parents[3] / "data/models/tiny"


def asking(*problems: str, n: int = 1) -> list[Request]:
    return [
        Request(f"{p}-{i}", "s", str(p), i, [{"role": "user", "content": problem}])
        for p, problem in enumerate(problems)
        for i in range(n)
    ]


def batches(requests: list[Request], n_samples: int = 64, n_context: int | None = None) -> list[tuple[int, int, int]]:
    """(prompts, samples of each, longest answer) of each batch."""
    _, found = make_batches(requests, Chat(TINY), {}, Limits(n_samples, 100, n_context))
    assert Counter(r.rollout_id for batch in found for group in batch.requests for r in group) == Counter(
        request.rollout_id for request in requests
    )
    return [(len(batch.prompts), batch.n_each, batch.max_tokens) for batch in found]


def test_samples_of_a_prompt_stay_together_and_batches_stay_small() -> None:
    assert batches(asking("1", "2", "3", n=4), n_samples=8) == [(2, 4, 100), (1, 4, 100)]
    assert batches(asking("1", n=10), n_samples=4) == [(1, 4, 100), (1, 4, 100), (1, 2, 100)]
    assert batches(asking("1", "2", n=1), n_samples=1) == [(1, 1, 100)] * 2
    assert batches([]) == []


def test_prompts_of_very_different_length_are_not_in_one_batch() -> None:
    assert batches(asking("q", "q" * (4 * SPREAD_TOKENS))) == [(1, 1, 100)] * 2
    assert batches(asking("q", "qq")) == [(2, 1, 100)]


def test_only_prompts_with_as_much_room_are_in_one_batch() -> None:
    n_prompt = len(Chat(TINY).prompt([{"role": "user", "content": "1"}]).tokens)
    assert batches(asking("1", "2", "a" * 9), n_context=n_prompt + 50) == [(1, 1, 42), (2, 1, 50)]
