"""Export for supervised fine-tuning: a folder of Parquet files and a card that `datasets.load_dataset` opens.

`figures/` holds the pictures of the card and their numbers, where matplotlib is installed; it is no part of the data.
"""

import io
from dataclasses import replace

import polars as pl
from pydantic import Field

from pipeline.card import SPLITS, render_card
from pipeline.evidence import Evidence
from pipeline.figures.pictures import can_draw, draw, is_figure
from pipeline.folder import README, replace_folder
from schemas.errors import InputError
from schemas.recipe import Settings

FIGURES = "figures"


class Config(Settings):
    """Where the data set goes and what it is called."""

    to: str = Field(min_length=1, description="Folder or fsspec URL; an earlier export there is replaced.")
    title: str = Field("", description="Title of the card; empty: the recipe's name.")


def export(examples: pl.DataFrame, evidence: Evidence, config: Config) -> str:
    """Write the data set and return where it went.

    Raises InputError where there are no examples, StoreError where `to` holds anything but an earlier export or
    cannot be written.
    """
    if examples.is_empty():
        raise InputError("nothing to export: the run has no examples; `coldstart funnel` shows where rows were lost")
    pictures = draw(evidence.difficulty, "png") if can_draw() else ()
    card = render_card(replace(evidence, name=config.title or evidence.name), examples, pictures, FIGURES)
    figures = {f"{FIGURES}/{name}": content for each in pictures for name, content in each.files().items()}
    replace_folder(config.to, {**_splits(examples), **figures, README: card.encode()}, "export", _is_ours)
    return config.to


def _is_ours(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    return name in {_part(split) for split in SPLITS} or (folder == FIGURES and is_figure(file))


def _part(split: str) -> str:
    return f"data/{split}-00000.parquet"


def _splits(examples: pl.DataFrame) -> dict[str, bytes]:
    """File name -> Parquet bytes, for each split that has rows; enums as strings so that every reader opens it."""
    files = {}
    for split in SPLITS:
        rows = examples.filter(pl.col("split") == split).sort("example_id")
        if rows.height:
            buffer = io.BytesIO()
            rows.with_columns(pl.col(pl.Enum).cast(pl.String)).write_parquet(buffer, compression="zstd")
            files[_part(split)] = buffer.getvalue()
    return files
