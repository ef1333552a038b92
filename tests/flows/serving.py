"""`coldstart serve` as a command under test: started in a folder, asked over HTTP, ended in every way."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.annotation.conftest import AnnotationServer
from tests.flows.prefect_server import ROOT

CODE = (
    "import sys; from flows.serve import serve; from flows.endings import end_with;"
    "end_with(lambda: serve(sys.argv[1:], 'coldstart serve', standalone_mode=False))"
)


@dataclass
class Serving:
    """The command on a data folder, with what it said by name."""

    process: "subprocess.Popen[str]"
    data: Path
    said: dict[str, str]

    @property
    def env(self) -> dict[str, str]:
        """Environment of a client of its Prefect server."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return os.environ | {"PREFECT_API_URL": f"{self.said['Prefect']}/api", "PATH": path}

    def annotation(self) -> AnnotationServer:
        """Its annotation server, and who may sign in there."""
        users = json.loads((self.data / "accounts.json").read_text())["users"]
        accounts = {user["username"]: user for user in users}
        return AnnotationServer(self.said["annotation server"], self.data, accounts, self.process)

    def processes(self) -> dict[int, list[bytes]]:
        """Its processes with their commands, but for the one that was started."""
        ours = (f"ARGILLA_HOME_PATH={self.data}".encode(), f"PREFECT_HOME={self.data / 'prefect'}".encode())
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                is_zombie = (path / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
                environment = (path / "environ").read_bytes().split(b"\0")
                if not is_zombie and any(one in environment for one in ours):
                    found[int(path.name)] = (path / "cmdline").read_bytes().split(b"\0")
        return found

    def end(self, number: int) -> int:
        """Send it a signal; its exit code, once none of its processes is left."""
        self.process.send_signal(number)
        code = self.process.wait(90)
        while self.processes():
            time.sleep(0.1)
        return code

    def cut(self) -> None:
        """Kill everything at once, as a power cut does: the command, both servers, their workers and flow runs."""
        self.process.kill()
        while found := self.processes():
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def serving(data: Path, python: Path) -> Iterator[Serving]:
    """The command, once it has said where everything is; `python` is that of the annotation server's environment."""
    environment = os.environ | {"COLDSTART_ANNOTATION_PYTHON": str(python), "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", CODE, "--data", str(data), "--port-prefect", "0", "--port-annotation", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=ROOT
    )
    assert process.stdout is not None
    said: dict[str, str] = {}
    for line in process.stdout:
        name, _, value = line.strip().partition(": ")
        said[name] = value
        if line.startswith("Ctrl-C"):
            break
    try:
        yield Serving(process, data, said)
    finally:
        process.kill()
        process.communicate()
