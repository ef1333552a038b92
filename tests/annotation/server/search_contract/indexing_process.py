"""A process that indexes until it is killed: `python indexing_process.py <dataset id> <batch size> [<batches>]`.

It prints the number of each batch when the engine has said that it is in the index.
"""

import asyncio
import sys
from itertools import count
from uuid import UUID

import models
from sqlite_search.engine import SQLiteSearchEngine


async def main(dataset_id: str, size: str, n_batches: str = "") -> None:
    """Index batches of records with the word `batch<number>` each."""
    engine = await SQLiteSearchEngine.new_instance()
    dataset = models.dataset(vectors=["embedding"])
    dataset.id = UUID(dataset_id)
    user = models.user()
    for number in range(int(n_batches)) if n_batches else count():
        records = []
        for _ in range(int(size)):
            fields = {"prompt": f"batch{number} " + "some more words " * 30}
            records.append(
                models.record(dataset, fields, metadata={"length": number}, vector=[1.0] * models.DIMENSIONS)
            )
            models.response(records[-1], user, quality=3)
        await engine.index_records(dataset, records)
        print(number, flush=True)  # noqa: T201  # the parent reads it


asyncio.run(main(*sys.argv[1:]))
