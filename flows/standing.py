"""Where the annotation of a run stands: what is open, how far people agree, and whether that is enough to go on."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from annotation import adjudicate
from annotation.agreement.table import agreement_rows
from pipeline.people import VERDICT
from pipeline.store import Run
from schemas.recipe import Recipe
from schemas.tables import Annotations, Plans, Queue


@dataclass(frozen=True)
class Standing:
    """What was decided, and the agreement of the annotators' verdicts; `alpha` is None where it is undefined."""

    decided: dict[str, int]
    """Plans by how they were decided: unanimous, majority, adjudicator, open."""

    n_for_adjudicator: int = 0
    """Open plans that are the adjudicator's."""

    n_answers: int = 0
    n_annotators: int = 0
    n_paired: int = 0
    alpha: float | None = None
    interval: tuple[float, float] | None = None
    min_submitted: int = 2

    @property
    def n_open(self) -> int:
        """Plans that wait for annotators or for the adjudicator."""
        return self.decided.get(adjudicate.OPEN, 0)

    def lack(self, minimum: float) -> str:
        """Why annotation is not done, in a clause; empty where it is.

        Agreement is no question where one answer a record was asked for, nor where all answers are equal: alpha is
        undefined then.
        """
        if self.n_open:
            return f"{self.n_open:,} of {sum(self.decided.values()):,} plans are open"
        if self.alpha is None:
            is_asked = self.min_submitted > 1 and not self.n_paired
            return "no plan has the verdicts of two annotators" if is_asked else ""
        return f"agreement is {self.alpha:.3f}, below {minimum:g}" if self.alpha < minimum else ""

    def sentence(self) -> str:
        """The agreement in words."""
        if self.alpha is None:
            why = "all verdicts are equal" if self.n_paired else "no record has two verdicts"
            return f"undefined ({why})"
        low_high = f", {self.interval[0]:.3f} to {self.interval[1]:.3f} at 95 %" if self.interval else ""
        return f"{self.alpha:.3f}{low_high}"


def standing_of(run: Run, recipe: Recipe) -> Standing:
    """Read it from the tables of a run; what is on the server and was not pulled does not count."""
    queue, annotations = run.read(Queue), run.read(Annotations)
    config = adjudicate.Config(min_submitted=recipe.annotate.min_submitted)
    decided = adjudicate.run(queue, annotations, run.read(Plans), config)
    counts = dict(decided.group_by("how").len().sort("how").rows())
    row = _agreement(queue, annotations, run.url)
    sent_up = queue.filter(pl.col("kind") == adjudicate.ADJUDICATION).select(plan_id=pl.col("plan_ids").list.first())
    low, high = row.get("ci_low"), row.get("ci_high")
    return Standing(
        counts,
        n_for_adjudicator=decided.filter(how=adjudicate.OPEN).join(sent_up, on="plan_id", how="semi").height,
        n_answers=row.get("n_values", 0),
        n_annotators=row.get("n_annotators", 0),
        n_paired=row.get("n_paired", 0),
        alpha=row.get("alpha"),
        interval=None if low is None or high is None else (low, high),
        min_submitted=recipe.annotate.min_submitted,
    )


def _agreement(queue: pl.DataFrame, annotations: pl.DataFrame, where: str) -> dict[str, Any]:
    """The row of the annotators' verdicts, without the adjudicator's; empty where there are none."""
    sent_up = queue.filter(pl.col("kind") == adjudicate.ADJUDICATION)
    verdicts = annotations.filter(pl.col("question") == VERDICT).join(sent_up, on="record_id", how="anti")
    if verdicts.is_empty():
        return {}
    return next(iter(agreement_rows(verdicts, where=f"{where}: annotations").iter_rows(named=True)), {})
