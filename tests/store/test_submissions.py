from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from fhir_svc.errors import Conflict, NotFound
from fhir_svc.store import submissions, tables
from fhir_svc.store.database import now
from fhir_svc.store.submissions import Answer

T = "north"
ANSWER = Answer(201, {"Location": "Observation/1/_history/1"}, b'{"a":1}')
RAW = b'{ "resourceType": "Observation" }\x00\xff'


def answer(database, key="k", fingerprint="f", *, client="c", submission="s1"):
    with database.transaction() as tx:
        assert submissions.reserve(tx, T, client, key, fingerprint) is None
        submissions.complete(tx, T, client, key, submission=submission, raw=RAW, answer=ANSWER)


def test_the_bytes_received_are_the_record(database):
    answer(database)
    with database.reading() as tx:
        assert submissions.raw(tx, T, "s1") == RAW
    with pytest.raises(NotFound), database.reading() as tx:
        submissions.raw(tx, "south", "s1")


def test_the_same_request_again_gets_the_same_answer(database):
    answer(database)
    with database.transaction() as tx:
        assert submissions.reserve(tx, T, "c", "k", "f") == ANSWER
        assert submissions.reserve(tx, T, "other", "k", "f") is None
        assert submissions.reserve(tx, "south", "c", "k", "f") is None


def test_an_answer_can_be_looked_up_by_its_key(database):
    answer(database)
    with database.transaction() as tx:
        assert submissions.answered(tx, T, "c", "k") == ANSWER
        assert submissions.answered(tx, "south", "c", "k") is None
        submissions.reserve(tx, T, "c", "pending", "f")
        assert submissions.answered(tx, T, "c", "pending") is None


def test_a_key_used_for_other_content_is_refused(database):
    answer(database)
    with pytest.raises(Conflict), database.transaction() as tx:
        submissions.reserve(tx, T, "c", "k", "other")


def test_a_request_that_failed_leaves_its_key_free(database):
    with pytest.raises(RuntimeError), database.transaction() as tx:  # noqa: PT012  it fails half way
        submissions.reserve(tx, T, "c", "k", "f")
        raise RuntimeError
    answer(database)


def test_after_seven_days_a_key_is_free_and_the_old_bytes_are_still_there(database):
    answer(database)
    with database.transaction() as tx:
        tx.execute(update(tables.receipts).values(reserved=now(tx) - timedelta(days=7, seconds=1)))
    answer(database, fingerprint="other", submission="s2")
    with database.reading() as tx:
        assert submissions.raw(tx, T, "s1") == RAW
