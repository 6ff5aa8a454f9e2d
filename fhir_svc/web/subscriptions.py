"""`/fhir/Subscription`: what a client asks to be told of. Never through Bundles, and never another client's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from flask import Blueprint, Response, request

from fhir_svc.auth.actor import Actor
from fhir_svc.auth.audit_event import Told
from fhir_svc.errors import Malformed, NotAllowed, NotFound, Unprocessable
from fhir_svc.intake import parse
from fhir_svc.record import Stored
from fhir_svc.store import resources, subscriptions
from fhir_svc.store.database import Connection, now
from fhir_svc.store.resources import Written
from fhir_svc.store.submissions import Answer
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.subscriptions.terms import ACTIVE, OFF, REQUESTED, SUBSCRIPTION
from fhir_svc.subscriptions.wish import Wish, read_wish
from fhir_svc.web import histories, negotiation, searching, trail
from fhir_svc.web.accept import Again, Carried, accept, patiently
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.outcomes import outcome
from fhir_svc.web.services import services
from fhir_svc.web.subscription_rights import NOTHING, offered, own, require, subscriber
from fhir_svc.web.subscription_secrets import opened, sealed
from fhir_svc.web.wire import encode, fhir, version_headers

blueprint = Blueprint("subscriptions", __name__, url_prefix="/fhir/Subscription")
LARGEST: Final = 64 * 1024
MOST: Final = 100  # of one client, those that are off not counted
KEPT_APART: Final = ["Authorization: (kept apart)"]


@blueprint.before_request
def understand() -> None:
    """Refuse whoever can't read what is answered here."""
    if request.method != "OPTIONS":
        negotiation.check_accept()


@blueprint.get("/<resource_id>")
def read(resource_id: str) -> Response:
    """Read the current version."""
    return _version(_seen("read", resource_id, None)[0])


@blueprint.get("/<resource_id>/_history/<version>")
def vread(resource_id: str, version: str) -> Response:
    """Read one version."""
    number = negotiation.version_number(version)
    if number is None:
        raise NotFound(NOTHING)
    return _version(_seen("vread", resource_id, number)[0])


@blueprint.get("/<resource_id>/_history")
def history(resource_id: str) -> Response:
    """List all versions, newest first."""
    versions = _seen("history-instance", resource_id, None, all_of_them=True)
    base = services().settings.fhir_base
    return fhir(histories.bundle(versions, base, f"{base}/{SUBSCRIPTION}/{resource_id}/_history"))


@blueprint.get("")
def search() -> Response:
    """Search among the client's own."""
    return _search(list(request.args.items(multi=True)))


@blueprint.post("/_search")
def search_by_form() -> Response:
    """Search by the parameters of a form."""
    return _search(negotiation.form())


@blueprint.post("")
def create() -> Response:
    """Subscribe: the endpoint is called with a handshake, and told of events once it took that."""
    actor = subscriber("c")
    content = _body(None)
    prefer = negotiation.prefer()
    return _accept(content, prefer, lambda tx: _create(tx, actor, content, prefer))


@blueprint.put("/<resource_id>")
def update(resource_id: str) -> Response:
    """Change a subscription, end it (`off`), or ask for it again after an error (`requested`)."""
    actor = subscriber("u")
    content = _body(resource_id)
    prefer = negotiation.prefer()
    expected = negotiation.version_of(request.headers.get("If-Match"))
    return _accept(content, prefer, lambda tx: _update(tx, actor, content, expected, prefer))


@blueprint.put("")
def update_by_search() -> Response:
    """Refuse (405) a conditional update."""
    subscriber("u")
    raise NotAllowed("A Subscription is changed at its own address.", headers={"Allow": "GET, HEAD, POST, OPTIONS"})


@blueprint.delete("/<resource_id>")
def delete(resource_id: str) -> Response:
    """End a subscription and forget its events."""
    actor = subscriber("d")

    def take() -> Response:
        with services().database.transaction() as tx:
            one = own(tx, actor, resource_id, lock=True)
            subscriptions.move(tx, one, OFF)
            subscriptions.remove(tx, actor.tenant, one.id)
            trail.leave(tx, Told("delete", targets=(f"{SUBSCRIPTION}/{one.id}",)), actor)
        return fhir(None, 204)

    return patiently(take)


def _seen(act: str, resource_id: str, version: int | None, *, all_of_them: bool = False) -> list[Stored]:
    actor = subscriber("r")
    with services().database.transaction() as tx:
        one = own(tx, actor, resource_id)
        versions = resources.history(tx, actor.tenant, SUBSCRIPTION, one.id)
        found = [each for each in versions if version in {None, each.version}]
        if not found:
            raise NotFound(NOTHING)
        trail.leave(tx, Told(act, targets=(found[0].reference,)), actor)
    return found if all_of_them else found[:1]


def _version(stored: Stored) -> Response:
    headers = version_headers(stored.version, stored.received)
    if negotiation.not_modified(headers["ETag"]):
        return fhir(None, 304, headers)
    return fhir(stored.body, 200, headers)


def _search(params: list[tuple[str, str]]) -> Response:
    actor, given = subscriber("s"), services()
    asked = searching.ask(SUBSCRIPTION, params, negotiation.prefer(), actor, given)
    sought = asked.sought
    with given.database.transaction() as tx:
        mine = [one.id for one in subscriptions.of_client(tx, actor.tenant, actor.id)]
        only = ("_id", ",".join(mine) or "-")
        count = 0 if asked.only_count else sought.count
        page = resources.search(
            tx, actor.tenant, SUBSCRIPTION, [*sought.params, only], sort=sought.sort, count=count, cursor=sought.cursor
        )
        trail.leave(tx, Told("search-type", targets=(SUBSCRIPTION,)), actor)
    return fhir(searching.bundle(asked, page, given))


def _body(resource_id: str | None) -> dict[str, Any]:
    """Take a Subscription that is valid R4; 400 for everything else."""
    content = parse.read_json(negotiation.body(LARGEST), limit=LARGEST, root="Subscription")
    services().intake.whole().require(content)
    if content["resourceType"] != SUBSCRIPTION:
        raise Malformed("Send a Subscription.", error="resource-type-mismatch", expression="Subscription", code="value")
    if resource_id is not None and content.get("id") != resource_id:
        raise Malformed("The id of the content is the one of the address.", error="resource-id-mismatch", code="value")
    return content


def _record(content: Mapping[str, Any]) -> bytes:
    """What is kept as received: all but the header's value, which is a secret."""
    channel = dict(content["channel"])
    if "header" in channel:
        channel |= {"header": KEPT_APART}
    return encode({**content, "channel": channel})


def _accept(content: Mapping[str, Any], prefer: Prefer, carry_out: Callable[[Connection], Carried]) -> Response:
    return patiently(lambda: accept(_record(content), prefer, carry_out, Again.ALWAYS))


def _create(tx: Connection, actor: Actor, content: dict[str, Any], prefer: Prefer) -> Carried:
    wish = _wish(tx, actor, content)
    mine = _mine(tx, actor)
    same = next((one for one in mine if (one.digest, opened(one)) == (wish.digest, wish.authorization)), None)
    if same is not None:
        return _again(tx, actor, same, prefer)
    if wish.off:
        raise Unprocessable("A new Subscription is requested.", error="subscription-status")
    _check_room(mine)
    new = str(uuid4())
    shown = wish.resource | {"id": new, "status": REQUESTED}
    written = resources.create(tx, actor.tenant, shown, patient=None, ours=True)
    subscriptions.add(tx, _kept(wish, actor, new))
    return _carried(tx, actor, "create", written, prefer, status=201)


def _mine(tx: Connection, actor: Actor) -> list[Subscription]:
    """The client's own that are not off; until the transaction ends nobody adds one."""
    resources.exclusive(tx, actor.tenant, SUBSCRIPTION, actor.id)
    return [one for one in subscriptions.of_client(tx, actor.tenant, actor.id) if one.status != OFF]


def _check_room(mine: Sequence[Subscription]) -> None:
    if len(mine) >= MOST:
        raise Unprocessable(f"At most {MOST} subscriptions.", error="too-many-subscriptions", code="too-costly")


def _again(tx: Connection, actor: Actor, same: Subscription, prefer: Prefer) -> Carried:
    """The same request again gets the subscription that stands."""
    first = resources.vread(tx, actor.tenant, SUBSCRIPTION, same.id, 1)
    if first is None:  # pragma: no cover - versions are never removed
        raise NotFound(NOTHING)
    written = Written(SUBSCRIPTION, same.id, 1, created=True, changed=False, late=False, last_updated=first.received)
    return _carried(tx, actor, "replay", written, prefer, status=201)


def _update(tx: Connection, actor: Actor, content: dict[str, Any], expected: int | None, prefer: Prefer) -> Carried:
    mine = _mine(tx, actor)
    one = _there(tx, actor, content["id"])
    wish = _wish(tx, actor, content)
    if wish.topic.url != one.topic:  # its events would be told as what they are not
        raise Unprocessable(
            "The topic of a Subscription can't be changed: create another one.",
            error="topic-changed",
            expression="Subscription.criteria",
            code="business-rule",
        )
    kept = wish.authorization
    if kept is None and wish.endpoint == one.endpoint:
        kept = opened(one)  # it is never shown, so that whoever sends back what was read can't send it
    same = (wish.digest, kept) == (one.digest, opened(one))
    status = OFF if wish.off else ACTIVE if same and one.status == ACTIVE else REQUESTED
    if one.status == OFF != status:
        _check_room(mine)
    shown = wish.resource | {"id": one.id, "status": status}
    written = resources.put(tx, actor.tenant, shown, patient=None, ours=True, expected=expected)
    if status != one.status or not same:
        secret = sealed(kept, actor.tenant, one.id, wish.endpoint)
        subscriptions.change(tx, actor.tenant, one.id, **_changed(wish, secret, status))
        if status == REQUESTED:
            subscriptions.tell(tx, actor.tenant, one.id)
    return _carried(tx, actor, "update", written, prefer, status=200)


def _there(tx: Connection, actor: Actor, subscription: str) -> Subscription:
    """Give the actor's own; 405 where there is none: ids are given here."""
    try:
        return own(tx, actor, subscription, lock=True)
    except NotFound:
        told = "There is no such Subscription, and ids are given here: POST it."
        raise NotAllowed(told, headers={"Allow": "GET, HEAD, DELETE, OPTIONS"}) from None


def _wish(tx: Connection, actor: Actor, content: dict[str, Any]) -> Wish:
    given = services()
    at: datetime = now(tx)
    wish = read_wish(content, offered(given), at)
    if not wish.off:
        require(tx, actor, wish, given)
    return wish


def _kept(wish: Wish, actor: Actor, new: str) -> Subscription:
    changed = _changed(wish, sealed(wish.authorization, actor.tenant, new, wish.endpoint), REQUESTED)
    return Subscription(tenant=actor.tenant, id=new, client=actor.id, **changed)


def _changed(wish: Wish, authorization: str | None, status: str) -> dict[str, Any]:
    return {
        "topic": wish.topic.url,
        "filters": wish.filters,
        "status": status,
        "endpoint": wish.endpoint,
        "authorization": authorization,
        "content": wish.content,
        "heartbeat": wish.heartbeat,
        "timeout": wish.timeout,
        "most": wish.most,
        "ends": wish.ends,
        "digest": wish.digest,
        "failures": 0,
        "beat_due": None,
        "reason": None,
    }


def _carried(tx: Connection, actor: Actor, act: str, written: Written, prefer: Prefer, *, status: int) -> Carried:
    reference = f"{SUBSCRIPTION}/{written.id}/_history/{written.version}"
    headers = version_headers(written.version, written.last_updated)
    headers["Location"] = f"{services().settings.fhir_base}/{reference}"
    stored = resources.vread(tx, actor.tenant, SUBSCRIPTION, written.id, written.version)
    content = stored.body if stored is not None else b""
    if prefer.returns == "minimal":
        content = b""
    elif prefer.returns == "OperationOutcome":
        content = encode(outcome(()))
    return Carried(Answer(status, headers, content), Told(act, targets=(reference,)), str(uuid4()))
