"""PURE: how the place of a fault is said. FHIRPath names a choice by its element: `value`, not `valueQuantity`."""

from __future__ import annotations

import re
from functools import lru_cache

_STEMS = (
    *("abatement", "additive", "allowed", "answer", "asNeeded", "author", "bounds", "code", "collected", "content"),
    *("created", "deceased", "defaultValue", "definition", "detail", "diagnosis", "dose", "doseNumber", "effective"),
    *("fastingStatus", "fixed", "identified", "item", "location", "manufacturer", "maxValue", "medication", "minValue"),
    *("module", "multipleBirth", "occurred", "occurrence", "offset", "onset", "pattern", "performed", "procedure"),
    *("product", "quantity", "rate", "reported", "scheduled", "seriesDoses", "serviced", "statusReason", "subject"),
    *("substance", "target", "time", "timing", "value"),
)
_TYPES = (
    *("Address", "Age", "Annotation", "Attachment", "Base64Binary", "Boolean", "Canonical", "Code", "CodeableConcept"),
    *("Coding", "ContactDetail", "ContactPoint", "Contributor", "Count", "DataRequirement", "Date", "DateTime"),
    *("Decimal", "Distance", "Dosage", "Duration", "Expression", "HumanName", "Id", "Identifier", "Instant"),
    *("Integer", "Markdown", "Meta", "Money", "Oid", "ParameterDefinition", "Period", "PositiveInt", "Quantity"),
    *("Range", "Ratio", "Reference", "RelatedArtifact", "SampledData", "Signature", "String", "Time", "Timing"),
    *("TriggerDefinition", "UnsignedInt", "Uri", "Url", "UsageContext", "Uuid"),
)
_KNOWLEDGE = ("ActivityDefinition", "Library", "PlanDefinition", "Questionnaire")
# Elements of their own that are named like one type of a choice: where they stand, or else where alone the choice does.
_OWN = {
    ("property", "valueCode"),
    ("property", "valueQuantity"),
    ("element", "contentReference"),
    ("finding", "itemCodeableConcept"),
    ("finding", "itemReference"),
    ("GuidanceResponse", "occurrenceDateTime"),
    *((name, "effectivePeriod") for name in _KNOWLEDGE),
}
_CHOSEN_IN = {
    "doseQuantity": {"doseAndRate"},
    **{f"location{name}": {"accident", "addItem", "item"} for name in ("Code", "Reference")},
    **{f"procedure{name}": {"procedure"} for name in ("Code", "Reference")},
}
_CHOICE = re.compile(rf"({'|'.join(_STEMS)})(?:{'|'.join(_TYPES)})")
_STEP = re.compile(r"\w+")


@lru_cache(maxsize=1024)
def said(place: str) -> str:
    """The place in FHIRPath; made of the names that JSON has."""
    steps = place.split(".")
    names = [_name(step) for step in steps]
    for index in range(1, len(steps)):
        parent, name = names[index - 1], names[index]
        found = _CHOICE.fullmatch(name)
        if found and (parent, name) not in _OWN and parent in _CHOSEN_IN.get(name, {parent}):
            steps[index] = found[1] + steps[index][len(name) :]
    return ".".join(steps)


def _name(step: str) -> str:
    found = _STEP.match(step)
    return found[0] if found else ""
