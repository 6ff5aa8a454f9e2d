"""The OpenAPI document: every endpoint that is not FHIR, with what it takes, who may call it and what it answers.

Addresses, methods and summaries come from the routes; what Flask does not know of them stands in the table below.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, Final

from flask import Flask
from werkzeug.routing import Rule

from fhir_svc.auth.oauth import ASSERTION_TYPE
from fhir_svc.auth.sessions import COOKIE, PLAIN_COOKIE

Schema = dict[str, Any]
JSON: Final = "application/json"
FHIR: Final = "application/fhir+json"
FORM: Final = "application/x-www-form-urlencoded"
HTML: Final = "text/html"
SESSION: Final = "session"
METRICS: Final = "metricsToken"
WORDS: Final = {
    200: "It worked.",
    204: "It worked; there is nothing to say.",
    303: "Go on with GET at the address in Location: done, or sign in first.",
    400: "The request could not be read.",
    401: "Not signed in, the wrong password, or the password must be typed again.",
    403: "Not open to this caller.",
    404: "There is nothing here, or it is another tenant's.",
    409: "It has moved on meanwhile.",
    412: "It has changed since it was seen.",
    413: "More than is taken here.",
    415: "Another media type than is taken here.",
    422: "What was sent can't be done.",
    429: "Too many requests: see Retry-After.",
    503: "Not now: see Retry-After.",
}


def _text(told: str, **more: Any) -> Schema:
    return {"type": "string", "description": told} | more


def _object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, **more: Any) -> Schema:
    return {"type": "object", "required": list(required), "properties": {**required, **(optional or {})}} | more


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


_NEXT: Final = {"next": _text("Where to go on: a path of this service.")}
_SEEN: Final = {"version": _text("The version that was seen.", pattern="^[0-9]{1,9}$")}
_PASSWORD: Final = _text("The password.", format="password")
SCHEMAS: Final[dict[str, Schema]] = {
    "TokenRequest": _object(
        {
            "grant_type": {"const": "client_credentials"},
            "client_assertion_type": {"const": ASSERTION_TYPE},
            "client_assertion": _text("A JWT of at most five minutes, signed with a registered key (ES384 or RS384)."),
            "scope": _text("system/ scopes, separated by blanks: see /fhir/.well-known/smart-configuration."),
        },
        {"client_id": _text("May only repeat who asserts.")},
    ),
    "Token": _object(
        {
            "access_token": _text("For the header Authorization: Bearer."),
            "token_type": {"const": "bearer"},
            "expires_in": {"type": "integer", "description": "Seconds."},
            "scope": _text("What was granted."),
        }
    ),
    "TokenError": _object(
        {"error": _text("As RFC 6749 5.2 has it."), "error_description": _text("What to do.")},
    ),
    "Credentials": _object({"username": _text("The user name."), "password": _PASSWORD}, _NEXT),
    "Password": _object({"password": _PASSWORD}, _NEXT),
    "Person": _object({"name": _text("Who it is."), "role": {"enum": ["physician", "admin"]}}),
    "Health": _object({"status": {"enum": ["ok", "ready"]}}),
    "KeySet": _object({"keys": {"type": "array", "items": {"type": "object"}}}),
    "OpenApi": _object({"openapi": _text("The version of OpenAPI."), "paths": {"type": "object"}}),
    "OperationOutcome": _object(
        {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "items": {"type": "object"}}}
    ),
    "Sign": _object(
        {**_SEEN, "digest": _text("The digest that the page showed."), "password": _PASSWORD},
        patternProperties={"^override-": _text("Why an open check is accepted.")},
    ),
    "Decline": _object({**_SEEN, "reason": _text("A code of CodeSystem/decline-reason.")}, {"text": _text("More.")}),
    "Defer": _object({**_SEEN, "hours": _text("For how long, as the page offers it.")}),
    "Reassign": _object({**_SEEN, "owner": _text("The user name of a physician of the tenant.")}),
    "Revise": _object(
        _SEEN,
        {
            "priority": {"enum": ["stat", "asap", "urgent", "routine"]},
            "code": _text("system|code, as the page offers it."),
            "note": _text("A note."),
        },
    ),
    "Screening": _object(_SEEN, additionalProperties=_text("The code of an answer, by the name of its question.")),
    "Complete": _object(
        {**_SEEN, "outcome": _text("A code of CodeSystem/review-outcome.")},
        {"note": _text("A note."), "closed-fact": {"type": "array", "items": _text("The name of a fact.")}},
    ),
    "Why": _object({"reason": _text("Why, in a few words.", maxLength=500)}),
    "EnteredInError": _object(
        {"order": _text("The id of the order."), "reason": _text("A code of CodeSystem/status-reason.")},
        {"text": _text("More.", maxLength=500)},
    ),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What an endpoint takes and answers: `good` is status -> media type and schema, `refusals` are the others.

    `takes` is the schema of the body, `media` in which types; `query` parameters are optional; `who` are the security
    schemes of which one is needed ("" is nobody's). `page`: a browser is answered in HTML.
    """

    good: Mapping[int, Mapping[str, str]]
    refusals: Sequence[int] = ()
    refused_as: Mapping[str, str] = field(default_factory=lambda: {FHIR: "OperationOutcome"})
    takes: str = ""
    media: Sequence[str] = (FORM,)
    query: Mapping[str, str] = field(default_factory=dict)
    who: Sequence[str] = ("",)


_EITHER: Final = {HTML: "", FHIR: "OperationOutcome"}
_ALWAYS: Final = (429, 503)
_GONE_ON: Final[Mapping[str, str]] = {}


def _page(*refusals: int, query: Mapping[str, str] | None = None) -> Endpoint:
    good: Mapping[int, Mapping[str, str]] = {200: {HTML: ""}, 303: _GONE_ON}
    return Endpoint(good, (401, 403, *refusals, *_ALWAYS), _EITHER, query=query or {}, who=(SESSION,))


def _act(takes: str) -> Endpoint:
    refusals = (400, 401, 403, 404, 409, 412, 413, 422, *_ALWAYS)
    return Endpoint({303: _GONE_ON}, refusals, _EITHER, takes=takes, who=(SESSION,))


_HEALTH: Final = {200: {JSON: "Health"}}
_SIGNED_IN: Final = {200: {JSON: "Person"}, 303: _GONE_ON}
ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "token.token": Endpoint(
        {200: {JSON: "Token"}}, (400, 413, 415, *_ALWAYS), {JSON: "TokenError"}, takes="TokenRequest"
    ),
    "acts_api.public_keys": Endpoint({200: {"application/jwk-set+json": "KeySet"}}, _ALWAYS),
    "capabilities.openapi": Endpoint({200: {JSON: "OpenApi"}}, (429,)),
    "metrics.alive": Endpoint(_HEALTH),
    "metrics.ready": Endpoint(_HEALTH, (503,)),
    "metrics.metrics": Endpoint({200: {"text/plain": ""}}, (403, 503), who=("", METRICS)),
    "login.form": Endpoint(
        {200: {HTML: ""}, 303: _GONE_ON}, _ALWAYS, _EITHER, query={"next": "Where to go on after signing in."}
    ),
    "login.log_in": Endpoint(
        _SIGNED_IN, (400, 401, 403, 413, *_ALWAYS), _EITHER, takes="Credentials", media=(FORM, JSON)
    ),
    "login.confirm": Endpoint(
        _SIGNED_IN, (400, 401, 403, 413, *_ALWAYS), _EITHER, takes="Password", media=(FORM, JSON), who=(SESSION,)
    ),
    "login.log_out": Endpoint({200: {HTML: ""}, 204: {}}, (403, *_ALWAYS), _EITHER, who=("", SESSION)),
    "criteria_page.criteria": _page(),
    "inbox.worklist": _page(query={"show": "put-off: what was put off, in place of what is open"}),
    "inbox.draft_page": _page(404),
    "inbox.review_page": _page(404),
    "inbox.source_page": _page(404),
    "inbox.sign": _act("Sign"),
    "inbox.decline": _act("Decline"),
    "inbox.defer": _act("Defer"),
    "inbox.reassign": _act("Reassign"),
    "inbox.revise": _act("Revise"),
    "inbox.record_screening": _act("Screening"),
    "inbox.complete": _act("Complete"),
    "queue_console.overview": _page(query={"of": "The id of the work whose history is shown."}),
    "queue_console.requeue": _act("Why"),
    "queue_console.discard": _act("Why"),
    "queue_console.entered_in_error": _act("EnteredInError"),
}


def document(app: Flask, base_url: str) -> Schema:
    """Describe the routes that the app has."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/fhir") or rule.endpoint.endswith("static"):
            continue
        path = rule.rule.replace("<", "{").replace(">", "}")
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _operation(app, rule)
    cookie = COOKIE if base_url.startswith("https:") else PLAIN_COOKIE
    schemes = {
        SESSION: {"type": "apiKey", "in": "cookie", "name": cookie, "description": "Of POST /login."},
        METRICS: {"type": "http", "scheme": "bearer", "description": "Where one is set; else loopback alone may ask."},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fhir-svc, what is not FHIR",
            "version": version("fhir-svc"),
            "description": "What is FHIR is described by /fhir/metadata. Programs that do not ask for text/html are "
            "refused by an OperationOutcome. Every answer has X-Request-Id.",
        },
        "servers": [{"url": base_url}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": SCHEMAS, "securitySchemes": schemes},
    }


def _operation(app: Flask, rule: Rule) -> Schema:
    told, known = inspect.getdoc(app.view_functions[rule.endpoint]) or rule.endpoint, ENDPOINTS[rule.endpoint]
    answers = {**known.good, **dict.fromkeys(known.refusals, known.refused_as)}
    operation: Schema = {
        "operationId": rule.endpoint.replace(".", "_"),
        "tags": [rule.endpoint.partition(".")[0]],
        "summary": told.partition("\n")[0],
        "security": [{name: []} if name else {} for name in known.who],
        "responses": {str(status): _answer(status, answers[status]) for status in sorted(answers)},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in sorted(rule.arguments)
    ]
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
        for name, text in known.query.items()
    ]
    if parameters:
        operation["parameters"] = parameters
    if known.takes:
        content = {media: {"schema": _ref(known.takes)} for media in known.media}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _answer(status: int, media: Mapping[str, str]) -> Schema:
    told: Schema = {"description": WORDS[status]}
    if media:
        told["content"] = {one: {"schema": _ref(name)} if name else {} for one, name in media.items()}
    if status in _ALWAYS:
        told["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return told
