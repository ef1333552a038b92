"""The funnel of a run whose plans are tried: plans and trials have their steps, and never mix with the screen's."""

from typing import Any

import polars as pl
import pytest

from pipeline.funnel import funnel
from schemas.tables import TABLES, Bands, frame_of, table_name


def id_of(number: int) -> str:
    return f"{number:032x}"


def rollout(i: int, **columns: Any) -> dict[str, Any]:
    made = {"rollout_id": id_of(100 + i), "prompt_id": id_of(0), "plan_id": "", "step_id": "", "arm": "solve"}
    return {**made, "phase": "screen", "text": "42", "finish_reason": "stop", **columns}


def trial(i: int, arm: str, **columns: Any) -> dict[str, Any]:
    return rollout(i, arm=arm, phase="search", **columns)


def verdict(i: int, outcome: str) -> dict[str, Any]:
    return {
        "rollout_id": id_of(100 + i),
        "verifier": "math",
        "verifier_version": "1",
        "outcome": outcome,
        "reason": "r",
    }


def plan(i: int, status: str = "parsed") -> dict[str, Any]:
    return {"plan_id": id_of(i), "prompt_id": id_of(0), "rollout_id": id_of(100 + i), "status": status}


def choice(kind: str, i: int, reason: str = "kept") -> dict[str, Any]:
    return {"kind": kind, "id": id_of(i), "decision": "kept" if reason == "kept" else "dropped", "reason": reason}


def band(i: int, reason: str = "in_band", decision: str = "kept", *, is_decided: bool = True) -> dict[str, Any]:
    return {"prompt_id": id_of(i), "decision": decision, "reason": reason, "is_decided": is_decided}


def score(i: int, decision: str) -> dict[str, Any]:
    return {"plan_id": id_of(i), "phase": "search", "decision": decision}


def tried() -> dict[str, pl.DataFrame]:
    """One prompt: six plans asked for, of which two are tried and one helps; a baseline and a placebo beside them."""
    failed = {"text": None, "finish_reason": "error", "error_kind": "http_500"}
    rows: dict[str, list[dict[str, Any]]] = {
        "prompts": [{"prompt_id": id_of(0), "source": "s", "verifier": "math"}],
        "screened": [{"prompt_id": id_of(0), "decision": "kept", "reason": "kept"}],
        "rollouts": [
            rollout(0),
            trial(1, "write_plan", step_id="strategies"),
            *(trial(i, "write_plan") for i in (2, 3, 4, 5, 6)),
            trial(7, "write_plan", **failed),
            trial(8, "execute", plan_id=id_of(2)),
            trial(9, "solve"),
            trial(10, "placebo", plan_id=id_of(99)),
        ],
        "verdicts": [verdict(0, "correct"), verdict(8, "correct"), verdict(9, "incorrect"), verdict(10, "incorrect")],
        "bands": [band(0)],
        "plans": [plan(2), plan(3), plan(4), plan(5, "malformed")],
        "choices": [
            choice("trace", 108),
            choice("plan", 2),
            choice("plan", 3),
            choice("plan", 4, "near_duplicate"),
        ],
        "plan_scores": [score(2, "helps"), score(3, "undecided")],
        "examples": [{"example_id": id_of(1), "split": "train"}],
    }
    return {table_name(table): frame_of(table, rows.get(table_name(table), [])) for table in TABLES}


def test_the_funnel_follows_plans_from_the_request_to_the_example() -> None:
    assert funnel(tried()).rows() == [
        ("collected", "prompts", 1, "s 1"),
        ("kept by the screen", "prompts", 1, ""),
        ("sampled", "prompts", 1, ""),
        ("kept by the band", "prompts", 1, ""),
        ("asked for", "rollouts", 1, ""),
        ("came back", "rollouts", 1, ""),
        ("correct", "rollouts", 1, ""),
        ("incorrect", "rollouts", 0, ""),
        ("undecided", "rollouts", 0, ""),
        ("asked for", "plans", 6, ""),
        ("written", "plans", 5, "left out: http_500 1"),
        ("parsed", "plans", 3, "left out: malformed 1; same_plan 1"),
        ("distinct", "plans", 2, "left out: near_duplicate 1"),
        ("tried", "plans", 2, "in 3 more rollouts"),
        ("help", "plans", 1, "left out: undecided 1"),
        ("helped by a plan", "prompts", 1, ""),
        ("correct with the best plan", "traces", 1, ""),
        ("chosen", "traces", 1, ""),
        ("assembled", "examples", 1, "train 1"),
    ]


@pytest.mark.parametrize(("verdict", "n", "detail"), [("discard", 0, "left out: discard 1"), ("keep", 1, "")])
def test_what_people_said_of_plans_that_help_is_a_step(verdict: str, n: int, detail: str) -> None:
    tables = tried()
    said = [(id_of(2), verdict), (id_of(77), "fix")]
    tables["adjudicated"] = pl.DataFrame(said, schema=["plan_id", "verdict"], orient="row")
    steps = {(step, entity): (n, detail) for step, entity, n, detail in funnel(tables).rows()}
    assert steps["not ruled out by people", "plans"] == (n, detail)
    assert steps["helped by a plan", "prompts"] == (n, "")


def test_plans_that_wait_for_their_trials_are_counted() -> None:
    tables = tried()
    tables["plan_scores"] = tables["plan_scores"].head(1)
    steps = {(step, entity): (n, detail) for step, entity, n, detail in funnel(tables).rows()}
    assert steps["tried", "plans"] == (1, "in 3 more rollouts; not tried yet: 1")


def test_the_band_says_who_goes_on_who_does_not_and_who_may_later() -> None:
    bands = [
        band(0),
        band(1, is_decided=False),
        band(2, "teachable"),
        band(3, "replayed"),
        band(4, "too_easy", "dropped"),
        band(5, "guessable", "dropped"),
        band(6, "too_hard", "later", is_decided=False),
        band(7, "too_hard", "later"),
        band(8, "unsolved", "later"),
    ]
    (row,) = funnel(tried() | {"bands": frame_of(Bands, bands)}).filter(step="kept by the band").rows()
    assert row[1:3] == ("prompts", 4)
    assert row[3].split("; ") == [
        "kept: in_band 2, replayed 1, teachable 1",
        "left out: guessable 1, too_easy 1",
        "for later: too_hard 2, unsolved 1",
        "kept but not certain: 1",
    ]
