"""Queries read a run and nothing outside it."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.query import VIEWS, connect_frames, query, select
from pipeline.store import Provenance, Run, append, open_run, publish
from schemas.errors import InputError, StoreError
from schemas.tables import TABLES, Screened, Verdicts, frame_of, polars_schema, table_name

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
