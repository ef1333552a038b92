"""Rows as prompts: which column holds what, as the recipe's `columns` table says it.

Shared by the sources that read rows, `files` and `hub`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pydantic import Field, field_validator, model_validator

from pipeline import plugins
from pipeline.records import Record, Row, matches, messages_in, parsed, value_at
from pipeline.rows import json_text
from pipeline.sources import Prompt
from schemas.errors import RecipeError, SchemaError
from schemas.ids import content_hash
from schemas.messages import short
from schemas.recipe import Settings


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
    rows: Iterable[tuple[str, Record]], config: RowSettings, revision: str, license: str, where: str
) -> Iterator[Prompt]:
    """Prompts of (where it stands, record) pairs; a row that says the same as an earlier one is passed over.

    Raises SchemaError on the first row that cannot be read, on a source key that names two different rows, and, with
    `where`, if there is no row.
    """
    seen: dict[str, tuple[str, str]] = {}
    for origin, record in rows:
        if not matches(record, config.where, origin):
            continue
        prompt = _prompt(Row(record, config.columns, origin), config, revision, license)
        said = hashlib.sha256(json_text(asdict(prompt) | {"origin": ""}).encode()).hexdigest()
        first, before = seen.setdefault(prompt.source_key, (origin, said))
        if before != said:
            raise SchemaError(
                f"{origin}: source_key {prompt.source_key!r} is already that of {first}, a different row; "
                "name a column with a key of its own for each row, or none"
            )
        if first == origin:
            yield prompt
    if not seen:
        raise SchemaError(f"{where}: no row{' that `where` lets through' if config.where else ''}; wanted one")


def _prompt(row: Row, config: RowSettings, revision: str, license: str) -> Prompt:
    names = config.columns
    messages = _messages(row, names, config.system)
    task = config.task | _task(row, names.task)
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


def _messages(row: Row, columns: Columns, system: str) -> list[dict[str, str]]:
    """The prompt as messages; the system message goes before those that have none."""
    if columns.text:
        messages = [{"role": "user", "content": row.text("text")}]
    else:
        messages = messages_in(row.value("messages")) or []
        if not messages:
            raise row.wrong("messages", row.value("messages"), 'a list such as [{"role": "user", "content": "..."}]')
        if messages[-1]["role"] == "assistant":
            raise row.wrong("messages", messages[-1], "a prompt; the last message is an answer: take it out")
    if system and all(message["role"] != "system" for message in messages):
        messages.insert(0, {"role": "system", "content": system})
    return messages


def _task(row: Row, columns: str | dict[str, str]) -> dict[str, Any]:
    """What the row says of the verifier's task; a field that is null is left out."""
    if isinstance(columns, dict):
        found = {field: value_at(row.record, name, row.origin) for field, name in columns.items()}
    elif columns:
        found = parsed(row.value("task"))
        if not isinstance(found, Mapping):
            raise row.wrong("task", found, "a JSON object")
    else:
        found = {}
    return {field: value for field, value in found.items() if value is not None}


def _hash(messages: list[dict[str, str]], task: Record, origin: str) -> str:
    try:
        return content_hash(messages, task)
    except (TypeError, ValueError) as error:
        raise SchemaError(f"{origin}: task: found {short(task)}, wanted JSON values ({error})") from None
