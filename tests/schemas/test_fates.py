"""The view `fates`: what became of every prompt, rollout and plan.

One prompt P with one trace R and the plan that was recorded beside it, all exported, unless a test says otherwise.
"""

from typing import Any

import pytest

from pipeline.query import connect_frames, select
from schemas.tables import (
    Adjudicated,
    Bands,
    Choices,
    Examples,
    Plans,
    PlanScores,
    Prompts,
    Rollouts,
    Screened,
    Verdicts,
    frame_of,
    table_name,
)


def _id(number: int) -> str:
    return f"{number:032x}"


def _screened(prompt_id: str, reason: str = "kept") -> dict[str, Any]:
    decision = "kept" if reason == "kept" else "dropped"
    return {"prompt_id": prompt_id, "decision": decision, "reason": reason, "cluster_id": prompt_id}


P, R, PLAN, WRITER = _id(1), _id(10), _id(20), _id(30)
PROMPT = {"prompt_id": P, "verifier": "math"}
SOLVE = {"rollout_id": R, "prompt_id": P, "arm": "solve", "finish_reason": "stop"}
WRITE = {**SOLVE, "rollout_id": WRITER, "arm": "write_plan", "parent_id": R}
CORRECT = {"rollout_id": R, "verifier": "math", "verifier_version": "1", "outcome": "correct", "reason": "equal"}
BAND = {"prompt_id": P, "region": "in_band", "decision": "kept", "reason": "in_band"}
EASY = {**BAND, "region": "too_easy", "decision": "dropped", "reason": "too_easy"}
CHOICE = {"kind": "trace", "id": R, "decision": "kept", "reason": "kept"}
A_PLAN = {"plan_id": PLAN, "prompt_id": P, "rollout_id": WRITER, "status": "parsed", "steps": [], "n_steps": 0}
EXAMPLE = {"example_id": _id(40), "prompt_id": P, "rollout_id": R, "plan_id": PLAN}
DONE: dict[Any, list[dict[str, Any]]] = {
    Prompts: [PROMPT], Screened: [_screened(P)], Rollouts: [SOLVE, WRITE], Verdicts: [CORRECT], Bands: [BAND],
    Plans: [A_PLAN], Choices: [CHOICE], Adjudicated: [], Examples: [EXAMPLE],
}  # fmt: skip
EXPORTED = ("exported", None, None)


def _fates(changes: dict[Any, list[dict[str, Any]]]) -> dict[str, tuple[str, str | None, str | None]]:
    """(fate, stage, reason) by id; each prompt, rollout and plan must come exactly once."""
    frames = {table_name(table): frame_of(table, rows) for table, rows in {**DONE, **changes}.items()}
    with connect_frames(frames) as connection:
        found = select(connection, "SELECT id, fate, stage, reason FROM fates")
    owed = [*frames["prompts"]["prompt_id"], *frames["rollouts"]["rollout_id"], *frames["plans"]["plan_id"]]
    assert sorted(found["id"]) == sorted(owed)
    return {row[0]: row[1:] for row in found.iter_rows()}


def test_what_an_example_shows_is_exported() -> None:
    assert _fates({}) == {P: EXPORTED, R: EXPORTED, PLAN: EXPORTED, WRITER: EXPORTED}


def test_a_dropped_prompt_excludes_all_that_is_its_own() -> None:
    found = _fates({Screened: [_screened(P, "near_duplicate")], Examples: []})
    assert set(found.values()) == {("excluded", "screened", "near_duplicate")}


def test_a_prompt_outside_the_band_excludes_all_that_is_its_own() -> None:
    found = _fates({Bands: [EASY], Examples: []})
    assert set(found.values()) == {("excluded", "bands", "too_easy")}


@pytest.mark.parametrize(("decision", "reason"), [("later", "unsolved"), ("dropped", "guessable")])
def test_a_prompt_in_the_band_that_does_not_go_on_says_why(decision: str, reason: str) -> None:
    found = _fates({Bands: [{**BAND, "decision": decision, "reason": reason}], Examples: []})
    assert set(found.values()) == {("excluded", "bands", reason)}


def test_an_easy_prompt_that_is_replayed_goes_on() -> None:
    assert _fates({Bands: [{**EASY, "decision": "kept", "reason": "replayed"}]})[P] == EXPORTED


def test_screening_comes_before_the_band() -> None:
    found = _fates({Screened: [_screened(P, "withdrawn")], Bands: [EASY], Examples: []})
    assert found[P] == ("excluded", "screened", "withdrawn")


def test_a_failed_rollout_says_what_failed() -> None:
    failed = {**SOLVE, "finish_reason": "error", "error_kind": "http_500"}
    undecided = {**CORRECT, "outcome": "undecided", "reason": "generation_error"}
    found = _fates({Rollouts: [failed, WRITE], Verdicts: [undecided], Choices: [], Examples: []})
    assert found[R] == ("excluded", "rollouts", "http_500")
    assert found[P] == ("excluded", "verdicts", "no_correct_trace")


@pytest.mark.parametrize(("outcome", "reason"), [("incorrect", "different"), ("undecided", "truncated")])
def test_a_verdict_that_is_not_correct_excludes_the_rollout_and_the_plan_beside_it(outcome: str, reason: str) -> None:
    found = _fates({Verdicts: [{**CORRECT, "outcome": outcome, "reason": reason}], Choices: [], Examples: []})
    assert found[R] == found[PLAN] == found[WRITER] == ("excluded", "verdicts", f"{outcome}:{reason}")
    assert found[P] == ("excluded", "verdicts", "no_correct_trace")


def test_only_the_verdict_of_the_prompts_verifier_decides() -> None:
    other = {**CORRECT, "verifier": "strips", "outcome": "incorrect", "reason": "goal_not_reached"}
    assert _fates({Verdicts: [CORRECT, other], Examples: []})[R] == ("pending", "examples", None)


def test_a_dropped_trace_says_why() -> None:
    found = _fates({Choices: [{**CHOICE, "decision": "dropped", "reason": "repetitive"}], Examples: []})
    assert found[R] == ("excluded", "choices", "repetitive")
    assert found[P] == ("excluded", "choices", "no_kept_trace")


def test_a_dropped_plan_says_why() -> None:
    dropped = {"kind": "plan", "id": PLAN, "decision": "dropped", "reason": "same_structure"}
    found = _fates({Choices: [CHOICE, dropped], Examples: [{**EXAMPLE, "plan_id": ""}]})
    assert found[PLAN] == found[WRITER] == ("excluded", "choices", "same_structure")
    assert found[R] == EXPORTED


@pytest.mark.parametrize("status", ["malformed", "missing"])
def test_a_plan_that_did_not_parse_is_excluded(status: str) -> None:
    found = _fates({Plans: [{**A_PLAN, "status": status}], Examples: [{**EXAMPLE, "plan_id": ""}]})
    assert found[PLAN] == found[WRITER] == ("excluded", "plans", status)


def test_a_plan_that_people_discarded_is_excluded() -> None:
    judged = {"plan_id": PLAN, "verdict": "discard"}
    found = _fates({Adjudicated: [judged], Examples: [{**EXAMPLE, "plan_id": ""}]})
    assert found[PLAN] == ("excluded", "adjudicated", "discard")


@pytest.mark.parametrize("verdict", ["keep", "undecided"])
def test_a_plan_that_people_do_not_rule_out_stays(verdict: str) -> None:
    assert _fates({Adjudicated: [{"plan_id": PLAN, "verdict": verdict}]})[PLAN] == EXPORTED


def test_an_edit_is_shown_nowhere_where_plans_are_not_tried() -> None:
    edit = {**A_PLAN, "plan_id": _id(21), "rollout_id": None, "origin": "person", "parent_plan_id": PLAN}
    assert _fates({Plans: [A_PLAN, edit], Examples: []})[_id(21)] == ("excluded", "examples", "not_shown")


def test_a_plan_that_no_example_shows_is_excluded() -> None:
    assert _fates({Examples: [{**EXAMPLE, "plan_id": ""}]})[PLAN] == ("excluded", "examples", "not_shown")


def test_a_second_rollout_that_wrote_the_same_plan_is_excluded() -> None:
    again = {**WRITE, "rollout_id": _id(31)}
    assert _fates({Rollouts: [SOLVE, WRITE, again]})[_id(31)] == ("excluded", "plans", "same_plan")


def test_a_rollout_of_a_measuring_arm_is_evidence() -> None:
    guess, judged = {**SOLVE, "rollout_id": _id(11), "arm": "guess"}, {**CORRECT, "rollout_id": _id(11)}
    found = _fates({Rollouts: [SOLVE, WRITE, guess], Verdicts: [CORRECT, judged]})
    assert found[_id(11)] == ("excluded", "choices", "evidence_only")


# A prompt whose plans are tried: the lists of strategies S, then the plan that WRITER wrote, carried out by X.
S, X, FRESH, PLACEBO = _id(50), _id(51), _id(52), _id(53)
LISTS = {**WRITE, "rollout_id": S, "parent_id": None, "step_id": "strategies", "phase": "search"}
WRITES = {**WRITE, "parent_id": S, "step_id": "", "phase": "search"}
TRIAL = {**SOLVE, "rollout_id": X, "arm": "execute", "phase": "search", "plan_id": PLAN}
BASELINE = {**SOLVE, "rollout_id": FRESH, "phase": "search", "plan_id": ""}
STRANGER = {**TRIAL, "rollout_id": PLACEBO, "arm": "placebo", "plan_id": _id(99)}
SCREEN = {**SOLVE, "phase": "screen"}
SCORE = {"plan_id": PLAN, "phase": "search", "uplift": 0.3, "decision": "helps"}
PLAN_CHOICE = {"kind": "plan", "id": PLAN, "decision": "kept", "reason": "kept"}
TRIED: dict[Any, list[dict[str, Any]]] = {
    Rollouts: [SCREEN, LISTS, WRITES, TRIAL, BASELINE, STRANGER],
    Verdicts: [{**CORRECT, "rollout_id": id} for id in (R, X, FRESH, PLACEBO)],
    Choices: [PLAN_CHOICE, {**CHOICE, "id": X}],
    PlanScores: [SCORE],
    Examples: [{**EXAMPLE, "rollout_id": X}],
}


def _tried(changes: dict[Any, list[dict[str, Any]]]) -> dict[str, tuple[str, str | None, str | None]]:
    return _fates({**TRIED, **changes})


def test_where_plans_are_tried_what_only_measures_is_evidence() -> None:
    found = _tried({})
    assert [found[id] for id in (P, PLAN, WRITER, X)] == [EXPORTED] * 4
    assert found[S] == ("excluded", "plans", "evidence_only")
    assert found[R] == found[FRESH] == found[PLACEBO] == ("excluded", "choices", "evidence_only")


def test_what_measures_is_evidence_whatever_its_verdict_but_a_wrong_trace_is_wrong() -> None:
    wrong = [{**CORRECT, "rollout_id": id, "outcome": "incorrect", "reason": "different"} for id in (R, X, FRESH)]
    found = _tried({Verdicts: wrong, Choices: [PLAN_CHOICE], Examples: []})
    assert found[FRESH] == found[PLACEBO] == ("excluded", "choices", "evidence_only")
    assert found[X] == found[R] == ("excluded", "verdicts", "incorrect:different")


@pytest.mark.parametrize("decision", ["hurts", "no_effect", "undecided", "leaks"])
def test_a_plan_that_does_not_help_excludes_all_that_follows_from_it(decision: str) -> None:
    found = _tried({PlanScores: [{**SCORE, "decision": decision}], Choices: [PLAN_CHOICE], Examples: []})
    assert found[PLAN] == found[WRITER] == found[X] == ("excluded", "plan_scores", decision)
    assert found[P] == ("excluded", "plan_scores", "no_plan_helps")


def test_a_plan_that_helps_less_than_another_is_excluded_and_of_equals_the_smallest_id_is_best() -> None:
    other, again = _id(21), _id(54)
    changes = {
        Plans: [A_PLAN, {**A_PLAN, "plan_id": other, "rollout_id": None}],
        Choices: [*TRIED[Choices], {**PLAN_CHOICE, "id": other}],
        Rollouts: [*TRIED[Rollouts], {**TRIAL, "rollout_id": again, "plan_id": other}],
        Verdicts: [*TRIED[Verdicts], {**CORRECT, "rollout_id": again}],
    }
    for uplift in (0.2, 0.3):
        found = _tried({**changes, PlanScores: [{**SCORE, "plan_id": other, "uplift": uplift}, SCORE]})
        assert found[other] == found[again] == ("excluded", "plan_scores", "not_best")
        assert found[PLAN] == EXPORTED


@pytest.mark.parametrize("verdict", ["discard", "fix"])
def test_a_plan_that_people_rule_out_gives_way_to_the_next(verdict: str) -> None:
    other, again = _id(21), _id(54)
    found = _tried(
        {
            Plans: [A_PLAN, {**A_PLAN, "plan_id": other, "rollout_id": None}],
            PlanScores: [SCORE, {**SCORE, "plan_id": other, "uplift": 0.2}],
            Choices: [PLAN_CHOICE, {**PLAN_CHOICE, "id": other}, {**CHOICE, "id": again}],
            Rollouts: [*TRIED[Rollouts], {**TRIAL, "rollout_id": again, "plan_id": other}],
            Verdicts: [*TRIED[Verdicts], {**CORRECT, "rollout_id": again}],
            Adjudicated: [{"plan_id": PLAN, "verdict": verdict}],
            Examples: [],
        }
    )
    assert found[PLAN] == found[WRITER] == found[X] == ("excluded", "adjudicated", verdict)
    assert found[other] == found[again] == found[P] == ("pending", "examples", None)


def test_a_plan_that_does_not_help_is_excluded_by_its_results_whatever_people_say() -> None:
    judged = [{"plan_id": PLAN, "verdict": "discard"}]
    found = _tried({PlanScores: [{**SCORE, "decision": "hurts"}], Adjudicated: judged, Choices: [], Examples: []})
    assert found[X] == ("excluded", "plan_scores", "hurts")


def test_a_prompt_whose_every_helping_plan_people_rule_out_says_so_unless_an_edit_is_to_be_tried() -> None:
    judged, edit = [{"plan_id": PLAN, "verdict": "fix"}], {**A_PLAN, "plan_id": _id(21), "rollout_id": None}
    ruled_out: dict[Any, Any] = {Adjudicated: judged, Choices: [PLAN_CHOICE], Examples: []}
    assert _tried(ruled_out)[P] == ("excluded", "adjudicated", "no_plan_stands")
    found = _tried({**ruled_out, Plans: [A_PLAN, {**edit, "origin": "person", "parent_plan_id": PLAN}]})
    assert found[P] == found[_id(21)] == ("pending", "choices", None)
    assert found[PLAN] == ("excluded", "adjudicated", "fix")


def test_an_edit_that_was_taken_back_is_missing_and_so_is_what_its_rollouts_carry_out() -> None:
    edit, again = {**A_PLAN, "plan_id": _id(21), "rollout_id": None, "origin": "person", "status": "missing"}, _id(54)
    found = _tried(
        {
            Plans: [A_PLAN, edit],
            Rollouts: [*TRIED[Rollouts], {**TRIAL, "rollout_id": again, "plan_id": _id(21)}],
            Verdicts: [*TRIED[Verdicts], {**CORRECT, "rollout_id": again}],
        }
    )
    assert found[_id(21)] == found[again] == ("excluded", "plans", "missing")


def test_the_leak_test_is_evidence() -> None:
    arms = {_id(60): "plan_only", _id(61): "guess"}
    guessed = [{**TRIAL, "rollout_id": id, "arm": arm} for id, arm in arms.items()]
    judged = [{**CORRECT, "rollout_id": id} for id in arms]
    found = _tried({Rollouts: [*TRIED[Rollouts], *guessed], Verdicts: [*TRIED[Verdicts], *judged]})
    assert found[_id(60)] == found[_id(61)] == ("excluded", "choices", "evidence_only")


def test_a_prompt_without_a_plan_that_can_be_read_says_so() -> None:
    unread = {PlanScores: [], Choices: [], Examples: [], Rollouts: [SCREEN, LISTS, WRITES]}
    found = _tried({**unread, Plans: [{**A_PLAN, "status": "malformed"}]})
    assert found[P] == ("excluded", "plans", "no_parsed_plan")
    failed = {**WRITES, "finish_reason": "error", "error_kind": "http_500"}
    assert _tried({**unread, Rollouts: [SCREEN, failed], Plans: []})[P] == ("excluded", "plans", "no_parsed_plan")


def test_a_plan_whose_every_trace_was_dropped_is_not_used() -> None:
    dropped = {**CHOICE, "id": X, "decision": "dropped", "reason": "too_long"}
    found = _tried({Choices: [PLAN_CHOICE, dropped], Examples: []})
    assert found[P] == found[PLAN] == found[WRITER] == ("excluded", "choices", "no_kept_trace")


def test_the_best_plan_that_no_example_shows_is_excluded() -> None:
    found = _tried({Examples: [{**EXAMPLE, "rollout_id": X, "plan_id": ""}]})
    assert found[PLAN] == ("excluded", "examples", "not_shown")


@pytest.mark.parametrize(
    ("missing", "prompt", "trial", "plan"),
    [
        ([Examples], "examples", "examples", "examples"),
        ([Examples, Choices], "choices", "choices", "choices"),
        ([Examples, Choices, PlanScores], "choices", "plan_scores", "choices"),
        ([Examples, Choices, PlanScores, Verdicts], "choices", "verdicts", "choices"),
        ([Examples, Choices, PlanScores, Verdicts, Plans], "plans", "verdicts", None),
    ],
    ids=["examples", "choices", "scores", "verdicts", "plans"],
)
def test_what_a_run_that_tries_plans_has_not_decided_is_pending(
    missing: list[Any], prompt: str, trial: str, plan: str | None
) -> None:
    found = _tried({table: [] for table in missing})
    assert (found[P], found[X]) == (("pending", prompt, None), ("pending", trial, None))
    assert found.get(PLAN) == (None if plan is None else ("pending", plan, None))


def test_a_plan_that_is_chosen_waits_for_its_trials() -> None:
    found = _tried({Examples: [], PlanScores: [], Choices: [PLAN_CHOICE]})
    assert found[P] == found[PLAN] == found[WRITER] == found[X] == ("pending", "plan_scores", None)


def test_a_plan_that_helps_waits_for_the_choice_of_its_traces() -> None:
    found = _tried({Examples: [], Choices: [PLAN_CHOICE]})
    assert found[P] == found[PLAN] == found[X] == ("pending", "choices", None)


def _without(*tables: Any) -> dict[Any, list[dict[str, Any]]]:
    return {table: [] for table in tables}


@pytest.mark.parametrize(
    ("changes", "prompt", "rollout", "plan"),
    [
        (_without(Examples), "examples", "examples", "examples"),
        (_without(Examples, Choices), "choices", "choices", "examples"),
        (_without(Examples, Choices, Bands), "bands", "choices", "examples"),
        (_without(Examples, Choices, Bands, Verdicts), "bands", "verdicts", "examples"),
        (_without(Examples, Choices, Verdicts), "verdicts", "verdicts", "examples"),
        (_without(Examples, Choices, Bands, Verdicts, Screened), "screened", "verdicts", "examples"),
    ],
    ids=["examples", "choices", "bands", "verdicts and bands", "verdicts", "screened"],
)
def test_what_is_not_decided_yet_is_pending(
    changes: dict[Any, list[dict[str, Any]]], prompt: str, rollout: str, plan: str
) -> None:
    found = _fates(changes)
    assert (found[P], found[R], found[PLAN]) == tuple(("pending", stage, None) for stage in (prompt, rollout, plan))


def test_a_plan_that_is_not_read_yet_leaves_its_rollout_pending() -> None:
    assert _fates(_without(Plans, Examples))[WRITER] == ("pending", "plans", None)
