"""Builds what an EHR sends, in FHIR JSON, for the tables of cases: forms, observations, histories, messages.

Days count back from T: `day(3)` is the calendar day three days before it. Everything is about one patient, `Patient/p`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

PROFILES = Path(__file__).parents[3] / "profiles"
B = "https://example.org/fhir-svc"
LOINC, SCT, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
T = datetime(2025, 6, 18, 12, 0, tzinfo=UTC)
WORDS = {"yes": "LA33-6", "no": "LA32-8", "unsure": "LA12688-0"}
PREGNANCY = {"pregnant": "LA15173-0", "not-pregnant": "LA26683-5", "unknown": "LA4489-6"}
LUMBAR_MRI, MRI_WWO, XR_FLEXEXT, STENOSIS = "30679-5", "24967-2", "24971-4", "18347007"
CONDITION_STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"

Resource = dict[str, Any]


def _items(name: str) -> dict[str, Resource]:
    form = json.loads((PROFILES / "Questionnaire" / f"{name}.json").read_text())
    nested = [(item, item["linkId"]) for item in form["item"] if item["type"] != "group"]
    nested += [(item, group["linkId"]) for group in form["item"] for item in group.get("item", ())]
    return {item["linkId"]: item | {"group": group, "systems": _systems(item)} for item, group in nested}


def _systems(item: Resource) -> dict[str, str]:
    """The system of each option's code."""
    return {option["valueCoding"]["code"]: option["valueCoding"]["system"] for option in item.get("answerOption", ())}


ITEMS = {name: _items(name) for name in ("lbp-lss-intake", "lbp-lss-walk")}

NO_RED_FLAG = {
    "rf-saddle-numbness": "no",
    "rf-bladder-change": "none",
    "rf-bowel-change": "none",
    "rf-sexual-change": "no",
    "rf-leg-weakness": "none",
    "rf-foot-drop": "none",
    "rf-sudden-walking-difficulty": "no",
    "rf-numbness-spread": "none",
    "rf-bilateral-leg-pain-new": "no",
    "rf-fever-chills": "no",
    "rf-night-sweats": "no",
    "rf-weight-loss": "no",
    "rf-night-pain": "no",
    "rf-rest-pain-constant": "no",
    "rf-cancer-history": "never",
    "rf-ivdu": "no",
    "rf-immunosuppressed": "no",
    "rf-recent-infection-or-spinal-procedure": "no",
    "rf-steroid-3mo": "no",
    "rf-osteoporosis": "no",
    "rf-trauma": "none",
    "rf-cold-pale-leg": "no",
}
QUIET = {
    "ctx-back-pain": "yes",
    "ctx-duration-weeks": (20, "wk"),
    "ctx-symptoms-persisting-or-worse": "yes",
    "ctx-pregnant": "not-pregnant",
    "nc-leg-pain-walking": "no",
    "hx-pt-weeks": 8,
    "hx-conservative-months": 2,
    "hx-wants-intervention": "no",
    "hx-wants-injection": "no",
    "hx-life-limiting": "no",
    "hx-radicular-leg-pain": "no",
    "exam-equivocal": "no",
    "hx-stocking-numbness": "no",
    "hx-instability": "no",
    "hx-last-esi-relief": "none",
    "hx-spondylolisthesis": "no",
    "hx-spine-surgery": "no",
    "hx-diabetes": "no",
    "hx-pad-risk": "no",
    "hx-anticoagulant": "no",
    "hx-contrast-allergy": "no",
    "hx-kidney": "no",
    "mr-pacemaker": "no",
    "mr-aneurysm-clip": "no",
    "mr-cochlear": "no",
    "mr-neurostim": "no",
    "mr-eye-metal": "no",
    "mr-other-implant": "no",
}
CALM = QUIET | NO_RED_FLAG


def day(back: float, at: datetime = T) -> str:
    """The calendar day `back` days before T."""
    return (at - timedelta(days=back)).date().isoformat()


def hours(back: float, at: datetime = T) -> str:
    """The instant `back` hours before T."""
    return (at - timedelta(hours=back)).isoformat()


def coding(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def quantity(value: Any, unit: str | None, comparator: str | None = None) -> Resource:
    made: Resource = {"value": Decimal(str(value))}
    if unit is not None:
        made |= {"unit": unit, "system": UCUM, "code": unit}
    return made | ({"comparator": comparator} if comparator else {})


def patient(born: str | None = "1955-03-01", sex: str | None = "male", **more: Any) -> Resource:
    """Seventy years old at T, and male, unless told."""
    made = {"resourceType": "Patient", "id": "p", "birthDate": born, "gender": sex} | more
    return {name: value for name, value in made.items() if value is not None}


def man(age: int) -> Resource:
    return patient(f"{T.year - age}-01-15")


def woman(age: int = 30) -> Resource:
    return patient(f"{T.year - age}-01-15", "female")


def _answer(item: Resource, value: Any) -> Resource:
    if item["type"] == "quantity":
        return {"valueQuantity": quantity(*value)}
    if item["type"] == "decimal":
        return {"valueDecimal": Decimal(str(value))}
    if item["type"] == "integer":
        return {"valueInteger": value}
    options = item["systems"]
    code = next(code for code in (value, WORDS.get(value), PREGNANCY.get(value)) if code in options)
    return {"valueCoding": {"system": options[code], "code": code}}


def form(answers: Mapping[str, Any], /, name: str = "lbp-lss-intake", **more: Any) -> Resource:
    """A completed response, authored at T unless `authored` says otherwise; answers of None are left out."""
    given = {link: value for link, value in answers.items() if value is not None}
    rows = [{"linkId": link, "answer": [_answer(ITEMS[name][link], value)]} for link, value in given.items()]
    groups: dict[str, list[Resource]] = {}
    for row in rows:
        groups.setdefault(ITEMS[name][row["linkId"]]["group"], []).append(row)
    nested = [{"linkId": group, "item": rows} for group, rows in groups.items()]
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "form",
        "questionnaire": f"{B}/Questionnaire/{name}|1.0.0",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "authored": T.isoformat(),
        "item": rows if name == "lbp-lss-walk" else nested,
    } | more
    return response if response["item"] else {key: value for key, value in response.items() if key != "item"}


def calm(changes: Mapping[str, Any] | None = None, **more: Any) -> Resource:
    """An intake form without any red flag, eight weeks of physiotherapy, no walking pain, with these changes."""
    return form(CALM | dict(changes or {}), **more)


def walk(answers: Mapping[str, Any] | None = None, **more: Any) -> Resource:
    return form({"wk-new-neuro": "no"} | dict(answers or {}), name="lbp-lss-walk", **({"id": "walk"} | more))


def thing(type_: str, **fields: Any) -> Resource:
    made = {"resourceType": type_, "subject": {"reference": "Patient/p"}} | fields
    return {name: value for name, value in made.items() if value is not None}


def observation(code: str, value: Any, unit: str | None, when: str, **more: Any) -> Resource:
    """A measured value; `system` for codes that are not of LOINC, `comparator` of the quantity."""
    system, comparator = more.pop("system", LOINC), more.pop("comparator", None)
    fields = {
        "status": "final",
        "code": coding(system, code),
        "effectiveDateTime": when,
        "valueQuantity": quantity(value, unit, comparator),
    }
    return thing("Observation", **(fields | more))


def temperature(value: Any, back: float = 10, unit: str | None = "Cel", **more: Any) -> Resource:
    return observation("8310-5", value, unit, more.pop("when", None) or hours(back), **more)


def weight(value: Any, when: str, unit: str = "kg", **more: Any) -> Resource:
    return observation("29463-7", value, unit, when, **more)


def distance(value: Any, back: int, unit: str = "m", device: str | None = "Device/a", **more: Any) -> Resource:
    fields = {"system": f"{B}/CodeSystem/measure"} | ({"device": {"reference": device}} if device else {})
    return observation("pain-free-walking-distance", value, unit, day(back), **(fields | more))


def series(baseline: list[Any], current: list[Any], **more: Any) -> list[Resource]:
    """Distances on the days -15, -16 ... (baseline) and -1, -2 ... (current)."""
    return _daily(lambda value, back: distance(value, back, **more), 15, baseline, current)


def steps(value: Any, back: int) -> Resource:
    """The steps of one day."""
    return observation("41950-7", value, "{steps}", day(back))


def month_of_steps(baseline: list[Any], current: list[Any]) -> list[Resource]:
    """Steps on the days -15, -16 ... (baseline) and -1, -2 ... (current)."""
    return _daily(steps, 15, baseline, current)


def pain(value: Any, back: int, code: str = "72514-3", **more: Any) -> Resource:
    return observation(code, value, "{score}", day(back), **more)


def pains(baseline: list[Any], current: list[Any], code: str = "72514-3") -> list[Resource]:
    """Pain on the days -8, -9 ... (baseline) and -1, -2 ... (current)."""
    return _daily(lambda value, back: pain(value, back, code), 8, baseline, current)


def _daily(
    make: Callable[[Any, int], Resource], before: int, baseline: list[Any], current: list[Any]
) -> list[Resource]:
    old = [make(value, before + index) for index, value in enumerate(baseline)]
    return old + [make(value, 1 + index) for index, value in enumerate(current)]


def levels(start: int | None, end: int | None, back: int) -> Resource:
    """Most distal symptom level at the start and at the end of a session."""
    system = f"{B}/CodeSystem/measure"
    parts = [
        {"code": coding(system, name), "valueInteger": value}
        for name, value in (("start", start), ("end", end))
        if value is not None
    ]
    fields = {"status": "final", "code": coding(system, "distal-symptom-level"), "effectiveDateTime": day(back)}
    return thing("Observation", **fields, component=parts)


def laboratory(code: str, value: Any, unit: str, back: int, flag: str | None = None) -> Resource:
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    more = {"interpretation": [coding(system, flag)]} if flag else {}
    return observation(code, value, unit, day(back), **more)


def crp(back: int = 3, flag: str | None = "H", value: Any = 48) -> Resource:
    return laboratory("1988-5", value, "mg/L", back, flag)


def egfr(value: Any, back: int = 10, code: str = "98979-8") -> Resource:
    return laboratory(code, value, "mL/min/{1.73_m2}", back)


def abi(value: Any, back: int = 30, unit: str | None = "{ratio}") -> Resource:
    return observation("77194-9", value, unit, day(back))


def pregnancy_status(code: str, back: int = 5) -> Resource:
    answer = coding(LOINC, PREGNANCY[code])
    return thing(
        "Observation",
        status="final",
        code=coding(LOINC, "82810-3"),
        effectiveDateTime=day(back),
        valueCodeableConcept=answer,
    )


def condition(code: str, verification: str = "confirmed", **more: Any) -> Resource:
    fields = {"code": coding(SCT, code), "verificationStatus": coding(CONDITION_STATUS, verification)}
    if verification != "entered-in-error":
        system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
        fields["clinicalStatus"] = coding(system, "active")
    return thing("Condition", **(fields | more))


def report(when: str | None, code: str = LUMBAR_MRI, conclusion: str | None = None, **more: Any) -> Resource:
    """Earlier imaging; with `conclusion` 18347007 it shows a stenosis."""
    found = {"conclusionCode": [coding(SCT, conclusion)]} if conclusion else {}
    fields = {"status": "final", "code": coding(LOINC, code), "effectiveDateTime": when}
    return thing("DiagnosticReport", **(fields | found | more))


def study(when: str, code: str = MRI_WWO, **more: Any) -> Resource:
    fields = {"status": "available", "started": when, "procedureCode": [coding(LOINC, code)]}
    return thing("ImagingStudy", **(fields | more))


def injection(when: str, region: str | None = None, **more: Any) -> Resource:
    site = {"bodySite": [coding(SCT, region)]} if region else {}
    fields = {"status": "completed", "code": coding(f"{B}/CodeSystem/order-key", "ESI"), "performedDateTime": when}
    return thing("Procedure", **(fields | site | more))


def session(back: int, status: str = "completed") -> Resource:
    code = coding(f"{B}/CodeSystem/measure", "home-exercise-session")
    return thing("Procedure", status=status, code=code, performedDateTime=day(back))


def order(code: str, when: str, status: str = "active", priority: str = "routine", system: str = LOINC) -> Resource:
    """An order that the EHR already has."""
    return thing(
        "ServiceRequest", status=status, intent="order", priority=priority, code=coding(system, code), authoredOn=when
    )


def on_order(key: str, priority: str, back: float = 1) -> Resource:
    """An order by its key that the EHR has had for so many hours."""
    return order(key, hours(back), priority=priority, system=f"{B}/CodeSystem/order-key")


def alert(back: int) -> Resource:
    """Our own review of declining walking (R30) that was asked for `back` days ago."""
    return thing(
        "Task",
        id="alert",
        status="requested",
        code=coding(f"{B}/CodeSystem/task-code", "review"),
        reasonCode=coding(f"{B}/PlanDefinition/lbp-lss", "R30"),
        authoredOn=hours(24 * back),
    )


def message(text: str | None, back: float = 1, **more: Any) -> Resource:
    """A message of the patient, sent `back` hours before T."""
    fields = {
        "status": "completed",
        "sent": hours(back),
        "sender": {"reference": "Patient/p"},
        "payload": [{"contentString": text}] if text is not None else None,
    }
    return thing("Communication", **(fields | more))
