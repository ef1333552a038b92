"""Whole runs whose prompts have no rule: judged by a model that is itself measured, or by agreement."""

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline import sandbox
from pipeline.checks import check
from pipeline.evidence import gather
from pipeline.store import open_run
from schemas.tables import PassRates, Rollouts, Verdicts

Call = Callable[..., subprocess.CompletedProcess[str]]

RECIPE = """\
name = "judged"
data = "{folder}"

[sources.sums]
kind = "files"
path = "sums.jsonl"
verifier = "math"
columns = {{ text = "question", source_key = "question", task = {{ answer = "answer" }} }}

[sources.essays]
kind = "files"
path = "essays.jsonl"
verifier = "{verifier}"
columns = {{ text = "question", source_key = "question", task = {{ {task} }} }}

[screen]
threshold = 1.0

[models.target]
kind = "openai_server"
base_url = "{url}"
model = "m"

[band]
rule = "fixed"
batch = 8
max_samples = 8
"""
JUDGE = """\
[models.judge]
kind = "openai_server"
base_url = "{url}"
model = "judge"
temperature = 0.5

[verifiers.judge]
known = 4
"""


def answers() -> Callable[[dict[str, Any], int], tuple[int, Any, dict[str, str]]]:
    """Of each question the target says 5 every fourth time, else 4, and the judge believes in 4."""
    asked: Counter[str] = Counter()
    counting = threading.Lock()

    def answer(body: dict[str, Any], _: int) -> tuple[int, Any, dict[str, str]]:
        text = body["messages"][-1]["content"]
        with counting:
            asked[text] += 1
            n = asked[text]
        if body["model"] == "judge":
            said = json.dumps({"reason": "I looked.", "verdict": "correct" if "boxed{4}" in text else "incorrect"})
        else:
            said = f"So it is \\boxed{{{5 if n % 4 == 0 else 4}}}."
        choice = {"message": {"content": said}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 9}
        return 200, {"model": body["model"], "choices": [choice], "usage": usage}, {}

    return answer


def recipe(folder: Path, url: str, verifier: str, task: str, more: str = "") -> Path:
    for name, question in (("sums", "What is 2 + 2?"), ("essays", "How many seasons are there?")):
        row = {
            "question": question,
            "answer": "4",
            "reference": "Four.",
            "equality": "number",
            "test": "assert f() == 4",
        }
        (folder / f"{name}.jsonl").write_text(json.dumps(row))
    text = (RECIPE + more).format(folder=folder, url=url, verifier=verifier, task=task)
    (folder / "recipe.toml").write_text(text)
    return folder / "recipe.toml"


@pytest.fixture
def judged(servers: list[Any], coldstart: Call, tmp_path: Path) -> Path:
    """A finished run with a judge."""
    servers[0].answer = answers()
    path = recipe(tmp_path, servers[0].url, "judge", 'reference = "reference"', JUDGE)
    done = coldstart("run", path, "--run", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    return tmp_path / "run"


@pytest.mark.server
def test_a_prompt_without_a_rule_is_judged_and_one_with_a_rule_only_tries_the_judge(judged: Path) -> None:
    run = open_run(str(judged))
    rollouts, verdicts = run.read(Rollouts), run.read(Verdicts)
    by_verifier = Counter(verdicts.join(rollouts, on="rollout_id")["verifier"])
    assert by_verifier == {"math": 8, "judge": 8}
    asked = rollouts.filter(arm="judge")
    assert asked["role"].unique().to_list() == ["judge"]
    known = asked.join(verdicts, left_on="parent_id", right_on="rollout_id").filter(verifier="math")
    assert (asked.height - known.height, known.height) == (8 * 3, 4 * 3)
    assert set(run.read(PassRates)["verifier"]) == {"math", "judge"}
    assert check(run).filter(pl.col("n_broken") > 0).height == 0


@pytest.mark.server
def test_the_judge_says_what_the_rule_says_of_known_answers(judged: Path) -> None:
    run = open_run(str(judged))
    errors = gather(run).errors.filter(verifier="judge")
    assert errors.select("answers", "error", "n", "n_errors").rows() == [
        ("by a rule correct", "false_negative", 2, 0),
        ("by a rule incorrect", "false_positive", 2, 0),
    ]
    card = (judged / "export/README.md").read_text()
    assert "by a rule correct" in card
    assert "judged correct by a program or the votes of a model" in card
    outcomes = run.read(Verdicts).filter(verifier="judge").join(run.read(Rollouts), on="rollout_id")
    is_right = pl.col("text").str.contains("boxed{4}", literal=True)
    assert outcomes.filter((pl.col("outcome") == "correct") != is_right).height == 0


@pytest.mark.server
def test_judgements_are_asked_for_once(judged: Path, servers: list[Any], coldstart: Call) -> None:
    n_asked = servers[0].n_asked
    assert coldstart("run", judged.parent / "recipe.toml", "--run", judged).returncode == 0
    assert servers[0].n_asked == n_asked


@pytest.mark.server
def test_prompts_to_be_judged_need_a_judge(servers: list[Any], coldstart: Call, tmp_path: Path) -> None:
    path = recipe(tmp_path, servers[0].url, "judge", 'reference = "reference"')
    done = coldstart("run", path, "--run", tmp_path / "run")
    assert done.returncode == 2
    assert "models.judge is missing" in done.stderr
    assert servers[0].n_asked == 0


@pytest.mark.server
def test_the_first_answers_of_a_prompt_make_its_pseudo_gold(
    servers: list[Any], coldstart: Call, tmp_path: Path
) -> None:
    servers[0].answer = answers()
    path = recipe(tmp_path, servers[0].url, "majority", 'equality = "equality"')
    done = coldstart("run", path, "--run", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    verdicts = open_run(str(tmp_path / "run")).read(Verdicts).filter(verifier="majority")
    assert set(verdicts["reason"]) == {"agrees_with_plurality", "differs_from_plurality"}
    assert {json.loads(details)["pseudo_gold"] for details in verdicts["details"]} == {"4"}


@pytest.mark.server
def test_all_that_vote_must_be_in_the_first_round(servers: list[Any], coldstart: Call, tmp_path: Path) -> None:
    path = recipe(tmp_path, servers[0].url, "majority", 'equality = "equality"')
    done = coldstart("run", path, "--run", tmp_path / "run", "--set", "verifiers.majority.samples=9")
    assert done.returncode == 2
    assert "band.batch: found 8, wanted at least verifiers.majority.samples = 9" in done.stderr
    assert servers[0].n_asked == 0


@pytest.mark.server
def test_programs_that_this_machine_cannot_run_are_told_before_a_model_is_asked(
    servers: list[Any], coldstart: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: {"bubblewrap": "bwrap is not installed", "landlock": "too old"})
    path = recipe(tmp_path, servers[0].url, "code", 'test = "test"')
    done = coldstart("run", path, "--run", tmp_path / "run")
    assert done.returncode == 1
    assert "apt install bubblewrap" in done.stderr
    assert servers[0].n_asked == 0


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("verifiers.judge.votes=0", "verifiers.judge.votes: input should be greater than or equal to 1"),
        ("verifiers.judge.rubrik=no", "unknown key 'verifiers.judge.rubrik'; did you mean 'rubric'"),
        ("verifiers.jugde.votes=3", "unknown verifier 'jugde'"),
        ("verifiers.math.votes=3", "the verifier math has no settings"),
    ],
)
def test_settings_of_verifiers_are_checked_before_any_work(
    coldstart: Call, tmp_path: Path, setting: str, words: str
) -> None:
    path = recipe(tmp_path, "http://127.0.0.1:9/v1", "judge", 'reference = "reference"', JUDGE)
    done = coldstart("run", path, "--run", tmp_path / "run", "--set", setting)
    assert done.returncode == 2
    assert words in done.stderr
