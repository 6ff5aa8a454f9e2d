"""`$status` and `$events`: how a client's own subscriptions stand, and what they were or would have been told."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from flask import Blueprint, Response, request

from fhir_svc.auth.audit_event import Told as Audit
from fhir_svc.errors import Unprocessable
from fhir_svc.intake import parse
from fhir_svc.store import subscriptions
from fhir_svc.store.database import now
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.subscriptions import notices
from fhir_svc.subscriptions.terms import CONTENT, EMPTY, FULL, ID_ONLY, OFFERED, PROFILE, SUBSCRIPTION
from fhir_svc.web import negotiation, trail
from fhir_svc.web.arguments import WORD, Arguments, require_valid
from fhir_svc.web.arguments import read as read_arguments
from fhir_svc.web.services import services
from fhir_svc.web.subscription_rights import offered, own, subscriber
from fhir_svc.web.wire import fhir

blueprint = Blueprint("subscription_reports", __name__, url_prefix="/fhir/Subscription")
LARGEST: Final = 64 * 1024
PAGE: Final = 1000  # events in one answer
CONTENTS: Final = frozenset({EMPTY, ID_ONLY, FULL})
LONGEST_NUMBER: Final = 18  # digits
CLAIMED: Final = ("read", "vread", "history-instance", "search-type", "create", "update", "delete")


@blueprint.before_request
def understand() -> None:
    """Refuse whoever can't read what is answered here."""
    if request.method != "OPTIONS":
        negotiation.check_accept()


@blueprint.route("/$status", methods=["GET", "POST"])
def subscription_status_of_all() -> Response:
    """Say how the client's subscriptions stand; `id` and `status` choose among them."""
    actor, given = subscriber("r"), services()
    asked = _asked(many=("id", "status"))
    ids, states = _several(asked, "id"), _several(asked, "status")
    with given.database.transaction() as tx:
        mine = subscriptions.of_client(tx, actor.tenant, actor.id)
        chosen = [one for one in mine if (not ids or one.id in ids) and (not states or one.status in states)]
        trail.leave(tx, Audit("subscription-status", targets=(SUBSCRIPTION,)), actor)
    return _statuses(chosen)


@blueprint.route("/<resource_id>/$status", methods=["GET", "POST"])
def subscription_status(resource_id: str) -> Response:
    """Say how one subscription stands."""
    actor = subscriber("r")
    _asked(many=("id", "status"))
    with services().database.transaction() as tx:
        one = own(tx, actor, resource_id)
        trail.leave(tx, Audit("subscription-status", targets=(f"{SUBSCRIPTION}/{one.id}",)), actor)
    return _statuses([one])


@blueprint.route("/<resource_id>/$events", methods=["GET", "POST"])
def subscription_events(resource_id: str) -> Response:
    """Give the events between two numbers, both included, whether they were delivered or not."""
    actor = subscriber("r")
    asked = _asked(once=("eventsSinceNumber", "eventsUntilNumber", "content"))
    first, last = _number(asked, "eventsSinceNumber", 0), _number(asked, "eventsUntilNumber", None)
    content = asked.word("content")
    if content is not None and content not in CONTENTS:
        raise _unusable("content")
    with services().database.transaction() as tx:
        one = own(tx, actor, resource_id)
        most = one.events if last is None else min(last, one.events)
        events = subscriptions.events(tx, one, first=first or 0, last=most, limit=PAGE)
        at = now(tx)
        foci = tuple(event.focus for event in events)
        trail.leave(tx, Audit("subscription-events", targets=(f"{SUBSCRIPTION}/{one.id}", *foci)), actor)
    shown = one.content if content is None else ID_ONLY if content == FULL else content
    return fhir(notices.notification(_told(one, shown), notices.QUERY_EVENTS, at, events))


def claims(operations: Collection[dict[str, str]], parameters: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Say in the CapabilityStatement what is done with Subscriptions, and on which topics."""
    return {
        "extension": [{"url": OFFERED, "valueCanonical": topic.url} for topic in offered(services())],
        "type": SUBSCRIPTION,
        "supportedProfile": [PROFILE],
        "documentation": f"rest-hook; {CONTENT.rpartition('/')[2]} id-only or empty; a client sees its own only.",
        "interaction": [{"code": code} for code in sorted(CLAIMED)],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": False,
        "conditionalRead": "not-match",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "searchParam": list(parameters),
        "operation": list(operations),
    }


def _statuses(chosen: Sequence[Subscription]) -> Response:
    base = services().settings.fhir_base
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(chosen)}
    entries = []
    for one in chosen:
        status = notices.status(_told(one, one.content), notices.QUERY_STATUS)
        entries.append({"fullUrl": f"urn:uuid:{status['id']}", "resource": status, "search": {"mode": "match"}})
    place = f"{base}{request.path.removeprefix('/fhir')}"
    found["link"] = [{"relation": "self", "url": place}]
    return fhir(found | ({"entry": entries} if entries else {}))


def _told(one: Subscription, content: str) -> notices.Told:
    base = services().settings.fhir_base
    return notices.Told(base, one.id, one.topic, one.status, content, one.events, one.reason)


def _asked(*, once: Collection[str] = (), many: Collection[str] = ()) -> Arguments:
    """Read the parameters of the address and of the body alike."""
    given = [
        {"name": name, "valueString": value} for name, value in request.args.items(multi=True) if name != "_format"
    ]
    if request.method == "POST" and request.content_length != 0:
        body = parse.read_json(negotiation.body(LARGEST), limit=LARGEST, root="Parameters")
        require_valid(body, services().intake)
        read_arguments(body, once=once, many=many)
        given += body.get("parameter", [])
    return read_arguments({"resourceType": "Parameters", "parameter": given}, once=once, many=many)


def _several(asked: Arguments, name: str) -> set[str]:
    return {one for text in asked.words(name, (*WORD, "valueId")) for one in text.split(",")}


def _number(asked: Arguments, name: str, default: int | None) -> int | None:
    word = asked.word(name)
    if word is None:
        return default
    if not word.isascii() or not word.isdigit() or len(word) > LONGEST_NUMBER:
        raise _unusable(name)
    return int(word)


def _unusable(name: str) -> Unprocessable:
    return Unprocessable(f"The value of {name} can't be used.", error="parameter-value", expression="Parameters")
