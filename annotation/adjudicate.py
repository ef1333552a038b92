"""Adjudicate: what people decided about each plan that they were asked about.

One vote a person: where several records ask about one plan (another ranking, newer guidelines), a person's latest
answered record counts, and records of all guidelines are pooled. So new guidelines open nothing that was decided: who
answers again by them replaces an answer, and nobody else's is lost. Answers to gold items are no votes.

From `min_submitted` votes on, all of one mind or more than half of them decide. What they leave open is the
adjudicator's, whose submitted answer decides from then on, however many annotators answer later. Only verdicts decide:
people who agree on what is to be done with a plan need no third one to agree on how many points it deserves.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter, itemgetter
from statistics import fmean
from typing import Any

import polars as pl
from pydantic import Field

from pipeline.people import EDITED_PLAN, VERDICT, judgements, submitted
from pipeline.plan_text import PARSED
from pipeline.plans import edit_row
from schemas.ids import canonical_json, record_id
from schemas.settings import Settings
from schemas.tables import Adjudicated, Annotations, Plans, Queue, frame_of

READS = (Queue, Annotations, Plans)
WRITES = Adjudicated

UNANIMOUS, MAJORITY, ADJUDICATOR, OPEN = "unanimous", "majority", "adjudicator", "open"
FIX, UNDECIDED = "fix", "undecided"
ADJUDICATION = "adjudication"
RATINGS = ("strategy", "abstraction")
RANKING = "ranking"
DECIMALS = 4


class Config(Settings):
    """How many must answer before they decide."""

    min_submitted: int = Field(2, ge=1, description="People whose verdicts decide together.")


@dataclass(frozen=True)
class Response:
    """What one person said of one plan, with a verdict: the answers to a record by question."""

    plan_id: str
    kind: str
    annotator: str
    answered_at: datetime
    record_id: str
    guideline_version: str
    said: Mapping[str, Any]

    @property
    def verdict(self) -> str:
        """The person's verdict."""
        return str(self.said[VERDICT])


def run(queue: pl.DataFrame, annotations: pl.DataFrame, plans: pl.DataFrame, config: Config) -> pl.DataFrame:
    """One row a plan of `plans` that a record judges, also where nobody answered yet, sorted by plan_id.

    `ratings` is a JSON object: of `strategy` and `abstraction` {mean, n}, and in `ranks` the same for each plan that
    was ranked (1 is the best); what nobody gave is left out. They, `agreement` and `n_annotators` are the annotators',
    without the adjudicator. `edited_plan_id` is the parsed plan that the adjudicator wrote, else the one that most of
    those who said `fix` wrote (of equally many the smallest id); null where there is none.
    """
    said, parsed = _by_plan(queue, annotations), set(plans.filter(status=PARSED)["plan_id"])
    asked = plans.join(judgements(queue).select("plan_id"), on="plan_id", how="semi").sort("plan_id")
    rows = []
    for plan in asked.iter_rows(named=True):
        responses = said.get(plan["plan_id"], [])
        edit = _edited_plan_id(plan, responses, parsed)
        rows.append({"plan_id": plan["plan_id"], **_decided(responses, config), "edited_plan_id": edit})
    return frame_of(Adjudicated, rows)


def to_adjudicate(queue: pl.DataFrame, annotations: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The records that the adjudicator is owed, as rows of the queue that are not in it yet, sorted by record_id.

    One a plan whose votes are enough and decide nothing, under the guidelines of its latest answer. A plan that has
    such a record already gets no second one.
    """
    judging = judgements(queue)
    has_one = set(judging.filter(pl.col("kind") == ADJUDICATION)["plan_id"])
    rows = []
    for plan_id, responses in _by_plan(queue, annotations).items():
        votes = [response.verdict for response in responses if response.kind != ADJUDICATION]
        if plan_id in has_one or len(votes) < config.min_submitted or decision(votes, config.min_submitted)[1] != OPEN:
            continue
        version = max(responses, key=attrgetter("answered_at", "record_id")).guideline_version
        id = record_id([plan_id], ADJUDICATION, version)
        rows.append({"record_id": id, "plan_ids": [plan_id], "kind": ADJUDICATION, "reason": ADJUDICATION,
                     "gold": None, "guideline_version": version})  # fmt: skip
    return frame_of(Queue, sorted(rows, key=itemgetter("record_id")))


def said_of(records: pl.DataFrame, queue: pl.DataFrame, annotations: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """What the annotators whose votes count said of the plan of each record: record_id -> annotator -> answers."""
    by_plan = _by_plan(queue, annotations)
    return {
        record: {one.annotator: one.said for one in by_plan.get(plan_ids[0], ()) if one.kind != ADJUDICATION}
        for record, plan_ids in records.select("record_id", "plan_ids").iter_rows()
    }


def decision(votes: Sequence[str], min_submitted: int) -> tuple[str, str]:
    """What annotators decide together: the verdict, and how it came about.

    >>> decision(["keep", "fix", "keep"], 2), decision(["keep", "fix"], 2), decision(["keep"], 2)
    (('keep', 'majority'), ('undecided', 'open'), ('undecided', 'open'))
    """
    if len(votes) < max(1, min_submitted):
        return UNDECIDED, OPEN
    ((verdict, n),) = Counter(votes).most_common(1)
    if n == len(votes):
        return verdict, UNANIMOUS
    return (verdict, MAJORITY) if 2 * n > len(votes) else (UNDECIDED, OPEN)


def _by_plan(queue: pl.DataFrame, annotations: pl.DataFrame) -> dict[str, list[Response]]:
    """The responses that count by plan: one an annotator and one of the adjudicator, the latest of each."""
    latest: dict[tuple[str, str], Response] = {}
    for response in sorted(_responses(queue, annotations), key=attrgetter("answered_at", "record_id")):
        who = "" if response.kind == ADJUDICATION else f"annotator {response.annotator}"
        latest[response.plan_id, who] = response
    found: dict[str, list[Response]] = defaultdict(list)
    for (plan_id, _), response in sorted(latest.items(), key=itemgetter(0)):
        found[plan_id].append(response)
    return found


def _responses(queue: pl.DataFrame, annotations: pl.DataFrame) -> Iterator[Response]:
    """Answers to each record, by person; without a verdict they are no response."""
    names = ("plan_id", "kind", "record_id", "guideline_version", "annotator")
    judging = judgements(queue).with_columns(pl.col("kind").cast(pl.String))
    answers = submitted(annotations).select("record_id", "annotator", "question", "value", "answered_at")
    rows = answers.join(judging, on="record_id").sort("record_id", "annotator", "question").to_dicts()
    for key, group in groupby(rows, key=itemgetter(*names)):
        given = list(group)
        said = {row["question"]: json.loads(row["value"]) for row in given}
        if VERDICT in said:
            at = max(row["answered_at"] for row in given)
            yield Response(**dict(zip(names, key, strict=True)), answered_at=at, said=said)


def _decided(responses: Sequence[Response], config: Config) -> dict[str, Any]:
    """The columns of a plan's row, but for its ids."""
    annotators = [response for response in responses if response.kind != ADJUDICATION]
    votes = [response.verdict for response in annotators]
    verdict, how = decision(votes, config.min_submitted)
    for response in responses:
        if response.kind == ADJUDICATION:
            verdict, how = response.verdict, ADJUDICATOR
    return {
        "verdict": verdict,
        "ratings": canonical_json(_ratings(annotators)),
        "agreement": max(Counter(votes).values()) / len(votes) if votes else None,
        "n_annotators": len(votes),
        "how": how,
    }


def _ratings(responses: Sequence[Response]) -> dict[str, Any]:
    """Means with their counts: a rating each, and the rank of each plan that was ranked."""
    given = {name: [response.said[name] for response in responses if name in response.said] for name in RATINGS}
    ranks = defaultdict(list)
    for response in responses:
        for place in response.said.get(RANKING, []):
            ranks[place["plan_id"]].append(place["rank"])
    rated = {name: _mean(values) for name, values in given.items() if values}
    return rated | ({"ranks": {plan_id: _mean(values) for plan_id, values in ranks.items()}} if ranks else {})


def _mean(values: Sequence[float]) -> dict[str, Any]:
    return {"mean": round(fmean(values), DECIMALS), "n": len(values)}


def _edited_plan_id(plan: Mapping[str, Any], responses: Sequence[Response], parsed: set[str]) -> str | None:
    """The plan that replaces one, out of what people wrote."""
    wrote = [(one, edit_row(plan, one.said[EDITED_PLAN])["plan_id"]) for one in responses if EDITED_PLAN in one.said]
    edits = [(one, edit) for one, edit in wrote if edit in parsed and edit != plan["plan_id"]]
    by_adjudicator = Counter(edit for one, edit in edits if one.kind == ADJUDICATION)
    by_others = Counter(edit for one, edit in edits if one.kind != ADJUDICATION and one.verdict == FIX)
    counts = by_adjudicator or by_others
    return min(counts, key=lambda edit: (-counts[edit], edit), default=None)
