"""Roles times routes: what each may do, and that the rest is refused, audited, and tells nothing of other tenants."""

from dataclasses import replace

import pytest

from fhir_svc.store import audit
from fhir_svc.web.limits import Budgets
from fhir_svc.web.services import EXTENSION
from tests.web.cast import EVERYTHING, codes, observation, record, transaction

CLINICAL = [
    ("GET", "/fhir/Observation/o1"),
    ("GET", "/fhir/Observation/o1/_history"),
    ("GET", "/fhir/Observation/o1/_history/1"),
    ("GET", "/fhir/Observation?patient=p1"),
    ("POST", "/fhir/Observation/_search"),
    ("GET", "/fhir/GuidanceResponse"),
    ("GET", "/fhir/ServiceRequest"),
    ("GET", "/fhir/Task"),
    ("GET", "/fhir/Provenance"),
]
WRITES = [
    ("POST", "/fhir/Observation", observation(status="amended")),
    ("PUT", "/fhir/Observation/o2", observation(id="o2")),
    ("PUT", "/fhir/Observation?_id=o2", observation(id="o2")),
    ("POST", "/fhir", transaction(("POST", "Observation", observation(status="corrected")))),
    ("POST", "/fhir/$submit", record(observation(id="o3"))),
    ("POST", "/fhir/$submit", record()),
]
AUDIT = [("GET", "/fhir/AuditEvent"), ("POST", "/fhir/AuditEvent/_search")]
KNOWLEDGE = [("GET", "/fhir/Questionnaire/lbp-lss-intake"), ("GET", "/fhir/CodeSystem"), ("GET", "/fhir/metadata")]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def stocked(shared_house):
    assert shared_house.call("PUT", "/fhir/Observation/o1", observation(id="o1")).status_code == 201
    return shared_house


def ask(house, who, method, path, body=None):
    headers = FORM if path.endswith("_search") else {}
    if path.endswith("_search"):
        body = ""
    if who.endswith("-ehr"):
        return house.call(method, path, body, client=who, headers=headers)
    return house.as_person(who, method, path, body, headers=headers)


@pytest.mark.parametrize(("method", "path"), CLINICAL)
@pytest.mark.parametrize(("who", "status"), [("north-ehr", 200), ("alice", 200), ("ada", 403)])
def test_systems_and_physicians_read_what_is_clinical_and_admins_do_not(stocked, who, status, method, path):
    answer = ask(stocked, who, method, path)
    assert answer.status_code == status
    if status == 403:
        assert codes(answer) == ["forbidden"]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
@pytest.mark.parametrize("who", ["alice", "ada"])
def test_no_person_writes_like_an_ehr(stocked, who, method, path, body):
    before = stocked.rows("resources")
    answer = ask(stocked, who, method, path, body)
    assert (answer.status_code, stocked.rows("resources")) == (403, before)


def test_a_person_batch_is_refused_entry_by_entry(stocked):
    bundle = transaction(("POST", "Observation", observation(status="cancelled")), kind="batch")
    answer = stocked.as_person("alice", "POST", "/fhir", bundle)
    assert answer.json["entry"][0]["response"]["status"].startswith("403")


@pytest.mark.parametrize(("method", "path"), AUDIT)
@pytest.mark.parametrize(("who", "status"), [("north-ehr", 403), ("alice", 403), ("ada", 200)])
def test_the_audit_is_for_admins(stocked, who, status, method, path):
    assert ask(stocked, who, method, path).status_code == status


@pytest.mark.parametrize(("method", "path"), KNOWLEDGE)
@pytest.mark.parametrize("who", ["north-ehr", "alice", "ada"])
def test_the_knowledge_is_for_everybody(stocked, who, method, path):
    assert ask(stocked, who, method, path).status_code == 200


@pytest.mark.parametrize("who", ["south-ehr", "charlie"])
def test_another_tenants_resource_looks_exactly_like_none(stocked, who):
    for suffix in ("", "/_history", "/_history/1"):
        theirs = ask(stocked, who, "GET", f"/fhir/Observation/o1{suffix}")
        none = ask(stocked, who, "GET", f"/fhir/Observation/none{suffix}")
        assert (theirs.status_code, theirs.data) == (404, none.data)
    assert ask(stocked, who, "GET", "/fhir/Observation").json["total"] == 0


def test_the_same_id_in_two_tenants_is_two_resources(stocked):
    answer = stocked.call("PUT", "/fhir/Observation/o1", observation("Patient/p9", id="o1"), client="south-ehr")
    assert (answer.status_code, answer.headers["ETag"]) == (201, 'W/"1"')
    assert stocked.call("GET", "/fhir/Observation/o1").json["subject"]["reference"] == "Patient/p1"


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("system/Observation.r", "GET", "/fhir/Observation/o1", 200),
        ("system/Observation.r", "GET", "/fhir/Observation", 403),
        ("system/Observation.s", "GET", "/fhir/Observation", 200),
        ("system/Observation.s", "GET", "/fhir/Observation/o1", 403),
        ("system/Observation.rs", "GET", "/fhir/Condition", 403),
        ("system/*.rs", "GET", "/fhir/Condition", 200),
        ("system/*.rs", "POST", "/fhir/Observation", 403),
        ("system/*.rs", "PUT", "/fhir/Observation/o8", 403),
        ("system/Observation.c", "PUT", "/fhir/Observation/o8", 403),
        ("system/Observation.u", "POST", "/fhir/Observation", 403),
        ("system/Observation.write", "PUT", "/fhir/Observation/o7", 201),
        ("system/*.rs", "GET", "/fhir/AuditEvent", 403),
    ],
)
def test_scopes_are_held_to_the_letter(stocked, scope, method, path, status):
    body = observation(id=path.rpartition("/")[2]) if method != "GET" else None
    answer = stocked.call(method, path, body, scope=scope)
    assert answer.status_code == status
    if status == 403 and "AuditEvent" not in path:
        assert codes(answer) == ["insufficient-scope"]
        assert "insufficient_scope" in answer.headers["WWW-Authenticate"]


def test_scopes_are_held_for_every_entry_of_a_bundle(stocked):
    bundle = transaction(
        ("POST", "Observation", observation(status="preliminary")),
        ("POST", "Condition", {"resourceType": "Condition", "subject": {"reference": "Patient/p1"}}),
    )
    answer = stocked.call("POST", "/fhir", bundle, scope="system/Observation.cruds")
    assert (answer.status_code, codes(answer)) == (403, ["insufficient-scope"])
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[1].resource"]
    read = transaction(("GET", "Condition?patient=p1", None), kind="batch")
    answer = stocked.call("POST", "/fhir", read, scope="system/Observation.cruds")
    assert answer.json["entry"][0]["response"]["status"].startswith("403")


ACTS = ["$prepare-signature", "$sign", "$decline", "$defer", "$reassign", "$revise", "$record-screening"]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["north-ehr", "ada"])
def test_no_system_and_no_admin_acts_on_drafts(stocked, who, act):
    answer = ask(stocked, who, "POST", f"/fhir/ServiceRequest/d1/{act}", {"resourceType": "Parameters"})
    assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/inbox", "/queue"])
def test_an_ehr_token_opens_no_page(stocked, path):
    assert stocked.call("GET", path).status_code == 403


def test_a_physician_does_not_see_the_queue_and_an_admin_not_the_inbox(stocked):
    assert stocked.as_person("alice", "GET", "/queue").status_code == 403
    assert stocked.as_person("ada", "GET", "/inbox").status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_a_page_of_another_site_can_make_no_browser_act(stocked, headers):
    answer = stocked.as_person("alice", "POST", "/fhir/Observation/_search", "", headers=FORM | headers)
    assert (answer.status_code, codes(answer)) == (403, ["foreign-origin"])


def test_what_was_done_and_refused_stands_in_the_audit(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    house.call("GET", "/fhir/Observation/o1")
    house.call("GET", "/fhir/Observation?patient=p1")
    house.call("GET", "/fhir/Observation/o1", scope="system/Condition.rs")
    house.call("GET", "/fhir/Observation/o1", client="south-ehr")
    events = [one["resource"] for one in house.as_person("ada", "GET", "/fhir/AuditEvent").json["entry"]]
    told = [(one["subtype"][0]["code"], one["outcome"]) for one in reversed(events)]
    assert told == [("create", "0"), ("read", "0"), ("search-type", "0"), ("read", "4")]
    assert {one["agent"][0]["who"]["identifier"]["value"] for one in events} == {"north-ehr"}
    written = str(events)
    assert "p1" not in written
    assert "query" not in written
    assert EVERYTHING not in written


def test_every_refused_entry_of_a_batch_stands_in_the_audit(house):
    bad = observation(status="nonsense")
    house.call("POST", "/fhir", transaction(*[("POST", "Observation", bad)] * 2, kind="batch"))
    found = house.as_person("ada", "GET", "/fhir/AuditEvent?outcome=4").json
    assert [entry["resource"]["outcomeDesc"] for entry in found["entry"]] == ["code-invalid"] * 2


def test_the_chain_of_the_audit_holds(house):
    for number in range(3):
        house.call("PUT", f"/fhir/Observation/o{number}", observation(id=f"o{number}"))
    with house.database.reading() as tx:
        assert audit.verify(tx) == []


def events(house, query=""):
    found = house.as_person("ada", "GET", f"/fhir/AuditEvent?{query}").json
    return [entry["resource"] for entry in found.get("entry", ())]


def test_what_nobody_known_was_refused_stands_in_the_audit_for_every_admin(house):
    house.call("GET", "/fhir/Observation/o1", client=None)
    house.call("GET", "/fhir/Observation/o1", client=None, headers={"Authorization": "Bearer nonsense"})
    house.send(
        "POST", "/login", {"username": "nobody", "password": "wrong wrong wrong"}, {"Content-Type": "application/json"}
    )
    house.send("POST", "/auth/token", "grant_type=client_credentials", FORM)
    house.as_person("alice", "POST", "/logout", {}, headers={"Origin": "https://elsewhere.example"})
    for admin in ("ada",):
        found = house.as_person(admin, "GET", "/fhir/AuditEvent?outcome=4").json["entry"]
        told = [(one["resource"]["subtype"][0]["code"], one["resource"]["outcomeDesc"]) for one in reversed(found)]
        assert told == [
            ("read", "unauthenticated"),
            ("read", "unauthenticated"),
            ("110122", "login-failed"),
            ("token", "invalid_client"),
            ("110123", "foreign-origin"),
        ]
        assert {one["resource"]["agent"][0]["who"]["display"] for one in found} == {"unknown"}
    with house.database.reading() as tx:
        assert audit.verify(tx) == []


def test_a_flood_of_strangers_is_no_flood_of_writes(house):
    given = house.app.extensions[EXTENSION]
    assert given.strangers.rate < 10
    house.app.extensions[EXTENSION] = replace(given, strangers=Budgets(rate=0.001, burst=10.0))
    for _ in range(13):
        house.call("GET", "/fhir/Observation/o1", client=None)
    assert house.as_person("ada", "GET", "/fhir/AuditEvent?_summary=count").json["total"] == 10


def test_the_audit_is_read_in_pages_across_its_chains(house):
    for _ in range(4):
        house.call("GET", "/fhir/Observation/o1", client=None)
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    path, seen = "/fhir/AuditEvent?_count=3", []
    while path:
        page = house.as_person("ada", "GET", path).json
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        path = links.get("next", "").removeprefix("http://localhost")
    assert len(seen) == len(set(seen))
    assert len(seen) >= 8


def test_the_audit_is_asked_by_user_name_and_by_patient(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    house.call("PUT", "/fhir/Observation/o2", observation("Patient/p2", id="o2"))
    house.as_person("alice", "GET", "/fhir/Observation/o1")
    assert [one["subtype"][0]["code"] for one in events(house, "agent=alice")] == ["read"]
    assert [one["subtype"][0]["code"] for one in events(house, "patient=Patient/p1")] == ["read", "create"]
    assert [one["subtype"][0]["code"] for one in events(house, "patient=p2")] == ["create"]


@pytest.mark.parametrize("name", ["outcome:not", "date:missing", "agent:exact", "_id:missing"])
def test_the_audit_takes_no_modifier_and_says_so(house, name):
    answer = house.as_person("ada", "GET", f"/fhir/AuditEvent?{name}=0")
    assert (answer.status_code, codes(answer)) == (400, ["bad-modifier"])
    assert answer.json["issue"][0]["expression"] == [f"http.{name.partition(':')[0]}"]


def test_what_a_bundle_reads_stands_in_the_audit_beside_what_it_writes(house):
    parts = (
        ("GET", "Observation/o1", None),
        ("GET", "Observation/o1/_history/1", None),
        ("GET", "Observation/o1/_history", None),
        ("GET", "Observation?patient=p1", None),
        ("PUT", "Observation/o1", observation(id="o1")),
    )
    for kind in ("transaction", "batch"):
        house.call("POST", "/fhir", transaction(*parts, kind=kind))
        told = [one["subtype"][0]["code"] for one in events(house, "_count=5")]
        assert told == [kind, "search-type", "history-instance", "vread", "read"]
