"""The funnel accounts for every row, and the evidence counts what was measured."""

from typing import Any

import polars as pl
import pytest

from pipeline.evidence import evidence_of, gather
from pipeline.funnel import funnel
from pipeline.store import Provenance, open_run, publish
from schemas.tables import TABLES, Examples, Prompts, frame_of, table_name


def id_of(number: int) -> str:
    return f"{number:032x}"


def prompt(i: int, source: str = "s") -> dict[str, Any]:
    return {
        "prompt_id": id_of(i), "source": source, "source_key": str(i), "revision": "r1", "license": "MIT",
        "domain": "d", "task_family": "f", "messages": [], "problem_text": "p", "content_hash": id_of(i), "task": "{}",
        "verifier": "math", "group_id": id_of(i), "is_withdrawn": False,
    }  # fmt: skip


def screened(i: int, reason: str = "kept") -> dict[str, Any]:
    decision = "kept" if reason == "kept" else "dropped"
    return {"prompt_id": id_of(i), "decision": decision, "reason": reason, "cluster_id": id_of(i)}


def rollout(i: int, prompt: int, **columns: Any) -> dict[str, Any]:
    return {
        "rollout_id": id_of(100 + i), "prompt_id": id_of(prompt), "plan_id": "", "step_id": "", "arm": "solve",
        "phase": "screen", "role": "target", "generator_id": id_of(7), "model": "m", "sample_index": i,
        "request_hash": id_of(8), "messages": [], "text": "42", "finish_reason": "stop",
    } | columns  # fmt: skip


def verdict(i: int, outcome: str, reason: str, version: str = "1", verifier: str = "math") -> dict[str, Any]:
    return {"rollout_id": id_of(100 + i), "verifier": verifier, "verifier_version": version, "outcome": outcome,
            "reason": reason, "seconds": 0.0}  # fmt: skip


def band(i: int, region: str, pass_rate: float | None, **columns: Any) -> dict[str, Any]:
    decision = {"in_band": "kept", "too_hard": "later"}.get(region, "dropped")
    return {
        "prompt_id": id_of(i), "decision": decision, "region": region, "is_decided": True, "reason": region,
        "role": "target", "generator_id": id_of(7), "pass_rate": pass_rate, "n_guesses": 0, "c_guesses": 0,
    } | columns  # fmt: skip


def trace(i: int, reason: str = "kept") -> dict[str, Any]:
    decision = "kept" if reason == "kept" else "dropped"
    return {"kind": "trace", "id": id_of(100 + i), "decision": decision, "reason": reason, "cluster_id": id_of(i)}


def plan(i: int, status: str) -> dict[str, Any]:
    return {"plan_id": id_of(i), "prompt_id": id_of(0), "origin": "model", "status": status, "steps": [], "n_steps": 0,
            "saw": "prompt"}  # fmt: skip


def example(i: int, prompt: int) -> dict[str, Any]:
    return {"example_id": id_of(i), "prompt_id": id_of(prompt), "source": "s", "task_family": "f",
            "plan_id": "", "rollout_id": id_of(100 + i),
            "group_id": "g", "split": "train", "messages": [], "rendering": "answer", "effort": "low", "n_tokens": 1,
            "tokenizer": "whitespace", "model": "m", "model_license": "unknown", "annotation": "none"}  # fmt: skip


def frames(**rows: list[dict[str, Any]]) -> dict[str, pl.DataFrame]:
    """All tables by name; those not given are empty."""
    return {table_name(table): frame_of(table, rows.get(table_name(table), [])) for table in TABLES}


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    """Four prompts: one dropped, one in the band, one too easy, one unmeasured; five rollouts."""
    return frames(
        prompts=[prompt(0), prompt(1), prompt(2), prompt(3, "other")],
        screened=[screened(0), screened(1), screened(2, "near_duplicate"), screened(3)],
        rollouts=[
            rollout(0, 0),
            rollout(1, 0, model="n"),
            rollout(2, 0, model=None),
            rollout(3, 1),
            rollout(4, 3, model=None, text=None, finish_reason="error", error_kind="not_run"),
            rollout(9, 0, arm="write_plan", role="planner"),
        ],
        verdicts=[
            verdict(0, "incorrect", "wrong_value"),
            verdict(0, "correct", "match", version="2"),
            verdict(0, "incorrect", "other", verifier="strips"),
            verdict(1, "incorrect", "wrong_value"),
            verdict(2, "undecided", "no_answer"),
            verdict(4, "undecided", "not_run"),
        ],
        bands=[band(0, "in_band", 0.5, is_decided=False), band(1, "too_easy", 1.0), band(3, "unmeasured", None)],
        choices=[trace(0), trace(5, "near_duplicate")],
        plans=[plan(1, "parsed"), plan(2, "malformed")],
        examples=[example(0, 0)],
    )


def test_funnel_says_where_every_row_went(tables: dict[str, pl.DataFrame]) -> None:
    assert funnel(tables).rows() == [
        ("collected", "prompts", 4, "s 3, other 1"),
        ("kept by the screen", "prompts", 3, "left out: near_duplicate 1"),
        ("sampled", "prompts", 3, ""),
        ("kept by the band", "prompts", 1, "left out: too_easy 1, unmeasured 1; kept but not certain: 1"),
        ("asked for", "rollouts", 5, ""),
        ("came back", "rollouts", 4, "left out: not_run 1"),
        ("correct", "rollouts", 1, ""),
        ("incorrect", "rollouts", 1, "wrong_value 1"),
        ("undecided", "rollouts", 2, "no_answer 1, not_run 1"),
        ("not judged yet", "rollouts", 1, ""),
        ("correct and kept", "traces", 2, ""),
        ("chosen", "traces", 1, "left out: near_duplicate 1"),
        ("parsed", "plans", 1, "left out: malformed 1"),
        ("assembled", "examples", 1, "train 1"),
    ]


def test_models_and_sources_are_counted(tables: dict[str, pl.DataFrame]) -> None:
    evidence = evidence_of(tables, {}, [])
    assert evidence.models.rows() == [("m", 2, 1, 1), ("n", 1, 0, 0), ("unknown", 1, 0, 0)]
    assert evidence.sources.rows() == [("other", "r1", "MIT", 1, 0), ("s", "r1", "MIT", 3, 1)]
    assert evidence.n_uncertain == 1


def test_verdicts_are_the_latest_of_the_prompts_own_verifier(tables: dict[str, pl.DataFrame]) -> None:
    verdicts = evidence_of(tables, {}, []).verdicts
    assert verdicts.rows()[-1] == ("math", "2", "correct", "match", 1)
    assert set(verdicts["verifier"]) == {"math"}


def test_every_pass_rate_has_a_bin(tables: dict[str, pl.DataFrame]) -> None:
    histogram = evidence_of(tables, {}, []).histogram
    assert histogram.filter(pl.col("n_prompts") > 0).rows() == [
        ("0.5 to 0.6", 1, 1), ("0.9 to 1.0", 1, 0), ("unmeasured", 1, 0)
    ]  # fmt: skip


def test_models_that_only_wrote_examples_are_counted_too(tables: dict[str, pl.DataFrame]) -> None:
    written = frame_of(Examples, [example(0, 0), example(1, 0) | {"model": "executor"}])
    models = evidence_of({**tables, "examples": written}, {}, []).models
    assert models.rows() == [("executor", 0, 0, 1), ("m", 2, 1, 1), ("n", 1, 0, 0), ("unknown", 1, 0, 0)]


def test_models_are_pooled_where_several_answered_as_the_target(tables: dict[str, pl.DataFrame]) -> None:
    assert evidence_of(tables, {}, []).n_pooled == 3
    strong = frames(rollouts=[rollout(0, 0), rollout(1, 0, role="strong", model="big")])
    assert evidence_of(strong, {}, []).n_pooled == 1


def test_decisions_are_counted_with_their_reasons_and_examples() -> None:
    bands = [
        band(0, "in_band", 0.5), band(1, "too_easy", 1.0, decision="kept", reason="replayed"), band(2, "too_hard", 0.0),
        band(3, "too_hard", 0.0),
    ]  # fmt: skip
    evidence = evidence_of(frames(bands=bands, examples=[example(0, 0), example(1, 0), example(2, 1)]), {}, [])
    assert evidence.decisions.rows() == [
        ("kept", "in_band", 1, 2), ("kept", "replayed", 1, 1), ("later", "too_hard", 2, 0)
    ]  # fmt: skip
    assert evidence.by_models.is_empty()


def test_regions_of_two_models_are_set_side_by_side() -> None:
    bands = [band(i, "too_hard", 0.0, strong_region=strong, strong_generator_id=id_of(9))
             for i, strong in enumerate(["in_band", "too_hard", "in_band"])]  # fmt: skip
    found = evidence_of(frames(bands=bands), {}, []).by_models
    assert found.rows() == [("too_hard", "too_hard", 1), ("too_hard", "in_band", 2)]


def score(plan: int, *counts: int) -> dict[str, Any]:
    names = ("c_execute", "n_execute", "c_placebo", "n_placebo", "c_solve", "n_solve")
    key = {"plan_id": id_of(plan), "generator_id": id_of(7), "phase": "search", "decision": "helps"}
    return key | dict(zip(names, counts, strict=True))


def test_the_plans_of_examples_are_summed_up_beside_placebo_and_no_plan() -> None:
    scores = [score(1, 12, 16, 4, 16, 4, 16), score(2, 16, 16, 8, 16, 8, 16), score(3, 0, 16, 16, 16, 16, 16)]
    shown = [example(0, 0) | {"plan_id": id_of(1)}, example(1, 0) | {"plan_id": id_of(1)},
             example(2, 1) | {"plan_id": id_of(2)}]  # fmt: skip
    trials = evidence_of(frames(plan_scores=scores, examples=shown), {}, []).trials
    assert trials.select("shown", "n_plans", "pass_rate", "uplift").rows() == [
        ("the plan", 2, 0.875, 0.5), ("a plan of another problem", 2, 0.375, 0.0), ("no plan", 2, 0.375, None)
    ]  # fmt: skip
    variance = [p * (1 - p) / 18 for p in (13 / 18, 5 / 18, 17 / 18, 9 / 18)]
    reach = 1.96 * sum(variance) ** 0.5 / 2
    assert trials.select("ci_low", "ci_high").row(0) == pytest.approx((0.5 - reach, 0.5 + reach), abs=1e-4)
    assert trials.select("ci_low", "ci_high").row(2) == (None, None)


def test_without_tried_plans_there_are_no_trials(tables: dict[str, pl.DataFrame]) -> None:
    assert evidence_of(tables, {}, []).trials.is_empty()


def audited(against: str, kind: str, n: int, n_errors: int) -> dict[str, Any]:
    key = {"source": "s", "verifier": "math", "verifier_version": "1", "against": against, "kind": kind}
    return {**key, "n": n, "n_correct": n - n_errors, "n_incorrect": n_errors, "n_undecided": 0, "n_errors": n_errors}


def test_errors_of_verifiers_are_summed_up_by_source_and_reference() -> None:
    audits = [audited("gold", "", 10, 1), audited("near_miss", "a", 4, 0), audited("near_miss", "b", 6, 2),
              audited("other_verifier", "strips:correct", 5, 0)]  # fmt: skip
    evidence = evidence_of(frames(audits=audits), {}, [])
    assert evidence.errors.select("answers", "error", "n", "n_errors").rows() == [
        ("gold answers", "false_negative", 10, 1), ("near-misses", "false_positive", 10, 2)
    ]  # fmt: skip
    assert evidence.agreement.select("compared_with", "n", "agreement").rows() == [("strips", 5, 1.0)]


def test_examples_of_prompts_with_suspect_keys_are_counted() -> None:
    suspects = [{"prompt_id": id_of(i), "reason": "models_agree_against_key"} for i in (0, 1)]
    shown = [example(0, 0), example(1, 0), example(2, 5)]
    evidence = evidence_of(frames(suspects=suspects, examples=shown), {}, [])
    assert evidence.suspects.rows() == [("models_agree_against_key", 2, 2)]


def test_without_an_audit_nothing_is_known_of_the_verifiers(tables: dict[str, pl.DataFrame]) -> None:
    evidence = evidence_of(tables, {}, [])
    assert evidence.errors.is_empty()
    assert evidence.agreement.is_empty()
    assert evidence.suspects.is_empty()


def test_versions_of_several_makers_are_all_named() -> None:
    made = [{"versions": {"polars": "2.1"}}, {"versions": {"polars": "2.2"}}, {"versions": {"polars": "2.1"}}]
    assert evidence_of(frames(), {}, made).versions == {"polars": "2.1, 2.2"}


def test_a_run_is_gathered_from_its_tables_and_manifests() -> None:
    run = open_run("memory://evidence")
    publish(run, Prompts, frame_of(Prompts, [prompt(0)]), Provenance("collect"))
    run.fs.pipe_file(run.path("recipe.json"), b'{"run_id": "r", "identity": {}, "recipe": {"name": "planbench"}}')
    evidence = gather(run)
    assert evidence.name == "planbench"
    assert evidence.funnel.row(0) == ("collected", "prompts", 1, "s 1")
    assert "polars" in evidence.versions


def test_an_empty_run_has_a_funnel() -> None:
    assert funnel(frames())["n"].sum() == 0
