"""A recipe with its plug-ins looked up: paths made absolute, settings checked, identities computed."""

import contextlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from pipeline import plugins
from pipeline.blobs import read_version, swap
from pipeline.store import Run
from schemas.errors import StoreError
from schemas.ids import canonical_json, content_id, generator_id
from schemas.recipe import PluginSettings, Recipe, identity_fields

RECIPE_FILE = "recipe.json"


@dataclass(frozen=True)
class Source:
    """A source of the recipe: its name, module and settings."""

    name: str
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

    def identity(self) -> dict[str, Any]:
        """What makes this recipe another recipe: sources, models and band, without their mutable fields."""
        return {
            "sources": {s.name: {"kind": s.module.__name__, **identity_fields(s.config)} for s in self.sources},
            "models": {role: model.generator_id for role, model in self.models.items()},
            "band": identity_fields(self.recipe.band),
        }


def resolve(recipe: Recipe) -> Resolved:
    """Look up every plug-in that the recipe names and check its settings, before any work."""
    sources = []
    for name, settings in recipe.sources.items():
        config = _configure(recipe, "sources", settings, f"sources.{name}")
        sources.append(Source(name, plugins.load("sources", settings.kind), config))
    models: dict[str, Model] = {}
    for role, settings in recipe.models.items():
        config = _configure(recipe, "generators", settings, f"models.{role}")
        module = plugins.load("generators", settings.kind)
        models[role] = Model(role, settings.kind, module, config, generator_id(module.identity(config)))
    plugins.load("exporters", recipe.export.format, where="export.format")
    return Resolved(recipe, sources, models)


def _configure(recipe: Recipe, kind: str, settings: PluginSettings, where: str) -> BaseModel:
    module = plugins.load(kind, settings.kind, where=f"{recipe.name}: {where}.kind")
    return plugins.configure(
        kind, settings.kind, _absolute(module, settings.options, recipe.data), where=f"{recipe.name}: {where}"
    )


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
    """Tie a run folder to its recipe: the first command writes `recipe.json`, later ones must agree on identity."""
    path = run.path(RECIPE_FILE)
    content, token = read_version(run.fs, path)
    before = _stored(path, content) if content is not None else {}
    identity = resolved.identity()
    if before and (differs := _differences(before["identity"], identity)):
        raise StoreError(f"{run.url} belongs to another recipe: {differs}; use another --run folder")
    document = {
        "run_id": before.get("run_id") or uuid.uuid4().hex,
        "identity": identity,
        "identity_digest": content_id("recipe", identity=identity),
        "generators": {
            model.generator_id: {"role": role, "kind": model.kind, **model.module.identity(model.config)}
            for role, model in resolved.models.items()
        },
        "recipe": resolved.recipe.model_dump(mode="json"),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False).encode()
    if text != content:
        swap(run.fs, path, text, token)


def _stored(path: str, content: bytes) -> dict[str, Any]:
    stored: dict[str, Any] | None = None
    with contextlib.suppress(ValueError):
        stored = json.loads(content)
    if not isinstance(stored, dict) or "identity" not in stored:
        raise StoreError(f"{path}: not a readable recipe; restore it or use another run")
    return stored


def _differences(before: Any, now: Any, name: str = "") -> str:
    """The first field in which two identities differ, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            if found := _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key):
                return found
        return ""
    if canonical_json(before) == canonical_json(now):
        return ""
    return f"{name} was {canonical_json(before)}, now {canonical_json(now)}"
