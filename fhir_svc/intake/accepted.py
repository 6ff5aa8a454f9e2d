"""PURE: the shapes of an accepted submission, as intake hands them to whoever stores them. No rules here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from fhir_svc.criteria.usable import Measures
from fhir_svc.errors import Issue, Rejected
from fhir_svc.intake.shapes import Shapes

if TYPE_CHECKING:
    from fhir_svc.intake.conformance import Conformance

TAKEN = frozenset(
    {
        "QuestionnaireResponse",
        "Observation",
        "Patient",
        "Condition",
        "Procedure",
        "ImagingStudy",
        "DiagnosticReport",
        "DeviceUseStatement",
        "Device",
        "AllergyIntolerance",
        "MedicationStatement",
        "MedicationRequest",
        "ServiceRequest",
        "Communication",
    }
)
"""The types an EHR may write here."""

ENTRY_LIMIT = 500
SUBMIT_ENTRY_LIMIT = 5_000
BYTE_LIMIT = 2 * 1024 * 1024
SUBMIT_BYTE_LIMIT = 10 * 1024 * 1024


class Kind(StrEnum):
    """How the submission came."""

    SINGLE = "single"
    TRANSACTION = "transaction"
    SUBMIT = "submit"


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading a submission needs from outside.

    `new_id` gives the id of a resource that was POSTed; `at` is the moment of receipt (aware); `own_bases` are the base
    URLs under which an absolute reference means one of this tenant's ids (ours and its EHR's); `questionnaires` maps
    `url|version` to the Questionnaires we know; `profiles` are the canonical URLs of our own profiles, `shapes` what
    those of whole resources say; `measures` knows the values that the criteria can use.
    """

    conformance: Conformance
    new_id: Callable[[], str]
    at: datetime
    own_bases: Collection[str] = ()
    questionnaires: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    profiles: Collection[str] = ()
    shapes: Shapes = field(default_factory=Shapes)
    measures: Measures = field(default_factory=Measures)


class Entry(Struct, frozen=True):
    """One thing to do, of a Bundle or alone. Bundles have many, and a Struct is made in a tenth of a dataclass's time.

    `index` is the position in the Bundle (0 for a single resource) and `location` the FHIRPath of its resource, for
    issues about it (`Bundle.entry[2].resource`, or `Observation`). `method` is POST, PUT or GET. `id` is the id to
    store under: of the URL for PUT, minted for POST and for a conditional update (`condition` set: the query after
    `Type?`; no match stores under the resource's own id, else the minted one), None for GET. `resource` (None for GET)
    carries that id, its references rewritten to ids of this tenant.
    `minted`: that id was made here, nobody else has it.
    `url` is the request's URL as received (relative), for GET. `full_url` is as received.
    """

    index: int
    location: str
    method: str
    type: str
    id: str | None
    resource: dict[str, Any] | None
    url: str
    full_url: str | None = None
    condition: str | None = None
    if_none_exist: str | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    minted: bool = False

    @property
    def local(self) -> str:
        """`Type/id`, or the conditional URL while the id is open."""
        return f"{self.type}/{self.id}" if self.id else self.url


@dataclass(frozen=True, slots=True)
class Ignored:
    """An entry of `$submit` that is not stored; `issue` (informational) says where and why."""

    index: int
    type: str
    issue: Issue


class Mention(NamedTuple):
    """A place that names a patient: `key` is `Patient/id`, or a conditional reference that is still open."""

    key: str
    location: str


@dataclass(frozen=True, slots=True)
class Submission:
    """An accepted submission: everything of it is stored, or nothing.

    `entries` stand in the order in which they are carried out (POST, PUT, GET; `index` restores the Bundle's order).
    `subject` is the one patient, `Patient/id`; None while `settled` is false, or where only GETs were sent.
    `questions` are conditional references (`Patient?identifier=system|value`) that the caller must look up; it also
    looks up whether a POSTed Patient, an entry's `if_none_exist` or `condition` means a stored resource. It hands all
    answers to `submission.settle`, which rewrites the references and checks that there is one patient: `mentions` are
    the places that name one.
    """

    kind: Kind
    entries: tuple[Entry, ...]
    subject: str | None = None
    settled: bool = False
    questions: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    warnings: tuple[Issue, ...] = ()

    @property
    def writes(self) -> tuple[Entry, ...]:
        """The entries that store something."""
        return tuple(entry for entry in self.entries if entry.method != "GET")


@dataclass(frozen=True, slots=True)
class Batch:
    """A Bundle of type batch: one submission per entry, in the Bundle's order; what was refused stands as its error.

    `entries` is what was sent, as reading it has left it.
    """

    parts: tuple[Submission | Rejected, ...]
    entries: tuple[dict[str, Any], ...] = ()
