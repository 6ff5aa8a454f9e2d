"""PURE: the one patient of a submission. Missing or several patients are refused; none is ever picked.

A Device alone may have no patient: it is a thing, and a DeviceUseStatement or an Observation says whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fhir_svc.intake import references
from fhir_svc.intake.accepted import Entry, Mention
from fhir_svc.intake.faults import Fault, Faults
from fhir_svc.intake.invariants import Node

NAMED_IN = {"AllergyIntolerance": "patient", "Device": "patient"}
ALSO_NAMED_IN = {
    "QuestionnaireResponse": ("source",),
    "Communication": ("sender",),
    "MedicationStatement": ("informationSource",),
}


def ask(entries: Sequence[Entry]) -> None:
    """Turn subjects that have an identifier and no reference into conditional references; in place."""
    for entry in entries:
        node = (entry.resource or {}).get(NAMED_IN.get(entry.type, "subject"))
        if isinstance(node, dict) and "reference" not in node:
            question = references.by_identifier(node.get("identifier"))
            if question and node.get("type", "Patient") == "Patient":
                node["reference"] = question


def asked(entry: Entry, spots: references.Spots) -> Iterator[tuple[Node, str]]:
    """(Reference, question) of every conditional reference, and of every contained patient by identifier."""
    for node in spots.references:
        if references.is_conditional(node["reference"]):
            yield node, node["reference"]
    for _, node, _ in _nodes(entry) if "contained" in (entry.resource or {}) else ():
        question = _contained(entry.resource or {}, str(node.get("reference")))
        if question:
            yield node, question


def mentions(entries: Sequence[Entry], faults: Faults) -> list[Mention]:
    """Everything that names a patient; what names none, or nobody that we can know, is a fault."""
    found: list[Mention] = []
    for entry in entries:
        if entry.type == "Patient":
            found.append(Mention(entry.local, entry.location))
            continue
        subject_named = entry.type == "Device"
        for place, node, main in _nodes(entry):
            subject_named |= main
            key = _key(entry, node, main=main, place=place, faults=faults)
            if key:
                found.append(Mention(key, place))
        if not subject_named:
            name = NAMED_IN.get(entry.type, "subject")
            text = f"Name the patient in {name}."
            faults.add(Fault.SUBJECT_MISSING, text, f"{entry.location}.{name}")
    return found


def one(found: Sequence[Mention], faults: Faults) -> str | None:
    """The patient that all mentions name; a fault for each that names another than the first."""
    for mention in found:
        if mention.key != found[0].key:
            text = f"Send data of one patient; this is not the one of {found[0].location}."
            faults.add(Fault.SUBJECT_SEVERAL, text, mention.location)
    return found[0].key if found else None


def named(entry: Node, bases: references.Bases) -> str | None:
    """Whom an entry of a Bundle names, however wrong the rest of it is: `Patient/id` or a conditional reference."""
    resource, request = entry.get("resource"), entry.get("request")
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if not isinstance(resource, dict) or not isinstance(kind, str):
        return None
    if kind == "Patient":  # what is POSTed gets an id of ours, whatever it brings
        updated = isinstance(request, dict) and request.get("method") == "PUT"
        return f"Patient/{resource.get('id')}" if updated else None
    node = resource.get(NAMED_IN.get(kind, "subject"))
    reference = node.get("reference") if isinstance(node, dict) else None
    if not isinstance(reference, str):
        return references.by_identifier(node.get("identifier")) if isinstance(node, dict) else None
    if reference.startswith("#"):
        return _contained(resource, reference)
    local = references.unversioned(bases.local(reference) or reference)
    return local if local.startswith(("Patient/", "Patient?")) else None


def _nodes(entry: Entry) -> list[tuple[str, Node, bool]]:
    """(location, Reference, whether it is the subject) of what names a person."""
    resource = entry.resource or {}
    main = NAMED_IN.get(entry.type, "subject")
    names = (main, *ALSO_NAMED_IN.get(entry.type, ()))
    return [
        (f"{entry.location}.{name}", node, name == main)
        for name in names
        if entry.type != "Patient" and isinstance(node := resource.get(name), dict)
    ]


def _contained(resource: Node, reference: str) -> str | None:
    """Give the question that a contained Patient stands for: who has its first complete identifier."""
    if not reference.startswith("#"):
        return None
    contained = resource.get("contained")
    for inside in contained if isinstance(contained, list) else ():
        if isinstance(inside, dict) and inside.get("id") == reference[1:] and inside.get("resourceType") == "Patient":
            identifiers = inside.get("identifier")
            asked = map(references.by_identifier, identifiers if isinstance(identifiers, list) else ())
            return next((question for question in asked if question), None)
    return None


def _key(entry: Entry, node: Node, *, main: bool, place: str, faults: Faults) -> str | None:
    reference = node.get("reference")
    if not isinstance(reference, str):
        if main:
            faults.add(Fault.SUBJECT_MISSING, "Refer to the patient by reference or identifier.", place)
        return None
    if reference.startswith("#"):
        key = _contained(entry.resource or {}, reference)
        if main and not key:
            text = "Refer to a Patient; a contained one needs an identifier with system and value."
            faults.add(Fault.SUBJECT_NOT_PATIENT, text, place)
        return key
    found = references.parts(reference)
    if (found and found[0] == "Patient") or reference.startswith("Patient?"):
        return references.unversioned(reference) if found else reference
    if main:
        _no_patient(
            reference, is_local=found is not None or references.is_conditional(reference), place=place, faults=faults
        )
    return None


def _no_patient(reference: str, *, is_local: bool, place: str, faults: Faults) -> None:
    if is_local:
        faults.add(Fault.SUBJECT_NOT_PATIENT, "Let the subject be a Patient.", place)
    elif reference.startswith("urn:"):
        faults.add(Fault.REFERENCE_UNRESOLVED, "Send the Patient that this urn: means in the same Bundle.", place)
    else:
        text = "Refer to a Patient by Patient/id, or absolutely under the registered base URL."
        faults.add(Fault.SUBJECT_FOREIGN, text, place)
