"""Which search parameters each type has, and which elements of a resource they look at (R4's definitions)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Parameter:
    """`kind` is token, code (a token whose system is implied), reference, canonical or date; `paths` the elements.

    `head` is the column of a resource's head row that holds the value: such a parameter needs no rows of its own.
    """

    kind: str
    paths: tuple[str, ...]
    head: str | None = None


def _token(*paths: str) -> Parameter:
    return Parameter("token", paths)


def _code(*paths: str) -> Parameter:
    return Parameter("code", paths)


def _date(*paths: str) -> Parameter:
    return Parameter("date", paths)


def _to(*paths: str) -> Parameter:
    return Parameter("reference", paths)


def _person(path: str) -> Parameter:
    """Whom a resource is about: of the types kept here, always a Patient."""
    return Parameter("reference", (path,), head="patient")


_IDENTIFIER: Final = {"identifier": _token("identifier")}
_SUBJECT: Final = {"subject": _person("subject")}
_STATUS: Final = {"status": Parameter("code", ("status",), head="status")}
_CODE: Final = {"code": _token("code")}
_BASED_ON: Final = {"based-on": _to("basedOn")}
_PRIORITY: Final = {"priority": _code("priority")}
_COMMON: Final = {**_SUBJECT, **_IDENTIFIER}

INDEXED: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "Patient": {**_IDENTIFIER},
    "QuestionnaireResponse": {
        **_COMMON,
        **_STATUS,
        **_BASED_ON,
        "questionnaire": Parameter("canonical", ("questionnaire",)),
        "authored": _date("authored"),
    },
    "Observation": {
        **_COMMON,
        **_STATUS,
        **_CODE,
        **_BASED_ON,
        "date": _date("effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming.event"),
    },
    "Condition": {**_COMMON, **_CODE},
    "Procedure": {
        **_COMMON,
        **_STATUS,
        **_CODE,
        **_BASED_ON,
        "date": _date("performedDateTime", "performedPeriod"),
    },
    "ImagingStudy": {**_COMMON, **_STATUS, "started": _date("started"), "basedon": _to("basedOn")},
    "DiagnosticReport": {
        **_COMMON,
        **_STATUS,
        **_CODE,
        **_BASED_ON,
        "date": _date("effectiveDateTime", "effectivePeriod"),
    },
    "DeviceUseStatement": {**_COMMON, "device": _to("device")},
    "Device": {"patient": _person("patient"), **_IDENTIFIER, **_STATUS},
    "AllergyIntolerance": {
        "patient": _person("patient"),
        **_IDENTIFIER,
        **_CODE,
        "date": _date("recordedDate"),
    },
    "MedicationStatement": {
        **_COMMON,
        **_STATUS,
        "code": _token("medicationCodeableConcept"),
        "effective": _date("effectiveDateTime", "effectivePeriod"),
    },
    "MedicationRequest": {
        **_COMMON,
        **_STATUS,
        **_PRIORITY,
        "code": _token("medicationCodeableConcept"),
        "authoredon": _date("authoredOn"),
    },
    "ServiceRequest": {
        **_COMMON,
        **_STATUS,
        **_CODE,
        **_PRIORITY,
        **_BASED_ON,
        "intent": _code("intent"),
        "authored": _date("authoredOn"),
        "requisition": _token("requisition"),
    },
    "Communication": {**_COMMON, **_STATUS, **_BASED_ON, "sent": _date("sent")},
    "GuidanceResponse": {**_COMMON, "request": _token("requestIdentifier")},
    "RequestGroup": {**_COMMON, **_STATUS, **_CODE, **_PRIORITY, "authored": _date("authoredOn")},
    "DetectedIssue": {
        "patient": _person("patient"),
        **_IDENTIFIER,
        **_CODE,
        "identified": _date("identifiedDateTime", "identifiedPeriod"),
        "implicated": _to("implicated"),
    },
    "Flag": {**_COMMON, "date": _date("period")},
    "Provenance": {"target": _to("target"), "recorded": _date("recorded")},
    "CommunicationRequest": {
        **_COMMON,
        **_STATUS,
        **_PRIORITY,
        **_BASED_ON,
        "authored": _date("authoredOn"),
    },
    "Task": {
        "subject": _person("for"),
        **_IDENTIFIER,
        **_STATUS,
        **_CODE,
        **_PRIORITY,
        **_BASED_ON,
        "focus": _to("focus"),
        "owner": _to("owner"),
        "authored-on": _date("authoredOn"),
    },
    "Subscription": {
        **_STATUS,
        "criteria": Parameter("canonical", ("criteria",)),
        "url": _code("channel.endpoint"),
    },
}

EVERYWHERE: Final = frozenset({"_id", "_lastUpdated"})
"""Parameters of every type; `_sort`, `_count`, `_summary` are not conditions and are the caller's to read."""

ALIASES: Final = {
    **{(kind, "patient"): "subject" for kind, fields in INDEXED.items() if "subject" in fields},
    ("Provenance", "patient"): "target",
}
"""`patient` is `subject` narrowed to Patients, so it needs no rows of its own."""

PARAMETERS: Final[Mapping[str, frozenset[str]]] = {
    kind: frozenset(fields) | EVERYWHERE | {name for type_, name in ALIASES if type_ == kind}
    for kind, fields in INDEXED.items()
}
"""Per type, the names that `search` takes as conditions."""

AUDITED: Final = frozenset(
    {"_id", "_lastUpdated", "date", "type", "subtype", "action", "outcome", "agent", "patient", "entity"}
)
"""The same of AuditEvents, which are kept by themselves."""

URGENCY: Final = {"routine": 1, "urgent": 2, "asap": 3, "stat": 4}
"""By what `_sort=priority` orders: `-priority` is most urgent first."""
