"""What a card says of people: what they decided about plans, and which examples rest on it."""

from collections.abc import Iterator

import polars as pl

from pipeline.evidence import Evidence
from pipeline.markdown import section, table
from pipeline.people import ACCEPTED, EDITED


def annotation_section(evidence: Evidence, examples: pl.DataFrame) -> Iterator[str]:
    """Nothing where people were asked about no plan."""
    if evidence.annotation.is_empty():
        return
    accepted, edited = (examples.filter(pl.col("annotation") == said).height for said in (ACCEPTED, EDITED))
    yield from section(
        "Annotation",
        f"People were asked about {evidence.annotation['n_plans'].sum():,} plans. Those that they discarded, or want "
        "fixed, are used nowhere. Of the examples "
        f"{accepted:,} show a plan that they kept and {edited:,} one that they edited; about the plan of any other "
        "they decided nothing, or were not asked.",
        table(evidence.annotation),
        "Where they were of one mind, or more than half of them, they decided; an adjudicator decided the rest. "
        "`agreement` is the mean share that gave a plan's commonest verdict.",
    )
