"""Requests about subscriptions that come at the same moment, on both databases."""

import json

import pytest

from fhir_svc.store import clients, work
from fhir_svc.store.clients import Client
from fhir_svc.web import subscriptions as page
from tests.web.cast import PUBLIC, at_once, codes, house_on
from tests.web.test_subscriptions import HOOK, get, post, put, subscription

MANY = 12


@pytest.fixture
def home(database, built):
    found = house_on(database, built)
    with database.transaction() as tx:
        clients.add(tx, Client("north-one", "north", "system/*.cruds", jwks=PUBLIC, endpoints=(HOOK,)))
    found.bearer("north-one")
    return found


def test_identical_requests_at_once_make_one_subscription_and_get_one_answer(home):
    answers = at_once(MANY, lambda _: post(home, subscription()))
    told = {(each.status_code, each.headers["Location"], json.dumps(each.json, sort_keys=True)) for each in answers}
    assert [status for status, *_ in told] == [201]
    assert get(home, "").json["total"] == 1
    with home.database.reading() as tx:
        assert [(one.kind, one.count) for one in work.summary(tx)] == [("notify", 1)]


def test_no_more_are_made_at_once_than_a_client_may_have(home, monkeypatch):
    monkeypatch.setattr(page, "MOST", 3)
    answers = at_once(MANY, lambda number: post(home, subscription(endpoint=f"{HOOK}/{number}")))
    assert sorted(each.status_code for each in answers) == [201] * 3 + [422] * (MANY - 3)
    assert {code for each in answers if each.status_code == 422 for code in codes(each)} == {"too-many-subscriptions"}
    assert get(home, "").json["total"] == 3


def test_what_is_off_is_not_asked_for_again_beyond_what_a_client_may_have(home, monkeypatch):
    ended = post(home, subscription()).json
    assert put(home, ended | {"status": "off"}).status_code == 200
    monkeypatch.setattr(page, "MOST", 2)
    kept = [post(home, subscription(endpoint=f"{HOOK}/{number}")).json for number in range(2)]
    again = put(home, ended)
    assert (again.status_code, codes(again)) == (422, ["too-many-subscriptions"])
    assert get(home, f"/{ended['id']}").json["status"] == "off"
    assert put(home, kept[0] | {"reason": "as before"}).status_code == 200
    assert put(home, kept[1] | {"status": "off"}).status_code == 200
    assert put(home, ended).json["status"] == "requested"
