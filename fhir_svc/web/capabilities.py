"""What this service says of itself: CapabilityStatement (made from the routes), SMART configuration, OpenAPI."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import Rule

from fhir_svc.auth.assertion import ALGORITHMS
from fhir_svc.intake.submission import TAKEN
from fhir_svc.store import audit, resources
from fhir_svc.subscriptions.terms import SUBSCRIPTION
from fhir_svc.web import artefact_parameters, negotiation, openapi, subscription_reports
from fhir_svc.web.rights import ARTEFACTS, AUDIT, GRANTED, SERVED
from fhir_svc.web.services import services
from fhir_svc.web.validating import BUNDLE
from fhir_svc.web.wire import encode, fhir

blueprint = Blueprint("capabilities", __name__)
BASE: Final = "https://example.org/fhir-svc"
DESCRIBED: Final = sorted({*SERVED, SUBSCRIPTION, BUNDLE})
DATE: Final = "2026-11-22"  # of this statement's making
INTERACTIONS: Final = {  # endpoint of the REST routes -> interaction
    "fhir_api.read": "read",
    "fhir_api.vread": "vread",
    "fhir_api.history": "history-instance",
    "fhir_api.search": "search-type",
    "fhir_api.create": "create",
    "fhir_api.update": "update",
}
WRITING: Final = frozenset({"create", "update"})
KINDS: Final = {  # search parameters that are not tokens
    "_lastUpdated": "date",
    "authored": "date",
    "authored-on": "date",
    "authoredon": "date",
    "date": "date",
    "effective": "date",
    "identified": "date",
    "recorded": "date",
    "sent": "date",
    "started": "date",
    "questionnaire": "reference",
    "based-on": "reference",
    "basedon": "reference",
    "device": "reference",
    "focus": "reference",
    "implicated": "reference",
    "owner": "reference",
    "patient": "reference",
    "subject": "reference",
    "target": "reference",
    "agent": "reference",
    "entity": "reference",
    "criteria": "string",
    "url": "uri",
}


@blueprint.get("/fhir/metadata")
def metadata() -> Response:
    """Give the CapabilityStatement."""
    negotiation.check_accept()
    return fhir(statement(current_app))


@blueprint.get("/fhir/.well-known/smart-configuration")
def smart_configuration() -> Response:
    """Give SMART's discovery document."""
    given = services().settings
    return _json(
        {
            "issuer": given.base_url,
            "token_endpoint": given.token_url,
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": sorted(ALGORITHMS, reverse=True),
            "scopes_supported": [
                "system/*.cruds",
                *(f"system/{kind}.{_letters(kind)}" for kind in sorted(GRANTED)),
            ],
            "capabilities": ["client-confidential-asymmetric", "permission-v2", "permission-v1"],
        }
    )


def _letters(kind: str) -> str:
    if kind == SUBSCRIPTION:
        return "cruds"
    return "crus" if kind in TAKEN else "rs"


@blueprint.get("/openapi.json", endpoint="openapi")
def what_is_not_fhir() -> Response:
    """Describe the endpoints that are not FHIR."""
    return _json(openapi.document(current_app, services().settings.base_url))


def statement(app: Flask) -> dict[str, Any]:
    """Make the CapabilityStatement from the routes that the app has."""
    base = services().settings.fhir_base
    rules = list(app.url_map.iter_rules())
    return {
        "resourceType": "CapabilityStatement",
        "id": "fhir-svc",
        "url": f"{BASE}/CapabilityStatement/fhir-svc",
        "version": version("fhir-svc"),
        "name": "FhirSvc",
        "title": "fhir-svc",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "fhir-svc", "version": version("fhir-svc")},
        "implementation": {"description": "Drafts orders by rules, for physicians to sign", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(),
                "resource": [_resource(kind, rules) for kind in DESCRIBED],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
                "operation": _operations(rules, None),
            }
        ],
    }


def _security() -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/restful-security-service"
    return {
        "cors": bool(services().settings.cors_origins),
        "service": [{"coding": [{"system": system, "code": "SMART-on-FHIR"}]}],
        "extension": [
            {
                "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                "extension": [{"url": "token", "valueUri": services().settings.token_url}],
            }
        ],
    }


def _resource(kind: str, rules: list[Rule]) -> dict[str, Any]:
    if kind == BUNDLE:
        return {"type": kind, "operation": _operations(rules, kind)}
    parameters = [{"name": name, "type": type_} for name, type_ in sorted(_parameters(kind).items())]
    if kind == SUBSCRIPTION:
        own = [rule for rule in rules if rule.rule.startswith(f"/fhir/{SUBSCRIPTION}/")]
        return subscription_reports.claims(_operations(own, kind), parameters)
    codes = [INTERACTIONS[rule.endpoint] for rule in rules if rule.endpoint in INTERACTIONS]
    taken = kind in TAKEN
    told: dict[str, Any] = {
        "type": kind,
        "interaction": [{"code": code} for code in sorted(codes) if taken or code not in WRITING],
        "versioning": "versioned" if kind not in ARTEFACTS else "no-version",
        "readHistory": kind not in ARTEFACTS,
        "updateCreate": taken,
        "conditionalCreate": taken,
        "conditionalRead": "not-match",
        "conditionalUpdate": taken,
        "conditionalDelete": "not-supported",
        "searchParam": parameters,
    }
    if kind == AUDIT:
        told["documentation"] = "For admins who are signed in; no system reads it, whatever its scopes."
    operations = _operations(rules, kind)
    return told | {"operation": operations} if operations else told


def _parameters(kind: str) -> dict[str, str]:
    if kind in ARTEFACTS:
        return {name: one.kind for name, one in artefact_parameters.PARAMETERS[kind].items()}
    names = audit.PARAMETERS if kind == AUDIT else resources.PARAMETERS[kind]
    return {name: KINDS.get(name, "token") for name in names}


def _operations(rules: list[Rule], kind: str | None) -> list[dict[str, str]]:
    """Find the operations by their routes: those of a type name it, or take any type; the system's name none."""
    names = set()
    for rule in rules:
        place, found, name = rule.rule.partition("/$")
        if not found or not place.startswith("/fhir"):
            continue
        on = place.removeprefix("/fhir").strip("/").partition("/")[0] or None
        if on == kind or (kind is not None and on == "<type:kind>"):
            names.add(name)
    return [{"name": name, "definition": _definition(kind, name)} for name in sorted(names)]


def _definition(kind: str | None, name: str) -> str:
    """Give the canonical of an operation: ours, where there is one for the type and code, else FHIR's own."""
    for one in services().knowledge.all("OperationDefinition"):
        if one.get("code") == name and (kind is None or kind in one.get("resource", ())):
            return str(one["url"])
    return f"http://hl7.org/fhir/OperationDefinition/Resource-{name}"


def _json(body: dict[str, Any]) -> Response:
    return Response(encode(body), content_type="application/json")
