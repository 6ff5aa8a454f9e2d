"""A client subscribes to what it may read, at addresses that were registered for it, and sees its own alone."""

import copy
import json

import pytest

from fhir_svc.ehr import sealing
from fhir_svc.store import audit, clients, subscriptions, work
from fhir_svc.store.clients import Client
from fhir_svc.subscriptions.facts import Fact
from tests.web.cast import FHIR, PUBLIC, codes, transaction
from tests.web.drafting import Ward
from tests.web.test_acts import digest_of

GUIDE = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
TOPIC = "https://example.org/fhir-svc/SubscriptionTopic/"
HOOK = "https://hooks.north.example/in"
NAMES = ("order-drafted", "order-signed", "order-declined", "red-flag", "evaluation-failed")


@pytest.fixture
def home(house):
    with house.database.transaction() as tx:
        for name in ("north-one", "north-two", "south-one"):
            clients.add(tx, Client(name, name.split("-")[0], "system/*.cruds", jwks=PUBLIC, endpoints=(HOOK,)))
    return house


def subscription(topic="order-drafted", *filters, content="id-only", **channel):
    """As the guide writes one; None leaves out."""
    given = {
        "type": "rest-hook",
        "endpoint": f"{HOOK}/1",
        "payload": "application/fhir+json",
        "_payload": {"extension": [{"url": f"{GUIDE}backport-payload-content", "valueCode": content}]},
    } | channel
    made = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "to be told",
        "criteria": f"{TOPIC}{topic}",
        "channel": {name: value for name, value in given.items() if value is not None},
    }
    if filters:
        made["_criteria"] = {
            "extension": [{"url": f"{GUIDE}backport-filter-criteria", "valueString": one} for one in filters]
        }
    return made


def post(home, body, client="north-one", **more):
    return home.call("POST", "/fhir/Subscription", body, client=client, **more)


def put(home, body, client="north-one", **more):
    return home.call("PUT", f"/fhir/Subscription/{body['id']}", body, client=client, **more)


def get(home, path, client="north-one", **more):
    return home.call("GET", f"/fhir/Subscription{path}", client=client, **more)


def put_through(home, made, status="active"):
    """As the worker does once the handshake was taken."""
    with home.database.transaction() as tx:
        subscriptions.move(tx, subscriptions.find(tx, "north", made["id"]), status)


def publish(home, *ids, tenant="north"):
    with home.database.transaction() as tx:
        subscriptions.publish(tx, tenant, [Fact(f"{TOPIC}order-drafted", f"ServiceRequest/{id_}", "p1") for id_ in ids])


def rows(home):
    with home.database.reading() as tx:
        return [(one.kind, one.state, one.count) for one in work.summary(tx)]


def extension(name, value, kind="UnsignedInt"):
    return {"url": f"{GUIDE}backport-{name}", f"value{kind}": value}


@pytest.mark.parametrize("topic", NAMES)
def test_a_client_subscribes_to_every_topic(home, topic):
    answer = post(home, subscription(topic))
    assert (answer.status_code, answer.json["status"], answer.headers["ETag"]) == (201, "requested", 'W/"1"')
    assert answer.headers["Location"].endswith(f"/fhir/Subscription/{answer.json['id']}/_history/1")
    assert answer.json["meta"]["profile"] == [f"{GUIDE}backport-subscription"]
    assert rows(home) == [("notify", "due", 1)]
    assert get(home, f"/{answer.json['id']}").json == answer.json


REFUSED = {
    "topic": (subscription("nothing"), "topic-unknown"),
    "query instead of a topic": (subscription() | {"criteria": "Observation?code=1"}, "topic-unknown"),
    "content": (subscription(content="full-resource"), "payload-not-supported"),
    "content unheard of": (subscription(content="everything"), "payload-not-supported"),
    "xml": (subscription(payload="application/fhir+xml"), "payload-not-supported"),
    "no payload": (subscription(payload=None, _payload=None), "payload-not-supported"),
    "websocket": (subscription(type="websocket"), "channel-not-supported"),
    "email": (subscription(type="email", endpoint="mailto:a@b.example"), "channel-not-supported"),
    "no endpoint": (subscription(endpoint=None), "endpoint-not-allowed"),
    "another host": (subscription(endpoint="https://hooks.south.example/in"), "endpoint-not-allowed"),
    "another port": (subscription(endpoint="https://hooks.north.example:8443/in"), "endpoint-not-allowed"),
    "another scheme": (subscription(endpoint="http://hooks.north.example/in"), "endpoint-not-allowed"),
    "another path": (subscription(endpoint="https://hooks.north.example/inside"), "endpoint-not-allowed"),
    "a way out": (subscription(endpoint=f"{HOOK}/../admin"), "endpoint-not-allowed"),
    "a prefix trick": (subscription(endpoint="https://hooks.north.example.evil.example/in"), "endpoint-not-allowed"),
    "a user": (subscription(endpoint="https://hooks.north.example@evil.example/in"), "endpoint-not-allowed"),
    "the metadata address": (subscription(endpoint="http://169.254.169.254/in"), "endpoint-not-allowed"),
    "another header": (subscription(header=["X-Key: 1"]), "header-not-allowed"),
    "two headers": (subscription(header=["Authorization: a", "Authorization: b"]), "header-not-allowed"),
    "a split header": (subscription(header=["Authorization: a\r\nHost: b"]), "header-not-allowed"),
    "filter of another type": (subscription("order-drafted", "Flag?patient=Patient/1"), "filter-not-supported"),
    "filter unheard of": (subscription("order-drafted", "ServiceRequest?status=draft"), "filter-not-supported"),
    "filter with modifier": (subscription("order-drafted", "ServiceRequest?code:not=ABI"), "filter-not-supported"),
    "filter by nothing": (subscription("order-drafted", "ServiceRequest?patient="), "filter-not-supported"),
    "filter by a group": (subscription("order-drafted", "ServiceRequest?patient=Group/1"), "filter-not-supported"),
    "filter of a failure": (subscription("evaluation-failed", "GuidanceResponse?code=1"), "filter-not-supported"),
    "heartbeat": (subscription(extension=[extension("heartbeat-period", 999_999)]), "channel-not-supported"),
    "timeout": (subscription(extension=[extension("timeout", 600)]), "channel-not-supported"),
    "past": (subscription() | {"end": "2001-01-01T00:00:00Z"}, "subscription-status"),
    "past leap second": (subscription() | {"end": "2016-12-31T23:59:60Z"}, "subscription-status"),
    "error": (subscription() | {"status": "error"}, "subscription-status"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_done_here_is_refused_and_said(home, name):
    body, code = REFUSED[name]
    answer = post(home, body)
    assert (answer.status_code, set(codes(answer))) == (422, {code})
    assert rows(home) == []


@pytest.mark.parametrize("end", ["2998-12-31T23:59:60Z", "9999-12-31T23:59:60.5-12:00"])
def test_an_end_in_a_leap_second_or_at_the_end_of_the_calendar_is_taken(home, end):
    answer = post(home, subscription() | {"end": end})
    assert (answer.status_code, answer.json["end"]) == (201, end)
    assert get(home, f"/{answer.json['id']}").json["end"] == end
    assert put(home, answer.json).status_code == 200


def test_content_is_refused_for_the_patients_privacy(home):
    assert "privacy" in post(home, subscription(content="full-resource")).text


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"resourceType":"Subscription"}', b'{"resourceType":"Patient"}'])
def test_what_is_no_subscription_is_malformed(home, body):
    assert post(home, body).status_code == 400


def test_a_client_without_registered_endpoints_subscribes_nowhere(home):
    assert codes(post(home, subscription(), client="north-ehr")) == ["endpoint-not-allowed"]


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("system/Subscription.crud system/ServiceRequest.r", 201),
        ("system/Subscription.crud", 403),
        ("system/Subscription.r system/ServiceRequest.r", 403),
        ("system/ServiceRequest.cruds", 403),
    ],
)
def test_the_scopes_must_cover_the_subscription_and_what_it_is_about(home, scope, status):
    assert post(home, subscription(), scope=scope).status_code == status


@pytest.mark.parametrize("person", ["alice", "ada"])
def test_people_do_not_subscribe(home, person):
    assert home.as_person(person, "POST", "/fhir/Subscription", subscription()).status_code == 403
    assert home.as_person(person, "GET", "/fhir/Subscription").status_code == 403


@pytest.mark.parametrize("client", ["north-two", "south-one"])
def test_another_clients_subscription_does_not_exist(home, client):
    made = post(home, subscription()).json
    put_through(home, made)
    publish(home, "o1")
    place = f"/fhir/Subscription/{made['id']}"
    for method, path, body in [
        ("GET", place, None),
        ("GET", f"{place}/_history", None),
        ("GET", f"{place}/_history/1", None),
        ("GET", f"{place}/$status", None),
        ("GET", f"{place}/$events", None),
        ("PUT", place, made),
        ("DELETE", place, None),
    ]:
        answer = home.call(method, path, body, client=client)
        unknown = home.call(method, path.replace(made["id"], "none"), body and {**body, "id": "none"}, client=client)
        refused = (405, ["method-not-allowed"]) if method == "PUT" else (404, ["not-found"])
        assert (answer.status_code, codes(answer)) == refused, (method, path)
        assert (unknown.status_code, unknown.json) == (answer.status_code, answer.json), (method, path)
    for path in ("", f"?_id={made['id']}", "?status=active", "/$status", f"/$status?id={made['id']}"):
        assert get(home, path, client=client).json["total"] == 0
    entry = home.call("POST", "/fhir", transaction(("GET", f"Subscription/{made['id']}", None), kind="batch"))
    assert entry.json["entry"][0]["response"]["status"].startswith("404")
    assert get(home, f"/{made['id']}").status_code == 200


def test_a_client_finds_its_own_by_status_criteria_and_url(home):
    one, two = post(home, subscription()).json, post(home, subscription("red-flag")).json
    put_through(home, one)

    def found(**query):
        answer = get(home, "", query_string=query, headers={"Prefer": "handling=strict"})
        return {entry["resource"]["id"] for entry in answer.json.get("entry", ())}

    assert found() == {one["id"], two["id"]}
    assert found(status="active") == {one["id"]}
    assert found(criteria=f"{TOPIC}red-flag") == {two["id"]}
    assert found(url=f"{HOOK}/1") == {one["id"], two["id"]}
    first = get(home, "?_count=1").json
    assert (first["total"], len(first["entry"])) == (2, 1)
    following = next(link["url"] for link in first["link"] if link["relation"] == "next").partition("/fhir")[2]
    assert len(home.call("GET", f"/fhir{following}", client="north-one").json["entry"]) == 1
    assert home.call("GET", f"/fhir{following}", client="north-two").json.get("entry") is None


def test_the_header_is_kept_and_shown_to_nobody(home):
    made = post(home, subscription(header=["Authorization: Bearer SECRET-1"])).json
    read = get(home, f"/{made['id']}").json
    changed = put(home, read | {"reason": "another"}).json
    shown = json.dumps([made, read, changed, get(home, f"/{made['id']}/_history").json, get(home, "").json])
    assert "SECRET" not in shown
    with home.database.reading() as tx:
        one = subscriptions.find(tx, "north", made["id"])
        assert "SECRET" not in one.authorization
        assert sealing.unseal(one.authorization, "a" * 48, "north", one.id, one.endpoint) == "Bearer SECRET-1"
        kept = tx.exec_driver_sql("SELECT raw FROM submissions").scalars().all()
        assert kept
        assert not any(b"SECRET" in bytes(one) for one in kept)
    moved = copy.deepcopy(changed)
    moved["channel"]["endpoint"] = f"{HOOK}/2"
    assert put(home, moved).status_code == 200
    with home.database.reading() as tx:
        assert subscriptions.find(tx, "north", made["id"]).authorization is None


def test_the_same_request_again_subscribes_once(home):
    first, again = post(home, subscription()), post(home, subscription())
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])
    assert get(home, "").json["total"] == 1
    assert post(home, subscription("red-flag")).headers["Location"] != first.headers["Location"]
    assert home.call("DELETE", f"/fhir/Subscription/{first.json['id']}", client="north-one").status_code == 204
    assert post(home, subscription()).headers["Location"] != first.headers["Location"]


def test_an_idempotency_key_means_one_subscription(home):
    key = {"Idempotency-Key": "k"}
    first = post(home, subscription(), headers=key)
    assert post(home, subscription(), headers=key).headers["Location"] == first.headers["Location"]
    assert post(home, subscription("red-flag"), headers=key).status_code == 409


def test_what_is_sent_back_as_read_changes_nothing(home):
    made = post(home, subscription()).json
    put_through(home, made)
    read = get(home, f"/{made['id']}").json
    answer = put(home, read)
    assert (answer.status_code, answer.headers["ETag"], answer.json["status"]) == (200, 'W/"2"', "active")


def test_a_changed_subscription_shakes_hands_again_and_counts_on(home):
    made = post(home, subscription()).json
    put_through(home, made)
    publish(home, "o1")
    changed = subscription("order-drafted", "ServiceRequest?patient=Patient/p1") | {"id": made["id"]}
    answer = put(home, changed, headers={"If-Match": 'W/"2"'})
    assert (answer.status_code, answer.json["status"]) == (200, "requested")
    publish(home, "o2")
    assert put(home, changed, headers={"If-Match": 'W/"2"'}).status_code == 412
    told = parameters(get(home, f"/{made['id']}/$status").json["entry"][0]["resource"])
    assert told["events-since-subscription-start"] == ["2"]


def test_an_ended_or_deleted_subscription_hears_nothing(home):
    made = post(home, subscription()).json
    put_through(home, made)
    off = put(home, get(home, f"/{made['id']}").json | {"status": "off"})
    assert (off.status_code, off.json["status"]) == (200, "off")
    publish(home, "o1")
    assert (
        parameters(get(home, f"/{made['id']}/$events").json["entry"][0]["resource"]).get("notification-event") is None
    )
    assert home.call("DELETE", f"/fhir/Subscription/{made['id']}", client="north-one").status_code == 204
    assert get(home, f"/{made['id']}").status_code == 404
    assert get(home, "").json["total"] == 0


def test_an_error_is_shown_with_its_reason_and_ends_when_it_is_requested_again(home):
    made = post(home, subscription()).json
    with home.database.transaction() as tx:
        one = subscriptions.find(tx, "north", made["id"])
        subscriptions.move(tx, one, "error", reason="endpoint-5xx")
    read = get(home, f"/{made['id']}").json
    assert (read["status"], read["error"]) == ("error", "endpoint-5xx")
    told = get(home, f"/{made['id']}/$status").json["entry"][0]["resource"]["parameter"]
    assert told[-1]["valueCodeableConcept"]["coding"][0]["code"] == "endpoint-5xx"
    answer = put(home, read | {"status": "requested"})
    assert (answer.json["status"], "error" in answer.json) == ("requested", False)


def test_an_id_that_nobody_made_is_not_made_by_an_update(home):
    for status in ("requested", "off"):
        answer = put(home, subscription() | {"id": "mine", "status": status})
        assert (answer.status_code, codes(answer)) == (405, ["method-not-allowed"])
        assert "PUT" not in answer.headers["Allow"]


def test_an_update_by_search_is_refused_for_what_it_is(home):
    answer = home.call("PUT", "/fhir/Subscription?status=active", subscription(), client="north-one")
    assert (answer.status_code, codes(answer)) == (405, ["method-not-allowed"])
    assert "PUT" not in answer.headers["Allow"]


@pytest.mark.parametrize("status", ["requested", "off"])
def test_the_topic_of_a_subscription_stays_so_that_an_event_is_told_as_what_it_was(home, status):
    made = post(home, subscription("order-drafted")).json
    put_through(home, made)
    publish(home, "o1")
    answer = put(home, subscription("order-signed") | {"id": made["id"], "status": status})
    assert (answer.status_code, codes(answer)) == (422, ["topic-changed"])
    assert answer.json["issue"][0]["expression"] == ["Subscription.criteria"]
    told = get(home, f"/{made['id']}/$events").json["entry"][0]["resource"]["parameter"]
    assert next(one for one in told if one["name"] == "topic")["valueCanonical"] == f"{TOPIC}order-drafted"
    assert get(home, f"/{made['id']}").json["criteria"] == f"{TOPIC}order-drafted"


def parameters(resource):
    assert resource["resourceType"] == "Parameters"
    told = {}
    for one in resource["parameter"]:
        value = next((one[name] for name in one if name.startswith("value")), one.get("part"))
        told.setdefault(one["name"], []).append(value)
    return told


def test_the_status_of_all_or_some_is_a_searchset_of_parameters(home):
    one, two = post(home, subscription()).json, post(home, subscription("red-flag")).json
    put_through(home, one)
    publish(home, "o1")
    found = get(home, "/$status").json
    assert (found["type"], found["total"]) == ("searchset", 2)
    assert get(home, f"/$status?id={one['id']},{two['id']}").json["total"] == 2
    assert get(home, "/$status?status=requested").json["total"] == 1
    body = {"resourceType": "Parameters", "parameter": [{"name": "id", "valueId": one["id"]}]}
    asked = home.call("POST", "/fhir/Subscription/$status", body, client="north-one").json
    told = parameters(asked["entry"][0]["resource"])
    assert (told["type"], told["status"], told["topic"]) == (["query-status"], ["active"], [f"{TOPIC}order-drafted"])
    assert told["events-since-subscription-start"] == ["1"]
    assert get(home, "/$status?nonsense=1").status_code == 422


@pytest.mark.parametrize("parameter", [[7], [{"name": ["id"]}], [{"name": "id", "valueId": 7}], "x", {"name": "id"}])
def test_a_report_is_asked_for_with_valid_parameters(home, parameter):
    body = {"resourceType": "Parameters", "parameter": parameter}
    one = post(home, subscription()).json["id"]
    for report in ("$status", f"{one}/$status", f"{one}/$events"):
        answer = home.call("POST", f"/fhir/Subscription/{report}", body, client="north-one")
        assert (answer.status_code, answer.json["resourceType"]) == (400, "OperationOutcome")


def test_events_can_be_asked_for_by_their_numbers(home):
    made = post(home, subscription()).json
    put_through(home, made)
    publish(home, "o1", "o2", "o3", "o4")

    def numbers(query=""):
        bundle = get(home, f"/{made['id']}/$events{query}").json
        assert bundle["type"] == "history"
        told = parameters(bundle["entry"][0]["resource"])
        assert told["type"] == ["query-event"]
        return [part[0]["valueString"] for part in told.get("notification-event", ())], bundle

    assert numbers()[0] == ["1", "2", "3", "4"]
    assert numbers("?eventsSinceNumber=2&eventsUntilNumber=3")[0] == ["2", "3"]
    assert numbers("?eventsSinceNumber=9")[0] == []
    assert "ServiceRequest/o1" in json.dumps(numbers()[1])
    assert "ServiceRequest" not in json.dumps(numbers("?content=empty")[1])
    for bad in ("eventsSinceNumber=x", "eventsUntilNumber=-1", "content=all", "eventsSinceNumber=9" + "9" * 30):
        assert get(home, f"/{made['id']}/$events?{bad}").status_code == 422
    body = {"resourceType": "Parameters", "parameter": [{"name": "eventsSinceNumber", "valueString": "4"}]}
    answer = home.call("POST", f"/fhir/Subscription/{made['id']}/$events", body, client="north-one")
    assert len(parameters(answer.json["entry"][0]["resource"])["notification-event"]) == 1


def test_websockets_are_not_offered(home):
    made = post(home, subscription()).json
    for place in (f"/{made['id']}/$get-ws-binding-token", "/$get-ws-binding-token"):
        assert get(home, place).status_code == 404


def test_bundles_do_not_subscribe(home):
    answer = home.call("POST", "/fhir", transaction(("POST", "Subscription", subscription())), client="north-one")
    assert answer.status_code == 422
    assert get(home, "").json["total"] == 0


def test_the_topics_are_published(home):
    rest = home.call("GET", "/fhir/metadata", client=None).json["rest"][0]["resource"]
    (claimed,) = [one for one in rest if one["type"] == "Subscription"]
    assert {one["valueCanonical"] for one in claimed["extension"]} == {f"{TOPIC}{name}" for name in NAMES}
    assert {one["name"] for one in claimed["operation"]} == {"status", "events"}
    for name in NAMES:
        topic = home.call("GET", f"/fhir/Basic/{name}").json
        assert topic["code"]["coding"][0]["code"] == "SubscriptionTopic"
        assert home.call("GET", f"/fhir/Basic?identifier={TOPIC}{name}").json["total"] == 1


def test_what_is_done_with_subscriptions_is_audited(home):
    made = post(home, subscription()).json
    get(home, f"/{made['id']}")
    home.call("DELETE", f"/fhir/Subscription/{made['id']}", client="north-one")
    get(home, f"/{made['id']}")
    with home.database.reading() as tx:
        found = audit.search(tx, "north", [], count=50, cursor=None).entries
    acts = [(one.content["subtype"][0]["code"], one.content["outcome"]) for one in found]
    assert {("create", "0"), ("read", "0"), ("delete", "0"), ("read", "4")} <= set(acts)


def test_signing_and_declining_are_told(home):
    for name in ("order-signed", "order-declined"):
        post(home, subscription(name, "ServiceRequest?patient=p1&code=MRI_L_WO"))
    ward = Ward(home)
    ward.receive()
    signed, declined, other = ward.draft(), ward.draft(), ward.draft("XR_L")
    session = ward.session()
    assert session.sign(signed, digest_of(session, signed)).status_code == 200
    for draft in (declined, other):
        reason = {"name": "reason", "valueCode": "already-done"}
        assert session.act(f"ServiceRequest/{draft}/$decline", reason, etag=1).status_code == 200
    with home.database.reading() as tx:
        told = {
            one.topic.removeprefix(TOPIC): [
                event.focus for event in subscriptions.events(tx, one, first=0, last=9, limit=9)
            ]
            for one in subscriptions.of_client(tx, "north", "north-one")
        }
    assert told == {
        "order-signed": [f"ServiceRequest/{signed}"],
        "order-declined": [f"ServiceRequest/{declined}"],
    }


def test_subscriptions_speak_only_fhir_json(home):
    assert post(home, subscription()).mimetype == FHIR
    assert post(home, subscription(), headers={"Accept": "text/html"}).status_code == 406
    assert post(home, json.dumps(subscription()), headers={"Content-Type": "text/plain"}).status_code == 415
