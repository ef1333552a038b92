"""Start the annotation server, watch over its processes, and stop them."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from annotation.server.accounts import Account, ensure_accounts
from annotation.server.address import answers, free_port, is_loopback, require_free, shown_host
from annotation.server.backing import require_redis, search_engine
from annotation.server.data_folder import DataFolder, held
from annotation.server.environment import Tell, server_python
from annotation.server.launch import Launch, Settings
from annotation.server.process import Group, Process
from pipeline.interrupts import Interrupts

SAYS = "prepared: "
"""What starts the lines of the web process's log that are for whoever started the server."""

POLL_S = 0.3
ROTATE_EVERY_S = 60.0


@dataclass
class Server:
    """A server that answers at `url`."""

    url: str
    data: DataFolder
    accounts: list[Account]
    group: Group
    _launch: Launch
    is_up: bool = False
    """Whether it has answered: from then on, a signal is how it ends."""

    def watch(self, tell: Tell, *others: Group) -> None:
        """Return at a signal; start processes again that end, also those of others that go with it.

        BackendError where one ends again and again.
        """
        asked, rotated = threading.Event(), time.monotonic()
        with Interrupts(asked.set).held():
            while not asked.wait(POLL_S):
                for group in (self.group, *others):
                    group.revive(tell)
                if time.monotonic() > rotated + ROTATE_EVERY_S:
                    self.data.rotate_logs()
                    rotated = time.monotonic()

    def start(self) -> None:
        """Start everything; returns when it answers."""
        if self._launch.has_own_redis:
            self.group.start("redis")
            while not Path(self._launch.socket).exists():
                self._require_alive()
                time.sleep(POLL_S / 10)
        self.group.start("web")
        while not answers(self.url):
            self._require_alive()
            time.sleep(POLL_S)
        self._require_alive()
        self.group.start("jobs")
        self.is_up = True

    def stop(self) -> None:
        """Stop everything; a KeyboardInterrupt meanwhile ends it at once. Returns when no process is left."""
        try:
            self.group.stop(("web", "jobs"), ("redis",))
        except KeyboardInterrupt:
            self.group.kill()

    def prepared(self) -> list[str]:
        """What was done before it answered."""
        lines = self.group.processes["web"].said().splitlines()
        return [line.removeprefix(SAYS) for line in lines if line.startswith(SAYS)]

    def _require_alive(self) -> None:
        for process in self.group.processes.values():
            if not process.is_alive():
                raise self.group.ended(process, "did not start", self._hint(process))

    def _hint(self, process: Process) -> str:
        if "ModuleNotFoundError" not in process.said():
            return ""
        torn = self._launch.python.parent.parent
        return f"; the environment {torn} lacks a part: remove it, and the next start makes it again"


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
        server = Server(url, data, accounts, Group("the annotation server", launch.process), launch)
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
