"""`fhir-svc client`: systems that may call."""

from __future__ import annotations

from pathlib import Path

import click

from fhir_svc.commands import checks
from fhir_svc.commands.console import note, open_database
from fhir_svc.store import clients, tenants
from fhir_svc.store.clients import Client


@click.group()
def client() -> None:
    """Systems that may call."""


@client.command("add")
@click.argument("client_id", metavar="ID")
@click.option("--tenant", "tenant_name", required=True, metavar="T")
@click.option("--scope", required=True, help='for example "system/*.cruds"')
@click.option("--jwks", required=True, metavar="FILE|URL", help="its public keys")
@click.option("--endpoint", "endpoints", multiple=True, metavar="URL", help="may receive notifications; repeatable")
def add_client(client_id: str, tenant_name: str, scope: str, jwks: str, endpoints: tuple[str, ...]) -> None:
    """Register a client with its public keys."""
    checks.name(client_id)
    url = checks.key_set_address(jwks) if "://" in jwks else None
    keys = None if url else checks.public_keys(Path(jwks))
    called = tuple(checks.address(one, "--endpoint") for one in endpoints)
    new = Client(client_id, tenant_name, checks.scope(scope), keys, url, called)
    with open_database().transaction() as tx:
        if tenants.find(tx, tenant_name) is None:
            raise click.ClickException("there is no such tenant")
        clients.add(tx, new)
        note(tx, "client-add", tenant_name, client_id)
    click.echo(f"client {client_id} added")


@client.command("list")
def list_clients() -> None:
    """Every client, one a line."""
    with open_database().reading() as tx:
        for one in clients.all_of(tx):
            click.echo(f"{one.id}\t{one.tenant}\t{one.scope}\t{'revoked' if one.revoked else 'active'}")


@client.command("revoke")
@click.argument("client_id", metavar="ID")
def revoke_client(client_id: str) -> None:
    """End a client and its tokens, at once."""
    with open_database().transaction() as tx:
        found = clients.find(tx, client_id)
        if found is not None and found.revoked:
            raise click.ClickException(f"client {client_id} is revoked already")
        clients.revoke(tx, client_id)
        note(tx, "client-revoke", found.tenant if found else "", client_id)
    click.echo(f"client {client_id} revoked")
