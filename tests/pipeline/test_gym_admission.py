import json
from pathlib import Path

import pytest

from pipeline import gym
from pipeline.gym_admission import refusal
from pipeline.limited import LimitedWorkers

FRESH = LimitedWorkers(gym.warm, confined=True)
QUICK = (
    "ab",
    "boxnet",
    "complex_arithmetic",
    "countdown",
    "list_functions",
    "puzzle24",
    "spell_backward",
    "string_insertion",
)


@pytest.mark.parametrize("family", QUICK)
def test_the_list_is_current(family: str) -> None:
    assert refusal(family, FRESH) == gym.families()[family], "run python -m pipeline.gym_admission"


@pytest.mark.slow
@pytest.mark.parametrize("family", sorted(gym.families().keys() - set(QUICK)))
def test_the_whole_list_is_current(family: str) -> None:
    assert refusal(family, FRESH) == gym.families()[family], "run python -m pipeline.gym_admission"


def test_the_list_names_every_family_of_the_library_once() -> None:
    assert sorted(FRESH.call(gym.registered, seconds=60)) == list(gym.families())
    assert gym.listed_version() == gym.version()


def test_every_refusal_begins_with_a_reason_code() -> None:
    refused = [reason for reason in gym.families().values() if reason]
    assert len(refused) > 10
    assert {reason.split(":")[0] for reason in refused} <= {
        "no_entries", "no_gold", "gold_not_correct", "junk_correct", "other_answer_correct", "hedge_correct",
        "junk_fails", "not_deterministic", "size_changes_prompts", "too_slow",
    }  # fmt: skip


def test_families_known_to_be_unsound_are_refused() -> None:
    for family in ("game_of_life_halting", "prime_factorization", "puzzle24", "boxnet", "intermediate_integration"):
        assert gym.families()[family]
    for family in ("countdown", "tower_of_hanoi", "jugs", "maze", "shortest_path", "sudoku", "zebra_puzzles"):
        assert gym.families()[family] is None


def test_a_scorer_that_runs_answers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the guard, the answers of the test that end their own process do."""
    unguarded = LimitedWorkers(gym.registered, confined=True)
    monkeypatch.setattr(gym, "workers", unguarded)
    assert (refusal("string_insertion", unguarded) or "").startswith("junk_fails: the process died")


def test_the_file_is_as_it_is_written() -> None:
    text = gym.FAMILIES_FILE.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


def test_the_docs_name_the_families_as_the_list_does() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/reasoning-gym.md").read_text(encoding="utf-8")
    admitted = [family for family, reason in gym.families().items() if reason is None]
    assert f"Admitted are the other {len(admitted)}: {', '.join(admitted)}." in page
    for code in {reason.split(":")[0] for reason in gym.families().values() if reason}:
        refused = [family for family, reason in gym.families().items() if reason and reason.startswith(f"{code}:")]
        assert f"| `{code}` | {', '.join(refused)} |" in page
