"""Audit verifiers on the rows of a file: gold answers, labelled responses, verdicts of a second verifier."""

from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from types import ModuleType
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel

from pipeline import plugins
from pipeline.audit import Config, Known, judged_gold, name_of, row_of
from pipeline.error_rates import JUDGED, LABEL, OTHER_VERIFIER, error_rates
from pipeline.rows import json_text, require_column, require_unique
from pipeline.spread import spread
from pipeline.verifiers import Rollout
from pipeline.verify import config_of, judge, read_task
from schemas.errors import SchemaError
from schemas.messages import did_you_mean, short

REFERENCES = ("gold", "label", "other_verifier")
"""Columns that say how a verifier should judge; a file has one of them at least."""

LABELS = {
    "true": "correct", "correct": "correct", "1": "correct", "false": "incorrect", "incorrect": "incorrect",
    "0": "incorrect", "undecided": None, "": None,
}  # fmt: skip


class Labelled(NamedTuple):
    """A row of the file, with all of it read; `known.answer` is its gold, empty where it has none."""

    known: Known
    rollout: Rollout
    label: str | None
    other: tuple[ModuleType, BaseModel] | None


def audit_rows(
    frame: pl.DataFrame, default_verifier: str | None, config: Config | None = None, where: str = "input"
) -> pl.DataFrame:
    """The table `audits` of the rows of a file: each error names a row by its id.

    Columns: id, task, verifier?, source?, and of gold, label and other_verifier one at least; the latter two need
    response, and may have reasoning? and other_task?. Null is none. All rows are read before the first is judged:
    SchemaError for a missing column, no rows, a null or doubled id, a label or a task that cannot be read, RecipeError
    for an unknown verifier, each with `where`, record (from 1), field, found and wanted.
    """
    _require_columns(frame, where)
    config = config or Config()
    source = PurePath(where).name
    rows = [
        _labelled(row, default_verifier, f"{where}: record {number}", source)
        for number, row in enumerate(frame.iter_rows(named=True), 1)
    ]
    if not any(row.known.answer or row.label or row.other for row in rows):
        raise SchemaError(f"{where}: nothing to audit by: no row has a value in {', '.join(REFERENCES)}")
    gold = judged_gold([row.known for row in rows if row.known.answer], config)
    told = [row for found in spread(partial(_compared, config), rows, config.workers) for row in found]
    return error_rates(pl.concat([gold, pl.DataFrame(told, schema=JUDGED, orient="row")]))


def _require_columns(frame: pl.DataFrame, where: str) -> None:
    for name in ("id", "task"):
        require_column(name, frame.columns, where)
    references = [name for name in REFERENCES if name in frame.columns]
    if not references:
        near = next((hint for name in REFERENCES if (hint := did_you_mean(name, frame.columns))), "")
        found = ", ".join(frame.columns)
        raise SchemaError(f"{where}: nothing to audit by: no column of {', '.join(REFERENCES)}; it has {found}{near}")
    if references != ["gold"]:
        require_column("response", frame.columns, where)
    if not frame.height:
        raise SchemaError(f"{where}: there are no rows; wanted one for each answer to audit by")
    require_unique(frame, "id", where)


def _labelled(row: Mapping[str, Any], default: str | None, place: str, source: str) -> Labelled:
    verifier, task = _task_of(row.get("verifier") or default, row["task"], f"{place}, ")
    gold, response = _text(row.get("gold")) or "", _text(row.get("response"))
    known = Known(str(row["id"]), row.get("source") or source, verifier, task, gold)
    other = None
    if name := row.get("other_verifier"):
        their_task = row.get("other_task")
        other = _task_of(name, row["task"] if their_task is None else their_task, f"{place}, other_")
    return Labelled(known, Rollout(response or "", _text(row.get("reasoning"))), _label(row.get("label"), place), other)


def _task_of(name: Any, task: Any, place: str) -> tuple[ModuleType, BaseModel]:
    """A verifier and its task, read; `place` ends where the names of its fields begin."""
    if not isinstance(name, str):
        wanted = f"one of {', '.join(plugins.names('verifiers'))}, here or with --verifier"
        raise SchemaError(f"{place}verifier: found {short(name)}, wanted {wanted}")
    module = plugins.load("verifiers", name, where=f"{place}verifier")
    if hasattr(module, "gather"):
        raise SchemaError(f"{place}verifier: {name} judges by the other rollouts of a run; audit the run with --run")
    return module, read_task(module, task, f"{place}task")


def _label(value: Any, place: str) -> str | None:
    said = "" if value is None else str(value).strip().lower()
    if said not in LABELS:
        wanted = "true, false, correct, incorrect, or nothing where nobody knows"
        raise SchemaError(f"{place}, label: found {short(value)}, wanted {wanted}")
    return LABELS[said]


def _text(value: Any) -> str | None:
    """Text or null as it is, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json_text(value)


def _compared(config: Config, row: Labelled) -> list[dict[str, Any]]:
    """The verdict on a response beside its label and beside another verifier's, columns JUDGED."""
    if row.label is None and row.other is None:
        return []
    known = row.known
    verdict = judge(known.verifier, known.task, row.rollout, config_of(known.verifier, config.verifiers))
    found = []
    if row.label is not None:
        found.append(row_of(known, LABEL, row.label, row.label, verdict, None))
    if row.other is not None:
        module, task = row.other
        expected = judge(module, task, row.rollout, config_of(module, config.verifiers)).outcome
        kind = f"{name_of(module)}:{expected}"
        found.append(row_of(known, OTHER_VERIFIER, kind, expected, verdict, None))
    return found
