"""A recipe with its plug-ins looked up: paths made absolute, settings checked, identities computed."""

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from pipeline import plugins
from pipeline.blobs import read_version, swap
from pipeline.sources import Prompt
from pipeline.store import Run
from schemas.errors import StoreError
from schemas.ids import canonical_json, generator_id
from schemas.recipe import Origin, PluginSettings, Recipe, identity_fields
from schemas.tables import Rollouts

RECIPE_FILE = "recipe.json"


@dataclass(frozen=True)
class Source:
    """A source of the recipe: its name, module and settings."""

    name: str
    kind: str
    module: ModuleType
    config: BaseModel


@dataclass(frozen=True)
class Model:
    """A role of the recipe: its generator's module, settings and identity."""

    role: str
    kind: str
    module: ModuleType
    config: BaseModel
    generator_id: str


@dataclass(frozen=True)
class Resolved:
    """A recipe that is ready to run."""

    recipe: Recipe
    sources: list[Source]
    models: dict[str, Model]

    def prompts(self) -> Iterator[tuple[str, Prompt]]:
        """What the sources offer: (source name, prompt)."""
        for source in self.sources:
            for prompt in source.module.read(source.config):
                yield source.name, prompt

    def identity(self) -> dict[str, Any]:
        """What makes this recipe another recipe: sources, models and band, without their mutable fields."""
        return {
            "sources": {
                source.name: {"kind": source.kind, **identity_fields(source.config)} for source in self.sources
            },
            "models": {role: model.module.identity(model.config) for role, model in self.models.items()},
            "band": identity_fields(self.recipe.band),
        }


def resolve(recipe: Recipe, origin: Origin | None = None) -> Resolved:
    """Look up every plug-in that the recipe names and check its settings, before any work."""
    origin = origin or Origin(recipe.name)
    sources = []
    for name, settings in recipe.sources.items():
        module, config = _configured(recipe, "sources", settings, origin, ("sources", name))
        sources.append(Source(name, settings.kind, module, config))
    models: dict[str, Model] = {}
    for role, settings in recipe.models.items():
        module, config = _configured(recipe, "generators", settings, origin, ("models", role))
        models[role] = Model(role, settings.kind, module, config, generator_id(module.identity(config)))
    exporter = plugins.load("exporters", recipe.export.format, where=_where(origin, ("export", "format")))
    plugins.configure(exporter, recipe.export.options | {"to": recipe.export.to or "export"}, origin, ("export",))
    return Resolved(recipe, sources, models)


def _configured(
    recipe: Recipe, kind: str, settings: PluginSettings, origin: Origin, at: tuple[str, str]
) -> tuple[ModuleType, BaseModel]:
    module = plugins.load(kind, settings.kind, where=_where(origin, (*at, "kind")))
    return module, plugins.configure(module, _absolute(module, settings.options, recipe.data), origin, at)


def _where(origin: Origin, location: tuple[str, ...]) -> str:
    return f"{origin.place(location)}: {'.'.join(location)}"


def _absolute(module: ModuleType, options: Mapping[str, Any], data: str) -> dict[str, Any]:
    """Options with the plug-in's path fields made relative to the recipe's `data` folder; URLs stay as they are."""
    result = dict(options)
    for name, field in module.Config.model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("path") and isinstance(result.get(name), str):
            result[name] = _under(data, result[name])
    return result


def _under(data: str, path: str) -> str:
    if "://" in path or Path(path).is_absolute():
        return path
    return f"{data.rstrip('/')}/{path}" if "://" in data else str(Path(data).expanduser().absolute() / path)


def bind(run: Run, resolved: Resolved) -> None:
    """Tie a run folder to its recipe: once it has rollouts, later commands must agree on the recipe's identity."""
    path = run.path(RECIPE_FILE)
    content, token = read_version(run.fs, path)
    before = _document(path, content) or {}
    identity = resolved.identity()
    if before and run.manifest(Rollouts) and (differs := _differences(before["identity"], identity)):
        raise StoreError(f"{run.url} belongs to another recipe: {differs}; use another --run folder")
    document = {
        "run_id": before.get("run_id") or uuid.uuid4().hex,
        "identity": identity,
        "generators": {
            model.generator_id: {"role": role, "kind": model.kind, **model.module.identity(model.config)}
            for role, model in resolved.models.items()
        },
        "recipe": resolved.recipe.model_dump(mode="json"),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False).encode()
    if text != content:
        swap(run.fs, path, text, token)


def stored_recipe(run: Run) -> dict[str, Any] | None:
    """The document that `bind` wrote: run_id, identity, generators and recipe; None where there is no run yet."""
    path = run.path(RECIPE_FILE)
    return _document(path, read_version(run.fs, path)[0])


def _document(path: str, content: bytes | None) -> dict[str, Any] | None:
    if content is None:
        return None
    document: dict[str, Any] | None = None
    with contextlib.suppress(ValueError):
        document = json.loads(content)
    if not isinstance(document, dict) or not {"run_id", "identity", "recipe"} <= document.keys():
        raise StoreError(f"{path}: not a readable recipe; restore it or use another run")
    return document


def _differences(before: Any, now: Any, name: str = "") -> str:
    """The first field in which two identities differ, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            if found := _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key):
                return found
        return ""
    if canonical_json(before) == canonical_json(now):
        return ""
    return f"{name} was {_shown(before)}, now {_shown(now)}"


def _shown(value: Any) -> str:
    """A value in an error; tables and absent ones in words."""
    if value is None:
        return "not there"
    return "there" if isinstance(value, dict) else canonical_json(value)
