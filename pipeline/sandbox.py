"""Run a program that a model wrote where it can harm nothing: in bubblewrap, or under Landlock and seccomp.

Covers, in both kinds: the network, other processes, the host's files, secrets in the environment, devices; memory,
processor time, file sizes; daemons (there is no fork, and the end of a run ends all of it). bubblewrap gives the
program namespaces of its own and 64 MiB of files in memory; without it, the program may read Python's and the system's
libraries and write in one folder, which is watched and removed. As root, a program gets a user id of its own.

Does not cover: holes of the kernel; how much processor time other runs are left with. On systems other than Linux there
is no sandbox: a program is only run where that is allowed, with limits alone.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.program.folder import has_too_many_names, is_overfull, remove
from pipeline.program.values import Frames
from schemas.errors import BackendError

Kind = Literal["bubblewrap", "landlock", "none"]
SANDBOXES: tuple[Kind, ...] = ("bubblewrap", "landlock")
"""From the best on; `none` is used only where it is allowed."""

FILES_BYTES = 64 * 1024**2
"""All that a program may keep in files at a time."""
FIRST_UID, N_UIDS = 61_184, 4_096
"""User ids that nobody has, one for each program that runs at a time (systemd's range of passing users)."""
ENVIRONMENT = {"PYTHONHASHSEED": "0"}
"""All that a program's environment holds, so that the order of a set is the same in each run."""

INSTALL = (
    "install bubblewrap (`apt install bubblewrap`, `dnf install bubblewrap`, `pacman -S bubblewrap`), or use Linux "
    "5.13 or newer with Landlock and seccomp; in a container, allow user namespaces; or set "
    "`allow_unsandboxed = true` in [verifiers.code], where every program may be trusted with all that this user may do"
)

_ROOT = Path(__file__).resolve().parents[1]
_INSIDE = "/coldstart"
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_READABLE = (*_LIBRARIES, "/usr/share/zoneinfo", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/urandom")
_START = "import sys; sys.path.insert(0, {!r}); from {} import main; main()"

PROBE_SECONDS, PROBE_BYTES = 20.0, 512 * 1024**2

_numbers = count()


class Running(NamedTuple):
    """A program that runs: its process, whose stdout has all that it prints, and the folder that it may write."""

    process: subprocess.Popen[bytes]
    folder: Path | None

    def has_too_many_files(self) -> bool:
        """Whether there is more than FILES_BYTES, or too many files, where nothing else limits that."""
        if self.folder is None:
            return has_too_many_names(self.process.pid, FILES_BYTES)
        return is_overfull(self.folder, self.process.pid, FILES_BYTES)


@lru_cache(maxsize=1)
def available() -> dict[Kind, str]:
    """Each kind of sandbox, with why it does not work here; empty where it does. Found by trying, once."""
    return {kind: _probe(kind) for kind in SANDBOXES}


def choose(*, allow_unsandboxed: bool) -> Kind:
    """The best sandbox that works here. Raises BackendError where there is none and none is not allowed."""
    for kind, fault in available().items():
        if not fault:
            return kind
    if allow_unsandboxed:
        return "none"
    faults = "; ".join(f"{kind}: {fault}" for kind, fault in available().items())
    raise BackendError(f"no sandbox works here for programs that a model wrote ({faults}); {INSTALL}")


@contextmanager
def running(kind: Kind, pipes: tuple[int, int], *, seconds: float, memory_bytes: int) -> Iterator[Running]:
    """Start `pipeline.program.serving` in a sandbox, with the pipes of its requests and replies; end it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="coldstart-program-")) if kind != "bubblewrap" else None
    try:
        command = _command(kind, pipes, folder, seconds, memory_bytes)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=ENVIRONMENT,
            pass_fds=pipes,
            start_new_session=kind != "bubblewrap",
        )
        try:
            yield Running(process, folder)
        finally:
            _end(process, kind)
    finally:
        if folder:
            remove(folder)


def _end(process: subprocess.Popen[bytes], kind: Kind) -> None:
    """Kill a program; bubblewrap takes its namespace with it, elsewhere there is the group and no fork."""
    if kind == "none" and process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


def _command(kind: Kind, pipes: tuple[int, int], folder: Path | None, seconds: float, memory_bytes: int) -> list[str]:
    limits: dict[str, object] = {"seconds": seconds, "memory_bytes": memory_bytes}
    if kind == "none":
        limits["is_filtered"] = False
    elif os.geteuid() == 0:
        limits["uid"] = FIRST_UID + (os.getpid() * 127 + next(_numbers)) % N_UIDS  # other processes verify as well
    if kind == "landlock" and folder:
        limits |= {"readable": [str(_ROOT / "pipeline"), *_READABLE]}
        limits |= {"writable": [str(folder), *_DEVICES]}
        if "uid" in limits:
            os.chown(folder, int(str(limits["uid"])), -1)
    root = _INSIDE if kind == "bubblewrap" else str(_ROOT)
    python = [*_PYTHON, "-c", _START.format(root, "pipeline.program.serving"), json.dumps([*pipes, limits])]
    return [*_bubblewrap(), *python] if kind == "bubblewrap" else python


_PYTHON = (os.path.realpath(sys.executable), "-s", "-S", "-P", "-B", "-X", "utf8")
"""Python with nothing but its standard library."""


@lru_cache(maxsize=1)
def _bubblewrap() -> tuple[str, ...]:
    """The command that runs another in a sandbox of its own."""
    found = shutil.which("bwrap") or "bwrap"
    spaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    rights = ["--cap-drop", "ALL"]
    if os.geteuid() == 0:
        rights += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        spaces += ["--unshare-user", "--uid", str(FIRST_UID), "--gid", str(FIRST_UID)]
    places = ["--perms", "1777", "--size", str(FILES_BYTES), "--tmpfs", "/tmp"]
    folders = dict.fromkeys([*_READABLE, sys.base_prefix, sys.base_exec_prefix, sysconfig.get_path("stdlib")])
    parents = sorted({str(parent) for folder in (*folders, *_DEVICES) for parent in Path(folder).parents} - {"/"})
    for folder in parents:  # else a parent such as a private home folder would be closed to the program's user
        places += ["--perms", "0755", "--dir", folder]
    for folder in folders:
        places += ["--ro-bind-try", folder, folder]
    for device in _DEVICES:
        places += ["--dev-bind", device, device]
    places += ["--ro-bind", str(_ROOT / "pipeline"), f"{_INSIDE}/pipeline", "--chdir", "/tmp"]
    places += ["--remount-ro", "/"]  # else an ordinary user's program could fill memory beside /tmp
    environment = ["--clearenv", *(word for pair in ENVIRONMENT.items() for word in ("--setenv", *pair))]
    return (found, *spaces, *rights, "--die-with-parent", "--new-session", *places, *environment, "--")


def command_of_tests(pipes: tuple[int, int, int], *, must_confine: bool) -> list[str]:
    """The command of the tests' process, which confines itself; it reads its plan from stdin."""
    arguments = json.dumps([*pipes, _READABLE, must_confine])
    return [*_PYTHON, "-c", _START.format(str(_ROOT), "pipeline.program.tester"), arguments]


def _probe(kind: Kind) -> str:
    """Why a kind does not work here: a program that needs some of Python's libraries is defined in it."""
    if not sys.platform.startswith("linux"):
        return f"there is none for {sys.platform}"
    if kind == "bubblewrap" and not shutil.which("bwrap"):
        return "bwrap is not installed"
    (requests, to_program), (from_program, replies) = os.pipe(), os.pipe()
    frames = Frames(from_program, to_program)
    try:
        with running(kind, (requests, replies), seconds=PROBE_SECONDS, memory_bytes=PROBE_BYTES) as run:
            os.close(replies)
            waiting = select.select([from_program], [], [], PROBE_SECONDS)[0]
            try:
                if not waiting or frames.receive() != ["ready"]:
                    return f"no program starts within {PROBE_SECONDS:g} s"
                frames.send(["", "import decimal, hashlib, math", ""])
                reply = frames.receive()
            except (EOFError, OSError):
                assert run.process.stdout is not None
                return os.read(run.process.stdout.fileno(), 4_096).decode(errors="replace").strip()[-200:]
            return "" if reply == ["defined"] else f"a program cannot use Python's libraries: {reply}"
    except OSError as error:
        return str(error)
    finally:
        for end in (requests, to_program, from_program):
            os.close(end)
