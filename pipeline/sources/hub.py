"""Prompts from a Hugging Face data set at a pinned revision, streamed, with its licence from its card.

Nothing is downloaded as a whole. `HF_ENDPOINT` and `HF_TOKEN` are read from the environment, as everywhere in that
ecosystem.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import Field, field_validator

from pipeline.columns import RowSettings, prompts_of
from pipeline.sources import Prompt
from schemas.errors import BackendError, RecipeError

TIMEOUT_S = 30


class Config(RowSettings):
    """Rows of one split of a data set on the Hub."""

    dataset: str = Field(description="The data set's id, such as `openai/gsm8k`.", pattern=r"^[\w.-]+(/[\w.-]+)?$")
    revision: str = Field(description="The full commit hash (40 characters) that is read.")
    subset: str = Field("", description="The subset (configuration) of the data set; empty: its default.")
    split: str = Field("train", description="The split, such as train or test.")

    @field_validator("revision")
    @classmethod
    def _is_commit(cls, revision: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise ValueError(
                "wanted a full commit hash of 40 characters, because branches and tags move; "
                "copy one from the data set's page, Files and versions, History"
            )
        return revision


class Split(NamedTuple):
    """One split of a data set at a revision."""

    dataset: str
    revision: str
    subset: str
    split: str

    def name(self) -> str:
        """What messages call it."""
        return "/".join(part for part in (self.dataset, self.subset, self.split) if part)


def fingerprint(config: Config) -> str:
    """The commit that is read."""
    return config.revision


def read(config: Config) -> Iterator[Prompt]:
    """One prompt a row that `where` lets through; equal rows give one prompt.

    Raises RecipeError where the data set, revision, subset or split cannot be reached, and BackendError where
    reading breaks off later.
    """
    split = Split(config.dataset, config.revision, config.subset, config.split)
    license = _card_license(split, config.license)  # asked first: it fails fast where nothing can be reached
    yield from prompts_of(rows(split), config, config.revision, license, split.name())


def info(split: Split) -> Any:
    """What the Hub knows of the data set at the revision; RecipeError where it cannot be reached."""
    import httpx2  # what huggingface_hub speaks HTTP with; its errors come through
    from huggingface_hub import HfApi

    try:
        return HfApi().dataset_info(split.dataset, revision=split.revision, timeout=TIMEOUT_S)
    except (httpx2.HTTPError, OSError, ValueError) as error:
        raise _unreachable(split, error) from None


def _card_license(split: Split, license: str | None) -> str:
    """The recipe's licence, else the one on the data set's card (several are joined by OR), else `unknown`."""
    found = info(split)
    if license:
        return license
    card: dict[str, Any] = found.card_data.to_dict() if found.card_data else {}
    named = card.get("license_name") if card.get("license") == "other" else card.get("license")
    return " OR ".join(named) if isinstance(named, list) else str(named or "unknown")


def rows(split: Split) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its number, from 1, in the data set's own order."""
    import datasets
    import httpx2

    expected = (httpx2.HTTPError, OSError, ValueError, datasets.exceptions.DatasetsError)
    try:
        stream = datasets.load_dataset(
            split.dataset, split.subset or None, split=split.split, revision=split.revision, streaming=True
        )
    except expected as error:
        raise _unreachable(split, error) from None
    number = 0
    try:
        for number, row in enumerate(stream, 1):
            yield f"{split.name()} row {number}", row
    except expected as error:
        raise BackendError(f"{split.name()}: reading broke off after row {number}: {_short(error)}") from None


def _unreachable(split: Split, error: Exception) -> RecipeError:
    from huggingface_hub.constants import ENDPOINT

    return RecipeError(
        f"{split.name()} at {split.revision[:12]}: cannot be read from {ENDPOINT}: {_short(error)}; check the id, "
        "revision, subset and split, the network, and HF_TOKEN where the data set is gated or private"
    )


def _short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
