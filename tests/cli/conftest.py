from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhir_svc.cli import main
from fhir_svc.store import tenants
from fhir_svc.store.database import Database
from fhir_svc.store.tenants import Tenant

PROFILES = Path(__file__).parents[2] / "profiles"


class Console:
    """The command as an operator types it, on a database of its own."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def type(self, *words: str, given: str | None = None) -> Result:
        return CliRunner().invoke(main, list(words), input=given)

    def say(self, *words: str, given: str | None = None) -> str:
        result = self.type(*words, given=given)
        assert result.exit_code == 0, result.output
        return result.output


@pytest.fixture
def console(sqlite_database, monkeypatch):
    monkeypatch.setenv("FHIR_SVC_DATABASE_URL", str(sqlite_database.url))
    with sqlite_database.transaction() as tx:
        tenants.add(tx, Tenant("north", "https://ehr.example/fhir", "Europe/London"))
    return Console(sqlite_database)


@pytest.fixture
def profiles(tmp_path):
    """The artefacts, to be changed by a test."""
    return Path(shutil.copytree(PROFILES, tmp_path / "profiles"))
