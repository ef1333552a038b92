"""The chat template of a model folder, rendered as transformers does: jinja2 in a sandbox, with the same helpers."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline.local_model.folder import INSTALL, read_json
from schemas.errors import RecipeError
from schemas.messages import first_line

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

Render = Callable[[Sequence[Mapping[str, str]], Mapping[str, Any]], str]
"""Messages and the values that a template may use, to text. Raises TemplateRefusedError."""


class TemplateRefusedError(Exception):
    """The model's template does not take these messages, such as two of the user in a row."""


def template_source(folder: Path) -> str:
    """chat_template.jinja, else the one in tokenizer_config.json; of several named ones `default`.

    Raises RecipeError where the folder has none.
    """
    path = folder / "chat_template.jinja"
    if path.is_file():
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{path}: cannot be read: {first_line(error)}; copy it again from the model") from None
    given = read_json(folder / "tokenizer_config.json").get("chat_template")
    if isinstance(given, list):
        named = {str(entry.get("name")): entry.get("template") for entry in given if isinstance(entry, dict)}
        given = next(iter(named.values())) if len(named) == 1 else named.get("default")
    if not isinstance(given, str):
        raise RecipeError(
            f"{folder}: no chat template, so messages cannot be put to this model; wanted chat_template.jinja, or "
            "chat_template in tokenizer_config.json (a base model has none: use its instruct version)"
        )
    return given


def compiled(source: str, folder: Path) -> Render:
    """A function that renders the template; raises RecipeError where it is not valid."""
    try:
        from jinja2 import TemplateError, TemplateSyntaxError
    except ImportError:
        raise RecipeError(f"{folder}: its chat template needs the library jinja2; {INSTALL}") from None
    try:
        template = _environment().from_string(source)
    except TemplateSyntaxError as error:
        raise RecipeError(f"{folder}: the chat template is not valid: {first_line(error)}") from None

    def render(messages: Sequence[Mapping[str, str]], values: Mapping[str, Any]) -> str:
        try:
            return template.render(messages=messages, **values)
        except (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
            raise TemplateRefusedError(first_line(error)) from None

    return render


def _environment() -> "ImmutableSandboxedEnvironment":
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks what to train on; here it changes nothing."""

        tags = {"generation"}  # noqa: RUF012 the type that jinja2 declares

        def parse(self, parser: Any) -> nodes.Node:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def refuse(message: str) -> NoReturn:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals.update(raise_exception=refuse, strftime_now=_now)
    return environment


def _now(form: str) -> str:
    return datetime.now().strftime(form)


def _to_json(value: Any, **options: Any) -> str:
    """JSON as transformers writes it in templates: nothing escaped for HTML, letters as they are."""
    return json.dumps(value, **{"ensure_ascii": False, **options})
