"""The folder is the registry: find a plug-in by its file name and read its settings.

A plug-in is one module in `pipeline/sources`, `generators`, `verifiers` or `exporters`; what it must hold is
written in that package's docstring.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.errors import RecipeError
from schemas.messages import did_you_mean
from schemas.recipe_file import Origin


def names(kind: str) -> list[str]:
    """The plug-ins of one kind, sorted.

    >>> {"math", "strips"} <= set(names("verifiers"))
    True
    """
    return list(_names(tuple(importlib.import_module(f"pipeline.{kind}").__path__)))


@cache
def _names(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(module.name for module in pkgutil.iter_modules(folders)))


def load(kind: str, name: str, *, where: str = "") -> ModuleType:
    """The module of a plug-in. `where` is the recipe field or file line that named it, for the error."""
    known = names(kind)
    if name not in known:
        there = f"there are {', '.join(known)}{did_you_mean(name, known)}"
        raise RecipeError(f"{where}{': ' if where else ''}unknown {kind[:-1]} {name!r}; {there}")
    return importlib.import_module(f"pipeline.{kind}.{name}")


def configure(module: ModuleType, settings: Mapping[str, Any], origin: Origin, at: Sequence[str] = ()) -> BaseModel:
    """A plug-in's own `Config` from the table `at` of a recipe, or a RecipeError that names place and field."""
    try:
        config: BaseModel = module.Config.model_validate(dict(settings))
    except ValidationError as error:
        raise origin.error(error, module.Config, at) from None
    except RecipeError as error:  # not pydantic's own, which would repeat the value
        raise RecipeError(f"{origin.place(at)}: {'.'.join(at)}.{error}") from None
    return config
