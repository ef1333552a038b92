"""Verdicts as steps: the judgements that they rest on, and then the verdicts."""

from collections.abc import Iterator

from flows.judgements import judgements_owed
from flows.row_wise import Step, verify_owed
from pipeline.resolve import Resolved
from pipeline.spending import Spending
from pipeline.store import Run


def verdicts_owed(run: Run, resolved: Resolved, spending: Spending) -> Iterator[Step]:
    """What is owed of either."""
    yield from judgements_owed(run, resolved, spending)
    yield from verify_owed(run, resolved)
