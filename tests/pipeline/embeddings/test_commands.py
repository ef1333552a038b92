"""The commands of docs/semantic-dedup.md, as a user calls them: a model in a folder, and models behind a server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.rows import read_rows

OURS = [
    {"id": "a", "text": "a locomotive covers 7 miles", "score": 1},
    {"id": "b", "text": "the train travels seven miles", "score": 2},
    {"id": "c", "text": "a baker makes cakes", "score": 1},
]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def coldstart(*arguments: object) -> str:
    command = [str(Path(sys.executable).with_name("coldstart")), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_semantic_duplicates_of_a_file(tmp_path: Path, embedding_model: Path) -> None:
    source, out = write(tmp_path / "texts.jsonl", OURS), tmp_path / "found.jsonl"
    said = coldstart("dedup", source, "-o", out, "--embedder", embedding_model, "--cosine", 0.9, "--keep-by", "score")
    assert "3 rows: 2 kept, 1 semantic_duplicate" in " ".join(said.split())
    assert read_rows(out).select("id", "keeper_id").rows() == [("a", "b"), ("b", None), ("c", None)]


@pytest.mark.server
def test_texts_near_a_benchmark_that_a_judge_confirms(tmp_path: Path, embedding_server: Any) -> None:
    source, out = write(tmp_path / "prompts.jsonl", OURS), tmp_path / "found.jsonl"
    mine = write(tmp_path / "mine.jsonl", [{"question": "the baker bakes cakes"}, {"question": OURS[1]["text"]}])
    embedding_server.says = lambda text: "no" if "locomotive" in text else "yes"
    models = ("--embedder", f"{embedding_server.url}#tiny", "--judge", f"{embedding_server.url}#judge")
    coldstart("decontaminate", source, "-o", out, "--against", mine, "--rule", "embedding", *models)
    assert read_rows(out).select("id", "contaminated", "benchmark_row").rows() == [
        ("a", False, "2"),
        ("b", True, "2"),
        ("c", True, "1"),
    ]
