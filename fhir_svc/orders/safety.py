"""PURE: the safety controls between what the rules want and what is drafted: R16 (b)(c), R14, R13, R15, R43, R16 (a).

The plan and the ActivityDefinitions say what the controls are; this says in which order they act and what they leave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from fhir_svc.criteria.findings import Control, Findings
from fhir_svc.decision import Decision, Kept, Order, Outcome, Review, RuleOutcome, Withdrawal
from fhir_svc.errors import Broken
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.amendments import unsupported
from fhir_svc.orders.candidates import covered, from_want, merged
from fhir_svc.orders.controls import Passage
from fhir_svc.orders.definitions import Ladder, OrderKind, key_of, ladder, order_kind, parameter
from fhir_svc.orders.expiry import overtaken, patience
from fhir_svc.orders.external_change import MERGED
from fhir_svc.orders.imaging import Screened, screen
from fhir_svc.orders.merging import sort_drafts
from fhir_svc.orders.reasons import distinct, reasons, recorded
from fhir_svc.orders.repeats import Repeats
from fhir_svc.orders.screening import cleared, shown, turned_on
from fhir_svc.orders.taking_back import EXPIRED, REVOKED, SUPERSEDED, told, withdrawn
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Record, Site, Stored

_SIGNED = frozenset({"active", "on-hold"})
_STANDING = _SIGNED | {"draft"}

# R14 is met whenever pregnant = yes, whether or not a draft is there to control: by what it does, not what it holds.
_STANDS_ALONE = frozenset({"R14"})


def control(findings: Findings, record: Record, knowledge: Knowledge, site: Site) -> Decision:
    """Take what the rules found through every safety control, in the order of the criteria, to a Decision."""
    steps = ladder(knowledge)
    kinds = _kinds(findings, knowledge)
    wanted = [from_want(want) for want in findings.wants]
    earlier = screen(wanted, findings, record, kinds, site, suppression_days(knowledge, site))
    rules = {rule.id: rule for rule in _after_suppression(findings, earlier)}

    candidates = covered(merged(earlier.candidates, steps), kinds, steps)
    passage = Passage(candidates, steps, cleared(record, knowledge)).run(_controls(findings, record, knowledge))

    unfit = list(unsupported(record, rules, findings.criteria, frozenset({"draft"})))
    signed = list(unsupported(record, rules, findings.criteria, _SIGNED))
    displaced = _displaced(record, passage, earlier, kinds, unfit)
    moved, stranded = sort_drafts(record, {held.key for held in passage.candidates}, findings.criteria)
    unfit = [held for held in unfit if held not in moved]
    displaced = [held for held in displaced if held not in moved]
    stranded = [held for held in stranded if held not in [*unfit, *displaced]]
    diagnoses = recorded(record)
    gone = {held.id for held in (*unfit, *displaced, *moved, *stranded)}
    repeats = Repeats(record, steps, findings.at, frozenset(gone))
    for found in passage.candidates:
        own = [rules[rule] for rule in found.rules]
        because = distinct(found.reasons, reasons(kinds[found.key], own, diagnoses, knowledge))
        repeats.take(replace(found, reasons=because), kinds[found.key], own)

    taken = gone | {held.id for held in repeats.superseded} | {kept.existing.id for kept in repeats.kept}
    late = overtaken(record, rules, taken, findings.criteria, steps, findings.at, patience(knowledge, site))
    withdrawals = [
        *withdrawn(unfit, record, repeats, kinds),
        *(Withdrawal(held, SUPERSEDED) for held in (*displaced, *moved, *repeats.superseded)),
        *(Withdrawal(held, EXPIRED) for held in late.drafts),
        *(Withdrawal(held, MERGED) for held in stranded),
    ]
    pregnant = {held.rule for held in findings.controls if held.outcome is Outcome.MET and held.effect != "hold"}
    passage.touched |= pregnant & _STANDS_ALONE
    settled = _settled(rules, passage, earlier, repeats, revised=bool(unfit or signed))
    reviews = [*findings.reviews, *passage.reviews, *_for_signers(signed, record, passage, steps)]
    reviews += _unsafe_elsewhere(record, passage, kinds, steps)
    reviews += _without_draft(settled, repeats.orders, repeats.kept, reviews, steps)
    reviews += told(withdrawals, record)
    flags = [*findings.flags, *earlier.flags, *passage.flags]
    flags += ["DUPLICATE_SUPPRESSED"] if repeats.suppressed else []
    flags += [REVOKED] if unfit else []
    return Decision(
        at=findings.at,
        criteria=findings.criteria,
        level=findings.level,
        flags=tuple(sorted(set(flags))),
        rules=tuple(shown(settled, findings.controls, record, knowledge)),
        orders=tuple(repeats.orders),
        reviews=tuple(held for at, held in enumerate(reviews) if held not in reviews[:at]),
        messages=findings.messages,
        concerns=(*findings.concerns, *earlier.concerns, *passage.concerns, *repeats.concerns),
        red_flags=findings.red_flags,
        facts=findings.facts,
        missing=findings.missing,
        data_required=findings.data_required,
        next_change=min(filter(None, (findings.next_change, late.next_change)), default=None),
        withdrawals=tuple(withdrawals),
        kept=tuple(repeats.kept),
    )


def suppression_days(knowledge: Knowledge, site: Site) -> int:
    """For how many days a completed study makes the same study a duplicate: the site's own value, else the default."""
    days = parameter(knowledge, site, "imaging-window")
    if days is None:
        raise Broken("no parameter is named for the window of earlier imaging", error="unknown-parameter")
    return days


def _kinds(findings: Findings, knowledge: Knowledge) -> Mapping[str, OrderKind]:
    keys = {want.key for want in findings.wants}
    keys |= {held.replacement for held in findings.controls if held.replacement}
    return {key: order_kind(knowledge, key) for key in sorted(keys)}


def _controls(findings: Findings, record: Record, knowledge: Knowledge) -> list[Control]:
    """The plan's controls; those that a physician's own screening turns on count as met."""
    on = turned_on(record, knowledge, findings.facts)
    return [
        replace(held, outcome=Outcome.MET, facts=(*held.facts, on[held.id])) if held.id in on else held
        for held in findings.controls
    ]


def _after_suppression(findings: Findings, earlier: Screened) -> list[RuleOutcome]:
    """A rule whose every order the earlier imaging suppresses did nothing: it is not met."""
    kept = {rule for held in earlier.candidates for rule in held.rules}
    idle = {rule for held in earlier.suppressed for rule in held.rules} - kept
    return [replace(rule, outcome=Outcome.NOT_MET) if rule.id in idle else rule for rule in findings.rules]


def _displaced(
    record: Record, passage: Passage, earlier: Screened, kinds: Mapping[str, OrderKind], unfit: Sequence[Stored]
) -> list[Stored]:
    """Our unsigned drafts of orders that a control has just replaced, blocked, suppressed or made needless.

    One that was drafted in the place of another goes when that other is blocked now, or may be done after all.
    """
    final = {held.key for held in passage.candidates}
    out = {*passage.removed, *(held.key for held in earlier.suppressed)}
    out |= {key for held in passage.candidates for key in kinds[held.key].covers}
    return [
        held
        for held in record.of("ServiceRequest", ours=True)
        if held.content.get("status") == "draft" and held not in unfit
        if (key := key_of(held.content)) not in final and (key in out or _swapped_for(held) & (out | final))
    ]


def _swapped_for(held: Stored) -> set[str]:
    return set(extensions(held.content, "instead-of"))


def _for_signers(signed: Sequence[Stored], record: Record, passage: Passage, steps: Ladder) -> list[Review]:
    """What the signers of orders must hear: the evidence withdrew them, or a control now forbids them."""
    asked = [_signer_review("R43", held, steps) for held in signed]
    for held in record.of("ServiceRequest", ours=True):
        keys = [key_of(held.content) or ""]
        keys += [] if keys[0] in {found.key for found in passage.candidates} else _swapped_for(held)
        rule = next((passage.removed[key] for key in keys if key in passage.removed), None)
        if rule and held.content.get("status") in _SIGNED and held not in signed:
            asked.append(_signer_review(rule, held, steps))
    return asked


def _signer_review(reason: str, held: Stored, steps: Ladder) -> Review:
    """As urgent as the order itself at least: what was signed as stat may be under way."""
    priority = steps.highest(["asap", held.content.get("priority", "asap")])
    return Review(reason, priority, tuple(extensions(held.content, "rule")), about=held)


def _unsafe_elsewhere(
    record: Record, passage: Passage, kinds: Mapping[str, OrderKind], steps: Ladder
) -> Iterator[Review]:
    """The record system's own standing orders of what a control has just replaced or blocked here."""
    wanted = {found.key for found in passage.candidates}
    for held in record.of("ServiceRequest", ours=False):
        content, key = held.content, key_of(held.content, kinds.values())
        stands = content.get("status") in _STANDING and content.get("doNotPerform") is not True
        if stands and key in passage.removed and key not in wanted:
            priority = steps.highest(["asap", content.get("priority", "asap")])
            rule = passage.removed[key]
            yield Review(rule, priority, (rule,), about=held, action="unsafe-elsewhere")


def _settled(
    rules: Mapping[str, RuleOutcome], passage: Passage, earlier: Screened, repeats: Repeats, *, revised: bool
) -> list[RuleOutcome]:
    """The final outcomes: a control is met when it changed, held or flagged something."""
    said = dict.fromkeys(passage.touched, Outcome.MET)
    said |= dict.fromkeys(passage.unclear - passage.touched, Outcome.CANNOT_TELL)
    said["R16"] = Outcome.MET if repeats.suppressed else earlier.outcome
    said["R43"] = Outcome.MET if revised else Outcome.NOT_MET
    shown = {"R16": (*earlier.facts, *repeats.facts)}
    said |= dict.fromkeys(passage.rules - said.keys(), Outcome.NOT_MET)
    return [
        replace(rule, outcome=said.get(rule.id, rule.outcome), facts=(*shown.get(rule.id, ()), *rule.facts))
        if rule.id in said
        else rule
        for rule in rules.values()
    ]


def _without_draft(
    rules: Sequence[RuleOutcome],
    orders: Sequence[Order],
    kept: Sequence[Kept],
    reviews: Sequence[Review],
    steps: Ladder,
) -> list[Review]:
    """A review for every met rule of level SOON or above that leaves neither a draft nor other work."""
    seen = {rule for held in (*orders, *(found.order for found in kept)) for rule in held.rules}
    seen |= {rule for review in reviews if review.about is None for rule in (review.reason, *review.rules)}
    return [
        Review(rule.id, steps.priority_of(rule.level), (rule.id,), rule.level, action=rule.id)
        for rule in rules
        if rule.outcome is Outcome.MET and rule.id not in seen and steps.at_least(rule.level, "SOON")
    ]
