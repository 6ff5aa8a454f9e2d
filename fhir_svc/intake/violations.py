"""PURE: what the R4 schema found, said as faults: where (FHIRPath), which code, what to do; nothing of the input."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema_rs import ValidationError

from fhir_svc.intake.faults import Fault, Faults

# Our words for the invariants that the schema carries as `x-issue` (tests/schema/generate.py).
INVARIANTS = {
    "age-1": "give an age as a positive UCUM quantity with its code",
    "ait-1": "give clinicalStatus unless the entry was made in error",
    "ait-2": "leave clinicalStatus out of what was entered in error",
    "att-1": "give an attachment with data its contentType",
    "bdl-1": "give a total only in a searchset or a history",
    "bdl-2": "give entry.search only in a searchset",
    "bdl-3": "give every entry of a batch, transaction or history a request, and no entry of another Bundle",
    "bdl-4": "give every entry of a response or history a response, and no entry of another Bundle",
    "bdl-5": "give every entry a resource, a request or a response",
    "bdl-8": "write fullUrl without a version",
    "bdl-9": "give a document an identifier with system and value",
    "bdl-10": "give a document its timestamp",
    "con-1": "give a stage a summary or an assessment",
    "con-2": "give evidence a code or a detail",
    "con-4": "let clinicalStatus of an abated condition be inactive, resolved or remission",
    "con-5": "leave clinicalStatus out of what was entered in error",
    "cpt-2": "give a contact point with a value its system",
    "dom-2": "put no contained resources into contained resources",
    "dom-4": "leave versionId and lastUpdated out of contained resources",
    "dom-5": "leave security labels out of contained resources",
    "drt-1": "give a duration that has a code its value, and no system but UCUM",
    "drq-1": "give either a path or a searchParam",
    "drq-2": "give either a path or a searchParam",
    "exp-1": "give an expression or a reference to one",
    "ext-1": "give an extension either a value or extensions, one of them",
    "null": "let a list and that of its extensions be equally long, with null only where the other has something",
    "obs-3": "give a reference range a low, a high or a text",
    "obs-6": "give dataAbsentReason only where no value is given",
    "pat-1": "give a contact a name, a telecom, an address or an organization",
    "prr-1": "give orderDetail only together with a code",
    "qrs-1": "let an item hold items or answers, not both; items under an answer stand inside it",
    "qty-3": "give a quantity that has a unit code its system",
    "rat-1": "give a ratio both numerator and denominator, or neither and an extension",
    "rqg-1": "let an action hold a resource or actions, not both",
    "tim-1": "give a duration its unit",
    "tim-2": "give a period its unit",
    "tim-4": "give a duration that is not negative",
    "tim-5": "give a period that is not negative",
    "tim-6": "give periodMax only together with period",
    "tim-7": "give durationMax only together with duration",
    "tim-8": "give countMax only together with count",
    "tim-9": "give an offset only together with when, and not with C, CM, CD or CV",
    "tim-10": "give timeOfDay or when, not both",
}
VALUES = {
    "base64Binary": "Write base64.",
    "canonical": "Write a canonical URL without white space.",
    "code": "Write a code without leading, trailing or double white space.",
    "currency": "Write a currency as the three capitals of ISO 4217.",
    "date": "Write an existing date as YYYY, YYYY-MM or YYYY-MM-DD.",
    "dateTime": "Write an existing date as YYYY, YYYY-MM or YYYY-MM-DD, or a date with time and zone, such as "
    "2024-05-01T08:30:00+02:00.",
    "id": "Write an id of 1 to 64 letters, digits, - and dots.",
    "instant": "Write an existing date with time, seconds and zone, such as 2024-05-01T08:30:00.000+02:00.",
    "integer": "Write a whole number of 32 bits, without a fraction.",
    "mimetype": "Write a MIME type, such as text/plain.",
    "oid": "Write urn:oid: and an OID.",
    "positiveInt": "Write a whole number from 1, without a fraction.",
    "string": "Write text that is not empty.",
    "time": "Write a time as hh:mm:ss.",
    "unsignedInt": "Write a whole number from 0, without a fraction.",
    "uri": "Write a URI without white space.",
    "url": "Write a URL without white space.",
    "uuid": "Write urn:uuid: and a lower-case UUID.",
}
_RESTFUL = re.compile(r"https?://\S+/([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")


class Explainer:
    """Turns errors of one schema into faults."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self.types = frozenset(schema["$defs"]["Resource"]["properties"]["resourceType"]["enum"])
        self._names = frozenset(name for one in schema["$defs"].values() for name in one.get("properties", ()))

    def explain(self, error: ValidationError, sent: Mapping[str, Any], root: str, faults: Faults) -> None:
        """Add to `faults` what `error` of what was `sent` means, located inside `root`."""
        path, where = list(error.instance_path), fhirpath(root, error.instance_path)
        mark, value = self._mark(error.schema_path)
        kind: Any = error.kind  # what else it has depends on its name
        if mark == "x-issue":
            self._issue(value, error.instance, where, faults)
        elif mark == "x-required":
            faults.add(Fault.ELEMENT_MISSING, f"Give {value}; R4 requires it.", f"{where}.{value}")
        elif mark == "x-choice":
            faults.add(Fault.ELEMENT_CHOICE, f"Give exactly one {value}[x].", where)
        elif kind.name == "required":
            missing = kind.property
            faults.add(Fault.ELEMENT_MISSING, f"Give {missing}; R4 requires it.", f"{where}.{missing}")
        elif kind.name == "additionalProperties":
            self._unknown(kind.unexpected, _part(sent, path), where, faults)
        elif kind.name in {"minItems", "minProperties"}:
            faults.add(Fault.ELEMENT_EMPTY, "Leave out what has no content; an id alone is none.", where)
        elif path and path[-1] == "resourceType":
            faults.add(Fault.RESOURCE_TYPE_UNKNOWN, "Name a resource type of FHIR R4.", where)
        else:
            self._value(kind, error, where, faults)

    def _mark(self, schema_path: Sequence[str | int]) -> tuple[str | None, Any]:
        """Find the nearest of our marks around the keyword that failed."""
        trail: list[Any] = [self._schema]
        for step in schema_path:
            try:
                trail.append(trail[-1][step])
            except (KeyError, IndexError, TypeError):
                break
        for schema in reversed(trail):
            for mark in ("x-issue", "x-required", "x-choice"):
                if isinstance(schema, dict) and mark in schema:
                    return mark, schema[mark]
        return None, None

    def _issue(self, key: str, instance: Any, where: str, faults: Faults) -> None:
        if key == "reference":
            found = _RESTFUL.fullmatch(instance) if isinstance(instance, str) else None
            if found is None or found[1] in self.types:
                text = "Refer to Type/id, a URL, urn:uuid: or #id, and to a type that R4 allows here."
                faults.add(Fault.REFERENCE_TARGET, text, where)
        elif key == "binding":
            faults.add(Fault.CODE_INVALID, "Give a coding from the value set that R4 requires here.", where)
        else:
            faults.add(Fault.INVARIANT, f"{key}: {INVARIANTS[key]}.", where)

    def _unknown(self, names: Sequence[str], sent: Any, where: str, faults: Faults) -> None:
        """Name an unknown element only by a name that R4 has elsewhere; any other could be the patient's data."""
        places = {name: place for place, name in enumerate(sent, 1)}
        for name in names:
            if faults.full:
                return
            if name.removeprefix("_") in self._names:
                faults.add(
                    Fault.ELEMENT_UNKNOWN,
                    "Leave this element, or this type of it, out; R4 has it not here.",
                    f"{where}.{name}",
                )
            else:
                text = f"Leave member {places[name]} of this object out; R4 has no such element."
                faults.add(Fault.ELEMENT_UNKNOWN, text, where)

    def _value(self, kind: Any, error: ValidationError, where: str, faults: Faults) -> None:
        place = error.schema_path[1] if len(error.schema_path) > 1 else ""
        if kind.name == "enum":
            faults.add(Fault.CODE_INVALID, "Give a code of the value set that R4 requires here.", where)
        elif kind.name == "type":
            faults.add(Fault.ELEMENT_TYPE, f"Write this as a JSON {_types(kind.types)}.", where)
        else:
            faults.add(Fault.VALUE_INVALID, VALUES.get(str(place), "Write a value of the type that R4 says."), where)


def fhirpath(root: str, path: Sequence[str | int]) -> str:
    """`entry, 2, resource, _status` as `Bundle.entry[2].resource.status`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step.removeprefix('_')}" for step in path)
    return root + "".join(steps)


def _part(sent: Any, path: Sequence[str | int]) -> Any:
    """What stands there as it was sent: the schema's own copy has its members in alphabetical order."""
    for step in path:
        sent = sent[step]
    return sent


def _types(types: Sequence[str]) -> str:
    return " or ".join("whole number" if name == "integer" else name for name in types)
