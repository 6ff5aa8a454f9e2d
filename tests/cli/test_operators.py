"""What operators do by hand: it is checked, it takes effect, and it is audited in the same transaction."""

import json

import pytest
from joserfc.jwk import ECKey

from fhir_svc.store import audit, tenants

KEYS = {"keys": [ECKey.generate_key("P-384", {"kid": "k"}).as_dict(private=False)]}


def site(console, name="north"):
    with console.database.reading() as tx:
        return tenants.find(tx, name)


def acts(console, tenant="north"):
    with console.database.reading() as tx:
        found = audit.search(tx, tenant, [], count=50).entries
        assert audit.verify(tx) == []
    return [
        (one.content["subtype"][0]["code"], one.content["entity"][0]["what"]["identifier"]["value"])
        for one in reversed(found)
    ]


def test_a_site_is_reconfigured_and_keeps_what_was_not_named(console):
    console.say("tenant", "set", "north", "--set", "epidural-cap=4", "--set", "epidurals-for-claudication=false")
    said = console.say("tenant", "set", "north", "--timezone", "Europe/Madrid", "--set", "epidural-cap=2")
    assert "stays" in said
    assert dict(site(console).values) == {"epidural-cap": 2, "epidurals-for-claudication": False}
    assert site(console).timezone == "Europe/Madrid"
    console.say("tenant", "set", "north", "--unset", "epidural-cap")
    assert dict(site(console).values) == {"epidurals-for-claudication": False}


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "epidural-cap=40"],
        ["--set", "epidural-cap=many"],
        ["--set", "no-such-parameter=1"],
        ["--set", "epidurals-for-claudication=1"],
        ["--set", "epidural-cap"],
        ["--timezone", "Europe/Nowhere"],
        [],
    ],
)
def test_a_value_that_the_criteria_do_not_take_changes_nothing(console, words):
    result = console.type("tenant", "set", "north", *words)
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    assert dict(site(console).values) == {}
    assert acts(console) == []


def test_tenants_are_listed_and_shown_with_what_they_set(console):
    console.say("tenant", "set", "north", "--set", "epidural-cap=4")
    assert console.say("tenant", "list") == "north\thttps://ehr.example/fhir\tEurope/London\n"
    shown = console.say("tenant", "show", "north")
    assert "epidural-cap = 4; allowed: 1 to 6" in shown
    assert "imaging-window-days = 180 (not set); allowed: 30 to 365" in shown
    assert console.type("tenant", "show", "south").exit_code == 1
    assert console.type("tenant", "set", "south", "--timezone", "Europe/Rome").exit_code == 1


def test_every_act_of_an_operator_is_audited_for_its_tenant(console, tmp_path):
    (tmp_path / "keys.json").write_text(json.dumps(KEYS))
    console.say("tenant", "add", "south", "--ehr", "https://ehr.south/fhir", "--timezone", "Europe/Rome")
    console.say("tenant", "set", "north", "--set", "epidural-cap=4")
    scope = ["--scope", "system/*.cruds", "--jwks", str(tmp_path / "keys.json")]
    console.say("client", "add", "north-ehr", "--tenant", "north", *scope)
    console.say("client", "revoke", "north-ehr")
    console.say("user", "add", "ada", "--tenant", "north", "--role", "admin", given="a long enough password\n")
    console.say("user", "disable", "ada")
    assert acts(console) == [
        ("tenant-set", "north"),
        ("client-add", "north-ehr"),
        ("client-revoke", "north-ehr"),
        ("user-add", "ada"),
        ("user-disable", "ada"),
    ]
    assert acts(console, "south") == [("tenant-add", "south")]
    assert "north-ehr\tnorth\tsystem/*.cruds\trevoked" in console.say("client", "list")
    assert "ada\tnorth\tadmin\tdisabled" in console.say("user", "list")
    assert "nothing wrong" in console.say("audit", "verify")


def test_what_is_refused_leaves_no_audit_entry(console):
    assert console.type("client", "revoke", "nobody").exit_code == 1
    assert console.type("user", "disable", "nobody").exit_code == 1
    assert acts(console) == []
