"""PURE: Flags, messages and DetectedIssues: each once per patient and reason while the deciding values are the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fhir_svc.decision import Concern, Fact, Message, Review
from fhir_svc.errors import Broken
from fhir_svc.orders.amendments import is_withdrawn
from fhir_svc.orders.definitions import answer_words, fact_titles, order_kind, questions, study_words
from fhir_svc.orders.identity import deciding, references
from fhir_svc.orders.imaging import EARLIER
from fhir_svc.orders.news import news
from fhir_svc.orders.provenance import SERVICE
from fhir_svc.orders.repeats import STANDING
from fhir_svc.orders.sheet import Resource, Sheet, identifier, made, rule_concept
from fhir_svc.orders.states import fresh
from fhir_svc.orders.terms import codes, concept, extension, extensions
from fhir_svc.record import Stored

_DUPLICATE = "duplicate"
_FILED = {name: name.replace("-", " ").capitalize() for name in (EARLIER, STANDING)}
_CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "clinical"}


def red_flag(sheet: Sheet, rule: str) -> Resource:
    """The active Flag of a red flag, with the versions it rests on."""
    evidence = references(source for fact in sheet.facts([rule]) for source in fact.sources)
    return _flag(sheet, sheet.once("Flag", rule, rules=[rule]), rule, evidence)


def signer_flag(sheet: Sheet, review: Review) -> Resource:
    """The Flag that tells the signer of an order that its evidence has changed."""
    about = review.about
    if about is None:
        raise Broken("a flag to a signer is about an order")
    identity = sheet.once("Flag", review.reason, about.local, rules=review.rules)
    flag = _flag(sheet, identity, review.reason, [about.reference])
    signer = about.content.get("requester")
    to = [{"url": extension("recipient"), "valueReference": signer}] if signer else []
    return flag | {"extension": [*flag["extension"], *to]}


def resolved(sheet: Sheet, renewed: set[str]) -> list[tuple[Stored, Resource]]:
    """Our active Flags that the evidence withdrew, or that a newer Flag of the same rule (`renewed`) replaces."""
    outcomes = {rule.id: rule for rule in sheet.decision.rules}
    found = []
    for held in sheet.record.of("Flag", ours=True):
        rules = list(extensions(held.content, "rule"))
        cited = [reference["reference"] for reference in extensions(held.content, "evidence")]
        over = bool(renewed & set(rules)) or is_withdrawn(cited, rules, outcomes, sheet.record)
        to_a_signer = any(name.startswith("ServiceRequest/") for name in cited)
        of_this_plan = any(codes(held.content["code"], sheet.plan))
        if held.content["status"] == "active" and over and of_this_plan and not to_a_signer:
            period = {**held.content.get("period", {}), "end": sheet.at}
            found.append((held, fresh(held.content) | {"status": "inactive", "period": period}))
    return found


def message(sheet: Sheet, held: Message, again: Iterable[str] = ()) -> Resource | None:
    """A CommunicationRequest in the words of its ActivityDefinition; None where it was sent. `again`: see `news`."""
    definition = sheet.knowledge.find("ActivityDefinition", f"message-{held.reason.lower().replace('_', '-')}")
    if definition is None:
        raise Broken("a message reason has no ActivityDefinition", error="unknown-message")
    texts = [*extensions(definition, "patient-text"), *extensions(definition, "clinician-text")]
    if any(extensions(definition, "asks-missing")):
        texts += _questions(sheet, held.missing)
    texts += extensions(definition, "disclaimer")
    found = news(
        sheet,
        "CommunicationRequest",
        sheet.once("CommunicationRequest", held.reason, rules=held.rules, more=held.missing),
        code=held.reason,
        grounds=held.grounds or sheet.grounds(held.rules),
        pressing=sheet.ladder.presses(definition["priority"]),
        again=again,
    )
    if found is None:
        return None
    return made(
        "CommunicationRequest",
        found.identity,
        extension=found.extensions,
        identifier=[identifier("message", found.identity)],
        groupIdentifier=identifier("requisition", sheet.requisition),
        status="active",
        priority=definition["priority"],
        subject=sheet.patient,
        about=[sheet.reason],
        payload=[{"contentString": text} for text in texts],
        occurrenceDateTime=sheet.at,
        authoredOn=sheet.at,
        recipient=_recipients(sheet, definition["participant"]),
        sender=dict(SERVICE),
        reasonCode=[concept("message-reason", held.reason, definition["title"])],
    )


def issue(sheet: Sheet, held: Concern, implicated: Sequence[str]) -> Resource:
    """A DetectedIssue: contraindication, duplicate or conflict, and the draft it touches."""
    evidence = [_side(sheet, fact) for fact in held.facts if fact.sources]
    parts = (held.kind, held.rule, held.order or "")
    on = sorted(source.local for fact in held.facts for source in fact.sources) if held.kind == _DUPLICATE else []
    identity = sheet.once("DetectedIssue", *parts, more=[deciding(held.facts), held.text, *on])
    return made(
        "DetectedIssue",
        identity,
        identifier=[identifier("detected-issue", identity)],
        status="final",
        code=concept("detected-issue", held.kind, rule_concept(sheet, held.rule).get("text")),
        patient=sheet.patient,
        identifiedDateTime=sheet.at,
        author=dict(SERVICE),
        implicated=[{"reference": name} for name in implicated],
        evidence=evidence,
        detail=held.text or _told(evidence, sheet, held),
    )


def _side(sheet: Sheet, fact: Fact) -> Resource:
    """One side of a concern: what it says in words, and the versions that say so."""
    title = fact_titles(sheet.knowledge).get(fact.name, _FILED.get(fact.name))
    detail = [{"reference": name} for name in references(fact.sources)]
    if title is None or fact.value is None:
        return {"detail": detail}
    said = "yes" if fact.value is True else "no" if fact.value is False else str(fact.value)
    if fact.name in _FILED:
        kinds = [study_words(sheet.knowledge, source.content) for source in fact.sources]
        said = ", ".join(filter(None, [*kinds, said.replace("-", " ")]))
    else:
        said = answer_words(sheet.knowledge).get(said, said)
    text = f"{title}: {said} {fact.unit or ''}".rstrip() + (f" ({fact.date})" if fact.date else "")
    return {"code": [{"text": text}], "detail": detail}


def _told(evidence: Sequence[Resource], sheet: Sheet, held: Concern) -> str:
    """What each side says, one after the other; of a duplicate after the order that was not drafted for it."""
    said = "; ".join(concept["text"] for side in evidence for concept in side.get("code", ()))
    if held.kind != _DUPLICATE or held.order is None:
        return said
    code = order_kind(sheet.knowledge, held.order).definition["code"]
    return f"{code.get('text', held.order)}. {said}"


def _flag(sheet: Sheet, identity: str, reason: str, evidence: Sequence[str]) -> Resource:
    return made(
        "Flag",
        identity,
        extension=[
            {"url": extension("rule"), "valueCode": reason},
            *({"url": extension("evidence"), "valueReference": {"reference": name}} for name in evidence),
        ],
        identifier=[identifier("flag", identity)],
        status="active",
        category=[{"coding": [dict(_CATEGORY)]}],
        code=rule_concept(sheet, reason),
        subject=sheet.patient,
        period={"start": sheet.at},
        author=dict(SERVICE),
    )


def _questions(sheet: Sheet, missing: Sequence[str]) -> list[str]:
    asked = questions(sheet.knowledge)
    return [asked[name][1] for name in missing if name in asked and asked[name][1]]


def _recipients(sheet: Sheet, participants: Sequence[Resource]) -> list[Resource]:
    return [sheet.patient if held["type"] == "patient" else {"display": held["role"]["text"]} for held in participants]
