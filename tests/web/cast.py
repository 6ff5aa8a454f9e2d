"""Who calls and what they send: the cast of the web's tests, and the house they call at."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from fhir_svc import settings as configuration
from fhir_svc.app import create_app
from fhir_svc.auth import sessions
from fhir_svc.store import accounts, clients, tenants, tokens, work
from fhir_svc.store.clients import Client
from fhir_svc.store.database import Database
from fhir_svc.store.tenants import Tenant
from fhir_svc.web import observability
from fhir_svc.web.services import EXTENSION, build

FHIR = "application/fhir+json"
BASE = "http://localhost/fhir"
EHR = "https://ehr.north.example/fhir"
MRN = "https://north.example/mrn"
EVERYTHING = "system/*.cruds"
SIGNING = ECKey.generate_key("P-384").as_pem(private=True).decode()
CLIENT_KEY = ECKey.generate_key("P-384", {"kid": "ec-1", "use": "sig", "alg": "ES384"})
RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa-1", "use": "sig", "alg": "RS384"})
PUBLIC = {"keys": [CLIENT_KEY.as_dict(private=False), RSA_KEY.as_dict(private=False)]}


def make_settings(url, **changes):
    given = {
        "FHIR_SVC_DATABASE_URL": url,
        "FHIR_SVC_SIGNING_KEY": SIGNING,
        "FHIR_SVC_AUDIT_KEY": "a" * 48,
        "FHIR_SVC_BASE_URL": "http://localhost",
        "FHIR_SVC_CORS_ORIGINS": "https://app.north.example",
        "FHIR_SVC_LOG_LEVEL": "info",
        "FHIR_SVC_RATE_BURST": "1000000",  # a quick machine asks more in a second than a client may
    }
    return configuration.read(given | {f"FHIR_SVC_{name.upper()}": value for name, value in changes.items()})


def prepare(database):
    """Tables, and in them two tenants, their systems and their people."""
    database.upgrade()
    prepare_rows(database)


def prepare_rows(database):
    """Two tenants, their systems and their people."""
    with database.transaction() as tx:
        tenants.add(tx, Tenant("north", EHR, timezone="Europe/London", identifier_systems=(MRN,)))
        tenants.add(tx, Tenant("south", "https://ehr.south.example/fhir", timezone="Europe/Madrid"))
        clients.add(tx, Client("north-ehr", "north", EVERYTHING, jwks=PUBLIC))
        clients.add(tx, Client("north-reader", "north", "system/*.rs", jwks=PUBLIC))
        clients.add(tx, Client("south-ehr", "south", EVERYTHING, jwks=PUBLIC))
        for name, tenant, role in (
            ("alice", "north", "physician"),
            ("bob", "north", "physician"),
            ("charlie", "south", "physician"),
            ("ada", "north", "admin"),
        ):
            accounts.add(
                tx,
                username=name,
                name=name.title(),
                tenant=tenant,
                role=role,
                password_hash="$argon2id$none",
                practitioner=f"pr-{name}" if role == "physician" else None,
                licence=f"LIC-{name}" if role == "physician" else None,
            )


@dataclass
class House:
    """The app, its database, and callers of it."""

    app: object
    database: Database
    bearers: dict = field(default_factory=dict)

    def bearer(self, client="north-ehr", scope=EVERYTHING):
        if (client, scope) not in self.bearers:
            token = f"token-{uuid4()}"
            tenant = client.split("-", maxsplit=1)[0]
            with self.database.transaction() as tx:
                tokens.issue(tx, token, client=client, tenant=tenant, scope=scope, lifetime=timedelta(days=1))
            self.bearers[client, scope] = token
        return self.bearers[client, scope]

    def call(self, method, path, body=None, *, client="north-ehr", scope=EVERYTHING, headers=None, **more):
        """Call as a system; `body` is bytes, text or JSON."""
        given = {"Authorization": f"Bearer {self.bearer(client, scope)}"} if client else {}
        return self.send(method, path, body, given | (headers or {}), **more)

    def as_person(self, name, method, path, body=None, *, headers=None, **more):
        """Call with the session of a person."""
        browser = self.app.test_client()
        with self.database.transaction() as tx:
            secret = sessions.open_session(tx, accounts.by_username(tx, name))
        browser.set_cookie(sessions.PLAIN_COOKIE, secret, domain="localhost")
        return self.send(method, path, body, headers or {}, browser=browser, **more)

    def send(self, method, path, body, headers, *, browser=None, **more):
        data = body if body is None or isinstance(body, bytes | str) else json.dumps(body)
        if data is not None and "Content-Type" not in headers:
            headers = {"Content-Type": FHIR, **headers}
        return (browser or self.app.test_client()).open(path, method=method, data=data, headers=headers, **more)

    def close(self):
        self.database.dispose()

    def rows(self, table):
        with self.database.reading() as tx:
            return tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # noqa: S608 - tables of ours


def make_house(template, built, directory, **changes):
    """A house on a copy of the prepared database."""
    settings, database = _furniture(template, directory, **changes)
    return House(create_app(settings, database=database, built=built), database)


def house_on(database, built):
    """A house on a database that has its tables and no rows yet."""
    prepare_rows(database)
    return House(create_app(make_settings("sqlite:////nowhere.db"), database=database, built=built), database)


def furnish(template, built, directory, app):
    """A house like that, in an app that another one has left."""
    settings, database = _furniture(template, directory)
    observability.configure_logs(settings.log_level)
    app.extensions[EXTENSION] = build(settings, database, like=built)
    return House(app, database)


def _furniture(template, directory, **changes):
    path = directory / "fhir-svc.db"
    path.write_bytes(template.read_bytes())
    return make_settings(f"sqlite:///{path}", **changes), Database(f"sqlite:///{path}")


def claimed(**changes):
    """What a well-behaved client claims, with changes."""
    moment = int(time.time())
    return {
        "iss": "north-ehr",
        "sub": "north-ehr",
        "aud": "http://localhost/auth/token",
        "exp": moment + 240,
        "iat": moment,
        "jti": str(uuid4()),
    } | changes


def assertion(key=CLIENT_KEY, algorithm="ES384", *, header=None, **claims):
    """A client assertion as a well-behaved client makes it, with changes; None removes a claim."""
    head = {"alg": algorithm, "kid": key.kid, "typ": "JWT"} | (header or {})
    return jwt.encode(
        {name: value for name, value in head.items() if value is not None},
        {name: value for name, value in claimed(**claims).items() if value is not None},
        key,
        algorithms=[algorithm],
    )


def observation(patient="Patient/p1", **changes):
    """A body temperature."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
        "subject": {"reference": patient},
        "effectiveDateTime": "2026-03-01T08:00:00Z",
        "valueQuantity": {"value": 37.2, "unit": "Cel", "system": "http://unitsofmeasure.org", "code": "Cel"},
    } | changes


def intake_form(patient="Patient/p1", **changes):
    """An intake form with one answer."""
    yes = {"valueCoding": {"system": "http://loinc.org", "code": "LA33-6"}}
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://example.org/fhir-svc/Questionnaire/lbp-lss-intake|1.0.0",
        "status": "completed",
        "subject": {"reference": patient},
        "authored": "2026-03-01T08:00:00Z",
        "item": [{"linkId": "rf", "item": [{"linkId": "rf-saddle-numbness", "answer": [yes]}]}],
    } | changes


def patient(identifier="12345", **changes):
    return {
        "resourceType": "Patient",
        "identifier": [{"system": MRN, "value": identifier}],
        "name": [{"family": "Example", "given": ["Erin"]}],
        "birthDate": "1950-02-03",
        "gender": "female",
    } | changes


def transaction(*entries, kind="transaction"):
    """A Bundle of (method, url, resource[, fullUrl])."""
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"request": {"method": method, "url": url}}
            | ({"resource": resource} if resource else {})
            | ({"fullUrl": more[0]} if more else {})
            for method, url, resource, *more in entries
        ],
    }


def record(*resources):
    """A whole record as `$submit` takes it."""
    entries = {"entry": [{"resource": one} for one in resources]} if resources else {}
    return {"resourceType": "Bundle", "type": "collection"} | entries


def codes(answer):
    """The error codes of an OperationOutcome that every refusal must be."""
    assert answer.mimetype == FHIR, answer.data[:200]
    assert answer.json["resourceType"] == "OperationOutcome"
    return [issue["details"]["coding"][0]["code"] for issue in answer.json["issue"]]


SYNTHEA = sorted((Path(__file__).parent.parent / "data" / "synthea").glob("*.json"))


def guidance_of(answer):
    """The id that the caller is told to poll."""
    link = answer.headers["Link"]
    assert link.endswith('>; rel="monitor"')
    return link.partition(">")[0].rpartition("/")[2]


def due(house):
    """The work that is due now."""
    with house.database.transaction() as tx:
        return work.due(tx, 100)


def at_once(count, act):
    """What `act` gives for each number below `count`, all begun at the same moment."""
    gate = Barrier(count)

    def begin(number):
        gate.wait(timeout=300)
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))
