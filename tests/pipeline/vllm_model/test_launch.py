"""What a launch runs, in which environment, and where its logs go; tests of its servers are in test_servers.py."""

import os
from pathlib import Path

import pytest

from pipeline.vllm_model import launch
from pipeline.vllm_model.installation import Installation
from pipeline.vllm_model.launch import Launch, flags

GPU_BUILD = Installation("/gpu/bin/python", Path("/gpu/vllm"), is_cpu=False)
CPU_BUILD = Installation("/cpu/bin/python", Path("/cpu/vllm"), is_cpu=True)


def on(*gpus: str) -> Launch:
    return Launch(GPU_BUILD, (), (gpus,))


def test_launches_compete_for_the_gpus_they_share() -> None:
    assert on("0", "1").competes(on("1"))
    assert not on("0").competes(on("1"))
    assert Launch(GPU_BUILD, (), (("0",), ("1",))).competes(on("1"))


def test_a_launch_without_gpus_of_its_own_competes_with_every_other() -> None:
    assert on().competes(on("1"))
    assert on("1").competes(on())
    assert Launch(CPU_BUILD, ()).competes(Launch(CPU_BUILD, ("--model", "x")))


def test_only_this_machine_can_ask_a_server() -> None:
    command = Launch(GPU_BUILD, ("--model", "m")).command()
    assert command[0] == "/gpu/bin/python"
    assert command[-4:] == ["--model", "m", "--host", "127.0.0.1"]


def test_the_cpu_build_is_told_what_it_needs_unless_the_user_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "7")
    monkeypatch.delenv("VLLM_CPU_OMP_THREADS_BIND", raising=False)
    environment = Launch(CPU_BUILD, ()).environment(())
    assert environment["VLLM_CPU_KVCACHE_SPACE"] == "7"
    assert environment["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert "VLLM_CPU_OMP_THREADS_BIND" not in Launch(GPU_BUILD, ()).environment(())


def test_nothing_is_reported_to_vllms_makers_unless_the_user_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_NO_USAGE_STATS", raising=False)
    assert Launch(GPU_BUILD, ()).environment(())["VLLM_NO_USAGE_STATS"] == "1"
    monkeypatch.setenv("VLLM_NO_USAGE_STATS", "0")
    assert Launch(GPU_BUILD, ()).environment(())["VLLM_NO_USAGE_STATS"] == "0"


def test_the_programs_beside_its_python_are_found_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    assert Launch(GPU_BUILD, ()).environment(())["PATH"] == os.pathsep.join(["/gpu/bin", "/usr/bin"])


def test_a_replica_sees_its_gpus_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    assert Launch(GPU_BUILD, ()).environment(("2", "3"))["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert Launch(GPU_BUILD, ()).environment(())["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"


def test_numbers_are_flags_as_json_has_them() -> None:
    assert list(flags({"gpu_memory_utilization": 0.5, "hf_overrides": {"a": None}, "stop_ids": [1, "x"]})) == [
        *("--gpu-memory-utilization", "0.5"),
        *("--hf-overrides", '{"a": null}'),
        *("--stop-ids", "1", "x"),
    ]


def test_old_logs_go_and_the_newest_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "coldstart/vllm").mkdir(parents=True)
    for number in range(30):
        (tmp_path / f"coldstart/vllm/2020-{number:02}.log").touch()
    folder = launch.log_folder()
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == launch.KEPT_LOGS - 1  # room for the one to come
    assert names[-1] == "2020-29.log"


def test_where_the_cache_cannot_be_written_logs_go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = launch.log_folder()
    assert folder.parent == tmp_path
    assert folder.is_dir()
