"""Real processes, killed in turn: a subscriber hears of every draft, each under its number, none left out."""

import os
import time

import pytest

from fhir_svc.store import clients, resources, subscriptions
from fhir_svc.store.clients import Client
from fhir_svc.store.subscriptions import Subscription
from tests.workers.receiver import Receiver
from tests.workers.test_chain import REPO, Stack, drained, wait

TOPIC = "https://example.org/fhir-svc/SubscriptionTopic/order-drafted"


@pytest.fixture
def receiver():
    found = Receiver()
    yield found
    found.stop()


@pytest.mark.stack
def test_kills_of_every_part_leave_no_gap_in_what_a_subscriber_hears(
    settings, store, ehr, valkey, receiver, signing_key, tmp_path
):
    with store.database.transaction() as tx:
        clients.add(tx, Client("c1", "north", "system/*.cruds", endpoints=(receiver.hook,)))
        shown = {"resourceType": "Subscription", "id": "s1", "status": "requested"}
        resources.create(tx, "north", shown, patient=None, ours=True)
        given = {"tenant": "north", "id": "s1", "client": "c1", "topic": TOPIC, "filters": [], "status": "requested"}
        new = Subscription(**given, endpoint=receiver.hook, content="id-only", timeout=2, digest="d")
        subscriptions.add(tx, new)
    running = Stack(
        {
            **os.environ,
            "PYTHONPATH": str(REPO),
            "FHIR_SVC_DATABASE_URL": settings.database_url.get_secret_value(),
            "FHIR_SVC_BROKER_URL": valkey.url,
            "FHIR_SVC_SIGNING_KEY": signing_key,
            "FHIR_SVC_AUDIT_KEY": "k" * 40,
            "FHIR_SVC_DEMO": "true",
        },
        tmp_path,
    )
    running.start()
    try:
        wait(lambda: receiver.kinds()[:1] == ["handshake"], 60)
        receiver.answers = [200, 0.3, "lose", 503, 200, 0.3]
        for number in range(20):
            store.submit(f"g{number}", f"p{number}")
            if number == 5:
                seen = len(receiver.got)
                wait(lambda before=seen: len(receiver.got) > before, 60)
                running.kill("worker")
                running.start("worker")
            if number == 10:
                running.kill("relay")
                running.start("relay")
            time.sleep(0.02)

        def all_heard():
            store.ripen()
            return drained(store) and len(set(receiver.numbers())) == 20

        wait(all_heard, 60)
    finally:
        running.stop()
    assert list(dict.fromkeys(receiver.numbers())) == list(range(1, 21))
    assert len(store.all("ServiceRequest")) == 20
