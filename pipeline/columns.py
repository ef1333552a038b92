"""Rows as prompts: which column holds what, as the recipe's `columns` table says it.

Shared by the sources that read rows (`files`, `hub`); `value_at` also serves recordings.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline import plugins
from pipeline.rows import json_text, require_column
from pipeline.sources import Prompt
from schemas.errors import RecipeError, SchemaError
from schemas.ids import content_hash
from schemas.recipe import Settings

Record = Mapping[str, Any]


class Columns(Settings):
    """Which column holds what; `a.b` is the field b of the column a; empty: there is none."""

    text: str = Field("", description="The prompt as one text (or give `messages`).")
    messages: str = Field("", description="The prompt as a list of {role, content} (or give `text`).")
    source_key: str = Field("", description="The source's own key of a row; empty: the hash of its content.")
    problem_text: str = Field("", description="The problem without its template; empty: the last message.")
    task: str | dict[str, str] = Field(
        "", description="A column with the verifier's task as an object or JSON, or a table: task field = column."
    )
    gold_answer: str = Field("", description="The source's own answer.")
    group: str = Field("", description="Rows of one group are never split between train and validation.")
    domain: str = Field("", description="Column that overrides `domain`.")
    task_family: str = Field("", description="Column that overrides `task_family`.")

    @model_validator(mode="after")
    def _one_prompt_column(self) -> "Columns":
        if bool(self.text) is bool(self.messages):
            raise ValueError("give the prompt's column as text or as messages, one of the two")
        return self


class RowSettings(Settings):
    """What the sources that read rows have in common."""

    columns: Columns = Field(description="Which column holds what: text or messages, source_key, task, ...")
    verifier: str = Field(description="File name of the verifier, such as `math`.")
    task: dict[str, Any] = Field({}, description="Task fields with one value for all rows.")
    where: dict[str, Any] = Field({}, description="Only rows whose column has this value (or one of a list).")
    system: str = Field("", description="System message put before prompts that have none.")
    license: str = Field("", description="SPDX id of the licence; empty: what the source says, else `unknown`.")
    domain: str = Field("", description="Broad field, such as math or planning.")
    task_family: str = Field("", description="Kind of task within the domain.")

    @field_validator("verifier")
    @classmethod
    def _verifier_exists(cls, name: str) -> str:
        try:
            plugins.load("verifiers", name)
        except RecipeError as error:
            raise ValueError(str(error)) from None
        return name


def prompts_of(
    rows: Iterable[tuple[str, Record]], config: RowSettings, revision: str, license: str
) -> Iterator[Prompt]:
    """Prompts of (where it stands, record) pairs; a row that says the same as an earlier one is passed over.

    Raises SchemaError on the first row that cannot be read, and on a source key that names two different rows.
    """
    seen: dict[str, tuple[str, str]] = {}
    for origin, record in rows:
        if not matches(record, config.where, origin):
            continue
        prompt = _prompt(_Row(record, config.columns, origin), config, revision, license)
        said = hashlib.sha256(json_text(asdict(prompt) | {"origin": ""}).encode()).hexdigest()
        first, before = seen.setdefault(prompt.source_key, (origin, said))
        if before != said:
            raise SchemaError(
                f"{origin}: source_key {prompt.source_key!r} is already that of {first}, a different row; "
                "name a column with a key of its own for each row, or none"
            )
        if first == origin:
            yield prompt


def value_at(record: Record, name: str, origin: str) -> Any:
    """The value of a column; `a.b` reads into nested objects, null where one of them is null.

    Raises SchemaError, which says which columns there are, where there is no such column.

    >>> value_at({"usage": {"tokens": 3}}, "usage.tokens", "f.jsonl line 1")
    3
    """
    if name in record:
        return record[name]
    value: Any = record
    for part in name.split("."):
        if value is None:
            break
        if not isinstance(value, Mapping) or part not in value:
            require_column(name, record, origin)
        value = value[part]
    return value


def matches(record: Record, where: Mapping[str, Any], origin: str) -> bool:
    """Whether every column that `where` names has the wanted value, or one of a list of them; true is not 1.

    >>> matches({"style": "zero_shot", "n": 1}, {"style": ["zero_shot", "one_shot"], "n": 1}, "f.jsonl line 1")
    True
    """
    for name, wanted in where.items():
        value = value_at(record, name, origin)
        options = wanted if isinstance(wanted, list) else [wanted]
        if not any(value == option and isinstance(value, bool) is isinstance(option, bool) for option in options):
            return False
    return True


@dataclass(frozen=True)
class _Row:
    """One record, read field by field; each error says where, which field and column, what was found and wanted."""

    record: Record
    columns: Columns
    origin: str

    def value(self, field: str) -> Any:
        """The value of the field's column; None where the recipe names no column."""
        name = getattr(self.columns, field)
        return value_at(self.record, name, self.origin) if name else None

    def optional(self, field: str) -> str | None:
        """Text, a number as text, or None."""
        value = self.value(field)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(field, value, "text or a number")
        return json_text(value)

    def text(self, field: str) -> str:
        """Text that must be there."""
        value = self.optional(field)
        if value is None or not value.strip():
            raise self.wrong(field, value, "text that is not empty")
        return value

    def wrong(self, field: str, found: Any, wanted: str) -> SchemaError:
        """The error for a value that does not fit its field."""
        return SchemaError(f"{self.origin}: {field} ({self._named(field)}): found {_short(found)}, wanted {wanted}")

    def _named(self, field: str) -> str:
        return f"column {getattr(self.columns, field)!r}"


def _prompt(row: _Row, config: RowSettings, revision: str, license: str) -> Prompt:
    messages = _messages(row, config.system)
    task = config.task | _task(row)
    names = row.columns
    return Prompt(
        source_key=row.text("source_key") if names.source_key else _hash(messages, task, row.origin),
        messages=messages,
        task=task,
        verifier=config.verifier,
        problem_text=row.text("problem_text") if names.problem_text else messages[-1]["content"],
        revision=revision,
        license=license,
        domain=row.optional("domain") or config.domain,
        task_family=row.optional("task_family") or config.task_family,
        gold_answer=row.optional("gold_answer"),
        group=row.optional("group"),
        origin=row.origin,
    )


def _messages(row: _Row, system: str) -> list[dict[str, str]]:
    """The prompt as messages of role and content; other keys of a message are left out."""
    if row.columns.text:
        messages = [{"role": "user", "content": row.text("text")}]
    else:
        found = _parsed(row.value("messages"))
        if not isinstance(found, list) or not found or not all(_is_message(message) for message in found):
            raise row.wrong("messages", found, 'a list such as [{"role": "user", "content": "..."}]')
        if found[-1]["role"] == "assistant":
            raise row.wrong("messages", found[-1], "a prompt; the last message is an answer: take it out")
        messages = [{"role": message["role"], "content": message["content"]} for message in found]
    if system and all(message["role"] != "system" for message in messages):
        messages.insert(0, {"role": "system", "content": system})
    return messages


def _is_message(message: Any) -> bool:
    return isinstance(message, Mapping) and all(isinstance(message.get(key), str) for key in ("role", "content"))


def _task(row: _Row) -> dict[str, Any]:
    """What the row says of the verifier's task; a field that is null is left out."""
    columns = row.columns.task
    if isinstance(columns, dict):
        found = {field: value_at(row.record, name, row.origin) for field, name in columns.items()}
    elif columns:
        found = _parsed(row.value("task"))
        if not isinstance(found, Mapping):
            raise row.wrong("task", found, "a JSON object")
    else:
        found = {}
    return {field: value for field, value in found.items() if value is not None}


def _parsed(value: Any) -> Any:
    """JSON text as its value, where it is JSON; anything else as it is."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _hash(messages: list[dict[str, str]], task: Record, origin: str) -> str:
    try:
        return content_hash(messages, task)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"{origin}: task: found {_short(task)}, wanted JSON values ({error})") from None


def _short(value: Any, limit: int = 80) -> str:
    text = json_text(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
