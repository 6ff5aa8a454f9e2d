"""What is sent: resources, and the Bundles that hold them; and what became of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fhir_svc.errors import Rejected, Unprocessable
from fhir_svc.intake.submission import Batch, Submission

Json = dict[str, Any]
P1 = {"reference": "Patient/1"}
URN = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"
OTHER = "urn:uuid:0d0b5c7e-8f4d-4f0a-9a8e-2d1f0c0b0a09"


def observation(subject: Any = P1, **more: Any) -> Json:
    made = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": copy.deepcopy(subject),
        **more,
    }
    return {name: value for name, value in made.items() if value is not None}


def patient(**more: Any) -> Json:
    return {"resourceType": "Patient", **more}


def post(resource: Json, full_url: str | None = None, **request: Any) -> Json:
    asked = {"method": "POST", "url": resource["resourceType"], **request}
    return {**({"fullUrl": full_url} if full_url else {}), "resource": resource, "request": asked}


def put(resource: Json, url: str | None = None, **request: Any) -> Json:
    url = url or f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": url, **request}}


def get(url: str) -> Json:
    return {"request": {"method": "GET", "url": url}}


def transaction(*entries: Json, type: str = "transaction") -> Json:  # noqa: A002 - FHIR's word for it
    return {"resourceType": "Bundle", "type": type, **({"entry": list(entries)} if entries else {})}


def collection(*resources: Json) -> Json:
    return transaction(*({"resource": one} for one in resources), type="collection")


def taken(submission: Submission | Batch) -> Submission:
    assert isinstance(submission, Submission)
    return submission


def refused(read: Callable[[], Any], error: type[Rejected] = Unprocessable) -> list[tuple[str, str, str | None]]:
    with pytest.raises(error) as refusal:
        read()
    return [(issue.error, issue.code, issue.expression) for issue in refusal.value.issues]
