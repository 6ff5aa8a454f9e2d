"""What a well-meant request to each route holds: the beginnings that fuzzing makes something else of."""

from __future__ import annotations

import json
from typing import Any

from tests.web.cast import MRN, SYNTHEA, intake_form, observation, patient, record, transaction
from tests.web.drafting import PASSWORD

Json = dict[str, Any]
DRAFTS, REVIEWS, ROWS = 12, 4, 4
SUBSCRIPTION: Json = {
    "resourceType": "Subscription",
    "status": "requested",
    "reason": "to be told",
    "criteria": "https://example.org/fhir-svc/SubscriptionTopic/order-drafted",
    "channel": {"type": "rest-hook", "endpoint": "https://hooks.north.example/in", "payload": "application/fhir+json"},
}
ABOUT: Json = {
    "subject": {"reference": "Patient/p1"},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "44054006"}]},
}
RESOURCES: dict[str, Json] = {
    "Observation": observation(),
    "QuestionnaireResponse": intake_form(),
    "Patient": patient(),
    "Condition": {"resourceType": "Condition", "onsetDateTime": "2020", **ABOUT},
    "Procedure": {"resourceType": "Procedure", "status": "completed", "performedDateTime": "2026-01-02", **ABOUT},
    "ServiceRequest": {
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "priority": "urgent",
        **ABOUT,
    },
    "Communication": {
        "resourceType": "Communication",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "sender": {"reference": "Patient/p1"},
        "sent": "2026-03-01T08:00:00Z",
        "payload": [{"contentString": "numb where I sit"}],
    },
    "Subscription": SUBSCRIPTION,
    "Device": {"resourceType": "Device", "patient": {"reference": "Patient/p1"}},
}
REAL: Json = json.loads(SYNTHEA[0].read_bytes())
BUNDLES: list[Json] = [
    record(patient(id="p1"), observation(id="o1"), intake_form(id="f1")),
    REAL | {"entry": REAL["entry"][:25]},
    transaction(
        ("POST", "Patient", patient(), "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"),
        ("POST", "Observation", observation("urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a")),
        ("PUT", "Condition/c1", RESOURCES["Condition"] | {"id": "c1"}),
        ("GET", "Observation?code=8310-5&_count=2", None),
    ),
    transaction(
        ("POST", "QuestionnaireResponse", intake_form()),
        ("PUT", f"Patient?identifier={MRN}|12345", patient()),
        ("GET", "Patient/p1/_history", None),
        kind="batch",
    ),
]


def parameters(*given: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(given)}


ACTS: dict[str, list[Json]] = {
    "$sign": [{"name": "digest", "valueString": "{digest}"}, {"name": "meaning", "valueCode": "approval"}],
    "$decline": [{"name": "reason", "valueCode": "already-done"}, {"name": "text", "valueString": "MRI last week"}],
    "$defer": [{"name": "until", "valueDateTime": "2099-01-01T00:00:00Z"}],
    "$reassign": [{"name": "owner", "valueString": "bob"}],
    "$revise": [
        {"name": "draft", "resource": {"resourceType": "ServiceRequest", "priority": "asap", "note": [{"text": "x"}]}}
    ],
    "$record-screening": [{"name": "mr", "valueCode": "no"}, {"name": "pregnancy", "valueCode": "LA26683-5"}],
    "$enter-in-error": [{"name": "reason", "valueCode": "entered-in-error"}],
    "$complete": [{"name": "outcome", "valueString": "seen"}, {"name": "closed-fact", "valueCode": "rf-foot-drop"}],
    "$evaluate": [{"name": "data", "resource": BUNDLES[0]}, {"name": "asOf", "valueDateTime": "2026-03-01T09:00:00Z"}],
    "$status": [{"name": "status", "valueCode": "active"}],
    "$events": [{"name": "eventsSinceNumber", "valueString": "1"}],
    "$prepare-signature": [],
}
FORMS: dict[str, list[Json]] = {
    "sign": [{"version": "1", "digest": "{digest}", "password": PASSWORD, "override-mr-screening": "urgent"}],
    "decline": [{"version": "1", "reason": "already-done", "text": "last week"}],
    "defer": [{"version": "1", "hours": "24"}],
    "reassign": [{"version": "1", "owner": "bob"}],
    "revise": [{"version": "1", "priority": "asap", "code": "http://loinc.org|24968-0", "note": "x"}],
    "screening": [{"version": "1", "mr": "no", "pregnancy": "LA26683-5"}],
    "complete": [{"version": "1", "outcome": "seen", "note": "seen", "closed-fact": "rf-foot-drop"}],
    "entered-in-error": [{"order": "{draft0}", "reason": "entered-in-error", "text": "wrong record"}],
    "requeue": [{"reason": "mended"}],
    "discard": [{"reason": "test data"}],
    "login": [{"username": "bob", "password": PASSWORD, "next": "/inbox"}, {"username": "eve", "password": "x"}],
    "confirm": [{"password": PASSWORD}, {"password": "wrong"}],
    "logout": [{}],
    "_search": [
        {"patient": "p1", "_count": "2"},
        {"code": "8310-5", "_sort": "-date"},
        {"_id": "o1", "status": "active"},
    ],
    "token": [
        {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": "{assertion}",
            "scope": "system/*.rs",
        }
    ],
}
NAMES: dict[str, list[str]] = {
    "kind": [*[*RESOURCES] * 2, "Task", "GuidanceResponse", "AuditEvent", "Questionnaire", "Encounter", "Basic"],
    "resource_id": ["o1", "p1", "f1", "c1", "lbp-lss", "lbp-lss-intake", "{draft0}", "{review0}", "none", "a" * 65],
    "draft_id": [*(f"{{draft{number}}}" for number in range(DRAFTS)), "none"],
    "task_id": [*(f"{{review{number}}}" for number in range(REVIEWS)), "{approval}", "none"],
    "work_id": [*(f"{{row{number}}}" for number in range(ROWS)), "none"],
    "plan_id": ["lbp-lss", "lbp-lss", "none"],
    "version": ["1", "2", "0", "x", "99999999999999999999"],
    "key": ["none", "k"],
    "filename": ["page.css", "../app.py", ".."],
}
PARAMETERS = [
    *("_count", "_sort", "_id", "_page", "_summary", "_lastUpdated", "_format", "date", "code", "patient", "subject"),
    *(
        "identifier",
        "status",
        "url",
        "show",
        "x",
        "date:missing",
        "code:not",
        "eventsSinceNumber",
        "next",
        "questionnaire",
    ),
]
VALUES = [
    "p1",
    "Patient/p1",
    "ge2026-01-01",
    "2026",
    "1",
    "0",
    "-date",
    "_id",
    "count",
    "final,active",
    "a|b",
    "true",
    "json",
]


def forms_of(rule: str) -> list[Json]:
    """The fields of the forms that this route is meant for."""
    return FORMS.get(rule.rpartition("/")[2], [{"x": "y"}])


def bodies_of(rule: str, chosen: dict[str, str]) -> list[Any]:
    """What may be sent to this route, its arguments being known."""
    last = rule.rpartition("/")[2]
    if last in ACTS:
        return [parameters(*ACTS[last])]
    if rule == "/fhir":
        return [*BUNDLES[2:] * 5, *BUNDLES]
    if rule == "/fhir/$submit":
        return [*BUNDLES, parameters({"name": "bundle", "resource": BUNDLES[0]})]
    kind = "Subscription" if "Subscription" in rule else chosen.get("kind", "")
    resource = RESOURCES.get(kind, RESOURCES["Observation"])
    if "resource_id" in chosen:
        resource = resource | {"id": chosen["resource_id"]}
    return [*[resource] * 9, parameters({"name": "resource", "resource": resource}), [], 7]
