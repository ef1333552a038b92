"""One row a sample, whether or not it came back."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import pipeline.generators
from pipeline.generate import AHEAD, NO_REPLY, Config, failure
from pipeline.generate import work as generate_work
from pipeline.generators import NOT_RUN, replay
from pipeline.journal import journal_folder, leftover
from pipeline.recordings import Columns
from pipeline.runner import ErrorRate, Job, recover, shards, work_off
from pipeline.spending import Spending
from pipeline.store import open_run
from pipeline.template import Template, load_template
from schemas.ids import rollout_id
from schemas.recipe import Budget
from schemas.tables import Plans, Prompts, Rollouts, frame_of

GENERATOR = "9" * 32
PLAN = "7" * 32
TEMPLATE = load_template("plain-1")
SCRIPTED = """
import asyncio
from contextlib import asynccontextmanager

from pydantic import BaseModel

from pipeline.generators import Reply

class Config(BaseModel):
    log: list

@asynccontextmanager
async def open_generator(config):
    try:
        async with asyncio.timeout(60):
            yield lambda requests: generate(requests, config.log)
    finally:
        config.log.append("closed")

async def one(request, log):
    log.append(request.sample_index)
    await asyncio.sleep(0)
    return Reply(request.rollout_id, text=f"sample {request.sample_index}")

"""


def prompt_id(number: int) -> str:
    return f"{number:032x}"


def prompts(*numbers: int) -> pl.DataFrame:
    row = {"source": "s", "revision": "r", "license": "l", "messages": [{"role": "user", "content": "How many?"}]}
    rows = [{**row, "prompt_id": prompt_id(number), "source_key": str(number)} for number in numbers]
    return frame_of(Prompts, rows)


def plans() -> pl.DataFrame:
    step = {"id": "1", "goal": "look", "depends_on": []}
    return frame_of(Plans, [{"plan_id": PLAN, "prompt_id": prompt_id(9), "strategy": "see", "steps": [step]}])


def owed(*samples: tuple[int, int], arm: str = "solve", phase: str = "screen", **key: str) -> pl.DataFrame:
    """The keys of samples, each (prompt, sample_index)."""
    named = {name: value for name, value in key.items() if name in ("plan_id", "step_id")}
    rows = [
        {"rollout_id": rollout_id(prompt_id(p), GENERATOR, i, arm=arm, phase=phase, **named), "prompt_id": prompt_id(p),
         "sample_index": i, "arm": arm, "phase": phase, **key}
        for p, i in samples
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=None if rows else ["rollout_id", "prompt_id", "sample_index", "arm", "phase"])


def work(owed: pl.DataFrame, prompts: pl.DataFrame, config: Config) -> Iterator[dict[str, Any]]:
    return generate_work(owed, prompts, plans(), config)


def config(kind: str, generator: Any, **changes: Any) -> Config:
    return Config(kind=kind, generator=generator, generator_id=GENERATOR, **{"template": TEMPLATE, **changes})


@pytest.fixture
def replayed(tmp_path: Path) -> Config:
    """A recording with two responses to prompt 1, a cut one and a failed one to prompt 2, none to prompt 3."""
    rows = [
        {"k": "1", "n": 0, "t": "<think>hm</think>one", "f": "stop", "e": None, "p": 7},
        {"k": "1", "n": 1, "t": "two", "f": "stop", "e": None, "p": 7},
        {"k": "2", "n": 0, "t": "cut", "f": "length", "e": None, "p": 7},
        {"k": "2", "n": 1, "t": None, "f": None, "e": "HTTP 500", "p": None},
    ]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = Columns(source_key="k", text="t", sample_index="n", finish_reason="f", error="e", n_prompt_tokens="p")
    return config("replay", replay.Config(path=str(tmp_path / "r.jsonl"), columns=columns, model="m"))


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Config]]:
    """A generator of one's own: one file in the folder of generators, with the given `generate`."""

    def make(generate: str) -> Config:
        (tmp_path / "scripted.py").write_text(SCRIPTED + generate)
        from pipeline.plugins import load

        module = load("generators", "scripted")
        return config("scripted", module.Config.model_construct(log=[]))

    monkeypatch.setattr(pipeline.generators, "__path__", [*pipeline.generators.__path__, str(tmp_path)])
    yield make
    sys.modules.pop("pipeline.generators.scripted", None)


IN_REVERSE = """
async def generate(requests, log):
    for done in asyncio.as_completed([one(request, log) for request in reversed(list(requests))]):
        yield await done
"""
FIRST_ONLY = """
async def generate(requests, log):
    first = next(iter(requests))
    yield await one(first, log)
    yield await one(first, log)
    yield Reply("f" * 32, text="nobody asked")
"""
DIES = """
async def generate(requests, log):
    yield await one(next(iter(requests)), log)
    raise ConnectionError("the server is gone")
"""
CANCELS = """
async def generate(requests, log):
    yield await one(next(iter(requests)), log)
    raise asyncio.CancelledError
"""


def test_a_reply_becomes_a_row(replayed: Config) -> None:
    (row,) = work(owed((1, 0)), prompts(1), replayed)
    expected = {
        "rollout_id": rollout_id(prompt_id(1), GENERATOR, 0), "prompt_id": prompt_id(1), "sample_index": 0,
        "arm": "solve", "phase": "screen", "role": "target", "generator_id": GENERATOR, "model": "m",
        "text": "one", "reasoning": "hm", "finish_reason": "stop", "n_prompt_tokens": 7, "error_kind": None,
        "messages": [{"role": "user", "content": "How many?"}], "parent_id": None, "plan_id": "", "step_id": "",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_rows_fit_the_rollouts_table(replayed: Config) -> None:
    rows = list(work(owed((1, 0), (2, 0), (2, 1), (3, 0)), prompts(1, 2, 3), replayed))
    assert all(list(row) == Rollouts.column_names() for row in rows)
    Rollouts.validate(frame_of(Rollouts, rows))


def test_a_cut_response_keeps_its_text(replayed: Config) -> None:
    (row,) = work(owed((2, 0)), prompts(2), replayed)
    assert (row["finish_reason"], row["text"], row["error_kind"]) == ("length", "cut", None)


def test_a_failed_sample_is_a_row_without_text(replayed: Config) -> None:
    (row,) = work(owed((2, 1)), prompts(2), replayed)
    assert (row["finish_reason"], row["text"], row["reasoning"]) == ("error", None, None)
    assert row["error"] == "HTTP 500"
    assert failure(row) == row["error_kind"]


def test_a_sample_beyond_the_recording_is_not_run_and_no_failure(replayed: Config) -> None:
    (row,) = work(owed((1, 2)), prompts(1), replayed)
    assert (row["finish_reason"], row["error_kind"]) == ("error", NOT_RUN)
    assert failure(row) is None


def test_replies_in_any_order_reach_their_requests(scripted: Callable[[str], Config]) -> None:
    rows = list(work(owed((1, 0), (1, 1), (1, 2)), prompts(1), scripted(IN_REVERSE)))
    assert {row["sample_index"]: row["text"] for row in rows} == {0: "sample 0", 1: "sample 1", 2: "sample 2"}
    assert all(row["rollout_id"] == rollout_id(prompt_id(1), GENERATOR, row["sample_index"]) for row in rows)


def test_every_request_gets_one_row_whatever_the_generator_says(scripted: Callable[[str], Config]) -> None:
    rows = list(work(owed((1, 0), (1, 1)), prompts(1), scripted(FIRST_ONLY)))
    assert [(row["text"], row["error_kind"]) for row in rows] == [("sample 0", None), (None, NO_REPLY)]
    assert failure(rows[1]) == NO_REPLY


@pytest.mark.parametrize(("script", "error"), [(DIES, ConnectionError), (CANCELS, asyncio.CancelledError)])
def test_a_backend_that_is_gone_ends_the_work_and_keeps_what_came(
    scripted: Callable[[str], Config], script: str, error: type[BaseException]
) -> None:
    asked = scripted(script)
    rows = work(owed((1, 0), (1, 1)), prompts(1), asked)
    assert next(rows)["text"] == "sample 0"
    with pytest.raises(error):
        next(rows)
    assert asked.generator.log == [0, "closed"]


def test_a_generator_is_closed_when_nobody_reads_on(scripted: Callable[[str], Config]) -> None:
    asked = scripted(IN_REVERSE)
    rows = work(owed((1, 0), (1, 1), (1, 2)), prompts(1), asked)
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert asked.generator.log[-1] == "closed"


def test_a_generator_is_not_opened_where_nothing_is_owed(scripted: Callable[[str], Config]) -> None:
    asked = scripted(IN_REVERSE)
    assert list(work(owed(), prompts(1), asked)) == []
    assert asked.generator.log == []


def test_what_came_before_the_backend_was_gone_is_recovered(tmp_path: Path, scripted: Callable[[str], Config]) -> None:
    import pipeline.generate as stage

    run = open_run(str(tmp_path / "run"))
    (shard,) = shards(stage, owed((1, 0), (1, 1)), 10)
    with pytest.raises(ConnectionError):
        work_off(run, Job(stage, [prompts(1), plans()], scripted(DIES)), shard, ErrorRate(0.2))
    assert [len(rows) for _, rows in leftover(journal_folder(run, Rollouts))] == [1]
    assert recover(run, stage) == 1
    assert run.read(Rollouts)["text"].to_list() == ["sample 0"]


ECHO = """
async def generate(requests, log):
    for request in requests:
        log.append(request)
        yield Reply(request.rollout_id, text="seen")
"""
FIELDS = {"strategies": "n", "expand": "strategy", "execute": "plan", "plan_only": "plan"}
TOLD = Template(
    "told",
    {kind: f"{kind}: {{problem}}" + (f" | {{{FIELDS[kind]}}}" if kind in FIELDS else "") for kind in TEMPLATE.texts},
)
SHOWN = "Strategy: see\n\n1. look"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ({"arm": "solve"}, "solve: How many?"),
        ({"arm": "solve", "phase": "search"}, "solve: How many?"),
        ({"arm": "guess"}, "guess: How many?"),
        ({"arm": "write_plan", "step_id": "strategies"}, "strategies: How many? | 3"),
        ({"arm": "write_plan", "strategy": "try {all}"}, "expand: How many? | try {all}"),
        ({"arm": "write_plan"}, "write_plan: How many?"),
        ({"arm": "execute", "plan_id": PLAN}, f"execute: How many? | {SHOWN}"),
        ({"arm": "placebo", "plan_id": PLAN}, f"execute: How many? | {SHOWN}"),
        ({"arm": "plan_only", "plan_id": PLAN}, f"plan_only: How many? | {SHOWN}"),
    ],
)
def test_each_arm_is_asked_in_the_words_of_the_template(
    scripted: Callable[[str], Config], key: dict[str, str], said: str
) -> None:
    asked = scripted(ECHO).model_copy(update={"template": TOLD, "n_strategies": 3})
    (row,) = work(owed((1, 0), **key), prompts(1), asked)
    assert row["messages"] == [{"role": "user", "content": said}]
    assert {name: row[name] for name in key if name != "strategy"} == {k: v for k, v in key.items() if k != "strategy"}


def test_planners_are_given_the_schema_of_what_they_write(scripted: Callable[[str], Config]) -> None:
    asked = scripted(ECHO)
    for key in ({"arm": "write_plan"}, {"arm": "write_plan", "step_id": "strategies"}, {"arm": "solve"}):
        list(work(owed((1, 0), **key), prompts(1), asked))
    schemas = [request.response_schema for request in asked.generator.log if hasattr(request, "response_schema")]
    assert [schema and next(iter(schema["properties"])) for schema in schemas] == ["strategy", "strategies", None]


def test_a_plan_that_is_not_there_is_never_left_out_in_silence(scripted: Callable[[str], Config]) -> None:
    with pytest.raises(KeyError):
        list(work(owed((1, 0), arm="execute", plan_id="6" * 32), prompts(1), scripted(ECHO)))


TWO_AT_ONCE = """
async def generate(requests, log):
    requests = iter(requests)
    while batch := [request for request in (next(requests, None), next(requests, None)) if request]:
        await asyncio.sleep(0)
        for request in batch:
            yield await one(request, log)
"""


def test_a_spent_budget_ends_the_asking_and_what_is_in_flight_comes_back(scripted: Callable[[str], Config]) -> None:
    spending = Spending(Budget(max_requests=3))
    asked = scripted(TWO_AT_ONCE).model_copy(update={"spending": spending})
    rows = list(work(owed(*((1, i) for i in range(9))), prompts(1), asked))
    assert [row["sample_index"] for row in rows] == [0, 1, 2]
    assert {row["error_kind"] for row in rows} == {None}
    assert (spending.n_paid, spending.n_in_flight) == (3, 0)


def test_failed_attempts_are_kept_with_the_row(scripted: Callable[[str], Config]) -> None:
    script = """
async def generate(requests, log):
    for request in requests:
        yield Reply(request.rollout_id, text="x", failed_attempts=("timeout", "rate_limit"), n_cached_tokens=5)
"""
    asked = scripted(script)
    (row,) = work(owed((1, 0)), prompts(1), asked)
    assert (row["failed_attempts"], row["n_cached_tokens"]) == (["timeout", "rate_limit"], 5)
    assert asked.spending.failed_attempts == {"timeout": 1, "rate_limit": 1}


def test_requests_are_taken_as_the_generator_wants_them(scripted: Callable[[str], Config]) -> None:
    asked = scripted(TWO_AT_ONCE)
    rows = work(owed(*((1, i) for i in range(9))), prompts(1), asked)
    next(rows)
    assert asked.spending.n_asked <= 4
    rows.close()  # type: ignore[attr-defined]


def test_many_replies_at_once_are_handed_over_a_few_at_a_time(scripted: Callable[[str], Config]) -> None:
    n = 5 * AHEAD
    script = 'async def generate(requests, log):\n    for r in requests:\n        yield Reply(r.rollout_id, text="x")\n'
    asked = scripted(script)
    rows = work(owed(*((1, i) for i in range(n))), prompts(1), asked)
    next(rows)
    assert asked.spending.n_asked <= 2 * AHEAD
    assert len(list(rows)) == n - 1
