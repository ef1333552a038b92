"""Answers that should follow a JSON schema: how a server is told, and whether an answer does.

Servers drop a schema without a word, so every answer is checked. One that is no JSON comes from a server or a model
that does not know schemas: it stays text, which the plans stage reads as Markdown.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

from pipeline.generators import Reply
from pipeline.hostile import one_line

SCHEMA_VIOLATED = "schema_violated"
"""The error_kind of an answer that is JSON, and complete, but not what the schema asks for."""


def schema_fields(schema: Mapping[str, Any], how: str) -> dict[str, Any]:
    """The fields of a request that hold its answer to a schema; `how` is the setting `structured`."""
    if how == "structured_outputs":
        return {"structured_outputs": {"json": schema}}
    if how == "json_schema":
        named = {"name": "answer", "schema": schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    return {}


def schema_key(schema: Mapping[str, Any] | None) -> str:
    """What two equal schemas share; empty where there is none."""
    return "" if schema is None else json.dumps(schema, sort_keys=True)


def held_to_schema(reply: Reply, key: str) -> Reply:
    """The reply, or a failure where it is complete and violates the schema with this key; empty: there is none.

    What the failure says of model and tokens stays: it was paid for.
    """
    is_complete = key and reply.finish_reason == "stop" and reply.text
    why = violation(reply.text or "", key) if is_complete else None
    if why is None:
        return reply
    return replace(reply, text=None, reasoning=None, finish_reason="error", error_kind=SCHEMA_VIOLATED, error=why)


def tell_unfit(where: str, why: str) -> None:
    """Say, in the log, that answers are no longer held to a schema that a backend cannot follow."""
    logging.getLogger(__name__).warning(
        "%s cannot hold answers to the schema of plans (%s); it goes on without: answers are checked, and read as "
        "Markdown where they are no JSON. Set `structured` to what it can do, or to 'off'",
        where,
        one_line(why, 300),
    )


def violation(text: str, key: str) -> str | None:
    """Where and how an answer violates the schema with this key; null where it does not, or is no JSON.

    >>> violation('{"n": "4"}', '{"properties": {"n": {"type": "integer"}}}')
    "$.n: '4' is not of type 'integer'"
    >>> violation("## Plan", '{"type": "object"}')
    """
    try:
        value = json.loads(text)
        is_checked = isinstance(value, dict | list)
        error = best_match(_validator(key).iter_errors(value)) if is_checked else None
    except (ValueError, RecursionError):  # what is nested too deeply to be read is too deep to be checked a bit sooner
        return None
    return one_line(f"{error.json_path}: {error.message}", 200) if error else None


@lru_cache(maxsize=64)
def _validator(key: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(key))
