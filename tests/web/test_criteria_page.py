"""`/criteria`: the rules in words, with examples; numbers, and numbers alone, of criteria that are tried out."""

from datetime import UTC, datetime

from fhir_svc.store import shadow
from fhir_svc.store.shadow import Shadow


def test_every_rule_has_examples_worked_out_from_its_condition(shared_house):
    page = shared_house.as_person("ada", "GET", "/criteria").text
    assert page.count("<dt>For example</dt>") == page.count("<dt>Met when</dt>") > 30
    assert "cannot tell where nothing is on record" in page
    assert "tried out" not in page


def test_a_site_sees_how_often_tried_out_criteria_differed_and_no_patient(house):
    criteria, at = "https://example.org/fhir-svc/PlanDefinition/lbp-lss|1.1.0", datetime.now(UTC)
    with house.database.transaction() as tx:
        for name, changes in (("anna", {"level": [None, "SOON"]}), ("berta", {})):
            shadow.record(tx, Shadow("north", f"g-{name}", criteria, name, at, "SOON", {}, changes))
    page = house.as_person("alice", "GET", "/criteria").text
    assert f'<th scope="row">{criteria}</th><td>2</td><td>1</td><td>0</td>' in page
    assert "anna" not in page
    assert criteria not in house.as_person("charlie", "GET", "/criteria").text
