"""Who takes part in a demonstration: one tenant, one client, two physicians, one admin. All of it marked as such."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fhir_svc.auth.accounts import hash_password
from fhir_svc.store import accounts, clients, tenants
from fhir_svc.store.clients import Client
from fhir_svc.store.database import Connection, Database
from fhir_svc.store.tenants import Tenant

TENANT = "demo"
CLIENT = "demo-ehr"
SCOPE = "system/*.cruds"
TIMEZONE = "Etc/UTC"
IDENTIFIER_SYSTEMS = ("http://hospital.smarthealthit.org",)
PEOPLE = (
    {"username": "alice", "name": "Dr Alice Amari", "role": "physician", "practitioner": "alice", "licence": "DEMO-1"},
    {"username": "bob", "name": "Dr Bob Brandt", "role": "physician", "practitioner": "bob", "licence": "DEMO-2"},
    {"username": "ada", "name": "Ada Adeyemi", "role": "admin"},
)


def prepare(database_url: str, *, ehr: str, jwks: Mapping[str, Any], accounts_file: Path) -> list[dict[str, str]]:
    """Bring the database up to date and make sure the cast is in it; returns the log-ins.

    Passwords are random and stand in `accounts_file` (0600) alone; where that file is gone they are made anew.
    """
    database = Database(database_url)
    database.upgrade()
    try:
        with database.transaction() as tx:
            _tenant(tx, ehr)
            if clients.find(tx, CLIENT) is None:
                clients.add(tx, Client(id=CLIENT, tenant=TENANT, scope=SCOPE, jwks=jwks, demo=True))
            else:
                clients.change_keys(tx, CLIENT, jwks=jwks, jwks_url=None)
            clients.change_endpoints(tx, CLIENT, [f"{ehr}/Bundle"])  # the sandbox EHR keeps notifications like a record
            return _people(tx, accounts_file)
    finally:
        database.dispose()


def _tenant(tx: Connection, ehr: str) -> None:
    tenant = Tenant(TENANT, ehr, timezone=TIMEZONE, identifier_systems=IDENTIFIER_SYSTEMS, demo=True)
    if tenants.find(tx, TENANT) is None:
        tenants.add(tx, tenant)
    else:
        tenants.change(tx, tenant)


def _people(tx: Connection, accounts_file: Path) -> list[dict[str, str]]:
    known = {account.username: account for account in accounts.all_of(tx, TENANT)}
    if accounts_file.exists() and known:
        log_ins: list[dict[str, str]] = json.loads(accounts_file.read_text(encoding="utf-8"))
        return log_ins
    log_ins = []
    for person in PEOPLE:
        password = secrets.token_urlsafe(18)
        hashed = hash_password(password)
        if person["username"] in known:
            accounts.set_password(tx, known[person["username"]].id, hashed)
        else:
            accounts.add(tx, tenant=TENANT, password_hash=hashed, demo=True, **person)
        log_ins.append({key: person[key] for key in ("username", "role", "name")} | {"password": password})
    descriptor = os.open(accounts_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(log_ins, file, indent=2)
    return log_ins
