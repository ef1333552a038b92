"""The folder is the registry: find a plug-in by its file name and read its settings.

A plug-in is one module in `pipeline/sources`, `generators`, `verifiers` or `exporters`; what it must hold is
written in that package's docstring.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.errors import RecipeError
from schemas.recipe import explain

KINDS = ("sources", "generators", "verifiers", "exporters")


def names(kind: str) -> list[str]:
    """The plug-ins of one kind, sorted.

    >>> names("verifiers")[:2]
    ['math', 'strips']
    """
    package = importlib.import_module(f"pipeline.{kind}")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load(kind: str, name: str, *, where: str = "") -> ModuleType:
    """The module of a plug-in. `where` is the recipe field or file line that named it, for the error."""
    known = names(kind)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise RecipeError(f"{where or kind}: unknown {kind[:-1]} {name!r}; there are {', '.join(known)}{hint}")
    return importlib.import_module(f"pipeline.{kind}.{name}")


def configure(kind: str, name: str, settings: Mapping[str, Any], *, where: str) -> BaseModel:
    """A plug-in's own `Config` from a recipe table, or a RecipeError that names the field."""
    module = load(kind, name, where=where)
    try:
        config: BaseModel = module.Config.model_validate(dict(settings))
    except ValidationError as error:
        raise RecipeError(explain(error, module.Config, where)) from None
    return config
