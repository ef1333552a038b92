"""Versions of answers: what was seen on the annotation server, beside what the table has, as the rows that are new.

An answer that is as its latest version gives no row, so that pulling twice adds nothing. An answer that changed, or
whose state or annotator's kind did, gives the next version; one that is gone is `withdrawn`.

A record has the same id in every data set, so an answer may be from another one than is read now. One that is older
than its record there is: that it is missing says nothing, and who gives it anew gives the next version.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from schemas.tables import Annotations, frame_of

KEY = ("record_id", "question", "annotator")
WITHDRAWN = "withdrawn"
_SAID = ("value", "status", "annotator_kind")


def new_versions(
    before: pl.DataFrame, seen: Iterable[Mapping[str, Any]], there: Mapping[str, datetime], gone_at: datetime
) -> pl.DataFrame:
    """Rows of annotations that `seen` adds to `before`, sorted by key.

    `seen` holds every answer that the server has now: rows of annotations without `version`, one each record, question
    and annotator. `there` says of the id of each of its records since when it is there: what `before` has of them from
    then on and `seen` has not is withdrawn, at `gone_at`.
    """
    latest = latest_versions(before)
    now = {tuple(row[name] for name in KEY): dict(row) for row in seen}
    here = {key: row for key, row in latest.items() if _is_of(row, there)}
    rows = [row | {"version": _next(latest.get(key))} for key, row in now.items() if _differs(row, here.get(key))]
    for key, row in here.items():
        if key not in now and row["status"] != WITHDRAWN:
            rows.append(row | {"status": WITHDRAWN, "answered_at": gone_at, "version": row["version"] + 1})
    return frame_of(Annotations, rows).sort(Annotations.primary_key())


def latest_versions(annotations: pl.DataFrame) -> dict[tuple[str, ...], dict[str, Any]]:
    """(record_id, question, annotator) -> the row of its highest version."""
    ordered = annotations.sort("version")
    return {tuple(row[name] for name in KEY): row for row in ordered.iter_rows(named=True)}


def _is_of(row: Mapping[str, Any], there: Mapping[str, datetime]) -> bool:
    """Whether an answer was given to its record as it is there now, and to no earlier one of the same id."""
    since = there.get(row["record_id"])
    return since is not None and since <= row["answered_at"]


def _next(latest: Mapping[str, Any] | None) -> int:
    return latest["version"] + 1 if latest else 1


def _differs(row: Mapping[str, Any], latest: Mapping[str, Any] | None) -> bool:
    return latest is None or any(row[name] != latest[name] for name in _SAID)
