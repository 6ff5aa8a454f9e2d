"""`criteria diff` and `criteria shadow`: what a new version would change is known before it is in force."""

import json
from datetime import UTC, datetime

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.knowledge import Knowledge
from fhir_svc.settings import Settings
from fhir_svc.store import resources, shadow, tenants, work
from fhir_svc.store.tenants import Tenant
from tests.cli.conftest import PROFILES
from tests.criteria.cases.building import CALM, form, patient, temperature
from tests.criteria.cases.checking import exact
from workers import evaluate
from workers.equipment import Equipment, equip

KNOWLEDGE = Knowledge(load_artefacts(PROFILES))
KEY = "k" * 40


def told(resource, name):
    return json.loads(json.dumps(exact(resource), default=float).replace('"Patient/p"', f'"Patient/{name}"')) | (
        {"id": name} if resource["resourceType"] == "Patient" else {"id": f"{name}-{resource['resourceType'].lower()}"}
    )


@pytest.fixture
def settings(console, signing_key):
    return Settings(database_url=str(console.database.url), signing_key=signing_key, audit_key=KEY)


@pytest.fixture(scope="session")
def signing_key():
    from joserfc.jwk import ECKey  # noqa: PLC0415 - only here

    return ECKey.generate_key("P-384").as_pem(private=True).decode()


@pytest.fixture
def worker(console, settings):
    return Equipment(settings, console.database, "tester", KNOWLEDGE)


def submit(console, worker, name, *given, tenant="north"):
    """Store a patient's record as an EHR sent it, and evaluate it."""
    now = datetime.now(UTC)
    answer = {
        "resourceType": "GuidanceResponse",
        "id": f"g-{name}",
        "status": "in-progress",
        "requestIdentifier": {"value": f"s-{name}"},
        "subject": {"reference": f"Patient/{name}"},
    }
    with console.database.transaction() as tx:
        for one in (patient(), form(CALM, authored=now.isoformat()), *given):
            resources.put(tx, tenant, exact(told(one, name)), patient=name, ours=False)
        resources.create(tx, tenant, answer, patient=name, ours=True)
        row = work.add(tx, tenant=tenant, kind="evaluate", subject=f"g-{name}", patient=name)
    evaluate.run(worker, row)


def feverish():
    return temperature(38.2, when=datetime.now(UTC).isoformat())


def newer(profiles, **changes):
    """A new version in which fever begins at 38.4 degrees."""
    library = profiles / "Library" / "lbp-lss-facts.json"
    text = library.read_text()
    assert text.count("%`temperature-highest` > 38.0") == 2
    library.write_text(text.replace("%`temperature-highest` > 38.0", "%`temperature-highest` > 38.4"))
    plan = profiles / "PlanDefinition" / "lbp-lss.json"
    content = json.loads(plan.read_text()) | {"version": "1.1.0"} | changes
    plan.write_text(json.dumps(content))
    return profiles


def written(console):
    with console.database.reading() as tx:
        return [
            tx.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()  # noqa: S608 - tables of ours
            for table in ("resources", "versions", "work", "audit")
        ]


def test_the_same_version_changes_nobody(console, worker):
    submit(console, worker, "anna", feverish())
    said = console.say("criteria", "diff", str(PROFILES), str(PROFILES))
    assert said == "1 evaluated, 0 otherwise: 0 in level, 0 in orders, 0 in flags, 0 can't be evaluated\n"


def test_patients_with_another_level_and_other_orders_are_named_after_the_counts(console, worker, profiles):
    submit(console, worker, "anna", feverish())
    submit(console, worker, "berta")
    before = written(console)
    lines = console.say("criteria", "diff", str(PROFILES), str(newer(profiles))).splitlines()
    assert lines[0].startswith("2 evaluated, 1 otherwise: 1 in level, 1 in orders,")
    assert len(lines) == 2
    assert lines[1].startswith("north Patient/anna lbp-lss: SAME_DAY -> ")
    assert "-MRI_L_WWO:" in lines[1]
    assert written(console) == before


def test_each_tenant_is_compared_with_its_own_values_and_alone_where_it_is_named(console, worker, profiles):
    with console.database.transaction() as tx:
        tenants.add(tx, Tenant("south", "https://ehr.south/fhir", "Europe/Rome"))
    submit(console, worker, "anna", feverish())
    submit(console, worker, "carla", feverish(), tenant="south")
    new = str(newer(profiles))
    assert len(console.say("criteria", "diff", str(PROFILES), new).splitlines()) == 3
    alone = console.say("criteria", "diff", str(PROFILES), new, "--tenant", "south")
    assert "carla" in alone
    assert "anna" not in alone


def test_a_version_that_cannot_evaluate_a_patient_is_counted(console, worker, profiles):
    submit(console, worker, "anna")
    with console.database.transaction() as tx:
        tenants.change(tx, Tenant("north", "https://ehr.example/fhir", "Europe/London", values={"epidural-cap": 4}))
    for place in (profiles / "Library" / "lbp-lss-facts.json", profiles / "PlanDefinition" / "lbp-lss.json"):
        place.write_text(place.read_text().replace("epidural-cap", "epidural-limit"))
    said = console.say("criteria", "diff", str(PROFILES), str(profiles))
    assert "1 can't be evaluated" in said


def test_a_shadow_is_recorded_beside_the_evaluation_and_writes_nothing_else(console, worker, profiles):
    worker.shadow = Knowledge(load_artefacts(newer(profiles)))
    submit(console, worker, "anna", feverish())
    submit(console, worker, "berta")
    with console.database.reading() as tx:
        (tally,) = shadow.tallies(tx)
        (case,) = shadow.differing(tx, "north")
        orders = resources.search(tx, "north", "ServiceRequest", [], sort=None, count=50, cursor=None).entries
        assert shadow.tallies(tx, "south") == []
    assert (tally.evaluations, tally.differing, tally.failed) == (2, 1, 0)
    assert tally.criteria.endswith("|1.1.0")
    assert (case.patient, case.guidance, case.changes["level"][0]) == ("anna", "g-anna", "SAME_DAY")
    assert orders
    assert all(one.content["instantiatesCanonical"][0].endswith("|1.0.0") for one in orders)
    said = console.say("criteria", "shadow").splitlines()
    assert said[0].endswith("|1.1.0: 2 evaluations, 1 otherwise, 0 failed")
    assert said[1].startswith("north Patient/anna ")


class Failing:
    """Criteria with which nothing works."""

    @property
    def pathways(self):
        return {}

    def pathway(self, _plan):
        raise RuntimeError("a value of the patient")


def test_a_shadow_that_fails_is_counted_and_the_evaluation_stands(console, worker, capsys):
    worker.shadow = Failing()
    submit(console, worker, "anna", feverish())
    with console.database.reading() as tx:
        assert resources.read(tx, "north", "GuidanceResponse", "g-anna").content["status"] == "success"
        assert [(one.evaluations, one.failed) for one in shadow.tallies(tx)] == [(1, 1)]
    assert "can't be evaluated: exception-RuntimeError" in console.say("criteria", "shadow")
    assert "a value of the patient" not in capsys.readouterr().err


def test_a_shadow_that_cannot_be_kept_leaves_the_evaluation_alone(console, worker, profiles, monkeypatch):
    worker.shadow = KNOWLEDGE
    monkeypatch.setattr(shadow, "record", lambda *_: 1 / 0)
    submit(console, worker, "anna")
    with console.database.reading() as tx:
        assert resources.read(tx, "north", "GuidanceResponse", "g-anna").content["status"] == "success"
        assert shadow.tallies(tx) == []


def test_a_worker_starts_with_a_shadow_and_without_one_that_is_broken(settings, profiles):
    tried = settings.model_copy(update={"shadow_profiles_dir": newer(profiles)})
    assert equip(tried, "w").shadow.pathway("lbp-lss").plan.canonical.endswith("|1.1.0")
    (profiles / "PlanDefinition" / "lbp-lss.json").write_text("{")
    assert equip(tried, "w").shadow is None
    assert equip(settings, "w").shadow is None


def test_without_a_shadow_nothing_is_recorded(console, worker):
    submit(console, worker, "anna")
    assert console.say("criteria", "shadow") == "no criteria have run beside those in force\n"
