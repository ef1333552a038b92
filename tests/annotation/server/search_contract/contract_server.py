"""The server's own code calls the engine, with models as it loads them from a database; and `search-engine reindex`."""

import pytest
from argilla_server.api.schemas.v1.records_bulk import RecordsBulkCreate
from argilla_server.api.schemas.v1.responses import SubmittedResponseUpsert
from argilla_server.bulk.records_bulk import CreateRecordsBulk
from argilla_server.contexts import datasets as server
from argilla_server.database import AsyncSessionLocal, async_engine
from argilla_server.enums import DatasetDistributionStrategy, DatasetStatus, ResponseStatus, UserRole
from argilla_server.models import (
    Dataset,
    Field,
    MetadataProperty,
    Question,
    Record,
    Response,
    Suggestion,
    User,
    VectorSettings,
    Workspace,
)
from argilla_server.models.base import DatabaseModel
from argilla_server.search_engine import MetadataFilterScope, ResponseFilterScope, SuggestionFilterScope, TermsFilter
from sqlalchemy import select
from sqlalchemy.orm import selectinload


@pytest.fixture(scope="module")
def run(engine, loop):
    """Runs the server's functions in the engine's event loop, on tables that are there for this module."""

    async def tables():
        async with async_engine.begin() as connection:
            await connection.run_sync(DatabaseModel.metadata.create_all)

    loop.run_until_complete(tables())
    yield loop.run_until_complete
    loop.run_until_complete(async_engine.dispose())


@pytest.fixture(scope="module")
def made(run, engine):
    """A published dataset in the database with three records, as the server makes them, and an annotator."""

    async def make():
        async with AsyncSessionLocal() as db:
            workspace = Workspace(name="contract")
            user = User(first_name="one", username="one", role=UserRole.annotator, password_hash="x")
            dataset = Dataset(
                name="contract",
                workspace=workspace,
                status=DatasetStatus.ready,
                distribution={"strategy": DatasetDistributionStrategy.overlap, "min_submitted": 1},
                fields=[Field(name="prompt", title="Prompt", settings={"type": "text"})],
                questions=[
                    Question(
                        name="verdict",
                        title="Verdict",
                        settings={
                            "type": "label_selection",
                            "options": [{"value": v, "text": v, "description": None} for v in ("keep", "fix")],
                        },
                    )
                ],
                metadata_properties=[MetadataProperty(name="source", title="Source", settings={"type": "terms"})],
                vectors_settings=[VectorSettings(name="embedding", title="Embedding", dimensions=2)],
            )
            db.add_all([workspace, user, dataset])
            await db.commit()
            await _create_records(db, engine._engine, await _loaded(db, dataset.id))
            return dataset.id, user.id

    return run(make())


async def _loaded(db, dataset_id):
    relations = [Dataset.fields, Dataset.questions, Dataset.metadata_properties, Dataset.vectors_settings]
    return await Dataset.get_or_raise(db, dataset_id, options=[selectinload(relation) for relation in relations])


async def _create_records(db, engine, dataset):
    await engine.create_index(dataset)
    items = [
        {
            "fields": {"prompt": f"fox number {i}"},
            "metadata": {"source": "web" if i else "book"},
            "vectors": {"embedding": [1.0, float(i)]},
            "suggestions": [{"question_id": dataset.questions[0].id, "value": "keep", "score": 0.5}],
        }
        for i in range(3)
    ]
    await CreateRecordsBulk(db, engine).create_records_bulk(dataset, RecordsBulkCreate(items=items))


async def _with_answer(engine, made):
    async with AsyncSessionLocal() as db:
        relations = selectinload(Record.dataset).selectinload(Dataset.questions)
        record = (await db.execute(select(Record).order_by(Record.inserted_at).options(relations))).scalars().first()
        user = await User.get_or_raise(db, made[1])
        values = {"verdict": {"value": "fix"}}
        upsert = SubmittedResponseUpsert(record_id=record.id, values=values, status=ResponseStatus.submitted)
        await server.upsert_response(db, engine._engine, record, user, upsert)
        return record.id, user


def _dataset(made):
    return Dataset(id=made[0], status=DatasetStatus.ready)


def test_records_made_by_the_server_are_found(engine, made):
    dataset = _dataset(made)
    assert len(engine.found(dataset, "fox")) == 3
    assert len(engine.found(dataset, filter=TermsFilter(MetadataFilterScope("source"), ["web"]))) == 2
    assert len(engine.found(dataset, filter=TermsFilter(SuggestionFilterScope("verdict", "value"), ["keep"]))) == 3
    assert engine.get_dataset_progress(dataset) == {"total": 3, "pending": 3}


def test_an_answer_saved_by_the_server_is_found_and_completes_the_record(run, engine, made):
    record_id, user = run(_with_answer(engine, made))
    dataset, mine = _dataset(made), ResponseFilterScope(property="status", user=user)
    assert engine.found(dataset, filter=TermsFilter(mine, ["submitted"])) == [record_id]
    assert engine.found(dataset, filter=TermsFilter(ResponseFilterScope(question="verdict"), ["fix"])) == [record_id]
    assert engine.get_dataset_progress(dataset) == {"total": 3, "pending": 2, "completed": 1}
    assert engine.get_dataset_user_progress(dataset, user) == {"total": 1, "submitted": 1}


def test_reindexing_makes_the_same_index_from_the_database(run, engine, made):
    from argilla_server.cli.search_engine.reindex import Reindexer

    async def reindex():
        async with AsyncSessionLocal() as db:
            async for dataset in Reindexer.reindex_datasets(db, engine._engine):
                async for _ in Reindexer.reindex_dataset_records(db, engine._engine, dataset):
                    pass

    dataset = _dataset(made)
    before = sorted(engine.found(dataset, "fox"))
    engine.delete_index(dataset)
    run(reindex())
    assert sorted(engine.found(dataset, "fox")) == before
    assert len(engine.found(dataset, filter=TermsFilter(ResponseFilterScope(question="verdict"), ["fix"]))) == 1
    settings = VectorSettings(id=run(_vector_settings_id(made)), name="embedding", dimensions=2, dataset_id=dataset.id)
    assert engine.similarity_search(dataset, settings, value=[1.0, 0.0], max_results=9).total == 3


async def _vector_settings_id(made):
    async with AsyncSessionLocal() as db:
        return (await _loaded(db, made[0])).vectors_settings[0].id


def test_an_answer_and_a_suggestion_deleted_by_the_server_are_gone(run, engine, made):
    async def delete():
        async with AsyncSessionLocal() as db:
            of_record = selectinload(Response.record).selectinload(Record.dataset)
            response = (await db.execute(select(Response).options(of_record))).scalars().first()
            await server.delete_response(db, engine._engine, response)
            relations = [
                selectinload(Suggestion.record).selectinload(Record.dataset),
                selectinload(Suggestion.question),
            ]
            suggestion = (await db.execute(select(Suggestion).options(*relations))).scalars().first()
            await server.delete_suggestion(db, engine._engine, suggestion)

    run(delete())
    dataset = _dataset(made)
    assert engine.found(dataset, filter=TermsFilter(ResponseFilterScope(question="verdict"), ["fix"])) == []
    assert len(engine.found(dataset, filter=TermsFilter(SuggestionFilterScope("verdict", "value"), ["keep"]))) == 2
    assert engine.get_dataset_progress(dataset)["pending"] == 3
