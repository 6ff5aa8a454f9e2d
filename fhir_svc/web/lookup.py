"""What a submission means of what is stored here, before it is written: by conditions, references, numbers or content.

R4 resolves the conditional references of a transaction when all else of it is done. Whose they are must be known before
anything is written, though: what comes along is written for the look, and that is undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import Conflict
from fhir_svc.intake import references
from fhir_svc.intake.submission import Entry, Kind, Submission
from fhir_svc.orders.identity import derived
from fhir_svc.record import Stored
from fhir_svc.store import body, patients, resources
from fhir_svc.store.database import Connection
from fhir_svc.store.tenants import Tenant
from fhir_svc.web import matching, own_orders
from fhir_svc.web.rights import insufficient_scope, may

Names = dict[str, str]


def look_up(tx: Connection, submission: Submission, tenant: Tenant, actor: Actor) -> tuple[Names, dict[int, Stored]]:
    """Answer what intake could not know: questions and locals to `Type/id`, and the entries that exist already."""
    found: Names = {}
    existing: dict[int, Stored] = {}
    for entry in submission.writes:
        condition = entry.if_none_exist or entry.condition
        match = (
            matching.one(tx, tenant.name, entry.type, condition, expression=matching.asked_in(entry))
            if condition
            else None
        )
        if entry.condition and not entry.minted:
            matching.check_named(tx, tenant.name, entry, match)
        if match and entry.if_none_exist:
            existing[entry.index] = match
        if match:
            found[entry.local] = match.local
        elif entry.type == "Patient" and (same := _same_person(tx, entry, tenant)):
            if not may(actor, entry.type, "u"):  # it would become the next version of whom it is
                raise insufficient_scope().at(entry.location)
            found[entry.local] = f"Patient/{same}"
    found |= _by_content(submission, found, actor.id)
    return found | _referred(tx, submission, tenant.name, found, existing), existing


def _same_person(tx: Connection, entry: Entry, tenant: Tenant) -> str | None:
    """Give the stored Patient that an incoming one is by identifier, if it is another id than its own."""
    resource = entry.resource or {}
    same = patients.identify(tx, tenant.name, resource, tenant.identifier_systems)
    if same is None or same == entry.id:
        return None
    if entry.method == "PUT" and resources.read(tx, tenant.name, "Patient", entry.id or "") is not None:
        raise Conflict(
            "Several stored patients match this one by id and identifier.",
            expression=entry.location,
            error="several-patients",
        )
    if entry.method == "PUT" and entry.id is not None and not entry.minted:
        patients.alias(tx, tenant.name, entry.id, same)  # what the EHR sends about that id later is about this person
    return same


def _referred(
    tx: Connection, submission: Submission, tenant: str, found: Names, existing: Collection[int]
) -> dict[str, str]:
    """Give what each conditional reference means; what comes along counts as it will stand, but not in a batch."""
    kinds = {question.partition("?")[0] for question in submission.questions}
    whole = submission.kind is not Kind.SINGLE
    coming = [one for one in submission.writes if whole and one.type in kinds and one.index not in existing]
    if not coming:
        return _matches(tx, submission, tenant)
    for question in sorted(submission.questions):
        matching.hold(tx, tenant, question)  # what is held from inside the attempt is let go with it
    with tx.begin_nested() as attempt:
        resources.put_many(tx, tenant, [put for one in coming if (put := _coming(tx, tenant, one, found))])
        matches = _matches(tx, submission, tenant)
        attempt.rollback()
    return matches


def _coming(tx: Connection, tenant: str, entry: Entry, found: Names) -> resources.Put | None:
    """How an entry will stand; None for an order of ours, which stands already."""
    resource = entry.resource or {}
    if entry.type == "ServiceRequest" and own_orders.recognise(tx, tenant, resource, entry.location):
        return None
    known = found.get(entry.local)
    put = matching.put(entry, None)
    return put._replace(resource={**resource, "id": known.partition("/")[2]}, new=False) if known else put


def _matches(tx: Connection, submission: Submission, tenant: str) -> dict[str, str]:
    asked = sorted(submission.questions)  # in one order for all: each is held until the end
    matches = {question: matching.referred(tx, tenant, submission, question) for question in asked}
    return {question: match.local for question, match in matches.items() if match}


def _by_content(submission: Submission, found: Mapping[str, str], client: str) -> dict[str, str]:
    """Name what a client sends as part of a record without a name by what it says, so that it is known again.

    Equal ones in one record are counted: so many are stored, however often the record comes.
    """
    if submission.kind is not Kind.SUBMIT:
        return {}
    nameless = [one for one in submission.writes if one.minted and one.local not in found]
    known = {**found, **{one.local: one.full_url or one.type for one in nameless}}
    names: dict[str, str] = {}
    counted: Counter[str] = Counter()
    for entry in nameless:
        said = body.decode(body.encode(entry.resource))
        references.Spots.of(said).rewrite(lambda one: known.get(references.unversioned(one), one))
        digest = body.digest(said)
        counted[digest] += 1
        names[entry.local] = f"{entry.type}/{derived('submitted', client, digest, str(counted[digest]))}"
    return names
