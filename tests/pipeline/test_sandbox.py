"""Which sandboxes there are, and that what is left when one ends is nothing."""

import json
import os
import select
import tempfile
from pathlib import Path

import pytest

from pipeline import sandbox
from pipeline.program.values import Frames
from schemas.errors import BackendError

LIMITS = {"seconds": 5.0, "memory_bytes": 512 * 1024**2}


@pytest.fixture(params=[*sandbox.SANDBOXES, "none"])
def kind(request: pytest.FixtureRequest) -> sandbox.Kind:
    chosen: sandbox.Kind = request.param
    if fault := sandbox.available().get(chosen):
        pytest.skip(f"{chosen} does not work here: {fault}")
    return chosen


def test_this_machine_has_a_sandbox() -> None:
    assert sandbox.choose(allow_unsandboxed=False) in sandbox.SANDBOXES


@pytest.mark.parametrize(
    ("faults", "chosen"),
    [(("", ""), "bubblewrap"), (("no such file", ""), "landlock"), (("no such file", "no Landlock"), "none")],
)
def test_the_best_sandbox_that_works_is_chosen(
    faults: tuple[str, str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: dict(zip(sandbox.SANDBOXES, faults, strict=True)))
    assert sandbox.choose(allow_unsandboxed=True) == chosen


def test_no_sandbox_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: dict.fromkeys(sandbox.SANDBOXES, "out of order"))
    with pytest.raises(BackendError, match=r"bubblewrap: out of order.*apt install bubblewrap.*allow_unsandboxed"):
        sandbox.choose(allow_unsandboxed=False)


def test_bubblewrap_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.available.cache_clear()
    try:
        assert sandbox.available()["bubblewrap"] == "bwrap is not installed"
    finally:
        sandbox.available.cache_clear()


def test_the_process_and_its_folder_are_gone_in_the_end(
    kind: sandbox.Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (requests, to_program), (from_program, replies) = os.pipe(), os.pipe()
    with sandbox.running(kind, (requests, replies), **LIMITS) as run:
        os.close(replies)
        frames = Frames(from_program, to_program)
        assert select.select([from_program], [], [], 30)[0]
        assert frames.receive() == ["ready"]
        frames.send(["", "open('left', 'w').write('x' * 1000)\nwhile True: pass", ""])
    assert run.process.returncode is not None
    assert os.read(from_program, 1) == b""  # nobody is left who could write
    assert list(tmp_path.iterdir()) == []
    for end in (requests, to_program, from_program):
        os.close(end)


def test_programs_of_several_verifiers_have_users_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for process in range(1_000, 1_008):
        monkeypatch.setattr(os, "getpid", lambda process=process: process)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        commands = [sandbox._command("bubblewrap", (3, 4), None, 1.0, 2**30) for _ in range(8)]
        found |= {json.loads(command[-1])[2]["uid"] for command in commands}
    assert len(found) == 64
    assert all(sandbox.FIRST_UID <= uid < sandbox.FIRST_UID + sandbox.N_UIDS for uid in found)


def test_too_many_files_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "FILES_BYTES", 100)
    with sandbox.running("none", (0, 1), **LIMITS) as run:
        watched = run._replace(folder=tmp_path)
        assert not watched.has_too_many_files()
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_bytes(bytes(101))
        assert watched.has_too_many_files()
        assert not run._replace(folder=None).has_too_many_files()
