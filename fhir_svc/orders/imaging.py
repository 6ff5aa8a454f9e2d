"""PURE: R16 (b) and (c). An imaging study done lately makes the same study a duplicate, unless a red flag wants it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from fhir_svc.criteria.findings import Findings
from fhir_svc.criteria.moments import Moment, read_moment, zone_of
from fhir_svc.decision import Concern, Fact, Outcome
from fhir_svc.orders.candidates import Candidate
from fhir_svc.orders.definitions import OrderKind
from fhir_svc.record import Json, Record, Site, Stored

EARLIER = "earlier-imaging"
_DONE: Mapping[str, tuple[str, tuple[str, ...], frozenset[str]]] = {
    "DiagnosticReport": (
        "code",
        ("effectiveDateTime", "effectivePeriod"),
        frozenset({"final", "amended", "corrected"}),
    ),
    "ImagingStudy": ("procedureCode", ("started",), frozenset({"available"})),
    "Procedure": ("code", ("performedDateTime", "performedPeriod"), frozenset({"completed"})),
    "ServiceRequest": ("code", ("occurrenceDateTime", "occurrencePeriod"), frozenset({"completed"})),
}


@dataclass(frozen=True, slots=True)
class Scan:
    """A study on file; `moment` None where its date is missing."""

    source: Stored
    moment: Moment | None


@dataclass(frozen=True, slots=True)
class Screened:
    """What is left of the candidates after the earlier imaging was looked at."""

    candidates: tuple[Candidate, ...]
    suppressed: tuple[Candidate, ...]
    outcome: Outcome
    flags: tuple[str, ...]
    concerns: tuple[Concern, ...]
    facts: tuple[Fact, ...] = ()


def screen(
    candidates: list[Candidate],
    findings: Findings,
    record: Record,
    kinds: Mapping[str, OrderKind],
    site: Site,
    days: int,
) -> Screened:
    """Suppress or attach: status is unchanged when no red-flag rule wants the scan, and only then (b) suppresses."""
    scans = [held for held in candidates if kinds[held.key].imaging]
    codes = frozenset[tuple[str, str]]().union(*(kinds[held.key].imaging for held in scans))
    inside, unsure = _on_file(record, codes, findings, site, days) if scans else ([], [])
    red = [rule for held in scans for rule in held.rules if rule in findings.red_flags]
    if inside and not red:
        kept = tuple(held for held in candidates if held not in scans)
        facts = _said(inside)
        concerns = tuple(Concern("duplicate", "R16", held.key, facts) for held in scans)
        return Screened(kept, tuple(scans), Outcome.MET, ("DUPLICATE_SUPPRESSED",), concerns, facts)
    facts = _said((*inside, *unsure))
    earlier = tuple(scan.source for scan in (*inside, *unsure))
    kept = tuple(replace(held, attached=held.attached + earlier) if held in scans else held for held in candidates)
    overrides = any(_after(findings, rule, scan) for rule in red for scan in inside)
    if overrides or unsure:
        return Screened(kept, (), Outcome.MET if overrides else Outcome.CANNOT_TELL, ("PRIOR_IMAGING",), (), facts)
    return Screened(kept, (), Outcome.NOT_MET, (), ())


def _said(scans: Iterable[Scan]) -> tuple[Fact, ...]:
    """Studies on file as facts: in which status, of when, and which version says so."""
    return tuple(
        Fact(EARLIER, scan.source.content["status"], None, scan.moment.text if scan.moment else None, (scan.source,))
        for scan in scans
    )


def _on_file(
    record: Record, codes: frozenset[tuple[str, str]], findings: Findings, site: Site, days: int
) -> tuple[list[Scan], list[Scan]]:
    """The studies surely inside the window, and those that may be, their date being missing or partial."""
    today = findings.at.astimezone(zone_of(site.timezone, findings.at)).date()
    first = today - timedelta(days=days)
    scans = [scan for scan in _scans(record, findings, site) if _codes(scan.source) & codes]
    inside = [scan for scan in scans if scan.moment and first <= scan.moment.first and scan.moment.last <= today]
    outside = [scan for scan in scans if scan.moment and (scan.moment.last < first or today < scan.moment.first)]
    return inside, [scan for scan in scans if scan not in inside and scan not in outside]


def _scans(record: Record, findings: Findings, site: Site) -> list[Scan]:
    zone = zone_of(site.timezone, findings.at)
    found = []
    for stored in record.of(*_DONE):
        if stored.content.get("doNotPerform") is True:
            continue
        _, dates, statuses = _DONE[stored.type]
        said = [_when(stored.content, name) for name in dates]
        moment = next((read_moment(text, zone) for text in said if text), None)
        if stored.content.get("status") in statuses and (moment or stored.type != "ServiceRequest"):
            found.append(Scan(stored, moment))
    return found


def _when(content: Json, name: str) -> str | None:
    value = content.get(name)
    return value.get("end") or value.get("start") if isinstance(value, dict) else value


def _codes(stored: Stored) -> frozenset[tuple[str, str]]:
    held = stored.content.get(_DONE[stored.type][0]) or ()
    concepts = [held] if isinstance(held, dict) else held
    pairs = [
        (coding.get("system", ""), coding.get("code", "")) for each in concepts for coding in each.get("coding", ())
    ]
    return frozenset(pairs)


def _after(findings: Findings, rule: str, scan: Scan) -> bool:
    """Whether the onset can lie after the scan; a rule without a known onset counts as after it."""
    onset = findings.onsets.get(rule)
    return onset is None or scan.moment is None or onset > scan.moment.start
