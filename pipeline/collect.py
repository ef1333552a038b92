"""Collect prompts: what the sources offer, with ids and hashes, one row a problem.

A row that its source no longer offers stays, marked `is_withdrawn`, because rollouts refer to it: `run` takes the
prompts that were there before, as well as what is offered. `READS` no table of another stage.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from pipeline import plugins
from pipeline.sources import Prompt
from schemas import ids
from schemas.errors import SchemaError
from schemas.messages import short
from schemas.tables import Prompts, frame_of

READS: tuple[()] = ()
WRITES = Prompts


def run(existing: pl.DataFrame, offered: Iterable[tuple[str, Prompt]]) -> pl.DataFrame:
    """The prompts table, sorted by id: one row an offered (source name, prompt) and one a withdrawn row of `existing`.

    A prompt that says something else under its old key is another prompt, and the old one is withdrawn. Raises
    SchemaError where a source gives one key twice or a task is not JSON, RecipeError where there is no such verifier;
    each says where the row stands. Whether the verifier can read the task is for `screen` to decide.
    """
    frame = frame_of(Prompts, list(_rows(offered)))
    gone = existing.join(frame, on="prompt_id", how="anti").with_columns(is_withdrawn=True)
    return pl.concat([frame, gone.select(frame.columns)]).sort("prompt_id")


def _rows(offered: Iterable[tuple[str, Prompt]]) -> Iterator[dict[str, Any]]:
    seen: dict[tuple[str, str], str] = {}
    for source, prompt in offered:
        key = (source, prompt.source_key)
        if key in seen:
            raise SchemaError(
                f"{prompt.origin or source}: source_key {prompt.source_key!r} of source {source!r} was already given "
                f"by {seen[key] or 'an earlier row'}; every row needs a key of its own"
            )
        seen[key] = prompt.origin
        yield _row(source, prompt)


def _row(source: str, prompt: Prompt) -> dict[str, Any]:
    where = prompt.origin or f"source {source} key {prompt.source_key}"
    plugins.load("verifiers", prompt.verifier, where=where)
    try:
        content_hash = ids.content_hash(prompt.messages, prompt.task)
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"{where}: task: found {short(prompt.task)}, wanted JSON values ({error})") from None
    prompt_id = ids.prompt_id(source, prompt.source_key, content_hash)
    has_group = prompt.group is not None
    return {
        "prompt_id": prompt_id,
        "source": source,
        "source_key": prompt.source_key,
        "revision": prompt.revision,
        "license": prompt.license,
        "domain": prompt.domain,
        "task_family": prompt.task_family,
        "messages": prompt.messages,
        "problem_text": prompt.problem_text,
        "content_hash": content_hash,
        "task": ids.canonical_json(prompt.task),
        "verifier": prompt.verifier,
        "gold_answer": prompt.gold_answer,
        "group_id": ids.content_id("group", source=source, group=prompt.group) if has_group else prompt_id,
        "is_withdrawn": False,
    }
