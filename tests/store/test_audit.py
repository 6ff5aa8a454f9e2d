from __future__ import annotations

import pytest
from sqlalchemy import delete, text, update

from fhir_svc.errors import Malformed
from fhir_svc.store import audit, tables
from fhir_svc.store.audit import Fault
from fhir_svc.store.tables import from_millis

T = "north"
A = tables.audit


def event(action="R", *, agent="alice", hashed="h1"):
    return {
        "resourceType": "AuditEvent",
        "type": {"code": "rest"},
        "subtype": [{"code": "read"}],
        "action": action,
        "outcome": "0",
        "agent": [{"requestor": False}, {"requestor": True, "who": {"identifier": {"value": agent}}}],
        "entity": [
            {"role": {"code": "1"}, "what": {"identifier": {"value": hashed}}},
            {"role": {"code": "4"}, "what": {"reference": "Observation/1"}},
        ],
    }


@pytest.fixture
def chained(database):
    for number in range(5):
        with database.transaction() as tx:
            audit.record(tx, T, event("C" if number % 2 else "R", agent="alice" if number < 3 else "bob"))
            audit.record(tx, "south", event())
    return database


def row(sequence):
    return (A.c.tenant == T) & (A.c.sequence == sequence)


def test_an_untouched_chain_has_no_fault(chained):
    with chained.reading() as tx:
        assert audit.verify(tx) == []
        assert audit.verify(tx, audit.heads(tx)) == []
        assert audit.heads(tx)[T].sequence == 5


def edit(tx):
    tx.execute(update(A).where(row(3)).values(body=b"{}"))


def remove(tx):
    tx.execute(delete(A).where(row(3)))


def swap(tx):
    bodies = {one.sequence: one.body for one in tx.execute(A.select().where(A.c.tenant == T))}
    for here, there in ((2, 4), (4, 2)):
        tx.execute(update(A).where(row(here)).values(body=bodies[there]))


def move_whole_rows(tx):
    for here, there in ((2, 99), (4, 2), (99, 4)):
        tx.execute(update(A).where(row(here)).values(sequence=there))


def behead(tx):
    tx.execute(delete(tables.audit_heads).where(tables.audit_heads.c.tenant == T))


def cut_off(tx):
    tx.execute(delete(A).where(row(5)))


def start_over(tx):
    tx.execute(delete(A).where(A.c.tenant == T))


@pytest.mark.parametrize(
    "column",
    ["id", "recorded", "type", "subtype", "action", "outcome", "agent", "patient", "entity", "previous", "hash"],
)
def test_no_column_of_an_entry_can_be_edited_unseen(chained, column):
    value = from_millis(0) if column == "recorded" else "x"
    with chained.transaction() as tx:
        tx.execute(update(A).where(row(3)).values({column: value}))
    with chained.reading() as tx:
        first = audit.verify(tx)[0]
    assert (first.tenant, first.sequence) == (T, 3)


def test_an_entry_overwritten_by_text_is_located(sqlite_database):
    with sqlite_database.transaction() as tx:
        for _ in range(3):
            audit.record(tx, T, event())
        tx.execute(text("UPDATE audit SET body = replace(body, '0', '1'), recorded = 'x' WHERE sequence = 2"))
    with sqlite_database.reading() as tx:
        assert audit.verify(tx)[0] == Fault(T, 2, "edited")


@pytest.mark.parametrize(
    ("tamper", "sequence"),
    [(edit, 3), (remove, 3), (swap, 2), (move_whole_rows, 2), (cut_off, 5), (start_over, 1), (behead, 0)],
)
def test_tampering_is_found_and_located(chained, tamper, sequence):
    with chained.transaction() as tx:
        tamper(tx)
    with chained.reading() as tx:
        faults = audit.verify(tx)
    assert (faults[0].tenant, faults[0].sequence) == (T, sequence)


def test_a_chain_cut_off_with_its_head_is_found_by_heads_kept_outside(chained):
    with chained.transaction() as tx:
        kept = audit.heads(tx)
        fourth = tx.execute(A.select().where(row(4))).one()
        tx.execute(delete(A).where(row(5)))
        tx.execute(
            update(tables.audit_heads).where(tables.audit_heads.c.tenant == T).values(sequence=4, hash=fourth.hash)
        )
        assert audit.verify(tx) == []
        assert audit.verify(tx, kept) == [Fault(T, 5, "truncated")]
        audit.record(tx, T, event("D"))
        assert audit.verify(tx, kept) == [Fault(T, 5, "rewritten")]


def test_an_entry_says_itself_when_it_was_recorded_and_is_found_by_that(chained):
    with chained.reading() as tx:
        (last,) = audit.search(tx, T, [], count=1).entries
        recorded = last.content["recorded"]
        same = audit.search(tx, T, [("date", recorded), ("_lastUpdated", recorded)], count=9).entries
    assert recorded == last.content["meta"]["lastUpdated"]
    assert last.id in {one.id for one in same}


def test_a_refused_act_leaves_no_entry(database):
    with pytest.raises(RuntimeError), database.transaction() as tx:  # noqa: PT012  it fails after the entry
        audit.record(tx, T, event())
        raise RuntimeError
    with database.reading() as tx:
        assert audit.search(tx, T, [], count=1).total == 0


@pytest.mark.parametrize("sort", [None, "-date", "date", "_lastUpdated", "-_lastUpdated,date"])
def test_the_audit_is_read_from_either_end(chained, sort):
    with chained.transaction() as tx:
        audit.record(tx, audit.NOBODY, event())
    with chained.reading() as tx:
        seen, cursor = [], None
        while cursor or not seen:
            page = audit.search(tx, T, [], sort=sort, count=2, cursor=cursor)
            seen += page.entries
            cursor = page.next
        recorded = [one.received for one in seen]
    assert len({one.id for one in seen}) == 6
    assert recorded == sorted(recorded, reverse=sort not in {"date", "_lastUpdated"})


@pytest.mark.parametrize(
    ("params", "sort", "error", "place"),
    [
        ([], "agent", "bad-sort", "http._sort"),
        ([], "date,-_id", "bad-sort", "http._sort"),
        ([("agent:exact", "bob")], None, "bad-modifier", "http.agent"),
        ([("date", "yesterday")], None, "bad-search-value", "http.date"),
    ],
)
def test_what_the_audit_cannot_be_asked_is_refused_and_located(chained, params, sort, error, place):
    with pytest.raises(Malformed) as refused, chained.reading() as tx:
        audit.search(tx, T, params, sort=sort, count=2)
    assert [(one.error, one.expression) for one in refused.value.issues] == [(error, place)]


@pytest.mark.parametrize(
    ("params", "total"),
    [
        ([], 5),
        ([("action", "C")], 2),
        ([("agent", "bob")], 2),
        ([("agent", "alice,bob"), ("action", "R")], 3),
        ([("patient", "h1")], 5),
        ([("patient", "Patient/h1")], 0),
        ([("type", "http://x|rest"), ("subtype", "read"), ("outcome", "0")], 5),
        ([("entity", "Observation/1")], 5),
        ([("date", "ge2020")], 5),
        ([("date", "lt2020")], 0),
    ],
)
def test_admins_can_search_the_audit(chained, params, total):
    with chained.reading() as tx:
        page = audit.search(tx, T, params, count=2)
        assert page.total == total
        seen = list(page.entries)
        while page.next:
            page = audit.search(tx, T, params, count=2, cursor=page.next)
            seen += page.entries
        assert len({one.id for one in seen}) == total
        if seen:
            assert audit.read(tx, T, seen[0].id).content == seen[0].content
            assert audit.read(tx, "south", seen[0].id) is None
