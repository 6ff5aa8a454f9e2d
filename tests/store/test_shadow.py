"""What tried-out criteria decided is kept once per evaluation and version, and counted per tenant."""

from datetime import UTC, datetime, timedelta

from fhir_svc.store import shadow
from fhir_svc.store.shadow import Shadow

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def kept(tx, guidance, patient="p1", tenant="north", **more):
    given = {"at": AT, "level": "SOON", "orders": {"ABI": "routine"}, "changes": {}} | more
    shadow.record(tx, Shadow(tenant, guidance, "plan|2", patient, **given))


def test_the_same_evaluation_again_takes_the_place_of_the_first(database):
    with database.transaction() as tx:
        kept(tx, "g1", error="exception-KeyError")
        kept(tx, "g1", changes={"level": ["SOON", None]})
    with database.reading() as tx:
        assert shadow.tallies(tx) == [shadow.Tally("north", "plan|2", 1, 1, 0)]
        assert [one.orders for one in shadow.differing(tx)] == [{"ABI": "routine"}]


def test_of_each_patient_only_the_newest_counts_as_a_difference(database):
    with database.transaction() as tx:
        kept(tx, "g1", changes={"level": ["SOON", None]})
        kept(tx, "g2", at=AT + timedelta(hours=1))
        kept(tx, "g3", patient="p2", error="exception-KeyError")
        kept(tx, "g4", tenant="south", changes={"level": ["SOON", None]})
    with database.reading() as tx:
        assert [one.guidance for one in shadow.differing(tx, "north")] == ["g3"]
        assert [one.guidance for one in shadow.differing(tx)] == ["g3", "g4"]
        assert [(one.tenant, one.evaluations, one.differing, one.failed) for one in shadow.tallies(tx)] == [
            ("north", 3, 1, 1),
            ("south", 1, 1, 0),
        ]
