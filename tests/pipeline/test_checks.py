"""Every claim holds on a consistent run, and each fails on a row that breaks it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.checks import check, check_frames, checks
from pipeline.store import Provenance, open_run, publish
from pipeline.verify import JUDGED_ARMS
from schemas.tables import ARMS, TABLES, PassRates, Screened, foreign_keys, frame_of, table_name

Rows = dict[str, list[dict[str, Any]]]


def _id(number: int) -> str:
    return f"{number:032x}"


P, DUPLICATE, HARD = _id(1), _id(2), _id(3)
R, TWIN, CUT, FAILED, WRITER, WRONG = _id(10), _id(11), _id(12), _id(13), _id(14), _id(15)
PLAN, EDIT, GENERATOR, NOWHERE = _id(20), _id(24), _id(30), _id(99)
T, SCREENED, X, FRESH, PLACEBO, HELPS = _id(4), _id(50), _id(53), _id(54), _id(55), _id(21)


def _prompt(prompt_id: str) -> dict[str, Any]:
    return {"prompt_id": prompt_id, "verifier": "math", "group_id": prompt_id}


def _screened(prompt_id: str, decision: str = "kept", reason: str = "kept", **more: Any) -> dict[str, Any]:
    return {"prompt_id": prompt_id, "decision": decision, "reason": reason, "cluster_id": P, **more}


def _rollout(rollout_id: str, prompt_id: str = P, **changes: Any) -> dict[str, Any]:
    solve = {"arm": "solve", "phase": "screen", "finish_reason": "stop", "text": "42", "generator_id": GENERATOR}
    return {"rollout_id": rollout_id, "prompt_id": prompt_id, "plan_id": "", **solve, **changes}


def _verdict(rollout_id: str, outcome: str = "correct", reason: str = "equal", **changes: Any) -> dict[str, Any]:
    version = {"verifier": "math", "verifier_version": "1"}
    return {"rollout_id": rollout_id, "outcome": outcome, "reason": reason, **version, **changes}


def _rates(prompt_id: str, **counts: int) -> dict[str, Any]:
    columns = [name for name in PassRates.columns() if name.startswith("n_") and name != "n_first_round"]
    key = {"generator_id": GENERATOR, "verifier": "math", "arm": "solve", "plan_id": "", "phase": "screen"}
    row = {"prompt_id": prompt_id, **key, **dict.fromkeys(columns, 0), **counts}
    rated = row["n_correct"] + row["n_incorrect"]
    return {**row, "n_rated": rated, "pass_rate": row["n_correct"] / rated if rated else None}


def _band(prompt_id: str, **changes: Any) -> dict[str, Any]:
    kept = {"decision": "kept", "reason": "in_band", "region": "in_band", "n_guesses": 2, "c_guesses": 0}
    return {"prompt_id": prompt_id, "generator_id": GENERATOR, "role": "target", **kept, **changes}


def _choice(identifier: str, decision: str = "kept", reason: str = "kept", **more: Any) -> dict[str, Any]:
    return {"kind": "trace", "id": identifier, "decision": decision, "reason": reason, **more}


def _message(role: str, train: bool) -> dict[str, Any]:
    return {"role": role, "content": "…", "train": train}


def consistent() -> Rows:
    """A small finished run: an exported prompt with a twin trace, a duplicate prompt, and one that is too hard."""
    example = {"example_id": _id(40), "prompt_id": P, "rollout_id": R, "plan_id": PLAN, "group_id": P, "split": "train"}
    example["annotation"] = "none"
    return {
        "prompts": [_prompt(P), _prompt(DUPLICATE), _prompt(HARD)],
        "screened": [
            _screened(P),
            _screened(DUPLICATE, "dropped", "near_duplicate", keeper_id=P),
            _screened(HARD, cluster_id=HARD),
        ],
        "rollouts": [
            _rollout(R),
            _rollout(TWIN),
            _rollout(CUT, finish_reason="length"),
            _rollout(FAILED, finish_reason="error", error_kind="http_500", text=None),
            _rollout(WRITER, arm="write_plan", parent_id=R),
            _rollout(WRONG, HARD),
        ],
        "verdicts": [
            _verdict(R, "incorrect", "different", verifier_version="1"),
            _verdict(R, verifier_version="2"),
            _verdict(TWIN),
            _verdict(CUT, "undecided", "truncated"),
            _verdict(FAILED, "undecided", "generation_error"),
            _verdict(WRONG, "incorrect", "different"),
        ],
        "pass_rates": [_rates(P, n_correct=2, n_truncated=1, n_generation_error=1), _rates(HARD, n_incorrect=1)],
        "bands": [
            _band(P),
            _band(HARD, decision="later", reason="too_hard", region="too_hard"),
        ],
        "plans": [
            {
                "plan_id": PLAN,
                "prompt_id": P,
                "rollout_id": WRITER,
                "status": "parsed",
                "steps": [],
                "n_steps": 0,
                "origin": "model",
            }
        ],
        "choices": [_choice(R), _choice(TWIN, "dropped", "near_duplicate", keeper_id=R)],
        "examples": [{**example, "messages": [_message("user", False), _message("assistant", True)]}],
    }


def tried() -> Rows:
    """The same with a prompt whose plan was tried: strategies, the plan, its trials, and an example with the plan."""
    rows = consistent()
    beside = {"phase": "search", "step_id": ""}
    example = {**rows["examples"][0], "example_id": _id(42), "prompt_id": T, "rollout_id": X, "plan_id": HELPS}
    rows["prompts"].append(_prompt(T))
    rows["screened"].append(_screened(T, cluster_id=T))
    rows["rollouts"] += [
        _rollout(SCREENED, T),
        _rollout(_id(51), T, arm="write_plan", phase="search", step_id="strategies"),
        _rollout(_id(52), T, arm="write_plan", parent_id=_id(51), **beside),
        _rollout(X, T, arm="execute", plan_id=HELPS, **beside),
        _rollout(FRESH, T, **beside),
        _rollout(PLACEBO, T, arm="placebo", plan_id=PLAN, **beside),
    ]
    wrong = [_verdict(id, "incorrect", "different") for id in (FRESH, PLACEBO)]
    rows["verdicts"] += [_verdict(SCREENED), _verdict(X), *wrong]
    rows["pass_rates"] += [
        _rates(T, n_correct=1),
        {**_rates(T, n_correct=1), "arm": "execute", "phase": "search", "plan_id": HELPS},
        {**_rates(T, n_incorrect=1), "phase": "search"},
        {**_rates(T, n_incorrect=1), "arm": "placebo", "phase": "search", "plan_id": PLAN},
    ]
    rows["bands"].append(_band(T))
    rows["plans"].append({**rows["plans"][0], "plan_id": HELPS, "prompt_id": T, "rollout_id": _id(52)})
    counts = {"n_execute": 1, "c_execute": 1, "n_solve": 1, "c_solve": 0, "n_placebo": 1, "c_placebo": 0}
    unasked = dict.fromkeys(("n_plan_only", "c_plan_only", "n_guess", "c_guess"), 0)
    key = {"plan_id": HELPS, "generator_id": GENERATOR, "phase": "search"}
    rows["plan_scores"] = [{**key, **counts, **unasked, "uplift": 1.0, "decision": "helps"}]
    rows["choices"] += [_choice(X), {**_choice(HELPS), "kind": "plan"}]
    rows["examples"].append({**example, "group_id": T, "uplift": 1.0})
    rows["audits"] = [
        _audit("gold", "", n_correct=3, n_undecided=1, n_errors=1),
        _audit("near_miss", "one_digit", n_incorrect=4),
        _audit("label", "correct", n_correct=4),
        _audit("label", "incorrect", n_incorrect=3, n_correct=1, n_errors=1),
        _audit("other_verifier", "strips:undecided", n_incorrect=1, n_undecided=3, n_errors=1),
    ]
    counts = {"n_answers": 4, "n_correct": 1, "n_agree": 3, "n_models": 1, "n_models_agree": 1}
    few = {"n_answers": 4, "n_correct": 4, "n_models": 1, "tokens_ratio": 0.1}
    rows["suspects"] = [
        {"prompt_id": HARD, "rank": 1, "reason": "models_agree_against_key", **counts},
        {"prompt_id": P, "rank": 2, "reason": "solved_in_few_tokens", **few},
    ]
    rows["benchmarks"] = [{"benchmark": "b", "benchmark_row": "7", "text": "What is 6 * 7?"}]
    row = {"rule": "ngram_8", "benchmark": "b", "benchmark_row": "7", "score": 1.0}
    rows["prompt_contamination"] = [{**row, "prompt_id": HARD, "contaminated": True}]
    rows["output_contamination"] = [{**row, "kind": "plan", "id": HELPS, "contaminated": False, "score": 0.1}]
    return rows


def annotated() -> Rows:
    """The same, after people were asked: two keep HELPS; over PLAN, which one edits, the adjudicator decides."""
    rows = tried()
    one, other = _id(70), _id(71)
    kinds = [(one, HELPS, "ranking"), (other, PLAN, "single"), (_id(72), PLAN, "adjudication"), (_id(73), PLAN, "gold")]
    rows["queue"] = [
        {
            "record_id": id,
            "plan_ids": [plan, _id(23)][: 1 + (kind == "ranking")],
            "kind": kind,
            "guideline_version": "1",
        }
        for id, plan, kind in kinds
    ]
    ranking = f'[{{"plan_id":"{HELPS}","rank":1}},{{"plan_id":"{_id(23)}","rank":2}}]'
    rows["annotations"] = [
        _answer(one), _answer(one, annotator="annotator-2"), _answer(one, question="ranking", value=ranking),
        _answer(other, value='"discard"'), _answer(other, value='"fix"', version=2),
        _answer(other, annotator="annotator-2"), _answer(_id(72), value='"fix"', annotator="adjudicator"),
        _answer(other, question="edited_plan", value='"1. look"'), _answer(other, question="strategy", value="5"),
        _answer(other, question="bad_steps", value="[]"),
    ]  # fmt: skip
    rows["adjudicated"] = [
        {"plan_id": HELPS, "verdict": "keep", "how": "unanimous", "agreement": 1.0, "n_annotators": 2},
        {"plan_id": PLAN, "verdict": "fix", "how": "adjudicator", "agreement": 0.5, "n_annotators": 2},
    ]
    edit = {"plan_id": EDIT, "rollout_id": None, "parent_plan_id": PLAN, "origin": "person", "status": "missing"}
    rows["plans"].append({**rows["plans"][0], **edit})
    rows["rollouts"].append(_rollout(_id(56), arm="execute", phase="search", plan_id=EDIT))
    rows["rollouts"].append(_rollout(_id(57), HARD, arm="placebo", phase="search", plan_id=EDIT))
    rows["verdicts"] += [_verdict(_id(56)), _verdict(_id(57))]
    beside = {"phase": "search", "plan_id": EDIT}
    rows["pass_rates"].append({**_rates(P, n_correct=1), **beside, "arm": "execute"})
    rows["pass_rates"].append({**_rates(HARD, n_correct=1), **beside, "arm": "placebo"})
    rows["examples"][0]["plan_id"], rows["examples"][1]["annotation"] = "", "accepted"
    return rows


def _answer(record: str, **changes: Any) -> dict[str, Any]:
    said = {"question": "verdict", "annotator": "annotator-1", "version": 1, "value": '"keep"', "status": "submitted"}
    return {"record_id": record, "annotator_kind": "person", "guideline_version": "1", **said, **changes}


def _audit(against: str, kind: str, **counts: int) -> dict[str, Any]:
    key = {"source": "s", "verifier": "math", "verifier_version": "1", "against": against, "kind": kind}
    row = {"n": 4, "n_correct": 0, "n_incorrect": 0, "n_undecided": 0, "n_errors": 0, **counts}
    return {**key, **row, "error_rate": row["n_errors"] / 4, "errors": [{"id": P}] * row["n_errors"]}


def _frames(rows: Rows) -> dict[str, pl.DataFrame]:
    tables = {table_name(table): table for table in TABLES}
    return {name: frame_of(tables[name], kept) for name, kept in rows.items()}


def _broken(rows: Rows) -> set[str]:
    return set(check_frames(_frames(rows)).filter(pl.col("n_broken") > 0)["check"])


def _set(table: str, number: int, **changes: Any) -> Callable[[Rows], None]:
    """A change of one row, by its position above."""
    return lambda rows: rows[table][number].update(changes)


def _add(table: str, row: dict[str, Any]) -> Callable[[Rows], None]:
    return lambda rows: rows[table].append(row)


def _drop(table: str, number: int) -> Callable[[Rows], None]:
    def drop(rows: Rows) -> None:
        rows[table].pop(number)

    return drop


BREAKS: dict[str, Callable[[Rows], None]] = {
    "adjudicated_rests_on_answers": _set("adjudicated", 0, verdict="discard"),
    "annotation_versions_are_consecutive": _set("annotations", 4, version=3),
    "annotations_answer_the_queue": _set("annotations", 0, value='"maybe"'),
    "edited_plans_have_a_parent": _set("plans", 2, prompt_id=HARD),
    "example_plans_are_not_discarded": _set("adjudicated", 0, verdict="fix"),
    "audit_counts_add_up": _set("audits", 0, n_undecided=0),
    "audit_errors_contradict_their_reference": _set("audits", 1, n_incorrect=3, n_correct=1),
    "choice_keepers_are_kept": _set("choices", 1, keeper_id=TWIN),
    "choices_name_what_they_choose": _add("choices", _choice(CUT, "dropped", "too_long")),
    "decisions_have_their_reasons": _set("screened", 1, reason="kept"),
    "duplicates_share_a_split": lambda rows: _second_example(rows, cluster_id=P),
    "every_row_has_one_fate": _add("screened", _screened(DUPLICATE, "dropped", "too_long")),
    "example_parts_belong_together": _set("plans", 1, prompt_id=HARD),
    "example_plans_help": _set("plan_scores", 0, decision="undecided"),
    "example_prompts_are_kept": _set("bands", 0, decision="dropped", reason="too_easy"),
    "example_rollouts_are_correct": _set("verdicts", 1, outcome="incorrect", reason="different"),
    "example_rollouts_are_kept": _set("choices", 0, decision="dropped", reason="repetitive"),
    "examples_are_not_contaminated": _set("output_contamination", 0, contaminated=True),
    "examples_train_on_something": _set("examples", 0, messages=[_message("assistant", False)]),
    "executions_show_a_plan_of_their_prompt": _set("rollouts", 9, plan_id=PLAN),
    "exclusions_have_reasons": _set("rollouts", 3, error_kind=None),
    "failed_rollouts_say_why": _set("rollouts", 3, error_kind=None),
    "failures_are_undecided": _set("verdicts", 5, reason="timeout"),
    "groups_stay_in_one_split": lambda rows: _second_example(rows, group_id=P),
    "helping_plans_beat_no_plan_and_the_placebo": _set("plan_scores", 0, n_placebo=0),
    "hits_name_a_benchmark_row": _set("benchmarks", 0, benchmark_row="8"),
    "kept_prompts_are_measured": _set("bands", 0, region="unmeasured"),
    "kept_prompts_are_not_guessed": _set("bands", 0, c_guesses=1),
    "pass_rate_is_correct_over_rated": _set("pass_rates", 0, pass_rate=0.5),
    "pass_rates_count_the_verdicts": _set("pass_rates", 0, n_truncated=0),
    "placebos_show_a_plan_of_another_prompt": _set("rollouts", 11, plan_id=HELPS),
    "plan_scores_count_the_pass_rates": _set("plan_scores", 0, c_solve=1),
    "plan_steps_are_counted": _set("plans", 0, n_steps=1),
    "prompt_keepers_are_kept": _set("screened", 1, keeper_id=DUPLICATE),
    "rollouts_have_one_verdict": _drop("verdicts", 5),
    "screening_decides_every_prompt": _drop("screened", 1),
    "suspects_rest_on_answers": _set("suspects", 0, n_agree=4),
    "unfinished_rollouts_are_undecided": _set("verdicts", 3, outcome="incorrect", reason="different"),
    "unmeasured_prompts_have_no_band": _set("bands", 1, region="unmeasured"),
}


def _second_example(rows: Rows, *, cluster_id: str = HARD, group_id: str = HARD) -> None:
    """A validation example of the hard prompt, beside the train example of the other."""
    rows["examples"].append(
        {**rows["examples"][0], "example_id": _id(41), "prompt_id": HARD, "group_id": group_id, "split": "validation"}
    )
    rows["screened"][2]["cluster_id"] = cluster_id


def test_a_consistent_run_breaks_no_claim() -> None:
    assert _broken(consistent()) == set()


def test_a_consistent_run_whose_plans_were_tried_breaks_no_claim() -> None:
    assert _broken(tried()) == set()


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("example_plans_help", _set("examples", 1, plan_id=PLAN)),
        ("example_plans_help", _set("examples", 1, uplift=0.5)),
        ("example_plans_help", lambda rows: _better_plan(rows)),
        ("executions_show_a_plan_of_their_prompt", _set("rollouts", 10, plan_id=HELPS)),
        ("executions_show_a_plan_of_their_prompt", _set("plans", 1, status="malformed")),
        ("helping_plans_beat_no_plan_and_the_placebo", _set("plan_scores", 0, c_solve=1)),
        ("helping_plans_beat_no_plan_and_the_placebo", _set("plan_scores", 0, c_placebo=1)),
        ("placebos_show_a_plan_of_another_prompt", _set("prompts", 3, group_id=P)),
        ("placebos_show_a_plan_of_another_prompt", _set("rollouts", 11, plan_id="")),
        ("plan_scores_count_the_pass_rates", _set("pass_rates", 5, n_correct=1, n_incorrect=0, pass_rate=1.0)),
        ("plan_scores_count_the_pass_rates", _set("pass_rates", 5, n_rated=2)),
        ("plan_scores_count_the_pass_rates", _set("plan_scores", 0, n_guess=1)),
    ],
)
def test_claims_about_plans_fail_in_every_way_that_they_name(claim: str, change: Callable[[Rows], None]) -> None:
    rows = tried()
    change(rows)
    assert claim in _broken(rows)


def test_a_consistent_run_about_which_people_were_asked_breaks_no_claim() -> None:
    assert _broken(annotated()) == set()


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("adjudicated_rests_on_answers", _set("adjudicated", 0, how="open")),
        ("adjudicated_rests_on_answers", _set("adjudicated", 0, how="majority")),
        ("adjudicated_rests_on_answers", _set("adjudicated", 0, how="adjudicator")),
        ("adjudicated_rests_on_answers", _set("adjudicated", 0, agreement=0.9)),
        ("adjudicated_rests_on_answers", _set("adjudicated", 0, n_annotators=3)),
        ("adjudicated_rests_on_answers", _set("adjudicated", 0, n_annotators=0)),
        ("adjudicated_rests_on_answers", _set("adjudicated", 1, how="unanimous")),
        ("adjudicated_rests_on_answers", _set("adjudicated", 1, verdict="discard")),
        ("adjudicated_rests_on_answers", _set("annotations", 6, annotator_kind="model")),
        ("adjudicated_rests_on_answers", _set("queue", 0, kind="gold")),
        ("annotation_versions_are_consecutive", _set("annotations", 0, version=2)),
        ("annotations_answer_the_queue", _set("annotations", 0, question="mood")),
        ("annotations_answer_the_queue", _set("annotations", 0, value="keep")),
        ("annotations_answer_the_queue", _set("annotations", 0, guideline_version="2")),
        ("annotations_answer_the_queue", _set("annotations", 2, value=f'[{{"plan_id":"{PLAN}","rank":1}}]')),
        ("annotations_answer_the_queue", _set("annotations", 2, value="first")),
        ("annotations_answer_the_queue", _set("annotations", 7, value="[]")),
        ("annotations_answer_the_queue", _set("annotations", 8, value="6")),
        ("annotations_answer_the_queue", _set("annotations", 8, value='"good"')),
        ("annotations_answer_the_queue", _set("annotations", 9, value="{}")),
        ("edited_plans_have_a_parent", _set("plans", 2, parent_plan_id=None)),
        ("edited_plans_have_a_parent", _set("plans", 2, rollout_id=WRITER)),
        ("edited_plans_have_a_parent", _set("plans", 1, parent_plan_id=PLAN)),
        ("example_plans_are_not_discarded", _set("adjudicated", 0, verdict="discard")),
        ("example_plans_are_not_discarded", _set("examples", 0, plan_id=PLAN)),
        ("example_plans_are_not_discarded", _set("examples", 1, annotation="none")),
        ("example_plans_are_not_discarded", _set("examples", 1, annotation="edited")),
        ("executions_show_a_plan_of_their_prompt", _set("plans", 2, status="malformed")),
        ("executions_show_a_plan_of_their_prompt", _set("plans", 2, origin="model")),
        ("placebos_show_a_plan_of_another_prompt", _set("plans", 2, status="malformed")),
    ],
)
def test_claims_about_people_fail_in_every_way_that_they_name(claim: str, change: Callable[[Rows], None]) -> None:
    rows = annotated()
    change(rows)
    assert claim in _broken(rows)


def test_what_is_not_submitted_may_say_anything() -> None:
    rows = annotated()
    rows["annotations"].append(_answer(_id(71), question="strategy", value="null", status="withdrawn", version=2))
    assert _broken(rows) == set()


def test_a_plan_that_helps_more_may_be_ruled_out_or_be_one_that_nobody_stands_behind() -> None:
    rows = annotated()
    _better_plan(rows)
    assert "example_plans_help" in _broken(rows)
    rows["examples"].pop(0)  # so that every example has a plan that people stand behind
    assert "example_plans_help" not in _broken(rows)
    rows = annotated()
    _better_plan(rows)
    rows["adjudicated"].append({**rows["adjudicated"][1], "plan_id": _id(22)})
    assert "example_plans_help" not in _broken(rows)


def test_what_is_no_guess_is_rated_and_not_scored() -> None:
    rows = tried()
    rows["rollouts"].append(_rollout(_id(58), T, arm="plan_only", phase="search", plan_id=HELPS))
    rows["verdicts"].append(_verdict(_id(58)))
    rows["pass_rates"].append({**_rates(T, n_correct=1), "arm": "plan_only", "phase": "search", "plan_id": HELPS})
    assert _broken(rows) == set()
    _set("plan_scores", 0, n_plan_only=1, c_plan_only=1)(rows)
    assert _broken(rows) == set()
    _set("plan_scores", 0, n_plan_only=2)(rows)
    assert _broken(rows) == {"plan_scores_count_the_pass_rates"}


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("decisions_have_their_reasons", _set("bands", 0, decision="later")),
        ("decisions_have_their_reasons", _set("bands", 1, decision="kept")),
        ("decisions_have_their_reasons", _set("bands", 0, reason="guessable")),
        ("kept_prompts_are_measured", _set("pass_rates", 0, n_rated=0)),
        ("kept_prompts_are_measured", _set("pass_rates", 1, arm="guess")),
        ("kept_prompts_are_measured", _set("bands", 0, role="target, strong")),
        ("kept_prompts_are_measured", _set("bands", 0, role="target, strong", strong_region="unmeasured")),
        ("kept_prompts_are_not_guessed", _set("bands", 0, decision="dropped", reason="guessable")),
        ("kept_prompts_are_not_guessed", _set("bands", 1, c_guesses=3)),
        ("pass_rate_is_correct_over_rated", _set("pass_rates", 0, pass_rate=None)),
        ("pass_rate_is_correct_over_rated", _set("pass_rates", 0, n_rated=4, pass_rate=0.5)),
        ("pass_rate_is_correct_over_rated", _set("pass_rates", 1, n_rated=2, pass_rate=0.0)),
    ],
)
def test_claims_about_bands_fail_in_every_way_that_they_name(claim: str, change: Callable[[Rows], None]) -> None:
    rows = consistent()
    change(rows)
    assert claim in _broken(rows)


def test_cut_off_answers_may_be_rated_wrong_in_all_rows() -> None:
    rows = consistent()
    _set("pass_rates", 0, n_rated=3, pass_rate=2 / 3)(rows)
    assert _broken(rows) == set()


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("audit_counts_add_up", _set("audits", 3, errors=[])),
        ("audit_counts_add_up", _set("audits", 3, error_rate=0.5)),
        ("audit_errors_contradict_their_reference", _set("audits", 0, n_errors=0)),
        ("audit_errors_contradict_their_reference", _set("audits", 2, n_correct=3, n_undecided=1)),
        ("audit_errors_contradict_their_reference", _set("audits", 4, kind="strips:incorrect")),
        ("audit_errors_contradict_their_reference", _set("audits", 4, kind="strips")),
        ("suspects_rest_on_answers", _set("suspects", 0, n_agree=None)),
        ("suspects_rest_on_answers", _set("suspects", 0, n_models_agree=2)),
        ("suspects_rest_on_answers", _set("suspects", 1, tokens_ratio=None)),
        ("suspects_rest_on_answers", _set("suspects", 1, n_correct=5)),
    ],
)
def test_claims_about_verifiers_and_keys_fail_in_every_way_that_they_name(
    claim: str, change: Callable[[Rows], None]
) -> None:
    rows = tried()
    change(rows)
    assert claim in _broken(rows)


def _better_plan(rows: Rows) -> None:
    """Another plan of the same prompt that helps more than the one that is shown."""
    rows["plans"].append({**rows["plans"][1], "plan_id": _id(22)})
    rows["plan_scores"].append({**rows["plan_scores"][0], "plan_id": _id(22), "uplift": 1.1})


def test_an_empty_run_breaks_no_claim() -> None:
    assert _broken({}) == set()


@pytest.mark.parametrize("arm", ARMS)
def test_only_rollouts_that_answer_their_prompt_need_a_verdict(arm: str) -> None:
    rows = consistent()
    rows["rollouts"].append(_rollout(_id(50), arm=arm))
    assert ("rollouts_have_one_verdict" in _broken(rows)) == (arm in JUDGED_ARMS)


@pytest.mark.parametrize("name", BREAKS)
def test_each_claim_fails_on_a_row_that_breaks_it(name: str) -> None:
    rows = annotated()
    BREAKS[name](rows)
    assert name in _broken(rows)


def test_every_written_claim_has_a_case_that_breaks_it() -> None:
    folder = Path(__file__).resolve().parents[2] / "schemas" / "checks"
    assert {path.stem for path in folder.glob("*.sql")} == set(BREAKS)


def test_every_claim_has_its_own_name_and_is_a_sentence() -> None:
    claims = checks()
    assert len({one.name for one in claims}) == len(claims)
    assert all(one.claim.endswith(".") for one in claims)


@pytest.mark.parametrize("table", TABLES, ids=table_name)
def test_a_key_that_comes_twice_is_found(table: Any) -> None:
    row = {column: _example_value(dtype) for column, dtype in table.create_empty().schema.items()}
    frames = {table_name(table): frame_of(table, [row, row])}
    found = check_frames(frames).filter(check=f"{table_name(table)}_key_is_unique")
    assert found["n_broken"].to_list() == [1]


@pytest.mark.parametrize(
    ("table", "column", "target"),
    [(table, column, target) for table in TABLES for column, target in foreign_keys(table).items()],
    ids=lambda value: value if isinstance(value, str) else table_name(value),
)
def test_an_id_that_points_nowhere_is_found(table: Any, column: str, target: str) -> None:
    row = {name: _example_value(dtype) for name, dtype in table.create_empty().schema.items()}
    frames = {table_name(table): frame_of(table, [{**row, column: NOWHERE}])}
    found = check_frames(frames).filter(check=f"{table_name(table)}_{column}_is_in_{target}")
    assert found["n_broken"].to_list() == [1]


def _example_value(dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Enum):
        return dtype.categories[0]
    return {pl.String: "x", pl.Int32: 1}.get(type(dtype))


def test_a_broken_claim_names_its_rows_in_words() -> None:
    rows = consistent()
    rows["plans"][0]["n_steps"] = 3
    (found,) = check_frames(_frames(rows)).filter(pl.col("n_broken") > 0).to_dicts()
    claim = "n_steps of a plan is the number of its steps."
    assert found == {"check": "plan_steps_are_counted", "claim": claim, "n_broken": 1, "sample": [PLAN]}


def test_verdicts_may_lag_behind_while_sampling_goes_on() -> None:
    rows = consistent()
    rows["bands"], rows["choices"], rows["examples"] = [], [], []
    rows["verdicts"].pop(5)
    assert _broken(rows) == set()


def test_claims_are_checked_on_a_published_run() -> None:
    run = open_run("memory://checked")
    publish(run, Screened, frame_of(Screened, [_screened(P)]), Provenance("test"))
    found = check(run).filter(pl.col("n_broken") > 0)
    assert found["check"].to_list() == ["screened_prompt_id_is_in_prompts"]
