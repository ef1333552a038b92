"""What may pass is tried again, within bounds and after growing pauses; what cannot is not."""

import asyncio
from typing import Any

import pytest

from pipeline.generators import CONTEXT_OVERFLOW
from pipeline.served_model.completion import BAD_RESPONSE, CONTENT_FILTER, RequestFailed
from pipeline.served_model.refusals import BAD_REQUEST, CONNECTION, RATE_LIMIT, SERVER_ERROR, TIMEOUT
from pipeline.served_model.retries import retrying
from schemas.errors import BackendError


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses in seconds, which nobody waits for."""
    found: list[float] = []

    async def pause(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)
    return found


def told(kind: str, status: int | None = None, retry_after_s: float | None = None) -> RequestFailed:
    failure = RequestFailed(kind, "no", status)
    failure.retry_after_s = retry_after_s
    return failure


def attempt(*outcomes: Any, max_attempts: int = 5) -> tuple[Any, list[str]]:
    """What comes of attempts that end so, the last for ever: a result or the error, and the kinds of what failed."""
    (first, *others), failed = list(outcomes), list[str]()

    async def send() -> Any:
        outcome = others.pop(0) if len(others) > 1 else others[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    try:
        return asyncio.run(retrying(first, send, max_attempts, failed)), failed
    except (RequestFailed, BackendError) as error:
        return error, failed


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (RATE_LIMIT, 429),
        (TIMEOUT, None),
        (TIMEOUT, 408),
        (CONNECTION, None),
        (SERVER_ERROR, 500),
        (SERVER_ERROR, 503),
        (BAD_RESPONSE, None),
        (BAD_REQUEST, 409),
        (BAD_REQUEST, 425),
    ],
)
def test_what_may_pass_is_tried_again(kind: str, status: int | None) -> None:
    assert attempt(told(kind, status), "well") == ("well", [kind])


@pytest.mark.parametrize(
    ("kind", "status"), [(SERVER_ERROR, 501), (BAD_REQUEST, 400), (CONTEXT_OVERFLOW, 400), (CONTENT_FILTER, 400)]
)
def test_what_stays_is_not(kind: str, status: int) -> None:
    failure = told(kind, status)
    assert attempt(failure, "well") == (failure, [kind])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_attempts_are_bounded_the_first_included_and_the_last_error_is_raised(n: int) -> None:
    failures = [told(SERVER_ERROR, 500) for _ in range(9)]
    assert attempt(*failures, max_attempts=n) == (failures[n - 1], [SERVER_ERROR] * n)


def test_every_kind_is_told_in_its_order() -> None:
    last = told(BAD_REQUEST, 400)
    assert attempt(told(RATE_LIMIT, 429), told(TIMEOUT), last, "well") == (last, [RATE_LIMIT, TIMEOUT, BAD_REQUEST])


def test_an_error_that_ends_it_all_is_no_attempt() -> None:
    gone = BackendError("gone")
    assert attempt(told(CONNECTION), gone) == (gone, [CONNECTION])


def test_pauses_are_random_up_to_a_limit_that_doubles(pauses: list[float]) -> None:
    n_times, n_pauses = 60, 7
    for _ in range(n_times):
        attempt(told(SERVER_ERROR, 500), told(SERVER_ERROR, 500), max_attempts=n_pauses + 1)
    for k, limit in enumerate([0.5, 1, 2, 4, 8, 8, 8]):
        drawn = pauses[k::n_pauses]
        assert len(set(drawn)) == n_times
        assert limit / 2 < max(drawn) <= limit
        assert min(drawn) < limit / 2


def test_where_the_server_says_how_long_to_wait_another_may_be_asked_at_once(pauses: list[float]) -> None:
    attempt(told(RATE_LIMIT, 429, retry_after_s=60), told(SERVER_ERROR, 503, retry_after_s=1), "well")
    assert pauses == [0, 0]
