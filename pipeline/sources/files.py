"""Prompts from a file: JSONL (also .gz), Parquet or CSV, with the recipe saying which column holds what.

The revision is the file's SHA-256 unless the recipe names another; where the file stands does not matter.
"""

from collections.abc import Iterator

from pydantic import Field

from pipeline.columns import RowSettings, prompts_of
from pipeline.rows import file_digest, iter_records, place
from pipeline.sources import Prompt


class Config(RowSettings):
    """Rows of one file."""

    path: str = Field(
        description="The file, relative to the recipe's `data` folder, or a URL.",
        json_schema_extra={"mutable": True, "path": True},
    )
    revision: str = Field("", description="Version of the file; empty: its SHA-256.")


def fingerprint(config: Config) -> str:
    """The file's SHA-256."""
    return file_digest(config.path)


def read(config: Config) -> Iterator[Prompt]:
    """One prompt a row that `where` lets through, in file order; equal rows give one prompt."""
    revision = config.revision or file_digest(config.path)
    rows = ((place(config.path, number), record) for number, record in iter_records(config.path))
    yield from prompts_of(rows, config, revision, config.license or "unknown", config.path)
