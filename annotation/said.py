"""What annotators answered on a record, in words and without their names, for the one who decides between them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from annotation.questions import BAD_STEPS, EDITED_PLAN, QUESTIONS, RANKING
from annotation.shown_text import ShownPlan, excerpt, stored, visible
from schemas.ids import content_id

Said = Mapping[str, Mapping[str, Any]]
"""Annotator -> question -> value, as the table annotations has it, read from JSON."""

_ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth")

MAX_QUOTE = 120
"""A marked text is quoted up to so many characters."""


def said_text(said: Said, record_id: str, letters: Mapping[str, str], plan: ShownPlan, limit: int) -> str:
    """The answers of all annotators, in an order drawn from the record's id, so that nobody is always the first.

    The longest are shortened, with a mark, until all of it has at most `limit` characters as it is stored.
    """
    drawn = sorted(said, key=lambda name: content_id("annotator", record_id=record_id, annotator=name))
    titles = [_ORDINALS[i] if i < len(_ORDINALS) else f"{i + 1}th" for i in range(len(drawn))]
    blocks = [
        "\n".join([f"{title} annotator", *_answers(said[name], letters, plan)])
        for title, name in zip(titles, drawn, strict=True)
    ]
    longest = limit
    while len(stored(text := "\n\n".join(excerpt(block, longest) for block in blocks))) > limit and longest:
        longest = longest * 4 // 5
    return text


def _answers(answers: Mapping[str, Any], letters: Mapping[str, str], plan: ShownPlan) -> Iterator[str]:
    for question in QUESTIONS:
        value = answers.get(question.name)
        label = question.name.replace("_", " ")
        if value is None or value in ([], ""):
            continue
        if question.name == RANKING:
            yield f"{label}: {_ranking(value, letters)}"
        elif question.name == BAD_STEPS:
            yield from (f"{label}: {_mark(mark, plan)}" for mark in value)
        elif question.name == EDITED_PLAN:
            yield f"{label}:\n{visible(value)}"
        else:
            yield f"{label}: {visible(str(value))}"


def _ranking(value: Sequence[Mapping[str, Any]], letters: Mapping[str, str]) -> str:
    """Letters, the best first, equal ones joined; a plan that this record does not show is left out."""
    letter = {id: name for name, id in letters.items()}
    known = sorted((item["rank"], letter[item["plan_id"]]) for item in value if item["plan_id"] in letter)
    places = [" and ".join(name for _, name in group) for _, group in groupby(known, key=lambda pair: pair[0])]
    return ", then ".join(places) or "of plans that are not shown here"


def _mark(mark: Mapping[str, Any], plan: ShownPlan) -> str:
    where = f"step {mark['step']}" if mark["step"] else "outside the steps"
    text = " ".join(plan.text[mark["start"] : mark["end"]].split())
    quote = text if len(text) <= MAX_QUOTE else text[: MAX_QUOTE - 1] + "…"
    return f"{where}, {mark['label'].replace('_', ' ')}: “{quote}”"
