"""PURE: references between the entries of a Bundle become ids of the tenant; what stays open is told or refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec import structs

from fhir_svc.intake import places, references, subject
from fhir_svc.intake.accepted import Entry
from fhir_svc.intake.faults import ISSUE_LIMIT, Fault, Faults
from fhir_svc.intake.invariants import locate


def resolve(entries: Sequence[Entry], own_bases: Collection[str], faults: Faults) -> list[references.Spots]:
    """Rewrite every reference that means an entry, or an id under one of our bases; in place. Gives where they stand.

    What is left of `urn:` is kept with a warning, one for each entry. (Of subjects it is refused later.)
    """
    found: list[references.Spots] = []
    bases = references.Bases(own_bases)
    by_url = {entry.full_url: entry.local for entry in entries if entry.full_url}
    kept = 0
    for entry in entries:
        base = references.restful(entry.full_url or "")
        spots = references.Spots.of(entry.resource)
        found.append(spots)
        spots.rewrite(_resolver(by_url, bases, base[0] if base else None))
        left = next((node for node in spots.references if node["reference"].startswith("urn:")), None)
        if left is not None and kept < ISSUE_LIMIT:
            kept += 1
            text = "Kept as it is: nothing in this Bundle that we store has this urn:."
            where = locate(entry.resource, left, entry.location)
            faults.add(Fault.REFERENCE_KEPT, text, f"{where}.reference")
    return found


def _resolver(by_url: Mapping[str, str], bases: references.Bases, base: str | None) -> references.Resolve:
    def resolved(reference: str) -> str:
        address = references.unversioned(reference)
        if address in by_url:
            return by_url[address]
        if base and references.parts(reference):
            absolute = f"{base}/{address}"
            return by_url.get(absolute) or reference
        return bases.local(reference) or reference

    return resolved


def adopt(entry: Entry, found: str | None) -> Entry:
    """The entry under the id of the stored resource that it turned out to be."""
    if found is None or entry.resource is None:
        return entry
    identity = found.partition("/")[2]
    entry.resource["id"] = identity
    return structs.replace(entry, id=identity, minted=False)


def place_of(entries: Sequence[Entry], question: str) -> str | None:
    """Where the first reference that asks this stands."""
    for entry in entries:
        for node, asked in subject.asked(entry, references.Spots.of(entry.resource)):
            if asked == question:
                return places.said(f"{locate(entry.resource, node, entry.location)}.reference")
    return None


def rewrite(entry: Entry, found: Mapping[str, str], faults: Faults) -> None:
    """Rewrite the references of an entry to what was found; refuse the conditional ones to which nothing was."""
    spots = references.Spots.of(entry.resource)
    for node, question in subject.asked(entry, spots):
        if question not in found:
            text = "Refer to a resource that is stored here; this condition or identifier matches none."
            where = locate(entry.resource, node, entry.location)
            faults.add(Fault.REFERENCE_UNRESOLVED, text, f"{where}.reference")
    spots.rewrite(lambda one: found.get(references.unversioned(one), found.get(one, one)))
