"""What a physician reads to judge a draft or a review: rules, facts, gaps, conflicts, checks, earlier studies, limits.

Everything comes from what the evaluation wrote and from the knowledge artefacts. What an evaluation could not tell is
shown as plainly as what it found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import study_words
from fhir_svc.orders.imaging import EARLIER
from fhir_svc.orders.repeats import STANDING
from fhir_svc.orders.states import moment
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Stored
from fhir_svc.store import resources
from fhir_svc.store.database import Connection
from fhir_svc.web import trace
from fhir_svc.web.negotiation import version_number
from fhir_svc.web.trace import Trace, TracedFact, TracedRule
from fhir_svc.web.wording import Wording

Json = Mapping[str, Any]
NOTHING: Final = (False, "no", "none", "never")  # decides the order of display, nothing else
STUDIES: Final = frozenset({"DiagnosticReport", "ImagingStudy", "ServiceRequest", "Procedure"})
MOST_RELATED: Final = 50
FILED: Final = frozenset({EARLIER, STANDING})  # facts that are an order or a study on file
UNFINISHED: Final = frozenset({"in-progress", "data-requested"})


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact comes from: a version of a received resource."""

    type: str
    id: str
    version: int


@dataclass(frozen=True, slots=True)
class ReadFact:
    """A fact in words. `when` is a FHIR date or dateTime; `setting`: the site chose it, no source says it.

    `negative`: it says no, or none; such facts stand after the others.
    """

    name: str
    label: str
    value: str
    when: str | None
    sources: tuple[Source, ...]
    setting: bool = False
    negative: bool = False


@dataclass(frozen=True, slots=True)
class ReadRule:
    """A rule in words, with the facts that decided it and those that are missing."""

    id: str
    title: str
    text: str
    citation: str
    facts: tuple[ReadFact, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Study:
    """An earlier study, procedure or order that the draft rests on or stands beside."""

    title: str
    when: str | None
    status: str
    source: Source


@dataclass(frozen=True, slots=True)
class Basis:
    """All that stands behind a draft or a review; `level_means` is what its level asks for."""

    level: str
    level_means: str
    flags: tuple[str, ...]
    met: tuple[ReadRule, ...]
    others_met: tuple[ReadRule, ...]
    unknown: tuple[ReadRule, ...]
    concerns: tuple[str, ...]
    studies: tuple[Study, ...]
    criteria: str
    failed: bool = False


def basis(
    tx: Connection, tenant: str, knowledge: Knowledge, words: Wording, guidance: Stored | None, subject: Stored
) -> Basis:
    """Read everything about an order or a review Task; the rules that want it come first, other met rules after."""
    content = guidance.content if guidance else {}
    traced = trace.read(content)
    order = subject if subject.type == "ServiceRequest" else None
    criteria = order.content["instantiatesCanonical"][0] if order else content.get("moduleCanonical", "")
    wanting = _rules_of(order.content) if order else _rules_asking(subject.content, criteria)
    kinds = _kinds(tx, tenant, knowledge, traced)
    met = [_rule(knowledge, words, criteria, rule, kinds) for rule in traced.with_outcome(trace.MET)]
    open_ = traced.with_outcome(trace.CANNOT_TELL)
    return Basis(
        level=words.concept("triage-level", traced.level) if traced.level else "",
        level_means=words.definition("triage-level", traced.level) if traced.level else "",
        flags=tuple(words.concept("review-flag", code) for code in traced.flags),
        met=tuple(rule for rule in met if not wanting or rule.id in wanting),
        others_met=tuple(rule for rule in met if wanting and rule.id not in wanting),
        unknown=tuple(_rule(knowledge, words, criteria, rule, kinds) for rule in open_),
        concerns=tuple(_concerns(tx, tenant, order)),
        studies=tuple(_studies(tx, tenant, knowledge, order)),
        criteria=_named(knowledge, criteria),
        failed=content.get("status") == "failure",
    )


def guidance_of(tx: Connection, tenant: str, task: Json) -> Stored | None:
    """The GuidanceResponse behind a Task."""
    for element in (task.get("reasonReference"), task.get("focus")):
        kind, _, rest = (element or {}).get("reference", "").partition("/")
        if kind == "GuidanceResponse":
            return resources.read(tx, tenant, kind, rest.partition("/")[0])
    return None


def newest_guidance(tx: Connection, tenant: str, patient: str, *, before: datetime | None = None) -> Stored | None:
    """The newest evaluation of a patient that is finished, or was `before` an instant.

    A draft rests on it, whichever evaluation drafted it first.
    """
    wanted = [("subject", f"Patient/{patient}")]
    if before is not None:
        wanted.append(("_lastUpdated", f"lt{moment(before)}"))
    found = resources.search(
        tx, tenant, "GuidanceResponse", wanted, sort="-_lastUpdated", count=MOST_RELATED, cursor=None
    )
    return next((each for each in found.entries if each.content.get("status") not in UNFINISHED), None)


def source(reference: str) -> Source | None:
    """A versioned reference taken apart; None for anything else."""
    parts = reference.split("/")
    number = version_number(parts[-1])
    if len(parts) != 4 or parts[2] != "_history" or number is None:  # noqa: PLR2004 - Type/id/_history/n
        return None
    return Source(parts[0], parts[1], number)


def _kinds(tx: Connection, tenant: str, knowledge: Knowledge, traced: Trace) -> dict[str, str]:
    """What kind of order or study each source is that a fact about those names."""
    named = [each for rule in traced.rules for fact in rule.facts if fact.name in FILED for each in fact.sources]
    taken = [(each, found) for each in dict.fromkeys(named) if (found := source(each)) is not None]
    held = [(each, resources.vread(tx, tenant, found.type, found.id, found.version)) for each, found in taken]
    return {each: study_words(knowledge, stored.content) for each, stored in held if stored is not None}


def _rule(knowledge: Knowledge, words: Wording, criteria: str, rule: TracedRule, kinds: Mapping[str, str]) -> ReadRule:
    plan = knowledge.canonical(criteria) or {}
    action: Json = next((each for each in plan.get("action", ()) if each.get("id") == rule.id), {})
    facts = [_fact(words, fact, kinds) for fact in rule.facts if fact.value is not None]
    return ReadRule(
        id=rule.id,
        title=rule.title or action.get("title", rule.id),
        text=action.get("textEquivalent") or action.get("description", ""),
        citation=rule.citation,
        facts=tuple(sorted(facts, key=lambda fact: (fact.setting, fact.negative))),
        missing=tuple(words.fact(name) for name in rule.missing),
    )


def _named(knowledge: Knowledge, criteria: str) -> str:
    """Title and version of the criteria."""
    url, _, version = criteria.partition("|")
    plan = knowledge.canonical(criteria) or {}
    return f"{plan.get('title') or url.rpartition('/')[2]}, version {version}"


def _fact(words: Wording, fact: TracedFact, kinds: Mapping[str, str]) -> ReadFact:
    sources = (source(reference) for reference in fact.sources)
    which = ", ".join(filter(None, (kinds.get(reference) for reference in fact.sources)))
    return ReadFact(
        fact.name,
        f"{words.fact(fact.name)}: {which}" if which else words.fact(fact.name),
        _said(words, fact),
        fact.date,
        tuple(each for each in sources if each is not None),
        setting=words.is_setting(fact.name),
        negative=fact.value in NOTHING,
    )


def _said(words: Wording, fact: TracedFact) -> str:
    if isinstance(fact.value, bool):
        return words.answer(fact.name, "yes" if fact.value else "no")
    if isinstance(fact.value, str) and fact.unit is None:
        return words.answer(fact.name, fact.value)
    return f"{fact.value} {words.unit(fact.unit)}" if fact.unit else str(fact.value)


def _rules_of(order: Json) -> frozenset[str]:
    """The ids of the rules that want this order."""
    return frozenset(str(code) for code in extensions(order, "rule"))


def _rules_asking(task: Json, criteria: str) -> frozenset[str]:
    """The ids of the rules that ask for a review; none where something else asks for it."""
    plan = criteria.partition("|")[0]
    return frozenset(each["code"] for each in task.get("reasonCode", {}).get("coding", ()) if each["system"] == plan)


def _concerns(tx: Connection, tenant: str, order: Stored | None) -> Iterable[str]:
    if order is None:
        return
    wanted = [("implicated", f"ServiceRequest/{order.id}")]
    for issue in resources.search(
        tx, tenant, "DetectedIssue", wanted, sort=None, count=MOST_RELATED, cursor=None
    ).entries:
        text = issue.content.get("detail") or issue.content.get("code", {}).get("text")
        if text:
            yield text


def _studies(tx: Connection, tenant: str, knowledge: Knowledge, order: Stored | None) -> Iterable[Study]:
    for held in order.content.get("supportingInfo", ()) if order else ():
        named = source(held.get("reference", ""))
        if named is None or named.type not in STUDIES:
            continue
        stored = resources.vread(tx, tenant, named.type, named.id, named.version)
        if stored is not None:
            content = stored.content
            title = content.get("description") or study_words(knowledge, content) or named.type
            yield Study(title, _date(content), content.get("status", ""), named)


def _date(content: Json) -> str | None:
    named = ("effectiveDateTime", "started", "performedDateTime", "authoredOn", "issued")
    return next((content[name] for name in named if name in content), None)
