"""What every verifier must hold to; a new file in `pipeline/verifiers` is tested by being there."""

import re
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline import plugins
from pipeline.card import NO_RULES
from pipeline.judging import PEERLESS
from pipeline.verifiers import UNDECIDED_REASONS, Rollout
from pipeline.verify import judge, task_error

NAMES = plugins.names("verifiers")

JUNK = {
    "empty": "",
    "spaces": " \n\t ",
    "control characters": "".join(map(chr, range(32))) * 20,
    "surrogates": "\ud800\udfff \x00 ￾",
    "unicode": "十二 ½ ٣ 𝟙𝟚 \u202e21\u202c ",
    "long": "x" * 200_000,
    "long line of digits": "9" * 200_000,
    "long and answered": "#### " + "7" * 200_000,
    "many lines": "1. \n" * 50_000,
    "nested parentheses": "(" * 100_000 + ")" * 100_000,
    "nested braces": "\\boxed{" + "{" * 100_000 + "}" * 100_000,
    "many boxes": "\\boxed{" * 20_000,
    "nested markup": "*" * 50_000 + "_" * 50_000 + "`" * 50_000,
    "many steps": "Step " * 40_000,
    "think only": "<think>" * 20_000,
    "marks": "[PLAN]" * 10_000 + "[PLAN END]",
    "code": "__import__('os').system('touch /tmp/verified')",
    "json": '{"answer": null, "steps": [[]]}',
    "a refusal": "I cannot help with that.",
}


def modules() -> list[ModuleType]:
    return [plugins.load("verifiers", name) for name in NAMES]


def examples() -> list[object]:
    return [
        pytest.param(m, example, id=f"{n}-{i}")
        for n, m in zip(NAMES, modules(), strict=True)
        for i, example in enumerate(m.EXAMPLES)
    ]


@pytest.mark.parametrize(("verifier", "example"), examples())
def test_examples_hold(verifier: ModuleType, example: tuple[Any, ...]) -> None:
    task, response, outcome, reason, *evidence = example
    assert len(evidence) == hasattr(verifier, "gather")
    verdict = judge(verifier, task, Rollout(response, evidence=[text for texts in evidence for text in texts]))
    assert (verdict.outcome, verdict.reason) == (outcome, reason), verdict


@pytest.mark.parametrize("verifier", modules(), ids=NAMES)
def test_examples_show_every_outcome(verifier: ModuleType) -> None:
    assert {outcome for _, _, outcome, *_ in verifier.EXAMPLES} == {"correct", "incorrect", "undecided"}


@pytest.mark.parametrize("verifier", modules(), ids=NAMES)
@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
def test_junk_never_raises_and_is_never_correct(verifier: ModuleType, junk: str) -> None:
    verdict = verifier.verify(verifier.Task.model_validate(verifier.EXAMPLES[0][0]), Rollout(junk))
    assert verdict.outcome != "correct"
    assert re.fullmatch(r"[a-z][a-z_]*", verdict.reason)
    assert (verdict.outcome == "undecided") == (verdict.reason in UNDECIDED_REASONS)


@pytest.mark.parametrize("verifier", modules(), ids=NAMES)
def test_verdicts_are_deterministic(verifier: ModuleType) -> None:
    for task, response, _, _, *evidence in verifier.EXAMPLES:
        rollout = Rollout(response, evidence=[text for texts in evidence for text in texts])
        read = verifier.Task.model_validate(task)
        assert verifier.verify(read, rollout) == verifier.verify(read, rollout)


@pytest.mark.parametrize("verifier", modules(), ids=NAMES)
def test_thinking_does_not_count_as_the_answer(verifier: ModuleType) -> None:
    task, response, *_ = next(example for example in verifier.EXAMPLES if example[2] == "correct")
    verdict = judge(verifier, task, Rollout(f"<think>{response}</think>", reasoning=response))
    assert verdict.outcome == "undecided"


@pytest.mark.parametrize("verifier", modules(), ids=NAMES)
def test_a_task_that_cannot_be_read_is_refused_before_any_work(verifier: ModuleType) -> None:
    name = verifier.__name__.rpartition(".")[2]
    for task in ({}, {"no such field": 1}):
        with pytest.raises(ValidationError):
            verifier.Task.model_validate(task)
        assert task_error(name, task)
    assert task_error(name, verifier.EXAMPLES[0][0]) is None


@pytest.mark.parametrize("verifier", modules(), ids=NAMES)
def test_the_docstring_says_what_is_covered_and_what_is_not(verifier: ModuleType) -> None:
    assert verifier.__doc__
    assert "Covers:" in verifier.__doc__
    assert "Does not cover:" in verifier.__doc__
    assert int(verifier.VERSION) >= 1
    assert str(int(verifier.VERSION)) == verifier.VERSION


def test_verifiers_that_judge_by_other_rollouts_are_no_rules_and_the_card_says_what_they_are() -> None:
    gathering = {name for name, module in zip(NAMES, modules(), strict=True) if hasattr(module, "gather")}
    assert gathering == set(PEERLESS) == set(NO_RULES)
