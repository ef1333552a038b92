"""The tables of docs/math.md, row by row."""

import json
import re
from pathlib import Path

import pytest

from pipeline.verifiers import Rollout
from pipeline.verifiers.math import Task, verify

PAGE = (Path(__file__).resolve().parents[3] / "docs/math.md").read_text(encoding="utf-8")
CELL = r"\| `([^`]+)` "
EQUAL = re.findall(rf"^{CELL}{CELL}\| (\w+) \|[^|]*\|$", PAGE, flags=re.MULTILINE)
OPTIONS = re.findall(rf"^{CELL}{CELL}{CELL}\| (\w+) \|$", PAGE, flags=re.MULTILINE)


def test_the_tables_are_there() -> None:
    assert len(EQUAL) > 120
    assert len(OPTIONS) > 20
    assert {verdict for _, _, verdict in EQUAL} == {"correct", "incorrect", "undecided"}


@pytest.mark.parametrize(("gold", "answer", "verdict"), EQUAL)
def test_what_is_equal(gold: str, answer: str, verdict: str) -> None:
    assert verify(Task(answer=gold), Rollout(f"So it is \\boxed{{{answer}}}.")).outcome == verdict


@pytest.mark.parametrize(("options", "gold", "answer", "verdict"), OPTIONS)
def test_what_the_options_change(options: str, gold: str, answer: str, verdict: str) -> None:
    task = Task.model_validate({"answer": gold, **json.loads(options)})
    assert verify(task, Rollout(f"\\boxed{{{answer}}}")).outcome == verdict


def test_every_option_is_in_the_page() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \| [^`|]*(?:`[^|]*)?\|", PAGE, flags=re.MULTILINE))
    assert listed >= Task.model_fields.keys() - {"answer"}
    tried = {name for options, *_ in OPTIONS for name in json.loads(options)}
    assert tried == Task.model_fields.keys() - {"answer"}
