"""Who pays for what: nobody's requests are refused because of what others, or searches, have used up."""

from dataclasses import replace

import pytest

from fhir_svc.auth.actor import Actor, Role
from fhir_svc.errors import TooManyRequests
from fhir_svc.intake.accepted import TAKEN
from fhir_svc.web.limits import Budgets, pay_for_reads, price
from fhir_svc.web.rights import ARTEFACTS, AUDIT, WRITTEN
from tests.web.cast import assertion, make_house, transaction
from tests.web.test_token import ask

CALLER = Actor(Role.SYSTEM, "north", "north-ehr", "north-ehr")
STRANGER, HONEST = "198.51.100.9", "203.0.113.7"
CANCER = {
    "resourceType": "Condition",
    "clinicalStatus": {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    },
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "363346000"}]},
    "subject": {"reference": "Patient/p1"},
}


def a_house(template, built, tmp_path, **changes):
    """One in which everybody has five requests."""
    return make_house(template, built, tmp_path, rate_per_second="0.001", rate_burst="5", **changes)


def use_up(call):
    """Call until it is refused for the budget, which it must be; gives the refusal."""
    return next(answer for answer in (call() for _ in range(50)) if answer.status_code == 429)


def page(house, forwarded, path="/criteria", **more):
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return house.call("GET", path, client=None, headers=headers, **more)


def token(house, forwarded=None, made=None):
    return ask(house, made or assertion(), forwarded=forwarded)


WRITES = [
    ("POST", "/fhir"),
    ("POST", "/fhir/"),
    ("POST", "/fhir/$submit"),
    *(
        (method, f"/fhir/{kind}{rest}")
        for kind in sorted(TAKEN)
        for method, rest in (("POST", ""), ("PUT", "/x"), ("PUT", ""))
    ),
]


@pytest.mark.parametrize(("method", "path"), WRITES, ids=[" ".join(each) for each in WRITES])
def test_every_submission_is_paid_from_the_purse_that_is_for_submissions(method, path):
    assert price(method, path) == ("submissions", 1.0)


OTHERS = [
    ("GET", "/fhir/Observation", 1.0),
    ("GET", "/fhir/Observation/x", 1.0),
    ("GET", "/fhir/_async/x", 1.0),
    ("GET", "/fhir/$submit", 1.0),
    ("DELETE", "/fhir/Subscription/x", 1.0),
    ("POST", "/fhir/Subscription", 1.0),
    ("POST", "/fhir/Observation/_search", 2.0),
    ("GET", "/fhir/Observation/x/_history", 2.0),
    ("POST", "/fhir/Observation/$validate", 5.0),
    ("POST", "/fhir/Condition/x/$validate", 5.0),
    ("POST", "/fhir/PlanDefinition/$evaluate", 2.0),
    ("POST", "/fhir/ServiceRequest/x/$sign", 1.0),
    ("POST", "/fhir/Nothing", 1.0),
    ("POST", "/fhir/Observations", 1.0),
    ("POST", "/Observation", 1.0),
    *(("PUT", f"/fhir/{kind}/x", 1.0) for kind in sorted((WRITTEN | ARTEFACTS | {AUDIT}) - TAKEN)),
]


@pytest.mark.parametrize(("method", "path", "weight"), OTHERS)
def test_nothing_else_is_paid_from_it(method, path, weight):
    assert price(method, path) == ("general", weight)


def spent_on(*urls, burst=100.0):
    """What reading these in one Bundle takes from the purse for reads."""
    budgets = Budgets(rate=0.001, burst=burst)
    pay_for_reads(budgets, CALLER, urls, insist=True)
    return burst - budgets.spend(f"{CALLER.role}:{CALLER.id}", "general", 0.0, 0.0).remaining


@pytest.mark.parametrize(
    ("urls", "weight"),
    [
        ((), 0),
        (("Observation/o1", "Observation/o1/_history/1", "Patient?name=_history"), 4),
        (("Observation/o1/_history?_count=2",), 2),
        (("Observation?patient=p1&code=$validate",) * 40, 40),
        (("Observation/o1",) * 101, 100),
    ],
)
def test_the_reads_of_a_bundle_are_paid_as_each_would_be_alone(urls, weight):
    assert spent_on(*urls) == weight


def test_the_reads_of_a_bundle_are_refused_where_the_purse_does_not_hold_them():
    budgets = Budgets(rate=0.5, burst=5)
    pay_for_reads(budgets, CALLER, ["Observation/o1"] * 4, insist=True)
    with pytest.raises(TooManyRequests) as caught:
        pay_for_reads(budgets, CALLER, ["Observation/o1"] * 4, insist=True)
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 6
    pay_for_reads(budgets, CALLER, ["Observation/o1"] * 4, insist=False)
    pay_for_reads(budgets, replace(CALLER, id="another"), ["Observation/o1"] * 4, insist=True)


@pytest.mark.parametrize(("path", "purse"), [("/auth/token", "token"), ("/login", "login"), ("/login/", "login")])
def test_whoever_comes_in_pays_at_the_door(path, purse):
    assert price("POST", path) == (purse, 1.0)


def test_a_diagnosis_is_taken_although_searches_used_up_the_clients_budget(template, built, tmp_path):
    house = a_house(template, built, tmp_path)
    use_up(lambda: house.call("GET", "/fhir/Observation"))
    assert house.call("POST", "/fhir/Condition", CANCER).status_code == 201


def reads(*urls, kind="batch", writes=()):
    return transaction(*writes, *[("GET", url, None) for url in urls], kind=kind)


def statuses(answer):
    return [entry["response"]["status"][:3] for entry in answer.json["entry"]]


def test_what_a_batch_reads_beyond_the_budget_is_refused_and_what_it_brings_is_taken(template, built, tmp_path):
    house = a_house(template, built, tmp_path)
    batch = reads(*["Condition?code=x"] * 8, writes=[("POST", "Condition", CANCER)])
    answer = house.call("POST", "/fhir", batch)
    assert statuses(answer) == ["201", *["200"] * 5, *["429"] * 3]
    assert statuses(house.call("POST", "/fhir", reads("Condition?code=x"))) == ["429"]
    assert house.call("GET", "/fhir/Condition").status_code == 429
    told = house.as_person("ada", "GET", "/fhir/AuditEvent?subtype=batch").json
    assert {entry["resource"]["outcome"] for entry in told["entry"]} == {"0"}


def test_a_transaction_is_refused_for_what_it_reads_unless_it_brings_something(template, built, tmp_path):
    house = a_house(template, built, tmp_path)
    use_up(lambda: house.call("GET", "/fhir/Observation"))
    brings = [("POST", "Condition", CANCER)]
    refused = house.call("POST", "/fhir", reads("Condition?code=x", kind="transaction"))
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    answer = house.call("POST", "/fhir", reads("Condition?code=x", kind="transaction", writes=brings))
    assert statuses(answer) == ["201", "200"]


def test_behind_a_trusted_proxy_everybody_pays_for_the_address_that_it_names(template, built, tmp_path):
    house = a_house(template, built, tmp_path, trusted_proxies="1")
    use_up(lambda: page(house, STRANGER))
    use_up(lambda: token(house, STRANGER, "nonsense"))
    assert page(house, HONEST).status_code != 429
    assert token(house, HONEST).status_code == 200


def test_what_the_caller_wrote_before_the_trusted_proxies_words_is_not_believed(template, built, tmp_path):
    house = a_house(template, built, tmp_path, trusted_proxies="1")
    invented = iter(range(50))
    use_up(lambda: page(house, f"{HONEST}, 192.0.2.{next(invented)}, {STRANGER}"))
    assert page(house, STRANGER).status_code == 429
    assert page(house, HONEST).status_code != 429


def test_without_a_trusted_proxy_no_address_is_believed(template, built, tmp_path):
    house = a_house(template, built, tmp_path)
    invented = iter(range(50))
    use_up(lambda: page(house, f"192.0.2.{next(invented)}"))
    assert page(house, None, environ_base={"REMOTE_ADDR": STRANGER}).status_code != 429


def test_two_proxies_in_front_are_both_looked_through(template, built, tmp_path):
    house = a_house(template, built, tmp_path, trusted_proxies="2")
    use_up(lambda: page(house, f"{STRANGER}, 10.0.0.1"))
    assert page(house, f"{HONEST}, 10.0.0.1").status_code != 429


def test_one_who_has_many_addresses_of_the_new_kind_has_one_purse(template, built, tmp_path):
    house = a_house(template, built, tmp_path, trusted_proxies="1")
    addresses = iter(range(50))
    use_up(lambda: page(house, f"2001:db8:1:2::{next(addresses):x}"))
    assert page(house, "2001:db8:1:3::1").status_code != 429
    use_up(lambda: page(house, f"::ffff:{STRANGER}"))
    assert page(house, STRANGER).status_code == 429
    assert page(house, f"::ffff:{HONEST}").status_code != 429


@pytest.mark.parametrize("word", ["", "unknown", "_hidden", "x" * 3000, "1.2.3.4:80", "fe80::1%eth0", "\xff"])
def test_a_proxy_that_names_no_address_makes_nothing_fail(template, built, tmp_path, word):
    house = a_house(template, built, tmp_path, trusted_proxies="1")
    assert page(house, word, "/fhir/metadata").status_code == 200


def test_a_token_can_be_had_although_callers_of_that_address_used_up_their_budget(template, built, tmp_path):
    house = a_house(template, built, tmp_path)
    use_up(lambda: house.call("GET", "/fhir/Observation", client=None, headers={"Authorization": "Basic x"}))
    use_up(lambda: page(house, None, "/login"))
    assert token(house).status_code == 200


def test_whoever_names_a_client_without_proof_takes_nothing_from_it(template, built, tmp_path):
    house = a_house(template, built, tmp_path, trusted_proxies="1")
    head, claims, _ = assertion().split(".")
    refusal = use_up(lambda: token(house, STRANGER, f"{head}.{claims}.AAAA"))
    assert (refusal.mimetype, refusal.json["error"]) == ("application/json", "invalid_request")
    assert int(refusal.headers["Retry-After"]) > 0
    answer = token(house, HONEST)
    assert answer.status_code == 200
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}", "X-Forwarded-For": HONEST}
    assert (
        house.call("GET", "/fhir/Observation", client=None, headers=bearer)
        .headers["RateLimit"]
        .startswith('"client";r=4')
    )


@pytest.mark.parametrize("word", ["127.0.0.1", "::1", ""])
def test_no_address_that_a_proxy_names_opens_the_metrics(template, built, tmp_path, word):
    house = a_house(template, built, tmp_path, trusted_proxies="1")
    refused = house.call("GET", "/metrics", client=None, headers={"X-Forwarded-For": word})
    assert refused.status_code == 403
    assert house.call("GET", "/metrics", client=None).status_code == 200
