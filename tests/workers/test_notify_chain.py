"""Real processes, killed in turn or kept waiting: a subscriber hears of every draft, each under its number, at once."""

import os
import time
from dataclasses import replace

import pytest

from fhir_svc.store import clients, subscriptions, tenants
from fhir_svc.store.clients import Client
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.store.tenants import Tenant
from tests.workers.house import TOPIC
from tests.workers.receiver import Receiver
from tests.workers.test_chain import REPO, Stack, drained, wait


def told_by(settings, valkey, signing_key, folder):
    """Relay and worker on this database and broker."""
    return Stack(
        {
            **os.environ,
            "PYTHONPATH": str(REPO),
            "FHIR_SVC_DATABASE_URL": settings.database_url.get_secret_value(),
            "FHIR_SVC_BROKER_URL": valkey.url,
            "FHIR_SVC_SIGNING_KEY": signing_key,
            "FHIR_SVC_AUDIT_KEY": "k" * 40,
            "FHIR_SVC_DEMO": "true",
        },
        folder,
    )


@pytest.mark.stack
def test_kills_of_every_part_leave_no_gap_in_what_a_subscriber_hears(
    settings, store, ehr, valkey, receiver, house, signing_key, tmp_path
):
    house.subscribe(timeout=2)
    running = told_by(settings, valkey, signing_key, tmp_path)
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


@pytest.fixture
def silent():
    """A subscriber's endpoint that takes every connection and never answers."""
    found = Receiver()
    found.answers = [600.0] * 1000
    yield found
    found.stop()


@pytest.mark.stack
def test_subscribers_of_other_tenants_that_never_answer_hold_up_nobody(
    settings, store, valkey, receiver, house, silent, signing_key, tmp_path
):
    hook = Client("c2", "south", "system/*.cruds", endpoints=(silent.base,))
    with store.database.transaction() as tx:
        tenants.add(tx, Tenant("south", "http://127.0.0.1/fhir", "Etc/UTC"))
        clients.add(tx, hook)
        clients.add(tx, replace(hook, id="c3"))
        for number in range(60):
            client, endpoint = f"c{2 + number % 2}", f"{silent.base}/{number}"
            subscriptions.add(
                tx, Subscription("south", f"x{number}", client, TOPIC, [], "requested", endpoint, "id-only", 600, "d")
            )
    running = told_by(settings, valkey, signing_key, tmp_path)
    running.start()
    try:
        wait(lambda: len(silent.got) == 4, 60)  # two of each client
        house.subscribe()
        wait(lambda: receiver.kinds() == ["handshake"], 60)
        for number in range(5):
            store.submit(f"g{number}", f"p{number}")
            wait(lambda count=number + 1: receiver.numbers() == list(range(1, count + 1)), 60)
        assert len(silent.got) == 4
    finally:
        silent.stopped.set()
        running.stop()
