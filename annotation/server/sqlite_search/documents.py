"""What the index holds of the server's records: plain values, taken from its models on the event loop.

Models are only asked for what the server has loaded before it calls the engine; anything else would be a query in the
wrong place.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from argilla_server.models import Dataset, Field, QuestionType, Record, Response, Suggestion, Vector

from .words import GAP, words

FILTERED_QUESTIONS = frozenset({QuestionType.rating, QuestionType.label_selection, QuestionType.multi_label_selection})
"""Types of questions whose values can be filtered and sorted by, as in the server's own engines."""

SUGGESTION_PROPERTIES = ("value", "score", "agent", "type")

Pair = tuple[float | None, str | None]
"""A value as the index compares it: an amount, or a term."""


@dataclass(frozen=True)
class ResponseDocument:
    """A response of one user."""

    response_id: str
    record_id: str
    user_id: str
    status: str
    values: Mapping[str, Any]
    """By the question's name."""


@dataclass(frozen=True)
class SuggestionDocument:
    """A suggestion for one question."""

    record_id: str
    question: str
    properties: Mapping[str, Any]


@dataclass(frozen=True)
class Document:
    """All that is known of one record."""

    record_id: str
    external_id: str | None
    status: str
    inserted_at: str | None
    updated_at: str | None
    fields: Mapping[str, Any]
    metadata: Mapping[str, Any]
    responses: list[ResponseDocument]
    suggestions: list[SuggestionDocument]
    vectors: dict[str, bytes]
    """By the id of their settings: 32-bit floats, little-endian."""

    @property
    def shuffle(self) -> int:
        """31 bits that stand for the record in its users' orders; the same after every indexing."""
        return int.from_bytes(hashlib.blake2b(self.record_id.encode(), digest_size=4).digest(), "big") >> 1


def columns_of(fields: Iterable[Field]) -> dict[str, list[str]]:
    """Names of columns for each field: one for its text, one more for the roles of a chat, none for an image."""
    return {
        field.name: [] if field.is_image else [f"text_{i}", f"role_{i}"] if field.is_chat else [f"text_{i}"]
        for i, field in enumerate(fields)
    }


def document(dataset: Dataset, record: Record) -> Document:
    """A record of a dataset, with the metadata that the dataset has properties for."""
    metadata = record.metadata_ or {}
    properties = [each.name for each in dataset.metadata_properties] if metadata else []
    return Document(
        record_id=str(record.id),
        external_id=record.external_id,
        status=str(record.status),
        inserted_at=instant(record.inserted_at),
        updated_at=instant(record.updated_at),
        fields=dict(record.fields or {}),
        metadata={name: metadata[name] for name in properties if metadata.get(name) is not None},
        responses=[response_document(each) for each in record.responses],
        suggestions=[suggestion_document(each) for each in record.suggestions],
        vectors={str(each.vector_settings_id): _bytes(each) for each in record.vectors},
    )


def response_document(response: Response) -> ResponseDocument:
    """A response, whatever its status."""
    return ResponseDocument(
        response_id=str(response.id),
        record_id=str(response.record_id),
        user_id=str(response.user_id),
        status=str(response.status),
        values={question: value.get("value") for question, value in (response.values or {}).items()},
    )


def suggestion_document(suggestion: Suggestion) -> SuggestionDocument:
    """A suggestion; its question has to be loaded."""
    return SuggestionDocument(
        record_id=str(suggestion.record_id),
        question=suggestion.question.name,
        properties={name: getattr(suggestion, name) for name in SUGGESTION_PROPERTIES},
    )


def instant(time: datetime | None) -> str | None:
    """A time as text that sorts as it does:

    UTC, to the microsecond. Times without a zone are UTC, as the server's are.
    """
    if time is None:
        return None
    if time.tzinfo is not None:
        time = time.astimezone(UTC).replace(tzinfo=None)
    return time.isoformat(timespec="microseconds")


def pairs(value: Any) -> Iterator[Pair]:
    """Each different value of a scalar or a list; what is neither number nor text (a mapping, null) is passed over."""
    values = value if isinstance(value, (list, tuple, set)) else [value]
    yield from dict.fromkeys(filter(None, map(_pair, values)))


def _pair(value: Any) -> Pair | None:
    if isinstance(value, bool):
        return None, str(value).lower()
    if isinstance(value, str):
        return None, str(value)
    return (float(value), None) if isinstance(value, (int, float)) else None


def texts(value: Any, n_columns: int) -> list[str]:
    """A field's value for its columns, as words with spaces in between.

    A chat has two columns: the contents of its messages, and their roles. Other structures are searched as they are
    written.
    """
    if n_columns == 2:
        messages = [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
        return [_joined(messages, "content"), _joined(messages, "role")]
    return ["" if value is None else " ".join(words(str(value)))]


def _joined(messages: list[Mapping[str, Any]], key: str) -> str:
    return f" {GAP} ".join(" ".join(words(str(message.get(key) or ""))) for message in messages)


def _bytes(vector: Vector) -> bytes:
    return np.asarray(vector.value, "<f4").tobytes()
