"""Prompts from our own puzzles: families with levels, endless, each with a gold solution and a gold plan in its task.

The puzzles of a family and level come in an order that `seed` decides: a larger `size` keeps those before. The puzzles
that the embedded model was trained on are left out unless `held_out` is false.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.plan_text import parse_plan, render_plan
from pipeline.puzzles import FAMILIES, VERSION, Puzzle, check_level, puzzles
from pipeline.sources import Prompt
from schemas.errors import RecipeError
from schemas.ids import canonical_json, content_id
from schemas.messages import did_you_mean
from schemas.recipe import Settings

VERIFIER = "procedural"

PATIENCE = 2_000
PATIENCE_EACH = 50
"""A level is taken to have no more puzzles after so many draws, and so many for each one found, without a new one."""


class Config(Settings):
    """Our own puzzles, `size` of each family and level."""

    families: dict[str, Annotated[list[int], Field(min_length=1)]] = Field(
        {name: list(family.levels) for name, family in FAMILIES.items()},
        min_length=1,
        description="The levels of each family, such as `countdown = [3, 4]`; families that are not named have none.",
    )
    size: int = Field(
        ge=1,
        le=100_000,
        description="Puzzles of each family and level; a larger one keeps those before.",
        json_schema_extra={"mutable": True},
    )
    seed: int = Field(0, description="Another seed gives other puzzles.")
    largest: int | None = Field(None, description="Largest number that is given; empty: the family's own, 12.")
    wording: Literal["full", "short"] = Field(
        "full", description="`full` explains the puzzle; `short` is what the embedded model reads."
    )
    held_out: bool = Field(True, description="Only puzzles that the embedded model was not trained on.")
    license: str = Field("Apache-2.0", description="SPDX id of the licence.")
    revision: str = Field("", description="Version of the puzzles; empty: that of the code that makes them.")

    @field_validator("families")
    @classmethod
    def _are_known(cls, families: dict[str, list[int]]) -> dict[str, list[int]]:
        for name, levels in families.items():
            if name not in FAMILIES:
                hint = did_you_mean(name, FAMILIES, f"there are {', '.join(FAMILIES)}")
                raise ValueError(f"unknown family {name!r}{hint}")
            for level in levels:
                check_level(name, level)
        return {name: sorted(set(families[name])) for name in sorted(families)}

    @model_validator(mode="after")
    def _numbers_are_large_enough(self) -> "Config":
        for name, levels in self.families.items():
            check_level(name, levels[0], self.largest)
        return self


def fingerprint(config: Config) -> str:
    """Hash of the version of the puzzles and of all settings."""
    return content_id("puzzles", version=VERSION, settings=config.model_dump())


def read(config: Config) -> Iterator[Prompt]:
    """`size` different puzzles of each family and level, sorted by these.

    Raises RecipeError where a family and level has fewer.
    """
    for family, levels in config.families.items():
        for level in levels:
            found = list(islice(_different(config, family, level), config.size))
            if len(found) < config.size:
                raise RecipeError(_too_few(config, family, level, len(found)))
            yield from (_prompt(puzzle, config) for puzzle in found)


def _different(config: Config, family: str, level: int) -> Iterator[Puzzle]:
    """The puzzles of a family and level in their order, none twice, until no new one comes."""
    seen: set[str] = set()
    n_vain = 0
    for puzzle in puzzles(family, level, seed=config.seed, largest=config.largest):
        if (puzzle.is_held_out() or not config.held_out) and puzzle.key() not in seen:
            seen.add(puzzle.key())
            n_vain = 0
            yield puzzle
        elif (n_vain := n_vain + 1) > PATIENCE + PATIENCE_EACH * len(seen):
            return


def _too_few(config: Config, family: str, level: int, n: int) -> str:
    kind = "held-out puzzles" if config.held_out else "puzzles"
    numbers = f" with numbers up to {config.largest}" if config.largest else ""
    more = " (or set held_out = false)" if config.held_out else ""
    return (
        f"source procedural: {family} of level {level} has only {n} different {kind}{numbers}, wanted {config.size}; "
        f"set size = {n} or less, or leave {level} out of families.{family}{more}"
    )


def _prompt(puzzle: Puzzle, config: Config) -> Prompt:
    text = puzzle.wording if config.wording == "full" else puzzle.text
    gold = {"gold_steps": list(puzzle.steps), "gold_plan": gold_plan(puzzle)}
    return Prompt(
        source_key=puzzle.key(),
        messages=[{"role": "user", "content": text}],
        task={**puzzle.task, **gold},
        verifier=VERIFIER,
        problem_text=puzzle.text,
        revision=config.revision or VERSION,
        license=config.license,
        domain="math",
        task_family=puzzle.family,
        gold_answer=puzzle.answer,
        group=puzzle.group,
        origin=f"{puzzle.family} level {puzzle.level}: {puzzle.text}",
    )


def gold_plan(puzzle: Puzzle) -> str:
    """The puzzle's plan in the words in which the pipeline shows plans, which `parse_plan` reads."""
    said = {"strategy": puzzle.strategy, "steps": list(puzzle.plan)}
    return render_plan(parse_plan(canonical_json(said))._asdict())
