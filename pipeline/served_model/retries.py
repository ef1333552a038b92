"""Try again what may pass: within bounds, after growing and random pauses."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from pipeline.served_model.completion import BAD_RESPONSE, RequestFailed
from pipeline.served_model.refusals import CONNECTION, RATE_LIMIT, SERVER_ERROR, TIMEOUT

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0

T = TypeVar("T")


async def retrying(first: RequestFailed, send: Callable[[], Awaitable[T]], max_attempts: int, failed: list[str]) -> T:
    """What `send` brings after a first attempt that failed, in up to `max_attempts` attempts, the first included.

    The kind of each that failed is added to `failed`. Pauses are random, up to a limit that doubles; where the server
    said how long to wait, its endpoint is at rest for as long, and another may be asked at once. Raises the last
    RequestFailed.
    """
    failed.append(first.kind)
    told = [first]

    async def again() -> T:
        # Told rather than made here: entering tenacity costs more than a request that just succeeds.
        if told:
            raise told.pop()
        try:
            return await send()
        except RequestFailed as failure:
            failed.append(failure.kind)
            raise

    attempts = AsyncRetrying(
        stop=stop_after_attempt(max_attempts),
        wait=_pause_s,
        retry=retry_if_exception(lambda error: isinstance(error, RequestFailed) and _passes(error)),
        reraise=True,
    )
    return await attempts(again)


def _passes(failure: RequestFailed) -> bool:
    """Whether the same request may succeed later."""
    passing = (RATE_LIMIT, TIMEOUT, CONNECTION, SERVER_ERROR, BAD_RESPONSE)
    return failure.status != 501 and (failure.kind in passing or failure.status in (409, 425))


_grow = wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S)


def _pause_s(state: RetryCallState) -> float:
    failure = state.outcome.exception() if state.outcome else None
    return 0.0 if isinstance(failure, RequestFailed) and failure.retry_after_s is not None else _grow(state)
