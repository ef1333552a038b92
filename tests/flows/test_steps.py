"""Whole runs against a stand-in whose models solve each sum at a rate of its own: bands, two models, guesses, reuse."""

import json
import re
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.steps import wanted_rollouts
from pipeline.checks import check
from pipeline.resolve import resolve
from pipeline.served_model.capabilities import capabilities
from pipeline.store import Run, open_run
from schemas.recipe_file import load_recipe
from schemas.tables import Bands, PassRates, Prompts, Rollouts, Verdicts

Call = Callable[..., subprocess.CompletedProcess[str]]
N = 12
"""Sums: the target solves sum k at the rate k / (N - 1), the stronger model at .4 more."""

RECIPE = """\
name = "sums"
data = "{data}"
[sources.sums]
kind = "files"
path = "sums.jsonl"
verifier = "math"
columns = {{ text = "question", source_key = "question", task = {{ answer = "answer" }}, gold_answer = "answer" }}
[screen]
threshold = 1.0
[models.target]
kind = "openai_server"
base_url = "{url}"
model = "weak"
[band]
batch = 4
max_samples = 16
confidence = 0.9
"""
STRONG = '[models.strong]\nkind = "openai_server"\nbase_url = "{url}"\nmodel = "strong"\n'

pytestmark = [pytest.mark.server, pytest.mark.slow]


class Sums:
    """The stand-in: the i-th answer to a sum is right where its rate, taken i + 1 times, reaches a new whole number."""

    def __init__(self, server: Any, folder: Path, more: str = "") -> None:
        self.server, self.folder, self.cuts, self.thinks = server, folder, False, False
        self.n_asked, self.lock = Counter[tuple[str, str, int]](), threading.Lock()
        rows = [{"question": f"What is {k} + {100 - k}?", "answer": "100", "equal": "number"} for k in range(N)]
        (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
        self.recipe = folder / "sums.toml"
        self.recipe.write_text((RECIPE + more).format(data=folder, url=server.url))
        server.answer = self.answer

    def answer(self, body: dict[str, Any], _: int) -> tuple[int, Any, dict[str, str]]:
        said = body["messages"][-1]["content"]
        k, kind = int(re.findall(r"\d+", said)[0]), "guess" if "at once" in said else "solve"
        choices = [self.choice(body["model"], kind, k) for _ in range(body.get("n", 1))]
        usage = {"prompt_tokens": 10, "completion_tokens": 5 * len(choices)}
        return 200, {"model": body["model"], "choices": choices, "usage": usage}, {}

    def choice(self, model: str, kind: str, k: int) -> dict[str, Any]:
        with self.lock:
            i, self.n_asked[model, kind, k] = self.n_asked[model, kind, k], self.n_asked[model, kind, k] + 1
        rate = min(1.0, k / (N - 1) + (0.4 if model == "strong" else 0.0))
        is_right = k % 3 == 0 if kind == "guess" else int((i + 1) * rate) > int(i * rate)
        said = {"content": f"\\boxed{{{100 if is_right else 99}}}"}
        said |= {"reasoning_content": "Let me see."} if self.thinks and kind == "guess" else {}
        return {"message": said, "finish_reason": "length" if self.cuts and i % 8 == 7 else "stop"}

    def run(self, coldstart: Call, *settings: str, to: str = "run", more: tuple[str, ...] = ()) -> Any:
        overrides = [word for setting in settings for word in ("--set", setting)]
        return coldstart("run", self.recipe, "--run", self.folder / to, *overrides, *more)

    def done(self, coldstart: Call, *settings: str, to: str = "run") -> Run:
        """A run that must end well, with every claim."""
        ended = self.run(coldstart, *settings, to=to)
        assert ended.returncode == 0, ended.stderr
        run = open_run(str(self.folder / to))
        assert check(run).filter(pl.col("n_broken") > 0).is_empty()
        return run

    def wanted(self, run: Run, *settings: str) -> list[str]:
        return sorted(wanted_rollouts(run, resolve(*load_recipe(self.recipe, list(settings))))["rollout_id"])


@pytest.fixture(autouse=True)
def nothing_is_known() -> None:
    """A port may come back as another server."""
    capabilities.cache_clear()


@pytest.fixture
def sums(servers: list[Any], tmp_path: Path) -> Sums:
    return Sums(servers[0], tmp_path)


@pytest.fixture
def two_models(servers: list[Any], tmp_path: Path) -> Sums:
    return Sums(servers[0], tmp_path, STRONG)


def rollouts(run: Run) -> pl.DataFrame:
    return run.read(Rollouts).sort("rollout_id")


def by_sum(run: Run) -> dict[int, str]:
    """The reason of each sum's decision."""
    source = pl.col("problem_text").str.extract(r"(\d+)").cast(pl.Int64)
    named = run.read(Bands).join(run.read(Prompts).with_columns(k=source), on="prompt_id")
    return dict(named.select("k", pl.col("reason").cast(pl.String)).sort("k").rows())


# --- another band -----------------------------------------------------------------------------------------------------


def test_another_band_asks_only_for_what_is_still_open(sums: Sums, coldstart: Call) -> None:
    run = sums.done(coldstart)
    before, reasons, n_asked = rollouts(run), by_sum(run), sums.n_asked.total()
    other = ("band.low=0.3", "band.high=0.7")
    sums.done(coldstart, *other)
    after = rollouts(run)
    assert_frame_equal(after.join(before, on="rollout_id", how="semi"), before)
    assert 0 < sums.n_asked.total() - n_asked == after.height - before.height
    assert sorted(after["rollout_id"]) == sums.wanted(run, *other)
    assert by_sum(run) != reasons


def test_under_a_lower_cap_another_band_asks_for_nothing(sums: Sums, coldstart: Call) -> None:
    run = sums.done(coldstart)
    before, n_asked = rollouts(run), sums.n_asked.total()
    sums.done(coldstart, "band.low=0.4", "band.max_samples=4", "band.rule=curtailed")
    assert sums.n_asked.total() == n_asked
    assert_frame_equal(rollouts(run), before)
    assert set(by_sum(run).values()) == {"in_band", "too_hard", "too_easy"}


def test_answers_that_are_cut_off_count_as_the_recipe_says(sums: Sums, coldstart: Call) -> None:
    sums.cuts = True
    said = sums.run(coldstart, "band.rule=fixed").stderr
    assert f"{2 * N} of {16 * N} answers were cut off by their token limit, and count as neither right" in said
    n_asked = sums.n_asked.total()
    said = sums.run(coldstart, "band.rule=fixed", "band.truncated=incorrect").stderr
    assert 'count as wrong (band.truncated = "incorrect")' in said
    assert sums.n_asked.total() == n_asked
    assert check(open_run(str(sums.folder / "run"))).filter(pl.col("n_broken") > 0).is_empty()


def test_what_the_band_will_do_is_said_before_it_costs_anything(sums: Sums, coldstart: Call) -> None:
    settings = ("band.low=0.2", "band.high=0.8", "band.rule=fixed", "band.batch=16")
    said = sums.run(coldstart, *settings).stderr
    note = "keeps 4 to 12 right answers"
    assert said.index(note) < said.index("generate samples")
    dry = sums.run(coldstart, *settings, to="dry", more=("--dry-run", "--pilot", "0"))
    assert note in dry.stderr
    assert note not in dry.stdout


# --- two models -------------------------------------------------------------------------------------------------------


def test_a_stronger_model_is_sampled_on_every_prompt_by_the_same_rule(two_models: Sums, coldstart: Call) -> None:
    run = two_models.done(coldstart, "keep.who=teachable")
    found = rollouts(run)
    by_role = found.group_by(pl.col("role").cast(pl.String)).agg(pl.col("prompt_id").n_unique()).sort("role")
    assert by_role.rows() == [("strong", N), ("target", N)]
    assert sorted(found["rollout_id"]) == two_models.wanted(run, "keep.who=teachable")
    reasons = by_sum(run)
    assert reasons[0] == "teachable"  # 0 by the target, .4 by the stronger model
    assert reasons[5] == "in_band"
    assert reasons[N - 1] == "too_easy"


def test_who_goes_on_is_decided_again_without_a_sample(two_models: Sums, coldstart: Call) -> None:
    run = two_models.done(coldstart, "keep.who=target")
    n_asked = two_models.n_asked.total()
    assert by_sum(run)[0] == "too_hard"
    assert run.read(Bands)["strong_region"].null_count() == 0
    two_models.done(coldstart, "keep.who=teachable", "keep.easy_share=1")
    assert (by_sum(run)[0], by_sum(run)[N - 1]) == ("teachable", "replayed")
    assert two_models.n_asked.total() == n_asked


def test_a_limit_holds_for_both_models(two_models: Sums, coldstart: Call) -> None:
    stopped = two_models.run(coldstart, more=("--limit", "3"))
    assert stopped.returncode == 3
    assert f"--limit 3: {N - 3} prompts are still owed samples" in stopped.stderr
    found = rollouts(open_run(str(two_models.folder / "run")))
    assert found.group_by("role").agg(pl.col("prompt_id").n_unique())["prompt_id"].to_list() == [3, 3]


def test_a_dry_run_counts_both_models_and_the_guesses(two_models: Sums, coldstart: Call) -> None:
    said = two_models.run(coldstart, "keep.guesses=3", more=("--dry-run", "--json"))
    rows = [json.loads(line) for line in said.stdout.splitlines()]
    asked = {(row["role"], row["arm"]) for row in rows if row.get("stage") == "generate"}
    assert asked == {("target", "solve"), ("strong", "solve"), ("target", "guess")}


# --- guesses ----------------------------------------------------------------------------------------------------------


def test_prompts_that_are_guessed_do_not_go_on(sums: Sums, coldstart: Call) -> None:
    run = sums.done(coldstart)
    in_band = {k for k, reason in by_sum(run).items() if reason == "in_band"}
    sums.done(coldstart, "keep.guesses=3")
    guessed = {k for (_, kind, k) in sums.n_asked if kind == "guess"}
    assert guessed == in_band
    assert {k for k, reason in by_sum(run).items() if reason == "guessable"} == {k for k in in_band if k % 3 == 0}
    assert sorted(rollouts(run)["rollout_id"]) == sums.wanted(run, "keep.guesses=3")
    n_asked = sums.n_asked.total()
    sums.done(coldstart, "keep.guesses=0")
    assert "guessable" not in by_sum(run).values()
    assert sums.n_asked.total() == n_asked


def test_a_model_that_always_thinks_is_told_of_once(sums: Sums, coldstart: Call) -> None:
    sums.thinks = True
    said = sums.run(coldstart, "keep.guesses=2").stderr
    run = open_run(str(sums.folder / "run"))
    n = 2 * run.read(Bands).filter(decision="kept").height
    told = "tries at an answer without reasoning came with reasoning or were longer than 64 tokens"
    assert said.count(f"{n} of {n} {told}") == 1
    assert run.read(Bands)["n_guesses"].sum() == 0


# --- reuse ------------------------------------------------------------------------------------------------------------


def test_another_run_takes_what_is_there_and_asks_for_the_rest(two_models: Sums, coldstart: Call) -> None:
    first = two_models.done(coldstart, "keep.guesses=1", to="first")
    n_first = two_models.n_asked.total()
    settings = (f"reuse=['{first.url}']", "keep.guesses=2", "band.low=0.3")
    ended = two_models.run(coldstart, *settings, to="second")
    second = open_run(str(two_models.folder / "second"))
    taken = rollouts(second).join(rollouts(first), on="rollout_id", how="semi")
    assert_frame_equal(taken, rollouts(first).join(taken, on="rollout_id", how="semi"))
    assert two_models.n_asked.total() - n_first == rollouts(second).height - taken.height
    counts = [int(n.replace(",", "")) for n in re.findall(r"took ([\d,]+) rollouts from", ended.stderr)]
    assert sum(counts) == taken.height > 0
    assert sorted(rollouts(second)["rollout_id"]) == two_models.wanted(second, *settings)
    assert check(second).filter(pl.col("n_broken") > 0).is_empty()
    assert second.read(Verdicts).height == rollouts(second).height


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("band.rule=optimal", "band.as_good_as=8"), "band.pilot: found nothing, wanted a file of counts or outcomes"),
        (("band.rule=optimal", "band.as_good_as=8", "band.pilot=gone.jsonl"), "gone.jsonl"),
        (("band.correct_verifiers=true",), "the run has no audit; run with --limit 1"),
        (("reuse=['nowhere']",), "reuse: nowhere: there is no run here"),
    ],
    ids=["no pilot", "no file", "no audit", "no run"],
)
def test_what_a_recipe_lacks_is_said_in_a_line_and_nothing_is_written(
    sums: Sums, coldstart: Call, settings: tuple[str, ...], told: str
) -> None:
    ended = sums.run(coldstart, *settings)
    assert ended.returncode == 2
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not list((sums.folder / "run").glob("*"))
    assert sums.n_asked.total() == 0


def test_votes_cannot_tell_what_a_stronger_model_solves(two_models: Sums, coldstart: Call) -> None:
    columns = "{text='question', source_key='question', task={equality='equal'}}"
    settings = ("sources.sums.verifier=majority", f"sources.sums.columns={columns}", "band.batch=8")
    ended = two_models.run(coldstart, *settings)
    assert ended.returncode == 2
    assert "models.strong: there are prompts whose verifier is `majority`" in ended.stderr
    assert two_models.n_asked.total() == 0


# --- rules that need more than a recipe -------------------------------------------------------------------------------


def test_edges_are_corrected_once_the_run_was_audited(sums: Sums, coldstart: Call) -> None:
    corrected = "band.correct_verifiers=true"
    assert sums.run(coldstart, more=("--limit", "1")).returncode == 3
    assert coldstart("audit", "--run", sums.folder / "run").returncode == 0
    run = sums.done(coldstart, corrected)
    assert run.manifest(PassRates)["config"]["verifier_errors"][0][0] == "math"  # type: ignore[index]
    assert sorted(rollouts(run)["rollout_id"]) == sums.wanted(run) == sums.wanted(run, corrected)


def test_the_optimal_rule_goes_on_from_the_counts_of_another_run(sums: Sums, coldstart: Call) -> None:
    run = sums.done(coldstart)
    n_asked = sums.n_asked.total()
    run.read(PassRates).select("prompt_id", "n_correct", "n_rated").write_ndjson(sums.folder / "pilot.jsonl")
    optimal = ("band.rule=optimal", "band.pilot=pilot.jsonl", "band.as_good_as=8")
    said = sums.run(coldstart, *optimal)
    assert said.returncode == 0, said.stderr
    assert f"The pilot has only {N} prompts" in said.stderr
    assert sums.n_asked.total() - n_asked == rollouts(run).height - n_asked
    assert sorted(rollouts(run)["rollout_id"]) == sums.wanted(run, *optimal)


def test_batch_files_ask_both_models_and_for_guesses(two_models: Sums, coldstart: Call) -> None:
    requests, answers, folder = two_models.folder / "q.jsonl", two_models.folder / "a.jsonl", two_models.folder / "run"
    start, goes_on = [two_models.recipe, "--set", "keep.guesses=2"], ("generate", "--run", folder)
    steps = []
    while (emitted := coldstart(*goes_on[:1], *start, *goes_on[1:], "--emit-batch", requests)).returncode == 3:
        steps += re.findall(r"samples of `([a-z ]+)` wait for", emitted.stderr)
        asked = [json.loads(line) for line in requests.read_text().splitlines()]
        bodies = [{"status_code": 200, "body": two_models.answer(line["body"], 0)[1]} for line in asked]
        said = [{"custom_id": q["custom_id"], "response": r} for q, r in zip(asked, bodies, strict=True)]
        answers.write_text("\n".join(map(json.dumps, said)))
        assert coldstart(*goes_on[:1], *start, *goes_on[1:], "--ingest-batch", answers).returncode == 0
    assert emitted.returncode == 0, emitted.stderr
    assert set(steps) == {"generate samples", "generate strong samples", "generate guesses"}


@pytest.mark.slow
def test_a_band_that_can_be_corrected_for_one_verifier_only_says_for_which_it_is_not(
    recorded_run: Path, coldstart: Call
) -> None:
    assert coldstart("audit", "--run", recorded_run).returncode == 0
    root = Path(__file__).resolve().parents[2]
    settings = (f"data={root / 'data/recorded'}", "band.correct_verifiers=true")
    options = [part for setting in settings for part in ("--set", setting)]
    said = coldstart("run", root / "flows/recipes/recorded.toml", *options, "--run", recorded_run)
    assert said.returncode == 0, said.stderr
    assert "The band is not corrected for strips: the audit does not know both of its error rates." in said.stderr
