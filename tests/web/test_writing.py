"""Create, update, conditions, versions, the same request again: what a caller of one resource can rely on."""

import threading

import pytest

from fhir_svc.orders.identity import derived
from fhir_svc.store import resources, work
from tests.web.cast import EHR, MRN, codes, intake_form, observation, patient, transaction

BASE = "http://localhost/fhir"


def guidance_of(answer):
    """The id that the caller is told to poll."""
    link = answer.headers["Link"]
    assert link.endswith('>; rel="monitor"')
    return link.partition(">")[0].rpartition("/")[2]


def due(house):
    with house.database.transaction() as tx:
        return work.due(tx, 100)


def test_a_form_is_stored_and_its_evaluation_can_be_polled(house):
    answer = house.call("POST", "/fhir/QuestionnaireResponse", intake_form())
    assert answer.status_code == 201
    stored = answer.json
    assert answer.headers["Location"] == f"{BASE}/QuestionnaireResponse/{stored['id']}/_history/1"
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"].endswith("GMT")
    guidance = house.call("GET", f"/fhir/GuidanceResponse/{guidance_of(answer)}").json
    assert guidance["status"] == "in-progress"
    assert guidance["subject"] == {"reference": "Patient/p1"}
    assert guidance["moduleCanonical"].startswith("https://example.org/fhir-svc/PlanDefinition/lbp-lss|")
    assert guidance["requestIdentifier"]["value"]
    assert guidance["occurrenceDateTime"].endswith("Z")
    assert [(kind, urgent) for _, kind, urgent in due(house)] == [("evaluate", True)]


def test_what_is_created_in_progress_is_valid_fhir(house, built):
    answer = house.call("POST", "/fhir/Observation", observation())
    guidance = house.call("GET", f"/fhir/GuidanceResponse/{guidance_of(answer)}").json
    assert built.intake.whole().check(guidance) == []


def test_the_decimals_and_extensions_sent_are_the_ones_served(house):
    raw = (
        b'{"resourceType":"Observation","status":"final","_status":{"extension":[{"url":"https://x.example/f","valueCode":"y"}]},"code":{"text":"x"},'
        b'"subject":{"reference":"Patient/p1"},"extension":[{"url":"https://x.example/e","valueDecimal":1.10}],'
        b'"valueQuantity":{"value":82.50}}'
    )
    answer = house.call("POST", "/fhir/Observation", raw)
    assert answer.status_code == 201
    for part in (
        b'"value":82.50',
        b'"valueDecimal":1.10',
        b'"_status":{"extension":[{"url":"https://x.example/f","valueCode":"y"}]}',
    ):
        assert part in answer.data


def test_what_comes_back_is_what_is_read_afterwards(house):
    for method, path, body in (
        ("POST", "/fhir/Observation", observation()),
        ("PUT", "/fhir/Observation/o1", observation(id="o1")),
        ("PUT", "/fhir/Observation/o1", observation(id="o1", status="amended")),
        ("PUT", "/fhir/Observation/o1", observation(id="o1", status="amended")),
    ):
        answer = house.call(method, path, body)
        place = answer.headers["Location"].removeprefix("http://localhost")
        assert house.call("GET", place).data == answer.data


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        (None, "Observation"),
        ("return=representation", "Observation"),
        ("return=minimal", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("handling=strict, return=minimal", None),
        ("return=nonsense", "Observation"),
    ],
)
def test_the_caller_says_what_comes_back(house, prefer, kind):
    answer = house.call("POST", "/fhir/Observation", observation(), headers={"Prefer": prefer} if prefer else {})
    assert answer.status_code == 201
    assert (answer.json["resourceType"] if answer.data else None) == kind
    assert answer.headers["Location"]


def test_the_same_post_again_gets_the_same_answer_and_no_second_evaluation(house):
    first = house.call("POST", "/fhir/Observation", observation())
    again = house.call("POST", "/fhir/Observation", observation())
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert again.headers["Link"] == first.headers["Link"]
    assert len(due(house)) == 1


def test_fifty_copies_at_once_make_one_resource(house):
    places = []
    house.bearer()

    def post():
        answer = house.call("POST", "/fhir/QuestionnaireResponse", intake_form())
        places.append((answer.status_code, answer.headers["Location"]))

    threads = [threading.Thread(target=post) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(places) == 50
    assert len(set(places)) == 1
    assert house.call("GET", "/fhir/QuestionnaireResponse").json["total"] == 1
    assert len(due(house)) == 1


def test_fifty_conditional_creates_at_once_make_one_resource(house):
    house.bearer()
    statuses = []

    def post(number):
        body = observation(identifier=[{"system": "https://x.example", "value": "1"}], note=[{"text": str(number)}])
        answer = house.call(
            "POST", "/fhir/Observation", body, headers={"If-None-Exist": "identifier=https://x.example|1"}
        )
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 49 + [201]
    assert house.call("GET", "/fhir/Observation").json["total"] == 1


def test_an_idempotency_key_is_kept_to_its_content(house):
    key = {"Idempotency-Key": "order-7"}
    first = house.call("POST", "/fhir/Observation", observation(), headers=key)
    assert (
        house.call("POST", "/fhir/Observation", observation(), headers=key).headers["Location"]
        == (first.headers["Location"])
    )
    other = house.call("POST", "/fhir/Observation", observation(status="amended"), headers=key)
    assert (other.status_code, codes(other)) == (409, ["idempotency-key-reused"])
    another = house.call("POST", "/fhir/Observation", observation(), client="south-ehr", headers=key)
    assert another.headers["Location"] != first.headers["Location"]


def test_equal_content_is_stored_once_whatever_key_it_comes_under(house):
    def post(key):
        headers = {"Idempotency-Key": key} if key else {}
        return house.call("POST", "/fhir/Observation", observation(), headers=headers)

    answers = [post(key) for key in ("a", "b", None, "a")]
    assert {(answer.status_code, answer.headers["Location"], answer.headers["Link"]) for answer in answers} == {
        (201, answers[0].headers["Location"], answers[0].headers["Link"])
    }
    assert house.call("GET", "/fhir/Observation?_summary=count").json["total"] == 1
    for key in ("a", "b"):
        other = house.call("POST", "/fhir/Observation", observation(status="amended"), headers={"Idempotency-Key": key})
        assert other.status_code == 409


def test_a_precondition_that_nothing_meets_is_refused_and_named(house):
    for header, value in (("If-Match", "*"), ("If-Match", 'W/"1"')):
        answer = house.call("PUT", "/fhir/Observation/o1", observation(id="o1"), headers={header: value})
        assert (answer.status_code, answer.json["issue"][0]["expression"]) == (412, [f"http.{header}"])
    assert house.call("GET", "/fhir/Observation/o1").status_code == 404


def test_what_names_no_type_is_told_so_once(house):
    for method, path in (("POST", "/fhir/Observation"), ("PUT", "/fhir/Observation/o1")):
        answer = house.call(method, path, {})
        assert answer.status_code == 400
        assert [one["expression"] for one in answer.json["issue"]] == [["Observation.resourceType"]]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "place"),
    [
        ("POST", "/fhir/Observation", {}, b"{,}", "Observation"),
        ("POST", "/fhir", {}, b'{"resourceType": "Bundle", "resourceType": "Bundle"}', "Bundle"),
        ("POST", "/fhir/$submit", {}, b'{"total": NaN}', "Bundle"),
        ("POST", "/fhir/Observation", {"Content-Type": "text/plain"}, b"{}", "http.Content-Type"),
        ("POST", "/fhir/Observation", {"Content-Encoding": "gzip"}, b"{}", "http.Content-Encoding"),
        ("GET", "/fhir/Observation", {"Accept": "text/html"}, None, "http.Accept"),
        ("GET", "/fhir/Observation?date=x", {}, None, "http.date"),
        ("GET", "/fhir/Observation?_lastUpdated=x", {}, None, "http._lastUpdated"),
        ("GET", "/fhir/Observation?status:sounds=x", {}, None, "http.status"),
        ("GET", "/fhir/Observation?_sort=colour", {}, None, "http._sort"),
        ("GET", "/fhir/Observation?_count=x", {}, None, "http._count"),
        ("GET", "/fhir/Observation?_page=x", {}, None, "http._page"),
    ],
)
def test_every_refusal_says_where(house, method, path, headers, body, place):
    answer = house.call(method, path, body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert [one["expression"] for one in answer.json["issue"]] == [[place]]


def test_an_update_creates_then_versions_then_does_nothing(house):
    put = lambda **changes: house.call("PUT", "/fhir/Observation/o1", observation(id="o1", **changes))  # noqa: E731
    assert (first := put()).status_code == 201
    assert first.headers["Location"] == f"{BASE}/Observation/o1/_history/1"
    changed = put(status="amended")
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    assert guidance_of(changed) != guidance_of(first)
    same = put(status="amended")
    assert (same.status_code, same.headers["ETag"], same.headers.get("Link")) == (200, 'W/"2"', None)
    back = put()
    assert (back.status_code, back.headers["ETag"]) == (200, 'W/"3"')
    assert len(due(house)) == 3


def test_if_match_must_name_the_current_version(house):
    put = lambda match, **changes: house.call(  # noqa: E731
        "PUT", "/fhir/Observation/o1", observation(id="o1", **changes), headers={"If-Match": match}
    )
    missing = put('W/"1"')
    assert (missing.status_code, codes(missing)) == (412, ["version-conflict"])
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    assert put('W/"1"', status="amended").status_code == 200
    assert put('W/"1"', status="corrected").status_code == 412
    assert put("nonsense").status_code == 400


def test_a_late_version_is_kept_but_not_current_and_not_evaluated(house):
    put = lambda at, status: house.call(  # noqa: E731
        "PUT", "/fhir/Observation/o1", observation(id="o1", status=status, meta={"lastUpdated": at})
    )
    put("2026-03-02T00:00:00Z", "amended")
    late = put("2026-03-01T00:00:00Z", "final")
    assert (late.status_code, late.headers.get("Link")) == (200, None)
    assert house.call("GET", "/fhir/Observation/o1").json["status"] == "amended"
    assert len(house.call("GET", "/fhir/Observation/o1/_history").json["entry"]) == 2
    assert len(due(house)) == 1


def test_versions_are_read_and_listed(house):
    for status in ("final", "amended"):
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1", status=status))
    assert house.call("GET", "/fhir/Observation/o1/_history/1").json["status"] == "final"
    assert house.call("GET", "/fhir/Observation/o1/_history/2").json["status"] == "amended"
    assert house.call("GET", "/fhir/Observation/o1/_history/3").status_code == 404
    listed = house.call("GET", "/fhir/Observation/o1/_history").json
    assert (listed["type"], listed["total"]) == ("history", 2)
    assert [entry["resource"]["meta"]["versionId"] for entry in listed["entry"]] == ["2", "1"]


def test_what_the_caller_has_already_is_not_sent_again(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    answer = house.call("GET", "/fhir/Observation/o1", headers={"If-None-Match": 'W/"1"'})
    assert (answer.status_code, answer.data) == (304, b"")
    assert house.call("GET", "/fhir/Observation/o1", headers={"If-None-Match": 'W/"2"'}).status_code == 200


def test_a_conditional_update_finds_makes_or_refuses(house):
    known = {"identifier": [{"system": "https://x.example", "value": "1"}]}
    place = "/fhir/Observation?identifier=https://x.example|1"
    assert house.call("PUT", place, observation(**known)).status_code == 201
    again = house.call("PUT", place, observation(status="amended", **known))
    assert (again.status_code, again.headers["ETag"]) == (200, 'W/"2"')
    house.call("PUT", "/fhir/Observation/o2", observation(id="o2", **known))
    several = house.call("PUT", place, observation(status="corrected", **known))
    assert (several.status_code, several.json["issue"][0]["code"]) == (412, "multiple-matches")


def test_a_conditional_create_refuses_what_it_cannot_look_up(house):
    for condition in ("nonsense=1", "", "?"):
        answer = house.call("POST", "/fhir/Observation", observation(), headers={"If-None-Exist": condition})
        assert answer.status_code == 400, condition
    assert house.rows("resources") == 0


def test_a_known_person_becomes_the_next_version_of_the_stored_patient(house):
    first = house.call("POST", "/fhir/Patient", patient())
    again = house.call("POST", "/fhir/Patient", patient(gender="other"))
    assert (again.status_code, again.json["id"]) == (200, first.json["id"])
    assert again.headers["ETag"] == 'W/"2"'
    other = house.call("POST", "/fhir/Patient", patient("99999"))
    assert other.json["id"] != first.json["id"]


def test_a_person_who_matches_two_patients_is_refused(house):
    house.call("PUT", "/fhir/Patient/a", patient("1", id="a"))
    house.call("PUT", "/fhir/Patient/b", patient("2", id="b"))
    both = [{"system": MRN, "value": "1"}, {"system": MRN, "value": "2"}]
    answer = house.call("POST", "/fhir/Patient", patient() | {"identifier": both})
    assert answer.status_code == 409
    assert answer.json["issue"][0]["code"] == "conflict"


def test_a_second_id_of_a_known_person_means_that_person_from_then_on(house):
    house.call("PUT", "/fhir/Patient/a", patient("1", id="a"))
    house.call("PUT", "/fhir/Patient/b", patient("1", id="b"))
    answer = house.call("POST", "/fhir/Observation", observation("Patient/b"))
    guidance = house.call("GET", answer.headers["Link"].partition("<")[2].partition(">")[0].partition("localhost")[2])
    assert guidance.json["subject"]["reference"] == "Patient/a"


def test_an_unregistered_identifier_names_nobody(house):
    elsewhere = {"identifier": [{"system": "https://elsewhere.example", "value": "1"}]}
    first = house.call("POST", "/fhir/Patient", patient() | elsewhere)
    second = house.call("POST", "/fhir/Patient", patient(gender="male") | elsewhere)
    assert first.json["id"] != second.json["id"]


def replaced(id_, other, number):
    link = [{"type": "seealso", "other": {"reference": "Patient/z"}}]
    link += [{"type": "replaced-by", "other": {"reference": f"Patient/{other}"}}] if other else []
    return patient(number, id=id_, link=link)


@pytest.mark.parametrize(
    "links",
    [
        [("a", "a")],
        [("a", "b"), ("b", "a")],
        [("a", "b"), ("b", "c"), ("c", "a")],
    ],
)
def test_a_patient_is_not_replaced_by_whom_it_replaces(house, links):
    *before, (last, other) = links
    house.call("PUT", f"/fhir/Patient/{last}", replaced(last, None, f"1{last}"))
    for id_, into in before:
        assert house.call("PUT", f"/fhir/Patient/{id_}", replaced(id_, into, f"1{id_}")).status_code == 201
    answer = house.call("PUT", f"/fhir/Patient/{last}", replaced(last, other, f"1{last}"))
    assert (answer.status_code, codes(answer)) == (422, ["link-circle"])
    assert answer.json["issue"][0]["expression"] == ["Patient.link[1].other"]
    kept = house.call("GET", f"/fhir/Patient/{last}").json["link"]
    assert [one["type"] for one in kept] == ["seealso"]


def test_a_reference_under_the_ehrs_own_address_means_its_patient(house):
    answer = house.call("POST", "/fhir/Observation", observation(f"{EHR}/Patient/p7"))
    assert answer.status_code == 201
    assert house.call("GET", "/fhir/Observation?patient=p7").json["total"] == 1


def test_a_subject_known_by_identifier_must_be_known(house):
    by_identifier = {"subject": {"identifier": {"system": MRN, "value": "12345"}}}
    unknown = house.call("POST", "/fhir/Observation", observation() | by_identifier)
    assert unknown.status_code == 422
    stored = house.call("POST", "/fhir/Patient", patient()).json
    assert house.call("POST", "/fhir/Observation", observation() | by_identifier).status_code == 201
    assert house.call("GET", f"/fhir/Observation?patient={stored['id']}").json["total"] == 1


def test_a_status_url_answers_once_the_evaluation_is_done(house):
    answer = house.call("POST", "/fhir/Observation", observation(), headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.data) == (202, b"")
    place = answer.headers["Content-Location"].removeprefix("http://localhost")
    waiting = house.call("GET", place)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "2")
    with house.database.transaction() as tx:
        guidance = resources.read(tx, "north", "GuidanceResponse", guidance_of(answer))
        resources.put(tx, "north", {**guidance.content, "status": "success"}, patient="p1", ours=True)
    done = house.call("GET", place)
    assert (done.status_code, done.json["resourceType"]) == (200, "Observation")
    assert done.headers["Location"]
    assert house.call("GET", place, client="south-ehr").status_code == 404


def test_what_the_service_wrote_itself_is_not_overwritten(house):
    ours = observation(id="derived")
    with house.database.transaction() as tx:
        resources.create(tx, "north", ours, patient="p1", ours=True)
    answer = house.call("PUT", "/fhir/Observation/derived", ours | {"status": "cancelled"})
    assert (answer.status_code, codes(answer)) == (409, ["ours"])


@pytest.fixture
def draft(house):
    """A draft of the service's own."""
    order = {
        "resourceType": "ServiceRequest",
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "priority": "stat",
        "identifier": [{"system": "https://example.org/fhir-svc/order", "value": "v1"}],
        "subject": {"reference": "Patient/p1"},
        "code": {"text": "MRI"},
    }
    with house.database.transaction() as tx:
        resources.create(tx, "north", order, patient="p1", ours=True)
    return order


def test_an_order_of_ours_that_comes_back_is_no_other_order(house, draft):
    echoed = house.call("PUT", "/fhir/ServiceRequest/d1", draft)
    assert (echoed.status_code, echoed.headers["ETag"], echoed.headers.get("Link")) == (200, 'W/"1"', None)
    renamed = house.call("POST", "/fhir/ServiceRequest", {**draft, "id": "e77"})
    assert (renamed.status_code, renamed.headers["Location"]) == (200, f"{BASE}/ServiceRequest/d1/_history/1")
    assert house.call("GET", "/fhir/ServiceRequest").json["total"] == 1
    assert due(house) == []


def test_a_draft_changed_in_the_ehr_is_refused_and_a_physician_is_told_once(house, draft):
    for _ in range(2):
        answer = house.call("PUT", "/fhir/ServiceRequest/d1", draft | {"status": "active"})
        assert (answer.status_code, codes(answer)) == (409, ["draft-changed-elsewhere"])
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["status"] == "draft"
    tasks = house.call("GET", "/fhir/Task").json
    assert tasks["total"] == 1
    (task,) = [entry["resource"] for entry in tasks["entry"]]
    assert task["focus"] == {"reference": "ServiceRequest/d1"}  # no evaluation of ours is known that made it
    assert task["basedOn"] == [{"reference": "ServiceRequest/d1"}]
    assert "unsigned draft" in task["description"]
    assert task["restriction"]["period"]["end"] > task["authoredOn"]


def test_the_review_of_a_draft_changed_in_the_ehr_points_to_the_evaluation_that_made_it(house, draft):
    guidance = {"reference": "GuidanceResponse/g1"}
    approval = {
        "resourceType": "Task",
        "id": derived("Task", "approve", "d1"),
        "status": "requested",
        "intent": "order",
    }
    with house.database.transaction() as tx:
        resources.create(tx, "north", approval | {"reasonReference": guidance}, patient="p1", ours=True)
    for status in ("active", "active", "revoked"):
        house.call("PUT", "/fhir/ServiceRequest/d1", draft | {"status": status})
    found = [entry["resource"] for entry in house.call("GET", "/fhir/Task").json["entry"]]
    reviews = [task for task in found if task["id"] != approval["id"]]
    assert [(task["focus"], task["reasonReference"]) for task in reviews] == [(guidance, guidance)] * 2


def test_a_draft_changed_in_the_ehr_is_left_out_of_a_submitted_record(house, draft):
    record = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": {**draft, "status": "active"}}, {"resource": observation(id="o1")}],
    }
    answer = house.call("POST", "/fhir/$submit", record)
    assert answer.status_code == 200
    assert [issue["details"]["coding"][0]["code"] for issue in answer.json["issue"]] == [
        "draft-changed-elsewhere",
        "stored",
    ]
    assert house.call("GET", "/fhir/Task").json["total"] == 1


def test_a_signed_order_takes_over_what_the_ehr_reports(house, draft):
    with house.database.transaction() as tx:
        resources.change(tx, "north", draft | {"status": "active"}, version=1, statuses={"draft"})
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", draft | {"status": "completed"})
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"3"')
    assert house.call("GET", "/fhir/ServiceRequest/d1").json["status"] == "completed"
    assert len(due(house)) == 1


def test_an_identifier_of_ours_that_we_never_gave_is_refused(house, draft):
    forged = {**draft, "identifier": [{"system": "https://example.org/fhir-svc/order", "value": "other"}]}
    answer = house.call("POST", "/fhir/ServiceRequest", {name: v for name, v in forged.items() if name != "id"})
    assert (answer.status_code, codes(answer)) == (422, ["unknown-order"])


def test_the_bytes_received_are_kept(house):
    raw = (
        b' {"resourceType":"Observation",  "status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"}}\n'
    )
    assert house.call("POST", "/fhir/Observation", raw).status_code == 201
    with house.database.reading() as tx:
        assert tx.exec_driver_sql("SELECT raw FROM submissions").scalar_one() == raw


def test_create_only_never_overwrites(house):
    only_new = {"If-None-Match": "*"}
    first = house.call("PUT", "/fhir/Patient/a", patient("1", id="a"), headers=only_new)
    again = house.call("PUT", "/fhir/Patient/a", patient("1", id="a", gender="male"), headers=only_new)
    assert [first.status_code, again.status_code] == [201, 412]
    assert house.call("GET", "/fhir/Patient/a").json["gender"] == "female"


def test_options_answer_without_a_page(house):
    answer = house.call("OPTIONS", "/fhir/Patient")
    assert answer.status_code == 200
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "headers", "place"),
    [
        ("POST", "/fhir/Patient", {"If-None-Exist": "bogus=1"}, ["http.If-None-Exist"]),
        ("PUT", "/fhir/Patient?gender=male", {}, None),
    ],
)
def test_a_condition_that_is_not_supported_is_no_fault_of_the_body(house, method, path, headers, place):
    answer = house.call(method, path, patient(), headers=headers)
    assert (answer.status_code, codes(answer)) == (400, ["unsupported-parameter"])
    assert answer.json["issue"][0]["code"] == "not-supported"
    assert answer.json["issue"][0].get("expression") == place


def test_a_condition_of_an_entry_is_located_in_its_request(house):
    bundle = transaction(("PUT", "Patient?gender=male", patient()))
    answer = house.call("POST", "/fhir", bundle)
    assert answer.json["issue"][0]["expression"] == ["Bundle.entry[0].request.url"]


@pytest.mark.parametrize("bundled", [False, True])
def test_a_conditional_update_keeps_the_id_that_it_brings(house, bundled):
    known = {"identifier": [{"system": "https://x.example", "value": "1"}]}
    place = "Observation?identifier=https://x.example|1"

    def put(**changes):
        resource = observation(**known) | changes
        if bundled:
            return house.call("POST", "/fhir", transaction(("PUT", place, resource)))
        return house.call("PUT", f"/fhir/{place}", resource)

    assert put(id="mine").status_code == (200 if bundled else 201)
    assert house.call("GET", "/fhir/Observation/mine").status_code == 200
    other = put(id="other", status="amended")
    assert (other.status_code, codes(other)) == (400, ["resource-id-mismatch"])
    assert put(id="mine", status="amended").status_code == 200
    assert put(status="corrected").status_code == 200
    assert house.call("GET", "/fhir/Observation/mine").json["status"] == "corrected"
    assert house.call("GET", "/fhir/Observation").json["total"] == 1


def test_a_conditional_update_never_overwrites_what_its_condition_does_not_match(house):
    house.call("PUT", "/fhir/Observation/mine", observation(id="mine"))
    place = "/fhir/Observation?identifier=https://x.example|1"
    answer = house.call("PUT", place, observation(id="mine", status="amended"))
    assert (answer.status_code, codes(answer)) == (409, ["conflict"])


UCUM = "http://unitsofmeasure.org"


def measured(value, unit="Cel", code="8310-5", **more):
    quantity = {"value": value, "unit": unit, "system": UCUM, "code": unit} | more
    return observation(code={"coding": [{"system": "http://loinc.org", "code": code}]}, valueQuantity=quantity)


def _without_value(given):
    return {name: value for name, value in given.items() if name != "valueQuantity"}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (measured(38.5), []),
        (measured(101, "[degF]"), []),
        (measured(311, "K"), []),
        (measured(38.5, "furlong"), ["value-not-used"]),
        (measured(38.5, comparator="<"), ["value-not-used"]),
        (measured(385), ["value-not-used"]),
        (_without_value(measured(38.5)), ["value-not-used"]),
        (measured(80, "kg", "29463-7"), []),
        (measured(12, "stone", "29463-7"), ["value-not-used"]),
        (measured(12, "furlong", "8302-2"), []),
        (measured(38.5, "furlong") | {"status": "entered-in-error"}, []),
    ],
)
def test_whoever_sends_a_value_that_the_criteria_can_not_use_is_told_and_it_is_kept(house, given, told):
    prefer = {"Prefer": "return=OperationOutcome"}
    answer = house.call("POST", "/fhir/Observation", given, headers=prefer)
    assert answer.status_code == 201
    assert codes(answer) == ["stored", *told]
    bundle = house.call("POST", "/fhir", transaction(("POST", "Observation", given | {"note": [{"text": "again"}]})))
    (issues,) = [one["response"]["outcome"]["issue"] for one in bundle.json["entry"]]
    assert [issue["details"]["coding"][0]["code"] for issue in issues] == ["stored", *told]
    for one, place in ((answer.json["issue"], "Observation"), (issues, "Bundle.entry[0].resource")):
        assert [(issue["code"], issue["expression"]) for issue in one[1:]] == [
            ("informational", [f"{place}.value"]) for _ in told
        ]


def test_whoever_sends_a_late_version_is_told_unless_they_asked_for_something_else(house):
    def put(at, status, **headers):
        body = observation(id="o1", status=status, meta={"lastUpdated": at})
        return house.call("PUT", "/fhir/Observation/o1", body, headers=headers)

    put("2026-03-02T00:00:00Z", "amended")
    told = put("2026-03-01T00:00:00Z", "final")
    assert (told.status_code, codes(told)) == (200, ["stored-late"])
    shown = put("2026-02-01T00:00:00Z", "preliminary", Prefer="return=representation")
    assert shown.json["status"] == "preliminary"


@pytest.mark.parametrize(
    "change",
    [
        {"priority": "routine"},
        {"priority": None},
        {"code": {"text": "CT"}},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "24968-5"}]}},
        {"requester": {"reference": "Practitioner/forged"}},
    ],
)
def test_what_is_ours_in_a_draft_is_not_changed_elsewhere_unnoticed(house, draft, change):
    copy = {name: value for name, value in (draft | change).items() if value is not None}
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", copy)
    assert (answer.status_code, codes(answer)) == (409, ["draft-changed-elsewhere"])
    assert answer.json["issue"][0]["expression"] == [f"ServiceRequest.{next(iter(change))}"]
    assert house.call("GET", "/fhir/ServiceRequest/d1").headers["ETag"] == 'W/"1"'
    assert house.call("GET", "/fhir/Task").json["total"] == 1


def test_what_an_ehr_adds_to_its_copy_of_a_draft_is_no_change(house, draft):
    added = {
        "meta": {"versionId": "7", "tag": [{"system": "https://ehr.example/tag", "code": "seen"}]},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">MRI</div>'},
    }
    answer = house.call("PUT", "/fhir/ServiceRequest/d1", draft | added)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1"')
    assert house.call("GET", "/fhir/Task").json["total"] == 0


def test_a_long_history_is_read_in_pages(house):
    for number in range(5):
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1", note=[{"text": str(number)}]))
    path, seen = "/fhir/Observation/o1/_history?_count=2", []
    while path:
        page = house.call("GET", path).json
        assert page["total"] == 5
        assert len(page["entry"]) <= 2
        seen += [entry["resource"]["meta"]["versionId"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        path = links.get("next", "").removeprefix("http://localhost")
    assert seen == ["5", "4", "3", "2", "1"]
    assert "entry" not in house.call("GET", "/fhir/Observation/o1/_history?_count=0").json
    assert house.call("GET", "/fhir/Observation/o1/_history?_count=x").status_code == 400
    house.call("PUT", "/fhir/Observation/o2", observation(id="o2"))
    forged = links_of(house, "o1")["next"].replace("/o1/", "/o2/")
    assert house.call("GET", forged).status_code == 400


def links_of(house, name):
    page = house.call("GET", f"/fhir/Observation/{name}/_history?_count=1").json
    return {link["relation"]: link["url"].removeprefix("http://localhost") for link in page["link"]}


def test_a_history_is_asked_for_since_a_moment(house):
    for status in ("preliminary", "final", "amended"):
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1", status=status))
    versions = house.call("GET", "/fhir/Observation/o1/_history").json["entry"]
    since = versions[1]["resource"]["meta"]["lastUpdated"]
    path, seen = f"/fhir/Observation/o1/_history?_since={since}&_count=1", []
    while path:
        found = house.call("GET", path).json
        seen += [entry["resource"]["meta"]["versionId"] for entry in found["entry"]]
        assert found["total"] == 2
        following = (link["url"] for link in found["link"] if link["relation"] == "next")
        path = next(following, "").removeprefix("http://localhost")
    assert seen == ["3", "2"]
    assert house.call("GET", "/fhir/Observation/o1/_history?_since=2999-01-01T00:00:00Z").json["total"] == 0
    assert house.call("GET", "/fhir/Observation/o1/_history?_since=yesterday").status_code == 400


@pytest.mark.parametrize("kind", ["single", "transaction", "submit"])
def test_what_is_moved_to_another_patient_is_evaluated_for_both(house, kind):
    form = intake_form(id="q1")
    house.call("PUT", "/fhir/QuestionnaireResponse/q1", form)
    moved = form | {"subject": {"reference": "Patient/p2"}}
    if kind == "single":
        answer = house.call("PUT", "/fhir/QuestionnaireResponse/q1", moved)
    elif kind == "transaction":
        answer = house.call("POST", "/fhir", transaction(("PUT", "QuestionnaireResponse/q1", moved)))
    else:
        answer = house.call(
            "POST", "/fhir/$submit", {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": moved}]}
        )
    assert answer.status_code == 200
    with house.database.reading() as tx:
        rows = tx.exec_driver_sql("SELECT kind, patient, urgent FROM work WHERE state = 'due'").all()
    assert sorted(rows) == [("clock", "p1", True), ("evaluate", "p1", True), ("evaluate", "p2", True)]


def test_an_earlier_version_about_another_patient_tells_nothing_of_this_one(house):
    house.call("PUT", "/fhir/QuestionnaireResponse/q1", intake_form(id="q1"))
    house.call("PUT", "/fhir/QuestionnaireResponse/q1", intake_form("Patient/p2", id="q1", status="amended"))
    house.call("PUT", "/fhir/QuestionnaireResponse/q1", intake_form("Patient/p2", id="q1", status="completed"))
    with house.database.reading() as tx:
        seen = {name: resources.patient_record(tx, "north", name) for name in ("p1", "p2")}
    held = {name: [one.version for one in record.of("QuestionnaireResponse")] for name, record in seen.items()}
    assert held == {"p1": [], "p2": [3]}
    assert {name: [one.version for one in record.earlier] for name, record in seen.items()} == {"p1": [], "p2": [2]}


def test_a_patient_is_found_under_every_id_it_is_known_by(house):
    first = house.call("POST", "/fhir/Patient", patient())
    ours = first.json["id"]
    house.call("PUT", "/fhir/Observation/o1", observation(f"Patient/{ours}", id="o1"))
    assert house.call("PUT", "/fhir/Patient/e1", patient(id="e1", gender="male")).status_code == 200
    house.call("PUT", "/fhir/Observation/o2", observation("Patient/e1", id="o2"))
    for asked in (ours, "e1", "Patient/e1", f"Patient/{ours}", "e1,nobody", f"http://localhost/fhir/Patient/{ours}"):
        for name in ("patient", "subject"):
            if name == "subject" and "/" not in asked:
                continue
            found = house.call("GET", f"/fhir/Observation?{name}={asked}").json
            assert sorted(entry["resource"]["id"] for entry in found["entry"]) == ["o1", "o2"]
    read = house.call("GET", "/fhir/Patient/e1")
    assert (read.status_code, read.json["id"], read.json["gender"]) == (200, ours, "male")
    assert house.call("GET", "/fhir/Observation?patient=nobody").json["total"] == 0
