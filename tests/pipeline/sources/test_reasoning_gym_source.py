import importlib.metadata
import subprocess
import sys

import pytest

from pipeline import plugins
from pipeline.sources import Prompt
from pipeline.sources.reasoning_gym import Config, fingerprint, read
from pipeline.verifiers import Rollout
from pipeline.verify import judge
from schemas.errors import RecipeError
from schemas.ids import canonical_json
from schemas.recipe_file import Origin

ORIGIN = Origin("recipe.toml")


def prompts(**settings: object) -> list[Prompt]:
    module = plugins.load("sources", "reasoning_gym")
    return list(read(plugins.configure(module, settings, ORIGIN, ("sources", "gym"))))  # type: ignore[arg-type]


def test_a_prompt_has_all_that_is_known_of_it() -> None:
    (prompt,) = prompts(families=["countdown"], size=1, seed=3)
    assert prompt.source_key == "countdown-3-0"
    assert prompt.messages[0]["content"].endswith("\n\nGive the final answer between <answer> and </answer>.")
    assert prompt.messages[0]["content"].startswith(prompt.problem_text)
    assert (prompt.license, prompt.domain, prompt.task_family) == ("Apache-2.0", "reasoning", "countdown")
    assert prompt.revision == importlib.metadata.version("reasoning-gym")
    assert prompt.gold_answer == prompt.task["entry"]["answer"]
    assert prompt.task.keys() == {"dataset", "entry"}


def test_gold_passes_its_verifier_from_the_table() -> None:
    for prompt in prompts(families=["tower_of_hanoi", "sudoku", "gcd"], size=2):
        verifier = plugins.load("verifiers", prompt.verifier)
        assert judge(verifier, canonical_json(prompt.task), Rollout(prompt.gold_answer or "")).outcome == "correct"


def test_a_larger_size_keeps_the_earlier_prompts() -> None:
    few, more = (prompts(families=["maze", "jugs"], size=size) for size in (2, 21))
    assert len(more) == 42
    assert [prompt for prompt in more if prompt.source_key in {prompt.source_key for prompt in few}] == few


def test_another_seed_gives_other_puzzles() -> None:
    one, other = (prompts(families=["maze"], size=1, seed=seed) for seed in (0, 1000))
    assert one[0].problem_text != other[0].problem_text


def test_settings_make_a_family_harder_and_are_kept_in_its_task() -> None:
    (prompt,) = prompts(families=["countdown"], size=1, settings={"countdown": {"min_numbers": 6, "max_numbers": 6}})
    assert len(prompt.task["entry"]["metadata"]["numbers"]) == 6
    assert prompt.task["settings"] == {"min_numbers": 6, "max_numbers": 6}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"families": ["countdwn"]}, "unknown family 'countdwn'; did you mean 'countdown'?"),
        ({"families": ["puzzle24"]}, "'puzzle24' is not admitted, other_answer_correct: .*docs/reasoning-gym.md"),
        ({"families": ["gcd", "gcd"]}, "'gcd' is there twice"),
        ({"families": []}, "families"),
        ({"families": ["gcd"], "size": 0}, "size"),
        ({"families": ["gcd"], "settings": {"lcm": {}}}, "'lcm' is none of the families, which are gcd"),
        ({"families": ["gcd"], "settings": {"gcd": {"max": 1}}}, "gcd has no setting 'max'; there are max_numbers, "),
        ({"families": ["gcd"], "settings": {"gcd": {"size": 1}}}, "gcd has no setting 'size'"),
        ({"families": ["gcd"], "settings": {"gcd": {"min_numbers": 0}}}, "gcd refuses its settings: AssertionError"),
        ({"families": ["gcd"], "revision": "0.1.1"}, "wanted 0.1.1, .*pip install reasoning-gym==0.1.1"),
    ],
)
def test_bad_settings_are_refused_in_one_line(settings: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as refused:
        prompts(**settings)
    assert "\n" not in str(refused.value)


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.gym.LIBRARY", "reasoning-gym-that-is-not-there")
    with pytest.raises(RecipeError, match=r"is not installed; install it, .*: pip install '.\[tasks\]'"):
        fingerprint(Config(families=["gcd"]))


def test_neither_source_nor_verifier_imports_the_library() -> None:
    code = "import sys, pipeline.sources.reasoning_gym, pipeline.verifiers.reasoning_gym; print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
