"""The table of bad inputs, on every route where each can occur: exact status and issue code, nothing stored, no value
of the input in the answer.
"""

import copy
import json

import pytest

from tests.web.cast import FHIR, intake_form, observation, patient, record, transaction

GOOD = json.dumps(observation())
SECRET = "sEcReT"


def with_raw(old, new):
    """The good Observation with one piece of its text replaced."""
    assert old in GOOD
    return GOOD.replace(old, new)


def nested(depth):
    item = {"linkId": "x"}
    for _ in range(depth):
        item = {"linkId": "x", "item": [item]}
    return json.dumps(intake_form(item=[item]))


def with_(**changes):
    return json.dumps(observation(**changes))


STATUS = '"status": "final"'
WHY = {"extension": [{"url": "https://x.example", "valueCode": "unknown"}]}
BAD = {  # what is wrong -> (the body, status, issue code)
    "empty": ("", 400, "structure"),
    "no JSON": ("{nonsense", 400, "structure"),
    "trailing comma": (with_raw(STATUS, '"status": "final",,'), 400, "structure"),
    "comment": ("/* */" + GOOD, 400, "structure"),
    "single quotes": (GOOD.replace('"', "'"), 400, "structure"),
    "an array": (f"[{GOOD}]", 400, "structure"),
    "a text": ('"text"', 400, "structure"),
    "duplicate key": (with_raw(STATUS, '"status": "final", "status": "amended"'), 400, "structure"),
    "duplicate key deep inside": (with_raw('"unit": "Cel"', '"unit": "Cel", "unit": "K"'), 400, "structure"),
    "NaN": (with_raw("37.2", "NaN"), 400, "structure"),
    "Infinity": (with_raw("37.2", "Infinity"), 400, "structure"),
    "a number too large": (with_raw("37.2", "1e400"), 400, "value"),
    "a number too long": (with_raw("37.2", "9" * 5000), 400, "value"),
    "bad UTF-8": (GOOD.encode().replace(b"final", b"fin\xffal"), 400, "structure"),
    "UTF-16": (GOOD.encode("utf-16"), 400, "structure"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD.encode(), 400, "structure"),
    "NUL": (with_(note=[{"text": "a\x00b"}]), 400, "value"),
    "lone surrogate": (with_raw(STATUS, STATUS + ', "note": [{"text": "\\ud800"}]'), 400, "value"),
    "too deep": (nested(60), 400, "too-costly"),
    "far too deep": ('{"a":' * 5000 + "1" + "}" * 5000, 400, "too-costly"),
    "brackets only": ("[" * 100_000, 400, "too-costly"),
    "unknown element": (with_(nonsense=SECRET), 400, "structure"),
    "text for a number": (with_raw("37.2", f'"{SECRET}"'), 400, "structure"),
    "text for an array": (with_(note=SECRET), 400, "structure"),
    "null": (with_(note=None), 400, "structure"),
    "empty array": (with_(note=[]), 400, "structure"),
    "empty object": (with_(method={}), 400, "structure"),
    "no code": (json.dumps({name: v for name, v in observation().items() if name != "code"}), 400, "required"),
    "unknown status": (with_(status=SECRET), 400, "code-invalid"),
    "two values": (with_(valueString=SECRET), 400, "structure"),
    "unknown contained type": (with_(contained=[{"resourceType": SECRET, "id": "c"}]), 400, "not-supported"),
    "another type": (json.dumps(patient()), 400, "invalid"),
    "an unknown type": (with_(resourceType=SECRET), 400, "not-supported"),
    "no type": (json.dumps({name: v for name, v in observation().items() if name != "resourceType"}), 400, None),
    "modifierExtension": (with_(modifierExtension=[{"url": "https://x.example"}]), None, None),
    "modifierExtension with value": (
        with_(modifierExtension=[{"url": "https://x.example", "valueString": SECRET}]),
        422,
        "extension",
    ),
    "implicitRules": (with_(implicitRules="https://x.example"), 422, "not-supported"),
    "an unknown profile of ours": (
        with_(meta={"profile": ["https://example.org/fhir-svc/StructureDefinition/nonsense"]}),
        422,
        "invariant",
    ),
    "no time zone": (with_(effectiveDateTime="2026-03-01T08:00:00"), 400, "value"),
    "an impossible date": (with_(effectiveDateTime="2026-02-30"), 400, "value"),
    "the future": (with_(effectiveDateTime="2126-02-03T00:00:00Z"), 422, "business-rule"),
    "no subject": (json.dumps({name: v for name, v in observation().items() if name != "subject"}), 422, None),
    "a subject of the wrong type": (with_(subject={"reference": "Observation/1"}), 400, "value"),
    "a subject that is a group": (with_(subject={"reference": "Group/1"}), 422, "business-rule"),
    "a path for a reference": (with_(subject={"reference": "Patient/../../x"}), None, None),
    "a contained resource of the wrong type": (
        with_(contained=[{"resourceType": "Medication", "id": "m"}], performer=[{"reference": "#m"}]),
        400,
        "value",
    ),
    "a contained care team with an unknown status": (
        with_(contained=[{"resourceType": "CareTeam", "id": "c", "status": SECRET}], performer=[{"reference": "#c"}]),
        400,
        "code-invalid",
    ),
    "a narrative of no namespace": (
        with_(text={"status": "generated", "div": f"<div>{SECRET}</div>"}),
        400,
        "invariant",
    ),
    "a name with nothing in one place": (
        with_(
            extension=[{"url": "https://x.example", "valueHumanName": {"given": [SECRET, None], "_given": [WHY, None]}}]
        ),
        400,
        "invariant",
    ),
    "a fragment of nothing": (with_(performer=[{"reference": "#nobody"}]), 400, "value"),
    "a subject nobody knows": (
        with_(subject={"reference": "urn:uuid:5f4c4a1c-3c5b-4f43-9b1d-2f1c1b7f0a11"}),
        422,
        "not-found",
    ),
    "an address inside the network": (with_(subject={"reference": "http://169.254.169.254/Patient/1"}), 422, "value"),
    "an id too long": (with_(id="i" * 65), 400, "value"),
}
EXACT = {name: case for name, case in BAD.items() if case[1] is not None}


def check(answer, status, code, *, anywhere=False):
    assert answer.status_code == status, answer.text[:400]
    assert answer.mimetype == FHIR
    first = answer.json["issue"][0]
    assert first["severity"] in {"error", "fatal"}
    found = {issue["code"] for issue in answer.json["issue"]} if anywhere else {first["code"]}
    assert code is None or code in found
    assert first["details"]["coding"][0]["code"]
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("case", EXACT.values(), ids=EXACT.keys())
def test_bad_input_is_refused_when_posted_and_nothing_is_stored(shared_house, case):
    body, status, code = case
    before = shared_house.rows("resources")
    check(shared_house.call("POST", "/fhir/Observation", body), status, code)
    assert shared_house.rows("resources") == before


@pytest.mark.parametrize("case", EXACT.values(), ids=EXACT.keys())
def test_bad_input_is_refused_when_put_and_nothing_is_stored(shared_house, case):
    body, status, code = case
    if isinstance(body, str) and body.startswith('{"resourceType": "Observation"') and '"id": "iii' not in body:
        body = body.replace("{", '{"id": "bad", ', 1)
    before = shared_house.rows("resources")
    check(shared_house.call("PUT", "/fhir/Observation/bad", body), status, code, anywhere=True)
    assert shared_house.rows("resources") == before


INSIDE = {
    name: case for name, case in EXACT.items() if isinstance(case[0], str) and case[0].startswith('{"') and case[1]
}


@pytest.mark.parametrize("kind", ["transaction", "batch", "submit"])
@pytest.mark.parametrize("name", INSIDE)
def test_it_is_refused_inside_a_bundle(shared_house, name, kind):
    body, status, _ = INSIDE[name]
    before = shared_house.rows("resources")
    entry = f'{{"request": {{"method": "POST", "url": "Observation"}}, "resource": {body}}}'
    bundle_type = "collection" if kind == "submit" else kind
    whole = f'{{"resourceType": "Bundle", "type": "{bundle_type}", "entry": [{entry}]}}'
    answer = shared_house.call("POST", "/fhir/$submit" if kind == "submit" else "/fhir", whole)
    assert answer.status_code < 500
    assert SECRET not in answer.text
    assert shared_house.rows("resources") == before or (kind == "submit" and name == "another type")
    if answer.status_code == 200:
        if kind == "batch":
            assert answer.json["entry"][0]["response"]["status"][:3] in {"400", "413", "422"}
        else:
            assert kind == "submit"
            assert name in {"another type", "an unknown type", "no type", "an id too long"} or status == 422
    else:
        check(answer, answer.status_code, None)
        assert answer.status_code in {400, 413, 422}


@pytest.mark.parametrize("kind", ["transaction", "batch", "submit"])
@pytest.mark.parametrize("name", [["x"], {"a": 1}, None, 7, True])
def test_a_type_that_is_no_text_is_refused_where_it_stands(house, name, kind):
    odd, good = {"resourceType": name, "status": "final"}, patient(id="p1")
    if kind == "submit":
        answer = house.call("POST", "/fhir/$submit", record(good, odd))
    else:
        answer = house.call(
            "POST", "/fhir", transaction(("PUT", "Patient/p1", good), ("POST", "Observation", odd), kind=kind)
        )
    told = answer.json["entry"][1]["response"] if kind == "batch" else answer.json
    assert answer.status_code == (200 if kind == "batch" else 400), answer.data
    issues = (told["outcome"] if kind == "batch" else told)["issue"]
    assert "Bundle.entry[1].resource.resourceType" in [place for issue in issues for place in issue["expression"]]
    assert house.rows("resources") == (2 if kind == "batch" else 0)  # the Patient and the GuidanceResponse


@pytest.mark.parametrize("case", EXACT.values(), ids=EXACT.keys())
def test_it_is_named_when_asked_beforehand_and_stores_nothing(shared_house, case):
    body, status, code = case
    answer = shared_house.call("POST", "/fhir/Observation/$validate", body)
    assert answer.status_code in {200, 400}
    assert SECRET not in answer.text
    assert any(issue["severity"] in {"error", "fatal"} for issue in answer.json["issue"])
    assert code is None or code in {issue["code"] for issue in answer.json["issue"]}
    assert shared_house.rows("submissions") == 0 or status


def form(**changes):
    return intake_form(**changes)


def answered(link_id, *values, group="rf"):
    return form(item=[{"linkId": group, "item": [{"linkId": link_id, "answer": list(values)}]}])


YES = {"valueCoding": {"system": "http://loinc.org", "code": "LA33-6"}}
FORMS = {
    "no questionnaire": ({name: v for name, v in form().items() if name != "questionnaire"}, "required"),
    "no version": (form(questionnaire="https://example.org/fhir-svc/Questionnaire/lbp-lss-intake"), "not-supported"),
    "another version": (
        form(questionnaire="https://example.org/fhir-svc/Questionnaire/lbp-lss-intake|9.9.9"),
        "not-supported",
    ),
    "another questionnaire": (form(questionnaire="http://169.254.169.254/q|1"), "not-supported"),
    "unknown question": (answered(SECRET, YES), "invariant"),
    "answer of the wrong type": (answered("rf-saddle-numbness", {"valueString": SECRET}), "value"),
    "answer outside the options": (
        answered("rf-saddle-numbness", {"valueCoding": {"system": "http://loinc.org", "code": SECRET}}),
        "value",
    ),
    "two answers where one is allowed": (answered("rf-saddle-numbness", YES, YES), "invariant"),
}


@pytest.mark.parametrize("case", FORMS.values(), ids=FORMS.keys())
def test_a_form_that_is_no_answer_to_its_questionnaire_is_refused(shared_house, case):
    body, code = case
    for path, sent in (
        ("/fhir/QuestionnaireResponse", body),
        ("/fhir", transaction(("POST", "QuestionnaireResponse", copy.deepcopy(body)))),
    ):
        before = shared_house.rows("resources")
        check(shared_house.call("POST", path, sent), 422, code)
        assert shared_house.rows("resources") == before


ACCEPTED = {
    "unknown unit": observation(valueQuantity={"value": 98.6, "unit": "degrees"}),
    "comparator": observation(valueQuantity={"value": 5, "comparator": "<", "unit": "C"}),
    "implausible": observation(valueQuantity={"value": 370, "code": "Cel", "system": "http://unitsofmeasure.org"}),
    "partial date": observation(effectiveDateTime="2026-01"),
    "entered in error": observation(status="entered-in-error"),
    "ordinary extension": observation(extension=[{"url": "https://x.example", "valueString": "y"}]),
    "value absent with reason": {
        **{name: v for name, v in observation().items() if name != "valueQuantity"},
        "dataAbsentReason": {"coding": [{"code": "unknown"}]},
    },
    "markup in a text": observation(note=[{"text": "<script>alert(1)</script> \u202e"}]),
    "a reference to somewhere else": observation(performer=[{"reference": "http://169.254.169.254/Practitioner/1"}]),
    "leap second": observation(effectiveDateTime="2016-12-31T23:59:60Z"),
    "unfinished form": form(status="in-progress"),
    "skipped everything": {name: v for name, v in form().items() if name != "item"},
}


@pytest.mark.parametrize("body", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_is_odd_but_legal_is_accepted(shared_house, body):
    answer = shared_house.call("POST", f"/fhir/{body['resourceType']}", body)
    assert answer.status_code == 201, answer.text[:400]


@pytest.mark.parametrize("name", ["a b", "%0a", "x" * 65, "..%2f", "é"])
def test_an_id_that_is_none_is_never_a_server_error(shared_house, name):
    for method in ("GET", "PUT"):
        answer = shared_house.call(method, f"/fhir/Observation/{name}", observation() if method == "PUT" else None)
        assert answer.status_code in {400, 404, 405}
        assert answer.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("number", [1_000, 2_000, 2_001, 5_000])
def test_a_refusal_does_not_grow_with_the_input(shared_house, number):
    form = intake_form(item=[{"linkId": "ctx"}] * number)
    for path, body in (("Observation", form), ("QuestionnaireResponse", form), ("$submit", record(form))):
        answer = shared_house.call("POST", f"/fhir/{path}", body)
        assert answer.status_code in {400, 422}
        assert len(answer.json["issue"]) <= 50
