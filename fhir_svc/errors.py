"""The error tree: what can go wrong, what HTTP says of it, and what a worker does with it.

`Rejected`: the caller's request can't be taken; the caller must change something. `Unavailable`: not now, try later.
`Broken`: this will never work however often it is tried. No message here ever holds a value from the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from msgspec import Struct, structs


class Issue(Struct, frozen=True):
    """One line of an OperationOutcome.

    `code` is of FHIR's issue-type; `error` a stable code of our CodeSystem `error`; `text` is safe to show and says
    what to do; `expression` is a FHIRPath location such as `Bundle.entry[2].resource.status`.
    """

    code: str
    error: str
    text: str
    expression: str | None = None
    severity: str = "error"

    def under(self, prefix: str) -> Issue:
        """The same issue, located inside `prefix` (for an entry of a Bundle)."""
        inside = self.expression or ""
        tail = inside.partition(".")[2]
        return Issue(self.code, self.error, self.text, f"{prefix}.{tail}" if tail else prefix, self.severity)


class FhirSvcError(Exception):
    """Root of everything this service raises on purpose."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "exception"
    error: ClassVar[str] = "internal"

    def __init__(
        self,
        text: str,
        *,
        expression: str | None = None,
        error: str | None = None,
        code: str | None = None,
        issues: Sequence[Issue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(text)
        self.issues: tuple[Issue, ...] = tuple(issues) or (
            Issue(code or type(self).code, error or type(self).error, text, expression),
        )
        self.headers: Mapping[str, str] = dict(headers or {})

    def at(self, expression: str) -> Self:
        """The same failure, about this place of the request."""
        self.issues = tuple(structs.replace(issue, expression=expression) for issue in self.issues)
        return self


class Rejected(FhirSvcError):  # noqa: N818 - says what happened to the request
    """The caller must change the request."""

    status = 400
    code = "invalid"
    error = "rejected"


class Malformed(Rejected):
    """400: not parseable, or not valid FHIR R4."""

    code = "structure"
    error = "malformed"


class Unauthenticated(Rejected):
    """401: nobody we know, or no longer."""

    status = 401
    code = "login"
    error = "unauthenticated"


class Forbidden(Rejected):
    """403: we know who, and they may not."""

    status = 403
    code = "forbidden"
    error = "forbidden"


class NotFound(Rejected):
    """404: absent, or not yours; the two look alike."""

    status = 404
    code = "not-found"
    error = "not-found"


class NotAllowed(Rejected):
    """405: this address does not take this method."""

    status = 405
    code = "not-supported"
    error = "method-not-allowed"


class NotAcceptable(Rejected):
    """406: we answer JSON."""

    status = 406
    code = "not-supported"
    error = "not-acceptable"


class Conflict(Rejected):
    """409: the state has moved, or the same key carries other content."""

    status = 409
    code = "conflict"
    error = "conflict"


class PreconditionFailed(Rejected):
    """412: If-Match does not name the current version, or a condition matches several."""

    status = 412
    code = "conflict"
    error = "precondition-failed"


class TooLarge(Rejected):
    """413: more bytes or entries than we take."""

    status = 413
    code = "too-long"
    error = "too-large"


class UnsupportedMediaType(Rejected):
    """415: FHIR JSON only."""

    status = 415
    code = "not-supported"
    error = "unsupported-media-type"


class Unprocessable(Rejected):
    """422: valid FHIR that breaks a profile or a rule of ours."""

    status = 422
    code = "business-rule"
    error = "unprocessable"


class PreconditionRequired(Rejected):
    """428: say which version you saw (If-Match)."""

    status = 428
    code = "required"
    error = "precondition-required"


class TooManyRequests(Rejected):
    """429: the budget of this caller is used up; `Retry-After` says until when."""

    status = 429
    code = "throttled"
    error = "throttled"


class Unavailable(FhirSvcError):  # noqa: N818 - says how things are
    """503: a part we need (database, EHR) does not answer now. A worker retries at `not_before`."""

    status = 503
    code = "transient"
    error = "unavailable"

    def __init__(
        self, text: str, *, retry_after: float = 5.0, error: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(text, error=error, code=code, headers={"Retry-After": str(max(1, round(retry_after)))})
        self.retry_after = retry_after


class Collided(Unavailable):
    """503: two waited for each other and this one gave way. Nothing of it was done, and at once it may go well."""


class Broken(FhirSvcError):  # noqa: N818 - says how things are
    """500: will not work however often it is tried. A worker quarantines at once; `error` names why."""

    error = "broken"


@dataclass(slots=True)
class Issues:
    """Collects issues so that a caller hears of all of them at once."""

    found: list[Issue] = field(default_factory=list)

    def add(self, code: str, error: str, text: str, expression: str | None = None, severity: str = "error") -> None:
        """Note one more issue."""
        self.found.append(Issue(code, error, text, expression, severity))

    @property
    def errors(self) -> list[Issue]:
        """Those that forbid acceptance."""
        return [issue for issue in self.found if issue.severity in {"error", "fatal"}]
