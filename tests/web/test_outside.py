"""What every answer has in common: outcomes, headers, CORS, gzip, HEAD and OPTIONS, budgets, health, metrics, logs."""

import json

import pytest

from tests.web.cast import FHIR, codes, make_house, observation

PATIENTLY = "/fhir/Observation?patient=p1"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/fhir/Observation/none", 404, "not-found"),
        ("GET", "/fhir/Observation/none/_history", 404, "not-found"),
        ("GET", "/fhir/Observation/none/_history/1", 404, "not-found"),
        ("GET", "/fhir/Observation/none/_history/x", 404, "not-found"),
        ("GET", "/fhir/Observation/a/b/c/d", 404, "not-found"),
        ("GET", "/fhir/Encounter/1", 404, "unknown-type"),
        ("GET", "/fhir/Encounter", 404, "unknown-type"),
        ("POST", "/fhir/Encounter", 404, "unknown-type"),
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/fhir//Observation", 404, "not-found"),
        ("DELETE", "/fhir/Observation/1", 405, "method-not-allowed"),
        ("PATCH", "/fhir/Observation/1", 405, "method-not-allowed"),
        ("DELETE", "/fhir/Observation", 405, "method-not-allowed"),
        ("GET", "/fhir", 405, "method-not-allowed"),
        ("POST", "/fhir/metadata", 405, "method-not-allowed"),
        ("POST", "/fhir/Task", 405, "method-not-allowed"),
        ("PUT", "/fhir/GuidanceResponse/1", 405, "method-not-allowed"),
        ("PUT", "/fhir/PlanDefinition/lbp-lss", 405, "method-not-allowed"),
        ("GET", "/fhir/AuditEvent", 403, "forbidden"),
    ],
)
def test_whatever_is_not_there_answers_an_outcome(shared_house, method, path, status, code):
    answer = shared_house.call(method, path, observation() if method in {"POST", "PUT"} else None)
    assert answer.status_code == status
    assert codes(answer) == [code]
    assert b"<" not in answer.data
    if status == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/fhir", "/fhir/Observation", "/fhir/Observation/1", "/fhir/nothing/here/at/all"])
def test_without_a_token_nothing_of_fhir_is_told(shared_house, path):
    answer = shared_house.call("GET", path, client=None)
    assert (answer.status_code, codes(answer)) == (401, ["unauthenticated"])
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_every_answer_says_how_it_may_be_used(shared_house):
    for path in ("/fhir/metadata", "/fhir/Observation/none", "/healthz", "/nowhere"):
        headers = shared_house.call("GET", path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["X-Request-Id"]


def test_a_correlation_id_comes_back_unless_it_could_carry_something_else(shared_house):
    fine = shared_house.call("GET", "/healthz", headers={"X-Correlation-Id": "abc-1.2"})
    assert fine.headers["X-Correlation-Id"] == "abc-1.2"
    assert "X-Correlation-Id" not in shared_house.call("GET", "/healthz", headers={"X-Correlation-Id": "<b>"}).headers


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+json", 200),
        ("application/json", 200),
        ("*/*", 200),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 200),
        ("application/fhir+json; fhirVersion=4.0", 200),
        ("application/fhir+json; fhirVersion=5.0", 406),
        ("application/fhir+xml", 406),
        ("text/html", 406),
        ("application/fhir+json;q=0", 406),
    ],
)
def test_only_fhir_json_is_answered(shared_house, accept, status):
    for path in (PATIENTLY, "/fhir/metadata"):
        assert shared_house.call("GET", path, headers={"Accept": accept}).status_code == status


@pytest.mark.parametrize(("wanted", "status"), [("json", 200), ("application/fhir+json", 200), ("xml", 406)])
def test_the_format_may_stand_in_the_address(shared_house, wanted, status):
    assert shared_house.call("GET", "/fhir/Observation", query_string={"_format": wanted}).status_code == status


@pytest.mark.parametrize(
    "path", ["/fhir", "/fhir/Observation", "/fhir/$submit", "/fhir/PlanDefinition/lbp-lss/$evaluate"]
)
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": "application/fhir+xml"}, 415, "unsupported-media-type"),
        ({"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
        ({"Content-Type": ""}, 415, "unsupported-media-type"),
        ({"Content-Type": FHIR, "Content-Encoding": "gzip"}, 415, "unsupported-media-type"),
        ({"Content-Type": f"{FHIR}; fhirVersion=5.0"}, 415, "unsupported-media-type"),
        ({"Content-Type": f"{FHIR}; charset=iso-8859-1"}, 400, "charset"),
    ],
)
def test_only_plain_utf8_fhir_json_is_read(shared_house, path, headers, status, code):
    answer = shared_house.call("POST", path, b"<Bundle/>", headers=headers)
    assert (answer.status_code, codes(answer)) == (status, [code])


@pytest.mark.parametrize(
    ("path", "size"),
    [("/fhir", 2), ("/fhir/Observation", 2), ("/fhir/$submit", 10), ("/fhir/Observation/$validate", 2)],
)
def test_a_body_beyond_the_limit_is_refused(shared_house, path, size):
    answer = shared_house.call("POST", path, b" " * (size * 1024 * 1024 + 1))
    assert (answer.status_code, answer.json["issue"][0]["code"]) == (413, "too-long")


def test_head_tells_what_get_would_tell_and_options_what_there_is(shared_house):
    stored = shared_house.call("PUT", "/fhir/Observation/head", observation(id="head"))
    assert stored.status_code == 201
    got, head = (shared_house.call(method, "/fhir/Observation/head") for method in ("GET", "HEAD"))
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", got.headers["ETag"])
    options = shared_house.call("OPTIONS", "/fhir/Observation/head", client=None)
    assert options.status_code in {200, 204}
    assert {"GET", "PUT", "HEAD", "OPTIONS"} <= set(options.headers["Allow"].split(", "))


def test_only_origins_on_the_list_may_call_from_a_browser(shared_house):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    mine = {"Origin": "https://app.north.example", **asked}
    allowed = shared_house.call("OPTIONS", "/fhir/Observation", client=None, headers=mine)
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.north.example"
    assert "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
    other = shared_house.call(
        "OPTIONS", "/fhir/Observation", client=None, headers=mine | {"Origin": "https://x.example"}
    )
    assert "Access-Control-Allow-Origin" not in other.headers


def test_a_large_answer_is_packed_for_whoever_can_unpack_it(shared_house):
    packed = shared_house.call("GET", "/fhir/metadata", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.data.startswith(b"\x1f\x8b")
    assert "Content-Encoding" not in shared_house.call("GET", "/fhir/metadata").headers


def test_a_used_up_budget_is_429_but_submissions_have_their_own(template, built, tmp_path):
    house = make_house(template, built, tmp_path, rate_per_second="0.01", rate_burst="5")
    answers = [house.call("GET", "/fhir/Observation") for _ in range(6)]
    assert [one.status_code for one in answers] == [200] * 5 + [429]
    assert answers[0].headers["RateLimit"].startswith('"client";r=4')
    refused = answers[-1]
    assert (codes(refused), int(refused.headers["Retry-After"]) > 0) == (["throttled"], True)
    assert house.call("PUT", "/fhir/Observation/1", observation(id="1")).status_code == 201
    assert house.call("GET", "/fhir/Observation", client="north-reader", scope="system/*.rs").status_code == 200


def test_anybody_may_ask_whether_the_service_lives_and_is_ready(shared_house):
    assert shared_house.call("GET", "/healthz", client=None).json == {"status": "ok"}
    assert shared_house.call("GET", "/readyz", client=None).json == {"status": "ready"}


def test_metrics_are_for_loopback_or_the_holder_of_the_token(template, built, tmp_path):
    house = make_house(template, built, tmp_path)
    answer = house.call("GET", "/metrics", client=None)
    assert b"fhir_svc_http_requests_total" in answer.data
    assert house.call("GET", "/metrics", client=None, headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 403
    far = house.call("GET", "/metrics", client=None, environ_base={"REMOTE_ADDR": "10.0.0.7"})
    assert far.status_code == 403
    (tmp_path / "guarded").mkdir()
    guarded = make_house(template, built, tmp_path / "guarded", metrics_token="t" * 20)
    assert guarded.call("GET", "/metrics", client=None).status_code == 403
    token = {"Authorization": "Bearer " + "t" * 20}
    assert guarded.call("GET", "/metrics", client=None, headers=token).status_code == 200


def test_what_nobody_expected_is_500_without_a_word_of_it(template, built, tmp_path, monkeypatch, capsys):
    house = make_house(template, built, tmp_path)

    def fail(*_args, **_more):
        raise RuntimeError("secret-content of a patient")

    monkeypatch.setattr("fhir_svc.web.fhir_api._one", fail)
    answer = house.call("GET", "/fhir/Observation/secret-id")
    assert (answer.status_code, codes(answer)) == (500, ["internal"])
    logged = capsys.readouterr().err
    assert answer.headers["X-Request-Id"] in logged
    assert "secret" not in answer.text + logged


def test_while_the_database_is_gone_everything_is_503_with_retry_after(template, built, tmp_path):
    house = make_house(template, built, tmp_path)
    bearer = {"Authorization": f"Bearer {house.bearer()}"}
    house.database.dispose()
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"fhir-svc.db{suffix}").unlink(missing_ok=True)
    (tmp_path / "fhir-svc.db").mkdir()
    for method, path in (("GET", "/fhir/Observation/1"), ("POST", "/fhir/Observation"), ("GET", "/readyz")):
        answer = house.send(method, path, json.dumps(observation()) if method == "POST" else None, bearer)
        assert (answer.status_code, codes(answer)) == (503, ["unavailable"])
        assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/fhir/metadata", "GET, HEAD, OPTIONS"),
        ("/fhir/$submit", "OPTIONS, POST"),
        ("/fhir/Observation", "GET, HEAD, OPTIONS, POST, PUT"),
        ("/fhir/Observation/o1", "GET, HEAD, OPTIONS, PUT"),
        ("/fhir/Flag", "GET, HEAD, OPTIONS"),
        ("/fhir/Flag/f1", "GET, HEAD, OPTIONS"),
        ("/fhir/PlanDefinition/lbp-lss", "GET, HEAD, OPTIONS"),
    ],
)
def test_an_address_says_which_methods_it_takes(shared_house, path, allowed):
    methods = set(allowed.split(", "))
    assert set(shared_house.call("OPTIONS", path, client=None).headers["Allow"].split(", ")) == methods
    for method in {"PATCH", "DELETE", "PUT", "POST"} - methods:
        answer = shared_house.call(method, path, {"resourceType": "Parameters"})
        assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, methods)
