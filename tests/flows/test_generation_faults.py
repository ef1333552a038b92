"""Whole runs against a server that misbehaves: what comes back is kept, what does not is owed, and why is said."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.checks import check
from pipeline.generators import openai_server
from pipeline.journal import journal_folder, leftover
from pipeline.served_model.capabilities import capabilities
from pipeline.served_model.refusals import LONGER_CONTEXT
from pipeline.served_model.structured import violation
from pipeline.store import open_run
from pipeline.vllm_model import replica
from schemas.errors import RecipeError
from schemas.tables import Rollouts

Call = Callable[..., subprocess.CompletedProcess[str]]
Answer = Callable[[dict[str, Any], int], tuple[int, Any, dict[str, str]]]
COMMAND = Path(sys.executable).parent / "coldstart"

RECIPE = """\
name = "sums"
data = "{data}"

[sources.sums]
kind = "files"
path = "sums.jsonl"
verifier = "math"
columns = {{ text = "question", source_key = "question", task = {{ answer = "answer" }} }}

[screen]
threshold = 1.0

[models.target]
kind = "openai_server"
base_url = {urls}
model = "m"

[band]
rule = "fixed"
batch = 8
max_samples = 8
"""
PLANS = (
    '[models.planner]\nkind = "openai_server"\nbase_url = {urls}\nmodel = "m"\n[plans]\nn = 16\nstrategies = false\n'
)


def completion(body: dict[str, Any], number: int, n_tokens: int = 90) -> dict[str, Any]:
    """Half of the sums are right; a plan has one step."""
    said = f"\\boxed{{{4 + number % 2}}}"
    if "response_format" in body:
        step = {"goal": f"Add them up, {number}.", "how": f"Count {number} times.", "depends_on": []}
        said = json.dumps({"strategy": f"Way {number}", "steps": [step]})
    choices = [{"message": {"content": said}, "finish_reason": "stop"}]
    return {"model": "m", "choices": choices, "usage": {"prompt_tokens": 10, "completion_tokens": n_tokens}}


@pytest.fixture(autouse=True)
def nothing_is_known() -> None:
    """A port may come back as another server."""
    capabilities.cache_clear()


def answering(server: Any) -> Any:
    """The server, which answers every request with a completion."""
    server.answer = lambda body, number: (200, completion(body, number), {})
    return server


@pytest.fixture
def servers(servers: list[Any]) -> list[Any]:
    """Both answer; whoever replaces one does so in this list, so that it is closed."""
    for server in servers:
        answering(server)
    return servers


def recipe(folder: Path, *servers: Any, n_prompts: int = 1, more: str = "") -> Path:
    rows = [json.dumps({"question": f"What is {k} + {4 - k}?", "answer": "4"}) for k in range(n_prompts)]
    (folder / "sums.jsonl").write_text("\n".join(rows))
    urls = json.dumps([server.url for server in servers])
    (folder / "sums.toml").write_text((RECIPE + more).format(data=folder, urls=urls))
    return folder / "sums.toml"


def run(coldstart: Call, folder: Path, path: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    return coldstart("run", path, "--run", folder / "run", *(w for one in settings for w in ("--set", one)))


def rollouts(folder: Path) -> pl.DataFrame:
    return open_run(str(folder / "run")).read(Rollouts)


@pytest.mark.server
def test_a_token_budget_that_answers_do_not_use_up_leaves_out_no_plan(
    servers: list[Any], coldstart: Call, tmp_path: Path
) -> None:
    # 8 samples of 100 tokens let 4 plans be expected to take the rest; they take 20 each.
    servers[0].answer = lambda body, k: (200, completion(body, k, 10 if "response_format" in body else 90), {})
    path = recipe(tmp_path, servers[0], more=PLANS)
    done = run(coldstart, tmp_path, path, "budget.max_tokens=1_200")
    assert done.returncode == 3, done.stderr
    assert "samples of `generate trials` are owed" in done.stderr
    assert rollouts(tmp_path).filter(arm="write_plan").height == 16


@pytest.mark.server
def test_too_many_failures_say_what_the_first_of_the_commonest_said(
    servers: list[Any], coldstart: Call, tmp_path: Path
) -> None:
    told = "This model's maximum context length is 16 tokens"
    servers[0].answer = lambda *_: (400, {"error": {"message": told}}, {})
    done = run(coldstart, tmp_path, recipe(tmp_path, servers[0], n_prompts=3))
    assert done.returncode == 1
    assert (
        f"context_overflow (11x); the first context_overflow says: HTTP 400: {told}; {LONGER_CONTEXT};" in done.stderr
    )


@pytest.mark.server
@pytest.mark.parametrize(
    "answer",
    [
        lambda *_: (429, {"error": {"message": "no quota"}}, {}),
        lambda *_: (429, {"error": {"message": "at once"}}, {"Retry-After": "0"}),
        lambda *_: (200, b"<html>Log in first</html>", {}),
        lambda *_: (200, {"error": {"message": "out of memory", "code": 500}}, {}),
        lambda *_: (500, {"error": {"message": "out of memory"}}, {}),
    ],
    ids=["429", "retry-after 0", "html", "error with status 200", "500"],
)
def test_an_endpoint_that_only_fails_and_fast_costs_no_sample(
    servers: list[Any], coldstart: Call, tmp_path: Path, answer: Answer
) -> None:
    def slow(body: dict[str, Any], number: int) -> tuple[int, Any, dict[str, str]]:
        time.sleep(0.02)
        return 200, completion(body, number), {}

    servers[0].answer, servers[1].answer = answer, slow
    run(coldstart, tmp_path, recipe(tmp_path, *servers, n_prompts=5), "models.target.concurrency=4")
    assert Counter(rollouts(tmp_path)["error_kind"]) == {None: 40}


@pytest.mark.server
@pytest.mark.parametrize("seconds", ["99999999999999", "1e300", "Fri, 31 Dec 9999 23:59:59 -2359"])
def test_a_server_that_wants_peace_for_ever_ends_it_in_one_line(
    servers: list[Any], coldstart: Call, tmp_path: Path, seconds: str
) -> None:
    servers[0].answer = lambda *_: (429, {}, {"Retry-After": seconds})
    done = run(coldstart, tmp_path, recipe(tmp_path, servers[0]))
    assert done.returncode == 1
    assert "wants no requests before" in done.stderr.splitlines()[-1]


@pytest.mark.server
def test_a_date_that_is_none_is_no_time_to_wait_for(servers: list[Any], coldstart: Call, tmp_path: Path) -> None:
    peace = {"Retry-After": f"Fri, 31 Dec 1999 23:59:59 +{'9' * 24}"}
    servers[0].answer = lambda body, k: (200, completion(body, k), {}) if k else (429, {}, peace)
    run(coldstart, tmp_path, recipe(tmp_path, servers[0]))
    assert Counter(rollouts(tmp_path)["error_kind"]) == {None: 8}


@pytest.mark.parametrize("depth", range(900, 1000, 3))
def test_a_plan_nested_without_end_is_judged_or_left(depth: int) -> None:
    why = violation(f'{{"steps": {"[" * depth}{"]" * depth}}}', '{"properties": {"steps": {"maxItems": 0}}}')
    assert why is None or why.startswith("$.steps: [[[")


@pytest.mark.timeout(30)
def test_a_server_that_does_not_hear_while_it_starts_is_ended_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "STARTING_GRACE_S", 0.5)
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(99)"
    )
    starting = replica.Replica([sys.executable, "-c", deaf], os.environ, 1, tmp_path / "log")
    while "deaf" not in (tmp_path / "log").read_text():
        time.sleep(0.02)
    starting.stop()
    assert starting.failure is None


@pytest.mark.parametrize("host", ["my..host", "a" * 64])
def test_a_host_that_no_system_can_look_up_is_no_url(host: str) -> None:
    with pytest.raises(RecipeError, match="base_url: wanted a URL"):
        openai_server.Config(model="m", base_url=f"http://{host}/v1")


@pytest.mark.server
def test_a_budget_of_nothing_asks_nothing(servers: list[Any], coldstart: Call, tmp_path: Path) -> None:
    path = recipe(tmp_path, servers[0])
    for setting in ("max_requests=0", "max_tokens=0", "max_hours=0"):
        done = run(coldstart, tmp_path, path, f"budget.{setting}")
        assert (done.returncode, "8 samples of `generate samples` are owed" in done.stderr) == (3, True)
    assert servers[0].n_asked == 0


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_ended_with_hundreds_in_flight_the_same_command_goes_on(
    servers: list[Any], tmp_path: Path, number: signal.Signals
) -> None:
    asked, ended, many = threading.Event(), threading.Event(), 300

    def late(body: dict[str, Any], k: int) -> tuple[int, Any, dict[str, str]]:
        if k == many:
            asked.set()
        ended.wait(0 if k < 100 else 1)
        return 200, completion(body, k), {}

    servers[0].answer = late
    path = recipe(tmp_path, servers[0], n_prompts=60)
    command: list[Any] = [COMMAND, "run", path, "--run", tmp_path / "run", "--set", "work.shard_rows=30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
        assert asked.wait(60)
        os.kill(first.pid, number)
        _, said = first.communicate(timeout=60)
    assert (first.returncode, "stopped" in said) == ((-9, False) if number == signal.SIGKILL else (130, True))
    journal = leftover(journal_folder(open_run(str(tmp_path / "run")), Rollouts))
    kept = rollouts(tmp_path).height + sum(len(rows) for _, rows in journal)
    assert kept >= 90
    ended.set()
    n_before = servers[0].n_asked
    subprocess.run(command, capture_output=True, timeout=120, check=False)
    found = rollouts(tmp_path)
    assert Counter(found["error_kind"]) == {None: 480}
    assert found["rollout_id"].n_unique() == 480
    assert servers[0].n_asked - n_before == 480 - kept
    assert check(open_run(str(tmp_path / "run")))["n_broken"].fill_null(0).sum() == 0


@pytest.mark.server
def test_a_run_in_which_every_sample_failed_says_why(servers: list[Any], coldstart: Call, tmp_path: Path) -> None:
    servers[0].answer = lambda body, number: (400, {"error": {"message": "maximum context length is 9"}}, {})
    done = coldstart("run", recipe(tmp_path, servers[0]), "--run", tmp_path / "run")
    assert done.returncode == 1
    assert "all 8 samples failed, 8 of them as context_overflow (HTTP 400: maximum context length is 9; " in done.stderr
    assert "`coldstart retry rollouts --run" in done.stderr


@pytest.mark.server
def test_a_run_whose_plans_cannot_be_read_says_so(servers: list[Any], coldstart: Call, tmp_path: Path) -> None:
    def answer(body: dict[str, Any], number: int) -> tuple[int, Any, dict[str, str]]:
        said = completion(body, number)
        if "response_format" in body:
            said["choices"] = [{"message": {"content": f'{{"strategy": "{number}'}, "finish_reason": "length"}]
        return 200, said, {}

    servers[0].answer = answer
    done = coldstart("run", recipe(tmp_path, servers[0], more=PLANS), "--run", tmp_path / "run")
    assert "no plan could be read (malformed 16)" in done.stderr


@pytest.mark.server
def test_an_error_in_a_models_settings_names_its_place(servers: list[Any], coldstart: Call, tmp_path: Path) -> None:
    path = recipe(tmp_path, servers[0])
    path.write_text(path.read_text().replace(servers[0].url, "nowhere"))
    done = coldstart("run", path, "--run", tmp_path / "run")
    assert f"{path} line " in done.stderr
    assert ": models.target.base_url: wanted a URL" in done.stderr


@pytest.mark.server
def test_a_server_that_is_not_there_is_named_in_plain_words(
    servers: list[Any], coldstart: Call, tmp_path: Path
) -> None:
    path = recipe(tmp_path, servers[0])
    servers[0].close()
    done = coldstart("run", path, "--run", tmp_path / "run")
    assert f"{servers[0].url}: cannot be reached (Connection refused); start the server or mend base_url" in done.stderr
    servers[0] = answering(type(servers[0])())
