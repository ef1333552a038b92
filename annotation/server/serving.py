"""Start the annotation server, watch over its processes, and stop them."""

import http.client
import json
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from annotation.server.accounts import Account, ensure_accounts
from annotation.server.backing import require_redis, search_engine, without_secret
from annotation.server.data_folder import DataFolder, held
from annotation.server.environment import Tell, server_python
from annotation.server.process import Process
from pipeline.interrupts import Interrupts
from schemas.errors import BackendError, RecipeError

HERE = Path(__file__).parent
SAYS = "prepared: "
"""What starts the lines of the web process's log that are for whoever started the server."""

MAX_RESTARTS = 5
POLL_S = 0.3
ROTATE_EVERY_S = 60.0


@dataclass(frozen=True)
class Settings:
    """What is served. Port 0 is any that is free; without URLs, the queue and the search engine are ours."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 6900
    n_annotators: int = 2
    redis_url: str = ""
    search_url: str = ""


@dataclass
class Server:
    """A server that answers at `url`."""

    url: str
    data: DataFolder
    accounts: list[Account]
    _launch: "_Launch"
    _processes: dict[str, Process] = field(default_factory=dict)
    _n_restarts: int = 0
    _asked: threading.Event = field(default_factory=threading.Event)

    @property
    def was_asked(self) -> bool:
        """Whether a signal came while it was watched: then a second one is no more than hurry."""
        return self._asked.is_set()

    def watch(self, tell: Tell) -> None:
        """Return at a signal; start processes again that end. BackendError where one does so again and again."""
        with Interrupts(self._asked.set).held():
            rotated = time.monotonic()
            while not self._asked.wait(POLL_S):
                for process in [process for process in self._processes.values() if not process.is_alive()]:
                    self._start_again(process, tell)
                if time.monotonic() > rotated + ROTATE_EVERY_S:
                    self.data.rotate_logs()
                    rotated = time.monotonic()

    def _start_again(self, process: Process, tell: Tell) -> None:
        if self._n_restarts == MAX_RESTARTS:
            raise _ended(process, f"ended, after {MAX_RESTARTS} restarts")
        self._n_restarts += 1
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
        while not _answers(self.url):
            self._require_alive()
            time.sleep(POLL_S)
        self._require_alive()
        self._processes["jobs"] = self._launch.process("jobs")

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
                raise _ended(process, "did not start")


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
    port = settings.port or _free_port(settings.host)
    url = f"http://{_shown(settings.host)}:{port}"
    if not _is_loopback(settings.host):
        tell(f"--host {settings.host}: other machines can reach it, without TLS; see docs/annotation-server.md")
    with held(settings.data, url, tell) as data, _socket_folder() as folder:
        _require_free(settings.host, port)
        accounts = ensure_accounts(data.accounts, url, settings.n_annotators)
        launch = _Launch(settings, python, data, engine, port, str(folder / "redis.sock"))
        server = Server(url, data, accounts, launch)
        try:
            server.start()
            yield server
        except KeyboardInterrupt:
            if not server.was_asked:
                raise
        finally:
            server.stop()


@dataclass(frozen=True)
class _Launch:
    """How the processes are started."""

    settings: Settings
    python: Path
    data: DataFolder
    engine: str
    port: int
    socket: str

    @property
    def has_own_redis(self) -> bool:
        return not self.settings.redis_url

    def process(self, name: str) -> Process:
        """Start one: redis, web or jobs."""
        arguments = {
            "redis": ["inside.redis_stand_in", self.socket],
            "web": ["inside.web", self.settings.host, str(self.port)],
            "jobs": ["inside.job_worker"],
        }[name]
        command = [str(self.python), "-P", "-m", *arguments]
        return Process(name, command, self.environment(), self.data.log(name), self.data.processes.fileno())

    def environment(self) -> dict[str, str]:
        """Ours, with the server's settings; nothing of it asks the network for anything."""
        origins = [f"http://{name}:{self.port}" for name in {_shown(self.settings.host), "127.0.0.1", "localhost"}]
        search = {"ARGILLA_ELASTICSEARCH": self.settings.search_url} if self.settings.search_url else {}
        return (
            {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
            | search
            | {
                "PYTHONPATH": str(HERE),
                "PYTHONUNBUFFERED": "1",
                "ARGILLA_HOME_PATH": str(self.data.path),
                "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{self.data.path}/argilla.db?check_same_thread=False",
                "ARGILLA_BASE_URL": "/",
                "ARGILLA_SEARCH_ENGINE": self.engine,
                "ARGILLA_SQLITE_SEARCH_PATH": str(self.data.path / "search.db"),
                "ARGILLA_REDIS_URL": self.settings.redis_url or f"unix://{self.socket}?db=0",
                "ARGILLA_AUTH_SECRET_KEY": self.data.secret_key(),
                "ARGILLA_CORS_ORIGINS": json.dumps(sorted(origins)),
                "COLDSTART_SEARCH": without_secret(self.settings.search_url),
                "HF_HUB_OFFLINE": "1",
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "DO_NOT_TRACK": "1",
            }
        )


def _ended(process: Process, how: str) -> BackendError:
    return BackendError(
        f"the annotation server's {process.name} process {how}; its log ends with{process.last_lines()}"
        f"\n(its log: {process.log})"
    )


@contextmanager
def _socket_folder() -> Iterator[Path]:
    """A short path for the queue's socket: the kernel allows about a hundred characters."""
    folder = Path(tempfile.mkdtemp(prefix="coldstart-annotation-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _shown(host: str) -> str:
    """The address of this machine by which a server on `host` is reached from here."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{name}]" if ":" in name else name


def _is_loopback(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


def _free_port(host: str) -> int:
    with _bound(host, 0) as one:
        return int(one.getsockname()[1])


def _require_free(host: str, port: int) -> None:
    _bound(host, port).close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        one = socket.socket(family, kind, protocol)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(address)
    except OSError as error:
        raise RecipeError(
            f"--host {host} --port {port}: the annotation server cannot listen there ({error.strerror}); stop what "
            "does, or give another with --port (0: any that is free)"
        ) from None
    return one


def _answers(url: str) -> bool:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request("GET", "/api/v1/version")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
