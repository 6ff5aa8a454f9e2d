"""A signature covers exactly the bytes that were shown, once, by a physician who has just said who they are."""

import base64
import hashlib
import json

import pytest
import rfc8785
from joserfc import jws
from joserfc.jwk import ECKey, KeySet

from fhir_svc.app import create_app
from fhir_svc.store import patients
from fhir_svc.store.tables import accounts as account_rows
from tests.web.cast import House, at_once, codes, house_on, make_settings
from tests.web.drafting import PLAN, Ward, override
from tests.web.test_acts import deliveries, digest_of, events


def test_signing_makes_the_order_active_and_tells_the_ehr(ward):
    draft, session = ward.draft(), ward.session()
    prepared = session.prepare(draft)
    assert prepared["version"] == ["1"]
    assert prepared["evidence"] == [{"reference": "QuestionnaireResponse/form-p1/_history/1"}]
    answer = session.sign(draft, prepared["digest"][0])
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    order, task = ward.read("ServiceRequest", draft).content, ward.task_of(draft).content
    assert (order["status"], task["status"]) == ("active", "completed")
    assert order["requester"] == {"reference": "Practitioner/pr-alice", "display": "Alice"}
    assert order["authoredOn"].endswith("Z")
    assert order["intent"] == "order"
    (stated,) = ward.find("Provenance", target=f"ServiceRequest/{draft}")
    expected = {f"ServiceRequest/{draft}", f"Task/{task['id']}", f"Provenance/{stated.id}"}
    assert expected <= deliveries(ward)
    assert len(events(ward, "sign")) == 1


def test_anybody_can_verify_the_signature_with_public_keys_alone(ward):
    draft, session = ward.draft(), ward.session()
    shown = session.browser.get(f"/fhir/ServiceRequest/{draft}").json  # the draft as a client reads it
    digest = digest_of(session, draft)
    assert session.sign(draft, digest).status_code == 200

    evidence = ["QuestionnaireResponse/form-p1/_history/1"]
    payload = rfc8785.dumps({"criteria": PLAN, "draft": shown, "evidence": evidence})
    assert hashlib.sha256(payload).hexdigest() == digest
    (stated,) = ward.find("Provenance", target=f"ServiceRequest/{draft}")
    stated = stated.content
    (carried,) = stated["signature"]
    detached = base64.b64decode(carried["data"]).decode()
    keys = KeySet.import_key_set(ward.house.app.test_client().get("/.well-known/jwks.json").json)
    jws.deserialize_compact(detached, keys, algorithms=["ES384"], payload=payload)

    told = ward.house.call("GET", f"/fhir/ServiceRequest/{draft}/$verify-signature")  # the EHR, with its token
    assert told.json["parameter"][0] == {"name": "valid", "valueBoolean": True}

    assert carried["type"] == [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}]
    assert (carried["sigFormat"], carried["who"]["reference"]) == ("application/jose", "Practitioner/pr-alice")
    assert [agent["type"]["coding"][0]["code"] for agent in stated["agent"]] == ["author", "assembler"]
    assert stated["agent"][1]["who"]["type"] == "Device"
    assert [held["what"]["reference"] for held in stated["entity"]] == evidence
    assert [held["reference"] for held in stated["target"]] == [
        f"ServiceRequest/{draft}/_history/1",
        f"ServiceRequest/{draft}/_history/2",
    ]


@pytest.mark.parametrize(
    "tamper",
    [
        {"priority": "routine"},
        {"subject": {"reference": "Patient/other"}},
        {"supportingInfo": []},
        {"requester": {"reference": "Practitioner/pr-bob", "display": "Bob"}},
        {"authoredOn": "2026-01-01T00:00:00Z"},
        {"note": [{"text": "slipped in"}]},
    ],
    ids=lambda tamper: next(iter(tamper)),
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_changed_byte_of_a_signed_order_is_found(ward, tamper, version):
    draft, session = ward.draft(), ward.session()
    session.sign(draft, digest_of(session, draft))
    assert session.verify(draft)["valid"] == [True]
    stored = session.act(f"ServiceRequest/{draft}/_history/{version}", method="GET").json
    ward.overwrite(draft, version, json.dumps(stored | tamper).encode())
    assert session.verify(draft)["valid"] == [False]


@pytest.mark.parametrize(
    "change",
    [
        {"priority": "routine"},
        {"note": [{"text": "slipped in"}]},
        {"status": "completed", "performer": [{"display": "Somebody else"}]},
        {"extension": []},
        {"requester": {"reference": "Practitioner/pr-bob", "display": "Bob"}},
    ],
    ids=lambda change: next(reversed(change)),
)
def test_a_later_version_that_says_something_else_than_was_signed_is_found(ward, change):
    draft, session = ward.draft(), ward.session()
    session.sign(draft, digest_of(session, draft))
    order = ward.read("ServiceRequest", draft).content
    ward.store(order | {"status": "completed"})
    assert session.verify(draft)["valid"] == [True]
    ward.store(order | change)
    found = session.verify(draft)
    assert found["valid"] == [False]
    assert found["signer"] == [{"reference": "Practitioner/pr-alice", "display": "Alice"}]
    assert "Treat this order as unsigned" in session.page(f"/inbox/drafts/{draft}").text


def test_what_the_record_system_reports_or_an_admin_marks_is_no_other_order(ward):
    draft, session = ward.draft(), ward.session()
    session.sign(draft, digest_of(session, draft))
    order = ward.read("ServiceRequest", draft).content
    mark = {"order": draft, "reason": "entered-in-error", "text": "Wrong record"}
    assert ward.session("ada").page("/queue/entered-in-error", **mark).status_code == 303
    assert session.verify(draft)["valid"] == [True]
    assert ward.read("ServiceRequest", draft).content["extension"] != order["extension"]


def test_verification_names_the_signer_and_whether_the_evidence_still_stands(ward):
    draft, session = ward.draft(), ward.session()
    assert session.verify(draft) == {"valid": [False]}
    digest = digest_of(session, draft)
    session.sign(draft, digest)
    found = session.verify(draft)
    assert found["signer"] == [{"reference": "Practitioner/pr-alice", "display": "Alice"}]
    assert (found["digest"], found["evidence-unchanged"]) == ([digest], [True])
    ward.store(ward.form(status="amended"), ours=False)
    found = session.verify(draft)
    assert (found["valid"], found["evidence-unchanged"]) == ([True], [False])


def test_a_former_key_still_verifies(ward, tmp_path):
    draft, session = ward.draft(), ward.session()
    session.sign(draft, digest_of(session, draft))
    rotated = ECKey.generate_key("P-384").as_pem(private=True).decode()
    settings = make_settings(str(ward.house.database.url), signing_key=rotated)
    built = ward.house.app.extensions["fhir_svc"]
    house = House(create_app(settings, database=ward.house.database, built=built), ward.house.database)
    later = Ward(house)
    assert later.session("bob").verify(draft)["valid"] == [True]
    assert len(house.app.test_client().get("/.well-known/jwks.json").json["keys"]) == 2


def test_public_keys_hold_nothing_private(house):
    answer = house.app.test_client().get("/.well-known/jwks.json")
    (key,) = answer.json["keys"]
    assert {"kty", "crv", "x", "y", "kid"} <= set(key)
    assert "d" not in key


# -- once


def test_the_same_request_again_gives_the_first_result(ward):
    draft, session = ward.draft(), ward.session()
    digest = digest_of(session, draft)
    first, second = session.sign(draft, digest), session.sign(draft, digest)
    assert (second.status_code, second.json, second.headers["ETag"]) == (200, first.json, first.headers["ETag"])
    assert len(ward.find("Provenance", target=f"ServiceRequest/{draft}")) == 1


def test_a_signed_draft_cannot_be_signed_again(ward):
    draft, session = ward.draft(), ward.session()
    digest = digest_of(session, draft)
    assert session.sign(draft, digest).status_code == 200
    other = ward.session("bob")
    for etag in (1, 2):
        answer = other.sign(draft, digest, etag=etag)
        assert (answer.status_code, codes(answer)) == (409, ["already-signed"])
    assert session.sign(draft, "f" * 64).status_code == 409
    assert ward.read("ServiceRequest", draft).content["requester"]["display"] == "Alice"


def test_a_draft_of_a_replaced_patient_cannot_be_signed(ward):
    draft, session = ward.draft(), ward.session()
    digest = digest_of(session, draft)
    with ward.house.database.transaction() as tx:
        patients.alias(tx, "north", "p1", "p2")
    answer = session.sign(draft, digest)
    assert (answer.status_code, codes(answer)) == (409, ["patient-replaced"])
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"


@pytest.fixture
def crowd(database, built):
    """A ward on each database in turn."""
    found = Ward(house_on(database, built))
    found.receive()
    return found


def test_of_twenty_signing_at_once_exactly_one_signs(crowd):
    draft = crowd.draft()
    sessions = [crowd.session("alice" if index % 2 else "bob") for index in range(20)]
    digest = digest_of(sessions[0], draft)
    answers = at_once(20, lambda index: sessions[index].sign(draft, digest).status_code)
    (stated,) = crowd.find("Provenance", target=f"ServiceRequest/{draft}")
    signer = stated.content["signature"][0]["who"]["display"]
    # ten of the signer, which are one request; ten of the other
    same = [status for index, status in enumerate(answers) if ("Alice" if index % 2 else "Bob") == signer]
    others = [status for index, status in enumerate(answers) if ("Alice" if index % 2 else "Bob") != signer]
    assert (same, others) == ([200] * 10, [409] * 10)
    assert crowd.read("ServiceRequest", draft).version == 2
    assert crowd.house.rows("signatures") == 1


def test_signing_and_declining_at_once_leaves_one_decision(crowd):
    drafts = [crowd.draft() for _ in range(5)]
    alice, bob = crowd.session(), crowd.session("bob")
    digests = [digest_of(alice, draft) for draft in drafts]
    reason = {"name": "reason", "valueCode": "other"}
    for draft, digest in zip(drafts, digests, strict=True):

        def decide(number, draft=draft, digest=digest):
            if number:
                return bob.act(f"ServiceRequest/{draft}/$decline", reason, etag=1).status_code
            return alice.sign(draft, digest).status_code

        assert sorted(at_once(2, decide)) == [200, 409]
        order, task = crowd.read("ServiceRequest", draft), crowd.task_of(draft)
        assert (order.version, task.version) == (2, 2)
        expected = {"active": "completed", "revoked": "rejected"}
        assert task.content["status"] == expected[order.content["status"]]


# -- what has changed since it was shown


def test_a_draft_that_changed_between_view_and_signature_is_not_signed(ward):
    draft, alice = ward.draft(priority="urgent"), ward.session()
    digest = digest_of(alice, draft)
    change = {"name": "draft", "resource": {"resourceType": "ServiceRequest", "priority": "routine"}}
    ward.session("bob").act(f"ServiceRequest/{draft}/$revise", change, etag=1)
    assert alice.sign(draft, digest).status_code == 412  # the version that was seen is gone
    answer = alice.sign(draft, digest, etag=2)  # and the digest is not of the new one
    assert (answer.status_code, codes(answer)) == (412, ["digest-changed"])
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"


@pytest.mark.parametrize("status", ["amended", "entered-in-error"])
def test_a_draft_whose_evidence_changed_is_not_signed_and_the_difference_is_told(ward, status):
    draft, session = ward.draft(), ward.session()
    digest = digest_of(session, draft)
    ward.store(ward.form(status=status), ours=False)
    answer = session.sign(draft, digest)
    assert (answer.status_code, codes(answer)) == (409, ["evidence-changed"])
    assert "QuestionnaireResponse/form-p1/_history/1" in answer.json["issue"][0]["details"]["text"]
    assert session.prepare(draft)["blocker"] == ["evidence-changed"]


def test_a_draft_that_cites_an_earlier_version_beside_the_current_one_can_be_signed(ward):
    ward.store(ward.form(status="amended"), ours=False)
    cited = [{"reference": f"QuestionnaireResponse/form-p1/_history/{version}"} for version in (1, 2)]
    draft, session = ward.draft(supportingInfo=cited), ward.session()
    assert session.sign(draft, digest_of(session, draft)).status_code == 200


# -- open checks


@pytest.mark.parametrize("priority", ["asap", "urgent", "routine"])
def test_an_open_check_stops_the_signature_of_a_draft_that_is_not_stat(ward, priority):
    draft, session = ward.draft(priority=priority, blockers=("mr-screening",)), ward.session()
    digest = digest_of(session, draft)
    assert session.sign(draft, digest).status_code == 422
    assert session.sign(draft, digest, override("mr-screening")).status_code == 422
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"


def test_a_stat_draft_is_signed_over_an_open_check_with_a_reason_for_each(ward):
    draft, session = ward.draft(blockers=("mr-screening", "pregnancy-check")), ward.session()
    digest = digest_of(session, draft)
    for given in ([], [override("mr-screening")], [override("mr-screening"), override("pregnancy-check", " ")]):
        assert session.sign(draft, digest, *given).status_code == 422
    answer = session.sign(draft, digest, override("mr-screening"), override("pregnancy-check", "time is short"))
    assert answer.status_code == 200
    (stated,) = ward.find("Provenance", target=f"ServiceRequest/{draft}")
    said = [
        [part.get("valueCode") or part["valueString"] for part in each["extension"]]
        for each in stated.content["extension"]
    ]
    assert said == [["mr-screening", "asked at the bedside"], ["pregnancy-check", "time is short"]]
    assert session.verify(draft)["valid"] == [True]


def test_changed_evidence_cannot_be_overridden(ward):
    draft, session = ward.draft(), ward.session()
    digest = digest_of(session, draft)
    ward.store(ward.form(status="amended"), ours=False)
    assert session.sign(draft, digest, override("evidence-changed")).status_code == 409


# -- who signs


def test_signing_needs_the_password_typed_within_five_minutes(ward):
    draft = ward.draft()
    unconfirmed = ward.session(confirmed=False)
    digest = digest_of(unconfirmed, draft)
    answer = unconfirmed.sign(draft, digest)
    assert (answer.status_code, codes(answer)) == (401, ["reauthentication-required"])
    stale = ward.session()
    with ward.house.database.transaction() as tx:
        tx.exec_driver_sql("UPDATE sessions SET confirmed = confirmed - 300001 WHERE confirmed IS NOT NULL")
    answer = stale.sign(draft, digest)
    assert (answer.status_code, codes(answer)) == (401, ["reauthentication-required"])
    assert ward.read("ServiceRequest", draft).version == 1


@pytest.mark.parametrize(("column", "error"), [("licence", "no-licence"), ("practitioner", "no-practitioner")])
def test_signing_needs_a_licence_and_a_practitioner(ward, column, error):
    draft, session = ward.draft(), ward.session()
    digest = digest_of(session, draft)
    with ward.house.database.transaction() as tx:
        tx.execute(account_rows.update().where(account_rows.c.username == "alice").values({column: None}))
    answer = session.sign(draft, digest)
    assert (answer.status_code, codes(answer)) == (403, [error])


@pytest.mark.parametrize(("meaning", "status"), [("review", 422), ("responsibility", 422), ("", 400)])
def test_a_signature_means_approval_and_nothing_else(ward, meaning, status):
    draft, session = ward.draft(), ward.session()
    given = [{"name": "digest", "valueString": digest_of(session, draft)}, {"name": "meaning", "valueCode": meaning}]
    assert session.act(f"ServiceRequest/{draft}/$sign", *given, etag=1).status_code == status
