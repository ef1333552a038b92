"""Records, filters and orders that are drawn at random, each with what it means on plain records."""

import random
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import models
from argilla_server.enums import RecordStatus, SortOrder
from argilla_server.models import Dataset, Record, User
from argilla_server.search_engine import (
    AndFilter,
    MetadataFilterScope,
    Order,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)
from recount import Plain, split

VOCABULARY = [
    *[
        "red",
        "blue",
        "green",
        "teal",
        "fox",
        "hen",
        "otter",
        "whale",
        "plan",
        "step",
        "check",
        "count",
        "solve",
        "proof",
        "lemma",
        "prime",
        "digit",
        "carry",
        "sum",
    ],
    *[
        "planet",
        "stepped",
        "checks",
        "counter",
        "solver",
        "proofs",
        "primes",
        "digits",
        "summer",
        "7",
        "42",
        "1000",
        "漢",
        "字",
        "数",
    ],
]
SOURCES, VERDICTS, TOPICS = ["web", "book", "exam"], ["keep", "fix", "discard"], ["algebra", "graphs", "sets"]
STATUSES = ["pending", "draft", "submitted", "discarded"]

Value = Callable[[Plain], list[Any]]
"""The values that a record has in a scope."""
Key = Callable[[Plain], Any]
"""What a record is sorted by; None where it has nothing."""


def text(draw: random.Random) -> str:
    """Some words with a sign here and there."""
    return " ".join(
        draw.choice(VOCABULARY) + draw.choice(["", "", "", ",", "!", " -"]) for _ in range(draw.randint(0, 12))
    )


def record(draw: random.Random, dataset: Dataset, users: Sequence[User]) -> Record:
    """A record with some of everything."""
    talk = [{"role": draw.choice(["user", "assistant"]), "content": text(draw)} for _ in range(draw.randint(0, 3))]
    fields = {"prompt": text(draw), "plan": text(draw), "talk": talk}
    found = models.record(
        dataset,
        fields,
        metadata=_some(draw, {"source": SOURCES, "length": range(5), "weight": [0.25, 0.5, 0.75, 1.0]}),
        status=draw.choice(list(RecordStatus)),
        vector=[draw.gauss(0, 1) for _ in range(models.DIMENSIONS)] if draw.random() < 0.8 else None,
    )
    suggested = _some(draw, {"quality": range(1, 6), "verdict": VERDICTS})
    for question, value in suggested.items():
        models.suggestion(found, question, value, draw.choice([None, 0.25, 0.5]), draw.choice([None, "judge", "model"]))
    for user in users:
        if draw.random() < 0.5:
            values = _some(draw, {"quality": range(1, 6), "verdict": VERDICTS})
            values["topics"] = draw.sample(TOPICS, draw.randint(0, 3))
            models.response(found, user, draw.choice(STATUSES[1:]), **values)
    return found


def plain(of: Record) -> Plain:
    """The same record for the recount."""
    texts = {name: split(of.fields.get(name) or "") for name in ("prompt", "plan")}
    for i, message in enumerate(of.fields.get("talk") or []):
        texts[f"talk/{i}"], texts[f"talk/role {i}"] = split(message["content"]), [message["role"]]
    return Plain(
        id=str(of.id),
        external_id=of.external_id,
        status=str(of.status),
        inserted_at=of.inserted_at.isoformat(),
        updated_at=of.updated_at.isoformat(),
        texts=texts,
        metadata=dict(of.metadata_ or {}),
        suggestions={s.question.name: {"value": s.value, "score": s.score, "agent": s.agent} for s in of.suggestions},
        responses=[_plain_response(each) for each in of.responses],
        vector=of.vectors[0].value if of.vectors else None,
    )


def filters(
    draw: random.Random, records: Sequence[Plain], users: Sequence[User]
) -> tuple[Any, Callable[[Plain], bool]]:
    """One to three filters that all have to be met."""
    found = [_filter(draw, records, users) for _ in range(draw.randint(1, 3))]
    return AndFilter([each for each, _ in found]), lambda record: all(meets(record) for _, meets in found)


def orders(draw: random.Random, users: Sequence[User]) -> tuple[list[Order], list[tuple[Key, bool]]]:
    """One to three orders, and the keys they mean with whether each descends."""
    asked, keys = [], []
    for _ in range(draw.randint(1, 3)):
        scope, value = draw.choice([_of_record, _of_metadata, _of_suggestion, _of_quality])(draw, users)
        is_descending = draw.random() < 0.5
        asked.append(Order(scope, SortOrder.desc if is_descending else SortOrder.asc))
        keys.append(((_mean if isinstance(scope, ResponseFilterScope) else _only)(value), is_descending))
    return asked, keys


def in_order(records: Sequence[Plain], keys: Sequence[tuple[Key, bool]]) -> list[list[Any]]:
    """The keys of the records as they have to follow each other; what has none comes last either way."""
    ordered = list(records)
    for key, is_descending in reversed(keys):
        with_key = sorted((r for r in ordered if key(r) is not None), key=key, reverse=is_descending)
        ordered = [*with_key, *(r for r in ordered if key(r) is None)]
    return [[key(record) for key, _ in keys] for record in ordered]


def _filter(
    draw: random.Random, records: Sequence[Plain], users: Sequence[User]
) -> tuple[Any, Callable[[Plain], bool]]:
    kind = draw.choice([_of_record, _of_metadata, _of_suggestion, _of_quality, _of_label, None])
    if kind is None:
        return _status_filter(draw, users)
    scope, value = kind(draw, users)
    seen = [each for record in draw.sample(records, min(20, len(records))) for each in value(record)] or ["none"]
    is_time = isinstance(scope, RecordFilterScope) and scope.property.endswith("_at")
    is_amount = isinstance(seen[0], int | float)
    if is_time or (is_amount and draw.random() < 0.5):
        low, high = sorted([draw.choice(seen), draw.choice(seen)])
        asked = RangeFilter(scope, ge=draw.choice([None, low]), le=high)
        return asked, lambda r: any((asked.ge is None or asked.ge <= v) and v <= high for v in value(r))
    chosen = {draw.choice(seen) for _ in range(draw.randint(1, 3))}
    return TermsFilter(scope, [str(each) for each in chosen]), lambda r: not chosen.isdisjoint(value(r))


def _status_filter(draw: random.Random, users: Sequence[User]) -> tuple[Any, Callable[[Plain], bool]]:
    statuses, user = draw.sample(STATUSES, draw.randint(1, 4)), draw.choice([None, *users])
    chosen = set(statuses)

    def meets(record: Plain) -> bool:
        mine = [each["status"] for each in record.responses if user is None or each["user"] == user.id]
        return not chosen.isdisjoint(mine) or ("pending" in chosen and not mine)

    return TermsFilter(ResponseFilterScope(property="status", user=user), statuses), meets


def _of_record(draw: random.Random, users: Sequence[User]) -> tuple[RecordFilterScope, Value]:
    name = draw.choice(["id", "external_id", "status", "inserted_at", "updated_at"])
    return RecordFilterScope(name), lambda record: [getattr(record, name)]


def _of_metadata(draw: random.Random, users: Sequence[User]) -> tuple[MetadataFilterScope, Value]:
    name = draw.choice(list(models.PROPERTIES))
    return MetadataFilterScope(name), lambda record: [record.metadata[name]] if name in record.metadata else []


def _of_suggestion(draw: random.Random, users: Sequence[User]) -> tuple[SuggestionFilterScope, Value]:
    question, name = draw.choice(["quality", "verdict"]), draw.choice(["value", "score", "agent"])

    def value(record: Plain) -> list[Any]:
        found = record.suggestions.get(question, {}).get(name)
        return [] if found is None else [found]

    return SuggestionFilterScope(question, name), value


def _of_quality(draw: random.Random, users: Sequence[User]) -> tuple[ResponseFilterScope, Value]:
    return _of_answers("quality", draw.choice([None, *users]))


def _of_label(draw: random.Random, users: Sequence[User]) -> tuple[ResponseFilterScope, Value]:
    return _of_answers(draw.choice(["verdict", "topics"]), draw.choice([None, *users]))


def _of_answers(question: str, user: User | None) -> tuple[ResponseFilterScope, Value]:
    def value(record: Plain) -> list[Any]:
        mine = [each["values"].get(question) for each in record.responses if user is None or each["user"] == user.id]
        return [one for each in mine if each is not None for one in (each if isinstance(each, list) else [each])]

    return ResponseFilterScope(question=question, user=user), value


def _mean(value: Value) -> Key:
    return lambda record: sum(value(record)) / len(value(record)) if value(record) else None


def _only(value: Value) -> Key:
    return lambda record: next(iter(value(record)), None)


def _plain_response(response: Any) -> dict[str, Any]:
    values = {question: answer["value"] for question, answer in response.values.items()}
    return {"user": response.user_id, "status": str(response.status), "values": values}


def _some(draw: random.Random, values: dict[str, Sequence[Any]]) -> dict[str, Any]:
    return {name: draw.choice(choice) for name, choice in values.items() if draw.random() < 0.7}


def uuids(records: Sequence[Plain]) -> set[UUID]:
    """Ids as the engine gives them."""
    return {UUID(record.id) for record in records}
