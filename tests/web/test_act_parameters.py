"""What the acts are called with: valid FHIR or 400, of the types that the contract names or 422, and always where."""

import pytest

from tests.web.cast import codes, intake_form, patient
from tests.web.drafting import LOINC, B, Ward, override
from tests.web.test_acts import DRAFT_ACTS, digest_of
from tests.web.test_operations import dry_run

NO_FHIR = [
    ([{"name": ["x"]}], "Parameters.parameter[0].name"),
    ([{"name": {"a": 1}, "valueString": "x"}], "Parameters.parameter[0].name"),
    ([7], "Parameters.parameter[0]"),
    ([[]], "Parameters.parameter[0]"),
    ([{"valueString": "x"}], "Parameters.parameter[0].name"),
    ([{"name": "x", "valueCode": " x"}], "Parameters.parameter[0].value"),
    ([{"name": "x", "valueString": 1}], "Parameters.parameter[0].value"),
    ([{"name": "x", "valueString": "x", "valueCode": "y"}], "Parameters.parameter[0]"),
    ([{"name": "x", "valueDateTime": "2026-13-01"}], "Parameters.parameter[0].value"),
    ([{"name": "x", "part": [{"name": 1}]}], "Parameters.parameter[0].part[0].name"),
    ("x", "Parameters.parameter"),
]
ACTS = [*(f"ServiceRequest/{{draft}}/{act}" for act in DRAFT_ACTS), "Task/{task}/$complete"]


@pytest.fixture(scope="module")
def still(shared_house):
    """A ward in which nothing is changed."""
    found = Ward(shared_house)
    found.receive()
    return found, {"draft": found.draft(), "task": found.review()}, found.session()


def where(answer):
    return [issue.get("expression", [None])[0] for issue in answer.json["issue"]]


def post(session, address, parameters, etag='W/"1"'):
    body = {"resourceType": "Parameters", "parameter": parameters}
    return session.browser.post(f"/fhir/{address}", json=body, headers={"If-Match": etag})


@pytest.mark.parametrize(("parameters", "place"), NO_FHIR)
@pytest.mark.parametrize("act", ACTS)
def test_parameters_that_are_no_fhir_are_malformed_and_located(still, act, parameters, place):
    ward, names, session = still
    answer = post(session, act.format(**names), parameters)
    assert answer.status_code == 400, answer.data
    assert place in where(answer)
    assert ward.read("ServiceRequest", names["draft"]).version == 1


@pytest.mark.parametrize(
    "body", [{"resourceType": ["Parameters"]}, {"resourceType": {}}, {}, {"resourceType": "Bundle"}]
)
@pytest.mark.parametrize("act", ACTS)
def test_a_body_that_is_no_parameters_is_malformed(still, act, body):
    _, names, session = still
    answer = session.browser.post(f"/fhir/{act.format(**names)}", json=body, headers={"If-Match": 'W/"1"'})
    assert (answer.status_code, answer.json["resourceType"]) == (400, "OperationOutcome")


NO_SERVICE_REQUEST = [
    ("performer", "x", ".performer"),
    ("performer", [1], ".performer[0]"),
    ("performer", [{"reference": "Nonsense/1"}], ".performer[0].reference"),
    ("performer", [{"reference": "Observation/1"}], ".performer[0].reference"),
    ("performer", [{"reference": "#none"}], ".performer[0].reference"),
    ("performer", [], ".performer"),
    ("note", [{"text": 1}], ".note[0].text"),
    ("note", [{"foo": 1}], ".note[0].text"),
    ("note", "x", ".note"),
    ("priority", {}, ".priority"),
    ("priority", [], ".priority"),
    ("priority", "yesterday", ".priority"),
    ("code", "x", ".code"),
    ("code", [1], ".code"),
    ("code", {}, ".code"),
    ("code", {"coding": [{"code": 1}]}, ".code.coding[0].code"),
    ("meta", "x", ".meta"),
    ("text", "x", ".text"),
    ("contained", None, ".contained"),
]


@pytest.mark.parametrize(("name", "value", "place"), NO_SERVICE_REQUEST)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "part"])
def test_a_draft_that_is_no_service_request_is_malformed_and_located(still, name, value, place, whole):
    ward, names, session = still
    draft = dict(ward.read("ServiceRequest", names["draft"]).content) if whole else {"resourceType": "ServiceRequest"}
    parameters = [{"name": "draft", "resource": draft | {name: value}}]
    answer = post(session, f"ServiceRequest/{names['draft']}/$revise", parameters)
    assert answer.status_code == 400, answer.data
    assert f"Parameters.parameter[0].resource{place}" in where(answer)
    assert ward.read("ServiceRequest", names["draft"]).version == 1


WRONG = [
    ("$decline", [{"name": "reason", "valueString": "other"}], "parameter-value", "Parameters.parameter[0].value"),
    ("$decline", [{"name": "reason", "valueCode": "dislike"}], "code-unknown", "Parameters.parameter[0].value"),
    ("$decline", [{"name": "text", "valueString": "x"}], "parameter-missing", "Parameters"),
    (
        "$decline",
        [{"name": "text", "valueInteger": 4}, {"name": "reason", "valueCode": "other"}],
        "parameter-value",
        "Parameters.parameter[0].value",
    ),
    ("$defer", [{"name": "until", "valueDateTime": "2099-01-01"}], "parameter-value", "Parameters.parameter[0].value"),
    (
        "$defer",
        [{"name": "until", "valueString": "2099-01-01T00:00:00Z"}],
        "parameter-value",
        "Parameters.parameter[0].value",
    ),
    (
        "$defer",
        [{"name": "until", "valueDateTime": "2020-01-01T00:00:00Z"}],
        "defer-until",
        "Parameters.parameter[0].value",
    ),
    ("$reassign", [{"name": "owner", "valueString": "nobody"}], "owner-unknown", "Parameters.parameter[0].value"),
    ("$reassign", [{"name": "owner", "valueBoolean": True}], "parameter-value", "Parameters.parameter[0].value"),
    (
        "$sign",
        [{"name": "digest", "valueString": "0" * 64}, {"name": "meaning", "valueCode": "review"}],
        "meaning-unknown",
        "Parameters.parameter[1].value",
    ),
    (
        "$record-screening",
        [{"name": "mr", "valueCode": "maybe"}],
        "screening-answer",
        "Parameters.parameter[0].value",
    ),
    ("$record-screening", [], "screening-answer", "Parameters"),
    ("$revise", [{"name": "draft", "valueString": "x"}], "parameter-value", "Parameters.parameter[0].resource"),
    (
        "$revise",
        [{"name": "draft", "resource": {"resourceType": "Patient"}}],
        "parameter-value",
        "Parameters.parameter[0].resource",
    ),
]


@pytest.mark.parametrize(("act", "parameters", "error", "place"), WRONG)
def test_a_value_that_an_act_does_not_take_is_told_where_it_stands(still, act, parameters, error, place):
    ward, names, session = still
    answer = post(session, f"ServiceRequest/{names['draft']}/{act}", parameters)
    assert (answer.status_code, codes(answer), where(answer)) == (422, [error], [place])
    assert ward.read("ServiceRequest", names["draft"]).version == 1


def test_a_fact_that_cannot_be_closed_is_told_where_it_stands(still):
    _, names, session = still
    facts = [{"name": "closed-fact", "valueCode": code} for code in ("rf-foot-drop", "no-such-question")]
    answer = post(session, f"Task/{names['task']}/$complete", [{"name": "outcome", "valueCode": "seen"}, *facts])
    assert (answer.status_code, where(answer)) == (422, ["Parameters.parameter[2].value"])


TAKEN = [
    ("$decline", [{"name": "reason", "valueCode": "other"}, {"name": "text", "valueString": "Seen elsewhere"}]),
    ("$defer", [{"name": "until", "valueInstant": "2099-01-01T00:00:00Z"}]),
    ("$defer", [{"name": "until", "valueDateTime": "2099-01-01T01:00:00+01:00"}]),
    ("$reassign", [{"name": "owner", "valueReference": {"reference": "Practitioner/pr-bob"}}]),
    ("$reassign", [{"name": "owner", "valueString": "bob"}]),
    ("$record-screening", [{"name": "mr", "valueCode": "no"}]),
    ("$record-screening", [{"name": "mr", "valueCoding": {"system": f"{B}/CodeSystem/answer", "code": "no"}}]),
    ("$record-screening", [{"name": "mr", "valueString": "no"}]),
    ("$prepare-signature", []),
]


@pytest.mark.parametrize(("act", "parameters"), TAKEN)
def test_every_form_that_the_contract_leaves_open_is_taken(ward, act, parameters):
    draft = ward.draft(blockers=("mr-screening",))
    answer = post(ward.session(), f"ServiceRequest/{draft}/{act}", parameters)
    assert answer.status_code == 200, answer.data


@pytest.mark.parametrize("act", ACTS)
def test_any_version_is_not_the_version_that_was_seen(still, act):
    _, names, session = still
    answer = post(session, act.format(**names), [], etag="*")
    assert (answer.status_code, codes(answer), where(answer)) == (400, ["bad-if-match"], ["http.If-Match"])


# -- what may override an open check


@pytest.mark.parametrize(
    ("overrides", "error", "place"),
    [
        ([override("mr-screening"), override("mr-screening")], "parameter-repeated", "Parameters.parameter[3].part[0]"),
        ([override("no-such-check")], "code-unknown", "Parameters.parameter[2].part[0].value"),
        ([{"name": "override", "valueCode": "mr-screening"}], "parameter-missing", "Parameters.parameter[2].part"),
        (
            [{"name": "override", "part": [{"name": "blocker", "valueCode": "mr-screening"}]}],
            "parameter-missing",
            "Parameters.parameter[2].part",
        ),
        (
            [override("mr-screening") | {"part": [*override("mr-screening")["part"], {"name": "x", "valueCode": "y"}]}],
            "parameter-unknown",
            "Parameters.parameter[2].part[2]",
        ),
    ],
)
def test_an_override_names_one_check_and_one_reason(ward, overrides, error, place):
    draft, session = ward.draft(blockers=("mr-screening",)), ward.session()
    answer = session.sign(draft, digest_of(session, draft), *overrides)
    assert (answer.status_code, codes(answer), where(answer)) == (422, [error], [place])
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"


def test_a_draft_that_is_not_stat_takes_no_override_even_where_nothing_is_open(ward):
    draft, session = ward.draft(priority="routine"), ward.session()
    answer = session.sign(draft, digest_of(session, draft), override("mr-screening"))
    assert (answer.status_code, where(answer)) == (422, ["Parameters.parameter[2]"])
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"


@pytest.mark.parametrize("drafted", ["routine", "urgent", "asap"])
def test_a_priority_raised_by_hand_lifts_no_open_check(ward, drafted):
    draft, session = ward.draft(priority=drafted, blockers=("mr-screening",)), ward.session()
    assert session.revise(draft, priority="stat").status_code == 200
    answer = session.sign(draft, digest_of(session, draft, 2), override("mr-screening"), etag=2)
    assert (answer.status_code, codes(answer)) == (422, ["mr-screening"])
    assert "criteria made stat" in answer.json["issue"][0]["details"]["text"]
    assert ward.read("ServiceRequest", draft).content["status"] == "draft"
    page = session.page(f"/inbox/drafts/{draft}").text
    assert "Reason to sign in spite of" not in page
    assert "Signing opens when" in page


def test_a_stat_draft_that_was_lowered_and_raised_again_is_the_criterias_own(ward):
    draft, session = ward.draft(blockers=("mr-screening",)), ward.session()
    assert session.revise(draft, priority="urgent").status_code == 200
    assert session.revise(draft, etag=2, priority="stat").status_code == 200
    answer = session.sign(draft, digest_of(session, draft, 3), override("mr-screening"), etag=3)
    assert answer.status_code == 200


def test_a_check_that_was_answered_opens_a_draft_that_was_raised_by_hand(ward):
    draft, session = ward.draft(priority="routine", blockers=("mr-screening",)), ward.session()
    assert session.revise(draft, priority="stat").status_code == 200
    answered = session.act(f"ServiceRequest/{draft}/$record-screening", {"name": "mr", "valueCode": "no"}, etag=2)
    assert answered.status_code == 200
    assert session.sign(draft, digest_of(session, draft, 3), etag=3).status_code == 200


# -- what a revision may change


def test_a_revision_that_changes_nothing_is_refused(ward):
    draft, session = ward.draft(), ward.session()
    whole = session.browser.get(f"/fhir/ServiceRequest/{draft}").json
    for change in (whole, {"priority": "stat"}, {"code": whole["code"]}, {"note": whole["note"]}, {}):
        answer = session.revise(draft, **change)
        assert (answer.status_code, codes(answer)) == (422, ["nothing-changed"])
    assert ward.read("ServiceRequest", draft).version == 1
    assert ward.find("Provenance", target=f"ServiceRequest/{draft}") == []


def test_the_whole_draft_as_read_may_come_back_with_its_changes(ward):
    draft, session = ward.draft(), ward.session()
    whole = session.browser.get(f"/fhir/ServiceRequest/{draft}").json
    answer = session.revise(draft, **whole | {"priority": "asap"})
    assert (answer.status_code, answer.json["priority"]) == (200, "asap")
    changed = {name for name in answer.json if answer.json[name] != whole.get(name)}
    assert changed == {"priority", "meta"}


@pytest.mark.parametrize(
    "change",
    [
        {"id": "another"},
        {"meta": {"tag": [{"system": "http://x.example", "code": "x"}]}},
        {"meta": {"versionId": "7"}},
        {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}},
        {"extension": [{"url": "http://x.example/e", "valueString": "x"}]},
        {"identifier": [{"system": f"{B}/order", "value": "another"}]},
        {"contained": [{"resourceType": "Organization", "id": "o", "name": "x"}], "performer": [{"reference": "#o"}]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_element_that_cannot_be_revised_is_named(ward, change):
    draft, session = ward.draft(), ward.session()
    answer = session.revise(draft, priority="asap", **change)
    assert (answer.status_code, set(codes(answer))) == (422, {"revision"})
    assert f"Parameters.parameter[0].resource.{next(iter(change))}" in where(answer)
    assert ward.read("ServiceRequest", draft).version == 1


def test_every_element_that_cannot_be_revised_is_named_at_once(ward):
    answer = ward.session().revise(ward.draft(), status="active", intent="plan", priority="asap")
    assert sorted(where(answer)) == [f"Parameters.parameter[0].resource.{name}" for name in ("intent", "status")]


OTHER = {"system": LOINC, "code": "24968-0"}
KEY = {"system": f"{B}/CodeSystem/order-key", "code": "MRI_L_WO"}
OWN = {"system": LOINC, "code": "30679-5"}


@pytest.mark.parametrize(
    "code",
    [
        {"text": "x"},
        {"coding": [KEY]},
        {"coding": [OWN, OTHER]},
        {"coding": [{"system": LOINC, "code": "24965-6"}]},
        {"coding": [{"system": "http://x.example", "code": "30679-5"}]},
        {"coding": [{"code": "30679-5"}]},
        {"coding": [OTHER, KEY | {"code": "CTM_L"}]},
        {"coding": [OWN, KEY], "text": "CT of the head"},
    ],
)
def test_a_code_outside_the_orders_value_set_is_refused(ward, code):
    draft, session = ward.draft(), ward.session()
    answer = session.revise(draft, priority="asap", code=code)
    assert (answer.status_code, codes(answer)) == (422, ["order-code"])
    assert where(answer)[0].startswith("Parameters.parameter[0].resource.code")
    assert ward.read("ServiceRequest", draft).version == 1


@pytest.mark.parametrize("code", [{"coding": [OTHER]}, {"coding": [OTHER, KEY], "text": "MRI of the lumbar spine"}])
def test_another_code_of_the_value_set_brings_its_own_words_and_keeps_the_order_key(ward, code):
    answer = ward.session().revise(ward.draft(), code=code)
    assert answer.status_code == 200, answer.data
    assert answer.json["code"] == {"coding": [OTHER | {"display": "MR Lumbar spine"}, KEY], "text": "MR Lumbar spine"}


@pytest.mark.parametrize(
    "reference", ["Practitioner?identifier=x|y", "urn:uuid:6f2b6c1e-7d0d-4c55-9d43-0d9a3f1c2b11", "foo"]
)
def test_a_performer_is_named_plainly(ward, reference):
    draft, session = ward.draft(), ward.session()
    answer = session.revise(draft, performer=[{"display": "Radiology"}, {"reference": reference}])
    assert answer.status_code in {400, 422}
    assert where(answer) == ["Parameters.parameter[0].resource.performer[1].reference"]
    assert ward.read("ServiceRequest", draft).version == 1


@pytest.mark.parametrize(
    "performer",
    [
        {"reference": "Practitioner/123"},
        {"reference": "Organization/radiology", "display": "Radiology"},
        {"reference": "https://ehr.north.example/fhir/HealthcareService/mri"},
        {"identifier": {"system": "https://north.example/units", "value": "mri"}},
        {"display": "Radiology North"},
    ],
)
def test_a_plain_performer_is_taken_and_what_results_is_valid(ward, built, performer):
    draft, session = ward.draft(), ward.session()
    note = [{"text": "Claustrophobic"}, {"text": "Claustrophobic"}]
    answer = session.revise(draft, performer=[performer], note=note)
    assert (answer.status_code, answer.json["performer"]) == (200, [performer])
    assert [each["text"] for each in answer.json["note"][1:]] == ["Claustrophobic"]
    assert session.sign(draft, digest_of(session, draft, 2), etag=2).status_code == 200
    assert built.intake.whole().check_r4(dict(ward.read("ServiceRequest", draft).content)) == []


def test_an_outcome_in_free_words_is_kept_as_said_and_what_results_is_valid(ward, built):
    task, words = ward.review(), "Seen  today.\nNo numbness"
    answer = ward.session().act(f"Task/{task}/$complete", {"name": "outcome", "valueString": words}, etag=1)
    assert (answer.status_code, answer.json["output"][0]["valueString"]) == (200, words)
    assert built.intake.whole().check_r4(answer.json) == []
    assert "No numbness" in ward.session().page(f"/inbox/reviews/{task}").text


def test_a_draft_as_the_criteria_write_it_may_come_back_whole(ward):
    written = dry_run(ward.house, patient(id="p1"), intake_form(id="f1")).json["entry"]
    drafts = [entry["resource"] for entry in written if entry["resource"]["resourceType"] == "ServiceRequest"]
    session, guidance = ward.session(), ward.guidance()
    assert len(drafts) > 1
    for draft in drafts:
        local = f"ServiceRequest/{draft['id']}"
        ward.store(draft)
        ward.task("approve", local, guidance, priority=draft["priority"])
        whole = session.browser.get(f"/fhir/{local}").json
        assert codes(session.revise(draft["id"], **whole)) == ["nothing-changed"]
        noted = session.revise(draft["id"], **whole | {"note": [*whole["note"], {"text": "Seen"}]})
        assert (noted.status_code, noted.json["note"][:-1]) == (200, whole["note"])
