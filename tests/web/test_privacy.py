"""Unique markers in every place a caller can write to, and none of them in logs, metrics, errors or the audit."""

import json

from tests.web.cast import MRN, intake_form, observation, patient, record, transaction

MARK = "zqxj"


def everything(house):
    """Good and bad requests with a marker in every field, header and address."""
    mark = f"{MARK}{{}}".format
    good = [
        ("POST", "/fhir/Patient", patient(mark(1)) | {"name": [{"family": mark(2)}]}),
        ("PUT", f"/fhir/Observation/{mark(3)}", observation(id=mark(3), note=[{"text": mark(4)}])),
        ("POST", "/fhir/QuestionnaireResponse", intake_form(f"Patient/{mark(5)}", id=mark(6))),
        ("POST", "/fhir", transaction(("POST", "Observation", observation(f"Patient/{mark(7)}")))),
        ("POST", "/fhir/$submit", record(observation(id=mark(8)))),
        ("GET", f"/fhir/Observation/{mark(3)}", None),
        ("GET", f"/fhir/Observation?patient={mark(5)}&{mark(9)}={mark(10)}", None),
        ("GET", f"/fhir/Patient?identifier={MRN}|{mark(1)}", None),
    ]
    bad = [
        ("POST", "/fhir/Observation", observation(status=mark(11))),
        ("POST", "/fhir/Observation", observation() | {mark(12): mark(13)}),
        ("POST", "/fhir/Observation", "{" + mark(14)),
        ("POST", f"/fhir/{mark(15)}", observation()),
        ("POST", "/fhir/QuestionnaireResponse", intake_form(questionnaire=mark(16))),
        ("POST", "/fhir", transaction((mark(17), mark(18), observation()))),
        ("GET", f"/{mark(19)}", None),
        ("GET", f"/fhir/Observation?date={mark(20)}", None),
        ("GET", f"/fhir/Observation?_sort={mark(21)}", None),
        (mark(22), "/fhir/Observation", None),
    ]
    headers = {
        "X-Correlation-Id": mark(23),
        "User-Agent": mark(24),
        "Idempotency-Key": None,
        "If-None-Exist": None,
        "Origin": None,
    }
    for method, path, body in good + bad:
        yield (
            (method, path, body),
            house.call(method, path, body, headers={name: value for name, value in headers.items() if value}),
        )
    keyed = house.call("POST", "/fhir/Observation", observation(), headers={"Idempotency-Key": mark(25)})
    yield ("POST", "keyed", None), keyed
    conditional = {"If-None-Exist": f"identifier={mark(26)}"}
    yield (
        ("POST", "if", None),
        house.call("POST", "/fhir/Observation", observation(status="amended"), headers=conditional),
    )
    yield ("GET", "token", None), house.send("GET", "/fhir/Observation", None, {"Authorization": f"Bearer {mark(27)}"})
    yield (
        ("POST", "login", None),
        house.app.test_client().post("/login", data={"username": mark(28), "password": mark(29)}),
    )
    yield ("POST", "token", None), house.app.test_client().post("/auth/token", data={"client_assertion": mark(30)})


def test_no_marker_leaves_by_log_metric_or_audit(capsys, house):
    answers = list(everything(house))
    assert {answer.status_code // 100 for _, answer in answers} == {2, 4}
    logged = capsys.readouterr()
    assert '"event": "request"' in logged.err
    assert MARK not in logged.err + logged.out
    assert MARK not in house.call("GET", "/metrics", client=None).text
    events = json.dumps(house.as_person("ada", "GET", "/fhir/AuditEvent?_count=500").json)
    for shown in (1, 2, 4, 5, 7, 9, 10, 25, 26, 27, 28):
        assert f'{MARK}{shown}"' not in events


def test_no_refusal_repeats_what_was_sent(house):
    for request, answer in everything(house):
        if answer.status_code >= 400 and answer.mimetype != "text/html":
            assert MARK not in answer.text, request


def test_no_address_that_is_made_here_names_a_patient(house):
    for request, answer in everything(house):
        for name in ("Link", "Content-Location"):
            assert MARK not in answer.headers.get(name, ""), request
