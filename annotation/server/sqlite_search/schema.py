"""Tables of the index, and the index of one dataset in them.

A dataset has a number; its texts are in tables of its own, `texts_<number>` (FTS5, a column for each field) and
`words_<number>` (the vocabulary, for misspelt words). Everything else is in tables that all datasets share. Names of
fields, questions and properties are values here, never parts of statements.
"""

import json
import logging
import sqlite3
from dataclasses import dataclass

VERSION = 1
"""Of these tables. A file of another version is emptied when it is opened; `search-engine reindex` fills it again."""

TABLES = """
CREATE TABLE indices (
  number INTEGER PRIMARY KEY AUTOINCREMENT, dataset_id TEXT NOT NULL UNIQUE, columns TEXT NOT NULL,
  questions TEXT NOT NULL);
CREATE TABLE documents (
  id INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL, record_id TEXT NOT NULL UNIQUE, external_id TEXT,
  status TEXT, inserted_at TEXT, updated_at TEXT, shuffle INTEGER NOT NULL);
CREATE INDEX documents_status ON documents (number, status);
CREATE TABLE facets (number INTEGER NOT NULL, document INTEGER NOT NULL, key TEXT NOT NULL, amount REAL, term TEXT);
CREATE INDEX facets_document ON facets (document, key, amount, term);
CREATE INDEX facets_amount ON facets (number, key, amount, document);
CREATE INDEX facets_term ON facets (number, key, term, document);
CREATE TABLE responses (
  response_id TEXT PRIMARY KEY, number INTEGER NOT NULL, document INTEGER NOT NULL, user_id TEXT NOT NULL,
  status TEXT NOT NULL);
CREATE INDEX responses_document ON responses (document, user_id, status);
CREATE INDEX responses_user ON responses (number, user_id, status, document);
CREATE TABLE answers (
  response_id TEXT NOT NULL, number INTEGER NOT NULL, document INTEGER NOT NULL, user_id TEXT NOT NULL,
  question TEXT NOT NULL, amount REAL, term TEXT);
CREATE INDEX answers_response ON answers (response_id);
CREATE INDEX answers_document ON answers (document, question, user_id, amount, term);
CREATE INDEX answers_amount ON answers (number, question, amount, user_id, document);
CREATE INDEX answers_term ON answers (number, question, term, user_id, document);
CREATE TABLE vectors (
  settings_id TEXT NOT NULL, document INTEGER NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (settings_id, document)) WITHOUT ROWID;
CREATE INDEX vectors_document ON vectors (document);
CREATE TABLE vector_versions (settings_id TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
"""

OF_A_DOCUMENT = ("facets", "answers", "responses", "vectors")
"""Tables with rows that belong to one document each."""

TOKENIZE = "unicode61 remove_diacritics 0 categories 'L* M* N* P* S* C*'"
"""Only spaces separate: texts are stored as the words found in them."""

EVERY_COLUMN = "every_record"


@dataclass(frozen=True)
class Index:
    """The index of one dataset."""

    number: int
    columns: dict[str, list[str]]
    """Columns of each field's texts; none for a field without searchable text."""
    questions: dict[str, str]
    """The type of each question."""

    @property
    def texts(self) -> str:
        return f"texts_{self.number}"

    @property
    def vocabulary(self) -> str:
        return f"words_{self.number}"

    @property
    def all_columns(self) -> list[str]:
        return [column for columns in self.columns.values() for column in columns]


class NoIndex(RuntimeError):
    """A dataset that was published has no index."""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables, unless this version of them is there."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    if names:
        logging.getLogger(__name__).warning("The search index is of another version: run `search-engine reindex`.")
    virtual = [name for name in names if name.startswith("texts_") and name.removeprefix("texts_").isdigit()]
    for name in virtual:
        connection.execute(f"DROP TABLE {name}")
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    ).fetchall():
        connection.execute(f'DROP TABLE "{name}"')
    for statement in TABLES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def create_index(
    connection: sqlite3.Connection, dataset_id: str, columns: dict[str, list[str]], questions: dict[str, str]
) -> None:
    """An empty index for a dataset, in place of the one it had."""
    drop_index(connection, dataset_id)
    number = connection.execute(
        "INSERT INTO indices (dataset_id, columns, questions) VALUES (?, ?, ?)",
        (dataset_id, json.dumps(columns), json.dumps(questions)),
    ).lastrowid
    assert number is not None  # for the type checker: an insert has a row id
    index = Index(number, columns, questions)
    names = ", ".join([*index.all_columns, EVERY_COLUMN])
    connection.execute(f'CREATE VIRTUAL TABLE {index.texts} USING fts5({names}, tokenize="{TOKENIZE}")')
    connection.execute(f"CREATE TABLE {index.vocabulary} (word TEXT PRIMARY KEY) WITHOUT ROWID")


def drop_index(connection: sqlite3.Connection, dataset_id: str) -> None:
    """Forget a dataset; nothing happens where it has no index."""
    row = connection.execute("SELECT number FROM indices WHERE dataset_id = ?", (dataset_id,)).fetchone()
    if row is None:
        return
    connection.execute("DELETE FROM vectors WHERE document IN (SELECT id FROM documents WHERE number = ?)", row)
    for table in ("facets", "answers", "responses", "documents", "indices"):
        connection.execute(f"DELETE FROM {table} WHERE number = ?", row)
    connection.execute(f"DROP TABLE texts_{row[0]}")
    connection.execute(f"DROP TABLE words_{row[0]}")


def find_index(connection: sqlite3.Connection, dataset_id: str) -> Index:
    """The index of a dataset. Raises NoIndex."""
    row = connection.execute(
        "SELECT number, columns, questions FROM indices WHERE dataset_id = ?", (dataset_id,)
    ).fetchone()
    if row is None:
        raise NoIndex(
            f"dataset {dataset_id} has no search index; run `search-engine reindex --dataset-id {dataset_id}`"
        )
    return Index(row[0], json.loads(row[1]), json.loads(row[2]))


def index_of_record(connection: sqlite3.Connection, record_id: str) -> tuple[Index, int] | None:
    """The index that has a record and the record's document there; None where no index has it."""
    row = connection.execute(
        "SELECT number, columns, questions, documents.id FROM documents JOIN indices USING (number)"
        " WHERE record_id = ?",
        (record_id,),
    ).fetchone()
    return None if row is None else (Index(row[0], json.loads(row[1]), json.loads(row[2])), row[3])
