"""`$validate`: what is asked (resource, mode, profile), and what intake would say of the resource. Stores nothing.

What can't be done as it was asked, an unknown profile to check against above all, is refused: "all of it is valid" is
said only of what was looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fhir_svc.errors import Issue, Rejected, Unprocessable
from fhir_svc.intake.submission import TAKEN, Batch, Reading, read_bundle, read_single
from fhir_svc.web import arguments
from fhir_svc.web.arguments import WORD, Arguments
from fhir_svc.web.services import Intake, Services

BUNDLE: Final = "Bundle"
R4: Final = "http://hl7.org/fhir/StructureDefinition/"
RELEASES: Final = frozenset({"", "4.0", "4.0.1"})
PROFILE: Final = ("valueUri", "valueCanonical", "valueUrl", "valueString")
DELETE: Final = "delete"
MODES: Final = ("create", "update", DELETE, "profile")  # R4 binds the parameter to these
UNCHECKED: Final = Issue(
    "not-supported", "unchecked", "Resources of this type are not checked here.", severity="warning"
)
ONLY_READ: Final = Issue("not-supported", "type-not-taken", "This type is only read here: it is not taken.")
NOT_DELETED: Final = Issue("not-supported", "method-not-allowed", "Nothing of this type is deleted here.")
WRONG_TYPE: Final = Issue("invalid", "wrong-type", "The resource is of another type than the address.", "resourceType")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks: which resource is meant (None: the stored one), what is to be done with it, by which profile.

    `kind` and `id` are those of the address; `place` is where the profile stands.
    """

    kind: str
    id: str | None
    resource: dict[str, Any] | None
    mode: str | None
    profile: str | None
    place: str


def read(
    kind: str,
    resource_id: str | None,
    content: dict[str, Any] | None,
    address: Mapping[str, Sequence[str]],
    intake: Intake,
) -> Asked:
    """Read what was sent, bare or as Parameters, and the parameters of the address; refuse what can't be asked."""
    wrapped = content is not None and content.get("resourceType") == "Parameters"
    if content is not None and wrapped:
        arguments.require_valid(content, intake, apart=lambda one: one.get("name") == "resource")
    sent = arguments.read(content if wrapped else None, once=("resource", "mode", "profile"))
    mode, where = _said("mode", WORD, sent, address)
    profile, place = _said("profile", PROFILE, sent, address)
    if mode is not None and mode not in MODES:
        told = f"The mode is {', '.join(MODES[:-1])} or {MODES[-1]}."
        raise Unprocessable(told, error="parameter-value", code="code-invalid", expression=where)
    if mode == "update" and resource_id is None:
        told = "Say which resource is to be updated: by its id in the address."
        raise Unprocessable(told, error="no-id", code="required", expression=where)
    if mode == "profile" and profile is None:
        raise _missing("profile")
    resource = _resource(sent) if wrapped else content
    if resource is None and mode != DELETE and (resource_id is None or mode not in {None, "profile"}):
        raise _missing("resource")
    return Asked(kind, resource_id, resource, mode, profile, place)


def _said(
    name: str, kinds: Sequence[str], sent: Arguments, address: Mapping[str, Sequence[str]]
) -> tuple[str | None, str]:
    """A parameter of the body or of the address, and where it stands."""
    word, listed = sent.word(name, kinds), address.get(name, ())
    if len(listed) + (word is not None) > 1:
        told = "This parameter may be given once."
        raise Unprocessable(told, error="parameter-repeated", expression=f"http.{name}")
    return (listed[0], f"http.{name}") if listed else (word, f"{sent.place(name)}.value")


def _resource(sent: Arguments) -> dict[str, Any] | None:
    for _, parameter in sent.given.get("resource", ()):
        resource = parameter.get("resource")
        if isinstance(resource, dict):
            return resource
        told, place = "The parameter resource must hold the resource.", sent.place("resource")
        raise Unprocessable(told, error="parameter-value", code="value", expression=place)
    return None


def _missing(name: str) -> Unprocessable:
    told = f"The parameter {name} is needed."
    return Unprocessable(told, error="parameter-missing", code="required", expression="Parameters")


def verdict(asked: Asked, resource: dict[str, Any], reading: Reading, given: Services) -> list[Issue]:
    """Everything that is wrong with the resource, or with doing with it what is meant; empty for nothing."""
    if asked.mode == DELETE:
        return [NOT_DELETED]
    found = _by_profile(asked, resource, given)
    try:
        found += _of(asked, resource, reading, given.intake)
    except Rejected as failure:
        found += failure.issues
    if asked.mode in {"create", "update"} and asked.kind not in TAKEN | {BUNDLE}:
        found.append(ONLY_READ)
    return found


def _by_profile(asked: Asked, resource: dict[str, Any], given: Services) -> list[Issue]:
    """Let the resource claim the profile that is named, so that it is checked; what is not for its type is an issue."""
    if asked.profile is None:
        return []
    url, _, version = asked.profile.partition("|")
    ours = given.knowledge.canonical(asked.profile)
    if ours is not None and ours["resourceType"] == "StructureDefinition":
        if ours["type"] == asked.kind:
            _claim(resource, url)
            return []
    elif not (url.startswith(R4) and version in RELEASES and _is_checked(asked.kind, url.removeprefix(R4), given)):
        told = "This service does not know this profile and can't check by it; see /fhir/StructureDefinition."
        raise Unprocessable(told, error="profile-unknown", code="not-supported", expression=asked.place)
    elif url.removeprefix(R4) in {asked.kind, "Resource", "DomainResource"}:
        return []
    return [Issue("invariant", "profile-broken", "This profile is for another type.", f"{asked.kind}.meta.profile")]


def _is_checked(kind: str, name: str, given: Services) -> bool:
    """Whether R4's own definition of this name says something of a resource of this type that is looked at here."""
    whole = given.intake.whole()
    if name == "DomainResource":
        return kind in whole.types and kind != BUNDLE
    return name in whole.names - {kind} or (name in {kind, "Resource"} and kind in whole.types)


def _claim(resource: dict[str, Any], profile: str) -> None:
    meta = resource.setdefault("meta", {})
    claimed = meta.setdefault("profile", []) if isinstance(meta, dict) else None
    if isinstance(claimed, list) and profile not in claimed:
        claimed.append(profile)


def _of(asked: Asked, resource: dict[str, Any], reading: Reading, intake: Intake) -> Sequence[Issue]:
    if asked.kind == BUNDLE:
        return list(_of_bundle(resource, reading))
    if asked.kind in TAKEN:
        return read_single(resource, reading, type=asked.kind, id=asked.id).warnings
    if resource.get("resourceType") != asked.kind:
        return [WRONG_TYPE]
    schema = intake.whole()
    if asked.kind not in schema.types:
        return [UNCHECKED]
    faults = schema.faults(resource, profiles=intake.profiles)
    if not faults.found:
        intake.shapes.check(resource, asked.kind, faults)
    return faults.issues


def _of_bundle(resource: dict[str, Any], reading: Reading) -> Iterator[Issue]:
    """Say what a transaction or batch would be told; of a batch, of every entry."""
    taken = read_bundle(resource, reading)
    if not isinstance(taken, Batch):
        yield from taken.warnings
        return
    for part in taken.parts:
        yield from part.issues if isinstance(part, Rejected) else part.warnings
