"""Numbers that the server shows: progress of a dataset and of a user, and the values of a metadata property."""

import sqlite3

from argilla_server.enums import MetadataPropertyType
from argilla_server.search_engine.base import (
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    MetadataMetrics,
    TermsMetrics,
)

from .schema import Index

MAX_TERMS = 2**14
"""Different terms that are counted, the most frequent of them."""


def records_by_status(connection: sqlite3.Connection, index: Index) -> dict[str, int]:
    """How many records there are of each status, and in `total`."""
    return _counts(
        connection, "SELECT status, count(*) FROM documents WHERE number = ? GROUP BY status", (index.number,)
    )


def responses_by_status(connection: sqlite3.Connection, index: Index, user_id: str) -> dict[str, int]:
    """How many responses of a user there are of each status, and in `total`."""
    return _counts(
        connection,
        "SELECT status, count(*) FROM responses WHERE number = ? AND user_id = ? GROUP BY status",
        (index.number, user_id),
    )


def metadata_metrics(
    connection: sqlite3.Connection, index: Index, key: str, kind: MetadataPropertyType
) -> MetadataMetrics:
    """Terms of a property by how many records have them, or the least and the greatest number."""
    if kind == MetadataPropertyType.terms:
        return _terms(connection, index, key)
    low, high = connection.execute(
        "SELECT min(amount), max(amount) FROM facets WHERE number = ? AND key = ?", (index.number, key)
    ).fetchone()
    if kind == MetadataPropertyType.float:
        return FloatMetadataMetrics(min=low, max=high)
    return IntegerMetadataMetrics(min=None if low is None else int(low), max=None if high is None else int(high))


def _terms(connection: sqlite3.Connection, index: Index, key: str) -> TermsMetrics:
    where = "FROM facets WHERE number = ? AND key = ? AND term IS NOT NULL"
    (total,) = connection.execute(f"SELECT count(*) {where}", (index.number, key)).fetchone()
    rows = connection.execute(
        f"SELECT term, count(*) AS n {where} GROUP BY term ORDER BY n DESC, term LIMIT ?",
        (index.number, key, MAX_TERMS),
    )
    return TermsMetrics(total=total, values=[TermsMetrics.TermCount(term=term, count=n) for term, n in rows])


def _counts(connection: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> dict[str, int]:
    counts = dict(connection.execute(statement, values).fetchall())
    return {"total": sum(counts.values()), **counts}
