"""Records whose vectors are like another, or unlike it."""

import models
import pytest
from argilla_server.enums import SimilarityOrder
from argilla_server.search_engine import MetadataFilterScope, TermsFilter, TextQuery


def direction(x, y):
    return [float(x), float(y)] + [0.0] * (models.DIMENSIONS - 2)


@pytest.fixture(scope="module")
def records(engine):
    dataset = models.dataset()
    engine.create_index(dataset)
    found = [
        models.record(dataset, f"number {i}", metadata={"length": i}, vector=direction(*vector))
        for i, vector in enumerate([(1, 0), (3, 1), (0, 2), (-1, 0)])
    ]
    engine.index_records(dataset, [*found, models.record(dataset, "without a vector")])
    yield found
    engine.delete_index(dataset)


@pytest.fixture(scope="module")
def nearest(engine, records):
    """Numbers of the records and their scores, and the answer."""

    def found(**asked):
        dataset = records[0].dataset
        answer = engine.similarity_search(dataset, dataset.vectors_settings[0], **{"max_results": 40, **asked})
        place = {record.id: i for i, record in enumerate(records)}
        return [place[item.record_id] for item in answer.items], answer

    return found


def test_by_cosine(nearest):
    order, answer = nearest(value=direction(2, 0))
    assert order == [0, 1, 2, 3]
    assert [item.score for item in answer.items] == pytest.approx([1, (1 + 3 / 10**0.5) / 2, 0.5, 0], abs=1e-5)
    assert answer.total == 4


def test_the_least_similar_first(nearest):
    assert nearest(value=direction(2, 0), order=SimilarityOrder.least_similar)[0] == [3, 2, 1, 0]


def test_to_a_record_but_not_the_record_itself(nearest, records):
    assert nearest(record=records[0])[0] == [1, 2, 3]


def test_at_most_so_many(nearest):
    order, answer = nearest(value=direction(1, 0), max_results=2)
    assert order == [0, 1]
    assert answer.total == 2


def test_none_under_the_threshold(nearest):
    assert nearest(value=direction(1, 0), threshold=0.6)[0] == [0, 1]


def test_among_those_that_match(nearest):
    even = TermsFilter(MetadataFilterScope("length"), ["0", "2"])
    assert nearest(value=direction(1, 0), filter=even)[0] == [0, 2]
    assert nearest(value=direction(1, 0), query=TextQuery(q="1 | 3"))[0] == [1, 3]
    assert nearest(value=direction(1, 0), query=TextQuery(q="2"), filter=even)[0] == [2]


def test_changed_and_deleted_vectors_count_at_once(engine, dataset):
    settings = dataset.vectors_settings[0]
    records = [models.record(dataset, f"number {i}", vector=direction(1, i)) for i in range(3)]
    engine.index_records(dataset, records)

    def order():
        answer = engine.similarity_search(dataset, settings, value=direction(1, 0), max_results=40)
        return [item.record_id for item in answer.items]

    assert order() == models.ids(records)
    records[0].vectors[0].value = direction(-1, 0)
    engine.index_records(dataset, records[:1])
    assert order() == models.ids([records[1], records[2], records[0]])
    engine.delete_records(dataset, records[1:2])
    assert order() == models.ids([records[2], records[0]])


@pytest.mark.parametrize("asked", [{}, {"value": direction(1, 0), "record": True}])
def test_a_vector_or_a_record_has_to_be_given(nearest, records, asked):
    given = {**asked, **({"record": records[0]} if "record" in asked else {})}
    with pytest.raises(ValueError, match="either"):
        nearest(**given)


def test_a_record_without_the_vector_is_an_error(engine, dataset):
    with pytest.raises(ValueError, match="vector"):
        engine.similarity_search(dataset, dataset.vectors_settings[0], record=models.record(dataset, "x"))


def test_a_vector_of_other_dimensions_is_an_error_and_the_next_search_is_not(nearest):
    with pytest.raises(Exception, match="dimension"):
        nearest(value=[1.0, 0.0])
    assert nearest(value=direction(1, 0))[0] == [0, 1, 2, 3]


@pytest.mark.embedded
def test_a_vector_without_a_direction_is_no_error(nearest):
    assert len(nearest(value=[*direction(0, 0)[:-1], 1e-30])[0]) == 4
