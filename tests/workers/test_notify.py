"""Subscribers hear of everything, in order, without gaps, by ids alone; and nobody else's address is ever called."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from fhir_svc.ehr import hooks, sealing
from fhir_svc.errors import Broken
from fhir_svc.intake.conformance import Conformance
from fhir_svc.settings import Settings
from fhir_svc.store import audit, clients, subscriptions, work
from fhir_svc.store.database import now
from tests.workers import role
from tests.workers.house import MARKER, PATIENT, TOPIC
from tests.workers.receiver import status
from workers import evaluate, notify
from workers.desk import Desk


@pytest.fixture
def desk(settings, store):
    return Desk(settings.model_copy(update={"demo": True}), store.database, "tester")


def test_a_subscription_becomes_active_when_its_endpoint_takes_the_handshake(house, desk, receiver):
    house.subscribe()
    house.work(desk)
    assert receiver.kinds() == ["handshake"]
    told = status(receiver.got[0])
    assert (told["status"], told["topic"], told["events-since-subscription-start"]) == ("requested", TOPIC, "0")
    assert told["subscription"]["reference"].endswith("/fhir/Subscription/s1")
    assert (house.find().status, house.shown()["status"]) == ("active", "active")


def test_events_come_in_order_each_with_its_number(house, desk, receiver):
    house.subscribe()
    house.publish("o1")
    house.work(desk)
    house.publish("o2", "o3")
    house.work(desk)
    assert receiver.kinds() == ["handshake", "event-notification", "event-notification", "event-notification"]
    assert receiver.numbers() == [1, 2, 3]
    foci = [focus.rpartition("/fhir/")[2] for one in receiver.got for focus in status(one)["foci"]]
    assert foci == ["ServiceRequest/o1", "ServiceRequest/o2", "ServiceRequest/o3"]
    assert house.work(desk) == 0


def test_as_many_events_as_were_asked_for_come_at_once(house, desk, receiver):
    house.subscribe(most=2)
    house.publish("o1", "o2", "o3")
    house.work(desk)
    assert [status(one)["numbers"] for one in receiver.got[1:]] == [[1, 2], [3]]


def test_what_is_sent_is_valid_r4_and_holds_nothing_clinical(house, desk, receiver):
    house.subscribe()
    house.subscribe("s2", content="empty")
    house.publish("o1")
    house.work(desk)
    schema = Path(Settings.model_fields["profiles_dir"].default) / "schema" / "fhir-r4-all.schema.json"
    conformance = Conformance(json.loads(schema.read_text()))
    for one in receiver.got:
        assert conformance.check_r4(one) == []
        assert one["type"] == "history"
        assert MARKER not in json.dumps(one)
        assert PATIENT not in json.dumps(one)
    empty = [one for one in receiver.got if "Subscription/s2" in json.dumps(one)]
    assert "ServiceRequest" not in json.dumps(empty)
    assert receiver.headers[0]["Content-Type"] == "application/fhir+json"


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "of-an-earlier-release"])
def test_the_header_goes_to_the_endpoint_and_nowhere_else(house, desk, receiver, capfd, sealed):
    key = desk.settings.audit_key.get_secret_value()
    secret = sealing.seal("Bearer SECRET", key, "north", "s1", receiver.hook) if sealed else "Bearer SECRET"
    house.subscribe(authorization=secret)
    receiver.answers = [500]
    house.work(desk)
    house.work(desk)
    assert [one["Authorization"] for one in receiver.headers] == ["Bearer SECRET"] * 2
    assert "SECRET" not in json.dumps(house.shown())
    assert "SECRET" not in "".join(capfd.readouterr())


def test_a_header_that_was_kept_in_clear_is_sealed_and_still_sent(house, desk, receiver):
    house.subscribe(authorization="Bearer SECRET")
    house.subscribe("s2")
    house.subscribe("s3", authorization=sealing.seal("Bearer x", "k" * 40, "north", "s3", receiver.hook))
    before = house.find("s3").authorization
    for _ in range(2):
        notify.seal_old(desk)
    assert "SECRET" not in house.find().authorization
    assert (house.find("s2").authorization, house.find("s3").authorization) == (None, before)
    house.work(desk)
    assert [one.get("Authorization") for one in receiver.headers].count("Bearer SECRET") == 1


def test_a_header_that_can_not_be_opened_any_more_stops_the_subscription_and_says_so(house, desk, receiver):
    house.subscribe(authorization=sealing.seal("Bearer SECRET", "another key", "north", "s1", receiver.hook))
    house.work(desk)
    assert receiver.got == []
    assert (house.find().status, house.find().reason) == ("error", "authorization-unreadable")


@pytest.mark.parametrize("answer", [201, 204, "long", "drip"])
def test_what_was_answered_with_success_is_taken_whatever_follows(house, desk, receiver, answer):
    house.subscribe()
    house.work(desk)
    house.publish("o1")
    receiver.answers = [answer]
    house.work(desk)
    assert (house.find().delivered, house.find().failures) == (1, 0)


@pytest.mark.parametrize("trouble", [500, 404, 307, "lose", 60.0, "drip-head"])
def test_whatever_the_endpoint_does_the_same_event_comes_again_with_the_same_number(house, desk, receiver, trouble):
    house.subscribe()
    house.work(desk)
    house.publish("o1")
    receiver.answers = [trouble]
    begun = time.monotonic()
    house.patience(1 if trouble in {60.0, "drip-head"} else 60)
    house.work(desk)
    assert time.monotonic() - begun < 30  # a slow one would have taken a minute
    house.patience(60)
    house.publish("o2")
    assert house.find().delivered == 0
    house.work(desk)
    assert receiver.numbers() == [1, 1, 2]
    assert receiver.got[1]["id"] == receiver.got[2]["id"]
    assert set(receiver.paths) == {"/hook"}


def test_later_events_wait_for_their_turn_while_the_endpoint_fails(house, desk, receiver):
    house.subscribe()
    house.work(desk)
    receiver.answers = [503]
    house.publish("o1")
    house.work(desk)
    house.publish("o2")
    house.work(desk, ripen=False)
    assert receiver.numbers() == [1]


def test_failing_again_and_again_ends_in_error_and_in_quarantine_and_nothing_is_lost(house, desk, receiver):
    house.subscribe()
    house.work(desk)
    house.publish("o1")
    receiver.answers = [503] * 12
    waited = 0.0
    for _ in range(11):
        house.work(desk)
        assert house.find().status == "active"
        waited += until_due(house)
    assert 18 * 60 < waited < 20 * 60
    house.work(desk)
    assert (house.find().status, house.shown()["status"], house.shown()["error"]) == ("error", "error", "endpoint-5xx")
    with house.database.reading() as tx:
        rows = work.quarantined(tx, "north")
    assert [(one.kind, one.error) for one in rows] == [("notify", "endpoint-5xx")]
    house.publish("o2")
    assert house.work(desk) == 0
    with house.database.transaction() as tx:
        work.requeue(tx, "north", rows[0].id, actor="ada", reason="mended")
    house.work(desk)
    assert receiver.kinds()[-3:] == ["handshake", "event-notification", "event-notification"]
    assert receiver.numbers()[-2:] == [1, 2]
    assert "error" not in house.shown()
    assert house.find().status == "active"


def until_due(house):
    """Seconds until what waits is tried again."""
    with house.database.reading() as tx:
        (soon,) = [one.next for one in work.summary(tx, states=["due"])]
        return round((soon - now(tx)).total_seconds(), 1) if soon else 0.0


def test_a_refused_handshake_leaves_the_subscription_requested_and_is_tried_again(house, desk, receiver):
    house.subscribe()
    receiver.answers = [401]
    house.work(desk)
    assert house.find().status == "requested"
    house.work(desk)
    assert (house.find().status, house.find().failures) == ("active", 0)


def test_an_endpoint_that_is_gone_is_not_asked_again(house, desk, receiver):
    house.subscribe()
    receiver.answers = [410]
    house.work(desk)
    assert (house.find().status, house.shown()["error"]) == ("error", "endpoint-410")
    assert house.work(desk) == 0


def test_a_heartbeat_comes_when_nothing_else_did_for_its_period(house, desk, receiver):
    house.subscribe(heartbeat=60)
    house.work(desk)
    notify.sweep(desk)
    assert house.work(desk) == 0
    with house.database.transaction() as tx:
        tx.execute(text("UPDATE subscriptions SET beat_due = 1"))
    notify.sweep(desk)
    notify.sweep(desk)
    assert house.work(desk) == 1
    assert receiver.kinds() == ["handshake", "heartbeat"]
    assert receiver.numbers() == []
    notify.sweep(desk)
    assert house.work(desk) == 0


@pytest.mark.parametrize(("period", "least"), [(1, 0.4), (2, 0.9), (5, 3.4), (60, 58.4)])
def test_the_next_heartbeat_is_due_before_its_period_is_over(house, desk, period, least):
    house.subscribe(heartbeat=period)
    with house.database.reading() as tx:
        before = now(tx)
    house.work(desk)
    with house.database.reading() as tx:
        spent = (now(tx) - before).total_seconds()
    due = (house.find().beat_due - before).total_seconds()
    assert least < due < period - min(0.4, period / 4) + spent


def test_a_heartbeat_that_is_not_taken_is_not_noted_again_while_it_waits(house, desk, receiver):
    house.subscribe(heartbeat=60)
    house.work(desk)
    with house.database.transaction() as tx:
        tx.execute(text("UPDATE subscriptions SET beat_due = 1"))
    receiver.answers = [503]
    notify.sweep(desk)
    house.work(desk)
    with house.database.reading() as tx:
        assert subscriptions.heartbeats_due(tx) == []
    house.work(desk)
    assert receiver.kinds() == ["handshake", "heartbeat", "heartbeat"]


def test_what_has_ended_is_off_and_hears_nothing(house, desk, receiver):
    house.subscribe()
    house.work(desk)
    with house.database.transaction() as tx:
        tx.execute(text("UPDATE subscriptions SET ends = 1"))
    house.publish("o1")
    notify.sweep(desk)
    house.work(desk)
    assert receiver.kinds() == ["handshake"]
    assert (house.find().status, house.shown()["status"]) == ("off", "off")


@pytest.mark.parametrize(
    ("change", "status"),
    [("ends = 253402300799000", "active"), ("ends = NULL", "active"), ("status = 'off'", "off")],
    ids=["later", "never", "off"],
)
def test_what_is_changed_while_the_ended_are_swept_stays_as_it_was_asked_for(
    house, desk, receiver, monkeypatch, change, status
):
    house.subscribe()
    house.work(desk)
    with house.database.transaction() as tx:
        tx.execute(text("UPDATE subscriptions SET ends = 1"))
    find_ended, version = subscriptions.ended, house.shown()["meta"]["versionId"]

    def found_a_moment_ago(_):
        with house.database.transaction() as tx:
            found = find_ended(tx)
            tx.execute(text(f"UPDATE subscriptions SET {change}"))  # noqa: S608 - the client's PUT, of this table alone
        return found

    monkeypatch.setattr(subscriptions, "ended", found_a_moment_ago)
    notify.sweep(desk)
    assert house.find().status == status
    assert house.shown()["meta"]["versionId"] == version
    house.publish("o1")
    house.work(desk)
    assert receiver.kinds() == ["handshake", "event-notification"][: 2 if status == "active" else 1]


def test_a_revoked_client_is_told_nothing_more(house, desk, receiver):
    house.subscribe()
    with house.database.transaction() as tx:
        clients.revoke(tx, "c1")
    house.work(desk)
    assert (receiver.got, house.shown()["error"]) == ([], "client-revoked")


def test_a_slow_subscriber_does_not_hold_up_another(house, desk, receiver):
    house.subscribe(timeout=1)
    house.subscribe("s2")
    receiver.answers = [60.0]
    house.work(desk)
    assert {house.find("s1").status, house.find("s2").status} == {"requested", "active"}


def test_deliveries_are_audited_by_reference(house, desk, receiver):
    house.subscribe()
    house.publish("o1")
    house.work(desk)
    with house.database.reading() as tx:
        found = audit.search(tx, "north", [("subtype", "notify")], count=10, cursor=None)
    assert found.total == 2
    assert "ServiceRequest/o1" in json.dumps([one.content for one in found.entries])


KILLED = """
import os, signal, sys
from fhir_svc import settings
from fhir_svc.store.database import Database
from workers import evaluate, notify
from workers.desk import Desk
read = settings.read()
place = sys.argv[2]
def die(*_a, **_k):
    os.kill(os.getpid(), signal.SIGKILL)
if place == "before":
    notify.post = die
else:
    notify._settle = die
notify.run(Desk(read, Database(read.database_url.get_secret_value()), "victim"), sys.argv[1])
"""


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_kill_before_or_after_the_post_leaves_no_gap(house, desk, receiver, settings, signing_key, place):
    house.subscribe()
    house.work(desk)
    house.publish("o1", "o2")
    with house.database.transaction() as tx:
        row = work.due(tx, 1)[0][0]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "FHIR_SVC_DATABASE_URL": settings.database_url.get_secret_value(),
        "FHIR_SVC_SIGNING_KEY": signing_key,
        "FHIR_SVC_AUDIT_KEY": "k" * 40,
        "FHIR_SVC_DEMO": "true",
    }
    ended = subprocess.run([sys.executable, "-c", KILLED, row, place], env=environment, check=False, timeout=600)
    assert ended.returncode == -signal.SIGKILL
    house.store.expire()
    with house.database.transaction() as tx:
        assert work.release_expired(tx) == 1
    house.work(desk)
    assert list(dict.fromkeys(receiver.numbers())) == [1, 2]
    assert receiver.numbers() == ([1, 2] if place == "before" else [1, 1, 2])
    assert house.find().delivered == 2


NOT_TO_BE_CALLED = [
    "http://127.0.0.1:{port}/hook",
    "http://localhost:{port}/hook",
    "http://[::1]:{port}/hook",
    "http://127.1:{port}/hook",
    "http://2130706433:{port}/hook",
    "http://0x7f000001:{port}/hook",
    "http://017700000001:{port}/hook",
    "http://0.0.0.0:{port}/hook",
    "http://[::ffff:127.0.0.1]:{port}/hook",
    "http://[::]:{port}/hook",
    "http://169.254.169.254/latest/meta-data",
    "http://10.0.0.1/",
    "https://127.0.0.1:{port}/hook",
    "https://localhost:{port}/hook",
    "https://[::1]:{port}/hook",
    "https://127.1:{port}/hook",
    "https://2130706433:{port}/hook",
    "https://169.254.169.254/",
    "https://192.168.0.1/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://hooks.example:{port}/hook",
    "https://localtest.example:{port}/hook",
    "https://user@127.0.0.1:{port}/hook",
    "https://127.0.0.1:{port}#@hooks.example/",
    "https://hooks.example@127.0.0.1:{port}/hook",
    "https://hooks.example\\@127.0.0.1:{port}/hook",
    "https://127.0.0.1:{port}/..;/hook",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "ftp://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/hook",
    "127.0.0.1:{port}/hook",
    "",
    "https://127.0.0.1:0/",
    "https://127.0.0.1:99999/",
    "https://127.0.0.1:{port}/hook\r\nHost: x",
    "https://127。0。0。1:{port}/hook",
    "https://①②⑦.0.0.1:{port}/hook",
]


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize("url", NOT_TO_BE_CALLED)
def test_nothing_is_connected_to_what_is_not_public_even_if_it_is_registered(receiver, monkeypatch, url, registered):
    monkeypatch.setattr("fhir_svc.ehr.addresses.socket.getaddrinfo", lambdas(receiver))
    url = url.format(port=receiver.server.server_port)
    allowed = [url] if registered else ["https://hooks.example/"]
    with pytest.raises((Broken, hooks.Untaken)):
        hooks.post(url, b"{}", allowed=allowed, loopback=False, authorization=None, timeout=1)
    assert receiver.connections == 0


def lambdas(receiver):
    """Every name leads to this machine: the worst that a name server can say."""

    def resolve(_host, port, **_more):
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    return resolve


@pytest.mark.parametrize(
    ("allowed", "path", "called"),
    [
        ("/hook", "/hook", True),
        ("/hook", "/hook/a?b=c", True),
        ("/hook/", "/hook/a", True),
        ("", "/anything", True),
        ("/hook", "/hooked", False),
        ("/hook", "/", False),
        ("/hook", "/hook/../admin", False),
        ("/hook", "/hook/%2e%2e/admin", False),
        ("/hook", "/hook/%252e%252e/admin", False),
        ("/hook", "//hook/", False),
    ],
)
def test_only_what_is_below_the_registered_path_is_called(receiver, allowed, path, called):
    def call():
        hooks.post(
            f"{receiver.base}{path}",
            b"{}",
            allowed=[f"{receiver.base}{allowed}"],
            loopback=True,
            authorization=None,
            timeout=60,
        )

    if called:
        call()
        assert receiver.paths == [path]
    else:
        with pytest.raises(Broken):
            call()
        assert receiver.connections == 0


def test_another_port_or_scheme_of_a_registered_host_is_not_called(receiver):
    for registered in ("http://127.0.0.1:1/hook", receiver.hook.replace("http:", "https:"), "http://127.0.0.1/hook"):
        with pytest.raises(Broken):
            hooks.post(receiver.hook, b"{}", allowed=[registered], loopback=True, authorization=None, timeout=2)
    assert receiver.connections == 0


def test_a_proxy_of_the_environment_is_not_used(receiver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    hooks.post(receiver.hook, b"{}", allowed=[receiver.hook], loopback=True, authorization=None, timeout=60)
    assert receiver.connections == 1


def test_what_an_evaluation_brings_about_is_told_in_its_own_transaction(house, store, equipment, receiver):
    equipment.settings = equipment.settings.model_copy(update={"demo": True})
    house.subscribe(status="active")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "evaluate", role.pathway)
        patch.setattr(evaluate, "failure", role.failure)
        row = store.submit("g1")
        evaluate.run(equipment, row)
        evaluate.run(equipment, row)
    (draft,) = store.all("ServiceRequest")
    house.work(equipment)
    assert [status(one)["foci"] for one in receiver.got if status(one)["numbers"]] == [
        [f"{equipment.settings.fhir_base}/ServiceRequest/{draft.id}"]
    ]


def test_a_settled_letter_of_a_changed_subscription_changes_nothing(house, desk, receiver):
    house.subscribe()
    with house.database.reading() as tx:
        letter = notify._Letter(subscriptions.find(tx, "north", "s1"), None, "handshake", [], None)
    changed = replace(letter, to=replace(letter.to, digest="another"))
    notify._settle(desk, changed)
    assert house.find().status == "requested"


def test_the_sandbox_ehr_keeps_what_it_is_told(house, store, desk, ehr):
    with store.database.transaction() as tx:
        clients.change_endpoints(tx, "c1", [f"{ehr.base}/Bundle"])
    house.subscribe(endpoint=f"{ehr.base}/Bundle")
    house.publish("o1")
    house.work(desk)
    assert [status(one)["type"] for one in ehr.all("Bundle")] == ["handshake", "event-notification"]
