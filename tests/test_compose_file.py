"""What `compose.yaml` promises: everything on localhost, healthy before it is used, and confined."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[1] / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_localhost_only(service: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_health_check_and_gains_no_privileges(service: str) -> None:
    described = SERVICES[service]
    assert described["healthcheck"]["test"]
    assert described["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in described
    assert not any("docker.sock" in volume for volume in described["volumes"])


def test_services_wait_until_what_they_need_is_healthy() -> None:
    waits = {name: list(each.get("depends_on", {})) for name, each in SERVICES.items()}
    assert waits == {"database": [], "mlflow": ["database"], "leaderboard": ["mlflow"]}
    conditions = [need["condition"] for each in SERVICES.values() for need in each.get("depends_on", {}).values()]
    assert set(conditions) == {"service_healthy"}


def test_the_board_reads_records_and_cannot_write_them() -> None:
    assert {volume.split(":")[-1] for volume in SERVICES["leaderboard"]["volumes"]} == {"ro"}


def test_no_password_is_in_the_file_and_a_missing_one_is_an_error() -> None:
    assert SERVICES["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert not any("PASSWORD" in word for word in (*SERVICES["mlflow"]["command"], *SERVICES["leaderboard"]["command"]))


def test_the_database_is_reached_from_inside_only() -> None:
    assert SERVICES["database"]["networks"] == ["inside"]
    assert yaml.safe_load(FILE.read_text())["networks"]["inside"] == {"internal": True}


def test_no_service_is_told_a_value_in_the_place_of_what_the_host_is_asked_for() -> None:
    """podman-compose once mounted `/trusted_keys.yaml` of the host, an empty folder that it made: no record was shown.

    It substitutes `${NAME}` of a service from the service's own environment first.
    """
    for service in SERVICES.values():
        rest = {key: value for key, value in service.items() if key != "environment"}
        assert not set(re.findall(r"\$\{(\w+)", str(rest))) & set(service.get("environment", {}))


def test_the_image_of_the_site_looks_where_the_file_mounts() -> None:
    mounted = {volume.split(":")[-2] for volume in SERVICES["leaderboard"]["volumes"]}
    (line,) = re.findall(r"(?m)^ENV (FMN_HOME=.*)$", FILE.with_name("Dockerfile").read_text())
    assert {word.partition("=")[2] for word in line.split()} == mounted


def test_the_database_is_not_healthy_while_its_volume_is_prepared() -> None:
    """The official image runs a temporary server then, which answers on its socket and is gone a moment later."""
    assert "--host 127.0.0.1" in SERVICES["database"]["healthcheck"]["test"][1]


def test_compose_itself_accepts_the_file() -> None:
    asked = [shutil.which("docker") or "false", "compose", "version"]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("`docker compose` is not installed here")
    command = ["docker", "compose", "--file", str(FILE), "config", "--quiet"]
    environment = {"POSTGRES_PASSWORD": "x", "PATH": os.environ["PATH"]}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
