"""`coldstart decontaminate`, as a user calls it; bad input is one line, exit code 2 and no output file."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest

from flows.decontaminate import RULES
from flows.dedup import dedup
from pipeline.rows import read_rows
from schemas.recipe import Decontaminate, Similarity

Call = Callable[..., subprocess.CompletedProcess[str]]
TEXT = "a baker sells forty two loaves each day and then gives nine of them away to the poor of her town"
OURS = [{"id": "a", "text": f"Say: {TEXT}", "answer": "33"}, {"id": "b", "text": "nothing of the kind", "answer": None}]
BENCH = [{"question": "other"}, {"question": TEXT, "answer": "33"}]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    return write(tmp_path / "in.jsonl", OURS), write(tmp_path / "bench.jsonl", BENCH), tmp_path / "out.parquet"


def test_a_row_an_id_and_rule_with_what_was_hit(coldstart: Call, files: tuple[Path, Path, Path]) -> None:
    source, bench, out = files
    done = coldstart("decontaminate", source, "-o", out, "--against", f"{bench}#question", "--answer", "answer")
    assert done.returncode == 0, done.stderr
    found = read_rows(out)
    assert found.columns == ["id", "rule", "contaminated", "benchmark", "benchmark_row", "score"]
    assert found.select("id", "rule", "contaminated").rows() == [
        (id, rule, id == "a") for id in ("a", "b") for rule in ("coverage_8", "ngram_13", "numbers")
    ]
    assert set(found.filter("contaminated")["benchmark_row"]) == {"2"}
    assert "6 rows: 1 of 2 texts are contaminated by some rule" in done.stdout


def test_columns_of_parquet_are_read_as_their_text(coldstart: Call, files: tuple[Path, Path, Path]) -> None:
    """Categories are text, and bytes are no answers."""
    source, _, out = files
    table = source.with_suffix(".parquet")
    texts = pl.Series([TEXT, "nothing"], dtype=pl.Categorical())
    pl.DataFrame({"id": ["a", "b"], "text": texts, "answer": [b"\xff", b"7"]}).write_parquet(table)
    done = coldstart("decontaminate", table, "-o", out, "--against", f"{table}#text", "--answer", "answer")
    assert done.returncode == 2
    assert "record 1, answer: found" in done.stderr
    assert "wanted text or a number" in done.stderr
    assert coldstart("decontaminate", table, "-o", out, "--against", f"{table}#text").returncode == 0
    assert read_rows(out).filter("contaminated", rule="coverage_8")["id"].to_list() == ["a", "b"]


def test_a_rule_that_judged_nothing_is_told(coldstart: Call, files: tuple[Path, Path, Path]) -> None:
    source, bench, out = files
    done = coldstart("decontaminate", source, "-o", out, "--against", bench)
    assert done.returncode == 0
    assert done.stderr.strip() == "the rule numbers judged nothing: name the column of the answers with --answer COL"


def test_the_self_test_is_shown(coldstart: Call, files: tuple[Path, Path, Path]) -> None:
    source, bench, out = files
    done = coldstart("decontaminate", source, "-o", out, "--against", bench, "--rule", "ngram_8", "--self-test")
    assert done.returncode == 0, done.stderr
    assert "exact" in done.stdout.split("self-test")[1]


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([OURS[0], OURS[0]], [], ["'a'", "records 1, 2"]),
        ([{"id": "a", "text": None}], [], ["record 1, text", "null"]),
        (OURS, ["--text", "txt"], ["no column 'txt'", "did you mean 'text'?"]),
        (OURS, ["--coverage", "1.5"], ["coverage", "1.5"]),
        (OURS, ["--rule", "embedding"], ["embedder is missing"]),
        (OURS, ["--against", "nobench"], ["no benchmark 'nobench'"]),
        (OURS, ["--against", "."], ["no benchmark '.'; this is a folder"]),
        (OURS, ["--embedder", "nowhere"], ["--embedder is for the rule embedding", "--rule embedding"]),
        (OURS, ["--rule", "ngram_8", "--answer", "answer"], ["--answer is for the rule numbers"]),
        (OURS, ["--rule", "ngram_8", "--coverage", "0.1"], ["--coverage is for the rule coverage_8"]),
        (OURS, ["--rephraser", "http://127.0.0.1/v1#m"], ["add --self-test"]),
        (OURS, ["--rephraser", "planner", "--self-test"], ["rephraser: found no URL; wanted URL#MODEL"]),
    ],
    ids=[
        "duplicate ids",
        "null text",
        "missing column",
        "threshold",
        "no embedder",
        "no such benchmark",
        "a folder",
        "an option of a rule that is not asked",
        "another one",
        "a third",
        "nothing to rephrase",
        "no rephraser",
    ],
)
def test_bad_input_is_one_line_and_no_file(
    coldstart: Call, files: tuple[Path, Path, Path], rows: list[dict[str, object]], options: list[str], words: list[str]
) -> None:
    source, bench, out = files
    write(source, rows)
    done = coldstart("decontaminate", source, "-o", out, "--against", bench, *options)
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert not out.exists()


def test_without_a_benchmark_it_says_how_to_give_one(coldstart: Call, files: tuple[Path, Path, Path]) -> None:
    done = coldstart("decontaminate", files[0], "-o", files[2])
    assert done.returncode == 2
    assert "--against" in done.stderr


@pytest.mark.server
def test_the_self_test_shows_what_a_model_rewords(
    coldstart: Call, files: tuple[Path, Path, Path], servers: list[Any]
) -> None:
    source, bench, out = files
    said = {"choices": [{"message": {"content": "The poor get nine of 42 loaves."}, "finish_reason": "stop"}]}
    servers[0].answer = lambda body, number: (200, said, {}) if number else (400, {"error": {"message": "no"}}, {})
    options = ["--rule", "ngram_8", "--self-test", "--rephraser", f"{servers[0].url}#m"]
    done = coldstart("decontaminate", source, "-o", out, "--against", bench, *options)
    assert done.returncode == 0, done.stderr
    assert re.search(r"rephrased_by_model\D+1\D+1\D+0\b", done.stdout), done.stdout


def test_the_options_list_the_rules_and_units_that_settings_know() -> None:
    rules = get_args(get_args(Decontaminate.model_fields["rules"].annotation)[0])
    assert rules == RULES
    (unit,) = (option for option in dedup.params if option.name == "unit")
    assert list(unit.type.choices) == list(get_args(Similarity.model_fields["unit"].annotation))
