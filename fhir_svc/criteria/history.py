"""PURE: facts about what stands on file: conditions, procedures, devices, studies, medication, allergies, orders.

A record that need not exist is never unknown: not on file is false. Whatever was entered in error, refuted, not done or
is over does not count, unless the fact asks for any history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.chart import has_code, says
from fhir_svc.criteria.declarations import Declaration, Window
from fhir_svc.criteria.moments import Moment, midnight
from fhir_svc.criteria.readings import NO, Reading
from fhir_svc.record import Json, Stored

STATUSES: Mapping[str, frozenset[str]] = {
    "Procedure": frozenset({"completed"}),
    "DiagnosticReport": frozenset({"final", "amended", "corrected", "appended"}),
    "ImagingStudy": frozenset({"available"}),
    "Device": frozenset({"active", "unknown"}),
    "DeviceUseStatement": frozenset({"active", "completed", "intended", "on-hold"}),
    "MedicationStatement": frozenset({"active", "intended", "on-hold", "unknown"}),
    "MedicationRequest": frozenset({"active", "on-hold", "unknown"}),
    "ServiceRequest": frozenset({"active"}),
}
"""What a status must be for the thing to be there; a type without an entry says it in other elements."""
STATUS_OPTIONAL = frozenset({"Device"})
OVER = frozenset({"inactive", "remission", "resolved"})
RETRACTED = "entered-in-error"
NOT_SO = frozenset({"refuted", RETRACTED})
ANY = "any"

DATES: Mapping[str, tuple[str, ...]] = {
    "Procedure": ("performedDateTime", "performedPeriod", "performedString"),
    "DiagnosticReport": ("effectiveDateTime", "effectivePeriod"),
    "ImagingStudy": ("started",),
    "Condition": ("recordedDate", "onsetDateTime", "onsetPeriod"),
    "DeviceUseStatement": ("recordedOn", "timingDateTime", "timingPeriod"),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod", "dateAsserted"),
    "MedicationRequest": ("authoredOn",),
    "AllergyIntolerance": ("recordedDate",),
    "ServiceRequest": ("authoredOn",),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing on file; `moment` is None where nobody said when."""

    stored: Stored
    moment: Moment | None


def dated(case: Case, stored: Stored) -> Moment | None:
    """When what a resource tells of took place; of a period its end, else its start."""
    for name in DATES.get(stored.type, ()):
        value = stored.content.get(name)
        if isinstance(value, Mapping):
            value = value.get("end") or value.get("start")
        moment = case.moment(value)
        if moment is not None:
            return moment
    return None


def entries(case: Case, declared: Declaration) -> Iterator[Entry]:
    """What is on file of the types, codes, words and statuses that a fact declares, up to T."""
    for stored in case.chart.of(*declared.types):
        if (stored.ours and stored.type != "ServiceRequest") or forbids(stored):
            continue
        if not (_is_there(stored, declared) and _is_it(case, stored, declared)):
            continue
        moment = dated(case, stored)
        if moment is not None and moment.start > case.latest:
            case.edge(moment.start)
            continue
        yield Entry(stored, moment)


def forbids(stored: Stored) -> bool:
    """Whether a request says that something must not be done: it is no order for it."""
    return stored.content.get("doNotPerform") is True


def _is_it(case: Case, stored: Stored, declared: Declaration) -> bool:
    concepts = case.chart.concepts(stored)
    named = has_code(concepts, declared.codes) or says(concepts, declared.words, declared.unless)
    if declared.conclusions:
        concluded = stored.content.get("conclusionCode", ())
        return (named or not declared.codes) and has_code(concluded, declared.conclusions)
    return named


def _is_there(stored: Stored, declared: Declaration) -> bool:
    content = stored.content
    statuses = declared.statuses or tuple(STATUSES.get(stored.type, ()))
    if stored.type in {"Condition", "AllergyIntolerance"}:
        return _is_so(content, over=ANY in declared.statuses)
    status = content.get("status")
    if ANY in statuses:
        return status != RETRACTED
    return status in statuses or (status is None and stored.type in STATUS_OPTIONAL)


def _is_so(content: Json, *, over: bool) -> bool:
    clinical, verification = (_codes(content.get(key)) for key in ("clinicalStatus", "verificationStatus"))
    if verification & NOT_SO:
        return False
    ended = bool(clinical & OVER) or any(key.startswith("abatement") for key in content)
    return over or not ended


def _codes(concept: Json | None) -> set[str]:
    return {str(coding.get("code")) for coding in (concept or {}).get("coding", ())}


def _age(entry: Entry) -> tuple[datetime, str]:
    """Sorts entries; one without a date counts as the oldest."""
    return entry.moment.start if entry.moment else datetime.min.replace(tzinfo=UTC), entry.stored.id


def recorded(case: Case, declared: Declaration, *, doubtful: bool = False) -> Reading:
    """Kind `recorded`: whether anything declared is on file, in the window where one is declared.

    `doubtful`: what may lie in the window counts, its date being missing or partial.
    """
    window = declared.windows[0] if declared.windows else Window()
    found = []
    for entry in entries(case, declared):
        inside = True if window.since is None else entry.moment and case.inside(entry.moment, window)
        if inside or (doubtful and inside is None):
            found.append(entry)
    if not found:
        return NO
    newest = max(found, key=_age)
    return Reading(
        value=True,
        date=newest.moment.text if newest.moment else None,
        sources=tuple(entry.stored for entry in found),
        onset=min((case.clipped(e.moment) for e in found if e.moment), default=None),
    )


def recent_study(case: Case, declared: Declaration) -> Reading:
    """Kind `recent-study`: 0 <= date(T) - date(study) <= the number of days of the parameter named by `of`."""
    days = int(case.number(declared.of[0]))
    found = []
    for entry in entries(case, declared):
        if entry.moment is None or not entry.moment.is_whole_day:
            continue
        day = min(entry.moment.first, case.today)
        case.edge(midnight(day + timedelta(days=days + 1), case.zone))
        if (case.today - day).days <= days:
            found.append(entry)
    if not found:
        return NO
    newest = max(found, key=_age)
    assert newest.moment is not None  # noqa: S101 - undated ones were left out above
    return Reading(value=True, date=newest.moment.text, sources=tuple(entry.stored for entry in found))


def _sessions(case: Case, declared: Declaration) -> list[Entry]:
    return [entry for entry in entries(case, declared) if not _elsewhere(entry.stored, declared)]


def _elsewhere(stored: Stored, declared: Declaration) -> bool:
    """Whether a body site names another region; one that we can't read counts as ours."""
    sites = stored.content.get("bodySite", ())
    sites = [sites] if isinstance(sites, Mapping) else sites
    if not sites:
        return False
    return all(has_code([site], declared.others) or says([site], _other_words(declared)) for site in sites)


def _other_words(declared: Declaration) -> tuple[str, ...]:
    return tuple(code.display.lower() for code in declared.others if code.display)


def session_count(case: Case, declared: Declaration) -> Reading:
    """Kind `session-count`: distinct dates in the window, else ever; unknown where one may lie inside or not."""
    window = declared.windows[0] if declared.windows else Window()
    dates: set[Any] = set()
    sources = []
    for entry in _sessions(case, declared):
        if entry.moment is None:
            return Reading(sources=(entry.stored,), unusable=True)
        inside = case.inside(entry.moment, window)
        if inside is None or (inside and not entry.moment.is_whole_day):
            return Reading(sources=(entry.stored,), unusable=True)
        if inside:
            dates.add(entry.moment.first)
            sources.append(entry.stored)
    return Reading(Fraction(len(dates)), sources=tuple(sources), whole=True)


def alerted(case: Case, declared: Declaration) -> Reading:
    """Kind `alerted`: whether a review Task of ours for one of these rules was written in the window."""
    found = [
        stored
        for stored in case.chart.of("Task")
        if stored.ours and _codes(stored.content.get("reasonCode")) & set(declared.values)
        for moment in [case.moment(stored.content.get("authoredOn"))]
        if moment is not None and case.inside(moment, declared.windows[0])
    ]
    return Reading(value=True, sources=tuple(found)) if found else NO


def waiting_orders(case: Case, declared: Declaration) -> Reading:
    """Kind `waiting-orders`: whether an order of ours has waited for the minutes of the parameter `of`.

    It waits from the moment that its Task was written: a newer version of a draft does not begin to wait anew.
    """
    tasks = _asked_at(case)
    found = []
    for stored in case.chart.of("ServiceRequest"):
        content = stored.content
        if not stored.ours or content.get("status") not in declared.statuses:
            continue
        if content.get("priority") not in declared.values:
            continue
        due = min([stored.received, *tasks.get(stored.local, ())]) + timedelta(minutes=int(case.number(declared.of[0])))
        case.edge(due)
        if due <= case.at:
            found.append(stored)
    return Reading(value=True, sources=tuple(found)) if found else NO


def _asked_at(case: Case) -> Mapping[str, list[datetime]]:
    """When Tasks of ours were written, by what they are about."""
    found: dict[str, list[datetime]] = {}
    for task in case.chart.of("Task"):
        moment = case.moment(task.content.get("authoredOn")) if task.ours else None
        if moment is not None:
            found.setdefault(str((task.content.get("focus") or {}).get("reference", "")), []).append(moment.start)
    return found


def withdrawn(case: Case, _: Declaration) -> Reading:
    """Kind `withdrawn`: whether a source that an open order of ours rests on was entered in error."""
    orders = [stored for stored in case.chart.of("ServiceRequest") if stored.ours]
    rested = {
        str(info.get("reference", "")).partition("/_history")[0]
        for stored in orders
        if stored.content.get("status") in {"draft", "active"}
        for info in stored.content.get("supportingInfo", ())
    }
    cited = [case.record.by_local[local] for local in sorted(rested) if local in case.record.by_local]
    found = tuple(stored for stored in cited if stored.content.get("status") == RETRACTED)
    return Reading(value=True, sources=found) if found else NO
