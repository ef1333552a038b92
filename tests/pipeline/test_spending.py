"""What generation spends: counts, budgets, what other processes see, and costs."""

import json
import time
from pathlib import Path

import polars as pl
import pytest

from pipeline.generators import NOT_RUN, Reply
from pipeline.spending import SHOWN_FOR_S, Spending, cost, spending_of, state_of, state_path
from pipeline.store import Provenance, Run, append, open_run
from schemas.recipe import Budget, Price
from schemas.tables import Rollouts, frame_of

MILLION = 1_000_000


def reply(n_prompt: int = 10, n_completion: int = 90, attempts: tuple[str, ...] = ()) -> Reply:
    id = "a" * 32
    return Reply(id, "x", n_prompt_tokens=n_prompt, n_completion_tokens=n_completion, failed_attempts=attempts)


def failed(kind: str) -> Reply:
    return Reply("b" * 32, error_kind=kind, error="no")


def spend(spending: Spending, *replies: Reply, in_flight: int = 0) -> Spending:
    for one in replies:
        spending.asked()
        spending.replied(one)
    for _ in range(in_flight):
        spending.asked()
    return spending


def rollouts(*rows: tuple[str, int | None, int | None, int | None]) -> pl.DataFrame:
    """role, prompt tokens, cached ones and those of the answer."""
    names = ["role", "n_prompt_tokens", "n_cached_tokens", "n_completion_tokens"]
    return pl.DataFrame(rows, schema=dict(zip(names, [pl.String, *[pl.Int32] * 3], strict=True)), orient="row")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with one rollout of 100 tokens and one that failed."""
    made = open_run(str(tmp_path / "run"))
    row = {"prompt_id": "b" * 32, "arm": "solve", "phase": "screen", "role": "target", "generator_id": "c" * 32,
           "sample_index": 0, "request_hash": "d" * 32, "messages": [], "finish_reason": "stop", "plan_id": "",
           "step_id": ""}  # fmt: skip
    rows = [
        row | {"rollout_id": "1" * 32, "text": "x", "n_prompt_tokens": 40, "n_completion_tokens": 60},
        row | {"rollout_id": "2" * 32, "finish_reason": "error", "error_kind": "timeout", "error": "none came"},
    ]
    append(made, Rollouts, frame_of(Rollouts, rows), Provenance("test"))
    return made


def test_every_sample_is_in_flight_until_it_is_paid_or_failed() -> None:
    spending = spend(Spending(), reply(), failed("timeout"), failed(NOT_RUN), in_flight=4)
    counts = (spending.n_asked, spending.n_paid, spending.n_failed, spending.n_in_flight, spending.n_tokens)
    assert counts == (7, 2, 1, 4, 100)


def test_failed_attempts_are_counted_by_kind() -> None:
    spending = spend(Spending(), reply(attempts=("rate_limit", "timeout")), reply(attempts=("timeout",)))
    assert spending.state()["failed_attempts"] == {"timeout": 2, "rate_limit": 1}


def test_without_a_budget_nothing_is_exhausted() -> None:
    assert spend(Spending(), *[reply(MILLION, MILLION)] * 50).exhausted() == ""


def test_requests_are_those_of_the_whole_run_and_those_in_flight() -> None:
    spending = spend(Spending(Budget(max_requests=10), n_before=6), reply(), failed("timeout"), in_flight=1)
    assert spending.exhausted() == ""
    spending.asked()
    assert spending.exhausted().startswith("budget.max_requests = 10: 10 samples")


def test_tokens_in_flight_count_with_the_mean_of_what_came_back() -> None:
    budget = Budget(max_tokens=1000)
    assert spend(Spending(budget), *[reply()] * 7, in_flight=2).exhausted() == ""
    assert "700 tokens are spent" in spend(Spending(budget), *[reply()] * 7, in_flight=3).exhausted()


def test_before_the_first_answer_the_mean_is_that_of_earlier_commands() -> None:
    budget = Budget(max_tokens=1000)
    assert spend(Spending(budget), in_flight=999).exhausted() == ""
    assert spend(Spending(budget, n_before=5, tokens_before=500), in_flight=4).exhausted() == ""
    assert spend(Spending(budget, n_before=5, tokens_before=500), in_flight=5).exhausted() != ""


def test_time_is_that_of_the_command() -> None:
    assert Spending(Budget(max_hours=1)).exhausted() == ""
    assert "budget.max_hours = 1" in Spending(Budget(max_hours=1), started=time.monotonic() - 3601).exhausted()


def test_a_budget_of_nothing_is_exhausted_at_once() -> None:
    assert all(Spending(Budget(**{name: 0})).exhausted() for name in ("max_tokens", "max_requests", "max_hours"))


def test_what_earlier_commands_spent_is_read_from_the_run(run: Run) -> None:
    spending = spending_of(run, Budget())
    assert (spending.n_before, spending.tokens_before) == (2, 100)
    assert spending_of(open_run(f"{run.url}/none"), Budget()).tokens_before == 0


def test_other_processes_see_what_is_going_on_until_it_ends(run: Run) -> None:
    spending = spend(Spending(what="generate trials", n_reused=3), reply(), in_flight=2)
    assert state_of(run) is None
    with spending.shown(state_path(run)):
        while (state := state_of(run)) is None:
            time.sleep(0.01)
        shown = {name: state[name] for name in ("step", "paid", "reused", "in_flight", "tokens")}
        assert shown == {"step": "generate trials", "paid": 1, "reused": 3, "in_flight": 2, "tokens": 100}
    assert state_of(run) is None
    assert list(state_path(run).parent.glob("generating*")) == []


def test_what_a_killed_process_said_is_not_believed(run: Run) -> None:
    state_path(run).parent.mkdir(parents=True, exist_ok=True)
    for text in ("{torn", json.dumps({**Spending().state(), "at": time.time() - SHOWN_FOR_S - 1})):
        state_path(run).write_text(text)
        assert state_of(run) is None


def test_tokens_a_second_are_those_of_the_last_minute() -> None:
    spending = Spending()
    assert spending.tokens_per_s() is None
    spending.recent.extend((float(second), 50 * second) for second in range(1000))
    assert spending.tokens_per_s() == 50


def test_a_cost_is_by_role_and_cached_tokens_have_their_own_price() -> None:
    prices = {"target": Price(prompt=1, completion=10, cached=0.5), "planner": Price(prompt=2, completion=20)}
    found = rollouts(("target", MILLION, MILLION // 2, MILLION), ("planner", MILLION, MILLION, None))
    assert cost(found, prices) == pytest.approx(0.5 + 0.25 + 10 + 2)


def test_an_executor_without_a_price_is_the_target() -> None:
    found = rollouts(("executor", MILLION, None, 0), ("planner", MILLION, 0, 0))
    assert cost(found, {"target": Price(prompt=3), "planner": Price()}) == 3


def test_without_a_price_nothing_costs_anything() -> None:
    assert cost(rollouts(("target", MILLION, 0, MILLION)), {"target": Price()}) == 0
    assert cost(rollouts(), {"target": Price(prompt=1)}) == 0
