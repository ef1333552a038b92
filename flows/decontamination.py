"""Decontamination as steps: benchmark rows, what the rules say of prompts, traces and plans, and their self-test.

Without benchmarks there are no steps, but on a run that once had some, whose tables are emptied.
"""

from collections.abc import Iterator
from typing import Any

from flows.row_wise import Step, batch
from pipeline import decontaminate, decontaminate_outputs, runner, store
from pipeline.data_folder import under
from pipeline.resolve import RECORDED, Resolved
from pipeline.rows import SUFFIXES, file_digest
from pipeline.store import Run
from schemas.errors import RecipeError
from schemas.ids import generator_id
from schemas.recipe import Decontaminate, Recipe
from schemas.tables import Benchmarks

RULES_ONLY = {"benchmarks": [], "self_test": 0, "rephraser": ""}
"""Settings that change nothing of what rules say: the table has the benchmarks."""


def prompts_decontaminated(run: Run, resolved: Resolved) -> Iterator[Step]:
    """What stands before the screen; the self-test measures the rules as the recipe has them.

    Raises RecipeError where the rephraser is neither a server nor a model of the recipe that can be asked.
    """
    recipe = resolved.recipe
    if _is_off(run, recipe):
        return
    from pipeline.contamination import self_test

    rephraser = _rephraser(resolved)
    yield Step("benchmarks", [lambda _: _collect(run, recipe)])
    yield batch(run, decontaminate, _rules(recipe))
    settings = recipe.decontaminate.model_dump() | {"benchmarks": []}
    yield batch(run, self_test, self_test.Config(**settings, **rephraser))


def outputs_decontaminated(run: Run, recipe: Recipe, arm: str) -> Iterator[Step]:
    """What stands before `choices`; `arm` as there."""
    if not _is_off(run, recipe):
        settings = _rules(recipe).model_dump() | {"annotated_only": recipe.assemble.annotated_only}
        config = decontaminate_outputs.Config(**settings, arm=arm)
        yield batch(run, decontaminate_outputs, config)


def _is_off(run: Run, recipe: Recipe) -> bool:
    return not recipe.decontaminate.benchmarks and run.manifest(Benchmarks) is None


def _rephraser(resolved: Resolved) -> dict[str, Any]:
    """The model that rewords rows, and of the recipe's own what it is; nothing where `rephraser` is empty."""
    from pipeline.contamination.chat import ChatModel, chat_model

    name = resolved.recipe.decontaminate.rephraser
    if not name:
        return {}
    if "://" in name:
        return {"generator": chat_model(name, "rephraser")}
    model = resolved.models.get(name)
    if model is None:
        there = ", ".join(role for role, model in resolved.models.items() if model.kind != RECORDED)
        raise RecipeError(
            f"decontaminate.rephraser: found {name!r}, wanted URL#MODEL, or a role of the recipe's models that "
            f"can be asked: {there or 'there is none'}"
        )
    if model.kind == RECORDED:
        raise RecipeError(
            f"decontaminate.rephraser: models.{name} is a recording, which cannot be asked; name another role, or "
            "URL#MODEL"
        )
    identity = model.module.identity(model.config)
    return {"rephraser_id": generator_id(identity), "generator": ChatModel(model.module, model.config)}


def _rules(recipe: Recipe) -> Decontaminate:
    return recipe.decontaminate.model_copy(update=RULES_ONLY)


def _collect(run: Run, recipe: Recipe) -> None:
    """Read the benchmarks, unless they are those of before; what a branch on the Hub was then stays for the run."""
    from pipeline.contamination import benchmarks

    specs, folder = recipe.decontaminate.benchmarks, recipe.data
    made_by = store.Provenance(
        benchmarks.__name__,
        config={"benchmarks": specs},
        inputs={spec: _digest(spec.partition("#")[0], folder) for spec in specs},
        source_digest=runner.source_digest(benchmarks),
    )
    if (before := run.manifest(Benchmarks)) and made_by.matches(before):
        return
    rows = benchmarks.read_benchmarks(specs, folder) if specs else Benchmarks.create_empty()
    store.publish(run, Benchmarks, rows, made_by)


def _digest(name: str, folder: str) -> str:
    """SHA-256 of a benchmark that is a file; "" of others."""
    return file_digest(under(folder, name)) if name.lower().endswith(SUFFIXES) else ""
