"""The relay forgets as the settings say, however much there is."""

import pytest
from sqlalchemy import text

from fhir_svc.store import subscriptions
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.subscriptions.facts import Fact
from workers import housekeeping

TOPIC = "https://example.org/fhir-svc/SubscriptionTopic/order-drafted"
DAY = 86_400_000


@pytest.mark.parametrize(("days", "left"), [(40, 1), (41, 0), (3650, 1)])
def test_delivered_events_are_kept_for_the_days_that_are_set(store, equipment, monkeypatch, days, left):
    kept = 3650 if days == 3650 else 40
    equipment.settings = equipment.settings.model_copy(update={"events_kept_days": kept})
    monkeypatch.setattr(housekeeping, "_LOT", 2)
    given = {"tenant": "north", "id": "s1", "client": "c1", "topic": TOPIC, "filters": [], "status": "active"}
    with store.database.transaction() as tx:
        new = Subscription(**given, endpoint="https://h", content="id-only", timeout=5, digest="d")
        subscriptions.add(tx, new)
        subscriptions.publish(tx, "north", [Fact(TOPIC, f"ServiceRequest/o{n}", "p1", frozenset()) for n in range(5)])
        subscriptions.change(tx, "north", "s1", delivered=5)
        ago = days * DAY - 60_000
        tx.execute(text("UPDATE subscription_events SET at = at - :ago"), {"ago": ago})
    housekeeping.tidy(equipment)
    with store.database.reading() as tx:
        found = tx.execute(text("SELECT count(*) FROM subscription_events")).scalar_one()
    assert found == 5 * left
