"""Start the annotation server, watch over its processes, and stop them."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from annotation.server.accounts import Account, ensure_accounts
from annotation.server.address import answers, free_port, is_loopback, require_free, shown_host
from annotation.server.backing import require_redis, search_engine
from annotation.server.data_folder import DataFolder, held
from annotation.server.environment import Tell, server_python
from annotation.server.launch import Launch, Settings
from annotation.server.process import Process
from pipeline.interrupts import Interrupts
from schemas.errors import BackendError

SAYS = "prepared: "
"""What starts the lines of the web process's log that are for whoever started the server."""

MAX_RESTARTS = 5
RESTARTS_S = 3600.0
"""Restarts of processes that are put up with in this time."""

POLL_S = 0.3
ROTATE_EVERY_S = 60.0


@dataclass
class Server:
    """A server that answers at `url`."""

    url: str
    data: DataFolder
    accounts: list[Account]
    _launch: Launch
    _processes: dict[str, Process] = field(default_factory=dict)
    _restarted: list[float] = field(default_factory=list)
    is_up: bool = False
    """Whether it has answered: from then on, a signal is how it ends."""

    def watch(self, tell: Tell) -> None:
        """Return at a signal; start processes again that end. BackendError where one does so again and again."""
        asked, rotated = threading.Event(), time.monotonic()
        with Interrupts(asked.set).held():
            while not asked.wait(POLL_S):
                for process in [process for process in self._processes.values() if not process.is_alive()]:
                    self._start_again(process, tell)
                if time.monotonic() > rotated + ROTATE_EVERY_S:
                    self.data.rotate_logs()
                    rotated = time.monotonic()

    def _start_again(self, process: Process, tell: Tell) -> None:
        now = time.monotonic()
        self._restarted = [*(at for at in self._restarted if at > now - RESTARTS_S), now]
        if len(self._restarted) > MAX_RESTARTS:
            raise self._ended(process, "ends again and again")
        tell(f"the server's {process.name} process ended and is started again; its log: {process.log}")
        process.kill()
        self._processes[process.name] = self._launch.process(process.name)

    def start(self) -> None:
        """Start everything; returns when it answers."""
        if self._launch.has_own_redis:
            self._processes["redis"] = self._launch.process("redis")
            while not Path(self._launch.socket).exists():
                self._require_alive()
                time.sleep(POLL_S / 10)
        self._processes["web"] = self._launch.process("web")
        while not answers(self.url):
            self._require_alive()
            time.sleep(POLL_S)
        self._require_alive()
        self._processes["jobs"] = self._launch.process("jobs")
        self.is_up = True

    def stop(self) -> None:
        """Stop everything; a KeyboardInterrupt meanwhile ends it at once. Returns when no process is left."""
        order = [self._processes[name] for name in ("web", "jobs", "redis") if name in self._processes]
        try:
            for process in order[:2]:
                process.ask_to_stop()
            for process in order:
                process.stop()
        except KeyboardInterrupt:
            for process in order:
                process.kill()

    def prepared(self) -> list[str]:
        """What was done before it answered."""
        lines = self._processes["web"].said().splitlines()
        return [line.removeprefix(SAYS) for line in lines if line.startswith(SAYS)]

    def _require_alive(self) -> None:
        for process in self._processes.values():
            if not process.is_alive():
                raise self._ended(process, "did not start")

    def _ended(self, process: Process, how: str) -> BackendError:
        torn = self._launch.python.parent.parent if "ModuleNotFoundError" in process.said() else None
        mend = f"; the environment {torn} lacks a part: remove it, and the next start makes it again" if torn else ""
        ending = f"its log ends with{process.last_lines()}\n(its log: {process.log}{mend})"
        return BackendError(f"the annotation server's {process.name} process {how}; {ending}")


@contextmanager
def serving(settings: Settings, tell: Tell) -> Iterator[Server]:
    """A block in which the server answers; installs what it needs first. Errors say what is in the way.

    BackendError: it cannot be installed, does not start, or what it stands on is not there. StoreError: the data
    folder. RecipeError: an address.
    """
    engine = search_engine(settings.search_url) if settings.search_url else "sqlite"
    if settings.redis_url:
        require_redis(settings.redis_url)
    python = server_python(tell)
    port = settings.port or free_port(settings.host)
    url = f"http://{shown_host(settings.host)}:{port}"
    if not is_loopback(settings.host):
        tell(f"--host {settings.host}: other machines can reach it, without TLS; see docs/annotation-server.md")
    with held(settings.data, url, tell) as data, _socket_folder() as folder:
        require_free(settings.host, port)
        accounts = ensure_accounts(data.accounts, url, settings.n_annotators)
        launch = Launch(settings, python, data, engine, port, str(folder / "redis.sock"))
        server = Server(url, data, accounts, launch)
        try:
            server.start()
            yield server
        except KeyboardInterrupt:
            if not server.is_up:
                raise
        finally:
            server.stop()


@contextmanager
def _socket_folder() -> Iterator[Path]:
    """A short path for the queue's socket: the kernel allows about a hundred characters."""
    folder = Path(tempfile.mkdtemp(prefix="coldstart-annotation-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
