"""Requests that wait for each other: the one that had to give way is carried out again, once, and nobody notices."""

from contextlib import contextmanager

import pytest
from sqlalchemy import event, exc

from fhir_svc.store import audit
from fhir_svc.web import accept
from fhir_svc.web.accept import TRIES
from tests.web.cast import at_once, codes, observation, patient, record, transaction

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
