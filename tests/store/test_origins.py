from __future__ import annotations

from fhir_svc.store import origins, resources, submissions

T = "north"


def test_an_id_in_the_bytes_received_was_chosen_by_the_sender(database, observation):
    with database.transaction() as tx:
        for id_, raw in (("theirs", b'{"id":"theirs"}'), ("ours", b'{"status":"final"}')):
            resources.create(tx, T, observation(id_), patient="p1", ours=False, submission=id_)
            submissions.keep(tx, T, "ehr", submission=id_, raw=raw)
        assert origins.chosen_by_sender(tx, T, "Observation", "theirs")
        assert not origins.chosen_by_sender(tx, T, "Observation", "ours")
        assert origins.chosen_by_sender(tx, T, "Observation", "absent")
