"""A Bundle of 100 entries accepted durably, on SQLite and PostgreSQL, beside a plain loop over the same bytes."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import secrets
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import psutil
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
MARK = 987_654_321  # stands in for the number of a Bundle
PROCESSES = os.cpu_count() or 4
SECONDS = 10.0
SUSTAINED = 5_000  # resources a second
GROWTH = 50.0  # MB


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


def numbered() -> Callable[[int], bytes]:
    """Give the Bundle of a number without making each anew: that would be timed too."""
    body, _ = bundle(MARK)
    return lambda number: body.replace(str(MARK).encode(), str(number).encode())


def together(work: Callable[[int, float], int]) -> float:
    """How many times a second `work(process, until)` did its thing, in as many processes as there are cores."""
    context = multiprocessing.get_context("fork")
    counts, start = context.Queue(), context.Barrier(PROCESSES)

    def run(process: int) -> None:
        start.wait(60)
        begun = time.monotonic()
        counts.put((work(process, begun + SECONDS), time.monotonic() - begun))

    running = [context.Process(target=run, args=(process,)) for process in range(PROCESSES)]
    for one in running:
        one.start()
    done = [counts.get(timeout=SECONDS + 120) for _ in running]
    for one in running:
        one.join()
    return sum(count / took for count, took in done)


def sustained(url: str) -> bool:
    """Print resources a second over all cores, workers stopped, beside bare loops in as many processes."""
    body_of = numbered()
    _, bodies = bundle(0)
    with service(url) as (web, headers):

        def post(process: int, until: float) -> int:
            count = 0
            while time.monotonic() < until:
                answer = web.post("/fhir", data=body_of(1_000_000 * (process + 1) + count), headers=headers)
                if answer.status_code != HTTPStatus.OK:
                    raise RuntimeError(answer.get_data(as_text=True)[:500])
                count += 1
            return count

        ours = ENTRIES * together(post)

    def insert(_: int, until: float) -> int:
        count = 0
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            while time.monotonic() < until:
                for one in bodies:
                    connection.execute("INSERT INTO bare VALUES (%s)", (one,))
                connection.commit()
                count += 1
        return count

    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bare (body bytea)")
    bare = ENTRIES * together(insert)
    print(f"sustained, {PROCESSES} processes, PostgreSQL  {ours:6.0f} resources/s   bare {bare:6.0f}", end="")
    print(f"   ratio {bare / ours:4.1f}   load {os.getloadavg()[0]:.1f}")
    return ours >= SUSTAINED


def memory(url: str, bundles: int) -> bool:
    """Print what a process of the web holds after its first Bundles and after many."""
    body_of, early = numbered(), min(100, bundles)
    first = 0.0
    with service(url) as (web, headers):
        for number in range(bundles):
            web.post("/fhir", data=body_of(number), headers=headers)
            if number + 1 == early:
                first = _own_memory()
        last = _own_memory()
    print(f"memory of a web process  {first:5.0f} MB after {early} bundles, {last:5.0f} MB after {bundles}")
    return last - first < GROWTH


def _own_memory() -> float:
    gc.collect()
    return float(psutil.Process().memory_full_info().uss) / 1e6


def main() -> int:
    """Measure and print; 1 when a promise is missed. A number as argument: Bundles for the memory (1,000)."""
    kept = []
    bundles = next((int(one) for one in sys.argv[1:] if one.isdigit()), 1_000)
    with tempfile.TemporaryDirectory(prefix="fhir-svc-bench-") as folder:
        place = Path(folder)
        kept.append(report("SQLite", accept(f"sqlite:///{place / 'bench.db'}"), bare_sqlite(place)))
    found = postgres.programs()
    if found is None:
        print(f"PostgreSQL left out: {postgres.ABSENT}")
    else:
        with postgres.server(found) as url:
            kept.append(report("PostgreSQL", accept(url), bare_postgres(url)))
        with postgres.server(found) as url:
            kept.append(sustained(url))
    with tempfile.TemporaryDirectory(prefix="fhir-svc-bench-") as folder:
        kept.append(memory(f"sqlite:///{Path(folder) / 'bench.db'}", bundles))
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
