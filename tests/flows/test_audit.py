"""`coldstart audit` on a run and on files, as a user calls it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.audit import audit as command
from pipeline import audit, suspects
from pipeline.lock import locked
from pipeline.store import open_run
from schemas.tables import Audits, Prompts, Suspects

Call = Callable[..., subprocess.CompletedProcess[str]]


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One line on stderr that holds every word, exit code 2, no traceback."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr, f"{word!r} is not in: {done.stderr}"


def lines(done: subprocess.CompletedProcess[str], table: str) -> list[dict[str, Any]]:
    """Rows of a table that --json printed."""
    assert done.returncode == 0, done.stderr
    return [row for row in map(json.loads, done.stdout.splitlines()) if row["table"] == table]


# --- a run ------------------------------------------------------------------------------------------------------


def test_a_run_is_audited_into_its_tables(coldstart: Call, recorded_run: Path, tmp_path: Path) -> None:
    output = tmp_path / "errors.jsonl"
    done = coldstart("audit", "--run", recorded_run, "-o", output)
    assert done.returncode == 0, done.stderr
    assert "1 false negative, 0 false positives" in done.stdout
    run = open_run(str(recorded_run))
    (gold,) = run.read(Audits).filter(against="gold").to_dicts()
    assert (gold["source"], gold["verifier"], gold["n"], gold["n_errors"]) == ("arithmetic", "math", 34, 1)
    (error,) = pl.read_ndjson(output).filter(error="false_negative").to_dicts()
    assert error["id"] in set(run.read(Prompts)["prompt_id"])
    assert coldstart("check", "--run", recorded_run).returncode == 0


def test_near_misses_of_plans_are_rejected(coldstart: Call, recorded_run: Path) -> None:
    rates = lines(coldstart("audit", "--run", recorded_run, "--json", "--near-miss-prompts", 2), "audits")
    plans = [row for row in rates if row["verifier"] == "strips"]
    assert {row["against"] for row in plans} == {"near_miss"}
    assert sum(row["n_errors"] for row in plans) == 0


def test_a_second_audit_changes_nothing(coldstart: Call, recorded_run: Path) -> None:
    coldstart("audit", "--run", recorded_run)
    before = {path: path.read_bytes() for path in recorded_run.glob("*/*.parquet")}
    coldstart("audit", "--run", recorded_run)
    assert {path: path.read_bytes() for path in recorded_run.glob("*/*.parquet")} == before


def test_the_next_export_says_what_was_measured(coldstart: Call, recorded_run: Path, tmp_path: Path) -> None:
    coldstart("audit", "--run", recorded_run)
    coldstart("export", "--run", recorded_run, "--to", tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    assert "| `arithmetic` | `math` |" in card.split("## How far the verifiers can be trusted")[1]
    assert "false positive was not measured on `caretaker`" not in card


def test_suspect_keys_are_queued_as_the_thresholds_say(coldstart: Call, recorded_run: Path) -> None:
    loose = ["--agreement", 0.51, "--min-samples", 2, "--few-tokens", 0.9]
    found = lines(coldstart("audit", "--run", recorded_run, "--json", *loose), "suspects")
    assert [row["rank"] for row in found] == list(range(1, len(found) + 1))
    assert len(found) == open_run(str(recorded_run)).read(Suspects).height > 0
    strict = ["--agreement", 1, "--min-samples", 100]
    assert lines(coldstart("audit", "--run", recorded_run, "--json", *strict), "suspects") == []
    assert open_run(str(recorded_run)).read(Suspects).is_empty()


def test_a_run_that_somebody_works_on_is_left_alone(coldstart: Call, recorded_run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(recorded_run, tmp_path / "run")
    with locked(open_run(str(folder))):
        refused(coldstart("audit", "--run", folder), "is locked")


# --- a file -----------------------------------------------------------------------------------------------------

TASK = {"answer": "42"}
ROWS = [
    {"id": "right", "verifier": "math", "task": TASK, "response": "#### 42", "label": True, "gold": "42"},
    {"id": "missed", "verifier": "math", "task": TASK, "response": "It is 42, I think.", "label": True, "gold": None},
    {"id": "slip", "verifier": "math", "task": TASK, "response": "#### 42", "label": False, "gold": "41"},
    {"id": "nobody knows", "verifier": "math", "task": TASK, "response": "#### 42", "label": None, "gold": None},
]


def test_labels_and_gold_of_a_file_are_audited(coldstart: Call, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "in.jsonl", ROWS)
    done = coldstart("audit", source, "-o", tmp_path / "out.csv", "--near-misses", 0)
    assert done.returncode == 0, done.stderr
    assert "2 false negatives, 1 false positive, 0 disagreements" in done.stdout
    out = pl.read_csv(tmp_path / "out.csv")
    assert set(out.select("id", "against", "error").rows()) == {
        ("slip", "gold", "false_negative"), ("missed", "label", "false_negative"), ("slip", "label", "false_positive")
    }  # fmt: skip


def test_json_has_a_row_for_every_rate_agreement_and_error(coldstart: Call, tmp_path: Path) -> None:
    done = coldstart("audit", write_jsonl(tmp_path / "in.jsonl", ROWS), "--json", "--near-misses", 0)
    rates = {(row["against"], row["kind"]): (row["n"], row["n_errors"]) for row in lines(done, "audits")}
    assert rates == {("gold", ""): (2, 1), ("label", "correct"): (2, 1), ("label", "incorrect"): (1, 1)}
    (agreed,) = lines(done, "agreement")
    assert (agreed["compared_with"], agreed["n"]) == ("labels", 3)
    assert len(lines(done, "errors")) == 3


def test_the_step_that_never_passes_with_the_gold_is_named(coldstart: Call, tmp_path: Path) -> None:
    puzzle = {"family": "reach", "start": 6, "operations": ["+8", "*4", "-8"], "target": 48}
    row = {"id": "a", "verifier": "procedural", "task": puzzle, "gold": "14 57 48"}
    (error,) = lines(coldstart("audit", write_jsonl(tmp_path / "in.jsonl", [row]), "--json"), "errors")
    assert (error["reason"], error["failed_step"], error["answer"]) == ("wrong_step", 2, "14 57 48")


def test_two_verifiers_of_a_file_are_compared(coldstart: Call, tmp_path: Path) -> None:
    puzzle = {"family": "arithmetic", "start": 5, "operations": ["+3", "*2"], "target": 16}
    second = {"other_verifier": "procedural", "other_task": puzzle}
    rows = [{"id": str(n), "task": {"answer": "16"}, "response": str(n), **second} for n in (15, 16, 17)]
    done = coldstart("audit", write_jsonl(tmp_path / "in.jsonl", rows), "--verifier", "math", "--json")
    (agreed,) = lines(done, "agreement")
    assert (agreed["compared_with"], agreed["n"], agreed["agreement"], agreed["kappa"]) == ("procedural", 3, 1.0, 1.0)


def test_hostile_answers_reach_no_terminal(coldstart: Call, tmp_path: Path) -> None:
    hostile = {**ROWS[0], "gold": "\x1b[31m\u202eno answer\n\n| x |"}
    done = coldstart("audit", write_jsonl(tmp_path / "in.jsonl", [hostile]))
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([], [], ("nothing to audit by",)),
        ([{"id": "a", "task": TASK, "verifier": "math"}], [], ("nothing to audit by", "gold, label, other_verifier")),
        ([{"id": "a", "gold": "42"}], [], ("no column 'task'",)),
        ([{**ROWS[0], "label": "perhaps"}], [], ("record 1, label", "perhaps")),
        ([ROWS[0], {**ROWS[1], "task": {"answers": "42"}}], [], ("record 2, task", "answer")),
        ([{**ROWS[0], "verifier": "maths"}], [], ("unknown verifier 'maths'", "did you mean 'math'")),
        ([ROWS[0]], ["-o", "out.txt"], ("out.txt",)),
        ([ROWS[0]], ["--agreement", "0.5"], ("--agreement",)),
        ([ROWS[0]], ["--set", "verifiers.math.x=1"], ("math",)),
    ],
)
def test_bad_files_are_refused_in_one_line(
    coldstart: Call, tmp_path: Path, rows: list[dict[str, Any]], options: list[str], words: tuple[str, ...]
) -> None:
    refused(coldstart("audit", write_jsonl(tmp_path / "in.jsonl", rows), *options), *words)


def test_what_to_audit_is_said_once(coldstart: Call, tmp_path: Path) -> None:
    refused(coldstart("audit"), "either INPUT or --run")
    refused(coldstart("audit", "in.jsonl", "--run", tmp_path), "either INPUT or --run")
    refused(coldstart("audit", "--run", tmp_path / "nowhere"), "there is no run here")
    refused(coldstart("audit", "--run", tmp_path, "--verifier", "math"), "in its recipe")
    refused(coldstart("audit", tmp_path / "none.jsonl"), "no such file")


def test_the_options_have_the_defaults_of_the_settings() -> None:
    settings = {**audit.Config.model_fields, **suspects.Config.model_fields}
    shown = {option.name: option.default for option in command.params if option.name in settings}
    assert shown == {name: settings[name].default for name in settings if name != "verifiers"} | {"workers": 2}
