"""Progress and the values of metadata."""

import models
import pytest
from argilla_server.enums import DatasetStatus, RecordStatus


def test_progress_of_a_dataset(engine, dataset):
    statuses = [RecordStatus.pending, RecordStatus.completed, RecordStatus.completed]
    engine.index_records(dataset, [models.record(dataset, "x", status=status) for status in statuses])
    assert engine.get_dataset_progress(dataset) == {"total": 3, "pending": 1, "completed": 2}


def test_progress_of_a_user(engine, dataset):
    user, records = models.user(), [models.record(dataset, "x") for _ in range(4)]
    for record, status in zip(records, ["submitted", "submitted", "draft"], strict=False):
        models.response(record, user, status)
    engine.index_records(dataset, records)
    assert engine.get_dataset_user_progress(dataset, user) == {"total": 3, "submitted": 2, "draft": 1}
    assert engine.get_dataset_user_progress(dataset, models.user()) == {"total": 0}


@pytest.mark.embedded
def test_the_progress_of_a_user_is_not_that_of_others_with_the_same_records(engine, dataset):
    users, record = [models.user(), models.user()], models.record(dataset, "x")
    models.response(record, users[0], "submitted")
    models.response(record, users[1], "draft")
    engine.index_records(dataset, [record])
    assert engine.get_dataset_user_progress(dataset, users[0]) == {"total": 1, "submitted": 1}


def test_a_draft_has_no_progress(engine):
    draft = models.dataset()
    draft.status = DatasetStatus.draft
    assert engine.get_dataset_progress(draft) == {}
    assert engine.get_dataset_user_progress(draft, models.user()) == {}


def test_terms_by_how_many_records_have_them(engine, dataset):
    values = ["b", "a", ["b", "c"], ["b", "b"], None]
    engine.index_records(dataset, [models.record(dataset, "x", metadata={"source": value}) for value in values])
    metrics = engine.compute_metrics_for(dataset.metadata_property_by_name("source"))
    assert metrics.type == "terms"
    assert metrics.total == 5
    assert [(each.term, each.count) for each in metrics.values] == [("b", 3), ("a", 1), ("c", 1)]


def test_least_and_greatest_number(engine, dataset):
    values = [{"length": 7, "weight": 0.5}, {"length": -3, "weight": 2.25}, None]
    engine.index_records(dataset, [models.record(dataset, "x", metadata=value) for value in values])
    length = engine.compute_metrics_for(dataset.metadata_property_by_name("length"))
    weight = engine.compute_metrics_for(dataset.metadata_property_by_name("weight"))
    assert (length.type, length.min, length.max) == ("integer", -3, 7)
    assert (weight.type, weight.min, weight.max) == ("float", 0.5, 2.25)


def test_properties_without_values_have_no_metrics(engine, dataset):
    engine.index_records(dataset, [models.record(dataset, "x")])
    metrics = [engine.compute_metrics_for(each) for each in dataset.metadata_properties]
    assert (metrics[0].total, metrics[0].values) == (0, [])
    assert [(each.min, each.max) for each in metrics[1:]] == [(None, None)] * 2
