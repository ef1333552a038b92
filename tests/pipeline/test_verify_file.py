from typing import Any

import polars as pl
import pytest

from pipeline import sandbox
from pipeline.verify import Config
from pipeline.verify_file import verify_rows
from schemas.errors import BackendError, RecipeError, SchemaError


def test_rows_of_a_file_are_judged_in_their_order() -> None:
    frame = pl.DataFrame({"id": [7, 3, 5], "response": ["\\boxed{42}", "41", None], "task": ['{"answer": "42"}'] * 3})
    judged = verify_rows(frame, "math", Config(workers=2))
    assert judged.columns == ["id", "outcome", "reason", "extracted", "score", "failed_step", "seconds"]
    assert judged.select("id", "outcome", "extracted").rows() == [
        ("7", "correct", "42"),
        ("3", "incorrect", "41"),
        ("5", "undecided", None),
    ]


def test_a_response_that_is_no_text_is_judged_as_its_json() -> None:
    frame = pl.DataFrame({"id": [1, 2, 3], "response": [42, 0, None], "task": ['{"answer": "42"}'] * 3})
    judged = verify_rows(frame, "math")
    assert judged.select("outcome", "extracted").rows() == [("correct", "42"), ("incorrect", "0"), ("undecided", None)]


def test_a_file_without_a_needed_column_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"^f\.csv: no column 'response'; it has id, respose, task; did you mean"):
        verify_rows(pl.DataFrame({"id": [1], "respose": ["1"], "task": ["{}"]}), "math", where="f.csv")


def test_a_struct_task_may_have_nulls_from_other_rows() -> None:
    tasks = [{"answer": "1", "test": None}, {"answer": "2", "test": None}]
    frame = pl.DataFrame({"id": ["a", "b"], "response": ["1", "1"], "task": tasks})
    assert verify_rows(frame, "math")["outcome"].to_list() == ["correct", "incorrect"]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"id": "a"}, SchemaError, r"^f.csv: id 'a' stands in records 1, 2"),
        ({"id": None}, SchemaError, r"^f.csv: id is null in record 2"),
        ({"task": "{"}, SchemaError, r'^f.csv: record 2, task: found "{", wanted valid JSON'),
        ({"task": "{}"}, SchemaError, r"^f.csv: record 2, task: 'answer' is missing"),
        ({"task": None}, SchemaError, r"^f.csv: record 2, task: found null, wanted a JSON object"),
        ({"verifier": None}, SchemaError, r"^f.csv: record 2, verifier: found null, wanted one of .*math, "),
        (
            {"verifier": "maths"},
            RecipeError,
            r"^f.csv: record 2, verifier: unknown verifier 'maths'.*did you mean 'math'",
        ),
    ],
)
def test_bad_rows_are_refused_before_any_is_judged(change: dict[str, Any], error: type[Exception], words: str) -> None:
    row = {"id": "a", "response": "1", "verifier": "math", "task": '{"answer": "1"}'}
    with pytest.raises(error, match=words):
        verify_rows(pl.DataFrame([row, row | {"id": "b"} | change]), None, where="f.csv")


@pytest.mark.parametrize("name", ["judge", "majority"])
def test_a_verifier_that_needs_other_rollouts_is_refused_for_a_file(name: str) -> None:
    row = {"id": "a", "response": "1", "task": '{"reference": "", "equality": "number"}'}
    with pytest.raises(SchemaError, match=rf"^f\.csv: record 1, verifier: {name} needs the other rollouts of a run"):
        verify_rows(pl.DataFrame([row]), name, where="f.csv")


def test_a_machine_that_cannot_run_a_verifier_is_told_before_any_row_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: {"bubblewrap": "bwrap is not installed", "landlock": "no Linux"})
    rows = [{"id": i, "response": "def f(): return 1", "task": '{"test": "assert f() == 1"}'} for i in range(2)]
    with pytest.raises(BackendError, match=r"no sandbox works here .*bwrap is not installed.*apt install bubblewrap"):
        verify_rows(pl.DataFrame(rows), "code")
