"""PURE: from a parsed body to an accepted submission. Refuses what is not FHIR, not ours to take, or of two patients.

How the web uses it:

    body = parse.read_json(raw, limit=BYTE_LIMIT)
    submission = read_single(body, reading, type="Observation")          # POST /fhir/Observation
    submission = read_single(body, reading, type="Observation", id="7")  # PUT  /fhir/Observation/7
    accepted = read_bundle(body, reading)                                # POST /fhir  -> Submission | Batch
    submission = read_submit(body, reading)                              # POST /fhir/$submit
    if not submission.settled:                                           # look up submission.questions in the store
        submission = settle(submission, {"Patient?identifier=a|b": "Patient/7", "Patient/minted": "Patient/7"}, reading)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_svc.intake.accepted import (
    BYTE_LIMIT,
    ENTRY_LIMIT,
    SUBMIT_BYTE_LIMIT,
    SUBMIT_ENTRY_LIMIT,
    TAKEN,
    Batch,
    Entry,
    Ignored,
    Kind,
    Reading,
    Submission,
)

__all__ = [
    "BYTE_LIMIT",
    "ENTRY_LIMIT",
    "SUBMIT_BYTE_LIMIT",
    "SUBMIT_ENTRY_LIMIT",
    "TAKEN",
    "Batch",
    "Entry",
    "Ignored",
    "Kind",
    "Reading",
    "Submission",
    "read_bundle",
    "read_single",
    "read_submit",
    "settle",
]


def read_single(
    resource: dict[str, Any],
    reading: Reading,
    *,
    type: str,  # noqa: A002 - FHIR's word for it
    id: str | None = None,  # noqa: A002 - FHIR's word for it
    condition: str | None = None,
    if_none_exist: str | None = None,
    if_match: str | None = None,
) -> Submission:
    """Read the body of a create (no `id`), an update (`id`) or a conditional update (`condition`)."""
    raise NotImplementedError


def read_bundle(bundle: dict[str, Any], reading: Reading) -> Submission | Batch:
    """Read a Bundle of type transaction or batch."""
    raise NotImplementedError


def read_submit(body: dict[str, Any], reading: Reading) -> Submission:
    """Read the body of `$submit`: a Bundle, bare or as Parameters `bundle`; types we do not use are ignored."""
    raise NotImplementedError


def settle(submission: Submission, found: Mapping[str, str], reading: Reading) -> Submission:
    """Rewrite references to what the store knows, and check that one patient is left.

    `found` maps a question, or an entry's `local`, to `Type/id`. A question without an answer is refused (422).
    """
    raise NotImplementedError
