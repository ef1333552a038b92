"""Filters by properties of records, metadata, suggestions and responses."""

import models
import pytest
from argilla_server.enums import RecordStatus
from argilla_server.search_engine import (
    AndFilter,
    MetadataFilterScope,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)

EXAMPLES = [
    {"source": "web", "length": 3, "weight": 0.5},
    {"source": "book", "length": 30, "weight": 1.5},
    {"source": ["web", "book"], "length": -2},
    None,
]


@pytest.fixture(scope="module")
def users():
    return [models.user("one"), models.user("two")]


@pytest.fixture(scope="module")
def records(engine, users):
    """Four records; the first has responses of both users, the second of one, the third a draft."""
    dataset = models.dataset()
    engine.create_index(dataset)
    found = [models.record(dataset, f"number {i}", metadata=metadata) for i, metadata in enumerate(EXAMPLES)]
    found[3].status = RecordStatus.completed
    models.response(found[0], users[0], quality=5, verdict="keep", topics=["a", "b"])
    models.response(found[0], users[1], "discarded", quality=1, verdict="fix")
    models.response(found[1], users[0], quality=3, verdict="fix", topics=["b"], comment="free text")
    models.response(found[2], users[1], "draft")
    models.suggestion(found[0], "quality", 4, score=0.25, agent="judge")
    models.suggestion(found[1], "verdict", "keep", agent="judge")
    models.suggestion(found[2], "topics", ["a", "c"], score=[0.5, 1.0])
    engine.index_records(dataset, found)
    yield found
    engine.delete_index(dataset)


@pytest.fixture(scope="module")
def matching(engine, records):
    """Numbers of the records that meet a filter."""

    def numbers(filter):
        found = set(engine.found(records[0].dataset, filter=filter))
        return [i for i, record in enumerate(records) if record.id in found]

    return numbers


def terms(scope, *values):
    return TermsFilter(scope, list(values))


def test_by_properties_of_the_record(matching, records):
    assert matching(terms(RecordFilterScope("status"), "completed")) == [3]
    assert matching(terms(RecordFilterScope("status"), "completed", "pending")) == [0, 1, 2, 3]
    assert matching(terms(RecordFilterScope("id"), str(records[1].id), "no id")) == [1]
    assert matching(terms(RecordFilterScope("external_id"), records[2].external_id)) == [2]


def test_by_times(matching, records):
    times = [record.inserted_at for record in records]
    between = RangeFilter(RecordFilterScope("inserted_at"), ge=times[1].isoformat(), le=times[2].isoformat())
    assert matching(between) == [1, 2]
    assert matching(RangeFilter(RecordFilterScope("updated_at"), ge=f"{times[1].isoformat()}+00:00")) == [1, 2, 3]
    assert matching(RangeFilter(RecordFilterScope("inserted_at"), le=times[3].date().isoformat())) == [0, 1, 2, 3]
    assert matching(RangeFilter(RecordFilterScope("inserted_at"), le="2025-12-31")) == []


@pytest.mark.embedded
@pytest.mark.parametrize("value", ["yesterday", "2026-13-01", "", "9" * 400, "2026-", "\x00", "\ud800"])
def test_a_time_that_is_none_matches_nothing(matching, value):
    assert matching(RangeFilter(RecordFilterScope("inserted_at"), ge=value)) == []
    assert matching(terms(RecordFilterScope("updated_at"), value)) == []


def test_by_metadata(matching):
    source, length, weight = map(MetadataFilterScope, models.PROPERTIES)
    assert matching(terms(source, "web")) == [0, 2]
    assert matching(terms(source, "web", "book")) == [0, 1, 2]
    assert matching(terms(source, "WEB")) == []
    assert matching(terms(length, "3", "30")) == [0, 1]
    assert matching(RangeFilter(length, ge=3)) == [0, 1]
    assert matching(RangeFilter(length, ge=-2, le=3)) == [0, 2]
    assert matching(RangeFilter(weight, le=0.5)) == [0]
    assert matching(RangeFilter(weight, ge=0.51, le=1.5)) == [1]


def test_by_suggestions(matching):
    assert matching(terms(SuggestionFilterScope("quality", "value"), "4")) == [0]
    assert matching(RangeFilter(SuggestionFilterScope("quality", "value"), ge=4, le=5)) == [0]
    assert matching(terms(SuggestionFilterScope("verdict", "agent"), "judge")) == [1]
    assert matching(terms(SuggestionFilterScope("topics", "value"), "c", "x")) == [2]
    assert matching(RangeFilter(SuggestionFilterScope("topics", "score"), ge=0.75)) == [2]
    assert matching(RangeFilter(SuggestionFilterScope("quality", "score"), le=0.25)) == [0]


def test_by_responses_of_anyone(matching):
    assert matching(terms(ResponseFilterScope(question="verdict"), "fix")) == [0, 1]
    assert matching(terms(ResponseFilterScope(question="topics"), "b")) == [0, 1]
    assert matching(RangeFilter(ResponseFilterScope(question="quality"), ge=4)) == [0]
    assert matching(terms(ResponseFilterScope(question="quality"), "3", "1")) == [0, 1]


def test_by_responses_of_one_user(matching, users):
    def verdict(user):
        return ResponseFilterScope(question="verdict", user=user)

    assert matching(terms(verdict(users[0]), "fix")) == [1]
    assert matching(terms(verdict(users[1]), "fix")) == [0]
    assert matching(RangeFilter(ResponseFilterScope(question="quality", user=users[1]), ge=2)) == []


def test_free_text_is_not_filtered_by(matching):
    assert matching(terms(ResponseFilterScope(question="comment"), "free text")) == []


@pytest.mark.parametrize(
    ("statuses", "of_one", "of_two", "of_anyone"),
    [
        (["submitted"], [0, 1], [], [0, 1]),
        (["discarded"], [], [0], [0]),
        (["draft"], [], [2], [2]),
        (["pending"], [2, 3], [1, 3], [3]),
        (["pending", "draft"], [2, 3], [1, 2, 3], [2, 3]),
        (["draft", "submitted", "discarded"], [0, 1], [0, 2], [0, 1, 2]),
    ],
)
def test_by_status_of_responses(matching, users, statuses, of_one, of_two, of_anyone):
    def by(user):
        return matching(terms(ResponseFilterScope(property="status", user=user), *statuses))

    assert (by(users[0]), by(users[1]), by(None)) == (of_one, of_two, of_anyone)


def test_all_filters_have_to_be_met(matching, users):
    web = terms(MetadataFilterScope("source"), "web")
    submitted = terms(ResponseFilterScope(property="status", user=users[0]), "submitted")
    assert matching(AndFilter([web, submitted])) == [0]
    assert matching(AndFilter([web, AndFilter([submitted, terms(RecordFilterScope("status"), "completed")])])) == []


@pytest.mark.embedded
def test_a_value_that_cannot_be_compared_matches_nothing(matching):
    length = MetadataFilterScope("length")
    assert matching(terms(length, "three")) == []
    assert matching(terms(length, "nan", "inf")) == []
    assert matching(RangeFilter(length, ge="three")) == []
    assert matching(AndFilter([])) == [0, 1, 2, 3]


@pytest.mark.parametrize("scope", [ResponseFilterScope(), ResponseFilterScope(property="inserted_at")])
def test_a_filter_that_means_nothing_is_an_error(engine, records, scope):
    with pytest.raises(Exception, match=r"(?i)cannot"):
        engine.search(records[0].dataset, filter=TermsFilter(scope, ["x"]))
