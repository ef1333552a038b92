"""One server: what counts as healthy, when it is started again, and that it is gone once it was stopped."""

import http.client
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.vllm_model import replica
from pipeline.vllm_model.launch import _free_ports
from pipeline.vllm_model.replica import Replica

SERVER = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/end":
            os._exit(3)
        self.send_response(int(os.environ["HEALTH"]))
        self.end_headers()
    def log_message(self, *_):
        pass
print("INFO: loaded", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Replica]]:
    """Run some Python as a replica; it ends with the test."""
    monkeypatch.setattr(replica, "GRACE_S", 0.5)
    found: list[Replica] = []

    def start(code: str, health: int = 200) -> Replica:
        (port,) = _free_ports(1)
        environment = {**os.environ, "HEALTH": str(health)}
        found.append(Replica([sys.executable, "-c", code], environment, port, tmp_path / "x.log"))
        return found[-1]

    yield start
    for one in found:
        one.stop()


def wait_until(holds: Callable[[], Any]) -> bool:
    deadline = time.monotonic() + 60
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return bool(found)


def log_of(one: Replica) -> str:
    return one.log.read_text()


def end(one: Replica) -> None:
    """Have the server end by itself."""
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=10)
    connection.request("GET", "/end")
    with pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    connection.close()


def test_one_that_ends_before_it_was_ever_healthy_is_not_started_again(started: Any) -> None:
    one = started("import sys; sys.exit('ValueError: no such thing')")
    assert wait_until(lambda: one.failure)
    assert "vLLM did not start: ValueError: no such thing" in str(one.failure)
    assert log_of(one).count("no such thing") == 1


def test_stopping_one_that_has_ended_by_itself_is_no_trouble(started: Any) -> None:
    one = started("pass")
    assert wait_until(lambda: one.failure)
    one.stop()
    one.stop()


@pytest.mark.server
def test_one_that_answers_but_is_not_ready_is_not_healthy(started: Any) -> None:
    one = started(SERVER, health=503)
    assert wait_until(lambda: "loaded" in log_of(one))
    assert not one.is_healthy()
    assert not one.was_healthy


@pytest.mark.server
def test_one_that_was_healthy_is_started_again_where_it_ends(started: Any) -> None:
    one = started(SERVER)
    assert wait_until(one.is_healthy)
    end(one)
    assert wait_until(lambda: log_of(one).count("loaded") == 2)
    assert wait_until(one.is_healthy)
    assert one.failure is None
    assert "keeper: ended with exit code 3" in log_of(one)


@pytest.mark.server
def test_one_that_was_stopped_is_gone_and_stays_so(started: Any) -> None:
    one = started(SERVER)
    assert wait_until(one.is_healthy)
    one.stop()
    assert one._process.poll() is not None
    assert not one.is_healthy()
    assert (one.failure, log_of(one).count("loaded")) == (None, 1)
