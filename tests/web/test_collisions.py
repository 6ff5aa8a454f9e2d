"""Requests that wait for each other: the one that had to give way is carried out again, once, and nobody notices."""

import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import event, exc

from fhir_svc.store import audit, clients
from fhir_svc.store.clients import Client
from fhir_svc.web import accept
from fhir_svc.web.accept import TRIES
from tests.web.cast import PUBLIC, at_once, codes, observation, patient, record, transaction
from tests.web.drafting import PASSWORD, Ward, set_passwords
from tests.web.test_acts import digest_of, events
from tests.web.test_inbox import sign as sign_on_page
from tests.web.test_subscriptions import HOOK, get, post, put, subscription

MOTHER = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"


class DeadlockError(Exception):
    """What PostgreSQL's driver says to the one that it chose."""

    def __init__(self, state):
        super().__init__("deadlock detected")
        self.sqlstate = state


@contextmanager
def colliding(house, times, *, statement="INSERT INTO versions", state="40P01"):
    """So many times the first such statement that comes is the victim of a collision."""
    left = [times]

    def executed(*args):
        if left[0] and args[2].startswith(statement):
            left[0] -= 1
            raise exc.OperationalError("", None, DeadlockError(state))

    event.listen(house.database.engine, "before_cursor_execute", executed)
    try:
        yield left
    finally:
        event.remove(house.database.engine, "before_cursor_execute", executed)


def family(kind):
    """A Bundle whose entries refer to each other: carrying it out rewrites what was read."""
    return transaction(
        ("POST", "Observation", observation("Patient/p1" if kind == "batch" else MOTHER)),
        ("POST", "Patient", patient(), MOTHER),
        kind=kind,
    )


REQUESTS = {
    "create": ("POST", "/fhir/Observation", observation()),
    "update": ("PUT", "/fhir/Observation/o1", observation(id="o1")),
    "conditional update": ("PUT", "/fhir/Observation?code=8310-5", observation()),
    "transaction": ("POST", "/fhir", family("transaction")),
    "batch": ("POST", "/fhir", family("batch")),
    "$submit": ("POST", "/fhir/$submit", record(observation(id="o1"), patient(id="p1"))),
}


@pytest.mark.parametrize("state", ["40P01", "40001"])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_what_collides_with_another_request_is_carried_out_again_as_it_was_sent(house, request_, state):
    with colliding(house, TRIES - 1, state=state) as left:
        answer = house.call(*request_)
    assert left == [0]
    assert answer.status_code in {200, 201}, answer.data
    statuses = {entry["response"]["status"] for entry in answer.json.get("entry", ())}
    assert statuses <= {"201 Created"}
    found = house.call("GET", "/fhir/Observation").json
    assert found["total"] == 1
    assert found["entry"][0]["resource"]["meta"]["versionId"] == "1"
    assert house.call(*request_).status_code in {200, answer.status_code}
    assert house.call("GET", "/fhir/Observation").json["total"] == 1


def test_references_of_what_is_carried_out_again_lead_to_what_was_stored_with_it(house):
    with colliding(house, 1):
        entries = house.call("POST", "/fhir", family("transaction")).json["entry"]
    places = [entry["response"]["location"].removeprefix("http://localhost") for entry in entries]
    assert house.call("GET", places[1]).status_code == 200
    subject = house.call("GET", places[0]).json["subject"]["reference"]
    assert places[1] == f"/fhir/{subject}/_history/1"


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_what_collides_each_time_is_answered_not_now_and_leaves_nothing(house, request_):
    with colliding(house, TRIES):
        answer = house.call(*request_)
    assert (answer.status_code, codes(answer)) == (503, ["unavailable"])
    assert int(answer.headers["Retry-After"]) >= 1
    for table in ("resources", "receipts", "work", "audit"):
        assert house.rows(table) == 0
    assert house.call(*request_).status_code in {200, 201}


def test_what_fails_otherwise_is_not_tried_again(house):
    with colliding(house, TRIES - 1, state="57014") as left:
        answer = house.call("POST", "/fhir", family("transaction"))
    assert (answer.status_code, left) == (503, [TRIES - 2])


def crossing(kind, turn):
    """Writes of the same, from one end or from the other."""
    names = "abcdef" if turn % 2 else "fedcba"
    if kind == "mixed":
        kind = "transaction" if turn % 2 else "batch"
    elif kind == "transaction":
        known = [observation(identifier=[{"system": "https://x.example", "value": name}]) for name in names]
        bundle = transaction(*[("POST", "Observation", one | {"note": [{"text": str(turn)}]}) for one in known])
        for entry, name in zip(bundle["entry"], names, strict=True):
            entry["request"]["ifNoneExist"] = f"identifier=https://x.example|{name}"
        return bundle
    entries = [("PUT", f"Observation/{name}", observation(id=name, note=[{"text": str(turn)}])) for name in names]
    return transaction(*entries, kind=kind)


@pytest.mark.postgres
@pytest.mark.parametrize(("kind", "tries"), [("batch", 1), ("transaction", 1), ("mixed", TRIES)])
def test_bundles_about_the_same_in_opposite_order_are_all_taken(postgres_house, monkeypatch, kind, tries):
    monkeypatch.setattr(accept, "TRIES", tries)  # those of a kind do not even collide
    postgres_house.bearer()
    if kind != "transaction":
        postgres_house.call("POST", "/fhir", crossing("batch", 1))
    # each that gives way lets another one through: so many can't fail
    answers = at_once(TRIES, lambda turn: postgres_house.call("POST", "/fhir", crossing(kind, turn + 2)))
    assert [answer.status_code for answer in answers] == [200] * TRIES
    made = 6 if kind == "transaction" else 0
    said = [entry["response"]["status"] for answer in answers for entry in answer.json["entry"]]
    assert sorted(said) == ["200 OK"] * (len(said) - made) + ["201 Created"] * made
    assert postgres_house.call("GET", "/fhir/Observation").json["total"] == 6
    with postgres_house.database.reading() as tx:
        assert audit.verify(tx) == []


# -- acts of people


def parameters_of(act, digest=""):
    return {
        "$prepare-signature": [],
        "$sign": [{"name": "digest", "valueString": digest}, {"name": "meaning", "valueCode": "approval"}],
        "$decline": [{"name": "reason", "valueCode": "other"}],
        "$defer": [{"name": "until", "valueDateTime": "2099-01-01T00:00:00Z"}],
        "$reassign": [{"name": "owner", "valueString": "bob"}],
        "$revise": [{"name": "draft", "resource": {"resourceType": "ServiceRequest", "priority": "asap"}}],
        "$record-screening": [{"name": "mr", "valueCode": "no"}],
        "$enter-in-error": [{"name": "reason", "valueCode": "entered-in-error"}],
        "$complete": [{"name": "outcome", "valueCode": "seen"}],
    }[act]


def by_operation(act):
    def carry_out(ward):
        session = ward.session("ada" if act == "$enter-in-error" else "alice")
        draft = ward.draft(blockers=("mr-screening",) if act == "$record-screening" else ())
        address = f"Task/{ward.review()}/{act}" if act == "$complete" else f"ServiceRequest/{draft}/{act}"
        given = parameters_of(act, digest_of(ward.session(), draft) if act == "$sign" else "")
        return lambda: session.act(address, *given, etag=1)

    return carry_out


def by_form(act, who="alice", **form):
    def carry_out(ward):
        session, draft, review = ward.session(who), ward.draft(blockers=("mr-screening",)), ward.review()
        filled = {name: draft if value == "{draft}" else value for name, value in form.items()}
        path = act.format(draft=draft, review=review)
        return lambda: session.page(path, **({"version": "1"} | filled))

    return carry_out


def sign_by_form(ward):
    session, draft = ward.session(confirmed=False), ward.draft()
    page = session.page(f"/inbox/drafts/{draft}")
    return lambda: sign_on_page(session, draft, page, PASSWORD)


ACTS = {
    **{act: by_operation(act) for act in ("$prepare-signature", "$sign", "$decline", "$defer", "$reassign")},
    **{act: by_operation(act) for act in ("$revise", "$record-screening", "$enter-in-error", "$complete")},
    "the form to sign": sign_by_form,
    "the form to decline": by_form("/inbox/drafts/{draft}/decline", reason="other"),
    "the form to defer": by_form("/inbox/drafts/{draft}/defer", hours="24"),
    "the form to reassign": by_form("/inbox/drafts/{draft}/reassign", owner="bob"),
    "the form to revise": by_form("/inbox/drafts/{draft}/revise", priority="asap"),
    "the form to screen": by_form("/inbox/drafts/{draft}/screening", mr="no"),
    "the form to complete": by_form("/inbox/reviews/{review}/complete", outcome="seen"),
    "the form to annul": by_form("/queue/entered-in-error", "ada", order="{draft}", reason="entered-in-error"),
}
WRITTEN = ("versions", "work WHERE kind <> 'clock'", "signatures")  # a patient has one row of the clock


@pytest.fixture
def staffed(ward):
    set_passwords(ward.house.database, "alice", "ada")
    return ward


@pytest.mark.parametrize("prepare", ACTS.values(), ids=ACTS)
def test_an_act_that_collides_with_another_request_is_carried_out_again_in_whole(staffed, prepare):
    house, told = staffed.house, []
    for times in (0, TRIES - 1):
        carry_out = prepare(staffed)
        before = {table: house.rows(table) for table in WRITTEN}
        with colliding(house, times, statement="INSERT INTO audit") as left:
            answer = carry_out()
        assert left == [0]
        assert answer.status_code in {200, 303}, answer.data
        told.append({table: house.rows(table) - before[table] for table in WRITTEN})
    assert told[0] == told[1]


@pytest.mark.parametrize("prepare", ACTS.values(), ids=ACTS)
def test_an_act_that_collides_each_time_is_answered_not_now_and_leaves_nothing(staffed, prepare):
    carry_out, house = prepare(staffed), staffed.house
    before = {table: house.rows(table) for table in WRITTEN}
    with colliding(house, TRIES, statement="INSERT INTO audit"):
        assert carry_out().status_code == 503
    assert {table: house.rows(table) for table in before} == before
    assert carry_out().status_code in {200, 303}


WRITES = ("UPDATE resources", "INSERT INTO subscriptions")


@contextmanager
def crossed(house, victim):
    """Two requests of which each holds what the other asks for when it is about to write; PostgreSQL ends the victim.

    Gives what sends them, and the states with which statements failed.
    """
    gate, own, failed = threading.Barrier(2), threading.local(), []

    def written(_connection, cursor, statement, *_):
        number = vars(own).pop("number", None) if statement.startswith(WRITES) else None
        if number is not None:
            try:
                cross(cursor.connection, number)
            except Exception as error:
                failed.append(error.sqlstate)
                raise exc.OperationalError("", None, error) from error  # as of a statement of the request itself

    def cross(connection, number):
        run = connection.execute
        run(f"SELECT pg_advisory_xact_lock({number})")
        run(f"SET LOCAL deadlock_timeout = '{'10ms' if number == victim else '10min'}'")
        gate.wait(timeout=120)
        asking = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while number == victim and not run(asking).fetchone()[0]:
            time.sleep(0.005)
        run(f"SELECT pg_advisory_xact_lock({1 - number})")

    def send(*requests):
        def begin(number):
            own.number = number
            return requests[number]()

        return at_once(2, begin)

    event.listen(house.database.engine, "before_cursor_execute", written)
    try:
        yield send, failed
    finally:
        event.remove(house.database.engine, "before_cursor_execute", written)


@pytest.fixture
def crowd(postgres_house):
    found = Ward(postgres_house)
    found.receive()
    return found


PAIRS = [("$sign", "$decline"), ("$sign", "$sign"), ("$revise", "$complete"), ("$enter-in-error", "$record-screening")]


@pytest.mark.postgres
@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("pair", PAIRS, ids="".join)
def test_of_two_acts_that_cross_both_are_carried_out(crowd, pair, victim):
    acts = [by_operation(act)(crowd) for act in pair]
    with crossed(crowd.house, victim) as (send, failed):
        answers = send(*acts)
    assert failed == ["40P01"]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert crowd.house.rows("signatures") == pair.count("$sign")
    with crowd.house.database.reading() as tx:
        assert audit.verify(tx) == []
    for act in set(pair):
        assert len(events(crowd, act.removeprefix("$"))) == pair.count(act)


@pytest.mark.postgres
@pytest.mark.parametrize(("victim", "statuses", "state"), [(0, [412, 200], "draft"), (1, [200, 409], "active")])
def test_a_signature_that_gave_way_covers_nothing_that_its_signer_did_not_see(crowd, victim, statuses, state):
    draft, alice, bob = crowd.draft(), crowd.session(), crowd.session("bob")
    digest = digest_of(alice, draft)
    with crossed(crowd.house, victim) as (send, failed):
        answers = send(lambda: alice.sign(draft, digest), lambda: bob.revise(draft, priority="asap"))
    assert failed == ["40P01"]
    assert [answer.status_code for answer in answers] == statuses
    order = crowd.read("ServiceRequest", draft)
    assert (order.version, order.content["status"]) == (2, state)
    assert order.content["priority"] == ("asap" if state == "draft" else "stat")
    assert alice.verify(draft)["valid"] == [state == "active"]


# -- subscriptions


def subscribers(house):
    with house.database.transaction() as tx:
        for name in ("one", "two"):
            clients.add(tx, Client(f"north-{name}", "north", "system/*.cruds", jwks=PUBLIC, endpoints=(HOOK,)))
    for name in ("one", "two"):
        house.bearer(f"north-{name}")


SUBSCRIBING = {
    "create": lambda home, _: post(home, subscription("order-signed")),
    "update": lambda home, made: put(home, made | {"reason": "another"}),
    "delete": lambda home, made: home.call("DELETE", f"/fhir/Subscription/{made['id']}", client="north-one"),
}


@pytest.mark.parametrize(("act", "left"), [("create", 2), ("update", 1), ("delete", 0)])
def test_a_subscription_that_collides_is_asked_for_again_as_it_was_sent(house, act, left):
    subscribers(house)
    made = post(house, subscription(header=["Authorization: Bearer secret"])).json
    with colliding(house, TRIES - 1, statement="INSERT INTO audit") as times:
        answer = SUBSCRIBING[act](house, made)
    assert times == [0]
    assert answer.status_code in {200, 201, 204}, answer.data
    assert get(house, "").json["total"] == left
    if answer.data:
        assert get(house, f"/{answer.json['id']}").json == answer.json


@pytest.mark.postgres
@pytest.mark.parametrize("victim", [0, 1])
def test_of_two_clients_whose_subscriptions_cross_both_are_served(postgres_house, victim):
    subscribers(postgres_house)
    made = post(postgres_house, subscription(), "north-two").json
    with crossed(postgres_house, victim) as (send, failed):
        created, updated = send(
            lambda: post(postgres_house, subscription()),
            lambda: put(postgres_house, made | {"reason": "another"}, "north-two"),
        )
    assert failed == ["40P01"]
    assert (created.status_code, updated.status_code, updated.json["reason"]) == (201, 200, "another")
    assert get(postgres_house, "").json["total"] == 1
    assert get(postgres_house, f"/{made['id']}", "north-two").json == updated.json
