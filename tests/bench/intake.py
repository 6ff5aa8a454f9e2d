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
from typing import Any, NamedTuple

import psutil
import psycopg
import requests
from flask.testing import FlaskClient
from joserfc.jwk import ECKey

from fhir_svc import settings as configuration
from fhir_svc.app import create_app
from fhir_svc.demo.ehr_client import wait_for
from fhir_svc.demo.parts import Part, free_port, listening, python
from fhir_svc.store import clients, tenants, tokens
from fhir_svc.store.clients import Client
from fhir_svc.store.database import Database
from fhir_svc.store.tenants import Tenant
from fhir_svc.web.server import settle_memory
from tests import postgres

RECORD = Path(__file__).parents[1] / "data" / "synthea" / "elsy-bechtelar.json"
TAKEN = {"Patient", "Condition", "Observation", "Procedure", "DiagnosticReport", "MedicationRequest"}
ENTRIES = 100
ROUNDS = 60
MARK = 987_654_321  # stands in for the number of a Bundle
PROCESSES = os.cpu_count() or 4
SECONDS = 10.0
SUSTAINED = 5_000  # resources a second
HELD = 150.0  # MB
SOON = 30.0  # ms


def bundle(number: int) -> tuple[bytes, list[bytes]]:
    """A transaction of 100 entries about a patient of its own, and the bytes of its resources."""
    record: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    entries = [entry for entry in record["entry"] if entry["resource"]["resourceType"] in TAKEN][:ENTRIES]
    entries[0]["resource"]["identifier"] = [{"system": "urn:example:bench", "value": str(number)}]
    bodies = [json.dumps(entry["resource"]).encode() for entry in entries]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries}).encode(), bodies


def environment(url: str) -> dict[str, str]:
    """The settings of a web on this database that slows nobody down."""
    return {
        "FHIR_SVC_DATABASE_URL": url,
        "FHIR_SVC_SIGNING_KEY": ECKey.generate_key("P-384").as_pem(private=True).decode(),
        "FHIR_SVC_AUDIT_KEY": secrets.token_urlsafe(48),
        "FHIR_SVC_LOG_LEVEL": "error",
        "FHIR_SVC_RATE_BURST": "1e9",
    }


def registered(url: str) -> dict[str, str]:
    """Make the tables and a client; gives the headers of its requests."""
    database, token = Database(url), secrets.token_urlsafe(32)
    database.upgrade()
    with database.transaction() as tx:
        tenants.add(tx, Tenant("bench", "http://127.0.0.1:9/fhir", timezone="UTC"))
        clients.add(tx, Client("bench", "bench", "system/*.cruds", jwks={"keys": []}))
        tokens.issue(tx, token, client="bench", tenant="bench", scope="system/*.cruds", lifetime=timedelta(hours=6))
    database.dispose()
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}


@contextmanager
def service(url: str) -> Iterator[tuple[FlaskClient, dict[str, str]]]:
    """The web application on this database, as the server sets it up, and the headers of a registered client."""
    headers, given = registered(url), configuration.read(environment(url))
    database = Database(url)
    app = create_app(given, database=database)
    settle_memory()
    try:
        yield app.test_client(), headers
    finally:
        gc.unfreeze()
        database.dispose()


class Took(NamedTuple):
    """Milliseconds; on a machine that others use too, the fastest run says more than the median."""

    median: float
    fastest: float


def timed(once: Callable[[int], None]) -> Took:
    """How long each of ROUNDS runs took."""
    took = []
    for number in range(ROUNDS):
        start = time.perf_counter()
        once(number)
        took.append(1000 * (time.perf_counter() - start))
    return Took(statistics.median(took), min(took))


def accept(url: str) -> Took:
    """The service: one Bundle, from request to durable answer."""
    bodies = [bundle(number)[0] for number in range(ROUNDS + 5)]
    with service(url) as (web, headers):

        def post(number: int) -> None:
            answer = web.post("/fhir", data=bodies[number], headers=headers)
            if answer.status_code != 200:
                raise RuntimeError(answer.get_data(as_text=True)[:500])

        for number in range(ROUNDS, ROUNDS + 5):
            post(number)
        return timed(post)


def bare_sqlite(place: Path) -> Took:
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


def bare_postgres(url: str) -> Took:
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


def report(name: str, ours: Took, bare: Took) -> bool:
    """Print one line; whether the promise is kept."""
    print(f"bundle of {ENTRIES} on {name:<10}  p50 {ours.median:6.1f} ms, fastest {ours.fastest:.1f}", end="")
    print(f"   bare {bare.median:5.1f} ms, {bare.fastest:.1f}   ratio {ours.median / bare.median:4.1f}", end="")
    print(f"   {1000 * ENTRIES / ours.median:6.0f} resources/s in one process")
    return ours.median < SOON


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
    """Print what a process of the web holds after its first Bundles and after many, sent to it over HTTP."""
    body_of, headers, port = numbered(), registered(url), free_port()
    part = Part(
        "web",
        python("-m", "fhir_svc.cli", "web", "--bind", f"127.0.0.1:{port}", "--processes", "1"),
        {"PATH": os.environ.get("PATH", ""), **environment(url)},
        Path(url.removeprefix("sqlite:///")).with_name("web.log"),
    )
    part.start()
    held: dict[int, tuple[float, float]] = {}
    try:
        wait_for(lambda: listening(port) or None, "the web")
        with requests.Session() as session:
            for number in range(bundles):
                answer = session.post(f"http://127.0.0.1:{port}/fhir", data=body_of(number), headers=headers)
                answer.raise_for_status()
                if number + 1 in {100, 1_000, bundles}:
                    held[number + 1] = _held(part)
    finally:
        part.stop()
    told = ", ".join(f"{rss:.0f} MB ({pss:.0f} proportional) after {count}" for count, (rss, pss) in held.items())
    print(f"memory of a web process  {told} bundles")
    return held[bundles][0] < HELD


def _held(part: Part) -> tuple[float, float]:
    """Resident and proportional set size, in MB, of the process that answers (its parent only watches)."""
    found = psutil.Process(part.pid).children()[0].memory_full_info()
    return found.rss / 1e6, found.pss / 1e6


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
