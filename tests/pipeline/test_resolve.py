"""Recipes with their plug-ins looked up, and the run folder that belongs to one."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.bound import RECIPE_FILE, bind
from pipeline.resolve import Resolved, resolve
from pipeline.store import Provenance, Run, open_run, publish
from pipeline.template import FIELDS
from schemas.errors import RecipeError, SchemaError, StoreError
from schemas.recipe import Recipe
from schemas.tables import Audits, Rollouts, frame_of

SOURCE = {"kind": "files", "path": "prompts.jsonl", "verifier": "math", "columns": {"text": "q", "source_key": "k"}}
TARGET = {"kind": "replay", "path": "replies.jsonl", "model": "m1", "columns": {"source_key": "k", "text": "t"}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a recording."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "replies.jsonl").write_text('{"k": "1", "t": "2"}\n')
    return folder


def recipe(data: Path | str, **changes: Any) -> Recipe:
    values = {"name": "test", "data": str(data), "sources": {"problems": SOURCE}, "models": {"target": TARGET}}
    return Recipe.model_validate({**values, **changes})


def resolved(data: Path | str, **changes: Any) -> Resolved:
    return resolve(recipe(data, **changes))


def document(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run.fs.cat_file(run.path(RECIPE_FILE)))
    return found


def test_paths_of_plug_ins_start_from_the_data_folder(data: Path) -> None:
    found = resolved(data)
    assert found.sources[0].config.model_dump()["path"] == str(data / "prompts.jsonl")
    assert found.models["target"].config.model_dump()["path"] == str(data / "replies.jsonl")


def test_absolute_paths_and_urls_stay_as_they_are(data: Path) -> None:
    sources = {
        "here": {**SOURCE, "path": "/elsewhere/prompts.jsonl"},
        "there": {**SOURCE, "path": "s3://bucket/prompts.jsonl"},
    }
    paths = [source.config.model_dump()["path"] for source in resolved(data, sources=sources).sources]
    assert paths == ["/elsewhere/prompts.jsonl", "s3://bucket/prompts.jsonl"]


@pytest.mark.parametrize("role", ["target", "strong", "executor"])
def test_the_same_answer_every_time_is_no_pass_rate(data: Path, role: str) -> None:
    greedy = {"kind": "openai_server", "model": "m", "temperature": 0}
    assert resolved(data, models={"target": TARGET, "planner": greedy}).models["planner"]
    with pytest.raises(RecipeError, match=rf"models\.{role}\.temperature: found 0, wanted above 0: "):
        resolved(data, models={"target": TARGET, "planner": greedy, role: greedy})


def test_the_data_folder_may_be_a_url() -> None:
    open_run("memory://data").fs.pipe_file("/data/replies.jsonl", b'{"k": "1", "t": "2"}\n')
    found = resolved("memory://data")
    assert found.sources[0].config.model_dump()["path"] == "memory://data/prompts.jsonl"


def test_the_identity_depends_on_what_the_data_is_and_not_on_where(data: Path, tmp_path: Path) -> None:
    before = resolved(data).identity()
    data.rename(tmp_path / "moved")
    assert resolved(tmp_path / "moved").identity() == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sources": {"problems": {**SOURCE, "kind": "filse"}}}, r"sources\.problems\.kind: unknown source 'filse'"),
        (
            {"sources": {"problems": {**SOURCE, "verifer": "m"}}},
            r"'sources\.problems\.verifer'; did you mean",
        ),
        ({"models": {"target": {**TARGET, "kind": "reply"}}}, r"models\.target\.kind: unknown generator 'reply'"),
        (
            {"models": {"target": {**TARGET, "template": "plain"}}},
            r"models\.target\.template: .*did you mean 'plain-1'",
        ),
        ({"export": {"format": "stf"}}, r"export\.format: unknown exporter 'stf'"),
    ],
)
def test_a_wrong_plug_in_or_setting_is_named_before_any_work(data: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        resolved(data, **changes)


def test_a_template_of_ones_own_starts_from_the_data_folder_and_decides_the_identity(data: Path) -> None:
    words = {kind: " ".join(f"{{{field}}}" for field in sorted(fields)) for kind, fields in FIELDS.items()}
    folder = data / "mine"
    folder.mkdir()
    for kind, text in words.items():
        (folder / f"{kind}.txt").write_text(text)
    first = resolved(data, models={"target": {**TARGET, "template": "./mine"}}).models["target"]
    (folder / "solve.txt").write_text("Please: {problem}")
    second = resolved(data, models={"target": {**TARGET, "template": "./mine"}}).models["target"]
    assert first.generator_id != second.generator_id
    assert second.template.texts["solve"] == "Please: {problem}"


def test_the_target_executes_plans_unless_the_recipe_names_an_executor(data: Path) -> None:
    planned = {"target": TARGET, "planner": {**TARGET, "model": "m2"}}
    executor = resolved(data, models=planned).executor()
    assert (executor.role, executor.config) == ("executor", resolved(data).models["target"].config)
    other = resolved(data, models={**planned, "executor": {**TARGET, "model": "m3"}})
    assert other.executor() is other.models["executor"]


def test_recorded_plans_are_tried_only_by_an_executor_of_the_recipe(data: Path) -> None:
    planned = {"target": TARGET, "planner": {**TARGET, "model": "m2"}}
    assert not resolved(data).tries_plans()
    assert not resolved(data, models=planned).tries_plans()
    assert resolved(data, models={**planned, "executor": TARGET}).tries_plans()


def test_one_generator_in_two_roles_is_written_down_with_both(data: Path) -> None:
    found = resolved(data, models={"target": TARGET, "planner": {**TARGET, "model": "m2"}, "executor": TARGET})
    assert sorted(entry["role"] for entry in found.generators().values()) == ["planner", "target, executor"]


def test_the_notice_of_a_model_folder_is_written_down(run: Run, data: Path) -> None:
    model = {"kind": "ctranslate2_model", "path": str(Path(__file__).resolve().parents[2] / "data/models/tiny")}
    bind(run, resolved(data, models={"target": model}))
    (entry,) = document(run)["generators"].values()
    assert "never evidence about planning" in entry["notice"]
    assert not any("notice" in entry for entry in resolved(data).generators().values())


def test_a_model_whose_files_change_while_it_is_asked_is_named(data: Path) -> None:
    target = resolved(data).models["target"]
    target.require_unchanged()
    with (data / "replies.jsonl").open("a") as file:
        file.write('{"id": "new", "text": "another"}\n')
    with pytest.raises(RecipeError, match=r"models\.target: its files have changed"):
        target.require_unchanged()


def test_a_missing_recording_is_named(data: Path) -> None:
    (data / "replies.jsonl").unlink()
    with pytest.raises(SchemaError, match=r"replies\.jsonl: there is no such file"):
        resolved(data)


def test_the_first_command_writes_the_recipe_into_the_run(run: Run, data: Path) -> None:
    found = resolved(data)
    bind(run, found)
    written = document(run)
    assert written["identity"] == found.identity()
    assert Recipe.model_validate(written["recipe"]) == found.recipe
    assert written["generators"][found.models["target"].generator_id]["role"] == "target"


def test_the_same_recipe_changes_nothing(run: Run, data: Path) -> None:
    bind(run, resolved(data))
    before = document(run)
    bind(run, resolved(data))
    assert document(run) == before


def test_a_mutable_field_may_change_and_is_written_down(run: Run, data: Path) -> None:
    bind(run, resolved(data))
    before = document(run)
    publish(run, Rollouts, Rollouts.create_empty(), Provenance("test"))
    bind(run, resolved(data, band={"low": 0.2, "rule": "curtailed", "max_samples": 64}, keep={"easy_share": 0.1}))
    after = document(run)
    assert after["recipe"]["band"]["low"] == 0.2
    assert after["run_id"] == before["run_id"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"band": {"batch": 8}}, r"band\.batch was 4, now 8"),
        ({"sources": {"other": SOURCE}}, r"sources\.other was not there, now there"),
        ({"sources": {"problems": {**SOURCE, "domain": "math"}}}, r'sources\.problems\.domain was "", now "math"'),
        ({"models": {"target": {**TARGET, "model": "m2"}}}, r'models\.target\.model was "m1", now "m2"'),
        (
            {"models": {"target": {**TARGET, "template": "short-1"}}},
            r'models\.target\.template was "plain-1", now "short-1"',
        ),
    ],
    ids=["band", "source", "a field of a source", "model", "template"],
)  # fmt: skip
def test_another_identity_is_refused_with_field_and_values(
    run: Run, data: Path, changes: dict[str, Any], told: str
) -> None:
    bind(run, resolved(data))
    publish(run, Rollouts, Rollouts.create_empty(), Provenance("test"))
    before = document(run)
    with pytest.raises(StoreError, match=f"belongs to another recipe: {told}.*; use another --run folder"):
        bind(run, resolved(data, **changes))
    assert document(run) == before


def test_a_recording_that_changed_is_another_identity(run: Run, data: Path) -> None:
    bind(run, resolved(data))
    publish(run, Rollouts, Rollouts.create_empty(), Provenance("test"))
    (data / "replies.jsonl").write_text('{"k": "1", "t": "another"}\n')
    with pytest.raises(StoreError, match=r"belongs to another recipe: models\.target\.recording was"):
        bind(run, resolved(data))


def test_before_the_first_rollout_a_run_takes_another_recipe(run: Run, data: Path) -> None:
    bind(run, resolved(data))
    changed = resolved(data, band={"batch": 8})
    bind(run, changed)
    assert document(run)["identity"] == changed.identity()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}"])
def test_an_unreadable_recipe_in_the_run_is_named(tmp_path: Path, data: Path, content: bytes) -> None:
    (tmp_path / RECIPE_FILE).write_bytes(content)
    with pytest.raises(StoreError, match=r"recipe\.json: not a readable recipe"):
        bind(open_run(str(tmp_path)), resolved(data))


# --- what a band needs beside its settings ----------------------------------------------------------------------------

OPTIMAL = {"rule": "optimal", "max_samples": 32, "as_good_as": 16}


def test_the_rule_has_the_counts_of_its_pilot_which_stands_in_the_data_folder(data: Path) -> None:
    (data / "pilot.jsonl").write_text('{"n": 4, "c": 2}\n{"n": 4, "c": 2}\n{"n": 4, "c": 0}\n')
    found = resolved(data, band={**OPTIMAL, "pilot": "pilot.jsonl"}).rule(Audits.create_empty())
    assert found.pilot_counts == ((4, 0, 1, None), (4, 2, 2, None))
    assert (found.rule, found.max_samples) == ("optimal", 32)


def test_no_other_rule_reads_a_pilot(data: Path) -> None:
    assert resolved(data, band={"pilot": "nowhere.jsonl"}).pilot_counts == ()


@pytest.mark.parametrize(
    ("pilot", "told"),
    [
        ("", r"band\.pilot: found nothing, wanted a file of counts or outcomes"),
        ("nowhere.jsonl", r"nowhere\.jsonl"),
        ("empty.jsonl", r"band\.pilot"),
        ("wrong.jsonl", r"band\.pilot: record 1, c: found 5, wanted at most n"),
    ],
)
def test_a_pilot_that_cannot_be_read_is_named_before_any_work(data: Path, pilot: str, told: str) -> None:
    (data / "empty.jsonl").write_text("")
    (data / "wrong.jsonl").write_text('{"n": 4, "c": 5}\n')
    with pytest.raises((RecipeError, SchemaError), match=told):
        resolved(data, band={**OPTIMAL, "pilot": pilot})


def test_a_cap_that_optimal_cannot_work_out_is_told_before_any_work(data: Path) -> None:
    with pytest.raises(RecipeError, match=r"band\.max_samples: found 257, wanted at most 256"):
        resolved(data, band={**OPTIMAL, "pilot": "pilot.jsonl", "max_samples": 257})


def test_the_rule_has_the_errors_of_audited_verifiers_only_where_they_are_corrected(data: Path) -> None:
    key = {"source": "s", "verifier": "math", "verifier_version": "1", "n_undecided": 0}
    gold = {**key, "against": "gold", "kind": "", "n_correct": 19, "n_incorrect": 1}
    label = {**key, "against": "label", "kind": "incorrect", "n_correct": 1, "n_incorrect": 99}
    audits = frame_of(Audits, [gold, label])
    (errors,) = resolved(data, band={"correct_verifiers": True}).rule(audits).verifier_errors
    assert errors == ("math", pytest.approx(0.05), pytest.approx(0.01))
    assert resolved(data).rule(audits).verifier_errors == ()


def test_verifiers_that_nobody_audited_cannot_be_corrected(data: Path) -> None:
    told = r"band\.correct_verifiers: the run has no audit; run with --limit 1 .*`coldstart audit --run DIR`"
    with pytest.raises(RecipeError, match=told):
        resolved(data, band={"correct_verifiers": True}).rule(Audits.create_empty())


@pytest.mark.parametrize(
    ("n_accepted", "against", "told"),
    [
        (1, ("near_miss",), r"band\.correct_verifiers: the audit knows of no verifier how often it rejects"),
        (95, ("gold", "near_miss"), "verifier math: .* tell nothing of right and wrong"),
    ],
)
def test_an_audit_that_cannot_correct_is_told_before_any_work(
    data: Path, n_accepted: int, against: tuple[str, ...], told: str
) -> None:
    key = {"source": "s", "verifier": "math", "verifier_version": "1", "n_undecided": 0, "kind": ""}
    counts = {"gold": (90, 10), "near_miss": (n_accepted, 100 - n_accepted)}
    rows = [{**key, "against": a, "n_correct": counts[a][0], "n_incorrect": counts[a][1]} for a in against]
    with pytest.raises(RecipeError, match=told):
        resolved(data, band={"correct_verifiers": True}).rule(frame_of(Audits, rows))


def test_a_stronger_model_is_another_one(data: Path) -> None:
    with pytest.raises(RecipeError, match=r"models\.strong: it is models\.target with the same settings"):
        resolved(data, models={"target": TARGET, "strong": TARGET})
    found = resolved(data, models={"target": TARGET, "strong": {**TARGET, "model": "m2"}})
    assert [model.role for model in found.solvers()] == ["target", "strong"]


def test_a_recording_holds_no_guesses(data: Path) -> None:
    with pytest.raises(RecipeError, match=r"keep\.guesses: found 8, wanted 0: models\.target is a recording"):
        resolved(data, keep={"guesses": 8})


def test_only_runs_can_be_taken_from(run: Run, data: Path, tmp_path: Path) -> None:
    bind(run, resolved(data))
    assert resolved(data, reuse=[run.url]).recipe.reuse == [run.url]
    for wrong in (str(tmp_path / "nowhere"), str(data / "replies.jsonl")):
        with pytest.raises(RecipeError, match=rf"reuse: {wrong}: [^\n]+$"):
            resolved(data, reuse=[run.url, wrong])
