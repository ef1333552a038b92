"""Queries read a run and nothing else; every row has its fate."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.query import VIEWS, connect_frames, query, select
from pipeline.store import Provenance, Run, append, open_run, publish
from schemas.errors import InputError, StoreError
from schemas.tables import (
    TABLES,
    Adjudicated,
    Bands,
    Choices,
    Examples,
    Plans,
    Prompts,
    Rollouts,
    Screened,
    Verdicts,
    frame_of,
    polars_schema,
    table_name,
)

P, Q = "1" * 32, "2" * 32
MADE_BY = Provenance("test")


def _id(number: int) -> str:
    return f"{number:032x}"


def _screened(prompt_id: str, reason: str = "kept") -> dict[str, Any]:
    decision = "kept" if reason == "kept" else "dropped"
    return {"prompt_id": prompt_id, "decision": decision, "reason": reason, "cluster_id": prompt_id}


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Run:
    """A run in memory with three screened prompts in two parts."""
    run = open_run(f"memory://{request.node.name}")
    append(run, Screened, frame_of(Screened, [_screened(P), _screened(Q, "too_long")]), MADE_BY)
    append(run, Screened, frame_of(Screened, [_screened(_id(3))]), MADE_BY)
    return run


def test_all_parts_of_a_table_are_read(run: Run) -> None:
    found = query(run, "SELECT decision, count(*) AS n FROM screened GROUP BY decision ORDER BY decision")
    assert found.rows() == [("dropped", 1), ("kept", 2)]


def test_a_local_run_is_read(tmp_path: Path) -> None:
    run = open_run(str(tmp_path))
    publish(run, Screened, frame_of(Screened, [_screened(P)]), MADE_BY)
    assert query(run, "SELECT prompt_id FROM screened")["prompt_id"].to_list() == [P]


@pytest.mark.parametrize("table", TABLES, ids=table_name)
def test_an_unpublished_table_is_empty_with_its_columns(table: Any) -> None:
    found = query(open_run("memory://nothing"), f"SELECT * FROM {table_name(table)}")
    assert found.height == 0
    assert found.columns == list(polars_schema(table))


def test_every_view_in_the_folder_is_there() -> None:
    folder = Path(__file__).resolve().parents[2] / "schemas" / "views"
    assert sorted(VIEWS) == sorted(path.stem for path in folder.glob("*.sql"))


@pytest.mark.parametrize(
    "sql",
    ["SELECT 1 AS a", "WITH x AS (SELECT 1 AS a) FROM x", "VALUES (1)", "DESCRIBE screened", "SHOW TABLES",
     "SUMMARIZE screened", "EXPLAIN SELECT * FROM fates", "SELECT 1 AS a;"],
)  # fmt: skip
def test_statements_that_only_read_are_answered(run: Run, sql: str) -> None:
    assert query(run, sql).height >= 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "SELECT * FROM rolouts",
            'sql: Catalog Error: Table with name rolouts does not exist! Did you mean "rollouts"?',
        ),
        ("SELEC 1", 'sql: Parser Error: syntax error at or near "SELEC"'),
        ("SELECT 1; SELECT 2", "sql: found 2 statements; wanted one"),
        ("", "sql: found 0 statements; wanted one"),
        ("DELETE FROM screened", "sql: found a DELETE statement; wanted SELECT, DESCRIBE, SHOW or EXPLAIN"),
        ("SELECT 1 AS a, 2 AS a", 'sql: column appears more than once; names must be unique: ["a"]'),
    ],
)
def test_a_bad_query_is_one_line(run: Run, sql: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        query(run, sql)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


ESCAPES = {
    "read a file": "SELECT * FROM read_csv('{secret}')",
    "read a text": "SELECT * FROM read_text('{secret}')",
    "read bytes": "SELECT * FROM read_blob('{secret}')",
    "read JSON": "SELECT * FROM read_json('{secret}')",
    "read Parquet": "SELECT * FROM read_parquet('{secret}')",
    "sniff a file": "SELECT * FROM sniff_csv('{secret}')",
    "a path as a table": "SELECT * FROM '{secret}'",
    "list a folder": "SELECT * FROM glob('{folder}/*')",
    "a URL": "SELECT * FROM read_csv('https://example.com/x.csv')",
    "a subquery": "SELECT (SELECT content FROM read_text('{secret}'))",
    "a file by indirection": "FROM query('SELECT * FROM read_text(''{secret}'')')",
    "another database": "SELECT * FROM sqlite_scan('{secret}', 't')",
    "the environment": "SELECT getenv('HOME')",
    "a Python variable": "SELECT * FROM secret_frame",
    "copy out": "COPY screened TO '{folder}/out.csv'",
    "copy out, explained": "EXPLAIN ANALYZE COPY screened TO '{folder}/out.csv'",
    "export": "EXPORT DATABASE '{folder}/out'",
    "import": "IMPORT DATABASE '{folder}'",
    "attach": "ATTACH '{folder}/out.db'",
    "attach, explained": "EXPLAIN ANALYZE ATTACH '{folder}/out.db'",
    "attach memory": "ATTACH ':memory:' AS other",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "set": "SET enable_external_access = true",
    "reset": "RESET lock_configuration",
    "pragma": "PRAGMA enable_profiling",
    "call": "CALL enable_logging()",
    "secrets": "SELECT * FROM duckdb_secrets()",
    "a new secret": "CREATE SECRET s (TYPE s3)",
    "a new table": "CREATE TABLE t AS SELECT 1",
    "drop": "DROP VIEW screened",
    "update": "UPDATE screened SET reason = 'kept'",
    "insert in a WITH": "WITH x AS (INSERT INTO screened SELECT * FROM screened RETURNING *) FROM x",
    "prepare": "PREPARE q AS SELECT 1",
    "checkpoint": "CHECKPOINT",
}


@pytest.mark.parametrize("sql", ESCAPES.values(), ids=ESCAPES.keys())
def test_nothing_outside_the_run_can_be_reached(run: Run, tmp_path: Path, sql: str) -> None:
    secret_frame = pl.DataFrame({"password": ["hunter2"]})
    secret = tmp_path / "secret.csv"
    secret.write_text("password\nhunter2\n")
    with pytest.raises(InputError):
        query(run, sql.format(secret=secret, folder=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    assert secret_frame.height == 1


@pytest.mark.parametrize("setting", ["enable_external_access", "python_enable_replacements", "lock_configuration"])
def test_the_settings_that_confine_a_query_are_locked(run: Run, setting: str) -> None:
    wanted = "true" if setting == "lock_configuration" else "false"
    assert query(run, f"SELECT current_setting('{setting}')::VARCHAR AS value").item() == wanted
    with connect_frames({}) as connection, pytest.raises(Exception, match="locked"):
        connection.execute(f"SET {setting} = true")


def test_a_query_stops_at_its_time_limit(run: Run) -> None:
    with pytest.raises(InputError, match=r"stopped after 0.2 s"):
        query(run, "SELECT count(*) FROM range(1000000000000) AS t(i) WHERE hash(i) = 1", timeout_s=0.2)


@pytest.mark.slow
def test_a_query_stops_at_its_memory_limit(run: Run) -> None:
    with pytest.raises(InputError, match="Out of Memory"):
        query(run, "SELECT list(repeat('x', 1000000) || i) FROM range(100000) AS t(i)")


def test_an_unreadable_part_is_named(tmp_path: Path) -> None:
    run = open_run(str(tmp_path))
    publish(run, Screened, frame_of(Screened, [_screened(P)]), MADE_BY)
    (part,) = run.part_paths(Screened)
    Path(part).write_bytes(b"not Parquet")
    with pytest.raises((InputError, StoreError), match=Path(part).name):
        query(run, "SELECT * FROM screened")


def test_verdicts_latest_takes_the_highest_version_as_a_number() -> None:
    rows = [
        {"rollout_id": P, "verifier": "math", "verifier_version": version, "outcome": "correct", "reason": "equal"}
        for version in ("2", "10", "9")
    ]
    with connect_frames({"verdicts": frame_of(Verdicts, rows)}) as connection:
        found = select(connection, "SELECT verifier_version FROM verdicts_latest")
    assert found["verifier_version"].to_list() == ["10"]


# Fates: one prompt P with one rollout R, unless a test says otherwise.

R, PLAN, WRITER = _id(10), _id(20), _id(30)
PROMPT = {"prompt_id": P, "verifier": "math"}
SOLVE = {"rollout_id": R, "prompt_id": P, "arm": "solve", "finish_reason": "stop"}
WRITE = {**SOLVE, "rollout_id": WRITER, "arm": "write_plan", "parent_id": R}
CORRECT = {"rollout_id": R, "verifier": "math", "verifier_version": "1", "outcome": "correct", "reason": "equal"}
BAND = {"prompt_id": P, "region": "in_band"}
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
    found = _fates({Bands: [{**BAND, "region": "too_easy"}], Examples: []})
    assert set(found.values()) == {("excluded", "bands", "too_easy")}


def test_screening_comes_before_the_band() -> None:
    found = _fates({Screened: [_screened(P, "withdrawn")], Bands: [{**BAND, "region": "too_easy"}], Examples: []})
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


def test_a_plan_that_no_example_shows_is_excluded() -> None:
    assert _fates({Examples: [{**EXAMPLE, "plan_id": ""}]})[PLAN] == ("excluded", "examples", "not_shown")


def test_a_second_rollout_that_wrote_the_same_plan_is_excluded() -> None:
    again = {**WRITE, "rollout_id": _id(31)}
    assert _fates({Rollouts: [SOLVE, WRITE, again]})[_id(31)] == ("excluded", "plans", "same_plan")


def test_a_rollout_of_a_measuring_arm_is_evidence() -> None:
    guess, judged = {**SOLVE, "rollout_id": _id(11), "arm": "guess"}, {**CORRECT, "rollout_id": _id(11)}
    found = _fates({Rollouts: [SOLVE, WRITE, guess], Verdicts: [CORRECT, judged]})
    assert found[_id(11)] == ("excluded", "choices", "evidence_only")


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
