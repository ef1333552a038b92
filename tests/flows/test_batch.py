"""A run by batch files: a stand-in answers the lines that were emitted, round by round, to the end."""

import gzip
import itertools
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from flows.batch import emit_batch
from flows.steps import begin, steps, wanted_rollouts
from pipeline import generate, ingest, runner
from pipeline.checks import check
from pipeline.journal import journal_folder, leftover
from pipeline.lock import locked
from pipeline.resolve import Resolved, resolve
from pipeline.served_model.refusals import LONGER_CONTEXT
from pipeline.store import Run, open_run
from schemas.errors import WorkOwed
from schemas.recipe_file import load_recipe
from schemas.tables import Rollouts

ROOT = Path(__file__).resolve().parents[2]
Call = Callable[..., subprocess.CompletedProcess[str]]
Line = dict[str, Any]

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
base_url = "http://127.0.0.1:9/v1"
model = "stand-in"

[models.planner]
{planner}

[band]
batch = 8
max_samples = 16

[plans]
n = 2
samples = 8
confidence = 0.6
"""
SERVED = 'kind = "openai_server"\nmodel = "stand-in"'
LOCAL = f'kind = "ctranslate2_model"\npath = "{ROOT}/data/models/tiny"\ntemplate = "short-1"\nmax_tokens = 8'
SUMS = {f"What is {a} + {b * 7}?": a + b * 7 for a, b in zip(range(11, 17), range(3, 9), strict=True)}


def make_recipe(folder: Path, planner: str = SERVED) -> Path:
    rows = [json.dumps({"question": question, "answer": str(answer)}) for question, answer in SUMS.items()]
    (folder / "sums.jsonl").write_text("\n".join(rows))
    (folder / "sums.toml").write_text(RECIPE.format(data=folder, planner=planner))
    return folder / "sums.toml"


def completion(text: str) -> Line:
    said = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"model": "stand-in-2", "choices": [said], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}


def answer(request: Line, status: int = 200, body: Any = None, error: Any = None) -> Line:
    """What a server makes of a request: plans where a schema is given, else a sum, which is right every other time.

    A plan for the same problem makes it right every time.
    """
    response = {"status_code": status, "request_id": "r", "body": body or completion(said_to(request))}
    return {"id": "x", "custom_id": request["custom_id"], "response": None if error else response, "error": error}


def said_to(request: Line) -> str:
    name, asked = request["custom_id"], request["body"]["messages"][-1]["content"]
    question, right = next((question, found) for question, found in SUMS.items() if question in asked)
    if schema := request["body"].get("response_format"):
        if "strategies" in schema["json_schema"]["schema"]["properties"]:
            return json.dumps({"strategies": ["Add the tens, then the ones.", "Count up from the larger number."]})
        step = {"goal": f"Answer {question}", "how": f"As {name} does it.", "depends_on": []}
        return json.dumps({"strategy": f"Go by {name}.", "steps": [step]})
    is_helped = asked.count(question) > 1
    return f"Adding up, by {name}, gives \\boxed{{{right if is_helped else right + int(name, 16) % 2}}}."


def requests_in(path: Path) -> list[Line]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, lines: list[Line]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def ids(run: Run) -> list[str]:
    return sorted(run.keys(Rollouts)["rollout_id"])


def resolved_of(recipe: Path) -> Resolved:
    return resolve(*load_recipe(recipe))


def rounds(coldstart: Call, folder: Path) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Emit, answer and ingest until nothing is owed: how it ended, and what was said of each round."""
    said: list[str] = []
    given: tuple[Path, ...] = (make_recipe(folder),) if not (folder / "sums.toml").exists() else (folder / "sums.toml",)
    while len(said) < 20:
        done = coldstart("generate", *given, "--run", folder / "run", "--emit-batch", folder / "requests.jsonl")
        if done.returncode != 3:
            return done, said
        said.append(done.stderr.splitlines()[-1])
        answers = write(folder / "answers.jsonl", [answer(line) for line in requests_in(folder / "requests.jsonl")])
        taken = coldstart("generate", "--run", folder / "run", "--ingest-batch", answers)
        assert taken.returncode == 0, taken.stderr
        given = ()
    raise AssertionError(said)


@pytest.fixture(scope="module")
def whole(coldstart: Call, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that went all the way by batch files."""
    folder = tmp_path_factory.mktemp("whole")
    done, _ = rounds(coldstart, folder)
    assert done.returncode == 0, done.stderr
    assert "nothing is owed any more; data set: " in done.stdout
    return folder


@pytest.fixture(scope="module")
def begun(coldstart: Call, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose first batch has been emitted, not answered; only for copying."""
    folder = tmp_path_factory.mktemp("begun")
    recipe = make_recipe(folder)
    done = coldstart("generate", recipe, "--run", folder / "run", "--emit-batch", folder / "requests.jsonl")
    assert done.returncode == 3
    return folder


@pytest.fixture
def waiting(begun: Path, tmp_path: Path) -> Path:
    return shutil.copytree(begun, tmp_path / "waiting")


def take(coldstart: Call, folder: Path, *answers: Path) -> str:
    """Ingest; what it says."""
    options = [part for path in answers for part in ("--ingest-batch", path)]
    done = coldstart("generate", "--run", folder / "run", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- rounds ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_rounds_of_batches_end_with_a_data_set(whole: Path) -> None:
    run = open_run(str(whole / "run"))
    assert check(run)["n_broken"].fill_null(0).sum() == 0
    assert ids(run) == sorted(wanted_rollouts(run, resolved_of(whole / "sums.toml"))["rollout_id"])
    assert set(run.read(Rollouts)["role"]) == {"target", "planner", "executor"}
    assert set(run.read(Rollouts)["model"]) == {"stand-in-2"}
    assert (whole / "run/export/README.md").exists()


def test_emit_says_how_many_samples_wait_and_the_next_command(begun: Path, coldstart: Call) -> None:
    done = coldstart("generate", "--run", begun / "run", "--emit-batch", begun / "again.jsonl")
    said = done.stderr.splitlines()[-1]
    assert f"{begun}/again.jsonl: 48 samples of `generate samples` wait for stand-in; " in said
    assert f"coldstart generate --run {begun}/run --ingest-batch ANSWERS" in said
    assert (begun / "again.jsonl").read_bytes() == (begun / "requests.jsonl").read_bytes()
    assert len({line["custom_id"] for line in requests_in(begun / "requests.jsonl")}) == 48


@pytest.mark.slow
def test_models_that_are_not_behind_a_server_answer_in_this_process(coldstart: Call, tmp_path: Path) -> None:
    make_recipe(tmp_path, LOCAL)
    _, said = rounds(coldstart, tmp_path)
    assert {line.split("`")[1] for line in said} <= {"generate samples", "generate trials"}
    assert open_run(str(tmp_path / "run")).read(Rollouts).filter(role="planner")["model"].unique().to_list() == ["tiny"]


def test_a_budget_limits_what_is_asked(waiting: Path, coldstart: Call) -> None:
    command = ["generate", waiting / "sums.toml", "--run", waiting / "run", "--emit-batch", waiting / "some.jsonl"]
    done = coldstart(*command, "--set", "budget.max_requests=10")
    assert "10 samples of `generate samples` wait for stand-in, of 48 that are owed" in done.stderr
    take(coldstart, waiting, write(waiting / "answers.jsonl", [answer(r) for r in requests_in(waiting / "some.jsonl")]))
    spent = coldstart(*command, "--set", "budget.max_requests=10")
    assert (spent.returncode, "10 samples were asked for; 38 samples" in spent.stderr) == (3, True)


# --- answers -----------------------------------------------------------------------------------------------------


def test_the_same_answers_twice_change_nothing(waiting: Path, coldstart: Call) -> None:
    answers = write(waiting / "answers.jsonl", [answer(r) for r in requests_in(waiting / "requests.jsonl")] * 2)
    first = take(coldstart, waiting, answers)
    assert "48 samples taken; 0 of the same step" in first
    assert "48 answers were there already" in first
    run = open_run(str(waiting / "run"))
    before = run.part_paths(Rollouts)
    assert "0 samples taken" in (again := take(coldstart, waiting, answers))
    assert "96 answers were there already" in again
    assert run.part_paths(Rollouts) == before


def test_output_and_error_files_may_come_in_any_order(waiting: Path, coldstart: Call) -> None:
    requests = requests_in(waiting / "requests.jsonl")
    message = {"error": {"message": "This model's maximum context length is 512 tokens", "code": None}}
    errors = write(waiting / "errors.jsonl", [answer(r, 400, message) for r in requests[:12]])
    halves = [write(waiting / f"{n}.jsonl", [answer(r) for r in requests[12 + n :: 2]]) for n in range(2)]
    assert "12 samples taken, 12 of them failed (context_overflow 12); 36 of" in take(coldstart, waiting, errors)
    assert "36 samples taken; 0 of the same step" in take(coldstart, waiting, *halves)
    failed = open_run(str(waiting / "run")).read(Rollouts).filter(error_kind="context_overflow")
    said = "HTTP 400: This model's maximum context length is 512 tokens"
    assert failed["error"].unique().to_list() == [f"{said}; {LONGER_CONTEXT}"]
    assert failed["text"].is_null().all()


def test_a_batch_that_fails_as_a_whole_is_refused(waiting: Path, coldstart: Call) -> None:
    requests = requests_in(waiting / "requests.jsonl")
    answers = write(waiting / "answers.jsonl", [answer(r, 400, {"error": "no such field"}) for r in requests])
    done = coldstart("generate", "--run", waiting / "run", "--ingest-batch", answers)
    assert (done.returncode, "more than max_error_rate = 0.2: bad_request" in done.stderr) == (1, True)
    assert ids(open_run(str(waiting / "run"))) == []


def test_what_a_batch_ended_without_is_owed_as_before(waiting: Path, coldstart: Call) -> None:
    first, *rest = requests_in(waiting / "requests.jsonl")
    expired = answer(first, error={"code": "batch_expired", "message": "not in 24 h"})
    said = take(coldstart, waiting, write(waiting / "answers.jsonl", [expired, *map(answer, rest)]))
    assert "47 samples taken; 1 of the same step are still owed" in said
    assert "1 samples were never produced, and are owed: batch_expired (1x)" in said
    coldstart("generate", "--run", waiting / "run", "--emit-batch", waiting / "requests.jsonl")
    assert requests_in(waiting / "requests.jsonl") == [first]


def test_answers_of_other_runs_are_counted_and_left(waiting: Path, coldstart: Call) -> None:
    requests = requests_in(waiting / "requests.jsonl")
    others = [answer(requests[0]) | {"custom_id": name} for name in ("request-1", "f" * 32, "\ud800")]
    said = take(coldstart, waiting, write(waiting / "answers.jsonl", [answer(requests[0]), *others]))
    assert "1 samples taken; 47 of" in said
    assert "3 answers belong to no sample of this run" in said


def test_lines_that_cannot_be_read_are_named_and_the_others_taken(waiting: Path, coldstart: Call) -> None:
    requests = requests_in(waiting / "requests.jsonl")
    path = write(waiting / "answers.jsonl", [answer(r) for r in requests])
    path.write_bytes(path.read_bytes()[:-50])
    said = take(coldstart, waiting, path)
    assert "47 samples taken; 1 of the same step are still owed" in said
    assert f"1 lines are no answers, the first: {path} line 48: broken JSON" in said


def test_of_packed_answers_that_are_cut_off_those_before_are_kept(waiting: Path, coldstart: Call) -> None:
    lines = [json.dumps(answer(r) | {"id": secrets.token_hex(2000)}) for r in requests_in(waiting / "requests.jsonl")]
    packed = gzip.compress("\n".join(lines).encode())
    path = waiting / "answers.jsonl.gz"
    path.write_bytes(packed[: len(packed) // 2])
    broken = coldstart("generate", "--run", waiting / "run", "--ingest-batch", path)
    assert (broken.returncode, "fetch the file again: what came before is kept" in broken.stderr) == (2, True)
    path.write_bytes(packed)
    said = take(coldstart, waiting, path)
    n_taken = int(said.split(" samples taken; 0 of the same step")[0])
    assert 0 < n_taken < 40
    assert len(ids(open_run(str(waiting / "run")))) == 48


@pytest.mark.slow
def test_answers_of_a_finished_run_were_there_already(whole: Path, coldstart: Call) -> None:
    before = ids(open_run(str(whole / "run")))
    assert "were there already" in take(coldstart, whole, whole / "answers.jsonl")
    assert ids(open_run(str(whole / "run"))) == before


def test_what_was_journalled_when_a_process_died_is_published_by_the_next(waiting: Path, coldstart: Call) -> None:
    path = write(waiting / "answers.jsonl", [answer(r) for r in requests_in(waiting / "requests.jsonl")])
    resolved, n_taken = resolved_of(waiting / "sums.toml"), itertools.count(1)

    def die(n: int) -> None:
        if n and next(n_taken) == 3:
            raise KeyboardInterrupt

    with locked(open_run(str(waiting / "run"))) as run:
        begin(run, resolved)
        asks = next(step.asks for step in steps(run, resolved) if step.asks)
        asked = cast(generate.Config, asks.job.config)
        config = ingest.Config(asked=asked, model="stand-in", answers=ingest.Answers([str(path)]))
        (shard,) = runner.shards(generate, asks.owed, asks.owed.height)
        job, errors = runner.Job(ingest, asks.job.frames, config), runner.ErrorRate(1.0)
        with pytest.raises(KeyboardInterrupt):
            runner.work_off(run, job, shard, errors, die)
    assert [len(rows) for _, rows in leftover(journal_folder(run, Rollouts))] == [3]
    assert ids(run) == []
    assert "45 samples taken; 0 of the same step" in take(coldstart, waiting, path)
    assert len(ids(run)) == 48


# --- bad input ---------------------------------------------------------------------------------------------------


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done.stderr
    for word in words:
        assert word in done.stderr


def test_files_that_are_no_answers_are_one_line(waiting: Path, coldstart: Call) -> None:
    command = ["generate", "--run", waiting / "run", "--ingest-batch"]
    (waiting / "empty.jsonl").write_text("")
    refused(coldstart(*command, waiting / "requests.jsonl"), "requests.jsonl line 1: a request, not an answer")
    refused(coldstart(*command, waiting / "empty.jsonl"), "the file is empty")
    refused(coldstart(*command, waiting / "sums.toml"), "sums.toml line 1: broken JSON")
    refused(coldstart(*command, waiting / "sums.jsonl"), "sums.jsonl line 1: wanted an answer with custom_id")
    refused(coldstart(*command, waiting / "none.jsonl"), "none.jsonl: there is no such file")
    refused(coldstart(*command, waiting), "cannot be read")


def test_commands_that_make_no_sense_are_one_line(waiting: Path, coldstart: Call) -> None:
    run = ["generate", "--run", waiting / "run"]
    both = ["--emit-batch", waiting / "a.jsonl", "--ingest-batch", waiting / "b.jsonl"]
    refused(coldstart(*run), "either --emit-batch or --ingest-batch")
    refused(coldstart(*run, *both), "either --emit-batch or --ingest-batch")
    refused(coldstart(*run, "--emit-batch", waiting / "a.csv"), "a name that ends in .jsonl or .jsonl.gz")
    refused(coldstart(*run, "--set", "band.low=0.2", *both[:2]), "--set overrides a setting of a RECIPE")
    none = ["generate", "--run", waiting / "none", "--emit-batch", waiting / "a.jsonl"]
    refused(coldstart(*none), "there is no run here", "coldstart generate RECIPE --run")


def test_a_recipe_without_a_served_model_is_refused(coldstart: Call, tmp_path: Path) -> None:
    recipe, data = ROOT / "flows/recipes/recorded.toml", f"data={ROOT / 'data/recorded'}"
    done = coldstart(
        "generate", recipe, "--set", data, "--run", tmp_path / "run", "--emit-batch", tmp_path / "requests.jsonl"
    )
    refused(done, "batch files are for openai_server and vllm_server", "models.target is replay", "coldstart run")
    assert list(tmp_path.iterdir()) == []


def test_a_locked_run_says_who_holds_it(waiting: Path, coldstart: Call) -> None:
    hold = (
        "import sys, time; from pipeline.lock import locked; from pipeline.store import open_run\n"
        "with locked(open_run(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", hold, str(waiting / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = coldstart("generate", "--run", waiting / "run", "--emit-batch", waiting / "requests.jsonl")
        holder.kill()
    refused(done, "is locked", f"process {holder.pid}")


def test_a_run_folder_anywhere_takes_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    run = open_run(f"memory://{tmp_path.name}")
    with pytest.raises(WorkOwed, match="48 samples"):
        emit_batch(run, resolved_of(make_recipe(tmp_path)), str(tmp_path / "requests.jsonl"))
