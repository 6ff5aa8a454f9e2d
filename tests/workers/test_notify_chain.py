"""Real processes, killed in turn: a subscriber hears of every draft, each under its number, none left out."""

import os
import time

import pytest

from tests.workers.test_chain import REPO, Stack, drained, wait


@pytest.mark.stack
def test_kills_of_every_part_leave_no_gap_in_what_a_subscriber_hears(
    settings, store, ehr, valkey, receiver, house, signing_key, tmp_path
):
    house.subscribe(timeout=2)
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
