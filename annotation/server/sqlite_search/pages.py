"""Answers to searches: which records of an index match, how many, and one page of them in order."""

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import numpy as np
from argilla_server.search_engine.base import Filter, Order, SearchResponseItem, SearchResponses, TextQuery

from .filters import condition
from .matches import Fields, expression
from .orders import order_by, shuffled_for
from .query_string import TooLarge, parsed
from .query_tree import Everything
from .schema import Index
from .spelling import near_words
from .sql import NOWHERE, Sql, joined
from .vectors import Matrices, similarities


@dataclass(frozen=True)
class Asked:
    """What records are searched for."""

    query: TextQuery | str | None = None
    filter: Filter | None = None


@dataclass(frozen=True)
class Target:
    """What records are compared with."""

    settings_id: str
    value: Sequence[float]
    excluded: str | None = None
    """The record that the vector is of."""


@dataclass(frozen=True)
class _Matching:
    """Matching rows `d` of the documents: FROM and WHERE, and whether the texts' rank takes part."""

    rows: Sql
    rank: str | None


def page(
    connection: sqlite3.Connection, index: Index, asked: Asked, order: Sql | None, limits: tuple[int, int]
) -> SearchResponses:
    """The records from an offset on, at most a limit of them, and the number of all that match.

    Without an order: the best match first where there is a query, else as they were indexed.
    """
    matching = _matching(connection, index, asked)
    (total,) = connection.execute(f"SELECT count(*) {matching.rows.text}", matching.rows.values).fetchone()
    if order is None and matching.rank:
        select, terms = f"-{matching.rank}", Sql(f"{matching.rank}, d.id", [])
    else:
        select, terms = (
            "1.0" if order is None else "NULL",
            joined([*([order] if order else []), Sql("d.id", [])], ", ", NOWHERE),
        )
        terms = Sql(terms.text[1:-1], terms.values)
    offset, limit = limits
    found = connection.execute(
        f"SELECT d.record_id, {select} {matching.rows.text} ORDER BY {terms.text} LIMIT ? OFFSET ?",
        [*matching.rows.values, *terms.values, limit, offset],
    )
    return SearchResponses(items=[_item(*row) for row in found], total=total)


def order_of(sort: Sequence[Order] | None, asked: Asked, user_id: UUID | str | None) -> Sql | None:
    """The order that was asked for; a user who asks for nothing has one of their own."""
    if sort:
        return order_by(sort)
    return shuffled_for(user_id) if user_id and asked.query is None else None


def most_similar(
    connection: sqlite3.Connection, index: Index, asked: Asked, target: Target, matrices: Matrices
) -> list[tuple[str, float]]:
    """Matching records with a vector and their scores, the most similar first."""
    matrix = matrices.get(connection, target.settings_id, len(target.value))
    rows = _matching(connection, index, asked).rows
    found = connection.execute(f"SELECT d.id, d.record_id {rows.text}", rows.values).fetchall()
    record_ids = {document: record_id for document, record_id in found if record_id != target.excluded}
    documents, scores = similarities(matrix, target.value, np.fromiter(record_ids, np.int64, len(record_ids)))
    return [(record_ids[int(d)], float(score)) for d, score in zip(documents, scores, strict=True)]


def _item(record_id: str, score: float | None) -> SearchResponseItem:
    return SearchResponseItem.model_construct(record_id=UUID(record_id), score=score)


def _matching(connection: sqlite3.Connection, index: Index, asked: Asked) -> _Matching:
    conditions = [Sql("d.number = ?", [index.number])]
    match = None if asked.query is None else _match(connection, index, asked.query)
    if match == "":
        conditions.append(NOWHERE)
    elif match is not None:
        conditions.append(Sql(f"{index.texts} MATCH ?", [match]))
    if asked.filter is not None:
        conditions.append(condition(asked.filter, index.number))
    where = joined(conditions, " AND ", NOWHERE)
    # CROSS JOIN keeps SQLite from asking the full-text index anew for each document
    tables = f"{index.texts} CROSS JOIN documents d ON d.id = {index.texts}.rowid" if match else "documents d"
    return _Matching(Sql(f"FROM {tables} WHERE {where.text}", where.values), f"{index.texts}.rank" if match else None)


def _match(connection: sqlite3.Connection, index: Index, query: TextQuery | str) -> str | None:
    """The expression for a query; None where everything matches, empty where nothing can.

    Raises ValueError for a field that the index does not have.
    """
    text, field = (query, None) if isinstance(query, str) else (query.q, query.field)
    if field and field not in index.columns:
        raise ValueError(f"there is no field {field!r} to search in; there are {', '.join(map(repr, index.columns))}")
    try:
        tree = parsed(text)
    except TooLarge as error:
        logging.getLogger(__name__).warning("A search matches nothing: %s.", error)
        return ""
    if tree is None:
        return ""
    if isinstance(tree, Everything):
        return None
    columns = index.columns[field] if field else index.all_columns
    return expression(tree, Fields(columns, not field, partial(near_words, connection, index.vocabulary)))
