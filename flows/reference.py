"""Write the reference pages from the code: `python -m flows.reference` renews docs/command-line.md and docs/recipe.md.

A test fails while the pages on disk differ from what this makes.
"""

import inspect
import json
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from flows.cli import cli
from pipeline import plugins
from schemas.recipe import ModelSettings, PluginSettings, Recipe

PLANS = [
    "## What a recorded plan may look like",
    "",
    "JSON (`strategy`, and `steps` with `goal`, `how` and more), a numbered or bulleted list, or one action a line; a",
    "line `Strategy: ...` before it is kept apart. A plan belongs to the response in the same row of the recording.",
    "",
]
ROLES = [
    "## `[sources.NAME]` and `[models.ROLE]`",
    "",
    "`kind` names the plug-in, such as `files` or `openai_server`; its own settings stand beside it, and are listed",
    "below. A source has a name of your choice. The roles of models are:",
    "",
    "| role | what it does | without it |",
    "|---|---|---|",
    "| `target` | is the model to be trained: its pass rate defines the band | the recipe is refused |",
    "| `strong` | is sampled beside the target: `[keep]` says what it decides ([difficulty.md](difficulty.md)) | the "
    "target alone decides |",
    "| `planner` | writes plans for the prompts that are kept | no plans are written |",
    "| `executor` | tries the plans | the target does |",
    "| `judge` | judges answers that no rule can ([judging.md](judging.md)) | prompts with the verifier `judge` are "
    "refused |",
    "",
    "Beside the settings of its generator, every role has the words in which it is asked ([templates](templates.md)):",
    "",
]
DOCS = Path(__file__).resolve().parents[1] / "docs"


def command_line_page() -> str:
    """Every verb with its own help text."""
    context = click.Context(cli, info_name="coldstart", **cli.context_settings)
    about = inspect.cleandoc(cli.help or "")
    lines = ["# The command line", "", "Made by `python -m flows.reference`; do not edit.", "", about, ""]
    for verb in _verbs(cli, context):
        lines += [f"## {verb.command_path}", "", "```text", verb.command.get_help(verb), "```", ""]
    return "\n".join(lines)


def _verbs(group: click.Group, context: click.Context) -> Iterator[click.Context]:
    """The context of each verb in order, those of a group after it."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        verb = click.Context(command, parent=context, info_name=name)
        yield verb
        if isinstance(command, click.Group):
            yield from _verbs(command, verb)


def recipe_page() -> str:
    """Every setting of a recipe and of every plug-in, with type, default and meaning."""
    lines = ["# Recipe settings", "", "Made by `python -m flows.reference`; do not edit.", ""]
    lines += [
        "A recipe is a TOML file. Settings marked *may change* can differ between two commands on one run folder;",
        "any other change is another recipe and needs another run folder. `--set a.b=c` overrides a setting. What a",
        "verifier is given with each prompt is its task; `[verifiers.NAME]` holds settings of those that have any.",
        "",
    ]
    plain = {name: field for name, field in Recipe.model_fields.items() if not _section(field)}
    lines += ["## The recipe itself", "", *_table(plain)]
    of_roles = {n: field for n, field in ModelSettings.model_fields.items() if n not in PluginSettings.model_fields}
    lines += [*ROLES, *_table(of_roles)]
    for name, section in _sections(ModelSettings):
        lines += _titled(f"### `[models.ROLE.{name}]`", section)
    for name, section in _sections(Recipe):
        lines += _titled(f"## `[{name}]`", section)
    for kind, table in (("sources", "sources.NAME"), ("generators", "models.ROLE"), ("exporters", "export")):
        for plugin in plugins.names(kind):
            config = plugins.load(kind, plugin).Config
            lines += _titled(f"## {kind[:-1]} `{plugin}` (`[{table}]`)", config)
            for name, section in _sections(config):
                lines += _titled(f"### `[{table}.{name}]` of `{plugin}`", section)
    for plugin in plugins.names("verifiers"):
        module = plugins.load("verifiers", plugin)
        lines += _titled(f"## verifier `{plugin}`: the fields of its task", module.Task)
        if hasattr(module, "Config"):
            lines += _titled(f"### `[verifiers.{plugin}]`", module.Config)
    return "\n".join([*lines, *PLANS])


def _section(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation is not PluginSettings:
        return annotation
    return None


def _sections(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The fields of a model that are tables of their own, with what these hold."""
    for name, field in model.model_fields.items():
        if section := _section(field):
            yield name, section


def _titled(title: str, model: type[BaseModel]) -> list[str]:
    """A model's settings under a title, with the first paragraph of its docstring."""
    about = " ".join((model.__doc__ or "").split("\n\n")[0].split())
    return [title, "", about, "", *_table(model.model_fields)]


def _table(fields: dict[str, FieldInfo]) -> list[str]:
    rows = [" | ".join(_row(name, field)) for name, field in fields.items()]
    return [
        "| setting | type | default | may change | meaning |",
        "|---|---|---|---|---|",
        *(f"| {r} |" for r in rows),
        "",
    ]


def _row(name: str, field: FieldInfo) -> Iterator[str]:
    extra = field.json_schema_extra
    default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
    yield f"`{name}`"
    yield f"{_type(field.annotation)}{_bounds(field)}".replace("|", "\\|")
    yield default.replace("|", "\\|")
    yield "yes" if isinstance(extra, dict) and extra.get("mutable") else ""
    yield (field.description or "").replace("|", "\\|")


def _shown(default: Any) -> str:
    if isinstance(default, BaseModel):
        return "see its table"
    return "none" if default is None else f"`{json.dumps(default)}`"


def _type(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Annotated:
        return _type(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is list:
        return f"list of {_type(typing.get_args(annotation)[0])}"
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(annotation))
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return " or ".join(_type(part) for part in typing.get_args(annotation) if part is not type(None))
    if typing.get_origin(annotation) is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table"
    return getattr(annotation, "__name__", str(annotation))


def _bounds(field: FieldInfo) -> str:
    signs = {"Ge": ">=", "Gt": ">", "Le": "<=", "Lt": "<"}
    found = [f"{signs[kind]} {getattr(m, kind.lower())}" for m in field.metadata if (kind := type(m).__name__) in signs]
    return f", {', '.join(found)}" if found else ""


def main() -> None:
    """Renew the pages."""
    (DOCS / "command-line.md").write_text(command_line_page())
    (DOCS / "recipe.md").write_text(recipe_page())


if __name__ == "__main__":
    main()
