"""Sorting, and the order that each user has."""

from itertools import chain, pairwise

import models
import pytest
from argilla_server.enums import SortOrder
from argilla_server.search_engine import (
    MetadataFilterScope,
    Order,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
)

UP, DOWN = SortOrder.asc, SortOrder.desc


@pytest.fixture(scope="module")
def users():
    return [models.user("one"), models.user("two")]


@pytest.fixture(scope="module")
def records(engine, users):
    dataset = models.dataset()
    engine.create_index(dataset)
    found = [models.record(dataset, f"number {i}", metadata={"length": n}) for i, n in enumerate([3, 10, 2])]
    found.append(models.record(dataset, "without"))
    for record, score in zip(found, [0.5, 0.25, 1.0], strict=False):
        models.suggestion(record, "quality", 3, score=score)
    models.response(found[0], users[0], quality=1, verdict="b")
    models.response(found[0], users[1], quality=5)
    models.response(found[1], users[0], quality=2, verdict="a")
    models.response(found[2], users[1], "draft", quality=4)
    engine.index_records(dataset, found)
    yield found
    engine.delete_index(dataset)


@pytest.fixture(scope="module")
def ordered(engine, records):
    """Numbers of the records in an order."""

    def numbers(*orders):
        place = {record.id: i for i, record in enumerate(records)}
        return [place[id] for id in engine.found(records[0].dataset, sort=list(orders))]

    return numbers


def test_by_times_and_ids(ordered, records):
    assert ordered(Order(RecordFilterScope("inserted_at"), UP)) == [0, 1, 2, 3]
    assert ordered(Order(RecordFilterScope("updated_at"), DOWN)) == [3, 2, 1, 0]
    assert ordered(Order(RecordFilterScope("external_id"), DOWN)) == [3, 2, 1, 0]
    by_id = sorted(range(4), key=lambda i: str(records[i].id))
    assert ordered(Order(RecordFilterScope("id"), UP)) == by_id


def test_numbers_are_ordered_as_numbers_and_missing_ones_come_last(ordered):
    length = MetadataFilterScope("length")
    assert ordered(Order(length, UP)) == [2, 0, 1, 3]
    assert ordered(Order(length, DOWN)) == [1, 0, 2, 3]


def test_by_the_score_of_suggestions(ordered):
    assert ordered(Order(SuggestionFilterScope("quality", "score"), UP)) == [1, 0, 2, 3]


def test_by_the_mean_of_responses(ordered, users):
    assert ordered(Order(ResponseFilterScope(question="quality"), UP)) == [1, 0, 2, 3]
    assert ordered(Order(ResponseFilterScope(question="quality", user=users[0]), DOWN))[:2] == [1, 0]
    assert ordered(Order(ResponseFilterScope(question="quality", user=users[1]), DOWN))[:2] == [0, 2]


def test_the_second_order_counts_where_the_first_is_equal(ordered):
    orders = Order(SuggestionFilterScope("quality", "value"), UP), Order(MetadataFilterScope("length"), DOWN)
    assert ordered(*orders) == [1, 0, 2, 3]


@pytest.mark.embedded
def test_by_labels_and_statuses_of_responses(ordered, users):
    assert ordered(Order(ResponseFilterScope(question="verdict"), UP))[:2] == [1, 0]
    assert ordered(Order(ResponseFilterScope(property="status"), UP), Order(RecordFilterScope("id"), UP))[0] == 2


@pytest.mark.embedded
@pytest.mark.parametrize("scope", [ResponseFilterScope(), RecordFilterScope("fields")])
def test_an_order_that_means_nothing_is_an_error(ordered, scope):
    with pytest.raises(ValueError, match="cannot sort"):
        ordered(Order(scope, UP))


@pytest.fixture(scope="module")
def many(engine):
    dataset = models.dataset()
    engine.create_index(dataset)
    records = [models.record(dataset, f"fox {i}") for i in range(60)]
    engine.index_records(dataset, records)
    yield records
    engine.delete_index(dataset)


def test_each_user_has_a_stable_order_of_all_records(engine, many):
    dataset, users = many[0].dataset, [models.user() for _ in range(3)]
    orders = [engine.found(dataset, user_id=user.id) for user in users]
    assert [engine.found(dataset, user_id=user.id) for user in users] == orders
    assert all(sorted(order) == sorted(models.ids(many)) for order in orders)
    assert all(a != b for a, b in pairwise([*orders, models.ids(many)]))


def test_pages_of_a_user_follow_each_other(engine, many):
    dataset, user = many[0].dataset, models.user()
    pages = [engine.found(dataset, user_id=user.id, offset=i, limit=25) for i in (0, 25, 50)]
    assert list(chain(*pages)) == engine.found(dataset, user_id=user.id)


@pytest.mark.embedded
def test_the_order_of_a_user_outlives_updates_and_new_indices(engine, many):
    dataset, user = many[0].dataset, models.user()
    before = engine.found(dataset, user_id=user.id)
    engine.index_records(dataset, many[10:20])
    assert engine.found(dataset, user_id=user.id) == before
    engine.create_index(dataset)
    engine.index_records(dataset, many[::-1])
    assert engine.found(dataset, user_id=user.id) == before


def test_a_user_may_sort(engine, many):
    by_time = [Order(RecordFilterScope("inserted_at"), DOWN)]
    found = engine.found(many[0].dataset, user_id=models.user().id, sort=by_time)
    assert found == models.ids(many)[::-1]
