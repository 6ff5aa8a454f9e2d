from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from fhir_svc.errors import Conflict, NotFound, PreconditionFailed
from fhir_svc.store import reading, resources
from fhir_svc.store.database import now
from fhir_svc.store.resources import Put
from fhir_svc.store.tables import from_millis, versions

T = "north"
EARLY, LATER = "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"


def test_a_created_resource_is_read_back_with_our_version_and_exact_decimals(database, observation):
    with database.transaction() as tx:
        value = {"value": Decimal("82.50"), "unit": "kg"}
        written = resources.create(tx, T, observation(valueQuantity=value), patient="p1", ours=False)
    with database.reading() as tx:
        stored = resources.read(tx, T, "Observation", "o1")
    assert (written.version, written.created, written.changed, written.late) == (1, True, True, False)
    assert b'"value":82.50' in stored.body
    assert str(stored.content["valueQuantity"]["value"]) == "82.50"
    assert stored.content["meta"]["versionId"] == "1"
    assert stored.reference == "Observation/o1/_history/1"
    assert stored.received == written.last_updated


def test_an_id_can_be_created_once(database, observation):
    with database.transaction() as tx:
        resources.create(tx, T, observation(), patient="p1", ours=False)
    with pytest.raises(Conflict), database.transaction() as tx:
        resources.create(tx, T, observation(), patient="p1", ours=False)


def test_an_id_that_is_taken_refuses_all_that_was_to_be_created_with_it(database, observation):
    with database.transaction() as tx:
        resources.create(tx, T, observation("b"), patient="p1", ours=False)
    with pytest.raises(Conflict), database.transaction() as tx:
        resources.create_many(tx, T, [observation(name) for name in "abc"], patient="p1", ours=False)
    with database.reading() as tx:
        assert set(resources.read_many(tx, T, {f"Observation/{name}" for name in "abc"})) == {"Observation/b"}


def test_several_are_read_by_type_and_id_together(database, observation):
    kinds = ("Observation", "Condition")
    with database.transaction() as tx:
        resources.create_many(
            tx, T, [observation(id_, resourceType=kind) for kind in kinds for id_ in "ab"], patient="p1", ours=False
        )
        wanted = {"Observation/a", "Condition/b"}
        assert set(resources.read_many(tx, T, wanted)) == wanted
        assert set(resources.histories(tx, T, wanted)) == wanted
        assert resources.read_many(tx, "south", wanted) == {}


def test_nothing_is_read_across_tenants(database, observation):
    with database.transaction() as tx:
        resources.create(tx, T, observation(), patient="p1", ours=False)
        resources.create(tx, "south", observation(status="amended"), patient="p1", ours=False)
        assert resources.read(tx, "west", "Observation", "o1") is None
        assert resources.read(tx, T, "Observation", "o1").content["status"] == "final"
        assert resources.search(tx, T, "Observation", [], count=10).total == 1
        assert len(resources.patient_record(tx, T, "p1").current) == 1


def test_equal_content_is_no_new_version(database, observation):
    with database.transaction() as tx:
        first = resources.put(tx, T, observation(meta={"lastUpdated": EARLY}), patient="p1", ours=False)
        reordered = dict(reversed(observation(meta={"versionId": "9", "lastUpdated": LATER}).items()))
        again = resources.put(tx, T, reordered, patient="p1", ours=False)
        assert (again.version, again.changed, again.created) == (1, False, False)
        assert again.last_updated == first.last_updated
        assert len(resources.history(tx, T, "Observation", "o1")) == 1


@pytest.mark.parametrize("change", [{"status": "amended"}, {"meta": {"profile": ["x"]}}, {"extra": Decimal("1.0")}])
def test_other_content_is_a_new_version_and_the_old_one_stays(database, observation, change):
    with database.transaction() as tx:
        resources.put(tx, T, observation(), patient="p1", ours=False)
        written = resources.put(tx, T, observation(**change), patient="p1", ours=False)
        assert (written.version, written.changed, written.created) == (2, True, False)
        assert [one.version for one in resources.history(tx, T, "Observation", "o1")] == [2, 1]
        assert resources.vread(tx, T, "Observation", "o1", 1).content["status"] == "final"
        assert resources.vread(tx, T, "Observation", "o1", 3) is None


def test_if_match_must_name_the_current_version(database, observation):
    with database.transaction() as tx:
        resources.put(tx, T, observation(), patient="p1", ours=False)
        resources.put(tx, T, observation(status="amended"), patient="p1", ours=False, expected=1)
    for expected, id_ in ((1, "o1"), (3, "o1"), (1, "absent")):
        with pytest.raises(PreconditionFailed), database.transaction() as tx:
            resources.put(tx, T, observation(id_, status="corrected"), patient="p1", ours=False, expected=expected)


def test_an_older_source_arriving_late_is_kept_and_never_becomes_current(database, observation):
    with database.transaction() as tx:
        resources.put(tx, T, observation(status="amended", meta={"lastUpdated": LATER}), patient="p1", ours=False)
        late = resources.put(tx, T, observation(meta={"lastUpdated": EARLY}), patient="p1", ours=False)
        assert (late.late, late.changed, late.version) == (True, True, 2)
        current = resources.read(tx, T, "Observation", "o1")
        assert (current.version, current.content["status"]) == (1, "amended")
        assert resources.vread(tx, T, "Observation", "o1", 2).content["status"] == "final"
        assert [one.version for one in resources.history(tx, T, "Observation", "o1")] == [1, 2]
        assert resources.search(tx, T, "Observation", [("status", "final")], count=1).total == 0
        newer = resources.put(tx, T, observation(status="corrected"), patient="p1", ours=False)
        assert (newer.version, newer.late) == (3, False)


def test_versions_are_listed_by_number_whatever_the_clock_said_when_they_came(database, observation):
    with database.transaction() as tx:
        for number in range(4):
            resources.put(tx, T, observation(turn=number), patient="p1", ours=False)
        ahead = update(versions).where(versions.c.version.in_([1, 2])).values(received=from_millis(4e12))
        assert tx.execute(ahead).rowcount == 2
        past = resources.history(tx, T, "Observation", "o1")
        assert [one.version for one in past] == [4, 3, 2, 1]
        assert [one.version for one in resources.histories(tx, T, ["Observation/o1"])["Observation/o1"]] == [4, 3, 2, 1]
        assert numbers_of(past, 3) == [4, 3, 2, 1]


def numbers_of(past, count, since=None, meanwhile=lambda: None):
    seen, cursor, turn = [], None, 0
    while turn == 0 or cursor:
        page = past.page(count, since=since, cursor=cursor)
        assert len(page.entries) <= count
        seen += [one.version for one in page.entries]
        cursor, turn = page.next, turn + 1
        meanwhile()
    return seen


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_the_pages_of_a_history_leave_nothing_out_while_versions_are_added(database, observation, count):
    with database.transaction() as tx:
        resources.put(tx, T, observation(meta={"lastUpdated": LATER}), patient="p1", ours=False)
        for turn in range(3):  # all of them late: the first one stays the current one
            resources.put(tx, T, observation(turn=turn, meta={"lastUpdated": EARLY}), patient="p1", ours=False)
        past = resources.history(tx, T, "Observation", "o1")
        assert (len(past), bool(past), past.local) == (4, True, "Observation/o1")
        assert numbers_of(past, count) == [1, 4, 3, 2] == [one.version for one in past]
        added = iter(range(100))

        def meanwhile():
            resources.put(tx, T, observation(added=next(added)), patient="p1", ours=False)

        seen = numbers_of(past, count, meanwhile=meanwhile)
        assert len(seen) == len(set(seen))
        assert [number for number in seen if number <= 4] == [1, 4, 3, 2]
        nothing = resources.history(tx, T, "Observation", "absent")
        assert (len(nothing), bool(nothing), list(nothing)) == (0, False, [])


def test_a_page_of_a_history_reads_no_other_version(sqlite_database, observation):
    with sqlite_database.transaction() as tx:
        for turn in range(5):
            resources.put(tx, T, observation(turn=turn), patient="p1", ours=False)
        tx.execute(update(versions).where(versions.c.version != 5).values(body=b"unreadable"))
        past = resources.history(tx, T, "Observation", "o1")
        assert (past.page(1).total, [one.version for one in past.page(1).entries]) == (5, [5])
        assert past.page(0).entries == []
        with pytest.raises(ValueError, match="malformed"):
            past.page(2)


@pytest.mark.parametrize(("most", "pages"), [(1, [1, 1, 1, 1]), (7000, [2, 2]), (10_500, [3, 1]), (15_000, [4])])
def test_a_page_of_a_history_of_large_versions_holds_fewer_of_them(database, observation, monkeypatch, most, pages):
    with database.transaction() as tx:
        for turn in range(4):
            resources.put(tx, T, observation(turn=f"{turn}" * 3000), patient="p1", ours=False)
        past = resources.history(tx, T, "Observation", "o1")
        monkeypatch.setattr(reading, "MOST_BYTES", most)
        first, sizes, cursor = past.page(9), [], None
        while not sizes or cursor:
            page = past.page(9, cursor=cursor)
            sizes.append(len(page.entries))
            cursor = page.next
        assert (first.total, sizes, numbers_of(past, 9)) == (4, pages, [4, 3, 2, 1])


@pytest.mark.parametrize(
    ("microseconds", "found"),
    [(1_000_000, [3, 2, 1]), (1_000_001, [3, 2]), (2_000_000, [3, 2]), (2_000_999, [3]), (3_000_001, [])],
)
def test_a_history_is_told_since_a_moment(database, observation, microseconds, found):
    with database.transaction() as tx:
        for turn in range(3):
            resources.put(tx, T, observation(turn=turn), patient="p1", ours=False)
        for number in (1, 2, 3):
            at = from_millis(number * 1000)
            tx.execute(update(versions).where(versions.c.version == number).values(received=at))
        past = resources.history(tx, T, "Observation", "o1")
        since = from_millis(0) + timedelta(microseconds=microseconds)
        for count in (1, 9):
            assert numbers_of(past, count, since) == found
        assert past.page(0, since=since).total == len(found)


def test_equal_content_with_a_newer_date_of_its_source_moves_the_line_for_late_arrivals(database, observation):
    with database.transaction() as tx:
        for moment in (EARLY, "2024-01-03T00:00:00Z"):
            resources.put(tx, T, observation(meta={"lastUpdated": moment}), patient="p1", ours=False)
        late = resources.put(
            tx, T, observation(status="amended", meta={"lastUpdated": LATER}), patient="p1", ours=False
        )
        assert late.late


def test_many_are_written_in_the_order_given(database, observation):
    with database.transaction() as tx:
        resources.put(tx, T, observation("b"), patient="p1", ours=False)
        written = resources.put_many(
            tx,
            T,
            [Put(observation("c"), "p1"), Put(observation("b", status="amended"), "p1"), Put(observation("a"), "p1")],
            submission="s1",
        )
    assert [(one.id, one.version, one.created) for one in written] == [("c", 1, True), ("b", 2, False), ("a", 1, True)]


def test_many_are_written_or_none(database, observation):
    with database.transaction() as tx:
        resources.create(tx, T, observation("b"), patient="p1", ours=False)
    with pytest.raises(Conflict), database.transaction() as tx:
        resources.create_many(tx, T, [observation("a"), observation("b")], patient="p1", ours=False)
    with pytest.raises(Conflict), database.transaction() as tx:
        resources.put_many(tx, T, [Put(observation("x"), "p1"), Put(observation("x"), "p1")])
    with database.reading() as tx:
        assert resources.search(tx, T, "Observation", [], count=10).total == 1


def test_writing_nothing_is_no_error(database):
    with database.transaction() as tx:
        assert resources.put_many(tx, T, []) == []


def test_our_states_change_only_from_the_version_and_status_that_was_seen(database):
    draft = {"resourceType": "ServiceRequest", "id": "d1", "status": "draft", "subject": {"reference": "Patient/p1"}}
    with database.transaction() as tx:
        resources.create(tx, T, draft, patient="p1", ours=True)
    with database.transaction() as tx:
        written = resources.change(tx, T, {**draft, "status": "active"}, version=1, statuses={"draft"})
        assert (written.version, written.changed) == (2, True)
    for error, id_, version in ((PreconditionFailed, "d1", 1), (Conflict, "d1", 2), (NotFound, "d2", 1)):
        with pytest.raises(error), database.transaction() as tx:
            resources.change(tx, T, {**draft, "id": id_, "status": "revoked"}, version=version, statuses={"draft"})
    with database.reading() as tx:
        stored = resources.read(tx, T, "ServiceRequest", "d1")
        assert (stored.content["status"], stored.ours, stored.version) == ("active", True, 2)
        assert resources.search(tx, T, "ServiceRequest", [("status", "draft")], count=1).total == 0
        assert resources.search(tx, T, "ServiceRequest", [("status", "active")], count=1).total == 1


def test_a_reader_sees_one_moment_and_writes_nothing(database, observation):
    with database.reading() as tx:
        assert resources.read(tx, T, "Observation", "o1") is None
        with database.transaction() as other:
            resources.create(other, T, observation(), patient="p1", ours=False)
        assert resources.read(tx, T, "Observation", "o1") is None
    with pytest.raises(Exception, match=r"database|store"), database.reading() as tx:
        resources.create(tx, T, observation("o2"), patient="p1", ours=False)


def test_the_clock_is_the_databases_in_whole_milliseconds(database):
    before = datetime.now(UTC)
    with database.reading() as tx:
        moment = now(tx)
    assert moment.tzinfo is UTC
    assert moment.microsecond % 1000 == 0
    millisecond = timedelta(milliseconds=1)
    assert before - millisecond <= moment <= datetime.now(UTC) + millisecond


@pytest.mark.parametrize("claimed", ["9999-12-31T23:59:59-12:00", "2199-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_source_whose_age_can_not_be_is_ordered_by_receipt(database, claimed):
    for text in (claimed, "2026-03-02T08:00:00Z", claimed):
        with database.transaction() as tx:
            put = {"resourceType": "Observation", "id": "o1", "meta": {"lastUpdated": text}, "note": [{"text": text}]}
            assert not resources.put(tx, "north", put, patient="p1", ours=False).late
            put["note"] = [{"text": "again"}]
            assert not resources.put(tx, "north", put, patient="p1", ours=False).late
