"""Where annotation stands, by a run's tables: what was asked and decided, how far people agree, how well each does."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from annotation import adjudicate
from annotation.adjudicate import ADJUDICATION, OPEN
from annotation.agreement.table import agreement_rows
from annotation.questions import ABSTRACTION, RANKING, STRATEGY, VERDICT
from pipeline.store import Run
from schemas.annotation import Annotate
from schemas.tables import Annotations, Plans, Queue

MEASURED = (VERDICT, STRATEGY, ABSTRACTION, RANKING)
"""Questions on which people can agree: marks and texts are read, not counted."""


@dataclass(frozen=True)
class Standing:
    """Records asked, plans by how they were decided, how many open ones are the adjudicator's, and the agreement."""

    n_asked: int
    decided: dict[str, int]
    n_for_adjudicator: int
    min_submitted: int
    agreement: pl.DataFrame = field(repr=False)
    """Rows of `agreement_rows`, of the annotators; none where nobody answered."""

    @property
    def n_open(self) -> int:
        """Plans that wait for annotators or for the adjudicator."""
        return self.decided.get(OPEN, 0)

    @property
    def is_done(self) -> bool:
        """Whether people were asked, and every plan is decided."""
        return self.n_asked > 0 and self.n_open == 0

    @property
    def verdicts(self) -> dict[str, Any]:
        """The row of `agreement` on the verdicts; empty where there are none."""
        return next(iter(self.agreement.filter(question=VERDICT).iter_rows(named=True)), {})

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha of the verdicts; None where it is undefined."""
        return self.verdicts.get("alpha")

    def lack(self, minimum: float) -> str:
        """Why annotation is not done, in a clause; empty where it is.

        Agreement is no question where one answer a record was asked for, nor where all answers are equal: alpha is
        undefined then.
        """
        if self.n_open:
            return f"{self.n_open:,} of {sum(self.decided.values()):,} plans are open"
        if self.alpha is None:
            is_asked = self.min_submitted > 1 and not self.verdicts.get("n_paired")
            return "no plan has the verdicts of two annotators" if is_asked else ""
        return f"agreement is {self.alpha:.3f}, below {minimum:g}" if self.alpha < minimum else ""

    def sentence(self) -> str:
        """The agreement on the verdicts in words."""
        if self.alpha is None:
            why = "all verdicts are equal" if self.verdicts.get("n_paired") else "no record has two verdicts"
            return f"undefined ({why})"
        low, high = self.verdicts["ci_low"], self.verdicts["ci_high"]
        return f"{self.alpha:.3f}" + ("" if low is None else f", {low:.3f} to {high:.3f} at 95 %")


def standing(run: Run, settings: Annotate) -> Standing:
    """Where the annotation of a run stands; what is on the server and was not pulled does not count."""
    queue, annotations = run.read(Queue), run.read(Annotations)
    config = adjudicate.Config(min_submitted=settings.min_submitted)
    decided = adjudicate.run(queue, annotations, run.read(Plans), config)
    is_for_adjudicator = pl.col("kind") == ADJUDICATION
    sent_up = queue.filter(is_for_adjudicator).select(plan_id=pl.col("plan_ids").list.first())
    return Standing(
        n_asked=queue.filter(~is_for_adjudicator).height,
        decided=dict(decided.group_by("how").len().sort("how").rows()),
        n_for_adjudicator=decided.filter(how=OPEN).join(sent_up, on="plan_id", how="semi").height,
        min_submitted=settings.min_submitted,
        agreement=agreement(queue, annotations, f"{run.url}: annotations"),
    )


def agreement(queue: pl.DataFrame, annotations: pl.DataFrame, where: str = "annotations") -> pl.DataFrame:
    """Rows of `agreement_rows` on what annotators said, with the known answers of gold items."""
    asked = queue.filter(pl.col("kind") != ADJUDICATION).select("record_id", "gold")
    answers = annotations.filter(pl.col("question").is_in(MEASURED)).join(asked, on="record_id")
    return agreement_rows(answers, where=where)
