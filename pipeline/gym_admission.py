"""The admission test of reasoning-gym families: gold is correct, junk is not and never raises, equal seeds are equal.

`python -m pipeline.gym_admission` tests every family of the installed library and renews `gym_families.json`, the list
that the source and the verifier go by.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pipeline import gym
from pipeline.limited import CallFailed, LimitedWorkers, OutOfTime
from pipeline.plain_values import equal_answers
from pipeline.verifiers import Rollout, reasoning_gym
from pipeline.verify import judge

NO_ENTRIES = "no_entries"
NO_GOLD = "no_gold"
GOLD_NOT_CORRECT = "gold_not_correct"
JUNK_CORRECT = "junk_correct"
OTHER_ANSWER_CORRECT = "other_answer_correct"
HEDGE_CORRECT = "hedge_correct"
JUNK_FAILS = "junk_fails"
NOT_DETERMINISTIC = "not_deterministic"
SIZE_CHANGES_PROMPTS = "size_changes_prompts"
TOO_SLOW = "too_slow"

SEEDS = (0, 11, 2_000_003)
ENTRIES = 6
SECONDS = 60.0
"""Time for each family's entries of one seed, and for all of their junk."""

JUNK = (
    "__import__('os')._exit(3)", "[__import__('os')._exit(3)]", "exit()", "lambda: 0", "().__class__.__base__",
    "", " ", "\n\n", "junk", "I do not know.", "None", "null", "nan", "inf", "True", "0", "-1", "1", "24", "3.14",
    "1e9", "[]", "{}", "[[]]", "[[1, 2], [3, 4]]", '{"answer": 1}', "[" * 5_000, "(" * 5_000, "9" * 5_000, "-" * 5_000,
    "a b c " * 2_000, "十二 ½ ٣ \u202e21\u202c", "\ud800", "\x00", "1/0", "9**9**9**9", "x", "A", "yes", "a or b",
    "<answer></answer>", "\\boxed{}", "$$", "0 0 0\n0 0 0\n0 0 0", "up down left right", "1, 2, 3",
)  # fmt: skip


SHARED_ANSWERS = {"jugs": "the moves are carried out, and those for one puzzle may solve another"}
"""Families whose scorer is right to accept another entry's answer now and then."""


class Refused(Exception):
    """A family does not pass; the text is the reason code and what was found."""


def refusal(family: str, fresh: LimitedWorkers) -> str | None:
    """Why a family is not admitted; None where it is. `fresh` are other workers than those of the verifier."""
    try:
        for seed in SEEDS:
            entries = _entries(family, seed, fresh)
            _check_gold(family, entries)
            _check_junk(family, entries)
    except Refused as refused:
        return str(refused)
    return None


def _entries(family: str, seed: int, fresh: LimitedWorkers) -> list[dict[str, Any]]:
    try:
        entries = gym.workers.call(gym.entries, family, {}, seed, 0, ENTRIES, seconds=SECONDS)
        again = fresh.call(gym.entries, family, {}, seed, 0, ENTRIES, seconds=SECONDS)
        more = fresh.call(gym.entries, family, {}, seed, 1, 2 * ENTRIES, seconds=2 * SECONDS)
    except CallFailed as error:
        raise Refused(f"{NO_ENTRIES}: {error}") from None
    except OutOfTime:
        raise Refused(f"{TOO_SLOW}: {ENTRIES} entries take more than {SECONDS:.0f} s") from None
    if again != entries:
        raise Refused(f"{NOT_DETERMINISTIC}: one seed gives different entries")
    if more[: ENTRIES - 1] != entries[1:]:
        raise Refused(f"{SIZE_CHANGES_PROMPTS}: more entries change those before")
    if not all(entry.get("answer", "").strip() for entry in entries):
        raise Refused(f"{NO_GOLD}: entries without an answer")
    return entries


def _check_gold(family: str, entries: list[dict[str, Any]]) -> None:
    """The gold answer is correct by the whole way of the verifier: bare, and marked as the prompt asks for it."""
    for entry in entries:
        task = reasoning_gym.Task.model_construct(dataset=family, entry=entry, settings={})
        for text in (entry["answer"], f"So it is <answer>{entry['answer']}</answer>"):
            verdict = judge(reasoning_gym, task, Rollout(text))
            if verdict.outcome != "correct":
                raise Refused(f"{GOLD_NOT_CORRECT}: {verdict.outcome}, {verdict.reason}, score {verdict.score}")


def _check_junk(family: str, entries: list[dict[str, Any]]) -> None:
    junk = list(_junk(family, entries))
    try:
        judged = [(entry, answer) for _, entry, answer in junk]
        first = gym.workers.call(gym.scores, family, judged, seconds=SECONDS)
        if first != gym.workers.call(gym.scores, family, judged, seconds=SECONDS):
            raise Refused(f"{NOT_DETERMINISTIC}: one answer gets different scores")
    except CallFailed as error:
        raise Refused(f"{JUNK_FAILS}: {error}") from None
    except OutOfTime:
        raise Refused(f"{TOO_SLOW}: {len(junk)} junk answers take more than {SECONDS:.0f} s") from None
    for (code, entry, answer), score in zip(junk, first, strict=True):
        if score == 1:
            raise Refused(f"{code}: {answer[:60]!r} is correct where {entry['answer'][:60]!r} is")


def _junk(family: str, entries: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(reason code, entry, wrong answer): junk, the problem itself, other entries' answers, right and wrong at once."""
    for entry in entries[:2]:
        junk = (answer for answer in (*JUNK, entry["question"]) if not equal_answers(answer, entry["answer"]))
        yield from ((JUNK_CORRECT, entry, answer) for answer in junk)
    for entry, other in (*pairwise(entries), *pairwise(entries[::-1])):
        gold, wrong = entry["answer"], other["answer"]
        if not equal_answers(gold, wrong):
            if family not in SHARED_ANSWERS:
                yield OTHER_ANSWER_CORRECT, entry, wrong
            yield from ((HEDGE_CORRECT, entry, hedge) for hedge in (f"{wrong} or {gold}", f"{gold}\n{wrong}"))


def main() -> None:
    """Test every family and write the list."""
    fresh = LimitedWorkers(gym.warm, confined=True)
    registered = fresh.call(gym.registered, seconds=SECONDS)
    found = {family: refusal(family, fresh) for family in registered}
    text = json.dumps({"version": gym.version(), "families": found}, indent=1, ensure_ascii=False)
    gym.FAMILIES_FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
