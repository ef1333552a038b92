"""The compose file for production: pinned, private, and one set of settings for server and worker."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).resolve().parents[3] / "annotation/compose.yaml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
OWN_OF_THE_SERVER = {"USERNAME", "PASSWORD", "API_KEY", "WORKSPACE"}

every_service = pytest.mark.parametrize("name", SERVICES)


def test_it_has_what_argilla_needs() -> None:
    assert set(SERVICES) == {"argilla", "worker", "postgres", "elasticsearch", "redis"}


@every_service
def test_an_image_is_pinned_by_its_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+", SERVICES[name]["image"])


@every_service
def test_it_is_watched_and_started_again(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_no_secret_has_a_default() -> None:
    used = re.findall(r"(?<!\$)\$\{(\w+)(.*?)\}", FILE.read_text())
    assert {name for name, rest in used if not rest.startswith(":?")} == {
        "ARGILLA_ORIGIN",
        "ARGILLA_PORT",
        "ES_JAVA_OPTS",
    }
    settings = [(name, str(value)) for one in SERVICES.values() for name, value in one["environment"].items()]
    secrets = [(name, value) for name, value in settings if re.search("PASSWORD|KEY|_URL", name)]
    assert len(secrets) > 8
    assert [name for name, value in secrets if ":?" not in value] == []


def test_the_server_and_its_worker_are_the_same_with_the_same_settings() -> None:
    server, worker = SERVICES["argilla"], SERVICES["worker"]
    assert server["image"] == worker["image"]
    assert {name: server["environment"][name] for name in worker["environment"]} == worker["environment"]
    assert set(server["environment"]) - set(worker["environment"]) == OWN_OF_THE_SERVER


def test_only_the_server_is_reachable_and_only_from_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(ports) == ["argilla"]
    assert all(port.startswith("127.0.0.1:") for port in ports["argilla"])
    assert {name for name, service in SERVICES.items() if service["networks"] != ["inside"]} == {"argilla"}


@pytest.mark.parametrize("name", ["argilla", "postgres", "elasticsearch", "redis"])
def test_what_is_kept_is_on_a_volume(name: str) -> None:
    (volume,) = SERVICES[name]["volumes"]
    assert volume.partition(":")[0] in yaml.safe_load(FILE.read_text())["volumes"]


def test_the_server_is_of_the_version_that_one_command_installs() -> None:
    lock = (FILE.parent / "server/requirements.txt").read_text()
    version = re.search(r"^argilla-server==(.+)$", lock, re.MULTILINE)
    assert version
    assert SERVICES["argilla"]["image"].endswith(f":v{version[1]}")
