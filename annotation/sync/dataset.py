"""The data set on the annotation server: made from our fields and questions, and held against one that is there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.questions import METADATA, PLAN, PROMPT, Question
from annotation.sync.client import Connection, rg
from schemas.errors import RecipeError

DRAFT = "draft"
REQUIRED = (PROMPT, PLAN)
"""Fields that every record has."""


@dataclass(frozen=True)
class Wanted:
    """What a data set is to be: where it is, what it shows (name -> title) and asks, and how many people a record."""

    workspace: str
    name: str
    fields: Mapping[str, str]
    questions: Sequence[Question]
    guidelines: str
    min_submitted: int


def find_dataset(connection: Connection, workspace: str, name: str) -> dict[str, Any] | None:
    """A data set as the server lists it; None where there is none of the name. Raises RecipeError for the workspace."""
    place = connection.workspace(workspace)
    listed = connection.request("GET", "/api/v1/me/datasets", params={"workspace_id": str(place.id)})["items"]
    return next((dataset for dataset in listed if dataset["name"] == name), None)


def ensure_dataset(connection: Connection, wanted: Wanted) -> str:
    """The id of the data set, which is made where it is missing; RecipeError where it asks other questions.

    One that was begun and not published holds no records: it is thrown away and made anew. The text of the guidelines
    and the number of people a record follow the recipe.
    """
    found = find_dataset(connection, wanted.workspace, wanted.name)
    if found and found["status"] == DRAFT:
        connection.request("DELETE", f"/api/v1/datasets/{found['id']}")
        found = None
    if found is None:
        return _create(connection, wanted)
    dataset_id = found["id"]
    if lines := list(differences(_asked(connection, dataset_id), _wanted(wanted))):
        told = "; ".join(lines)
        raise RecipeError(
            f"{connection.url}: data set {wanted.name!r} in workspace {wanted.workspace!r} asks something else: "
            f"{told}. Set annotate.dataset to another name, or delete the one on the server once its answers are pulled"
        )
    _follow(connection, found, wanted)
    return str(dataset_id)


def question_ids(connection: Connection, dataset_id: str) -> dict[str, str]:
    """Name -> the server's id of each question."""
    questions = connection.request("GET", f"/api/v1/datasets/{dataset_id}/questions")["items"]
    return {question["name"]: question["id"] for question in questions}


def differences(there: Mapping[str, Mapping[str, Any]], wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What two descriptions of a data set disagree about, a line each.

    >>> list(differences({"a": {"type": "text"}, "b": {}}, {"a": {"type": "rating"}, "c": {}}))
    ['a: type is text there, wanted rating', 'b: only there', 'c: missing there']
    """
    for name in sorted(there.keys() | wanted.keys()):
        if name not in wanted:
            yield f"{name}: only there"
        elif name not in there:
            yield f"{name}: missing there"
        else:
            a, b = there[name], wanted[name]
            yield from (
                f"{name}: {key} is {a.get(key)} there, wanted {b.get(key)}"
                for key in sorted(a.keys() | b.keys())
                if a.get(key) != b.get(key)
            )


def _create(connection: Connection, wanted: Wanted) -> str:
    workspace = connection.workspace(wanted.workspace)
    with connection.explained():
        settings = rg.Settings(
            fields=[
                rg.TextField(name, title=title, required=name in REQUIRED, use_markdown=False)
                for name, title in wanted.fields.items()
            ],
            questions=[_question(question) for question in wanted.questions],
            metadata=[_property(name, kind) for name, kind in METADATA.items()],
            guidelines=wanted.guidelines,
            allow_extra_metadata=True,
            distribution=rg.TaskDistribution(min_submitted=wanted.min_submitted),
        )
        dataset = rg.Dataset(wanted.name, workspace=workspace, settings=settings, client=connection.client)
        return str(dataset.create().id)


def _property(name: str, kind: str) -> Any:
    """The client's form of what records can be filtered and sorted by."""
    form = rg.TermsMetadataProperty if kind == "terms" else rg.IntegerMetadataProperty
    return form(name, title=name.replace("_", " "), visible_for_annotators=True)


def _question(question: Question) -> Any:
    """The client's form of a question."""
    shared = {"title": question.title, "description": question.description, "required": question.required}
    if question.kind == "label":
        return rg.LabelQuestion(question.name, labels=dict(question.options), **shared)
    if question.kind == "rating":
        return rg.RatingQuestion(question.name, values=[int(option) for option in question.options], **shared)
    if question.kind == "ranking":
        return rg.RankingQuestion(question.name, values=dict(question.options), **shared)
    if question.kind == "span":
        labels = dict(question.options)
        return rg.SpanQuestion(question.name, field=question.about, labels=labels, **shared)
    return rg.TextQuestion(question.name, use_markdown=False, **shared)


def _asked(connection: Connection, dataset_id: str) -> dict[str, dict[str, Any]]:
    """What a data set on the server asks: name -> type, whether it is required, options and the field of spans."""
    path = f"/api/v1/datasets/{dataset_id}"
    fields = connection.request("GET", f"{path}/fields")["items"]
    questions = connection.request("GET", f"{path}/questions")["items"]
    described = {
        f"field {row['name']}": {"type": row["settings"]["type"], "required": row["required"]} for row in fields
    }
    for row in questions:
        settings = row["settings"]
        described[f"question {row['name']}"] = {
            "type": settings["type"],
            "required": row["required"],
            "options": [str(option["value"]) for option in settings.get("options") or []],
            "field": settings.get("field"),
        }
    return described


def _wanted(wanted: Wanted) -> dict[str, dict[str, Any]]:
    """The same of what is wanted."""
    described: dict[str, dict[str, Any]] = {
        f"field {name}": {"type": "text", "required": name in REQUIRED} for name in wanted.fields
    }
    for question in wanted.questions:
        described[f"question {question.name}"] = {
            "type": "label_selection" if question.kind == "label" else question.kind,
            "required": question.required,
            "options": [str(option) for option in question.options],
            "field": question.about,
        }
    return described


def _follow(connection: Connection, found: Mapping[str, Any], wanted: Wanted) -> None:
    """Let the guidelines and the number of people a record follow the recipe, where they differ."""
    changed: dict[str, Any] = {}
    if (found["guidelines"] or "").strip() != wanted.guidelines.strip():
        changed["guidelines"] = wanted.guidelines
    if found["distribution"]["min_submitted"] != wanted.min_submitted:
        changed["distribution"] = {"strategy": "overlap", "min_submitted": wanted.min_submitted}
    if changed:
        connection.request("PATCH", f"/api/v1/datasets/{found['id']}", json=changed)
