"""Before the server starts: database, accounts, the status of every record, and a search index that agrees.

Each step can be repeated, and repairs what a killed server left: its queue is in memory, so the jobs that recompute
statuses may be lost, and its index is written after its database.
"""

import json
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import alembic.config
import elasticsearch8
import opensearchpy
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from argilla_server.contexts import accounts
from argilla_server.database import ALEMBIC_CONFIG_FILE, AsyncSessionLocal, async_engine, sync_engine
from argilla_server.enums import DatasetStatus, RecordStatus, ResponseStatus
from argilla_server.models import Dataset, Record, Response, Suggestion, User, Workspace, WorkspaceUser
from argilla_server.search_engine import SearchEngine
from argilla_server.settings import settings
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

SAYS = "prepared: "
"""What starts a line of the log that is for whoever started the server."""

DATA = Path(settings.home_path)
UNFINISHED = DATA / "unfinished"
"""Holds a file for each program that writes to the index and has not come to its end."""

INDEXED_IN = DATA / "indexed-in"
"""Names the search engine that has an index of the database."""

BATCH = 500
NO_INDEX = (elasticsearch8.NotFoundError, opensearchpy.NotFoundError, RuntimeError)


@contextmanager
def unfinished(name: str) -> Iterator[None]:
    """A block that leaves its mark where it does not come to its end."""
    UNFINISHED.mkdir(exist_ok=True)
    mark = UNFINISHED / name
    mark.touch()
    yield
    mark.unlink(missing_ok=True)


def migrate() -> None:
    """Bring the database to this version's tables; at once where it has them.

    SQLite is set to a write-ahead log, once and for all: readers and the writer then do not wait for each other.
    """
    script = ScriptDirectory.from_config(alembic.config.Config(ALEMBIC_CONFIG_FILE))
    with sync_engine.connect() as connection:
        connection.execute(text("PRAGMA journal_mode = WAL"))
        current = MigrationContext.configure(connection).get_current_revision()
    if current != script.get_current_head():
        alembic.config.main(argv=["-c", ALEMBIC_CONFIG_FILE, "upgrade", "head"])


def discard_broken_index() -> None:
    """Take away a file of the embedded search engine that is no database: what it held is made again."""
    path = Path(os.environ.get("ARGILLA_SQLITE_SEARCH_PATH") or DATA / "search.db")
    if settings.search_engine != "sqlite" or not path.exists():
        return
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError:
        for part in path.parent.glob(f"{path.name}*"):
            part.unlink()


async def prepare() -> list[str]:
    """Do everything but the tables; returns a line for each thing that was done."""
    async with AsyncSessionLocal() as db:
        said = await create_accounts(db, json.loads((DATA / "accounts.json").read_text(encoding="utf-8"))["users"])
        n_mended, touched = await mend_statuses(db)
        if n_mended:
            said.append(f"{n_mended} records had another status than their responses make, which was mended")
        said += await mend_index(db, touched)
    await async_engine.dispose()
    return said


async def create_accounts(db: AsyncSession, users: list[dict[str, Any]]) -> list[str]:
    """Make the database's users those of the file; one with another API key gets the file's key and password."""
    for name in dict.fromkeys(name for user in users for name in user["workspaces"]):
        if await Workspace.get_by(db, name=name) is None:
            await Workspace.create(db, name=name)
    changed = [user["username"] for user in users if await _create_account(db, user)]
    return [f"accounts made or given new secrets: {', '.join(changed)}"] if changed else []


async def _create_account(db: AsyncSession, wanted: dict[str, Any]) -> bool:
    """Create or mend one, in one transaction; whether its secrets were set."""
    user = await User.get_by(db, username=wanted["username"])
    is_new = user is None
    if user is None:
        user = User(username=wanted["username"], first_name=wanted["username"], role=wanted["role"])
        db.add(user)
    has_other_key = user.api_key != wanted["api_key"]
    if has_other_key:
        user.api_key, user.password_hash = wanted["api_key"], accounts.hash_password(wanted["password"])
    await db.flush()
    for name in wanted["workspaces"]:
        workspace = await Workspace.get_by_or_raise(db, name=name)
        if is_new or await WorkspaceUser.get_by(db, workspace_id=workspace.id, user_id=user.id) is None:
            db.add(WorkspaceUser(workspace_id=workspace.id, user_id=user.id))
    await db.commit()
    return has_other_key


async def mend_statuses(db: AsyncSession) -> tuple[int, dict[Any, list[Any]]]:
    """Give each record the status that its submitted responses make; returns their number, and the ids by dataset.

    A record is completed where it has at least `min_submitted` of them, as the server's own job decides.
    """
    submitted = (
        select(Response.record_id, func.count().label("n"))
        .where(Response.status == ResponseStatus.submitted)
        .group_by(Response.record_id)
        .subquery()
    )
    touched: dict[Any, list[Any]] = {}
    for dataset_id, distribution in (await db.execute(select(Dataset.id, Dataset.distribution))).all():
        has_enough = func.coalesce(submitted.c.n, 0) >= distribution["min_submitted"]
        for wanted, is_so in ((RecordStatus.completed, has_enough), (RecordStatus.pending, ~has_enough)):
            wrong = (
                select(Record.id)
                .outerjoin(submitted, submitted.c.record_id == Record.id)
                .where(Record.dataset_id == dataset_id, is_so, Record.status != wanted)
            )
            ids = list((await db.execute(wrong)).scalars().all())
            touched[dataset_id] = touched.get(dataset_id, []) + ids
            for start in range(0, len(ids), BATCH):
                some = Record.id.in_(ids[start : start + BATCH])
                await db.execute(update(Record).where(some).values(status=wanted))
    await db.commit()
    return sum(map(len, touched.values())), touched


async def mend_index(db: AsyncSession, touched: dict[Any, list[Any]]) -> list[str]:
    """Index what the index may not have: everything after a kill or in a new engine, else the records that changed."""
    engine_name = f"{settings.search_engine} {os.environ.get('COLDSTART_SEARCH', '')}".strip()
    is_known = INDEXED_IN.is_file() and INDEXED_IN.read_text(encoding="utf-8") == engine_name
    is_certain = is_known and not any(UNFINISHED.glob("*"))
    said = []
    async with SearchEngine.get_by_name(settings.search_engine) as engine:
        async for dataset in _datasets(db):
            if is_certain and await _is_whole(db, engine, dataset):
                async for records in _records(db, dataset, touched.get(dataset.id, [])):
                    await engine.index_records(dataset, records)
            else:
                said.append(f"{await _index(db, engine, dataset)} records of {dataset.name} were indexed again")
    INDEXED_IN.write_text(engine_name, encoding="utf-8")
    for mark in UNFINISHED.glob("*"):
        mark.unlink()
    return said


async def _datasets(db: AsyncSession) -> AsyncIterator[Dataset]:
    parts = (Dataset.fields, Dataset.questions, Dataset.metadata_properties, Dataset.vectors_settings)
    found = await db.execute(
        select(Dataset).where(Dataset.status == DatasetStatus.ready).options(*map(selectinload, parts))
    )
    for dataset in found.scalars().all():
        yield dataset


async def _is_whole(db: AsyncSession, engine: SearchEngine, dataset: Dataset) -> bool:
    """Whether the index has as many records of the dataset as the database."""
    try:
        return bool((await engine.search(dataset, limit=1)).total == await Record.count_by(db, dataset_id=dataset.id))
    except NO_INDEX:
        return False


async def _index(db: AsyncSession, engine: SearchEngine, dataset: Dataset) -> int:
    """Index a dataset from scratch; its number of records."""
    await engine.delete_index(dataset)
    await engine.create_index(dataset)
    ids = (await db.execute(select(Record.id).where(Record.dataset_id == dataset.id))).scalars().all()
    async for records in _records(db, dataset, list(ids)):
        await engine.index_records(dataset, records)
    return len(ids)


async def _records(db: AsyncSession, dataset: Dataset, ids: list[Any]) -> AsyncIterator[list[Record]]:
    """Records with all that is indexed of them, a batch at a time."""
    for start in range(0, len(ids), BATCH):
        found = await db.execute(
            select(Record)
            .where(Record.id.in_(ids[start : start + BATCH]))
            .options(
                selectinload(Record.responses).selectinload(Response.user),
                selectinload(Record.suggestions).selectinload(Suggestion.question),
                selectinload(Record.vectors),
            )
        )
        yield list(found.scalars().all())
        db.expunge_all()
