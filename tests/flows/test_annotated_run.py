"""What people answered about a run flows back into it: the demo recipe on the embedded model, with answers."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from flows.reports import why_frame
from flows.steps import wanted_rollouts
from pipeline.checks import check
from pipeline.plan_text import render_plan
from pipeline.plans import edit_row
from pipeline.resolve import resolve
from pipeline.store import Provenance, Run, open_run, publish
from schemas.ids import record_id
from schemas.recipe_file import load_recipe
from schemas.tables import TABLES, Adjudicated, Annotations, Examples, Plans, PlanScores, Queue, Rollouts, frame_of

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "flows/recipes/demo.toml"
SETTINGS = [f"data={ROOT / 'data/models'}", "sources.puzzles.size=6", "plans.samples=8"]
MADE = Provenance("test")

Call = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.slow


class Annotated:
    """A run, the people who answer, and the plans of two of its examples: one that is kept and one to be mended."""

    def __init__(self, coldstart: Call, folder: Path) -> None:
        self.coldstart, self.run = coldstart, open_run(str(folder))
        self.answers: list[dict[str, Any]] = []
        self.go_on()
        self.before = self.tables()
        self.kept, self.bad = self.run.read(Examples).sort("plan_id")["plan_id"].unique(maintain_order=True)[:2]
        plans = {row["plan_id"]: row for row in self.run.read(Plans).iter_rows(named=True)}
        self.text = "Strategy: as people would have it\n\n" + render_plan({**plans[self.bad], "strategy": None}).strip()
        self.edit = edit_row(plans[self.bad], self.text)["plan_id"]

    def settings(self, *more: str) -> list[str]:
        return [*SETTINGS, "plans.leak_test=people", *more]

    def go_on(self, *more: str) -> str:
        """The same command once more; every claim must hold, and exactly what is wanted be there."""
        words = [word for setting in self.settings(*more) for word in ("--set", setting)]
        done = self.coldstart("run", RECIPE, *words, "--run", self.run.url)
        assert done.returncode == 0, done.stderr
        assert check(self.run).filter(pl.col("n_broken") > 0)["check"].to_list() == []
        return done.stderr

    def tables(self) -> dict[Any, pl.DataFrame]:
        return {table: self.run.read(table).sort(table.primary_key()) for table in TABLES}

    def say(self, who: str, plan: str, **said: Any) -> None:
        """Answers to the record of a plan, as versions of those before."""
        record = {"record_id": record_id([plan], "single", "1"), "annotator": who, "guideline_version": "1"}
        told = {"status": "submitted", "annotator_kind": "person", "answered_at": datetime(2026, 1, 5, tzinfo=UTC)}
        key = ("record_id", "question", "annotator")
        for question, value in said.items():
            row = {**record, **told, "question": question, "value": json.dumps(value)}
            same = [old for old in self.answers if all(old[name] == row[name] for name in key)]
            row |= {"status": "withdrawn"} if value is None else {}
            self.answers.append(row | {"version": len(same) + 1})
        publish(self.run, Annotations, frame_of(Annotations, self.answers), MADE)

    def ask(self, *plans: str) -> None:
        rows = [
            {"record_id": record_id([plan], "single", "1"), "plan_ids": [plan], "kind": "single", "reason": "random",
             "guideline_version": "1"}
            for plan in plans
        ]  # fmt: skip
        publish(self.run, Queue, frame_of(Queue, rows), MADE)

    def wanted(self) -> set[str]:
        return set(wanted_rollouts(self.run, resolve(*load_recipe(RECIPE, self.settings())))["rollout_id"])


@pytest.fixture(scope="module")
def annotated(coldstart: Call, tmp_path_factory: pytest.TempPathFactory) -> Annotated:
    """Two people keep one plan, and want another fixed, which one of them corrects."""
    made = Annotated(coldstart, tmp_path_factory.mktemp("runs") / "annotated")
    made.ask(made.kept, made.bad)
    for who in ("annotator-1", "annotator-2"):
        made.say(who, made.kept, verdict="keep", strategy=5)
        made.say(who, made.bad, verdict="fix")
    made.say("annotator-1", made.bad, edited_plan=made.text)
    made.go_on()
    return made


def shown(run: Run) -> dict[str, set[str]]:
    """plan_id -> what examples say that people said of it."""
    pairs = run.read(Examples).select("plan_id", pl.col("annotation").cast(pl.String)).rows()
    return {plan: {said for other, said in pairs if other == plan} for plan, _ in pairs}


def test_without_a_queue_a_run_shows_nothing_of_people(annotated: Annotated) -> None:
    assert all(annotated.before[table].is_empty() for table in (Queue, Annotations, Adjudicated))
    assert set(annotated.before[Examples]["annotation"]) == {"none"}
    assert annotated.before[PlanScores]["n_plan_only"].sum() == 0


def test_what_people_decided_is_a_table_and_decides_what_is_shown(annotated: Annotated) -> None:
    decided = annotated.run.read(Adjudicated).select("plan_id", "verdict", "how", "edited_plan_id").rows()
    fixed = (annotated.bad, "fix", "unanimous", annotated.edit)
    assert sorted(decided) == sorted([(annotated.kept, "keep", "unanimous", None), fixed])
    said = shown(annotated.run)
    assert said[annotated.kept] == {"accepted"}
    assert annotated.bad not in said
    fates = why_frame(annotated.run, annotated.bad).filter(entity="plan")
    assert fates.select("fate", "stage", "reason").row(0) == ("excluded", "adjudicated", "fix")


def test_an_edit_is_tried_and_asked_whether_it_leaks_and_nothing_else_is_asked_again(annotated: Annotated) -> None:
    after = annotated.run.read(Rollouts)
    new = after.join(annotated.before[Rollouts], on="rollout_id", how="anti")
    counts = dict(new.select(pl.col("arm").cast(pl.String)).to_series().value_counts().rows())
    assert counts == {"execute": 8, "plan_only": 8, "guess": 8}
    assert set(new["plan_id"]) == {annotated.edit, ""}
    assert annotated.wanted() == set(after["rollout_id"])
    score = annotated.run.read(PlanScores).filter(plan_id=annotated.edit).row(0, named=True)
    assert score["n_execute"] + score["n_plan_only"] + score["n_guess"] > 0


def test_nothing_changes_until_people_say_more(annotated: Annotated) -> None:
    before = annotated.tables()
    annotated.go_on()
    for table, frame in before.items():
        assert_frame_equal(annotated.run.read(table).sort(table.primary_key()), frame)
    made = {table: annotated.run.manifest(table) for table in TABLES}
    annotated.go_on()
    assert {table: annotated.run.manifest(table) for table in TABLES} == made


def test_only_what_people_kept_or_edited_may_be_shown(annotated: Annotated) -> None:
    before = annotated.tables()
    annotated.go_on("assemble.annotated_only=true")
    said = shown(annotated.run)
    assert said.pop(annotated.kept) == {"accepted"}
    assert said in ({}, {annotated.edit: {"edited"}})
    annotated.go_on()
    for table, frame in before.items():
        assert_frame_equal(annotated.run.read(table).sort(table.primary_key()), frame)


def test_an_edit_that_is_taken_back_is_used_no_more_and_its_rollouts_stay(annotated: Annotated) -> None:
    n_rollouts = annotated.run.read(Rollouts).height
    annotated.say("annotator-1", annotated.bad, edited_plan=None)
    annotated.go_on()
    plan = annotated.run.read(Plans).filter(plan_id=annotated.edit).row(0, named=True)
    assert (plan["status"], plan["origin"], plan["parent_plan_id"]) == ("missing", "person", annotated.bad)
    assert annotated.run.read(Rollouts).height == n_rollouts
    assert annotated.edit not in annotated.run.read(PlanScores)["plan_id"]
    assert annotated.edit not in shown(annotated.run)
    annotated.say("annotator-1", annotated.bad, edited_plan=annotated.text)
    annotated.go_on()
    assert annotated.run.read(Rollouts).height == n_rollouts
    assert annotated.edit in annotated.run.read(PlanScores)["plan_id"]


def test_votes_that_part_leave_a_plan_in_use(annotated: Annotated) -> None:
    annotated.say("annotator-2", annotated.bad, verdict="keep")
    annotated.go_on()
    decided = annotated.run.read(Adjudicated).filter(plan_id=annotated.bad)
    assert decided.select("verdict", "how", "agreement").row(0) == ("undecided", "open", 0.5)
    shares = shown(annotated.run)
    assert annotated.bad in shares or annotated.edit in shares
