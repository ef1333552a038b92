"""Where annotation stands, by a run's tables: what was asked and decided, how far people agree, how well each does."""

from dataclasses import dataclass, field

import polars as pl

from annotation import adjudicate
from annotation.agreement.table import agreement_rows
from annotation.questions import ABSTRACTION, RANKING, STRATEGY, VERDICT
from pipeline.store import Run
from schemas.annotation import Annotate
from schemas.tables import Annotations, Plans, Queue

ADJUDICATION, OPEN = "adjudication", "open"
MEASURED = (VERDICT, STRATEGY, ABSTRACTION, RANKING)
"""Questions on which people can agree: marks and texts are read, not counted."""


@dataclass(frozen=True)
class Standing:
    """Records asked, plans by how they were decided, how many open ones are the adjudicator's, and the agreement."""

    n_asked: int
    decided: dict[str, int]
    n_for_adjudicator: int
    agreement: pl.DataFrame = field(repr=False)
    """Rows of `agreement_rows`, of the annotators; none where nobody answered."""

    @property
    def n_open(self) -> int:
        """Plans that are not decided."""
        return self.decided.get(OPEN, 0)

    @property
    def is_done(self) -> bool:
        """Whether people were asked, and every plan is decided."""
        return self.n_asked > 0 and self.n_open == 0

    @property
    def verdict_alpha(self) -> float | None:
        """Krippendorff's alpha of the verdicts; None where it is undefined."""
        found = self.agreement.filter(pl.col("question") == VERDICT)["alpha"]
        return found.item() if found.len() else None


def standing(run: Run, settings: Annotate) -> Standing:
    """Where the annotation of a run stands, as of the last pull."""
    queue, annotations = run.read(Queue), run.read(Annotations)
    config = adjudicate.Config(min_submitted=settings.min_submitted)
    decided = adjudicate.run(queue, annotations, run.read(Plans), config)
    is_for_adjudicator = pl.col("kind") == ADJUDICATION
    sent_up = queue.filter(is_for_adjudicator).select(plan_id=pl.col("plan_ids").list.first())
    return Standing(
        n_asked=queue.filter(~is_for_adjudicator).height,
        decided=dict(decided.group_by("how").len().sort("how").rows()),
        n_for_adjudicator=decided.filter(how=OPEN).join(sent_up, on="plan_id", how="semi").height,
        agreement=agreement(queue, annotations),
    )


def agreement(queue: pl.DataFrame, annotations: pl.DataFrame) -> pl.DataFrame:
    """Rows of `agreement_rows` on what annotators said, with the known answers of gold items."""
    asked = queue.filter(pl.col("kind") != ADJUDICATION).select("record_id", "gold")
    answers = annotations.filter(pl.col("question").is_in(MEASURED)).join(asked, on="record_id")
    return agreement_rows(answers, where="annotations")
