"""Row identity: 32 hex characters of SHA-256 over canonical JSON of named inputs.

No position, clock, host or path is ever an input. The function of a table's key is the written record of what
its identity depends on; change one and every stored id of that table changes, which `tests/schemas` pins.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

NONE = ""
"""How "none" is written in a key: keys are never null."""


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, no spaces, no NaN, text as it is: equal values give equal text.

    >>> canonical_json({"b": 1, "a": "é"})
    '{"a":"é","b":1}'
    """
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def content_id(kind: str, **inputs: Any) -> str:
    """The id of a row of `kind` whose identity is exactly `inputs`."""
    text = canonical_json({"kind": kind, **inputs})
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def content_hash(messages: Sequence[Mapping[str, Any]], task: Mapping[str, Any]) -> str:
    """What a prompt says and how it is checked; text in Unicode NFC, outer white space ignored."""
    said = [[m["role"], unicodedata.normalize("NFC", m["content"]).strip()] for m in messages]
    return content_id("content", messages=said, task=task)


def prompt_id(source: str, source_key: str, content_hash: str) -> str:
    """A prompt is its source, the source's own key, and its content."""
    return content_id("prompt", source=source, source_key=source_key, content_hash=content_hash)


def generator_id(identity: Mapping[str, Any]) -> str:
    """A generator is its model, revision, template and sampling settings; never its endpoint or concurrency."""
    return content_id("generator", identity=identity)


def rollout_id(
    prompt_id: str,
    generator_id: str,
    sample_index: int,
    *,
    arm: str = "solve",
    phase: str = "screen",
    plan_id: str = NONE,
    step_id: str = NONE,
) -> str:
    """One sample of one generator, in one arm and phase, for one prompt (and plan and step)."""
    return content_id(
        "rollout",
        prompt_id=prompt_id,
        arm=arm,
        plan_id=plan_id,
        step_id=step_id,
        phase=phase,
        generator_id=generator_id,
        sample_index=sample_index,
    )


def plan_id(prompt_id: str, content: Any) -> str:
    """A plan is its prompt and its parsed content (or, where it did not parse, its text)."""
    return content_id("plan", prompt_id=prompt_id, content=content)


def example_id(prompt_id: str, rollout_id: str, plan_id: str, rendering: str) -> str:
    """A training example is a prompt, the rollout that answers it, the plan it shows and how it is rendered."""
    return content_id("example", prompt_id=prompt_id, rollout_id=rollout_id, plan_id=plan_id, rendering=rendering)


def record_id(plan_ids: Sequence[str], kind: str, guideline_version: str) -> str:
    """A record is the plans that it shows people, what they are asked to do, and the guidelines they are given."""
    return content_id("record", plan_ids=list(plan_ids), asked=kind, guideline_version=guideline_version)
