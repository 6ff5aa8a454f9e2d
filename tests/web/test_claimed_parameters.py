"""Every search parameter that the CapabilityStatement claims finds a thing that has what is asked, and no other."""

import pytest

from fhir_svc.store import clients, resources
from fhir_svc.store.clients import Client
from fhir_svc.web import artefact_reads
from fhir_svc.web.artefact_parameters import PARAMETERS, TOPIC
from fhir_svc.web.pages_of_results import Sought
from fhir_svc.web.rights import ARTEFACTS, AUDIT
from tests.web.cast import PUBLIC, codes
from tests.web.test_subscriptions import HOOK, subscription
from tests.web.test_subscriptions import TOPIC as TOPICS

B = "https://example.org/fhir-svc"
STRICT = {"Prefer": "handling=strict"}
SYSTEM = "https://north.example/ids"
MARK = {"coding": [{"system": SYSTEM, "code": "mark"}]}
DAY = "2026-03-01"
IDENTIFIER = {"identifier": [{"system": SYSTEM, "value": "i1"}]}
BASED = {"basedOn": [{"reference": "ServiceRequest/b1"}]}
WHOM = {"subject": {"reference": "Patient/p1"}} | IDENTIFIER
# of each type that is kept, one thing that has everything it is searched by
KEPT = {
    "Patient": IDENTIFIER,
    "QuestionnaireResponse": WHOM
    | BASED
    | {"status": "completed", "questionnaire": f"{B}/Questionnaire/lbp-lss-intake|1.0.0", "authored": DAY},
    "Observation": WHOM | BASED | {"status": "final", "code": MARK, "effectiveDateTime": DAY},
    "Condition": WHOM | {"code": MARK},
    "Procedure": WHOM | BASED | {"status": "completed", "code": MARK, "performedDateTime": DAY},
    "ImagingStudy": WHOM | BASED | {"status": "available", "started": DAY},
    "DiagnosticReport": WHOM | BASED | {"status": "final", "code": MARK, "effectiveDateTime": DAY},
    "DeviceUseStatement": WHOM | {"status": "active", "device": {"reference": "Device/d1"}},
    "Device": IDENTIFIER | {"patient": WHOM["subject"], "status": "active"},
    "AllergyIntolerance": IDENTIFIER | {"patient": WHOM["subject"], "code": MARK, "recordedDate": DAY},
    "MedicationStatement": WHOM | {"status": "active", "medicationCodeableConcept": MARK, "effectiveDateTime": DAY},
    "MedicationRequest": WHOM
    | {"status": "active", "priority": "stat", "medicationCodeableConcept": MARK, "authoredOn": DAY},
    "ServiceRequest": WHOM
    | BASED
    | {
        "status": "active",
        "intent": "order",
        "priority": "stat",
        "code": MARK,
        "authoredOn": DAY,
        "requisition": IDENTIFIER["identifier"][0],
    },
    "Communication": WHOM | BASED | {"status": "completed", "sent": DAY},
    "GuidanceResponse": WHOM | {"status": "success", "requestIdentifier": IDENTIFIER["identifier"][0]},
    "RequestGroup": WHOM | {"status": "active", "priority": "stat", "code": MARK, "authoredOn": DAY},
    "DetectedIssue": IDENTIFIER
    | {
        "patient": WHOM["subject"],
        "code": MARK,
        "identifiedDateTime": DAY,
        "implicated": [{"reference": "ServiceRequest/b1"}],
    },
    "Flag": WHOM | {"status": "active", "period": {"start": DAY, "end": DAY}},
    "Provenance": {"target": [WHOM["subject"], {"reference": "ServiceRequest/b1"}], "recorded": f"{DAY}T08:00:00Z"},
    "CommunicationRequest": WHOM | BASED | {"status": "active", "priority": "stat", "authoredOn": DAY},
    "Task": IDENTIFIER
    | BASED
    | {
        "for": WHOM["subject"],
        "status": "requested",
        "code": MARK,
        "priority": "stat",
        "focus": {"reference": "ServiceRequest/b1"},
        "owner": {"reference": "Practitioner/o1"},
        "authoredOn": DAY,
    },
}
ASKED = {
    "_id": "s1",
    "_lastUpdated": "gt2020-01-01",
    "patient": "p1",
    "subject": "Patient/p1",
    "identifier": f"{SYSTEM}|i1",
    "requisition": f"{SYSTEM}|i1",
    "request": f"{SYSTEM}|i1",
    "code": f"{SYSTEM}|mark",
    "priority": "stat",
    "intent": "order",
    "based-on": "ServiceRequest/b1",
    "basedon": "ServiceRequest/b1",
    "implicated": "ServiceRequest/b1",
    "focus": "ServiceRequest/b1",
    "target": "ServiceRequest/b1",
    "device": "Device/d1",
    "owner": "Practitioner/o1",
    "questionnaire": f"{B}/Questionnaire/lbp-lss-intake|1.0.0",
} | dict.fromkeys(
    ("date", "authored", "authored-on", "authoredon", "effective", "identified", "sent", "started", "recorded"),
    "2026-03",
)
# of each type that is published, one that has everything
CANONICAL = {
    "url": f"{B}/x/s1",
    "version": "7.1.0",
    "name": "Specimen",
    "title": "A specimen",
    "status": "retired",
    "date": DAY,
} | IDENTIFIER
CONCEPT = {"code": "outer", "concept": [{"code": "mark"}]}
PUBLISHED = {
    "PlanDefinition": CANONICAL,
    "ActivityDefinition": CANONICAL,
    "Library": CANONICAL,
    "StructureDefinition": CANONICAL,
    "Questionnaire": CANONICAL | {"item": [{"linkId": "a", "item": [{"linkId": "b", "code": MARK["coding"]}]}]},
    "ValueSet": CANONICAL | {"compose": {"include": [{"system": SYSTEM, "concept": [{"code": "mark"}]}]}},
    "CodeSystem": CANONICAL | {"url": SYSTEM, "concept": [CONCEPT]},
    "OperationDefinition": CANONICAL | {"code": "mark"},
    "Basic": IDENTIFIER
    | {
        "code": MARK,
        "created": DAY,
        "extension": [
            {"url": f"{TOPIC}url", "valueUri": CANONICAL["url"]},
            {"url": f"{TOPIC}version", "valueString": "7.1.0"},
            {"url": f"{TOPIC}title", "valueString": "A specimen"},
            {"url": f"{TOPIC}status", "valueCode": "retired"},
        ],
    },
}
LOOKED_FOR = ASKED | {
    "url": CANONICAL["url"],
    "version": "7.1.0",
    "name": "speci",
    "title": "a SPEC",
    "status": "http://hl7.org/fhir/publication-status|retired",
    "created": DAY,
}


def claimed(house):
    statement = house.call("GET", "/fhir/metadata", client=None).json
    return {
        one["type"]: {each["name"]: each["type"] for each in one.get("searchParam", ())}
        for one in statement["rest"][0]["resource"]
    }


def found(house, kind, name, value, **how):
    answer = house.call("GET", f"/fhir/{kind}", query_string={name: value}, headers=STRICT, **how)
    assert answer.status_code == 200, (kind, name, answer.text)
    return [entry["resource"]["id"] for entry in answer.json.get("entry", ())]


@pytest.fixture(scope="module")
def stocked(shared_house):
    with shared_house.database.transaction() as tx:
        for kind, content in KEPT.items():
            for identity, more in (("s1", content), ("other", {})):
                one = {"resourceType": kind, "id": identity} | more
                resources.put(tx, "north", one, patient="p1" if more else "p2", ours=False)
    return shared_house


@pytest.mark.parametrize("kind", KEPT)
def test_every_parameter_claimed_of_what_is_kept_finds_what_has_it(stocked, kind):
    names = claimed(stocked)[kind]
    assert {"_id", "_lastUpdated"} < set(names)
    for name in names:
        value = KEPT[kind]["status"] if name == "status" else ASKED[name]
        expected = ["other", "s1"] if name == "_lastUpdated" else ["s1"]
        if kind == "Patient" and name == "_id":
            expected = ["s1"]
        assert sorted(found(stocked, kind, name, value)) == expected, name


def test_every_type_that_is_searched_is_tried_here(shared_house):
    searched = {kind for kind, names in claimed(shared_house).items() if names}
    assert searched == {*KEPT, *PUBLISHED, "Subscription", AUDIT}
    assert set(PUBLISHED) == set(ARTEFACTS)


def test_every_parameter_claimed_of_subscriptions_finds_what_has_it(house):
    with house.database.transaction() as tx:
        clients.add(tx, Client("north-one", "north", "system/*.cruds", jwks=PUBLIC, endpoints=(HOOK,)))
    ours, other = (
        house.call("POST", "/fhir/Subscription", made, client="north-one").json["id"]
        for made in (subscription(), subscription("red-flag", endpoint=f"{HOOK}/2"))
    )
    wanted = {
        "_id": ours,
        "_lastUpdated": "gt2020-01-01",
        "criteria": f"{TOPICS}order-drafted",
        "status": "requested",
        "url": f"{HOOK}/1",
    }
    assert set(claimed(house)["Subscription"]) == set(wanted)
    for name, value in wanted.items():
        both = name in {"_lastUpdated", "status"}
        assert set(found(house, "Subscription", name, value, client="north-one")) == ({ours, other} if both else {ours})


def test_every_parameter_claimed_of_the_audit_finds_what_has_it(house):
    house.as_person("alice", "GET", "/fhir/Questionnaire")
    house.call("PUT", "/fhir/Patient/p1", {"resourceType": "Patient", "id": "p1"})
    house.as_person("alice", "GET", "/fhir/Patient/p1")
    house.as_person("alice", "GET", "/fhir/Observation")
    listed = [one["resource"] for one in house.as_person("ada", "GET", "/fhir/AuditEvent").json["entry"]]
    read = next(one for one in listed if one["subtype"][0]["code"] == "read")
    search = next(one for one in listed if one["subtype"][0]["code"] == "search-type")
    wanted = {
        "_id": read["id"],
        "_lastUpdated": "gt2020-01-01",
        "date": "gt2020-01-01",
        "type": read["type"]["code"],
        "subtype": "read",
        "action": read["action"],
        "outcome": "0",
        "agent": "alice",
        "patient": "p1",
    }
    names = claimed(house)[AUDIT]
    assert set(names) == {*wanted, "entity"}
    assert (names["agent"], names["entity"], names["patient"]) == ("reference",) * 3
    for sought, asked in ((read, wanted), (search, {"entity": "Observation"})):
        for name, value in asked.items():
            answer = house.as_person("ada", "GET", "/fhir/AuditEvent", query_string={name: value}, headers=STRICT)
            assert sought["id"] in {one["resource"]["id"] for one in answer.json["entry"]}, name


class Shelf:
    """Published artefacts: one that has everything and one that has nothing."""

    def __init__(self, kind):
        self.listed = [{"resourceType": kind, "id": "s1"} | PUBLISHED[kind], {"resourceType": kind, "id": "void"}]

    def all(self, _kind):
        return list(self.listed)


def on_the_shelf(kind, *params, sort=None):
    page = artefact_reads.search(Shelf(kind), Sought("north", kind, params, sort, 50))
    return [one.id for one in page.entries]


@pytest.mark.parametrize("kind", PUBLISHED)
def test_every_parameter_claimed_of_what_is_published_finds_what_has_it(shared_house, kind):
    names = claimed(shared_house)[kind]
    assert set(names) == set(PARAMETERS[kind])
    for name in names:
        value = PUBLISHED[kind].get("url", LOOKED_FOR[name]) if name == "url" else LOOKED_FOR[name]
        value = "mark" if (kind, name) == ("OperationDefinition", "code") else value
        value = "ge2026" if name == "_lastUpdated" else value
        assert on_the_shelf(kind, (name, value)) == ["s1"], name
        if name not in {"_id", "_lastUpdated"}:
            assert on_the_shelf(kind, (f"{name}:missing", "true")) == ["void"], name
            assert on_the_shelf(kind, (f"{name}:missing", "false")) == ["s1"], name


PUBLISHED_HERE = {
    "Basic?code=SubscriptionTopic": 5,
    "Basic?code=http://hl7.org/fhir/fhir-types|SubscriptionTopic": 5,
    "Basic?code=http://hl7.org/fhir/fhir-types|": 5,
    "Basic?code=|SubscriptionTopic": 0,
    f"Basic?url={B}/SubscriptionTopic/order-drafted": 1,
    f"Basic?identifier={B}/SubscriptionTopic/order-drafted": 1,
    f"Basic?identifier=urn:ietf:rfc:3986|{B}/SubscriptionTopic/order-drafted,x": 1,
    "Basic?version=1.0.0": 5,
    "Basic?title=order": 3,
    "Basic?status=active&title:contains=SIGNED": 1,
    "Basic?created=ge2020": 5,
    "OperationDefinition?code=submit": 1,
    "OperationDefinition?code:not=submit": 13,
    "PlanDefinition?date=ge2020": 1,
    "PlanDefinition?date=2026-01": 1,
    "PlanDefinition?date=lt2026-01-01": 0,
    "PlanDefinition?date=sa2025&date=eb2027&date=ne2024&date=le2026-01-01&date=ap2026-01-01": 1,
    "Questionnaire?date=gt2020": 2,
    "Questionnaire?name:exact=LbpLssIntake": 1,
    "Questionnaire?name:exact=lbplssintake": 0,
    "Questionnaire?status=http://hl7.org/fhir/publication-status|active": 2,
    "Questionnaire?status=http://elsewhere.example|active": 0,
    "CodeSystem?code=https://example.org/fhir-svc/CodeSystem/act|": 1,
    "CodeSystem?_id=act,answer": 2,
    "Library?_lastUpdated=gt2020": 1,
    "Library?_lastUpdated=gt2100": 0,
}


@pytest.mark.parametrize("query", PUBLISHED_HERE)
def test_what_is_published_here_is_found(shared_house, query):
    kind, _, params = query.partition("?")
    answer = shared_house.call("GET", f"/fhir/{kind}?{params}&_summary=count", headers=STRICT)
    assert (answer.status_code, answer.json.get("total")) == (200, PUBLISHED_HERE[query]), answer.text


@pytest.mark.parametrize(
    ("query", "error", "place"),
    [
        ("Questionnaire?url:below=https://example.org", "bad-modifier", "http"),
        ("Questionnaire?name:not=x", "bad-modifier", "http"),
        ("Questionnaire?name:missing=perhaps", "bad-modifier", "http"),
        ("Questionnaire?date=yesterday", "bad-search-value", "http.date"),
        ("Questionnaire?date=xx2026", "bad-search-value", "http.date"),
        ("Questionnaire?_sort=item", "bad-sort", "http._sort"),
        ("ValueSet?_sort=code", "bad-sort", "http._sort"),
        ("OperationDefinition?identifier=x", "unsupported-parameter", "http"),
        ("PlanDefinition?code=x", "unsupported-parameter", "http"),
        ("Basic?name=order", "unsupported-parameter", "http"),
    ],
)
def test_what_can_not_be_asked_of_what_is_published_is_refused(shared_house, query, error, place):
    answer = shared_house.call("GET", f"/fhir/{query}", headers=STRICT)
    assert (answer.status_code, codes(answer)) == (400, [error])
    assert answer.json["issue"][0]["expression"] == [place]


@pytest.mark.parametrize("sort", ["_id", "_lastUpdated", "date", "name", "title", "url", "version", "status"])
def test_what_is_published_is_listed_in_the_order_that_is_asked_for(shared_house, sort):
    def ids(how):
        path, listed = f"/fhir/CodeSystem?_sort={how}&_count=7", []
        while path:
            page = shared_house.call("GET", path).json
            listed += [one["resource"] for one in page["entry"]]
            path = {one["relation"]: one["url"] for one in page["link"]}.get("next", "").removeprefix(
                "http://localhost"
            )
        return listed

    up, down = ids(f"{sort},_id"), ids(f"-{sort},-_id")
    assert [one["id"] for one in up] == [one["id"] for one in reversed(down)]
    assert len({one["id"] for one in up}) == len(up) > 7
    if sort in up[0]:
        assert [(one[sort], one["id"]) for one in up] == sorted((one[sort], one["id"]) for one in up)


def test_what_has_no_date_is_listed_last():
    for sort in ("date", "-date"):
        assert on_the_shelf("PlanDefinition", sort=sort) == ["s1", "void"]
