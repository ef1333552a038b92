"""What the annotation server is asked to be, and how each of its processes is started for that."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from annotation.server.address import shown_host
from annotation.server.backing import without_secret
from annotation.server.data_folder import DataFolder
from annotation.server.process import Process

FOLDER = Path(__file__).parent
"""What the server's Python finds `inside` and the embedded search engine in."""


@dataclass(frozen=True)
class Settings:
    """What is served. Port 0 is any that is free; without URLs, the queue and the search engine are ours."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 6900
    n_annotators: int = 2
    redis_url: str = ""
    search_url: str = ""


@dataclass(frozen=True)
class Launch:
    """How its processes are started. `engine` is sqlite, elasticsearch or opensearch."""

    settings: Settings
    python: Path
    data: DataFolder
    engine: str
    port: int
    socket: str

    @property
    def has_own_redis(self) -> bool:
        """Whether the queue is ours, in memory."""
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
        origins = [f"http://{name}:{self.port}" for name in {shown_host(self.settings.host), "127.0.0.1", "localhost"}]
        search = {"ARGILLA_ELASTICSEARCH": self.settings.search_url} if self.settings.search_url else {}
        return (
            {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
            | search
            | {
                "PYTHONPATH": str(FOLDER),
                "PYTHONUNBUFFERED": "1",
                "ARGILLA_HOME_PATH": str(self.data.path),
                "ARGILLA_DATABASE_URL": f"sqlite+aiosqlite:///{self.data.path}/argilla.db?check_same_thread=False",
                "ARGILLA_DATABASE_SQLITE_TIMEOUT": "30",
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
