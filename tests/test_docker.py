"""The compose file hangs together: what cannot be started here can at least be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from fhir_svc.cli import main
from fhir_svc.settings import SECRETS, Settings

DOCKER = Path(__file__).parents[1] / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "fhir-svc"}


def test_the_roles_are_those_of_the_command() -> None:
    assert {"web", "worker", "relay"} <= set(OURS)
    for service in OURS.values():
        assert CliRunner().invoke(main, [*service["command"], "--help"]).exit_code == 0


@pytest.mark.parametrize("name", sorted(OURS))
def test_settings_exist_and_secrets_come_from_declared_files(name: str) -> None:
    for variable, value in OURS[name]["environment"].items():
        setting = variable.removeprefix("FHIR_SVC_").lower()
        if setting.endswith("_file"):
            assert setting.removesuffix("_file") in SECRETS
            assert value.removeprefix("/run/secrets/") in COMPOSE["secrets"]
        else:
            assert setting in Settings.model_fields


@pytest.mark.parametrize("name", sorted(COMPOSE["services"]))
def test_every_secret_and_dependency_of_a_service_is_declared(name: str) -> None:
    service = COMPOSE["services"][name]

    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert set(service.get("depends_on", {})) <= set(COMPOSE["services"])


def test_our_containers_run_without_root_and_without_capabilities() -> None:
    assert "USER 10001" in (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    for service in OURS.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True


def test_the_address_of_a_caller_is_taken_from_the_one_proxy_that_the_readme_shows() -> None:
    shown = (DOCKER / "README.md").read_text(encoding="utf-8")

    assert OURS["web"]["environment"]["FHIR_SVC_TRUSTED_PROXIES"] == "1"
    assert shown.count("proxy_pass ") == shown.count("proxy_set_header X-Forwarded-For $remote_addr;") == 1
    assert all(port.startswith("127.0.0.1:") for port in OURS["web"]["ports"])
