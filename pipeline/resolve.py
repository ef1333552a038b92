"""A recipe with its plug-ins looked up: paths made absolute, settings checked, identities computed."""

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from pipeline import plugins
from pipeline.blobs import read_version, swap
from pipeline.sources import Prompt
from pipeline.store import Run
from pipeline.template import Template, load_template
from schemas.errors import RecipeError, StoreError
from schemas.ids import canonical_json, generator_id
from schemas.recipe import ModelSettings, PluginSettings, Recipe, identity_fields
from schemas.recipe_file import Origin
from schemas.tables import Rollouts

RECIPE_FILE = "recipe.json"
RECORDED = "replay"
"""The generator that serves a recording: its plans were written with its responses."""

RATED = ("target", "executor")
"""The roles whose answers are counted as independent samples of a pass rate."""


@dataclass(frozen=True)
class Source:
    """A source of the recipe: its name, module and settings."""

    name: str
    kind: str
    module: ModuleType
    config: BaseModel


@dataclass(frozen=True)
class Model:
    """A role of the recipe: its generator's module and settings, the words it is asked in, and its identity."""

    role: str
    kind: str
    module: ModuleType
    config: BaseModel
    template: Template
    generator_id: str

    def identity(self) -> dict[str, Any]:
        """What `generator_id` is the hash of: what the generator says of itself, and the template."""
        said: dict[str, Any] = self.module.identity(self.config)
        return {**said, "template": self.template.name, "template_digest": self.template.digest()}

    def require_unchanged(self) -> None:
        """RecipeError where the files of the model are others than those that `generator_id` was made from."""
        if generator_id(self.identity()) != self.generator_id:
            raise RecipeError(
                f"models.{self.role}: its files have changed since this command began; put them back and run the same "
                "command, or use another --run folder for the new ones"
            )

    def notice(self) -> dict[str, str]:
        """What every card of a data set made with this generator must say, as `notice`; empty where it has nothing."""
        text = self.module.notice(self.config) if hasattr(self.module, "notice") else ""
        return {"notice": text} if text else {}


@dataclass(frozen=True)
class Resolved:
    """A recipe that is ready to run."""

    recipe: Recipe
    sources: list[Source]
    models: dict[str, Model]
    verifiers: dict[str, BaseModel]
    """Settings of the verifiers that the recipe names."""

    def tries_plans(self) -> bool:
        """Whether plans are tried on a model; plans of a recording are not, unless the recipe names an executor."""
        planner = self.models.get("planner")
        return planner is not None and (planner.kind != RECORDED or "executor" in self.models)

    def verifier_settings(self, name: str) -> Any:
        """The settings of a verifier, its defaults where the recipe has none."""
        return self.verifiers.get(name) or plugins.load("verifiers", name).Config()

    def executor(self) -> Model:
        """Who tries the plans: the executor, or the target in its place."""
        return self.models.get("executor") or replace(self.models["target"], role="executor")

    def prompts(self) -> Iterator[tuple[str, Prompt]]:
        """What the sources offer: (source name, prompt)."""
        for source in self.sources:
            for prompt in source.module.read(source.config):
                yield source.name, prompt

    def generators(self) -> dict[str, dict[str, Any]]:
        """generator_id -> identity, kind, role (`target, executor` where one has both) and notice, if it has one."""
        found: dict[str, dict[str, Any]] = {}
        for role, model in self.models.items():
            before = found.get(model.generator_id)
            roles = f"{before['role']}, {role}" if before else role
            found[model.generator_id] = {"role": roles, "kind": model.kind, **model.identity(), **model.notice()}
        return found

    def identity(self) -> dict[str, Any]:
        """What makes this recipe another recipe: sources, models, verifiers, band, without their mutable fields."""
        settings = {name: identity_fields(config) for name, config in self.verifiers.items()}
        verifiers = {name: fields for name, fields in settings.items() if fields}
        return {
            "sources": {
                source.name: {"kind": source.kind, **identity_fields(source.config)} for source in self.sources
            },
            "models": {role: model.identity() for role, model in self.models.items()},
            "band": identity_fields(self.recipe.band),
        } | ({"verifiers": verifiers} if verifiers else {})


def resolve(recipe: Recipe, origin: Origin | None = None) -> Resolved:
    """Look up every plug-in that the recipe names and check its settings, before any work."""
    origin = origin or Origin(recipe.name)
    sources = []
    for name, settings in recipe.sources.items():
        module, config = _configured(recipe, "sources", settings, origin, ("sources", name))
        sources.append(Source(name, settings.kind, module, config))
    models: dict[str, Model] = {r: _model(recipe, r, settings, origin) for r, settings in recipe.models.items()}
    exporter = plugins.load("exporters", recipe.export.format, where=_where(origin, ("export", "format")))
    plugins.configure(exporter, recipe.export.options | {"to": recipe.export.to or "export"}, origin, ("export",))
    return Resolved(recipe, sources, models, configure_verifiers(recipe.verifiers, origin))


def configure_verifiers(settings: Mapping[str, Mapping[str, Any]], origin: Origin) -> dict[str, BaseModel]:
    """The settings of verifiers by name, checked; RecipeError for one that is unknown or has none."""
    found = {}
    for name, options in settings.items():
        at = ("verifiers", name)
        module = plugins.load("verifiers", name, where=_where(origin, at))
        if not hasattr(module, "Config"):
            raise RecipeError(f"{_where(origin, at)}: the verifier {name} has no settings; leave this table out")
        found[name] = plugins.configure(module, options, origin, at)
    return found


def _model(recipe: Recipe, role: str, settings: ModelSettings, origin: Origin) -> Model:
    """A role with its template; a template folder of one's own starts from the recipe's `data` folder, as paths do."""
    at = ("models", role)
    module, config = _configured(recipe, "generators", settings, origin, at)
    if role in RATED and getattr(config, "temperature", None) == 0:
        where = _where(origin, (*at, "temperature"))
        raise RecipeError(f"{where}: found 0, wanted above 0: the same answer every time is no pass rate")
    name = settings.template if "/" not in settings.template else _under(recipe.data, settings.template)
    template = load_template(name, where=_where(origin, (*at, "template")))
    model = Model(role, settings.kind, module, config, template, generator_id="")
    try:
        return replace(model, generator_id=generator_id(model.identity()))
    except RecipeError as error:
        raise RecipeError(f"{_where(origin, at)}: {error}") from None


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
        "generators": resolved.generators(),
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
