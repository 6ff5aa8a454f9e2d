from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from fhir_svc.errors import Conflict, PreconditionFailed
from fhir_svc.store import audit, patients, resources, submissions, work
from fhir_svc.store.submissions import Answer

T = "north"


def test_fifty_identical_requests_are_carried_out_once_and_answered_alike(database, observation, at_once):
    def request(number: int) -> Answer:
        with database.transaction() as tx:
            known = submissions.reserve(tx, T, "ehr", "key", "fingerprint")
            if known:
                return known
            resources.create(tx, T, observation(f"o{number}"), patient="p1", ours=False)
            answer = Answer(201, {"Location": f"Observation/o{number}"}, b"{}")
            submissions.complete(tx, T, "ehr", "key", submission=f"s{number}", raw=b"x", answer=answer)
            return answer

    answers = at_once(50, [partial(request, number) for number in range(50)])
    assert len({answer.headers["Location"] for answer in answers}) == 1
    with database.reading() as tx:
        assert resources.search(tx, T, "Observation", [], count=0).total == 1


def test_fifty_puts_to_one_new_id_make_one_resource(database, observation, at_once):
    def put() -> bool:
        with database.transaction() as tx:
            return resources.put(tx, T, observation(), patient="p1", ours=False).created

    created = at_once(50, [put] * 50)
    assert sorted(created) == [False] * 49 + [True]


def test_fifty_conditional_creates_make_one_resource(database, observation, at_once):
    def create(number: int) -> str:
        with database.transaction() as tx:
            resources.exclusive(tx, T, "Observation?identifier=u|7")
            found = resources.match_identifier(tx, T, "Observation", "u", "7")
            if found:
                return found[0].id
            one = observation(f"o{number}", identifier=[{"system": "u", "value": "7"}])
            return resources.create(tx, T, one, patient="p1", ours=False).id

    assert len(set(at_once(50, [partial(create, number) for number in range(50)]))) == 1


def test_bundles_that_overlap_in_opposite_order_are_all_stored(database, observation, at_once):
    def bundle(number: int) -> int:
        names = [f"o{index}" for index in range(20)]
        ordered = names if number % 2 else names[::-1]
        puts = [resources.Put(observation(name, turn=number), "p1") for name in ordered]
        with database.transaction() as tx:
            return len(resources.put_many(tx, T, puts))

    assert at_once(8, [partial(bundle, number) for number in range(24)]) == [20] * 24
    with database.reading() as tx:
        assert resources.read(tx, T, "Observation", "o3").version == 24


def test_three_hundred_concurrent_updates_lose_none(database, observation, at_once):
    def put(number: int) -> int:
        with database.transaction() as tx:
            return resources.put(tx, T, observation(turn=number), patient="p1", ours=False).version

    versions = at_once(16, [partial(put, number) for number in range(300)])
    assert sorted(versions) == list(range(1, 301))


def test_no_later_version_of_concurrent_updates_is_older_than_an_earlier_one(database, observation, at_once):
    def put(number: int) -> int:
        with database.transaction() as tx:
            return resources.put(tx, T, observation(turn=number), patient="p1", ours=False).version

    at_once(16, [partial(put, number) for number in range(60)])
    with database.reading() as tx:
        held = list(resources.history(tx, T, "Observation", "o1"))
    received = [one.received for one in sorted(held, key=lambda one: one.version)]
    assert len(received) == 60
    assert received == sorted(received)


def test_of_many_who_saw_the_same_version_one_changes_it(database, at_once):
    draft = {"resourceType": "ServiceRequest", "id": "d", "status": "draft"}
    with database.transaction() as tx:
        resources.create(tx, T, draft, patient="p1", ours=True)

    def sign() -> bool:
        with database.transaction() as tx:
            return resources.change(tx, T, {**draft, "status": "active"}, version=1, statuses={"draft"}).changed

    results = at_once(20, [sign] * 20)
    assert results.count(True) == 1
    assert sum(isinstance(one, PreconditionFailed | Conflict) for one in results) == 19


def test_eight_workers_claim_each_of_two_hundred_rows_once(database, at_once):
    with database.transaction() as tx:
        rows = [
            work.add(tx, tenant=T, kind="evaluate", subject=f"g{number}", patient=f"p{number % 100}")
            for number in range(200)
        ]

    def take(worker: int) -> list[str]:
        mine: list[str] = []
        for row in rows[worker % 2 :: 2]:  # every row is wanted by four
            with database.transaction() as tx:
                claim = work.claim(tx, row, worker=f"w{worker}", lease=timedelta(minutes=1))
            mine += claim.ids if claim else ()
        return mine

    taken = [row for mine in at_once(8, [partial(take, worker) for worker in range(8)]) for row in mine]
    assert sorted(taken) == sorted(rows)


def test_relays_at_once_publish_each_row_once(database, at_once):
    with database.transaction() as tx:
        rows = {
            work.add(tx, tenant=T, kind="evaluate", subject=f"g{number}", patient=f"p{number}") for number in range(100)
        }

    def relay() -> list[str]:
        with database.transaction() as tx:
            return [one[0] for one in work.due(tx, 20)]

    published = [row for batch in at_once(4, [relay] * 8) for row in batch]
    assert len(published) == len(set(published))
    assert set(published) <= rows


def test_of_evaluations_at_once_one_is_committed_per_sequence_number(database, at_once):
    def evaluate() -> int:
        with database.transaction() as tx:
            seen = patients.lock(tx, T, "p1")
            patients.advance(tx, T, "p1", seen)
            return seen

    assert sorted(at_once(8, [evaluate] * 40)) == list(range(40))


def test_the_audit_chain_holds_under_many_writers(database, at_once):
    def act() -> None:
        with database.transaction() as tx:
            audit.record(tx, T, {"resourceType": "AuditEvent"})

    at_once(8, [act] * 80)
    with database.reading() as tx:
        assert audit.heads(tx)[T].sequence == 80
        assert audit.verify(tx) == []


@pytest.mark.parametrize("threads", [8])
def test_two_first_arrivals_of_one_person_are_one_patient(database, at_once, threads):
    person = {"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": "7"}]}

    def arrive(number: int) -> str:
        with database.transaction() as tx:
            known = patients.identify(tx, T, person, ["urn:mrn"])
            if known is None:
                known = f"p{number}"
                resources.create(tx, T, {**person, "id": known}, patient=known, ours=False)
            return known

    assert len(set(at_once(threads, [partial(arrive, number) for number in range(threads)]))) == 1
