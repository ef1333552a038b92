"""A launch is one set of servers, which are started again where they die and never outlive us."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.vllm_model import installation, launch, replica
from pipeline.vllm_model.launch import Launch, Servers, servers
from schemas.errors import BackendError, RecipeError

pytestmark = pytest.mark.server

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logs go to the test's folder, and no server outlives its test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(replica, "GRACE_S", 0.5)
    yield
    launch._stop_all()


def launched(python: str, fake: str = "", n: int = 1) -> Launch:
    return Launch(installation.installation(python), ("--model", "m", "--fake", fake), ((),) * n)


def start(wanted: Launch, timeout_s: float = 60) -> Servers:
    return asyncio.run(servers(wanted, timeout_s))


def ask(url: str, path: str) -> Any:
    with urllib.request.urlopen(url.removesuffix("/v1") + path, timeout=10) as answer:
        return json.load(answer)


def is_there(url: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", int(url.split(":")[2].removesuffix("/v1")))) == 0


def wait_until(holds: Any) -> bool:
    deadline = time.monotonic() + 60
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(found)


def test_a_server_lives_on_from_step_to_step(fake_vllm: str) -> None:
    (url,) = start(launched(fake_vllm)).urls
    before = ask(url, "/pid")
    assert start(launched(fake_vllm)).urls == [url]
    assert ask(url, "/pid") == before


def test_every_replica_is_a_server_of_its_own(fake_vllm: str) -> None:
    urls = start(launched(fake_vllm, n=2)).urls
    assert len({ask(url, "/pid") for url in urls}) == 2


def test_another_launch_on_the_same_machine_ends_the_earlier_one(fake_vllm: str) -> None:
    (url,) = start(launched(fake_vllm)).urls
    start(Launch(launched(fake_vllm).vllm, ("--model", "other")))
    assert not is_there(url)


def test_a_server_that_dies_is_started_again_at_the_same_place(fake_vllm: str) -> None:
    (url,) = start(launched(fake_vllm)).urls
    before = ask(url, "/pid")
    os.kill(before, signal.SIGKILL)
    assert wait_until(lambda: not is_there(url))
    assert start(launched(fake_vllm)).urls == [url]
    assert ask(url, "/pid") != before


def kill_for_good(one: replica.Replica) -> None:
    """Kill a server as often as it is started again."""
    url = f"http://127.0.0.1:{one.port}/v1"
    for _ in range(replica.MAX_RESTARTS + 1):
        assert wait_until(one.is_healthy)
        os.kill(ask(url, "/pid"), signal.SIGKILL)
        assert wait_until(lambda: not is_there(url))
    assert wait_until(lambda: one.failure is not None)


def test_a_server_that_keeps_dying_is_given_up_and_says_why(fake_vllm: str) -> None:
    running = start(launched(fake_vllm))
    kill_for_good(running.replicas[0])
    assert "vLLM ended 6 times: was ended by SIGKILL; out of memory" in str(running.failure())


def test_a_replica_that_is_gone_for_good_is_done_without(fake_vllm: str) -> None:
    running = start(launched(fake_vllm, n=2))
    gone, other = running.replicas
    kill_for_good(gone)
    assert running.failure() is None
    assert start(launched(fake_vllm, n=2)) is running
    assert other.is_healthy()


def test_a_replica_that_never_came_up_ends_the_start(fake_vllm: str) -> None:
    with pytest.raises(BackendError, match="out of memory"):
        start(launched(fake_vllm, "out-of-memory", n=2))


def test_what_waits_for_servers_that_are_gone_ends_with_their_error(fake_vllm: str) -> None:
    async def wait() -> None:
        running = await servers(launched(fake_vllm), 60)
        async with running.needed():
            running.replicas[0].failure = BackendError("gone")
            await asyncio.sleep(600)

    with pytest.raises(BackendError, match=r"^gone$"):
        asyncio.run(wait())


def test_an_error_that_is_not_the_servers_stays_as_it_is(fake_vllm: str) -> None:
    async def fail() -> None:
        async with (await servers(launched(fake_vllm), 60)).needed():
            raise BackendError("another")

    with pytest.raises(BackendError, match=r"^another$"):
        asyncio.run(fail())


def test_out_of_memory_at_the_start_is_one_line_with_what_to_lower(fake_vllm: str, tmp_path: Path) -> None:
    with pytest.raises(BackendError) as raised:
        start(launched(fake_vllm, "out-of-memory"))
    (log,) = tmp_path.glob("coldstart/vllm/*.log")
    assert str(raised.value).startswith(
        "vLLM did not start: torch.OutOfMemoryError: CUDA out of memory. Tried to use 9"
    )
    assert "lower gpu_memory_utilization or max_model_len" in str(raised.value)
    assert str(raised.value).endswith(f"(its log: {log})")


def test_an_argument_that_vllm_does_not_know_is_the_users_mistake(fake_vllm: str) -> None:
    wanted = Launch(installation.installation(fake_vllm), ("--nonsense", "3"))
    with pytest.raises(RecipeError, match="unrecognized arguments: --nonsense 3; mend `arguments`"):
        start(wanted)


def test_a_port_that_is_taken_is_said(fake_vllm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(launch, "_free_ports", lambda n: [taken.getsockname()[1]])
        monkeypatch.setattr(replica, "HEALTH_TIMEOUT_S", 0.2)
        with pytest.raises(BackendError, match="Address already in use; another program took the port first"):
            start(launched(fake_vllm))


def test_a_server_that_is_not_ready_in_time_is_stopped(fake_vllm: str) -> None:
    with pytest.raises(BackendError, match="vLLM was not ready after start_timeout_s = 1 seconds"):
        start(launched(fake_vllm, "never-ready"), timeout_s=1)
    assert launch._running == {}


def test_a_stopped_start_leaves_nothing(fake_vllm: str) -> None:
    async def stop_soon() -> Servers:
        starting = asyncio.create_task(servers(launched(fake_vllm, "never-ready"), 60))
        await asyncio.sleep(0.5)
        (started,) = launch._running.values()
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return started

    started = asyncio.run(stop_soon())
    assert launch._running == {}
    assert started.replicas[0]._process.poll() is not None


HOLDER = """
import asyncio, sys, time, urllib.request
from pipeline.vllm_model import launch, replica
from pipeline.vllm_model.installation import installation
replica.GRACE_S = 0.5
started = launch.Launch(installation(sys.argv[1]), ("--model", "m", "--fake", "deaf"))
running = asyncio.run(launch.servers(started, 60))
print(running.urls[0], flush=True)
time.sleep(float(sys.argv[2]))
"""


def hold(python: str, seconds: float) -> tuple["subprocess.Popen[str]", str, int]:
    """A process that has started a server which is deaf to SIGTERM; with its address and process group."""
    command = [sys.executable, "-c", HOLDER, python, str(seconds)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert holder.stdout is not None
    url = holder.stdout.readline().strip()
    return holder, url, os.getpgid(ask(url, "/pid"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_is_left_however_we_end(fake_vllm: str, number: int, members: Any) -> None:
    holder, _, group = hold(fake_vllm, 600)
    assert len(members(group)) == 3
    holder.send_signal(number)
    holder.communicate(timeout=60)
    assert wait_until(lambda: not members(group)), members(group)


def test_no_process_is_left_when_we_are_done(fake_vllm: str, members: Any) -> None:
    holder, _, group = hold(fake_vllm, 0.5)
    holder.communicate(timeout=60)
    assert members(group) == []


def test_no_process_is_left_of_a_keeper_that_is_killed(fake_vllm: str, members: Any) -> None:
    """Its server is replaced, and what the first one had started is gone."""
    (url,) = start(launched(fake_vllm, "deaf")).urls
    group = os.getpgid(ask(url, "/pid"))
    os.kill(group, signal.SIGKILL)
    assert wait_until(lambda: not members(group)), members(group)
