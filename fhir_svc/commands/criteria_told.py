"""What `fhir-svc criteria` prints, line by line. Apart from the command, so that no role loads the criteria for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fhir_svc.artefact_models import strangers
from fhir_svc.artefacts import load_artefacts
from fhir_svc.criteria.review import review
from fhir_svc.errors import FhirSvcError
from fhir_svc.evaluation import decide
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.comparison import Changes, changes, in_words
from fhir_svc.record import Site
from fhir_svc.store import cases, resources, shadow, tenants
from fhir_svc.store.database import Connection, Database
from fhir_svc.web import rules_in_words
from fhir_svc.web.rules_in_words import InWords
from fhir_svc.web.wording import wording


def checked(profiles: Path) -> list[str]:
    """A line for each fault of the artefacts: of their meaning first, then of their shape as typed R4 models see it."""
    artefacts = load_artefacts(profiles)
    return [*(str(fault) for fault in review(artefacts)), *strangers(artefacts)]


def shown(profiles: Path, rule: str | None) -> Iterator[str]:
    """Every rule, or one, in plain words; nothing where there is no such rule."""
    knowledge = Knowledge(load_artefacts(profiles))
    words = wording(knowledge)
    for pathway in knowledge.pathways.values():
        told = [one for one in rules_in_words.rules(knowledge, pathway, words) if rule in {None, one.id}]
        if told:
            plan = knowledge.canonical(pathway.plan.canonical) or {}
            yield f"{plan.get('title')}, version {plan.get('version')} of {plan.get('date')}"
            for said in (rules_in_words.APPROVAL, rules_in_words.UNKNOWN):
                yield f"\n{said['title'].upper()}\n{said['text']}"
        for one in told:
            yield "\n" + "\n".join(_lines(one, dict(words.choices(rules_in_words.GRADES))))


def _lines(rule: InWords, grades: dict[str, str]) -> Iterator[str]:
    marks = [*(["red flag"] if rule.red_flag else []), *([rule.level] if rule.level else [])]
    yield f"{rule.id}  {rule.title}" + (f"  [{', '.join(marks)}]" if marks else "")
    yield f"  {rule.text}"
    yield f"  met when: {rule.condition}"
    for step in rule.steps:
        told = f"{step.text}: " if step.text else ""
        yield f"  then: {told}{'; '.join(step.does)}" + (f" when {step.when}" if step.when else "")
    yield f"  evidence: {rule.grade}" + (f" ({grades[rule.grade]})" if rule.grade in grades else "")
    yield f"  citation: {rule.citation}"
    yield from (f"  for example: {example}" for example in rule.examples)
    for meaning in rule.meanings:
        details = "; ".join(part for part in (meaning.means, *meaning.details) if part)
        yield f"  fact: {meaning.title}" + (f": {details}" if details else "")


def compared(database: Database, old: Path, new: Path, only: str | None) -> Iterator[str]:
    """What NEW would do otherwise than OLD with every stored patient: counts, then a line for each. Reads only."""
    versions = Knowledge(load_artefacts(old)), Knowledge(load_artefacts(new))
    lines, counts = [], {"patients": 0, "level": 0, "orders": 0, "flags": 0, "error": 0}
    with database.reading() as tx:
        for tenant in tenants.all_of(tx):
            site = Site(tenant.timezone, tenant.values)
            for case in cases.evaluated(tx, tenant.name) if only in {None, tenant.name} else ():
                found = _compared(tx, tenant.name, case, site, versions)
                for part in ("patients", *found):
                    counts[part] += 1
                lines += [f"{tenant.name} Patient/{case.patient} {case.plan}: {in_words(found)}"] if found else []
    yield (
        f"{counts['patients']} evaluated, {len(lines)} otherwise: {counts['level']} in level, {counts['orders']} in "
        f"orders, {counts['flags']} in flags, {counts['error']} can't be evaluated"
    )
    yield from lines


def _compared(
    tx: Connection, tenant: str, case: cases.Evaluated, site: Site, versions: tuple[Knowledge, Knowledge]
) -> Changes:
    record = resources.patient_record(tx, tenant, case.patient)
    try:
        before, after = (decide(record, knowledge, site, case.at, case.plan) for knowledge in versions)
    except FhirSvcError as failure:
        return {"error": failure.issues[0].error}
    return changes(before, after)


def beside(database: Database, only: str | None) -> Iterator[str]:
    """What criteria beside those in force would have decided: counts, then the newest difference of each patient."""
    with database.reading() as tx:
        tallies, differing = shadow.tallies(tx, only), shadow.differing(tx, only)
    for one in tallies:
        counts = f"{one.evaluations} evaluations, {one.differing} otherwise, {one.failed} failed"
        yield f"{one.tenant} {one.criteria}: {counts}"
    for case in differing:
        told = f"can't be evaluated: {case.error}" if case.error else in_words(case.changes)
        yield f"{case.tenant} Patient/{case.patient} {case.at.isoformat()}: {told}"
    if not tallies:
        yield "no criteria have run beside those in force"
