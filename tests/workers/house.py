"""A subscriber as the database knows it: its client, its subscriptions, and drafts that are published to it."""

from sqlalchemy import text

from fhir_svc.store import clients, resources, subscriptions, work
from fhir_svc.store.clients import Client
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.subscriptions.facts import Fact
from workers import notify

TOPIC = "https://example.org/fhir-svc/SubscriptionTopic/order-drafted"
MARKER = "CANARY-clinical"
PATIENT = "CANARY-patient"


class House:
    """A client with one registered endpoint, what it subscribes to, and what it is told."""

    def __init__(self, store, receiver):
        self.store, self.database, self.receiver = store, store.database, receiver
        with self.database.transaction() as tx:
            clients.add(tx, Client("c1", "north", "system/*.cruds", endpoints=(receiver.hook,)))

    def subscribe(self, id_="s1", **changes):
        given = {"tenant": "north", "id": id_, "client": "c1", "topic": TOPIC, "filters": [], "status": "requested"}
        given |= {"endpoint": self.receiver.hook, "content": "id-only", "timeout": 60, "digest": "d"}
        new = Subscription(**given | changes)
        shown = {"resourceType": "Subscription", "id": id_, "status": new.status, "channel": {"type": "rest-hook"}}
        with self.database.transaction() as tx:
            resources.create(tx, "north", shown, patient=None, ours=True)
            subscriptions.add(tx, new)

    def patience(self, seconds):
        """Let the subscription wait so long for an answer."""
        with self.database.transaction() as tx:
            tx.execute(text("UPDATE subscriptions SET timeout = :seconds"), {"seconds": seconds})

    def publish(self, *ids):
        with self.database.transaction() as tx:
            for id_ in ids:
                draft = {"resourceType": "ServiceRequest", "id": id_, "status": "draft", "note": [{"text": MARKER}]}
                resources.put(tx, "north", draft, patient=PATIENT, ours=True)
            facts = [Fact(TOPIC, f"ServiceRequest/{id_}", PATIENT) for id_ in ids]
            subscriptions.publish(tx, "north", facts)

    def work(self, desk, *, ripen=True):
        """Do what is due, once."""
        if ripen:
            self.store.ripen()
        with self.database.transaction() as tx:
            rows = work.due(tx, 10)
        for row, _, _ in rows:
            notify.run(desk, row)
        return len(rows)

    def find(self, id_="s1"):
        with self.database.reading() as tx:
            return subscriptions.find(tx, "north", id_)

    def shown(self, id_="s1"):
        return self.store.read("Subscription", id_).content
