"""`coldstart agreement`: what it writes and says, and what it refuses without writing anything."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.agreement import agreement
from schemas.errors import InputError

RELIABILITY = ("123321412...", "12332241 25.3".replace(" ", ""), ".33323422 51.".replace(" ", ""), "12332441251.")
"""Krippendorff 2011, section C: an observer a row, a unit a place."""


def published() -> list[dict[str, Any]]:
    return [
        {"item": unit, "annotator": f"observer-{observer}", "question": "q", "value": int(value)}
        for observer, row in enumerate(RELIABILITY, 1)
        for unit, value in enumerate(row, 1)
        if value != "."
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def call(source: Path, *options: str) -> pl.DataFrame:
    output = source.with_name("out.parquet")
    agreement.main([str(source), "-o", str(output), *options], standalone_mode=False)
    return pl.read_parquet(output)


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_the_published_example(tmp_path: Path, scale: str, alpha: float) -> None:
    rows = [row | {"scale": scale} for row in published()]
    assert call(write(tmp_path / "in.jsonl", rows))["alpha"].round(3).item() == alpha


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl.gz", "jsonl"])
def test_each_kind_of_file_gives_the_same_row(tmp_path: Path, suffix: str) -> None:
    from pipeline.rows import write_rows

    frame = pl.DataFrame(published())
    write_rows(frame, tmp_path / f"in.{suffix}")
    write_rows(frame, tmp_path / "other.parquet")
    assert call(tmp_path / f"in.{suffix}").equals(call(tmp_path / "other.parquet"))


def test_output_as_csv_and_jsonl(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", published())
    for name in ("out.csv", "out.jsonl"):
        agreement.main([str(source), "-o", str(tmp_path / name)], standalone_mode=False)
    (row,) = (json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines())
    assert len(row["annotators"]) == 4
    assert json.loads(pl.read_csv(tmp_path / "out.csv")["annotators"].item()) == row["annotators"]


def test_what_is_said_is_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(write(tmp_path / "in.jsonl", published()))
    counted, sentence, *shown = capsys.readouterr().out.splitlines()
    assert counted.endswith("out.parquet: 1 rows: 1 firm")
    assert sentence.startswith("q: alpha 0.815 (")
    assert "at 95 %); firm (not sure yet, on 11 items with two answers); " in sentence
    assert sentence.endswith("41 answers of 4 people on 12 items (ordinal, guessed); 80.0 % of pairs are equal")
    assert shown[1] == "annotators"
    assert [line.split()[1] for line in shown[3:]] == [f"observer-{n}" for n in (1, 2, 3, 4)]


def test_judges_and_gold_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row | {"annotator_kind": "person", "gold": 1 if row["item"] == 1 else None} for row in published()]
    judge = [
        row | {"annotator": "judge", "annotator_kind": "model"} for row in rows if row["annotator"] == "observer-1"
    ]
    call(write(tmp_path / "in.jsonl", rows + judge))
    said = capsys.readouterr().out
    assert "\nq, judge judge: may not be used: people decided 8 items, wanted 50 or more; kappa 1.000 with" in said
    assert "gold_accuracy" in said


def test_options_reach_the_intervals(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", published())
    wide, narrow = (
        call(source, "--resamples", "200", "--confidence", share).row(0, named=True) for share in ("0.99", "0.5")
    )
    assert wide["ci_low"] < narrow["ci_low"] < narrow["ci_high"] < wide["ci_high"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "in.jsonl: no rows; wanted item, annotator, question and value"),
        (
            '{"item": 1, "annotator": "a", "question": "q"}',
            "in.jsonl: no column 'value'; it has item, annotator, question",
        ),
        ('{"item": 1, "annotator": "a", "question": "q", "value": null}', "none of the 1 rows is a submitted answer"),
        (
            '{"item": 1, "annotator": "a", "question": "q", "value": "x", "scale": "interval"}',
            "record 1, value: found 'x'",
        ),
        (
            '{"item": 1, "annotator": "a", "question": "q", "value": 1, "scale": "ratio"}',
            'record 1, scale: found "ratio"',
        ),
        ('{"item": null, "annotator": "a", "question": "q", "value": 1}', "record 1, item: found null"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(tmp_path: Path, content: str, message: str) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(content)
    with pytest.raises(InputError) as error:
        call(source)
    assert message in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_the_example_of_the_docs_is_true(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/agreement.md").read_text()
    source = tmp_path / "answers.csv"
    source.write_text(page.split("<<'END'\n")[1].split("END\n")[0])
    call(source)
    counted, *said = capsys.readouterr().out.split("\n", 1)
    assert counted.endswith(": 1 tentative")
    assert " ".join(said[0].split()) in " ".join(page.split())


def test_the_input_is_never_replaced(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", published())
    with pytest.raises(InputError, match="this is the input too"):
        agreement.main([str(source), "-o", str(source)], standalone_mode=False)
