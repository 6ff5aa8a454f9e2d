"""PURE: everything that an evaluation writes, as FHIR R4 resources with ids that repeat.

The same decision over the same record gives the same bytes. What exists already is not written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhir_svc.decision import Concern, Decision
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders import measures, merging, notices, provenance, requests, tasks
from fhir_svc.orders.definitions import key_of
from fhir_svc.orders.external_change import signed
from fhir_svc.orders.identity import derived, references
from fhir_svc.orders.sheet import Resource, Sheet, identifier, made
from fhir_svc.orders.states import fresh
from fhir_svc.orders.terms import extensions
from fhir_svc.orders.trace import guidance
from fhir_svc.orders.writes import Writes
from fhir_svc.record import Record, Stored

_SAID = ("Flag", "CommunicationRequest", "DetectedIssue")  # what goes to EHRs first: a Provenance is found by it there


def write_down(
    decision: Decision,
    record: Record,
    knowledge: Knowledge,
    *,
    scope: str,
    seed: str,
    subject: str,
    submissions: Sequence[tuple[str, str]],
) -> Writes:
    """The resources of one evaluation: `submissions` are pairs of GuidanceResponse id and request identifier."""
    sheet = Sheet(decision, record, knowledge, scope, seed, subject, submissions)
    drafts = _take_back_and_draft(sheet)
    for made_of in measures.derived_observations(sheet):
        sheet.create(made_of)
    new = [*drafts, *_notify(sheet)]
    new += [task for task in merging.questions(sheet) if sheet.create(task)]
    for held, task in merging.answered(sheet):
        sheet.replace(held, task)
    for concern in decision.concerns:
        sheet.create(notices.issue(sheet, concern, _implicated(sheet, concern, drafts)))
    _assert(sheet)
    result = _group(sheet, new)
    return Writes(guidance(sheet, result), tuple(sheet.writes))


def _take_back_and_draft(sheet: Sheet) -> list[Resource]:
    for withdrawal in sheet.decision.withdrawals:
        revoked, task = requests.taken_back(sheet, withdrawal)
        sheet.replace(withdrawal.draft, revoked)
        if task:
            sheet.replace(*task)
    for kept in sheet.decision.kept:
        newer = requests.refreshed(sheet, kept)
        if newer:
            sheet.replace(kept.existing, newer)
    drafts = []
    for order in sheet.decision.orders:
        draft = requests.draft(sheet, order)
        if sheet.create(draft):
            drafts.append(draft)
            sheet.create(tasks.approve(sheet, order, draft))
    return drafts


def _notify(sheet: Sheet) -> list[Resource]:
    """Flags, reviews and messages; the reviews and messages that are new."""
    flags = [notices.red_flag(sheet, rule) for rule in sheet.decision.red_flags]
    raised = list(zip(sheet.decision.red_flags, flags, strict=True))
    again = {rule for rule, flag in raised if _raise_again(sheet, flag)}
    renewed = {rule for rule, flag in raised if rule not in again and sheet.create(flag)}
    for stored, flag in notices.resolved(sheet, renewed):
        sheet.replace(stored, flag)
    new = []
    for review in sheet.decision.reviews:
        new += tasks.review(sheet, review, again & set(review.rules))
        if review.about is not None and review.about.ours and signed(review.about):
            sheet.create(notices.signer_flag(sheet, review))
    for held in sheet.decision.messages:
        message = notices.message(sheet, held, again & set(held.rules))
        if message and sheet.create(message):
            new.append(message)
    return new


def _raise_again(sheet: Sheet, flag: Resource) -> bool:
    """Make a Flag that was withdrawn active again; says whether there is one."""
    stored = sheet.ours.get(f"Flag/{flag['id']}")
    if stored is None or stored.content["status"] == "active":
        return False
    sheet.replace(stored, fresh(flag))
    return True


def _implicated(sheet: Sheet, concern: Concern, drafts: Sequence[Resource]) -> list[str]:
    """The drafts that a concern touches: of its order, or drafted in its place."""
    if concern.order is None:
        return _resting_on(sheet, {fact.name for fact in concern.facts}, drafts)
    swapped = {order.key for order in sheet.decision.orders if order.instead_of == concern.order}
    wanted = {concern.order, *swapped}
    new = [f"ServiceRequest/{draft['id']}" for draft in drafts if key_of(draft) in wanted]
    held = [kept.existing.local for kept in sheet.decision.kept if kept.order.key in wanted]
    return [*new, *held]


def _resting_on(sheet: Sheet, names: set[str], drafts: Sequence[Resource]) -> list[str]:
    """The drafts of which a rule reads one of these facts."""
    rules = {rule.id for rule in sheet.decision.rules for fact in rule.facts if fact.name in names}
    new = [f"ServiceRequest/{draft['id']}" for draft in drafts if rules & set(extensions(draft, "rule"))]
    held = [kept.existing.local for kept in sheet.decision.kept if rules & set(kept.order.rules)]
    return [*new, *held]


def _assert(sheet: Sheet) -> None:
    """Provenance of what the software drafted and derived, and of what it told people, each with its evidence."""
    decision = sheet.decision
    orders = [*decision.orders, *(kept.order for kept in decision.kept)]
    evidence = references(source for order in orders for source in (*order.evidence, *order.attached))
    told = references(_told_on(decision, sheet))
    drafted, said = _versions(sheet, ("ServiceRequest", "Observation")), _versions(sheet, _SAID)
    at, once = decision.at, sheet.requisition
    if drafted:
        sheet.create(provenance.asserted(drafted, evidence, identity=once, at=at))
    if said:
        sheet.create(provenance.asserted(said, told, identity=derived("Provenance", "said", once, sheet.at), at=at))


def _versions(sheet: Sheet, kinds: Sequence[str]) -> list[str]:
    """What was written of these types, in their order, as versioned references."""
    written = [write for write in sheet.writes if write.resource["resourceType"] in kinds]
    written.sort(key=lambda write: kinds.index(write.resource["resourceType"]))
    return [
        f"{write.resource['resourceType']}/{write.resource['id']}/_history/{(write.version or 0) + 1}"
        for write in written
    ]


def _told_on(decision: Decision, sheet: Sheet) -> Iterator[Stored]:
    """The reports behind Flags, messages and concerns."""
    yield from (source for fact in sheet.facts(decision.red_flags) for source in fact.sources)
    for message in decision.messages:
        yield from message.grounds or sheet.grounds(message.rules)
    yield from (source for concern in decision.concerns for fact in concern.facts for source in fact.sources)


def _group(sheet: Sheet, new: Sequence[Resource]) -> str | None:
    """The RequestGroup of what is new; without anything new, that of the orders which still stand."""
    if new:
        actions = [_action(held) for held in new]
        group = made(
            "RequestGroup",
            sheet.requisition,
            instantiatesCanonical=[sheet.decision.criteria],
            groupIdentifier=identifier("requisition", sheet.requisition),
            status="active",
            intent="proposal",
            subject=sheet.patient,
            authoredOn=sheet.at,
            action=actions,
        )
        sheet.create(group)
        return f"RequestGroup/{sheet.requisition}"
    earlier = [kept.existing.content.get("requisition", {}).get("value") for kept in sheet.decision.kept]
    return next((f"RequestGroup/{value}" for value in earlier if f"RequestGroup/{value}" in sheet.ours), None)


def _action(resource: Resource) -> Resource:
    """One line of the proposal."""
    said = resource.get("code") or resource["reasonCode"][0]
    return {
        "title": said.get("text") or said["coding"][0]["code"],
        "priority": resource["priority"],
        "resource": {"reference": f"{resource['resourceType']}/{resource['id']}"},
    }
