"""PURE: what a physician's signature covers, how it is made and how anyone can check it.

The payload is the RFC 8785 form of `{"criteria", "draft", "evidence"}`; the signature a detached JWS (RFC 7515,
appendix F) with ES384. Keys come in as PEM text; none is read or kept here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet

from fhir_svc.errors import Broken, Unprocessable
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Json, Record, Stored

ALGORITHM = "ES384"
EVIDENCE_CHANGED = "evidence-changed"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is to be signed: `digest` (lower-case hex SHA-256 of `payload`), the bytes, and the evidence they name."""

    digest: str
    payload: bytes
    evidence: tuple[str, ...]
    criteria: str


def evidence(draft: Json) -> tuple[str, ...]:
    """The versioned references that a draft rests on, sorted."""
    return tuple(sorted({held["reference"] for held in draft.get("supportingInfo", ()) if held.get("reference")}))


def criteria(draft: Json) -> str:
    """The canonical with version of the criteria that made a draft."""
    return str(draft["instantiatesCanonical"][0])


def prepare(draft: Json | Stored) -> Prepared:
    """The canonical bytes and digest of a draft as read; its own `supportingInfo` is the evidence."""
    content = draft.content if isinstance(draft, Stored) else draft
    named = evidence(content)
    try:
        payload = rfc8785.dumps({"criteria": criteria(content), "draft": _plain(content), "evidence": list(named)})
    except rfc8785.CanonicalizationError:
        raise Broken("The draft has no canonical form.", error="canonical-form") from None
    return Prepared(hashlib.sha256(payload).hexdigest(), payload, named, criteria(content))


def seal(payload: bytes, key_pem: str | bytes, kid: str | None = None) -> str:
    """A detached JWS over the payload: `header..signature`."""
    key = ECKey.import_key(key_pem)
    header = {"alg": ALGORITHM, "kid": kid or key.thumbprint()}
    protected, _, made = jws.serialize_compact(header, payload, key, algorithms=[ALGORITHM]).split(".")
    return f"{protected}..{made}"


def verify(detached: str, payload: bytes, jwks: Mapping[str, Any]) -> bool:
    """Whether one of these public keys made this signature over exactly these bytes."""
    try:
        jws.deserialize_compact(
            detached, KeySet.import_key_set({"keys": list(jwks["keys"])}), algorithms=[ALGORITHM], payload=payload
        )
    except (JoseError, ValueError):
        return False
    return True


def public_jwk(key_pem: str | bytes, kid: str | None = None) -> dict[str, Any]:
    """The public half of a signing key for `/.well-known/jwks.json`; `kid` is the RFC 7638 thumbprint unless given."""
    key = ECKey.import_key(key_pem)
    return {**key.as_dict(private=False), "kid": kid or key.thumbprint(), "use": "sig", "alg": ALGORITHM}


def changes(draft: Json, record: Record) -> tuple[str, ...]:
    """The cited versions that are no longer the current ones of the patient's record."""
    return outdated(evidence(draft), record)


def outdated(cited: Iterable[str], record: Record) -> tuple[str, ...]:
    """Of each resource cited in versions of which none is current (or which is gone), the last that is cited."""
    versions: dict[str, list[str]] = {}
    for reference in sorted(cited):
        versions.setdefault(reference.partition("/_history/")[0], []).append(reference)
    held = record.by_local
    return tuple(
        names[-1] for local, names in versions.items() if local not in held or held[local].reference not in names
    )


def blockers(draft: Json, record: Record) -> tuple[str, ...]:
    """What still forbids signing: the draft's open checks, and `evidence-changed`."""
    held = tuple(dict.fromkeys(str(code) for code in extensions(draft, "blocker")))
    return (*held, EVIDENCE_CHANGED) if changes(draft, record) else held


def is_stat(draft: Json) -> bool:
    """Whether the draft must not wait, so that an open check may be overridden with a reason."""
    return draft.get("priority") == "stat"


def require_overrides(open_blockers: Sequence[str], overrides: Mapping[str, str], *, allowed: bool) -> None:
    """Refuse with 422 unless every open blocker is overridden with a reason, if that is `allowed` for this draft."""
    if overrides and not allowed:
        raise Unprocessable(
            "Only a draft that the criteria made stat can be signed over an open check: record the check's answer.",
            expression="Parameters.parameter.where(name='override')[0]",
            error=next(iter(open_blockers), "parameter-value"),
        )
    for blocker in open_blockers:
        if blocker == EVIDENCE_CHANGED or not overrides.get(blocker, "").strip():
            raise Unprocessable(
                "The draft has an open check: record its answer, or give a reason where the criteria made it stat.",
                expression="Parameters.parameter",
                error=blocker,
            )


def _plain(value: Any) -> Any:
    """Tuples and mappings as JSON knows them; a Decimal stays and is refused by the canonical form."""
    if isinstance(value, Mapping):
        return {key: _plain(held) for key, held in value.items()}
    return [_plain(held) for held in value] if isinstance(value, list | tuple) else value
