"""Puts documents into the index's tables and takes them out again.

Every function is part of a transaction of the caller.
"""

import sqlite3
from collections.abc import Iterable, Sequence

from .documents import (
    FILTERED_QUESTIONS,
    SUGGESTION_PROPERTIES,
    Document,
    ResponseDocument,
    SuggestionDocument,
    pairs,
    texts,
)
from .schema import EVERY_COLUMN, OF_A_DOCUMENT, Index, index_of_record
from .words import EVERY, GAP


def put_documents(connection: sqlite3.Connection, index: Index, documents: Sequence[Document]) -> None:
    """Each document in place of the one with its record's id, if there is one, and at the same place in order."""
    vocabulary: set[str] = set()
    for document in documents:
        number = _put_row(connection, index, document)
        vocabulary.update(_put_texts(connection, index, number, document))
        for name, value in document.metadata.items():
            _put_facet(connection, index, number, metadata_key(name), value)
        for response in document.responses:
            put_response(connection, index, number, response)
        for suggestion in document.suggestions:
            put_suggestion(connection, index, number, suggestion)
        connection.executemany(
            "INSERT INTO vectors VALUES (?, ?, ?)",
            [(settings_id, number, value) for settings_id, value in document.vectors.items()],
        )
    _mark_vectors_changed(connection, {settings_id for document in documents for settings_id in document.vectors})
    connection.executemany(
        f"INSERT OR IGNORE INTO {index.vocabulary} VALUES (?)", [(word,) for word in vocabulary - {GAP}]
    )


def delete_documents(connection: sqlite3.Connection, record_ids: Iterable[str]) -> None:
    """Forget records; ones that the index does not have are passed over."""
    for record_id in record_ids:
        if found := index_of_record(connection, record_id):
            index, document = found
            _clear(connection, index, document)
            connection.execute("DELETE FROM documents WHERE id = ?", (document,))


def put_response(connection: sqlite3.Connection, index: Index, document: int, response: ResponseDocument) -> None:
    """A response in place of the one with its id."""
    delete_response(connection, response.response_id)
    connection.execute(
        "INSERT INTO responses VALUES (?, ?, ?, ?, ?)",
        (response.response_id, index.number, document, response.user_id, response.status),
    )
    connection.executemany(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (response.response_id, index.number, document, response.user_id, question, *pair)
            for question, value in response.values.items()
            if index.questions.get(question) in FILTERED_QUESTIONS
            for pair in pairs(value)
        ],
    )


def delete_response(connection: sqlite3.Connection, response_id: str) -> None:
    """Forget a response."""
    connection.execute("DELETE FROM answers WHERE response_id = ?", (response_id,))
    connection.execute("DELETE FROM responses WHERE response_id = ?", (response_id,))


def put_suggestion(connection: sqlite3.Connection, index: Index, document: int, suggestion: SuggestionDocument) -> None:
    """A suggestion in place of the one for its question."""
    delete_suggestion(connection, document, suggestion.question)
    is_filtered = index.questions.get(suggestion.question) in FILTERED_QUESTIONS
    for name, value in suggestion.properties.items():
        if name != "value" or is_filtered:
            _put_facet(connection, index, document, suggestion_key(suggestion.question, name), value)


def delete_suggestion(connection: sqlite3.Connection, document: int, question: str) -> None:
    """Forget the suggestion for a question."""
    connection.executemany(
        "DELETE FROM facets WHERE document = ? AND key = ?",
        [(document, suggestion_key(question, name)) for name in SUGGESTION_PROPERTIES],
    )


def metadata_key(name: str) -> str:
    """The facet of a metadata property."""
    return f"metadata.{name}"


def suggestion_key(question: str, name: str) -> str:
    """The facet of a property of the suggestions for a question."""
    return f"suggestions.{question}.{name}"


def _put_row(connection: sqlite3.Connection, index: Index, document: Document) -> int:
    values = document.external_id, document.status, document.inserted_at, document.updated_at
    if found := index_of_record(connection, document.record_id):
        _clear(connection, *found)
        connection.execute(
            "UPDATE documents SET number = ?, external_id = ?, status = ?, inserted_at = ?, updated_at = ?"
            " WHERE id = ?",
            (index.number, *values, found[1]),
        )
        return found[1]
    (number,) = connection.execute(
        "INSERT INTO documents (number, record_id, shuffle, external_id, status, inserted_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (index.number, document.record_id, document.shuffle, *values),
    ).fetchone()
    return number


def _put_texts(connection: sqlite3.Connection, index: Index, number: int, document: Document) -> set[str]:
    """Index a document's texts; returns the words in them."""
    values = [
        text
        for field, columns in index.columns.items()
        if columns
        for text in texts(document.fields.get(field), len(columns))
    ]
    names = ", ".join(["rowid", *index.all_columns, EVERY_COLUMN])
    marks = ", ".join("?" * (len(values) + 2))
    connection.execute(f"INSERT INTO {index.texts} ({names}) VALUES ({marks})", (number, *values, EVERY))
    return {word for text in values for word in text.split(" ") if word}


def _put_facet(connection: sqlite3.Connection, index: Index, document: int, key: str, value: object) -> None:
    connection.executemany(
        "INSERT INTO facets VALUES (?, ?, ?, ?, ?)", [(index.number, document, key, *pair) for pair in pairs(value)]
    )


def _clear(connection: sqlite3.Connection, index: Index, document: int) -> None:
    """Take out all that belongs to a document but its row."""
    settings = connection.execute("SELECT settings_id FROM vectors WHERE document = ?", (document,)).fetchall()
    _mark_vectors_changed(connection, {settings_id for (settings_id,) in settings})
    for table in OF_A_DOCUMENT:
        connection.execute(f"DELETE FROM {table} WHERE document = ?", (document,))
    connection.execute(f"DELETE FROM {index.texts} WHERE rowid = ?", (document,))


def _mark_vectors_changed(connection: sqlite3.Connection, settings_ids: Iterable[str]) -> None:
    connection.executemany(
        "INSERT INTO vector_versions VALUES (?, 1) ON CONFLICT DO UPDATE SET version = version + 1",
        [(settings_id,) for settings_id in settings_ids],
    )
