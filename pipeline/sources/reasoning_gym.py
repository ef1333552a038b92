"""Prompts from the reasoning-gym library: families of puzzles that are made on the spot, as many as asked for.

The same seed and settings give the same prompts, and a larger `size` adds to them. Only families that passed the
admission test can be used (docs/reasoning-gym.md). The verifier is `reasoning_gym`.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline import gym
from pipeline.limited import CallFailed, OutOfTime
from pipeline.sources import Prompt
from schemas.errors import RecipeError
from schemas.recipe import Settings

VERIFIER = "reasoning_gym"
INSTRUCTION = "Give the final answer between <answer> and </answer>."
CHUNK = 20
"""Entries that are made in one call."""


class Config(Settings):
    """Puzzles of some of the library's families."""

    families: list[str] = Field(min_length=1, description="The families, such as `countdown`.")
    size: int = Field(100, ge=1, le=1_000_000, description="Prompts of each family.")
    seed: int = Field(0, ge=0, lt=2**31, description="Another seed, other puzzles; far apart, as nearby ones overlap.")
    settings: dict[str, dict[str, Any]] = Field({}, description="For a family, its own settings, which make it harder.")
    instruction: str = Field(INSTRUCTION, description="What to do, after the problem; empty: nothing.")
    license: str = Field("Apache-2.0", description="SPDX id of the licence.")
    revision: str = Field("", description="The version of reasoning-gym that must be installed; empty: the tested one.")

    @field_validator("families")
    @classmethod
    def _admitted(cls, families: list[str]) -> list[str]:
        for family in families:
            if error := gym.family_error(family):
                raise ValueError(error)
            if families.count(family) > 1:
                raise ValueError(f"{family!r} is there twice")
        return families

    @model_validator(mode="after")
    def _settings_of_families(self) -> "Config":
        if strays := sorted(self.settings.keys() - set(self.families)):
            raise ValueError(f"settings: {strays[0]!r} is none of the families, which are {', '.join(self.families)}")
        return self


def fingerprint(config: Config) -> str:
    """The version of the library."""
    return _version(config)


def read(config: Config) -> Iterator[Prompt]:
    """`size` prompts of each family, in the order of the recipe.

    Raises RecipeError for settings that a family does not have or refuses, and for another version of the library.
    """
    version = _version(config)
    for family, settings in config.settings.items():
        if error := gym.settings_error(family, settings):
            raise RecipeError(f"settings: {error}")
    for family in config.families:
        for start in range(0, config.size, CHUNK):
            for index, entry in enumerate(_entries(config, family, start), start):
                yield _prompt(config, family, index, entry, version)


def _version(config: Config) -> str:
    version = gym.version()
    wanted = config.revision or gym.listed_version()
    if version != wanted:
        raise RecipeError(
            f"found reasoning-gym {version}, wanted {wanted}, which {'`revision` names' if config.revision else ''}"
            f"{'' if config.revision else 'the families were tested with'}; pip install reasoning-gym=={wanted}"
        )
    return version


def _entries(config: Config, family: str, start: int) -> list[dict[str, Any]]:
    settings, stop = config.settings.get(family, {}), min(start + CHUNK, config.size)
    try:
        found: list[dict[str, Any]] = gym.workers.call(
            gym.entries, family, settings, config.seed, start, stop, seconds=gym.CALL_SECONDS
        )
    except OutOfTime:
        raise RecipeError(
            f"{family}: {stop - start} entries took more than {gym.CALL_SECONDS:.0f} s; make its settings easier"
        ) from None
    except CallFailed as error:
        raise RecipeError(f"{family}: entries {start} to {stop - 1} cannot be made: {error}") from None
    return found


def _prompt(config: Config, family: str, index: int, entry: dict[str, Any], version: str) -> Prompt:
    settings = config.settings.get(family)
    return Prompt(
        source_key=f"{family}-{config.seed}-{index}",
        messages=[{"role": "user", "content": "\n\n".join(filter(None, (entry["question"], config.instruction)))}],
        task={"dataset": family, "entry": entry} | ({"settings": settings} if settings else {}),
        verifier=VERIFIER,
        problem_text=entry["question"],
        revision=version,
        license=config.license,
        domain="reasoning",
        task_family=family,
        gold_answer=entry["answer"],
        origin=f"{family} entry {index}",
    )
