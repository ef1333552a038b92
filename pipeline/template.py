"""Prompt templates: what a role is sent in each arm, as versioned files; `{problem}`, `{plan}` and such are filled in.

A template is a folder in `pipeline/templates/`, or one of your own: a file a kind of request, named below. The text of
all files is part of every `generator_id`, so that rollouts of two wordings are never mixed. A template that is in use
never changes: a better wording is a new folder, `plain-2` beside `plain-1`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from schemas.errors import RecipeError
from schemas.ids import content_id
from schemas.messages import did_you_mean

FOLDER = Path(__file__).parent / "templates"

FIELDS: Mapping[str, frozenset[str]] = {
    "solve": frozenset({"problem"}),
    "guess": frozenset({"problem"}),
    "strategies": frozenset({"problem", "n"}),
    "write_plan": frozenset({"problem"}),
    "expand": frozenset({"problem", "strategy"}),
    "execute": frozenset({"problem", "plan"}),
    "plan_only": frozenset({"problem", "plan"}),
}
"""Each file of a template and the fields that it may use. `expand` writes the plan of one listed strategy."""


@dataclass(frozen=True)
class Template:
    """The texts of one template by kind of request."""

    name: str
    texts: Mapping[str, str]

    def digest(self) -> str:
        """Hash of all texts."""
        return content_id("template", texts=dict(self.texts))

    def messages(self, kind: str, messages: Sequence[Mapping[str, str]], **fields: str) -> list[dict[str, str]]:
        """The prompt's messages with the last of the user put into the template; the others stay as they are."""
        sent = [dict(message) for message in messages]
        last = max((i for i, message in enumerate(sent) if message["role"] == "user"), default=None)
        if last is None:
            return [*sent, {"role": "user", "content": self.texts[kind].format(problem="", **fields).strip()}]
        problem = sent[last]["content"]
        sent[last]["content"] = self.texts[kind].format(problem=problem, **fields)
        return sent


def load_template(name: str, *, where: str = "template") -> Template:
    """A template by the name of its folder in `pipeline/templates/`, or by the path of another folder.

    Raises RecipeError that begins with `where`: an unknown name, a missing file, a field that a file may not use.
    """
    folder = Path(name) if "/" in name else FOLDER / name
    if not folder.is_dir():
        raise RecipeError(f"{where}: {_unknown(name)}")
    texts = {kind: _text(folder / f"{kind}.txt", kind, where) for kind in FIELDS}
    return Template(name if "/" not in name else folder.name, texts)


def template_names() -> list[str]:
    """The templates that come with the project, sorted."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


def _unknown(name: str) -> str:
    if "/" in name:
        return f"there is no template folder {name}; begin with a copy: cp -r {FOLDER / 'plain-1'} {name}"
    known = template_names()
    hint = did_you_mean(name, known, f"there are {', '.join(known)}")
    return f"unknown template {name!r}{hint} (a folder of your own is named with a slash, such as ./{name})"


def _text(path: Path, kind: str, where: str) -> str:
    try:
        text = path.read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        begin = f"begin with a copy: cp {FOLDER / 'plain-1' / path.name} {path}"
        raise RecipeError(f"{where}: {path}: there is no such file; {begin}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{where}: {path}: cannot read this file of the template: {error}") from None
    try:
        fields = {
            _as_written(field, spec, conversion)
            for _, field, spec, conversion in Formatter().parse(text)
            if field is not None
        }
    except ValueError as error:
        raise RecipeError(f"{where}: {path}: {error}; a brace that is meant as such is doubled, as in {{{{") from None
    if unknown := sorted(fields - FIELDS[kind]):
        allowed = ", ".join(f"{{{field}}}" for field in sorted(FIELDS[kind]))
        raise RecipeError(
            f"{where}: {path}: unknown field {{{unknown[0]}}}; {kind}.txt may use {allowed} "
            "(a brace that is meant as such is doubled)"
        )
    if missing := sorted(FIELDS[kind] - fields - {"n"}):
        raise RecipeError(f"{where}: {path}: {{{missing[0]}}} is missing, so that the model would never see it")
    return text


def _as_written(field: str, spec: str | None, conversion: str | None) -> str:
    """A field with its format, which no template needs and which could fail on a request."""
    return field + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
