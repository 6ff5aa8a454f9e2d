"""U+0000, which PostgreSQL can't hold: refused on every way in, before anything is looked for or stored."""

import pytest

from tests.web.cast import codes, observation, transaction

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def places(answer):
    return [issue.get("expression") for issue in answer.json["issue"]]


@pytest.mark.parametrize(
    ("method", "path", "place"),
    [
        ("GET", "/fhir/Observation/a%00", "http"),
        ("GET", "/fhir/Observation/a%00/_history", "http"),
        ("GET", "/fhir/Observation/a/_history/%00", "http"),
        ("PUT", "/fhir/Observation/%00", "http"),
        ("POST", "/fhir/ServiceRequest/%00/$sign", "http"),
        ("GET", "/fhir/_async/%00", "http"),
        ("GET", "/fhir/Observation?code=%00", "http.code"),
        ("GET", "/fhir/Observation?patient:Patient=p%00", "http.patient"),
        ("GET", "/fhir/Observation?_id=a,%00", "http._id"),
        ("GET", "/fhir/Observation?se%00cret=x", "http"),
        ("GET", "/fhir/Observation?secret=%00", "http"),
        ("GET", "/fhir/Observation?_page=%00", "http._page"),
        ("GET", "/fhir/AuditEvent?agent=%00", "http.agent"),
        ("PUT", "/fhir/Observation?identifier=%00", "http.identifier"),
        ("GET", "/inbox/%00", "http"),
        ("GET", "/queue?of=%00", "http"),
        ("GET", "/login?next=%00", "http"),
        ("GET", "/nowhere%00", "http"),
    ],
)
def test_an_address_with_it_is_refused_and_the_place_named(house, method, path, place):
    answer = house.call(method, path, observation() if method != "GET" else None)
    assert (answer.status_code, codes(answer), places(answer)) == (400, ["value-invalid"], [[place]])
    assert answer.json["issue"][0]["code"] == "value"
    assert "secret" not in answer.text
    assert house.rows("resources") == 0


def test_a_header_with_it_is_refused(house):
    for name, value, place in (("If-None-Exist", "identifier=\0", "http.If-None-Exist"), ("X-Other", "\0", "http")):
        answer = house.call("POST", "/fhir/Observation", observation(), headers={name: value})
        assert (answer.status_code, codes(answer), places(answer)) == (400, ["value-invalid"], [[place]])
    assert house.rows("resources") == 0


@pytest.mark.parametrize(
    ("path", "fields", "place"),
    [
        ("/fhir/Observation/_search", "code=%00", "http.code"),
        ("/fhir/Observation/_search", "%00=x", "http"),
        ("/login", "username=%00&password=x", "http.username"),
        ("/login", "username=alice&password=%00", "http.password"),
    ],
)
def test_a_form_with_it_is_refused(house, path, fields, place):
    answer = house.call("POST", path, fields, headers=FORM)
    assert (answer.status_code, codes(answer), places(answer)) == (400, ["value-invalid"], [[place]])


def test_a_login_as_json_and_a_token_request_with_it_are_refused(house):
    json = {"Content-Type": "application/json", "Accept": "application/json"}
    answer = house.send("POST", "/login", {"username": "\0", "password": "x"}, json)
    assert (answer.status_code, codes(answer)) == (400, ["json-character"])
    answer = house.send("POST", "/auth/token", "grant_type=client_credentials&scope=%00", FORM)
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")


def test_a_form_is_still_read_no_further_than_its_route_takes(house):
    assert house.send("POST", "/login", "username=x&password=" + "x" * 20_000, FORM).status_code == 413
    assert house.call("POST", "/fhir/Observation", "code=" + "x" * 300_000, headers=FORM).status_code == 415


WHERE = "identifier=a|%00"


@pytest.mark.parametrize("kind", ["transaction", "batch"])
@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"request": {"method": "POST", "url": "Observation", "ifNoneExist": WHERE}}, "request.ifNoneExist"),
        ({"request": {"method": "PUT", "url": f"Observation?{WHERE}"}}, "request.url"),
        ({"request": {"method": "GET", "url": f"Observation?{WHERE}"}}, "request.url"),
        ({"request": {"method": "GET", "url": "Observation?se%00cret=1&code=1"}}, None),
        ({"resource": observation(f"Patient?{WHERE}")}, "resource.subject.reference"),
    ],
)
def test_a_condition_with_it_in_a_bundle_is_refused(house, kind, entry, place):
    entry = {"resource": observation(), "request": {"method": "POST", "url": "Observation"}} | entry
    if entry["request"]["method"] == "GET":
        del entry["resource"]
    body = transaction(kind=kind) | {"entry": [entry]}
    answer = house.call("POST", "/fhir", body)
    if place is None:  # what is not known is not looked for
        assert answer.status_code == 200
        return
    outcome = answer.json
    if kind == "batch":
        assert outcome["entry"][0]["response"]["status"].startswith("400")
        outcome = outcome["entry"][0]["response"]["outcome"]
    else:
        assert answer.status_code == 400
    (issue,) = outcome["issue"]
    assert issue["details"]["coding"][0]["code"] == "bad-search-value"
    assert issue["expression"] == [f"Bundle.entry[0].{place}"]
    assert house.rows("resources") == 0


def test_a_condition_with_it_alone_is_refused(house):
    refused = [
        house.call("POST", "/fhir/Observation", observation(), headers={"If-None-Exist": WHERE}),
        house.call("POST", "/fhir/Observation", observation(f"Patient?{WHERE}")),
    ]
    assert [(answer.status_code, codes(answer)) for answer in refused] == [(400, ["bad-search-value"])] * 2
    assert house.rows("resources") == 0
