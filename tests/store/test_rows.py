from __future__ import annotations

from datetime import timedelta

import pytest

from fhir_svc.errors import Conflict, NotFound
from fhir_svc.store import accounts, clients, delivery, sessions, signatures, tenants, tokens
from fhir_svc.store.clients import Client
from fhir_svc.store.database import now
from fhir_svc.store.delivery import Delivery
from fhir_svc.store.tenants import Tenant

NORTH = Tenant("north", "https://ehr.example/fhir", "Europe/Berlin", "svc", "/k.pem", ("urn:mrn",), {"cap": 3})
MINUTE = timedelta(minutes=1)


@pytest.fixture
def peopled(database):
    with database.transaction() as tx:
        tenants.add(tx, NORTH)
        tenants.add(tx, Tenant("south", "https://other.example/fhir", demo=True))
        clients.add(tx, Client("ehr", "north", "system/*.cruds", {"keys": []}, None, ("https://ehr.example/hook",)))
        accounts.add(tx, username="alice", name="Alice", tenant="north", role="physician", password_hash="h")
    return database


def test_a_tenant_is_kept_whole_and_can_be_changed(peopled):
    with peopled.transaction() as tx:
        assert tenants.find(tx, "north") == NORTH
        changed = Tenant("north", "https://new.example/fhir")
        tenants.change(tx, changed)
        assert tenants.find(tx, "north") == changed
        assert [one.name for one in tenants.all_of(tx)] == ["north", "south"]
        assert [one.name for one in tenants.all_of(tx, demo=True)] == ["south"]
    with pytest.raises(Conflict), peopled.transaction() as tx:
        tenants.add(tx, NORTH)
    with pytest.raises(NotFound), peopled.transaction() as tx:
        tenants.change(tx, Tenant("west", "x"))


def test_a_revoked_client_keeps_no_token(peopled):
    with peopled.transaction() as tx:
        tokens.issue(tx, "secret", client="ehr", tenant="north", scope="s", lifetime=MINUTE)
        found = tokens.find(tx, "secret")
        assert (found.client, found.tenant, found.scope) == ("ehr", NORTH, "s")
        assert found.expires - found.issued == MINUTE
        clients.revoke(tx, "ehr")
        assert tokens.find(tx, "secret") is None
        assert clients.find(tx, "ehr").revoked is not None
    with pytest.raises(NotFound), peopled.transaction() as tx:
        clients.revoke(tx, "ehr")


def test_a_client_is_kept_whole_and_its_keys_rotate(peopled):
    with peopled.transaction() as tx:
        clients.change_keys(tx, "ehr", jwks=None, jwks_url="https://ehr.example/jwks")
        (only,) = clients.all_of(tx, "north")
        assert (only.jwks, only.jwks_url, only.endpoints) == (
            None,
            "https://ehr.example/jwks",
            ("https://ehr.example/hook",),
        )
        assert clients.all_of(tx, "south") == []
    with pytest.raises(Conflict), peopled.transaction() as tx:
        clients.add(tx, Client("ehr", "south", ""))
    with pytest.raises(Conflict), peopled.transaction() as tx:
        clients.add(tx, Client("other", "nowhere", ""))


def test_a_token_ends_and_is_not_kept_readable(peopled):
    with peopled.transaction() as tx:
        tokens.issue(tx, "secret", client="ehr", tenant="north", scope="s", lifetime=timedelta(0))
        assert tokens.find(tx, "secret") is None
        assert tokens.find(tx, "unknown") is None
        assert tokens.forget_expired(tx, slack=timedelta(0)) == 1


def test_an_assertion_is_used_once(database):
    with database.transaction() as tx:
        until = now(tx) + MINUTE
        assert tokens.use_jti(tx, "ehr", "1", until)
        assert tokens.use_jti(tx, "other", "1", until)
    with database.transaction() as tx:
        assert not tokens.use_jti(tx, "ehr", "1", until)


def test_an_account_counts_failed_logins_and_can_be_ended(peopled):
    with peopled.transaction() as tx:
        alice = accounts.by_username(tx, "alice")
        assert accounts.find(tx, alice.id) == alice
        accounts.failed(tx, alice.id)
        accounts.failed(tx, alice.id)
        assert accounts.find(tx, alice.id).failures == 2
        accounts.succeeded(tx, alice.id)
        accounts.set_password(tx, alice.id, "h2")
        after = accounts.find(tx, alice.id)
        assert (after.failures, after.last_failure, after.password_hash) == (0, None, "h2")
        accounts.disable(tx, "alice")
        assert accounts.by_username(tx, "alice").disabled is not None
        assert [one.username for one in accounts.all_of(tx, "north", role="physician")] == ["alice"]
        assert accounts.all_of(tx, "south") == []
    for name in ("alice", "nobody"):
        with pytest.raises(NotFound), peopled.transaction() as tx:
            accounts.disable(tx, name)
    with pytest.raises(Conflict), peopled.transaction() as tx:
        accounts.add(tx, username="alice", name="A", tenant="south", role="admin", password_hash="h")


def test_sessions_end_by_idleness_by_age_and_by_will(peopled):
    day = timedelta(days=1)
    with peopled.transaction() as tx:
        alice = accounts.by_username(tx, "alice").id
        for digest in ("a", "b", "c"):
            sessions.add(tx, digest, alice, confirmed=False, data={"csrf": "x"})
        found = sessions.find(tx, "a", idle=MINUTE, longest=day)
        assert (found.account, found.data, found.confirmed) == (alice, {"csrf": "x"}, None)
        sessions.confirm(tx, "a")
        sessions.seen(tx, "a")
        assert sessions.find(tx, "a", idle=MINUTE, longest=day).confirmed is not None
        assert sessions.find(tx, "a", idle=timedelta(0), longest=day) is None
        assert sessions.find(tx, "a", idle=MINUTE, longest=timedelta(0)) is None
        sessions.end(tx, "a")
        assert sessions.find(tx, "a", idle=MINUTE, longest=day) is None
        assert sessions.forget_expired(tx, idle=timedelta(0), longest=day) == 2
        sessions.add(tx, "d", alice)
        sessions.end_all(tx, alice)
        assert sessions.find(tx, "d", idle=MINUTE, longest=day) is None


def test_a_signed_draft_cannot_be_signed_again(database):
    with database.transaction() as tx:
        at = now(tx)
        signatures.add(tx, "north", "d1", 3, "digest", "jws", "alice", at)
        signatures.add(tx, "south", "d1", 3, "digest", "jws", "charlie", at)
        found = signatures.find(tx, "north", "d1")
        assert (found.version, found.signer, found.at) == (3, "alice", at)
        assert signatures.find(tx, "north", "d2") is None
    with pytest.raises(Conflict), database.transaction() as tx:
        signatures.add(tx, "north", "d1", 4, "digest", "jws", "bob", at)


def test_every_public_key_stays_known(database):
    with database.transaction() as tx:
        signatures.keep_key(tx, "k1", {"kid": "k1"})
        signatures.keep_key(tx, "k2", {"kid": "k2"})
        signatures.keep_key(tx, "k1", {"kid": "k1", "other": 1})
        assert sorted(one["kid"] for one in signatures.keys(tx)) == ["k1", "k2"]
        assert {"kid": "k1"} in signatures.keys(tx)


def test_what_the_ehr_holds_is_known_and_never_goes_back(database):
    with database.transaction() as tx:
        assert delivery.known(tx, "north", "ServiceRequest/1") is None
        delivery.record(tx, "north", "ServiceRequest/1", ehr_id="77")
        delivery.record(tx, "north", "ServiceRequest/1", ehr_id=None, ehr_version="2", delivered_version=2)
        delivery.record(tx, "north", "ServiceRequest/1", ehr_id="77", delivered_version=1)
        assert delivery.known(tx, "north", "ServiceRequest/1") == Delivery("77", "2", 2)
        assert delivery.known(tx, "south", "ServiceRequest/1") is None
