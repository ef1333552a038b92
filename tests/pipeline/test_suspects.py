"""A key is suspect where models agree on another answer, or solve its prompt in very few tokens."""

import json
from itertools import count
from typing import Any

import polars as pl
import pytest

from pipeline import suspects
from pipeline.checks import check_frames
from pipeline.suspects import Config
from schemas.tables import Prompts, Rollouts, Suspects, Verdicts, frame_of

_numbers = count(1_000)


def id_of(number: int) -> str:
    return f"{number:032x}"


def prompt(i: int = 0, **columns: Any) -> dict[str, Any]:
    return {
        "prompt_id": id_of(i), "source": "s", "verifier": "math", "task": '{"answer": "42"}', "is_withdrawn": False,
    } | columns  # fmt: skip


Pair = tuple[dict[str, Any], dict[str, Any]]
"""A rollout and its verdict."""


def answer(text: str | None, i: int = 0, model: str | None = "m", tokens: int | None = 100, **changes: Any) -> Pair:
    """An answer to prompt i; 42 is correct, None is undecided."""
    outcome = "undecided" if text is None else "correct" if text == "42" else "incorrect"
    id = id_of(next(_numbers))
    rollout = {"rollout_id": id, "prompt_id": id_of(i), "arm": "solve", "phase": "screen", "model": model,
               "n_completion_tokens": tokens}  # fmt: skip
    verdict = {"rollout_id": id, "verifier": "math", "verifier_version": "1", "outcome": outcome, "reason": "because",
               "extracted": text}  # fmt: skip
    return {**rollout, **{k: v for k, v in changes.items() if k in rollout}}, {
        **verdict, **{k: v for k, v in changes.items() if k in verdict}
    }  # fmt: skip


def found(prompts: list[dict[str, Any]], answers: list[Pair], **config: Any) -> pl.DataFrame:
    rollouts, verdicts = ([pair[i] for pair in answers] for i in (0, 1))
    frames = frame_of(Prompts, prompts), frame_of(Rollouts, rollouts), frame_of(Verdicts, verdicts)
    queue = suspects.run(*frames, Config(**config))
    Suspects.validate(queue)
    told = {"suspects": queue, "prompts": frames[0]}
    assert check_frames(told).filter(pl.col("n_broken") > 0, pl.col("check").str.contains("suspect")).is_empty()
    return queue


def one(answers: list[Pair], **config: Any) -> dict[str, Any] | None:
    rows = found([prompt()], answers, **config).to_dicts()
    return rows[0] if rows else None


def test_models_that_agree_against_the_key_make_it_suspect() -> None:
    said = [("a", "24"), ("a", "24.0"), ("b", "$24"), ("b", "24"), ("c", "7")]
    row = one([answer(text, model=m) for m, text in said], agreement=0.6)
    assert row is not None
    assert (row["reason"], row["key"], row["answer"]) == ("models_agree_against_key", "42", "24")
    assert (row["n_agree"], row["n_answers"], row["n_correct"]) == (4, 5, 0)
    assert (row["n_models_agree"], row["n_models"]) == (2, 3)
    assert row["agreement"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("texts", "is_suspect"),
    [
        (["24"] * 4, True),
        (["24"] * 4 + ["42"], True),
        (["24"] * 4 + ["42"] * 2, False),
        (["24"] * 3, False),
        (["24"] * 3 + [None] * 9, False),
        (["24"] * 4 + [None] * 9, True),
        (["21", "22", "23", "24"], False),
        (["42"] * 8, False),
        ([None] * 8, False),
    ],
)
def test_one_model_may_agree_with_itself(texts: list[str | None], is_suspect: bool) -> None:
    assert (one([answer(text) for text in texts]) is not None) == is_suspect


def test_of_several_models_two_at_least_must_agree() -> None:
    lonely = [answer("24", model="a") for _ in range(8)] + [answer("7", model="b")]
    assert one(lonely, agreement=0.51) is None
    assert one([*lonely, *(answer("24", model="b") for _ in range(2))]) is not None


def test_each_model_has_the_same_weight() -> None:
    one_talks = [answer("24", model="a") for _ in range(16)]
    answers = one_talks + [answer("24", model="b") for _ in range(2)] + [answer("42", model="c") for _ in range(2)]
    assert one(answers) is None
    row = one(answers, agreement=0.6)
    assert row is not None
    assert row["agreement"] == pytest.approx(2 / 3)


def test_rollouts_without_a_model_count_as_those_of_one() -> None:
    row = one([answer("24", model=None) for _ in range(4)])
    assert row is not None
    assert row["n_models"] == 1


@pytest.mark.parametrize(
    "changes",
    [{"arm": "guess"}, {"verifier": "strips"}, {"outcome": "undecided"}, {"extracted": None}],
)
def test_what_is_no_answer_of_the_model_counts_nowhere(changes: dict[str, Any]) -> None:
    assert one([answer("24", **changes) for _ in range(8)]) is None


def test_only_the_latest_verdicts_count() -> None:
    answers = [answer("24") for _ in range(4)]
    newer = [(rollout, {**verdict, "verifier_version": "10", "outcome": "correct"}) for rollout, verdict in answers]
    rollouts = [rollout for rollout, _ in answers]
    verdicts = [verdict for _, verdict in answers + newer]
    frames = frame_of(Prompts, [prompt()]), frame_of(Rollouts, rollouts), frame_of(Verdicts, verdicts)
    assert suspects.run(*frames, Config()).is_empty()


def test_withdrawn_prompts_are_left_alone() -> None:
    assert found([prompt(is_withdrawn=True)], [answer("24") for _ in range(4)]).is_empty()


def test_a_prompt_that_is_solved_in_few_tokens_is_suspect() -> None:
    usual = [answer("42", i, tokens=100) for i in range(1, 6) for _ in range(4)]
    queue = found([prompt(i) for i in range(6)], usual + [answer("42", 0, tokens=20) for _ in range(4)])
    (row,) = queue.to_dicts()
    assert (row["prompt_id"], row["reason"], row["answer"]) == (id_of(0), "solved_in_few_tokens", None)
    assert (row["tokens_median"], row["tokens_ratio"], row["n_correct"]) == (20, 0.2, 4)


@pytest.mark.parametrize(
    "few",
    [
        [answer("42", 0, tokens=21) for _ in range(4)],
        [answer("42", 0, tokens=2) for _ in range(3)],
        [answer("24", 0, tokens=2) for _ in range(2)] + [answer("7", 0, tokens=2) for _ in range(2)],
        [answer("42", 0, tokens=None) for _ in range(4)],
    ],
    ids=["not so few", "not enough samples", "not solved", "not counted"],
)
def test_tokens_are_few_only_beside_others_and_often_enough(few: list[Pair]) -> None:
    usual = [answer("42", i, tokens=100) for i in range(1, 6) for _ in range(4)]
    assert found([prompt(i) for i in range(6)], usual + few).is_empty()


def test_a_terse_model_makes_no_prompt_suspect() -> None:
    terse = [answer("42", i, model="terse", tokens=5) for i in range(3) for _ in range(4)]
    wordy = [answer("42", i, model="wordy", tokens=500) for i in range(3, 9) for _ in range(4)]
    assert found([prompt(i) for i in range(9)], terse + wordy).is_empty()


def test_sources_are_measured_apart() -> None:
    short = [answer("42", i, tokens=5) for i in range(3) for _ in range(4)]
    long = [answer("42", i, tokens=500) for i in range(3, 9) for _ in range(4)]
    assert found([prompt(i, source="short" if i < 3 else "long") for i in range(9)], short + long).is_empty()


def test_the_strongest_evidence_comes_first() -> None:
    answers = [answer("24", 1) for _ in range(4)]
    answers += [answer("24", 2) for _ in range(8)]
    answers += [answer("24", 3, model=m) for m in "ab" for _ in range(2)]
    answers += [answer("24", 4) for _ in range(8)] + [answer("42", 4)]
    answers += [answer("42", i, tokens=100) for i in (10, 11, 12) for _ in range(4)]
    answers += [answer("42", 5, tokens=20) for _ in range(4)] + [answer("42", 6, tokens=2) for _ in range(4)]
    queue = found([prompt(i) for i in range(13)], answers).sort("rank")
    assert queue["prompt_id"].to_list() == [id_of(i) for i in (3, 2, 1, 4, 6, 5)]
    assert queue["rank"].to_list() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("task", "gold", "key"),
    [
        ({"answer": "42"}, "a whole solution", "42"),
        ({"entry": {"answer": "up"}}, None, "up"),
        ({"entry": "no object"}, "gold", "gold"),
        ({"domain": "d"}, None, None),
        ({"answer": "9" * 5_000}, None, "9" * suspects.MAX_CHARS),
    ],
)
def test_the_key_is_what_the_verifier_compares_with(task: dict[str, Any], gold: str | None, key: str | None) -> None:
    asked = prompt(task=json.dumps(task), gold_answer=gold)
    assert found([asked], [answer("24") for _ in range(4)])["key"].to_list() == [key]


def test_an_empty_run_has_no_suspects() -> None:
    assert found([], []).is_empty()
    assert found([prompt()], []).is_empty()
