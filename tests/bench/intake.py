"""A Bundle of 100 entries accepted durably, on SQLite and PostgreSQL, beside a plain loop over the same bytes."""

from __future__ import annotations

import json
import secrets
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
from flask.testing import FlaskClient
from joserfc.jwk import ECKey

from fhir_svc import settings as configuration
from fhir_svc.app import create_app
from fhir_svc.store import clients, tenants, tokens
from fhir_svc.store.clients import Client
from fhir_svc.store.database import Database
from fhir_svc.store.tenants import Tenant
from tests import postgres

RECORD = Path(__file__).parents[1] / "data" / "synthea" / "elsy-bechtelar.json"
TAKEN = {"Patient", "Condition", "Observation", "Procedure", "DiagnosticReport", "MedicationRequest"}
ENTRIES = 100
ROUNDS = 60


def bundle(number: int) -> tuple[bytes, list[bytes]]:
    """A transaction of 100 entries about a patient of its own, and the bytes of its resources."""
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    entries = [entry for entry in record["entry"] if entry["resource"]["resourceType"] in TAKEN][:ENTRIES]
    entries[0]["resource"]["identifier"] = [{"system": "urn:example:bench", "value": str(number)}]
    bodies = [json.dumps(entry["resource"]).encode() for entry in entries]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode(), bodies


@contextmanager
def service(url: str) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    """The web application on this database, and the headers of a registered client."""
    given = configuration.read(
        {
            "FHIR_SVC_DATABASE_URL": url,
            "FHIR_SVC_SIGNING_KEY": ECKey.generate_key("P-384").as_pem(private=True).decode(),
            "FHIR_SVC_AUDIT_KEY": secrets.token_urlsafe(48),
            "FHIR_SVC_LOG_LEVEL": "error",
            "FHIR_SVC_RATE_BURST": "1e9",
        }
    )
    database, token = Database(url), secrets.token_urlsafe(32)
    database.upgrade()
    with database.transaction() as tx:
        tenants.add(tx, Tenant("bench", "http://127.0.0.1:9/fhir", timezone="UTC"))
        clients.add(tx, Client("bench", "bench", "system/*.cruds", jwks={"keys": []}))
        tokens.issue(tx, token, client="bench", tenant="bench", scope="system/*.cruds", lifetime=timedelta(hours=1))
    app = create_app(given)
    try:
        yield app.test_client(), {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    finally:
        database.dispose()


def timed(once: Callable[[int], None]) -> float:
    """Median of ROUNDS runs, in milliseconds."""
    took = []
    for number in range(ROUNDS):
        start = time.perf_counter()
        once(number)
        took.append(1000 * (time.perf_counter() - start))
    return statistics.median(took)


def accept(url: str) -> float:
    """The service: p50 in ms of one Bundle, from request to durable answer."""
    bodies = [bundle(number)[0] for number in range(ROUNDS + 5)]
    with service(url) as (web, headers):

        def post(number: int) -> None:
            answer = web.post("/fhir", data=bodies[number], headers=headers)
            if answer.status_code != 200:
                raise RuntimeError(answer.get_data(as_text=True)[:500])

        for number in range(ROUNDS, ROUNDS + 5):
            post(number)
        return timed(post)


def bare_sqlite(place: Path) -> float:
    """The limit: the same bytes inserted by a plain loop, one commit a Bundle."""
    connection = sqlite3.connect(place / "bare.db", isolation_level=None)
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE bare (body BLOB)")
    _, bodies = bundle(0)

    def insert(_: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for body in bodies:
            connection.execute("INSERT INTO bare VALUES (?)", (body,))
        connection.execute("COMMIT")

    return timed(insert)


def bare_postgres(url: str) -> float:
    """The same for PostgreSQL."""
    _, bodies = bundle(0)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE bare (body bytea)")
        connection.commit()

        def insert(_: int) -> None:
            for body in bodies:
                connection.execute("INSERT INTO bare VALUES (%s)", (body,))
            connection.commit()

        return timed(insert)


def report(name: str, ours: float, bare: float) -> bool:
    """Print one line; whether the promise is kept."""
    rate = 1000 * ENTRIES / ours
    print(
        f"bundle of {ENTRIES} on {name:<10}  p50 {ours:6.1f} ms   bare {bare:5.1f} ms   ratio {ours / bare:4.1f}",
        end="",
    )
    print(f"   {rate:6.0f} resources/s in one process")
    return ours < 30


def main() -> int:
    """Measure and print; 1 when a promise is missed."""
    kept = []
    with tempfile.TemporaryDirectory(prefix="fhir-svc-bench-") as folder:
        place = Path(folder)
        kept.append(report("SQLite", accept(f"sqlite:///{place / 'bench.db'}"), bare_sqlite(place)))
    found = postgres.programs()
    if found is None:
        print(f"PostgreSQL left out: {postgres.ABSENT}")
    else:
        with postgres.server(found) as url:
            kept.append(report("PostgreSQL", accept(url), bare_postgres(url)))
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
