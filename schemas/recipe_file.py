"""Recipe files: TOML with overrides, read into settings; what is wrong is one line that names the place."""

import re
import tomllib
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.errors import RecipeError
from schemas.messages import did_you_mean, short
from schemas.recipe import Recipe


@dataclass(frozen=True)
class Origin:
    """Where settings come from, for error messages: a file, its text, and the overrides on top of it."""

    path: str
    text: str = ""
    overrides: tuple[str, ...] = ()

    def place(self, location: Sequence[str]) -> str:
        """Where a field is set: `file line 3`, or `file with --set a.b=c`; only the file where it is not set at all."""
        dotted = ".".join(location)
        for override in reversed(self.overrides):
            name = override.partition("=")[0].strip()
            if f"{name}.".startswith(f"{dotted}.") or f"{dotted}.".startswith(f"{name}."):
                return f"{self.path} with --set {override}"
        line = _line_of(self.text, list(location))
        return f"{self.path} line {line}" if line else self.path

    def error(self, error: ValidationError, model: type[BaseModel], at: Sequence[str] = ()) -> RecipeError:
        """The first problem of settings that stand in the table `at`, as an error of one line."""
        return RecipeError(explain(error, model, self.place([*at, *_location(error)]), at))


def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> tuple[Recipe, Origin]:
    """Read a TOML recipe and apply `a.b=value` overrides; anything wrong is a RecipeError of one line."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except OSError as error:
        raise RecipeError(f"{path}: cannot read the recipe: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from None
    raw = overridden(raw, overrides)
    origin = Origin(str(path), text, tuple(overrides))
    try:
        return Recipe.model_validate(raw), origin
    except ValidationError as error:
        raise origin.error(error, Recipe) from None


def overridden(raw: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Tables with `a.b=value` overrides applied, in place."""
    for override in overrides:
        _override(raw, override)
    return raw


def _override(raw: dict[str, Any], override: str) -> None:
    """Apply `a.b=value` in place. The value is read as TOML, and as a plain string where it is not TOML."""
    name, equals, value = override.partition("=")
    if not equals or not name.strip():
        raise RecipeError(f"--set {override}: wanted NAME=VALUE, such as band.low=0.2")
    *parents, last = [part.strip() for part in name.split(".")]
    for part in parents:
        raw = raw.setdefault(part, {})
        if not isinstance(raw, dict):
            raise RecipeError(f"--set {override}: {part!r} is a value, not a table")
    try:
        raw[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        raw[last] = value


def explain(error: ValidationError, model: type[BaseModel], place: str, at: Sequence[str] = ()) -> str:
    """The first problem of a ValidationError in one line: place, field, found, wanted, nearest valid key.

    `at` is the table that the model was read from; it is put before the field's own name.
    """
    first = _first(error)
    location = _location(error)
    field = ".".join([*at, *location])
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        hint = did_you_mean(location[-1], known, f"there are {', '.join(known)}")
        return f"{place}: unknown key {field!r}{hint}"
    if first["type"] == "missing":
        return f"{place}: {field!r} is missing; it is required"
    if first["type"] == "union_tag_not_found":
        return f"{place}: {f'{field}.{_tag_name(first)}'!r} is missing; it is required"
    if told := _told(first, field):
        return f"{place}: {told}"
    message = first["msg"].removeprefix("Value error, ")
    said = isinstance(first["input"], dict) or repr(first["input"]) in message
    found = "" if said else f", found {short(first['input'])}"
    return f"{place}: {field + ': ' if field else ''}{message[:1].lower() + message[1:]}{found}"


def _told(problem: Any, field: str) -> str:
    """What is wrong with the kind of a table or the length of a list; empty where it is another problem."""
    context = problem.get("ctx", {})
    if problem["type"] == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", context["expected_tags"])
        hint = did_you_mean(context["tag"], known)
        return f"{field}.{_tag_name(problem)}: found {context['tag']!r}, wanted one of {', '.join(known)}{hint}"
    if problem["type"] == "too_short" and isinstance(problem["input"], list):
        least, n_items = context["min_length"], context["actual_length"]
        found = f"found {short(problem['input'])}" if n_items else "found an empty list"
        return f"{field}: {found}, wanted at least {least} item{'s' if least > 1 else ''}"
    return ""


def _tag_name(problem: Any) -> str:
    """The key that says which of several tables one is."""
    return str(problem["ctx"]["discriminator"]).strip("'")


def _first(error: ValidationError) -> Any:
    """The first problem; a misspelt key before the key that is then missing."""
    problems = error.errors(include_url=False)
    return min(problems, key=lambda problem: problem["type"] != "extra_forbidden")


def _location(error: ValidationError) -> list[str]:
    return [str(part) for part in _first(error)["loc"] if part != "[key]"]


def _keys_at(model: type[BaseModel], location: list[str]) -> list[str]:
    """The valid keys of the table at `location`, which also has numbers, kinds and names of tables as parts."""
    models = [model]
    for part in location:
        below = [found for one in models if part in one.model_fields for found in _models(one.model_fields[part])]
        if of_kind := [one for one in models if len(models) > 1 and _kind(one) == part]:
            models = of_kind
        elif below:
            models = below
    return list(dict.fromkeys(key for one in models for key in one.model_fields))


def _models(field: Any) -> list[type[BaseModel]]:
    """The tables that a field may hold, also in lists and unions."""
    found, todo = [], [field.annotation]
    while todo:
        annotation = todo.pop(0)
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found.append(annotation)
        todo += typing.get_args(annotation)
    return found


def _kind(model: type[BaseModel]) -> str | None:
    """The word that tells a table from others in a union: the one value that its `kind` may have."""
    field = model.model_fields.get("kind")
    values = typing.get_args(field.annotation) if field else ()
    return str(values[0]) if len(values) == 1 else None


def _line_of(text: str, location: list[str]) -> int | None:
    """The line of a TOML text that sets `location` (or its nearest parent), from 1; None where it is not there."""
    table: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = [part.strip().strip("\"'") for part in header[1].split(".")]
            found = table
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            found = table + [part.strip("\"'") for part in key[1].split(".")]
        else:
            continue
        if found == location[: len(found)] and (best is None or len(found) > best[0]):
            best = (len(found), number)
    return best[1] if best else None
