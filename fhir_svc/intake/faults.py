"""PURE: everything intake can find wrong, each with its stable code, FHIR issue code and HTTP status.

The codes are those of `CodeSystem/error`. Status 400: not FHIR R4 at all. 422: valid FHIR that breaks a rule of ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from fhir_svc.errors import Issue, Malformed, TooLarge, Unprocessable
from fhir_svc.intake import places

ISSUE_LIMIT = 50
MALFORMED = 400
TOO_LARGE = 413
UNPROCESSABLE = 422


class Fault(Enum):
    """(stable code, FHIR issue code, HTTP status)."""

    JSON_MALFORMED = ("json-malformed", "structure", 400)
    JSON_DUPLICATE_KEY = ("json-duplicate-key", "structure", 400)
    JSON_NUMBER = ("json-number", "value", 400)
    JSON_ENCODING = ("json-encoding", "structure", 400)
    JSON_CHARACTER = ("json-character", "value", 400)
    TOO_DEEP = ("too-deep", "too-costly", 400)
    STRING_TOO_LONG = ("string-too-long", "too-costly", 400)
    TOO_MANY_ITEMS = ("too-many-items", "too-costly", 400)
    BODY_TOO_LARGE = ("body-too-large", "too-long", 413)
    TOO_MANY_ENTRIES = ("too-many-entries", "too-costly", 413)

    RESOURCE_TYPE_UNKNOWN = ("resource-type-unknown", "not-supported", 400)
    RESOURCE_TYPE_MISMATCH = ("resource-type-mismatch", "invalid", 400)
    RESOURCE_ID_MISMATCH = ("resource-id-mismatch", "invalid", 400)
    ELEMENT_UNKNOWN = ("element-unknown", "structure", 400)
    ELEMENT_MISSING = ("element-missing", "required", 400)
    ELEMENT_EMPTY = ("element-empty", "structure", 400)
    ELEMENT_TYPE = ("element-type", "structure", 400)
    ELEMENT_CHOICE = ("element-choice", "structure", 400)
    VALUE_INVALID = ("value-invalid", "value", 400)
    CODE_INVALID = ("code-invalid", "code-invalid", 400)
    INVARIANT = ("invariant", "invariant", 400)
    NARRATIVE = ("narrative", "invariant", 400)
    REFERENCE_TARGET = ("reference-target", "value", 400)
    REFERENCE_FORM = ("reference-form", "value", 400)
    CONTAINED_MISSING = ("contained-missing", "value", 400)
    CONTAINED_UNCHECKED = ("unchecked", "not-supported", 200)
    CONTAINED_CIRCULAR = ("contained-circular", "value", 400)

    PARAMETER_UNKNOWN = ("parameter-unknown", "not-supported", 200)
    PARAMETER_REPEATED = ("parameter-repeated", "business-rule", 422)
    MODIFIER_EXTENSION = ("modifier-extension", "extension", 422)
    IMPLICIT_RULES = ("implicit-rules", "not-supported", 422)
    VALUE_REQUIRED = ("value-required", "required", 422)
    PROFILE_UNKNOWN = ("profile-unknown", "invariant", 422)
    PROFILE_BROKEN = ("profile-broken", "invariant", 422)
    SHAPE_UNREADABLE = ("shape-unreadable", "informational", 200)

    QUESTIONNAIRE_MISSING = ("questionnaire-missing", "required", 422)
    QUESTIONNAIRE_UNKNOWN = ("questionnaire-unknown", "not-supported", 422)
    LINK_ID_MISSING = ("link-id-missing", "required", 422)
    LINK_ID_UNKNOWN = ("link-id-unknown", "invariant", 422)
    LINK_ID_REPEATED = ("link-id-repeated", "invariant", 422)
    ITEM_NESTING = ("item-nesting", "invariant", 422)
    ANSWER_TYPE = ("answer-type", "value", 422)
    ANSWER_NOT_AN_OPTION = ("answer-not-an-option", "value", 422)
    ANSWER_REPEATED = ("answer-repeated", "invariant", 422)
    ANSWER_NOT_ALLOWED = ("answer-not-allowed", "invariant", 422)
    ANSWER_DISABLED = ("answer-disabled", "informational", 200)

    TYPE_NOT_TAKEN = ("type-not-taken", "not-supported", 422)
    BUNDLE_TYPE = ("bundle-type", "not-supported", 422)
    BUNDLE_METHOD = ("bundle-method", "not-supported", 422)
    BUNDLE_URL = ("bundle-url", "value", 422)
    BUNDLE_DUPLICATE = ("bundle-duplicate", "duplicate", 422)
    BUNDLE_MISSING = ("bundle-missing", "required", 422)
    FULL_URL_MISMATCH = ("full-url-mismatch", "value", 422)
    SUBJECT_MISSING = ("subject-missing", "business-rule", 422)
    SUBJECT_SEVERAL = ("subject-several", "business-rule", 422)
    SUBJECT_NOT_PATIENT = ("subject-not-patient", "business-rule", 422)
    SUBJECT_FOREIGN = ("subject-foreign", "value", 422)
    REFERENCE_UNRESOLVED = ("reference-unresolved", "not-found", 422)
    REFERENCE_KEPT = ("reference-kept", "informational", 200)
    TIME_FUTURE = ("time-future", "business-rule", 422)
    VALUE_NOT_USED = ("value-not-used", "informational", 200)
    ENTRY_IGNORED = ("entry-ignored", "informational", 200)

    @property
    def error(self) -> str:
        """The stable code."""
        return self.value[0]

    @property
    def code(self) -> str:
        """FHIR's issue-type code."""
        return self.value[1]

    @property
    def status(self) -> int:
        """The HTTP status; 200 for what is only said, not refused."""
        return self.value[2]


ERROR_CODES = tuple(fault.error for fault in Fault)
"""Every code of `CodeSystem/error` that intake uses."""


@dataclass(slots=True)
class Faults:
    """Collects faults, so that a caller hears of all of them at once (of the first `ISSUE_LIMIT`)."""

    found: list[tuple[Fault, Issue]] = field(default_factory=list)
    _refusing: int = field(default=0, init=False)

    def add(self, fault: Fault, text: str, expression: str | None = None, *, code: str | None = None) -> None:
        """Note one more fault; `text` says what to do and nothing of the input; `expression` may have JSON's names."""
        expression = expression and places.said(expression)
        if fault.status < MALFORMED:
            issue = Issue(fault.code, fault.error, text, expression, "warning")
        else:
            issue = Issue(code or fault.code, fault.error, text, expression)
            self._refusing += 1
        self.found.append((fault, issue))

    def extend(self, other: Faults, prefix: str | None = None) -> None:
        """Take over the faults of a part, located inside `prefix`."""
        self.found += [(fault, issue.under(prefix) if prefix else issue) for fault, issue in other.found]
        self._refusing += other._refusing

    @property
    def full(self) -> bool:
        """Enough was found to refuse for; looking further helps nobody. What is only told never ends the search."""
        return self._refusing >= ISSUE_LIMIT

    @property
    def issues(self) -> list[Issue]:
        """Everything found, warnings too."""
        return [issue for _, issue in self.found]

    @property
    def warnings(self) -> list[Issue]:
        """What was said without refusing."""
        return [issue for fault, issue in self.found if fault.status < MALFORMED]

    def refuse(self) -> None:
        """Raise if anything forbids acceptance: 400 before 413 before 422, with the issues of that status first."""
        for status, error in ((MALFORMED, Malformed), (TOO_LARGE, TooLarge), (UNPROCESSABLE, Unprocessable)):
            if any(fault.status == status for fault, _ in self.found):
                raise error(_summary(status), issues=self._sorted(status))

    def _sorted(self, status: int) -> list[Issue]:
        refusing: Iterable[tuple[Fault, Issue]] = (pair for pair in self.found if pair[0].status >= MALFORMED)
        return [issue for _, issue in sorted(refusing, key=lambda pair: pair[0].status != status)][:ISSUE_LIMIT]


def _summary(status: int) -> str:
    if status == MALFORMED:
        return "The body is not valid FHIR R4."
    return "The body is larger than we take." if status == TOO_LARGE else "The body breaks a rule of this service."
