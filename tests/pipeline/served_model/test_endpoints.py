"""Many endpoints are asked as one, around those that fail; a server that dies and comes back loses nothing."""

import asyncio
import contextlib
import math
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipeline.generators import Reply
from pipeline.served_model import connection, endpoint
from pipeline.served_model.capabilities import Capabilities
from pipeline.served_model.client import open_servers
from pipeline.served_model.completion import RequestFailed
from pipeline.served_model.congestion import Window
from pipeline.served_model.connection import Unreached
from pipeline.served_model.endpoint import NOTHING, Endpoint
from pipeline.served_model.endpoints import Endpoints
from pipeline.served_model.settings import ServedSettings
from schemas.errors import BackendError, RecipeError


@pytest.fixture
def nowhere() -> Any:
    """A server that is not there."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return SimpleNamespace(url=f"http://127.0.0.1:{unused.getsockname()[1]}/v1")


def with_room(n: int) -> Endpoints:
    """One endpoint with room for so many requests, to which nothing is sent."""
    nothing: Any = None
    return Endpoints([Endpoint(nothing, Window(n))], Capabilities(), patience_s=1)


def test_a_request_that_was_taken_comes_before_those_that_are_not() -> None:
    async def who_is_next() -> tuple[bool, bool]:
        endpoints = with_room(1)
        slot = await endpoints.slot()
        waits = asyncio.create_task(endpoints.slot())
        is_owed = asyncio.create_task(endpoints.slot(is_owed=True))
        await asyncio.sleep(0)
        endpoints.give_back(slot)
        await asyncio.sleep(0)
        return waits.done(), is_owed.done()

    assert asyncio.run(who_is_next()) == (False, True)


def test_who_comes_later_waits_behind_those_who_wait() -> None:
    async def who_is_next() -> tuple[bool, bool]:
        endpoints = with_room(1)
        endpoints.every[0].rests_until = math.inf
        waits = asyncio.create_task(endpoints.slot())
        await asyncio.sleep(0)
        endpoints.every[0].rests_until = 0
        late = asyncio.create_task(endpoints.slot())
        await asyncio.sleep(0)
        endpoints.wake()
        await asyncio.sleep(0)
        return waits.done(), late.done()

    assert asyncio.run(who_is_next()) == (True, False)


def test_the_first_reason_why_nothing_more_can_be_asked_is_told() -> None:
    endpoints = with_room(1)
    for reason in ("first", "second"):
        endpoints.fail(BackendError(reason))
    with pytest.raises(BackendError, match=r"^first$"):
        asyncio.run(endpoints.slot())


class Scripted:
    """A connection on which requests end as told, one after the other; the ones after that are answered."""

    url = "http://127.0.0.1:1/v1"

    def __init__(self, *outcomes: Exception) -> None:
        self.outcomes = list(outcomes)

    async def complete(self, _: bytes) -> Any:
        error = self.outcomes.pop(0) if self.outcomes else None
        await asyncio.sleep(0.01)
        if error:
            raise error

    def endpoints(self, n: int = 1, patience_s: float = 9) -> Endpoints:
        return Endpoints([Endpoint(cast(Any, self), Window(n))], Capabilities(has_answered=True), patience_s)


def test_one_failure_after_a_rest_is_enough_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def n_rests() -> int:
        endpoints = Scripted(Unreached("gone"), RequestFailed("connection", "broke off")).endpoints()
        with pytest.raises(RequestFailed, match="broke off"):
            await endpoints.send(b"", NOTHING)
        return endpoints.every[0].n_rests

    monkeypatch.setattr(endpoint, "FIRST_REST_S", 0.01)
    assert asyncio.run(n_rests()) == 2


def test_many_requests_that_fail_at_once_are_one_reason_to_rest() -> None:
    async def n_rests() -> int:
        endpoints = Scripted(*[Unreached("gone")] * 8).endpoints(8)
        async with asyncio.TaskGroup() as tasks:
            sending = [tasks.create_task(endpoints.send(b"", NOTHING)) for _ in range(8)]
            await asyncio.sleep(0.1)
            for task in sending:
                task.cancel()
        return endpoints.every[0].n_rests

    assert asyncio.run(n_rests()) == 1


def test_no_rest_is_longer_than_there_is_patience() -> None:
    async def rest_s() -> float:
        endpoints = Scripted(Unreached("gone")).endpoints(patience_s=0.2)
        began = asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(endpoints.send(b"", NOTHING), 0.1)
        return endpoints.every[0].rests_until - began

    assert asyncio.run(rest_s()) < 0.5


def test_an_answer_ends_the_time_that_patience_is_counted_from(monkeypatch: pytest.MonkeyPatch) -> None:
    async def down_since() -> float | None:
        endpoints = Scripted(Unreached("gone")).endpoints()
        await endpoints.send(b"", NOTHING)
        return endpoints.down_since

    monkeypatch.setattr(endpoint, "FIRST_REST_S", 0.01)
    assert asyncio.run(down_since()) is None


@pytest.mark.parametrize(("status", "limit"), [(429, 1), (503, 1), (500, 8), (400, 8), (None, 8)])
def test_only_an_endpoint_that_has_too_much_is_asked_for_less(status: int | None, limit: float) -> None:
    async def limit_after() -> float:
        endpoints = Scripted(RequestFailed("server_error", "no", status)).endpoints(8)
        with pytest.raises(RequestFailed):
            await endpoints.send(b"", NOTHING)
        return endpoints.every[0].window.limit

    assert asyncio.run(limit_after()) == limit


def test_who_goes_away_with_the_room_it_was_given_leaves_it_to_others() -> None:
    async def in_flight() -> int:
        endpoints = with_room(1)
        slot = await endpoints.slot()
        waits = asyncio.create_task(endpoints.slot())
        await asyncio.sleep(0)
        endpoints.give_back(slot)
        waits.cancel()
        await asyncio.wait([waits])
        return endpoints.every[0].window.in_flight

    assert asyncio.run(in_flight()) == 0


def test_who_waits_is_told_where_nothing_more_can_be_asked() -> None:
    async def wait() -> None:
        endpoints = with_room(1)
        await endpoints.slot()
        asyncio.get_running_loop().call_soon(endpoints.fail, BackendError("gone"))
        await endpoints.slot()

    with pytest.raises(BackendError, match=r"^gone$"):
        asyncio.run(wait())


def test_the_next_request_goes_where_the_least_is_outstanding(
    model_server: Any, second_server: Any, answer: Any, prompts: Any
) -> None:
    second_server.delay_s, model_server.delay_s = 0.4, 0.02
    answer([model_server, second_server], prompts(*range(40)), concurrency=2)
    assert len(model_server.asked) + len(second_server.asked) == 40
    assert len(model_server.asked) > 3 * len(second_server.asked)


def test_long_prompts_count_for_more(model_server: Any, second_server: Any, answer: Any, prompts: Any) -> None:
    model_server.delay_s = second_server.delay_s = 0.5
    requests = prompts("x" * 40_000, *"abcde")
    answer([model_server, second_server], requests, max_tokens=100)
    alone, others = sorted([model_server.asked, second_server.asked], key=len)
    assert [len(body["messages"][0]["content"]) for body in alone] == [40_000]
    assert len(others) == 5


def test_an_endpoint_that_is_not_there_is_left_out(model_server: Any, nowhere: Any, answer: Any, prompts: Any) -> None:
    replies = answer([nowhere, model_server], prompts(*range(20)))
    assert all(reply.text and not reply.failed_attempts for reply in replies)


def test_an_endpoint_that_fails_again_and_again_is_rested(
    model_server: Any, second_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults, model_server.stays_broken = [faults.status(500)], True
    second_server.delay_s = 0.02
    replies = answer([model_server, second_server], prompts(*range(100)), concurrency=4, max_attempts=20)
    assert all(reply.text for reply in replies)
    assert len(model_server.asked) < 20
    assert sum(len(reply.failed_attempts) for reply in replies) == len(model_server.asked)


def test_no_endpoint_that_ever_answered_ends_it_at_once(nowhere: Any, answer: Any, prompts: Any) -> None:
    with pytest.raises(BackendError, match=rf"^{nowhere.url}: cannot be reached .*; start the server or mend base_url"):
        answer(nowhere, prompts("a"), patience_s=3600)


def test_a_server_that_said_something_is_waited_for_though_it_never_answered_well(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.extend([faults.status(500)] * 6)
    replies = answer(model_server, prompts(*range(6)))
    assert [(bool(reply.text), reply.failed_attempts) for reply in replies] == [(True, ("server_error",))] * 6


def test_patience_with_a_server_that_is_gone_has_an_end(model_server: Any, answer: Any, prompts: Any) -> None:
    answer(model_server, prompts("a"))
    model_server.kill()
    with pytest.raises(BackendError, match=r"no answer for 0.3 s \(patience_s\), last: cannot be reached"):
        answer(model_server, prompts("b"), patience_s=0.3)


def test_a_server_that_is_killed_and_comes_back_loses_nothing(model_server: Any, prompts: Any) -> None:
    model_server.delay_s = 0.2
    found: list[Reply] = []

    def restart() -> None:
        model_server.kill()
        time.sleep(0.5)
        model_server.start()

    async def collect() -> None:
        async with open_servers([model_server.url], "m", ServedSettings()) as generate:
            async for reply in generate(prompts(*range(200))):
                found.append(reply)
                if len(found) == 50:
                    threading.Thread(target=restart).start()

    asyncio.run(collect())
    assert Counter(reply.rollout_id for reply in found) == Counter(f"{p}-0" for p in range(200))
    assert all(reply.text for reply in found)
    assert {kind for reply in found for kind in reply.failed_attempts} == {"connection"}


def test_a_refused_connection_is_no_attempt(model_server: Any, answer: Any, prompts: Any) -> None:
    answer(model_server, prompts("a"))
    model_server.kill()
    back = threading.Timer(0.5, model_server.start)
    back.start()
    (reply,) = answer(model_server, prompts("b"), max_attempts=1)
    assert (reply.text, reply.failed_attempts) == ("sample 1", ())


def test_the_longest_retry_after_holds_for_the_endpoint_as_a_whole(
    model_server: Any, answer: Any, prompts: Any
) -> None:
    times: list[float] = []

    def peace(for_s: str, after_s: float) -> Any:
        async def ask(server: Any, *_: Any) -> Any:
            times.append(time.monotonic())
            await asyncio.sleep(after_s)
            return server.reply(429, {}, Retry_After=for_s)

        return ask

    async def note(server: Any, _: Any, body: Any) -> Any:
        times.append(time.monotonic())
        return server.reply(200, server.completion(body))

    model_server.faults.extend([peace("1", after_s=0), peace("0.01", after_s=0.1)])
    model_server.misbehave = lambda _: note
    answer(model_server, prompts(*range(4)), concurrency=2)
    assert min(times[2:]) >= times[0] + 1


def test_a_server_that_wants_peace_for_longer_than_there_is_patience_ends_it(
    model_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.append(faults.status(429, Retry_After="300"))
    with pytest.raises(BackendError, match=r"wants no requests before 2.* UTC, .* patience_s \(299 s\)"):
        answer(model_server, prompts("a"), patience_s=299)
    assert len(model_server.asked) == 1


def test_another_endpoint_is_asked_while_one_wants_peace(
    model_server: Any, second_server: Any, faults: Any, answer: Any, prompts: Any
) -> None:
    model_server.faults.append(faults.status(503, Retry_After="3600"))
    replies = answer([model_server, second_server], prompts(*range(4)), concurrency=1)
    assert all(reply.text for reply in replies)
    assert (len(model_server.asked), len(second_server.asked)) == (1, 4)


@pytest.fixture
def few_files() -> Iterator[None]:
    """The soft limit of open files of a fresh login shell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_of_open_files_is_raised_as_far_as_it_must(few_files: None) -> None:
    connection.allow_open_files(1000)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 1000 + connection.SPARE_FILES


def test_more_connections_than_files_are_one_line() -> None:
    with pytest.raises(RecipeError, match=r"^concurrency: .* ulimit -n \d+"):
        connection.allow_open_files(2**31)


@pytest.mark.slow
def test_a_thousand_requests_are_in_flight(model_server: Any, answer: Any, prompts: Any) -> None:
    connection.allow_open_files(3000)  # the server has its ends of them in this process
    model_server.gauge, model_server.delay_s = (lambda: 0.0), 2.5
    replies = answer(model_server, prompts(*range(5000)), concurrency=1000)
    assert all(reply.text for reply in replies)
    assert model_server.most_in_flight == 1000
