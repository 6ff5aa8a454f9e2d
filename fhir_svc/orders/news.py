"""PURE: whether people have been told already. A new report is news; the same one again, or what it rests on, is not.

Each review and message keeps fingerprints (`basis`): of its reason with the deciding values, and of every report that
it told of. What presses is told anew for every new report; all else when one came after the earlier Task was closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from fhir_svc.criteria.moments import read_moment
from fhir_svc.orders.identity import derived, fingerprint
from fhir_svc.orders.sheet import Resource, Sheet
from fhir_svc.orders.terms import extension, extensions
from fhir_svc.orders.transitions import OPEN
from fhir_svc.record import Json, Stored

_DATES = ("authored", "sent", "effectiveDateTime", "effectivePeriod", "performedDateTime", "recordedDate", "started")
_DAY = len("2026-01-31")
_NO_REPORT = frozenset({"Patient"})  # says who the patient is, reports nothing


@dataclass(frozen=True, slots=True)
class News:
    """What to write: under this id, or as the next version of the open Task `renews`. `basis`: what it then told of."""

    identity: str
    basis: tuple[str, ...]
    renews: Stored | None = None

    @property
    def extensions(self) -> list[Resource]:
        """The fingerprints as the resource keeps them."""
        return [{"url": extension("basis"), "valueString": value} for value in self.basis]


def mark(report: Stored) -> str:
    """The fingerprint of a report: whose it is, of when, and the words of a message. Its other versions share it.

    Measurements of one thing on one day are one report: a thermometer that measures by the minute tells people once a
    day. A value that is worse than the known ones is told at once in any case, because a deciding value has changed.
    """
    day = _day(report.content) if report.type == "Observation" else ""
    if day:
        return fingerprint(report.type, report.content.get("code"), day)
    said = report.content.get("payload") if report.type == "Communication" else None
    return fingerprint(report.local, [report.content.get(name) for name in _DATES], said)


def _day(measured: Json) -> str:
    period = measured.get("effectivePeriod") or {}
    said = (measured.get("effectiveDateTime"), measured.get("effectiveInstant"), period.get("end"), period.get("start"))
    return next((text[:_DAY] for text in said if text), "")


def marks(reports: Iterable[Stored]) -> dict[str, Stored]:
    """Reports by fingerprint."""
    return {mark(report): report for report in reports if report.type not in _NO_REPORT}


def news(
    sheet: Sheet, kind: str, base: str, *, code: str, grounds: Sequence[Stored], pressing: bool, again: Iterable[str]
) -> News | None:
    """What to write for a reason `code` whose values have the id `base`; None where everybody has been told.

    `again` are the red-flag rules among its own that are met anew after they were withdrawn.
    """
    reports = marks(grounds)
    anew = [fingerprint("again", rule, sheet.at) for rule in sorted(again)]
    alike = [held for held in sheet.record.of(kind, ours=True) if _coded(held, code)]
    same = [held for held in alike if held.id == base or base in extensions(held.content, "basis")]
    found = News(base, (base, *sorted((*reports, *anew))))
    told = {value for held in alike for value in extensions(held.content, "basis")}
    if not same:
        return None if _said_to_another(sheet, kind, alike) and reports and told >= {*reports, *anew} else found
    unseen = sorted({*reports, *anew} - told)
    waiting = [held for held in same if kind == "Task" and held.content["status"] in OPEN]
    if not pressing:
        unseen = [] if waiting or kind != "Task" else _since_closed(unseen, reports, same)
    if not unseen:
        return None
    if waiting:
        held = max(waiting, key=lambda task: (task.content.get("authoredOn", ""), task.id))
        return replace(found, renews=held, basis=tuple(dict.fromkeys((*extensions(held.content, "basis"), *unseen))))
    return replace(found, identity=derived(kind, "again", base, *unseen))


def _said_to_another(sheet: Sheet, kind: str, alike: Iterable[Stored]) -> bool:
    """Whether it is a message that was sent when the patient had another record, which this one has replaced."""
    return kind != "Task" and any(held.content.get("subject") != sheet.patient for held in alike)


def _since_closed(unseen: Sequence[str], reports: dict[str, Stored], closed: Sequence[Stored]) -> list[str]:
    """What was received after the last of these Tasks was closed; a rule that is met anew always counts."""
    last = max(_closed(held) for held in closed)
    return [value for value in unseen if value not in reports or reports[value].received > last]


def _closed(task: Stored) -> datetime:
    changed = read_moment(task.content.get("lastModified"), UTC)
    return changed.start if changed else task.received


def _coded(held: Stored, code: str) -> bool:
    said = held.content.get("reasonCode", ())
    concepts = [said] if isinstance(said, dict) else said
    return any(coding.get("code") == code for concept in concepts for coding in concept.get("coding", ()))
