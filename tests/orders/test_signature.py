"""What a signature covers, recomputed here without the code under test (contract section 6)."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from fhir_svc.errors import Broken, Unprocessable
from fhir_svc.orders import provenance, screening, signature, states

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
ALICE = states.By("Practitioner/alice", "Alice")
BLOCKER = "https://example.org/fhir-svc/StructureDefinition/blocker"


def new_key():
    return ec.generate_private_key(ec.SECP384R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture(scope="module")
def key():
    return new_key()


@pytest.fixture
def draft(bench, want):
    form = bench.form()
    findings = bench.findings([want("MRI_L_WO", "stat", "R01")], [bench.rule("R01", bench.fact("x", "yes", form))])
    _, _, held = bench.run(findings, form)
    return next(item for item in held if item.type == "ServiceRequest")


def canonical(value):
    """RFC 8785 for what a draft holds (no numbers, keys in ASCII), written independently."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_digest_is_sha256_over_criteria_draft_and_evidence(draft):
    prepared = signature.prepare(draft)
    evidence = ["QuestionnaireResponse/q1/_history/1"]
    payload = canonical(
        {"criteria": draft.content["instantiatesCanonical"][0], "draft": draft.content, "evidence": evidence}
    )
    assert prepared.payload == payload
    assert prepared.digest == hashlib.sha256(payload).hexdigest()
    assert list(prepared.evidence) == evidence


def test_the_draft_is_signed_as_read_with_its_version(draft):
    assert b'"versionId":"1"' in signature.prepare(draft).payload


def test_a_draft_with_decimals_is_refused():
    with pytest.raises(Broken):
        signature.prepare({"instantiatesCanonical": ["x|1"], "quantityQuantity": {"value": Decimal("1.10")}})


def test_the_signature_is_a_detached_jws_of_these_bytes(draft, key):
    prepared = signature.prepare(draft)
    jws = signature.seal(prepared.payload, key)
    header, payload, made = jws.split(".")
    assert payload == ""
    fields = json.loads(base64.urlsafe_b64decode(header + "=="))
    public = signature.public_jwk(key)
    assert fields == {"alg": "ES384", "kid": public["kid"]}
    raw = base64.urlsafe_b64decode(made + "=" * (-len(made) % 4))
    half = len(raw) // 2
    signed = encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
    body = base64.urlsafe_b64encode(prepared.payload).rstrip(b"=")
    verifier = serialization.load_pem_private_key(key, None).public_key()
    verifier.verify(signed, header.encode() + b"." + body, ec.ECDSA(hashes.SHA384()))


def test_the_public_key_gives_nothing_away(key):
    public = signature.public_jwk(key)
    assert set(public) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_a_signature_holds_for_its_bytes_and_keys_alone(draft, key):
    prepared = signature.prepare(draft)
    jws = signature.seal(prepared.payload, key, "k1")
    jwks = {"keys": [signature.public_jwk(key, "k1")]}
    assert signature.verify(jws, prepared.payload, jwks)
    assert not signature.verify(jws, prepared.payload + b" ", jwks)
    assert not signature.verify(jws[:-4] + "AAAA", prepared.payload, jwks)
    assert not signature.verify(jws, prepared.payload, {"keys": [signature.public_jwk(new_key(), "k1")]})
    assert not signature.verify("not a signature", prepared.payload, jwks)
    assert not signature.verify(jws, prepared.payload, {"keys": []})


@pytest.mark.parametrize("alg", ["none", "HS256", "ES256"])
def test_another_algorithm_is_never_accepted(draft, key, alg):
    prepared = signature.prepare(draft)
    made = signature.seal(prepared.payload, key, "k1").rpartition(".")[2]
    header = base64.urlsafe_b64encode(json.dumps({"alg": alg, "kid": "k1"}).encode()).rstrip(b"=").decode()
    assert not signature.verify(f"{header}..{made}", prepared.payload, {"keys": [signature.public_jwk(key, "k1")]})


def held(*blockers, priority="routine", evidence=("QuestionnaireResponse/q1/_history/1",)):
    return {
        "resourceType": "ServiceRequest", "id": "o1", "status": "draft", "priority": priority,
        "subject": {"reference": "Patient/p1"},
        "extension": [{"url": BLOCKER, "valueCode": blocker} for blocker in blockers],
        "supportingInfo": [{"reference": name} for name in evidence],
    }  # fmt: skip


def test_evidence_has_changed_when_no_cited_version_is_the_current_one(bench):
    record = bench.record(bench.form(2))
    assert signature.blockers(held("mr-screening"), record) == ("mr-screening", "evidence-changed")
    assert signature.changes(held(), record) == ("QuestionnaireResponse/q1/_history/1",)
    both = held(evidence=("QuestionnaireResponse/q1/_history/1", "QuestionnaireResponse/q1/_history/2"))
    assert signature.blockers(both, record) == ()
    assert signature.changes(held(evidence=("Observation/gone/_history/1",)), record)


OVERRIDES = [
    # name, priority, blockers, overrides, refused
    ("nothing open", "routine", [], {}, False),
    ("a reason for what is not open, on a routine draft", "routine", [], {"mr-screening": "seen"}, True),
    ("a reason for what is not open, on a stat draft", "stat", [], {"mr-screening": "seen"}, False),
    ("routine with an open check", "routine", ["mr-screening"], {"mr-screening": "seen"}, True),
    ("stat without a reason", "stat", ["mr-screening"], {}, True),
    ("stat with an empty reason", "stat", ["mr-screening"], {"mr-screening": "  "}, True),
    ("stat with a reason", "stat", ["mr-screening"], {"mr-screening": "Life before implant."}, False),
    ("stat with one of two reasons", "stat", ["mr-screening", "pregnancy-check"], {"mr-screening": "x"}, True),
    ("changed evidence has no override", "stat", ["evidence-changed"], {"evidence-changed": "x"}, True),
]


@pytest.mark.parametrize(
    ("name", "priority", "blockers", "overrides", "refused"), OVERRIDES, ids=[c[0] for c in OVERRIDES]
)
def test_an_open_check_is_overridden_on_stat_drafts_with_a_reason_alone(name, priority, blockers, overrides, refused):
    if refused:
        with pytest.raises(Unprocessable):
            signature.require_overrides(blockers, overrides, allowed=signature.is_stat(held(priority=priority)))
    else:
        signature.require_overrides(blockers, overrides, allowed=signature.is_stat(held(priority=priority)))


SCREENED = [
    # answers, blockers left
    ({"mr": "no"}, {"pregnancy-check"}),
    ({"mr": "yes-conditional"}, {"pregnancy-check"}),
    ({"mr": "yes-unknown"}, {"mr-screening", "pregnancy-check"}),
    ({"mr": "unsure"}, {"mr-screening", "pregnancy-check"}),
    ({"pregnancy": "LA26683-5"}, {"mr-screening"}),
    ({"pregnancy": "LA15173-0"}, {"mr-screening", "pregnancy-check"}),
    ({"pregnancy": "LA4489-6"}, {"mr-screening", "pregnancy-check"}),
    ({"mr": "no", "pregnancy": "LA26683-5"}, set()),
]


@pytest.mark.parametrize(("given", "left"), SCREENED)
def test_a_physicians_answer_lifts_its_check_and_becomes_evidence(shelf, given, left):
    answers = screening.chosen(shelf, given)
    observed = [screening.observation(answer, held(), by=ALICE, at=AT) for answer in answers]
    evidence = [f"Observation/{one['id']}/_history/1" for one in observed]
    new = screening.screened(held("mr-screening", "pregnancy-check"), {"status": "requested"}, answers, evidence)
    assert {one["valueCode"] for one in new.get("extension", ())} == left
    assert set(evidence) < set(signature.evidence(new))
    assert all(one["performer"] == [ALICE.json] and one["status"] == "final" for one in observed)


@pytest.mark.parametrize("given", [{}, {"mr": "maybe"}, {"mr": "LA26683-5"}, {"kidney": "no"}])
def test_an_unknown_answer_is_refused(shelf, given):
    with pytest.raises(Unprocessable):
        screening.chosen(shelf, given)


def screened_record(bench, shelf, code):
    observed = screening.observation(screening.chosen(shelf, {"mr": code})[0], held(), by=ALICE, at=AT)
    content = {name: value for name, value in observed.items() if name not in {"resourceType", "id"}}
    return bench.stored("Observation", observed["id"], ours=True, **content)


AFTERWARDS = [
    ("no", "MRI_L_WO", (), set()),
    ("yes-conditional", "MRI_L_WO", (), {"MR_SAFETY_REVIEW"}),
    ("yes-unknown", "CTM_L", (), {"MR_SAFETY_REVIEW", "MR_UNSAFE_SWAP"}),
    ("unsure", "MRI_L_WO", ("mr-screening",), {"MR_SCREEN_INCOMPLETE"}),
]


@pytest.mark.parametrize(("code", "key", "blockers", "flags"), AFTERWARDS)
def test_the_next_evaluation_heeds_the_physicians_screening(
    bench, shelf, want, safety_controls, code, key, blockers, flags
):
    findings = bench.findings([want("MRI_L_WO", "stat", "R01")], controls=safety_controls("R13.unanswered"))
    decision = bench.decide(findings, screened_record(bench, shelf, code))
    assert [(order.key, order.blockers) for order in decision.orders] == [(key, blockers)]
    assert set(decision.flags) == flags


def test_the_provenance_of_a_signature_is_what_the_contract_says():
    stated = provenance.signed(
        "ServiceRequest/o1/_history/3", ["QuestionnaireResponse/q1/_history/1"], "a..b",
        by=ALICE, at=AT, overrides={"mr-screening": "Seen."},
    )  # fmt: skip
    assert stated["target"] == [{"reference": "ServiceRequest/o1/_history/3"}]
    agents = {held["type"]["coding"][0]["code"]: held["who"] for held in stated["agent"]}
    assert agents["author"] == ALICE.json
    assert agents["assembler"]["type"] == "Device"
    assert stated["entity"] == [{"role": "source", "what": {"reference": "QuestionnaireResponse/q1/_history/1"}}]
    made = stated["signature"][0]
    assert made["type"] == [{"system": "urn:iso-astm:E1762-95:2013", "code": "1.2.840.10065.1.12.1.1"}]
    assert (made["when"], made["who"], made["sigFormat"]) == (
        "2026-03-10T12:00:00.000Z",
        ALICE.json,
        "application/jose",
    )
    assert base64.b64decode(made["data"]) == b"a..b"
    assert stated["extension"][0]["extension"][0] == {"url": "blocker", "valueCode": "mr-screening"}
