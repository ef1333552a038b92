"""Plans whose answers are known, asked among the others to see how well each annotator does.

The file has a row a plan: plan_id and verdict, and strategy and abstraction where they are known too.
"""

from collections.abc import Collection
from pathlib import Path

import polars as pl
from pydantic import Field

from annotation.questions import ABSTRACTION, RATINGS, STRATEGY, VERDICT, VERDICTS
from pipeline.required import require_column, require_unique, require_valid
from pipeline.rows import read_rows
from schemas.errors import SchemaError
from schemas.ids import canonical_json
from schemas.messages import short
from schemas.settings import Settings

PLAN_ID = r"^[0-9a-f]{32}$"


class GoldItem(Settings):
    """The known answers on one plan."""

    plan_id: str = Field(description="The plan.")
    verdict: str = Field(description="What should become of it.")
    strategy: int | None = Field(None, description="How good its strategy is; None where that is not known.")
    abstraction: int | None = Field(None, description="How well its steps are cut; None where that is not known.")

    def answers(self) -> str:
        """The known answers as JSON, by question.

        >>> GoldItem(plan_id="a", verdict="keep", strategy=4).answers()
        '{"strategy":4,"verdict":"keep"}'
        """
        return canonical_json(self.model_dump(exclude={"plan_id"}, exclude_none=True))


def read_gold(path: str | Path, plan_ids: Collection[str] | None = None) -> tuple[GoldItem, ...]:
    """The items of a gold file, by plan_id; SchemaError for what `gold_items` and `require_known` refuse."""
    items = gold_items(read_rows(path, ["plan_id", VERDICT]), str(path))
    if plan_ids is not None:
        require_known(items, plan_ids, str(path))
    return items


def gold_items(frame: pl.DataFrame, where: str = "gold") -> tuple[GoldItem, ...]:
    """The rows of a gold file as items, sorted by plan_id; columns of other names are nothing to us.

    Raises SchemaError that begins with `where`: no row, a missing column, a plan_id that is none, a plan that stands
    in two rows, a verdict that is none, a rating that is not a whole number from 1 to 5.
    """
    for name in ("plan_id", VERDICT):
        require_column(name, frame.columns, where)
    if frame.is_empty():
        raise SchemaError(f"{where}: no row; wanted a plan with its known verdict in each, or no gold file at all")
    texts = frame.with_columns(pl.col("plan_id", VERDICT).cast(pl.String))
    is_id = texts["plan_id"].str.contains(PLAN_ID).fill_null(False)
    require_valid(frame, "plan_id", is_id, "the 32 hex characters of a plan_id", where)
    require_unique(texts, "plan_id", where)
    is_verdict = texts[VERDICT].is_in(VERDICTS).fill_null(False)
    require_valid(frame, VERDICT, is_verdict, f"one of {', '.join(VERDICTS)}", where)
    rated = texts.with_columns(_ratings(frame, name, where) for name in (STRATEGY, ABSTRACTION))
    rows = rated.select("plan_id", VERDICT, STRATEGY, ABSTRACTION).sort("plan_id").iter_rows(named=True)
    return tuple(GoldItem(**row) for row in rows)


def require_known(items: Collection[GoldItem], plan_ids: Collection[str], where: str = "gold") -> None:
    """Raise a SchemaError where an item is of no plan of the run, naming the first of them."""
    known = set(plan_ids)
    unknown = sorted(item.plan_id for item in items if item.plan_id not in known)
    if unknown:
        raise SchemaError(
            f"{where}: {len(unknown):,} of {len(items):,} plans are not in this run, the first is {short(unknown[0])}; "
            "wanted ids of the table plans (an edited or re-read plan has another id)"
        )


def _ratings(frame: pl.DataFrame, name: str, where: str) -> pl.Series:
    """A column of ratings, all null where there is none."""
    if name not in frame.columns:
        return pl.repeat(None, frame.height, dtype=pl.Int64, eager=True).alias(name)
    is_empty = frame[name].is_null()
    values = frame[name].cast(pl.Float64, strict=False)
    is_rating = values.is_in([float(rating) for rating in RATINGS]).fill_null(False)
    require_valid(frame, name, is_empty | is_rating, "a whole number from 1 to 5, or nothing", where)
    return values.cast(pl.Int64)
