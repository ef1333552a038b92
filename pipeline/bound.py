"""The recipe of a run folder: written by the first command, and what later ones must agree with."""

import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from pipeline.blobs import read_version, swap
from pipeline.store import Run
from schemas.errors import StoreError
from schemas.ids import canonical_json
from schemas.tables import Rollouts

if TYPE_CHECKING:
    from pipeline.resolve import Resolved

RECIPE_FILE = "recipe.json"


def bind(run: Run, resolved: "Resolved") -> None:
    """Tie a run folder to its recipe: once it has rollouts, later commands must agree on the recipe's identity."""
    path = run.path(RECIPE_FILE)
    content, token = read_version(run.fs, path)
    before = _document(path, content) or {}
    identity = resolved.identity()
    if before and run.manifest(Rollouts) and (differs := _differences(before["identity"], identity)):
        raise StoreError(f"{run.url} belongs to another recipe: {differs}; use another --run folder")
    document = {
        "run_id": before.get("run_id") or uuid.uuid4().hex,
        "identity": identity,
        "generators": resolved.generators(),
        "recipe": resolved.recipe.model_dump(mode="json"),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False).encode()
    if text != content:
        swap(run.fs, path, text, token)


def stored_recipe(run: Run) -> dict[str, Any] | None:
    """The document that `bind` wrote: run_id, identity, generators and recipe; None where there is no run yet."""
    path = run.path(RECIPE_FILE)
    return _document(path, read_version(run.fs, path)[0])


def _document(path: str, content: bytes | None) -> dict[str, Any] | None:
    if content is None:
        return None
    document: dict[str, Any] | None = None
    with contextlib.suppress(ValueError):
        document = json.loads(content)
    if not isinstance(document, dict) or not {"run_id", "identity", "recipe"} <= document.keys():
        raise StoreError(f"{path}: not a readable recipe; restore it or use another run")
    return document


def _differences(before: Any, now: Any, name: str = "") -> str:
    """The first field in which two identities differ, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            if found := _differences(before.get(key), now.get(key), f"{name}.{key}" if name else key):
                return found
        return ""
    if canonical_json(before) == canonical_json(now):
        return ""
    return f"{name} was {_shown(before)}, now {_shown(now)}"


def _shown(value: Any) -> str:
    """A value in an error; tables and absent ones in words."""
    if value is None:
        return "not there"
    return "there" if isinstance(value, dict) else canonical_json(value)
