"""The questions that people are asked about a plan, as plain data; their names are those of the table `annotations`.

docs/annotation.md has the form of each answer. A data set on the server whose questions are others is another data set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

VERDICT, STRATEGY, ABSTRACTION = "verdict", "strategy", "abstraction"
RANKING, BAD_STEPS, EDITED_PLAN = "ranking", "bad_steps", "edited_plan"

KEEP, FIX, DISCARD = "keep", "fix", "discard"
VERDICTS = (KEEP, FIX, DISCARD)
RATINGS = (1, 2, 3, 4, 5)
LETTERS = ("A", "B", "C", "D")
"""What the plans are called that are ranked side by side."""

PROMPT, PLAN, OUTCOME, CANDIDATES, ANSWERS = "prompt", "plan", "outcome", "candidates", "answers"
FIELDS: Mapping[str, str] = {
    PROMPT: "The problem",
    PLAN: "The plan",
    CANDIDATES: "Plans to rank",
    OUTCOME: "What happened when it was carried out",
}
"""Name and title of what a record shows; the plans to rank are there only where the prompt has several."""

ADJUDICATION_FIELDS: Mapping[str, str] = {
    **{name: FIELDS[name] for name in (PROMPT, PLAN)},
    ANSWERS: "What the annotators said",
    **{name: FIELDS[name] for name in (CANDIDATES, OUTCOME)},
}
"""The same for the adjudicator."""

METADATA: Mapping[str, Literal["terms", "integer"]] = {
    "source": "terms",
    "task_family": "terms",
    "n_steps": "integer",
    "guideline_version": "terms",
}
"""What annotators can filter by. Why a record was chosen is not among it: they could tell which answers are known."""


@dataclass(frozen=True)
class Question:
    """One question; `options` holds value and label of each choice, `about` the field in which spans are marked."""

    name: str
    kind: Literal["label", "rating", "ranking", "span", "text"]
    title: str
    description: str
    required: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    about: str | None = None


QUESTIONS = (
    Question(
        VERDICT,
        "label",
        "What should become of the plan?",
        "Keep: a solver that follows it is well served. Fix: the idea is right, and you could repair it in a few "
        "minutes. Discard: wrong, empty, or it gives the answer away.",
        required=True,
        options={KEEP: "Keep", FIX: "Fix", DISCARD: "Discard"},
    ),
    Question(
        STRATEGY,
        "rating",
        "How good is the strategy?",
        "1: cannot lead to the answer. 3: works, but a better way is plain to see. 5: what an expert would choose.",
        required=True,
        options={str(rating): str(rating) for rating in RATINGS},
    ),
    Question(
        ABSTRACTION,
        "rating",
        "Are the steps of the right size?",
        "1: a single restatement of the problem, or the whole calculation. 3: useful, but some steps are far too big "
        "or too small. 5: each step is one sub-problem that a solver can do and check by itself.",
        required=True,
        options={str(rating): str(rating) for rating in RATINGS},
    ),
    Question(
        BAD_STEPS,
        "span",
        "Which steps are bad?",
        "Choose a label, then mark the text of the step, or the part of it that is at fault. None is fine.",
        options={
            "wrong": "Wrong",
            "too_coarse": "Too coarse",
            "too_fine": "Too fine",
            "unnecessary": "Unnecessary",
        },
        about=PLAN,
    ),
    Question(
        EDITED_PLAN,
        "text",
        "The plan, corrected",
        "For the verdict Fix: the whole plan as it should be, in the form in which it is shown: an optional line "
        "`Strategy:`, an empty line, then numbered steps. Your own words, no text from elsewhere.",
    ),
    Question(
        RANKING,
        "ranking",
        "Which of the plans would you rather follow?",
        "Place all four letters or none: those that are not shown go to the end and are not counted. The best goes to "
        "1, and equally good ones may share a place. Only where several plans are shown; else leave it empty.",
        options={letter: f"Plan {letter}" for letter in LETTERS},
    ),
)
"""In the order in which they are shown."""
