"""Sources yield prompts.

A source is a module here with
- `Config`, a pydantic model: its table in the recipe;
- `fingerprint(config) -> str`: a digest of what would be read (a file's SHA-256, a commit), by which a source that has
  not changed is not read again;
- `read(config) -> Iterator[Prompt]`, with a pinned revision and a licence on every prompt.

`read` raises an InputError that says file, line, field, found and wanted on the first row it cannot read. Unique
keys, a known verifier and gold answers that pass it are checked for every source by the collect and screen stages.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Prompt:
    """One problem as its source gives it; `collect` adds ids and hashes."""

    source_key: str
    messages: list[dict[str, str]]
    task: dict[str, Any]
    verifier: str
    problem_text: str
    revision: str
    license: str = "unknown"
    domain: str = ""
    task_family: str = ""
    gold_answer: str | None = None
    group: str | None = None
    origin: str = field(default="", compare=False)
    """Where the row stands, such as `train.jsonl line 12`, for error messages only."""
