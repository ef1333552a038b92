"""The questions keep to what the annotation server takes."""

from annotation.questions import ADJUDICATION_FIELDS, LETTERS, PLAN, QUESTIONS
from schemas.annotation import Annotate

MAX_DESCRIPTION = 1_000


def test_questions_are_those_of_the_table_in_their_order() -> None:
    asked = [(question.name, question.kind, question.required) for question in QUESTIONS]
    assert asked == [
        ("verdict", "label", True),
        ("strategy", "rating", True),
        ("abstraction", "rating", True),
        ("bad_steps", "span", False),
        ("edited_plan", "text", False),
        ("ranking", "ranking", False),
    ]


def test_texts_fit_into_the_servers_limits() -> None:
    assert all(0 < len(question.title) <= 500 for question in QUESTIONS)
    assert all(0 < len(question.description) <= MAX_DESCRIPTION for question in QUESTIONS)


def test_spans_are_marked_in_a_field_that_is_shown() -> None:
    about = [question.about for question in QUESTIONS if question.kind == "span"]
    assert about == [PLAN]
    assert PLAN in ADJUDICATION_FIELDS


def test_there_is_a_letter_for_each_candidate_that_a_recipe_may_ask_for() -> None:
    most = max(bound.le for bound in Annotate.model_fields["candidates"].metadata if hasattr(bound, "le"))
    assert len(LETTERS) == most
