"""A thousand drawn searches find what a recount over all records finds: totals, sets, and order where there is one."""

import random

import drawn
import models
import pytest
from argilla_server.enums import SimilarityOrder
from argilla_server.search_engine import TextQuery
from recount import Questions, cosine

N_RECORDS = 400
SEEDS = range(100)
N_PER_SEED = 10


@pytest.fixture(scope="module")
def users():
    return [models.user(str(i)) for i in range(3)]


@pytest.fixture(scope="module")
def indexed(engine, users):
    """A dataset and its records for the recount, after some were changed and deleted one by one."""
    draw, dataset = random.Random(20260101), models.dataset()
    engine.create_index(dataset)
    records = [drawn.record(draw, dataset, users) for _ in range(N_RECORDS)]
    for i in range(0, N_RECORDS, 100):
        engine.index_records(dataset, records[i : i + 100])
    for record in draw.sample(records, 60):
        _change(engine, draw, record, users)
    deleted = draw.sample(records, 20)
    engine.delete_records(dataset, deleted)
    yield dataset, [drawn.plain(record) for record in records if record not in deleted]
    engine.delete_index(dataset)


def _change(engine, draw, record, users):
    """One of the changes that the server makes to a record in the index."""
    kind = draw.choice(["fields", "response", "no response", "suggestion", "no suggestion"])
    if kind == "fields":
        record.fields = {"prompt": drawn.text(draw), "plan": drawn.text(draw), "talk": []}
        engine.index_records(record.dataset, [record])
    elif kind == "response":
        mine = [each for each in record.responses if each.user_id != users[0].id]
        record.responses = mine
        engine.index_records(record.dataset, [record])
        engine.update_record_response(models.response(record, users[0], "draft", quality=draw.randint(1, 5)))
    elif kind == "no response" and record.responses:
        gone = record.responses[0]
        engine.delete_record_response(gone)
        record.responses = record.responses[1:]
    elif kind == "suggestion":
        engine.update_record_suggestion(models.suggestion(record, "quality", draw.randint(1, 5), score=0.75))
    elif kind == "no suggestion" and record.suggestions:
        engine.delete_record_suggestion(record.suggestions[0])
        record.suggestions = record.suggestions[1:]


def _text(questions):
    """A query, in all fields or one, or none."""
    if questions.draw.random() < 0.25:
        return None, "*", lambda record: True
    where = questions.draw.choice([None, None, None, "prompt", "plan", "talk"])
    asked = questions.query(where)
    return TextQuery(q=asked.written, field=where), f"{asked.written} in {where}", asked.meets


@pytest.mark.parametrize("seed", SEEDS)
def test_searches_find_what_a_recount_finds(engine, indexed, users, seed):
    dataset, records = indexed
    questions = Questions(seed, drawn.VOCABULARY)
    for _ in range(N_PER_SEED):
        draw = questions.draw
        query, written, meets = _text(questions)
        filter, passes = drawn.filters(draw, records, users) if draw.random() < 0.6 else (None, lambda record: True)
        expected = [record for record in records if meets(record) and passes(record)]
        told = f"{written} with {filter}"
        if draw.random() < 0.15:
            _check_similar(engine, dataset, draw, (query, filter), expected, told)
        elif draw.random() < 0.5:
            _check_order(engine, dataset, draw, (query, filter, users), expected, told)
        else:
            answer = engine.search(dataset, query=query, filter=filter, limit=N_RECORDS)
            assert answer.total == len(expected), told
            assert {item.record_id for item in answer.items} == drawn.uuids(expected), told


def _check_order(engine, dataset, draw, asked, expected, told):
    """A page of a sorted search has the keys that the same piece of the sorted records has."""
    query, filter, users = asked
    sort, keys = drawn.orders(draw, users)
    offset, limit = draw.randint(0, 30), draw.randint(1, 50)
    answer = engine.search(dataset, query=query, filter=filter, sort=sort, offset=offset, limit=limit)
    by_id = {record.id: record for record in expected}
    found = [by_id[str(item.record_id)] for item in answer.items]
    assert answer.total == len(expected), told
    assert [[key(r) for key, _ in keys] for r in found] == drawn.in_order(expected, keys)[offset : offset + limit], (
        told,
        sort,
    )


def _check_similar(engine, dataset, draw, asked, expected, told):
    """The nearest or furthest of those that match, in the order of their cosines."""
    query, filter = asked
    target = [draw.gauss(0, 1) for _ in range(models.DIMENSIONS)]
    sign, n = draw.choice([1, -1]), draw.randint(1, 49)
    order = SimilarityOrder.most_similar if sign == 1 else SimilarityOrder.least_similar
    answer = engine.similarity_search(
        dataset, dataset.vectors_settings[0], value=target, query=query, filter=filter, max_results=n, order=order
    )
    scores = {r.id: sign * cosine(r.vector, target) for r in expected if r.vector is not None}
    best = sorted(scores, key=scores.__getitem__, reverse=True)[:n]
    assert [str(item.record_id) for item in answer.items] == best, told
    assert answer.total == len(best), told
    assert [item.score for item in answer.items] == pytest.approx([(1 + scores[id]) / 2 for id in best], abs=1e-5)
