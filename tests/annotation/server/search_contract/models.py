"""The server's models without a database: one dataset with every kind of field and question, records, users."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from argilla_server.enums import DatasetStatus, RecordStatus, ResponseStatus, UserRole
from argilla_server.models import (
    Dataset,
    Field,
    MetadataProperty,
    Question,
    Record,
    Response,
    Suggestion,
    User,
    Vector,
    VectorSettings,
)

START = datetime(2026, 1, 1)
FIELDS = {"prompt": "text", "plan": "text", "talk": "chat", "extra": "custom", "picture": "image"}
QUESTIONS = {
    "quality": "rating",
    "verdict": "label_selection",
    "topics": "multi_label_selection",
    "comment": "text",
}
PROPERTIES = {"source": "terms", "length": "integer", "weight": "float"}
DIMENSIONS = 8

_moments: Iterator[int] = count()


def dataset(
    fields: Mapping[str, str] = FIELDS,
    questions: Mapping[str, str] = QUESTIONS,
    properties: Mapping[str, str] = PROPERTIES,
    vectors: Sequence[str] = ("embedding",),
) -> Dataset:
    """A published dataset; every mapping is of names to types."""
    found = Dataset(id=uuid4(), name="contract", status=DatasetStatus.ready, distribution={"strategy": "overlap"})
    found.fields = [Field(id=uuid4(), name=name, settings={"type": type}) for name, type in fields.items()]
    found.questions = [Question(id=uuid4(), name=name, settings={"type": type}) for name, type in questions.items()]
    found.metadata_properties = [
        MetadataProperty(id=uuid4(), name=name, settings={"type": type}, dataset_id=found.id)
        for name, type in properties.items()
    ]
    found.vectors_settings = [
        VectorSettings(id=uuid4(), name=name, dimensions=DIMENSIONS, dataset_id=found.id) for name in vectors
    ]
    return found


def user(name: str = "one") -> User:
    """A user with an id of their own."""
    return User(id=uuid4(), first_name=name, username=f"{name}-{uuid4().hex}", role=UserRole.annotator)


def record(
    of: Dataset,
    fields: Mapping[str, Any] | str,
    *,
    metadata: Mapping[str, Any] | None = None,
    status: RecordStatus = RecordStatus.pending,
    vector: Sequence[float] | None = None,
) -> Record:
    """A record, later than the one before; a text is that of the field `prompt`."""
    moment = START + timedelta(seconds=next(_moments))
    found = Record(
        id=uuid4(),
        fields={"prompt": fields} if isinstance(fields, str) else dict(fields),
        metadata_=None if metadata is None else dict(metadata),
        status=status,
        external_id=f"external-{moment:%j%H%M%S}",
        inserted_at=moment,
        updated_at=moment,
        dataset_id=of.id,
    )
    found.dataset = of
    if vector is not None:
        settings = of.vectors_settings[0]
        found.vectors = [Vector(id=uuid4(), value=list(vector), vector_settings_id=settings.id, record_id=found.id)]
        found.vectors[0].vector_settings = settings
    return found


def response(of: Record, by: User, status: str = "submitted", **values: Any) -> Response:
    """A response of a user, added to the record."""
    found = Response(
        id=uuid4(),
        status=ResponseStatus(status),
        user_id=by.id,
        record_id=of.id,
        values={question: {"value": value} for question, value in values.items()},
    )
    found.record = of
    return found


def suggestion(of: Record, question: str, value: Any, score: Any = None, agent: str | None = None) -> Suggestion:
    """A suggestion for a question, added to the record in place of the one before."""
    of.suggestions = [each for each in of.suggestions if each.question.name != question]
    found = Suggestion(id=uuid4(), value=value, score=score, agent=agent, record_id=of.id)
    found.question = of.dataset.question_by_name(question)
    found.record = of
    return found


def ids(records: Sequence[Record]) -> list[UUID]:
    """Ids of records, in their order."""
    return [each.id for each in records]
