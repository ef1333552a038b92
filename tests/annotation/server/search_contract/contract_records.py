"""Records, responses and suggestions come into the index and leave it."""

import models
from argilla_server.enums import RecordStatus, ResponseStatus
from argilla_server.search_engine import (
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)


def with_status(status, user=None):
    return TermsFilter(ResponseFilterScope(property="status", user=user), [status])


def suggested(value):
    return TermsFilter(SuggestionFilterScope("verdict", "value"), [value])


def test_all_records_are_found_without_a_query(engine, dataset):
    records = [models.record(dataset, f"number {i}") for i in range(5)]
    engine.index_records(dataset, records)
    assert set(engine.found(dataset)) == set(models.ids(records))


def test_indexing_again_replaces_all_that_is_known_of_a_record(engine, dataset):
    user = models.user()
    record = models.record(dataset, "red fox", metadata={"source": "web"}, vector=[1.0] * models.DIMENSIONS)
    models.response(record, user, verdict="keep")
    models.suggestion(record, "verdict", "keep")
    engine.index_records(dataset, [record])
    record.fields, record.metadata_ = {"prompt": "blue whale"}, {}
    record.responses, record.suggestions, record.vectors = [], [], []
    engine.index_records(dataset, [record])
    settings = dataset.vectors_settings[0]
    assert engine.found(dataset, "fox") == []
    assert engine.found(dataset, "whale") == [record.id]
    assert engine.found(dataset, filter=with_status("submitted")) == []
    assert engine.found(dataset, filter=suggested("keep")) == []
    assert engine.compute_metrics_for(dataset.metadata_properties[0]).total == 0
    assert engine.similarity_search(dataset, settings, value=[1.0] * models.DIMENSIONS).items == []


def test_a_new_status_is_known_of_one_record(engine, dataset):
    records = [models.record(dataset, f"number {i}") for i in range(3)]
    engine.index_records(dataset, records)
    engine.partial_record_update(records[1], status=RecordStatus.completed)
    completed = TermsFilter(RecordFilterScope("status"), ["completed"])
    assert engine.found(dataset, filter=completed) == [records[1].id]
    assert engine.get_dataset_progress(dataset) == {"total": 3, "pending": 2, "completed": 1}


def test_deleted_records_are_gone_with_all_that_belongs_to_them(engine, dataset):
    user = models.user()
    records = [models.record(dataset, "red fox") for _ in range(3)]
    models.response(records[0], user)
    engine.index_records(dataset, records)
    engine.delete_records(dataset, records[:2])
    assert engine.found(dataset, "fox") == [records[2].id]
    assert engine.get_dataset_progress(dataset)["total"] == 1
    assert engine.get_dataset_user_progress(dataset, user) == {"total": 0}


def test_deleting_a_record_that_is_not_there_is_no_error(engine, dataset):
    engine.delete_records(dataset, [models.record(dataset, "never indexed")])
    assert engine.found(dataset) == []


def test_a_response_replaces_the_one_before(engine, dataset):
    user, record = models.user(), models.record(dataset, "red fox")
    engine.index_records(dataset, [record])
    response = models.response(record, user, "draft", verdict="fix")
    engine.update_record_response(response)
    assert engine.found(dataset, filter=with_status("draft", user)) == [record.id]
    response.status, response.values = ResponseStatus.submitted, {"verdict": {"value": "keep"}}
    engine.update_record_response(response)
    fix = TermsFilter(ResponseFilterScope(question="verdict"), ["fix"])
    assert engine.found(dataset, filter=with_status("draft", user)) == []
    assert engine.found(dataset, filter=with_status("submitted", user)) == [record.id]
    assert engine.found(dataset, filter=fix) == []


def test_a_deleted_response_makes_the_record_pending_again(engine, dataset):
    user, record = models.user(), models.record(dataset, "red fox")
    response = models.response(record, user, verdict="keep")
    engine.index_records(dataset, [record])
    engine.delete_record_response(response)
    keep = TermsFilter(ResponseFilterScope(question="verdict"), ["keep"])
    assert engine.found(dataset, filter=with_status("pending", user)) == [record.id]
    assert engine.found(dataset, filter=keep) == []


def test_a_suggestion_replaces_the_one_before(engine, dataset):
    record = models.record(dataset, "red fox")
    models.suggestion(record, "verdict", "keep", score=0.5, agent="judge")
    engine.index_records(dataset, [record])
    engine.update_record_suggestion(models.suggestion(record, "verdict", "fix"))
    by_judge = TermsFilter(SuggestionFilterScope("verdict", "agent"), ["judge"])
    assert engine.found(dataset, filter=suggested("keep")) == []
    assert engine.found(dataset, filter=suggested("fix")) == [record.id]
    assert engine.found(dataset, filter=by_judge) == []


def test_a_deleted_suggestion_is_gone_and_the_others_stay(engine, dataset):
    record = models.record(dataset, "red fox")
    models.suggestion(record, "quality", 4)
    deleted = models.suggestion(record, "verdict", "keep")
    engine.index_records(dataset, [record])
    engine.delete_record_suggestion(deleted)
    quality = TermsFilter(SuggestionFilterScope("quality", "value"), ["4"])
    assert engine.found(dataset, filter=suggested("keep")) == []
    assert engine.found(dataset, filter=quality) == [record.id]


def test_fields_without_text_and_unknown_metadata_are_passed_over(engine, dataset):
    fields = {"prompt": None, "picture": "data:image/png;base64,cat", "extra": {"colour": "teal"}}
    record = models.record(dataset, fields, metadata={"source": None, "no such property": "x"})
    engine.index_records(dataset, [record])
    assert engine.found(dataset, "teal") == [record.id]
    assert engine.found(dataset, "cat") == []
    assert engine.found(dataset, "None") == []
