"""Every verb, as a user calls it; and every bad input: one line, exit code 2, no output file."""

import gzip
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pipeline.journal import Journal, journal_folder
from pipeline.store import open_run, seal, set_aside
from schemas.tables import Rollouts, Verdicts

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / "flows/recipes/recorded.toml"
DATA = f"data={ROOT / 'data/recorded'}"
RUN = ["run", RECORDED, "--set", DATA]
Call = Callable[..., subprocess.CompletedProcess[str]]


def json_lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line on stderr that holds every word, exit code 2, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr, f"{word!r} is not in: {done.stderr}"


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# --- a run, and looking into it ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_demo_ends_with_funnel_examples_and_the_path(coldstart: Call, tmp_path: Path) -> None:
    done = coldstart("demo", "--run", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "help" in done.stdout
    for part in ("prompt", "plan", "reasoning", "answer", "uplift"):
        assert part in done.stdout
    assert f"data set: {tmp_path}/run/export" in done.stdout
    shown = re.search(r"coldstart show ([0-9a-f]+) --run", done.stdout)
    assert shown is not None
    assert "plans: decision" in coldstart("show", shown[1], "--run", tmp_path / "run").stdout


def test_second_run_does_nothing_and_changes_nothing(coldstart: Call, recorded_run: Path) -> None:
    coldstart(*RUN, "--run", recorded_run)  # settles digests that see parts appended after a stage ran
    before = {path: path.read_bytes() for path in recorded_run.glob("*/*.parquet")}
    again = coldstart(*RUN, "--run", recorded_run)
    assert "generate" not in again.stderr
    assert {path: path.read_bytes() for path in recorded_run.glob("*/*.parquet")} == before


def test_limit_stops_with_work_owed_and_the_rest_can_follow(coldstart: Call, tmp_path: Path) -> None:
    command = [*RUN, "--run", tmp_path / "run"]
    first = coldstart(*command, "--limit", 5)
    assert first.returncode == 3
    assert "still owed" in first.stderr
    assert coldstart(*command).returncode == 0


def test_a_limit_may_be_any_number(coldstart: Call, recorded_run: Path) -> None:
    assert coldstart(*RUN, "--run", recorded_run, "--limit", 10**20).returncode == 0


def test_what_a_killed_process_had_finished_belongs_to_its_recipe(
    coldstart: Call, recorded_run: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(recorded_run, tmp_path / "run")
    run = open_run(str(folder))
    rows = run.read(Rollouts).to_dicts()
    shutil.rmtree(folder / "rollouts")
    with Journal(journal_folder(run, Rollouts), "shard") as journal:
        journal.write(rows[0])
    refused(coldstart(*RUN, "--set", "band.batch=4", "--run", folder), "another recipe", "band.batch")
    assert run.read(Rollouts).height == 1


def test_claims_that_compare_tables_wait_until_a_stopped_run_is_done(
    coldstart: Call, recorded_run: Path, tmp_path: Path
) -> None:
    run = open_run(str(shutil.copytree(recorded_run, tmp_path / "run")))
    set_aside(run, Verdicts, run.read(Verdicts).head(3))
    stopped = coldstart("check", "--run", run.url)
    assert stopped.returncode == 0, stopped.stdout
    assert "wait until the run is done" in stopped.stderr
    seal(run, Verdicts)
    done = coldstart("check", "--run", run.url)
    assert (done.returncode, "rollouts_have_one_verdict" in done.stdout) == (1, True)


def test_dry_run_says_what_to_expect_and_writes_nothing(coldstart: Call, tmp_path: Path) -> None:
    done = coldstart(*RUN, "--run", tmp_path / "run", "--dry-run", "--pilot", 4)
    assert done.returncode == 0, done.stderr
    for words in ("near_duplicate", "completion tokens", "unknown", "total", "examples:", "the pilot itself:"):
        assert words in done.stdout
    assert not (tmp_path / "run").exists()


def test_dry_run_without_a_pilot_asks_no_model(coldstart: Call, tmp_path: Path) -> None:
    done = coldstart(*RUN, "--run", tmp_path / "run", "--dry-run", "--pilot", 0, "--json")
    assert "generate" not in done.stderr
    *_, solve, plans, total, whole = json_lines(done.stdout)
    assert (solve["n_rollouts_low"], solve["n_rollouts"], solve["n_rollouts_high"]) == (42 * 8, None, 42 * 16)
    assert (plans["arm"], total["seconds"], whole["n_examples"]) == ("write_plan", None, None)


def test_dry_run_of_a_limit_expects_that_many_prompts(coldstart: Call) -> None:
    done = coldstart(*RUN, "--limit", 3, "--dry-run", "--json")
    *_, total, whole = json_lines(done.stdout)
    assert total["n_prompts"] == whole["n_prompts"] == 3
    assert total["n_rollouts"] == total["n_rollouts_high"]


def test_dry_run_says_that_a_run_is_there_already(coldstart: Call, recorded_run: Path) -> None:
    before = sorted(recorded_run.rglob("*"))
    done = coldstart(*RUN, "--run", recorded_run, "--dry-run", "--pilot", 0)
    assert "rollouts already; the estimate is for a new run" in done.stderr
    assert sorted(recorded_run.rglob("*")) == before


def test_dry_run_without_the_model_is_one_line(coldstart: Call, tmp_path: Path) -> None:
    refused(coldstart("run", ROOT / "flows/recipes/demo.toml", "--set", f"data={tmp_path}", "--dry-run"), "tiny")


def test_a_pilot_belongs_to_a_dry_run(coldstart: Call, tmp_path: Path) -> None:
    refused(coldstart(*RUN, "--run", tmp_path / "run", "--pilot", 4), "--pilot", "--dry-run")
    assert not (tmp_path / "run").exists()


def test_the_funnel_of_a_run_comes_as_json_too(coldstart: Call, recorded_run: Path) -> None:
    done = coldstart(*RUN, "--run", recorded_run, "--json")
    assert json_lines(done.stdout) == json_lines(coldstart("funnel", "--run", recorded_run, "--json").stdout)


def test_status_counts_rows_and_says_who_works(coldstart: Call, recorded_run: Path) -> None:
    rows = {row["table"]: row for row in json_lines(coldstart("status", "--run", recorded_run, "--json").stdout)}
    assert rows["rollouts"]["state"] == "sealed"
    assert rows["rollouts"]["rows"] > 100
    assert "nobody is working" in coldstart("status", "--run", recorded_run).stderr


def test_check_holds_on_the_recorded_set(coldstart: Call, recorded_run: Path) -> None:
    done = coldstart("check", "--run", recorded_run)
    assert done.returncode == 0, done.stdout
    assert "claims hold" in done.stderr


def test_check_fails_where_a_table_was_tampered_with(coldstart: Call, tmp_path: Path) -> None:
    coldstart(*RUN, "--run", tmp_path / "run")
    (part,) = (tmp_path / "run/bands").glob("*.parquet")
    frame = pl.read_parquet(part)
    frame.with_columns(pl.lit("in_band").alias("region"), pl.lit(None, pl.Float64).alias("pass_rate")).write_parquet(
        part
    )
    done = coldstart("check", "--run", tmp_path / "run")
    assert done.returncode == 1
    assert "in the band" in done.stdout


def test_why_and_show_follow_an_id(coldstart: Call, recorded_run: Path) -> None:
    sql = "select id, reason from fates where entity = 'prompt' and stage = 'screened' order by id limit 1"
    (row,) = json_lines(coldstart("sql", sql, "--run", recorded_run, "--json").stdout)
    assert str(row["reason"]) in coldstart("why", row["id"], "--run", recorded_run).stdout
    assert "problem_text" in coldstart("show", str(row["id"])[:12], "--run", recorded_run).stdout


def test_sums_are_numbers_in_json(coldstart: Call, recorded_run: Path) -> None:
    (row,) = json_lines(
        coldstart("sql", "select sum(n_correct) as n from pass_rates", "--run", recorded_run, "--json").stdout
    )
    assert isinstance(row["n"], int)


def test_sql_writes_nothing_and_reads_nothing_else(coldstart: Call, recorded_run: Path, tmp_path: Path) -> None:
    refused(coldstart("sql", f"copy prompts to '{tmp_path}/out.csv'", "--run", recorded_run))
    refused(coldstart("sql", "select * from read_text('/etc/hostname')", "--run", recorded_run))
    assert not (tmp_path / "out.csv").exists()


def test_retry_owes_failed_rollouts_again_and_the_run_fills_them(coldstart: Call, tmp_path: Path) -> None:
    coldstart(*RUN, "--run", tmp_path / "run")
    n_failed = "select count(*) as n from rollouts where error_kind <> 'not_run'"
    before = coldstart("sql", n_failed, "--run", tmp_path / "run", "--json").stdout
    assert json_lines(before) != [{"n": 0}]
    assert "owed again" in coldstart("retry", "rollouts", "--run", tmp_path / "run").stdout
    assert json_lines(coldstart("sql", n_failed, "--run", tmp_path / "run", "--json").stdout) == [{"n": 0}]
    assert coldstart(*RUN, "--run", tmp_path / "run").returncode == 0
    assert coldstart("sql", n_failed, "--run", tmp_path / "run", "--json").stdout == before


def test_export_writes_a_data_set_elsewhere(coldstart: Call, recorded_run: Path, tmp_path: Path) -> None:
    done = coldstart("export", "--run", recorded_run, "--format", "sft", "--to", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert pl.read_parquet(tmp_path / "out/data/train-*.parquet").height > 0
    assert (tmp_path / "out/README.md").read_text().startswith("---\n")


def test_without_a_verb_there_is_help_that_fits_80_columns(coldstart: Call) -> None:
    done = coldstart()
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: coldstart")
    assert "..." not in done.stdout.split("Commands:")[1]


def test_a_group_without_a_verb_shows_its_help_as_it_is(coldstart: Call) -> None:
    done = coldstart("annotate")
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: ")
    assert "; see `" not in done.stderr


def test_a_missing_option_says_where_help_is(coldstart: Call) -> None:
    refused(coldstart("funnel"), "Missing option '--run'; see `coldstart funnel -h`")


# --- verbs on files ----------------------------------------------------------------------------------------------


def test_verify_judges_rows_and_writes_the_declared_columns(coldstart: Call, tmp_path: Path) -> None:
    rows = [
        {"id": "a", "response": "so \\boxed{42}", "verifier": "math", "task": {"answer": "42"}},
        {"id": "b", "response": "#### 41", "verifier": "math", "task": {"answer": "42"}},
        {"id": "c", "response": "", "verifier": "math", "task": {"answer": "42"}},
    ]
    done = coldstart("verify", write_jsonl(tmp_path / "in.jsonl", rows), "-o", tmp_path / "out.jsonl")
    assert done.returncode == 0, done.stderr
    out = json_lines((tmp_path / "out.jsonl").read_text())
    assert [row["outcome"] for row in out] == ["correct", "incorrect", "undecided"]
    assert list(out[0]) == ["id", "outcome", "reason", "extracted", "score", "failed_step", "seconds"]


def test_rate_counts_and_decides(coldstart: Call, tmp_path: Path) -> None:
    rows = [{"prompt_id": "p", "outcome": "correct" if i % 2 else "incorrect"} for i in range(16)]
    rows += [{"prompt_id": "q", "outcome": "undecided", "reason": "truncated"}]
    done = coldstart("rate", write_jsonl(tmp_path / "in.jsonl", rows), "-o", tmp_path / "out.parquet")
    assert done.returncode == 0, done.stderr
    out = {row["prompt_id"]: row for row in pl.read_parquet(tmp_path / "out.parquet").to_dicts()}
    assert (out["p"]["decision"], out["p"]["pass_rate"], out["p"]["n_undecided"]) == ("in_band", 0.5, 0)
    assert (out["q"]["decision"], out["q"]["n_truncated"], out["q"]["n_undecided"]) == ("unmeasured", 1, 1)


def test_dedup_finds_duplicates(coldstart: Call, tmp_path: Path) -> None:
    text = "the quick brown fox jumps over the lazy dog near the river bank at dawn every single day of the year"
    rows = [{"id": "a", "text": text}, {"id": "b", "text": text}, {"id": "c", "text": "something else " * 9}]
    done = coldstart("dedup", write_jsonl(tmp_path / "in.jsonl", rows), "-o", tmp_path / "out.csv")
    assert done.returncode == 0, done.stderr
    out = pl.read_csv(tmp_path / "out.csv")
    assert out.columns == ["id", "cluster_id", "is_kept", "keeper_id", "similarity", "reason"]
    assert dict(out.select("id", "reason").rows()) == {"a": "kept", "b": "exact_duplicate", "c": "kept"}


# --- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("band.lo=0.2", ["band.lo", "did you mean 'low'"]),
        ("band.low=0.95", ["low must be below high", "0.95", "0.9"]),
        ("band.confidence=0.2", ["band.confidence", "0.2"]),
        ("sources.arithmetic.verifier=maths", ["maths", "did you mean 'math'"]),
        ("models.target.kind=reply", ["reply", "did you mean 'replay'"]),
        ("nonsense", ["--set nonsense", "NAME=VALUE"]),
    ],
)
def test_a_wrong_setting_is_one_line(coldstart: Call, tmp_path: Path, override: str, words: list[str]) -> None:
    data = DATA
    done = coldstart("run", RECORDED, "--set", data, "--set", override, "--run", tmp_path / "run")
    refused(done, *words)
    assert not (tmp_path / "run").exists()


def test_a_misspelt_key_names_file_and_line(coldstart: Call, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECORDED.read_text() + "\n[scren]\nthreshold = 0.5\n")
    line = len(RECORDED.read_text().splitlines()) + 2
    refused(coldstart("run", recipe, "--run", tmp_path / "run"), f"mine.toml line {line}", "did you mean 'screen'")


@pytest.mark.parametrize(
    ("good", "bad", "field"),
    [
        ('verifier = "math"', 'verifyer = "math"', "sources.arithmetic.verifyer"),
        ('task_family = "family"', 'task_famly = "family"', "sources.arithmetic.columns.task_famly"),
        ('reasoning = "reasoning"', 'reasonin = "reasoning"', "models.target.columns.reasonin"),
        ('kind = "pddl"', 'kind = "pdll"', "sources.caretaker.kind"),
        ('format = "sft"', 'format = "stf"', "export.format"),
    ],
)
def test_a_wrong_plug_in_setting_names_file_and_line(
    coldstart: Call, tmp_path: Path, good: str, bad: str, field: str
) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECORDED.read_text().replace(good, bad, 1))
    line = next(number for number, text in enumerate(recipe.read_text().splitlines(), 1) if bad in text)
    done = coldstart("run", recipe, "--set", DATA, "--run", tmp_path / "run")
    refused(done, f"mine.toml line {line}: ", field, "did you mean")
    assert not (tmp_path / "run").exists()


def test_a_recipe_that_is_not_there(coldstart: Call, tmp_path: Path) -> None:
    refused(coldstart("run", tmp_path / "none.toml"), "none.toml", "No such file")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.jsonl", b'{"id": "a", "response": "1", "task": {"answer": "1"}}\n{"id": \n', ["in.jsonl", "line 2"]),
        ("in.jsonl", b'{"id": "a", "response": "1"}\n', ["in.jsonl", "task"]),
        ("in.jsonl", b"[1, 2]\n", ["in.jsonl", "line 1", "object"]),
        ("in.parquet", b"not parquet at all", ["in.parquet"]),
        ("in.jsonl.gz", gzip.compress(b'{"id": 1', mtime=0), ["in.jsonl.gz", "line 1"]),
        ("in.jsonl.gz", b"not gzip", ["in.jsonl.gz"]),
        ("in.csv", b"id,response,task\na,\xff\xfe,{}\n", ["in.csv", "UTF-8"]),
        ("in.txt", b"x", ["in.txt", ".jsonl"]),
    ],
)
def test_an_unreadable_file_is_one_line_and_no_output(
    coldstart: Call, tmp_path: Path, name: str, content: bytes, words: list[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    refused(coldstart("verify", tmp_path / name, "-o", tmp_path / "out.jsonl", "--verifier", "math"), *words)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_file_that_is_not_there(coldstart: Call, tmp_path: Path) -> None:
    refused(coldstart("rate", tmp_path / "none.jsonl", "-o", tmp_path / "out.jsonl"), "none.jsonl")


def test_an_unknown_verifier_names_the_nearest(coldstart: Call, tmp_path: Path) -> None:
    rows = [{"id": "a", "response": "1", "verifier": "mth", "task": {"answer": "1"}}]
    done = coldstart("verify", write_jsonl(tmp_path / "in.jsonl", rows), "-o", tmp_path / "out.jsonl")
    refused(done, "mth", "did you mean 'math'")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("verb", ["verify", "dedup"])
def test_duplicate_ids_are_refused(coldstart: Call, tmp_path: Path, verb: str) -> None:
    row = {"id": "a", "response": "1", "verifier": "math", "task": {"answer": "1"}, "text": "some text"}
    done = coldstart(verb, write_jsonl(tmp_path / "in.jsonl", [row, row]), "-o", tmp_path / "out.jsonl")
    refused(done, "a")
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("verb", ["verify", "rate", "dedup"])
def test_the_input_is_never_overwritten(coldstart: Call, tmp_path: Path, verb: str) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", [{"id": "a", "prompt_id": "p", "text": "some text"}])
    before = path.read_bytes()
    refused(coldstart(verb, path, "-o", path), "this is the input too")
    assert path.read_bytes() == before


def test_low_above_high_is_refused(coldstart: Call, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", [{"prompt_id": "p", "outcome": "correct"}])
    done = coldstart("rate", path, "-o", tmp_path / "out.jsonl", "--low", "0.9", "--high", "0.1")
    refused(done, "low must be below high")


def test_an_outcome_that_is_not_in_the_list(coldstart: Call, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "in.jsonl", [{"prompt_id": "p", "outcome": "right"}])
    refused(coldstart("rate", path, "-o", tmp_path / "out.jsonl"), "outcome", "right", "correct")


def test_a_run_folder_of_another_recipe(coldstart: Call, recorded_run: Path) -> None:
    data = DATA
    done = coldstart("run", RECORDED, "--set", data, "--set", "band.batch=4", "--run", recorded_run)
    refused(done, "belongs to another recipe", "band.batch was 8, now 4")


def test_before_the_first_rollout_any_setting_may_change(coldstart: Call, tmp_path: Path) -> None:
    command = [*RUN, "--run", tmp_path / "run"]
    refused(coldstart(*command, "--set", "sources.arithmetic.path=nowhere.jsonl"), "nowhere.jsonl")
    assert coldstart(*command, "--set", "band.low=0.2").returncode == 0


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sources.arithmetic.columns.task.answer=family", ["the screen dropped every prompt"]),
        ("models.target.columns.source_key=model", ["no recorded response belongs to a prompt", "source_key is '"]),
        ("band.low=0.899", ["no prompt is kept by the band (too_hard "]),
    ],
)
def test_a_run_without_examples_fails_and_says_why(
    coldstart: Call, tmp_path: Path, override: str, words: list[str]
) -> None:
    recipe = tmp_path / "mine.toml"
    text = RECORDED.read_text()
    start, end = text.index("[sources.caretaker]"), text.index("# --- who answers")
    recipe.write_text(text[:start] + text[end:])
    done = coldstart("run", recipe, "--set", DATA, "--set", override, "--run", tmp_path / "run")
    assert done.returncode == 1
    for word in words:
        assert word in done.stderr


def test_mutable_settings_may_change(coldstart: Call, tmp_path: Path) -> None:
    command = [*RUN, "--run", tmp_path / "run"]
    assert coldstart(*command).returncode == 0
    assert coldstart(*command, "--set", "choose.max_per_prompt=1").returncode == 0


def test_a_locked_run_says_who_and_since_when(coldstart: Call, recorded_run: Path) -> None:
    hold = (
        "import sys, time; from pipeline.lock import locked; from pipeline.store import open_run\n"
        "with locked(open_run(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, recorded_run], stdout=subprocess.PIPE, cwd=ROOT) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = coldstart(*RUN, "--run", recorded_run)
        holder.kill()
    refused(done, "is locked", f"process {holder.pid}", "since 20")


@pytest.mark.parametrize("verb", ["status", "funnel", "check"])
def test_a_run_that_is_not_there(coldstart: Call, tmp_path: Path, verb: str) -> None:
    refused(coldstart(verb, "--run", tmp_path / "none"), "there is no run here")


def test_ids_that_are_not_ids(coldstart: Call, recorded_run: Path) -> None:
    refused(coldstart("why", "xyz'; drop table prompts", "--run", recorded_run), "not an id")
    refused(coldstart("show", "f" * 32, "--run", recorded_run), "has this id")


def test_unknown_verbs_and_options_are_one_line(coldstart: Call) -> None:
    refused(coldstart("rnu"))
    refused(coldstart("rate", "x", "--nope"))


# --- what start-up costs -----------------------------------------------------------------------------------------


def test_the_installed_command_ends_with_one_line_and_exit_code_two(tmp_path: Path) -> None:
    command = [Path(sys.executable).parent / "coldstart", "status", "--run", tmp_path / "none"]
    refused(subprocess.run(command, capture_output=True, text=True), "there is no run here")


def test_a_full_disk_is_one_line(recorded_run: Path) -> None:
    command = [Path(sys.executable).parent / "coldstart", "status", "--run", recorded_run]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "coldstart: No space left on device; free some space: the same command then goes on\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['coldstart', '--help']\nfrom flows.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(sorted({'polars', 'duckdb', 'prefect', 'vllm', 'datasets', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("verb", ["status", "verify"])
def test_status_and_verify_never_import_prefect_or_vllm(recorded_run: Path, tmp_path: Path, verb: str) -> None:
    rows = [{"id": "a", "response": "1", "verifier": "math", "task": {"answer": "1"}}]
    path = write_jsonl(tmp_path / "in.jsonl", rows)
    argv = ["status", "--run", str(recorded_run)] if verb == "status" else ["verify", str(path), "-o", f"{path}.csv"]
    code = (
        f"import sys\nsys.argv = ['coldstart', *{argv!r}]\nfrom flows.cli import main\n"
        "try: main()\nexcept SystemExit: pass\nprint(sorted({'prefect', 'vllm', 'ray', 'argilla'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
