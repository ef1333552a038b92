"""A run small enough to write by hand, whose plans people can be asked about, and a recipe that asks about them."""

from collections.abc import Iterator, Mapping, Sequence
from json import loads
from pathlib import Path
from typing import Any

from annotation.reports import Pulled, Pushed
from annotation.round_trip import pull, push
from pipeline.plans import plan_row
from pipeline.store import Provenance, Run, open_run, publish
from schemas.ids import content_id
from schemas.recipe import Recipe
from schemas.tables import (
    Annotations,
    Choices,
    Plans,
    PlanScores,
    Prompts,
    Queue,
    Rollouts,
    Verdicts,
    frame_of,
    polars_schema,
)

EXECUTOR = content_id("generator", name="executor")
COUNTS = {"n_execute": 16, "c_execute": 12, "n_solve": 16, "c_solve": 8, "n_placebo": 0, "c_placebo": 0,
          "n_plan_only": 0, "c_plan_only": 0, "n_guess": 0, "c_guess": 0}  # fmt: skip
UPLIFT = {"uplift": 0.25, "uplift_se": 0.15, "p_positive": 0.9, "decision": "undecided"}


def small_run(folder: Path, problems: Mapping[str, Sequence[str]], answers: Sequence[str] = ()) -> Run:
    """A run with these problems (text -> its plans); `answers` are right ones that each plan led to.

    A problem's first word is its kind of task.
    """
    run = open_run(str(folder))
    plans = [row for problem, texts in problems.items() for row in _plans(problem, texts)]
    rollouts = [_answer(plan, i, text) for plan in plans for i, text in enumerate(answers)]
    verdicts = [
        {"rollout_id": row["rollout_id"], "verifier": "math", "verifier_version": "1", "outcome": "correct",
         "reason": "equal_value", "seconds": 0.0}
        for row in rollouts
    ]  # fmt: skip
    choices = [
        {"kind": "plan", "id": row["plan_id"], "decision": "kept", "reason": "kept", "cluster_id": row["plan_id"]}
        for row in plans
    ]
    scores = [
        {"plan_id": row["plan_id"], "generator_id": EXECUTOR, "phase": "search", **COUNTS, **UPLIFT} for row in plans
    ]
    rows = {Prompts: list(map(_prompt, problems)), Plans: plans, Choices: choices, PlanScores: scores,
            Rollouts: rollouts, Verdicts: verdicts}  # fmt: skip
    for table, found in rows.items():
        known = [{name: row[name] for name in polars_schema(table) if name in row} for row in found]
        publish(run, table, frame_of(table, known), Provenance("test"))
    return run


def asking(name: str, accounts: Path, **settings: Any) -> Recipe:
    """A recipe that asks one person about each of up to 100 plans, none of them drawn at random."""
    annotate = {"records": 100, "random_share": 0, "min_submitted": 1, "accounts": str(accounts), **settings}
    replay = {"kind": "replay", "path": "recording.jsonl"}
    return Recipe.model_validate(
        {"name": name, "sources": {"puzzles": {"kind": "files"}}, "models": {"target": replay}, "annotate": annotate}
    )


def _prompt(problem: str) -> dict[str, Any]:
    id = content_id("prompt", problem=problem)
    return {"prompt_id": id, "source": "puzzles", "source_key": id, "revision": "1", "license": "CC0-1.0",
            "domain": "math", "task_family": problem.split()[0], "messages": [{"role": "user", "content": problem}],
            "problem_text": problem, "content_hash": id, "task": "{}", "verifier": "math", "group_id": id,
            "is_withdrawn": False}  # fmt: skip


def _plans(problem: str, texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    prompt_id = content_id("prompt", problem=problem)
    for text in texts:
        rollout = content_id("rollout", prompt_id=prompt_id, text=text)
        written = {"prompt_id": prompt_id, "rollout_id": rollout, "text": text, "finish_reason": "stop"}
        yield plan_row(written) | {"origin": "model"}


def _answer(plan: Mapping[str, Any], index: int, text: str) -> dict[str, Any]:
    id = content_id("answer", plan_id=plan["plan_id"], index=index)
    return {"rollout_id": id, "prompt_id": plan["prompt_id"], "plan_id": plan["plan_id"], "step_id": "",
            "arm": "execute", "phase": "search", "role": "executor", "generator_id": EXECUTOR, "sample_index": index,
            "request_hash": id, "messages": [], "text": text, "finish_reason": "stop"}  # fmt: skip


class Asked:
    """A run and its recipe on a server: `accounts` by user name, and `call(user, method, path, body)`."""

    def __init__(self, run: Run, recipe: Recipe, server: Any) -> None:
        self.run, self.recipe, self.server = run, recipe, server
        self.name = recipe.annotate.dataset or recipe.name

    def with_settings(self, **annotate: Any) -> "Asked":
        """The same run by a recipe with other settings of [annotate]."""
        changed = self.recipe.model_dump() | {"annotate": self.recipe.annotate.model_dump() | annotate}
        return Asked(self.run, Recipe.model_validate(changed), self.server)

    def push(self) -> Pushed:
        """Send what the server does not have."""
        return push(self.run, self.recipe)

    def pull(self) -> Pulled:
        """Fetch what was answered."""
        return pull(self.run, self.recipe)

    def data_set(self, workspace: str = "annotation") -> dict[str, Any]:
        """Our data set as the server lists it to the owner; empty where there is none."""
        listed = self.server.call("owner", "GET", "me/datasets")[1]["items"]
        spaces = {space["id"]: space["name"] for space in self.server.call("owner", "GET", "me/workspaces")[1]["items"]}
        found = (one for one in listed if one["name"] == self.name and spaces[one["workspace_id"]] == workspace)
        return next(found, {})

    def records(self, workspace: str = "annotation") -> dict[str, dict[str, Any]]:
        """What the server has of our queue, with responses and suggestions, by record_id."""
        ids = set(self.run.keys(Queue)["record_id"])
        path = f"datasets/{self.data_set(workspace)['id']}/records?limit=1000&include=responses&include=suggestions"
        there = self.server.call("owner", "GET", path)[1]["items"]
        return {one["external_id"]: one for one in there if one["external_id"] in ids}

    def answer(self, username: str, answers: Mapping[str, Mapping[str, Any]], status: str = "submitted") -> None:
        """Give the answers of a person (question -> value) to records, as the web page does; AssertionError if not."""
        there = self.records() | (self.records("adjudication") if self.data_set("adjudication") else {})
        items = [
            {"record_id": there[id]["id"], "status": status, "values": {name: {"value": v} for name, v in said.items()}}
            for id, said in answers.items()
        ]
        code, said = self.server.call(username, "POST", "me/responses/bulk", {"items": items})
        errors = [item["error"] for item in said["items"] if item["error"]]
        assert (code, errors) == (200, []), (code, said)

    def said(self) -> dict[tuple[str, str], tuple[int, str, Any]]:
        """(record_id, question) -> latest version, status and value of its answer; for runs with one annotator."""
        rows = self.run.read(Annotations).sort("version").iter_rows(named=True)
        return {
            (row["record_id"], row["question"]): (row["version"], row["status"], loads(row["value"])) for row in rows
        }
