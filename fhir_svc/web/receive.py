"""The intake transaction: an accepted submission becomes resources, a GuidanceResponse and a work row, or nothing.

Everything here happens inside one transaction of the caller's. What is decided here needs the store: which stored
patient is meant, what a condition or a conditional reference matches (`lookup`), which versions come about. What makes
a submission acceptable at all was decided before, by `intake`, without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import uuid4

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import Issue
from fhir_svc.intake.submission import Entry, Kind, Reading, Submission, settle
from fhir_svc.record import Stored
from fhir_svc.store import patients, resources, work
from fhir_svc.store.database import Connection
from fhir_svc.store.resources import Put, Written
from fhir_svc.store.tenants import Tenant
from fhir_svc.web import lookup, matching, own_orders
from fhir_svc.web.own_orders import ChangedElsewhere, Reported
from fhir_svc.web.wire import instant

BASE: Final = "https://example.org/fhir-svc"
MAY_BE_URGENT: Final = frozenset({"QuestionnaireResponse", "Communication"})


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of a submission besides its content: whose it is, its id, when it came, the criteria in force."""

    actor: Actor
    tenant: Tenant
    reading: Reading
    criteria: str
    submission: str = field(default_factory=lambda: str(uuid4()))

    @property
    def at(self) -> datetime:
        """The moment of receipt."""
        return self.reading.at


class Done(NamedTuple):
    """What became of one entry: its version now, whether it was created or changed by this, or why it was ignored."""

    entry: Entry
    type: str
    id: str
    version: int
    updated: datetime
    created: bool = False
    changed: bool = False
    late: bool = False
    ours: bool = False
    ignored: Issue | None = None
    left: str | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """What became of a submission: each entry in the order it was carried out; `guidance` is the id to poll, if any."""

    submission: Submission
    done: tuple[Done, ...]
    guidance: str | None
    patient: str | None
    moved: tuple[ChangedElsewhere, ...] = ()


def receive(tx: Connection, submission: Submission, receipt: Receipt) -> Received:
    """Store a submission and start its evaluation."""
    tenant = receipt.tenant.name
    found, existing = lookup.look_up(tx, submission, receipt.tenant, receipt.actor)
    if not submission.settled or found:
        submission = settle(submission, found)
    for entry in submission.writes:
        matching.check_preconditions(tx, tenant, entry)
        matching.check_replaced(tx, tenant, entry)
    named, was = _subject(tx, submission, receipt)
    said = own_orders.reported(tx, tenant, submission, existing.keys(), named)
    subject = said.subject
    start = Put(in_progress(subject, receipt), subject, ours=True, new=True) if subject else None
    done, moved = _carry_out(tx, submission, said, existing, receipt, start)
    news = [one for one in done if one.changed and not one.late]
    _look_again(tx, receipt, {*was, *(patients.resolve(tx, tenant, one.left) for one in done if one.left)} - {subject})
    if start is None or not news:
        return Received(submission, tuple(done), None, subject, tuple(moved))
    guidance = str(start.resource["id"])
    urgent = any(one.type in MAY_BE_URGENT for one in news)
    work.add(tx, tenant=tenant, kind="evaluate", subject=guidance, patient=subject, urgent=urgent)
    return Received(submission, tuple(done), guidance, subject, tuple(moved))


def _look_again(tx: Connection, receipt: Receipt, left: Collection[str]) -> None:
    """Evaluate those, too, whom a resource was about before: what was drafted on it is no longer theirs."""
    for patient in sorted(left):
        tenant, now = receipt.tenant.name, receipt.at
        work.add(tx, tenant=tenant, kind="clock", subject=patient, patient=patient, urgent=True, not_before=now)


def _subject(tx: Connection, submission: Submission, receipt: Receipt) -> tuple[str | None, Collection[str]]:
    """Give the patient that is meant, and who else was until now.

    Where the submission brings the Patient itself, its link counts as it says it now.
    """
    if submission.subject is None:
        return None, ()
    tenant, named = receipt.tenant.name, submission.subject.partition("/")[2]
    own = next((one for one in submission.writes if one.type == "Patient" and one.id == named), None)
    if own is not None and own.minted:
        return named, ()
    until_now = patients.resolve(tx, tenant, named)
    if own is None:
        return until_now, ()
    follower = patients.replaced_by(own.resource or {})
    subject = patients.resolve(tx, tenant, follower) if follower else named
    return subject, {until_now} - {named, subject}


def _met(entry: Entry, stored: Stored) -> Done:
    return Done(entry, stored.type, stored.id, stored.version, stored.received, ours=stored.ours)


def _carry_out(
    tx: Connection,
    submission: Submission,
    said: Reported,
    existing: Mapping[int, Stored],
    receipt: Receipt,
    start: Put | None,
) -> tuple[list[Done], list[ChangedElsewhere]]:
    """Write what is to be written in one go; orders of ours that come back are dealt with one by one.

    `start`, the GuidanceResponse, is written with what is certainly new, else once it is known that something changed.
    """
    tenant = receipt.tenant.name
    told: dict[int, Done] = {}
    moved: list[ChangedElsewhere] = []
    fresh: list[Entry] = []
    for entry in submission.writes:
        if entry.index in existing:
            told[entry.index] = _met(entry, existing[entry.index])
        elif entry.index in said.orders:
            told[entry.index] = _report(tx, entry, said, submission.kind, receipt, moved)
        else:
            fresh.append(entry)
    puts = [matching.put(entry, said.subject) for entry in fresh]
    certain = [start] if start and any(put.new for put in puts) else []
    written = resources.put_many(tx, tenant, [*puts, *certain], submission=receipt.submission)
    told |= {entry.index: _done(entry, one) for entry, one in zip(fresh, written, strict=False)}
    if start and not certain and any(one.changed and not one.late for one in told.values()):
        resources.put_many(tx, tenant, [start], submission=receipt.submission)
    return [told[entry.index] for entry in submission.writes], moved


def _done(entry: Entry, written: Written) -> Done:
    return Done(
        entry,
        written.type,
        written.id,
        written.version,
        written.last_updated,
        created=written.created,
        changed=written.changed,
        late=written.late,
        left=written.left,
    )


def _report(
    tx: Connection, entry: Entry, said: Reported, kind: Kind, receipt: Receipt, moved: list[ChangedElsewhere]
) -> Done:
    tenant, met = receipt.tenant.name, said.orders[entry.index]
    ours = resources.read(tx, tenant, met.type, met.id) or met  # one request may report an order twice
    try:
        now_is = own_orders.take_over(tx, tenant, ours, entry, said)
    except ChangedElsewhere as change:
        if kind is not Kind.SUBMIT:
            raise
        moved.append(change)
        ignored = Issue("conflict", change.error, str(change), entry.location, "information")
        return Done(entry, ours.type, ours.id, ours.version, ours.received, ours=True, ignored=ignored)
    changed = now_is.version != ours.version
    return Done(entry, ours.type, ours.id, now_is.version, now_is.received, changed=changed, ours=True)


def in_progress(subject: str, receipt: Receipt) -> dict[str, Any]:
    """Write the GuidanceResponse, for the caller to poll, of an evaluation that has not taken place yet."""
    return {
        "resourceType": "GuidanceResponse",
        "id": str(uuid4()),
        "requestIdentifier": {"system": f"{BASE}/submission", "value": receipt.submission},
        "moduleCanonical": receipt.criteria,
        "status": "in-progress",
        "subject": {"reference": f"Patient/{subject}"},
        "occurrenceDateTime": instant(receipt.at),
    }
