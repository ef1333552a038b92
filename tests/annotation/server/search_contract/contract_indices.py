"""Indices and what they say of themselves."""

import models
import pytest


def test_it_answers(engine):
    assert engine.ping()
    assert engine.info()["version"]["number"]


def test_a_new_index_is_empty(engine, dataset):
    assert engine.found(dataset) == []
    assert engine.get_dataset_progress(dataset) == {"total": 0}


def test_datasets_do_not_see_each_other(engine, dataset):
    other = models.dataset()
    engine.create_index(other)
    engine.index_records(dataset, [models.record(dataset, "red fox")])
    assert engine.found(other, "fox") == []
    engine.delete_index(other)
    assert len(engine.found(dataset, "fox")) == 1


def test_a_deleted_index_is_gone_and_can_be_deleted_again(engine, dataset):
    engine.index_records(dataset, [models.record(dataset, "red fox")])
    engine.delete_index(dataset)
    engine.delete_index(dataset)
    engine.create_index(dataset)
    assert engine.found(dataset) == []


def test_a_dataset_without_an_index_is_an_error(engine):
    with pytest.raises(Exception, match=r"index"):
        engine.search(models.dataset())


@pytest.mark.embedded
def test_creating_an_index_again_empties_it(engine, dataset):
    engine.index_records(dataset, [models.record(dataset, "red fox")])
    engine.create_index(dataset)
    assert engine.found(dataset) == []


def test_a_property_made_later_is_known_of_records_indexed_later(engine, dataset):
    added = models.MetadataProperty(
        id=models.uuid4(), name="late", settings={"type": "terms"}, dataset_id=dataset.id, dataset=dataset
    )
    engine.configure_metadata_property(dataset, added)
    engine.index_records(dataset, [models.record(dataset, "red fox", metadata={"late": "yes"})])
    assert [each.term for each in engine.compute_metrics_for(added).values] == ["yes"]


def test_vectors_made_later_are_known_of_records_indexed_later(engine, dataset):
    added = models.VectorSettings(id=models.uuid4(), name="late", dimensions=2, dataset_id=dataset.id, dataset=dataset)
    engine.configure_index_vectors(added)
    record = models.record(dataset, "red fox")
    record.vectors = [models.Vector(id=models.uuid4(), value=[1.0, 0.0], vector_settings_id=added.id)]
    record.vectors[0].vector_settings = added
    engine.index_records(dataset, [record])
    assert engine.similarity_search(dataset, added, value=[1.0, 0.0]).items[0].record_id == record.id
