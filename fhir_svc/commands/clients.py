"""`fhir-svc client`: systems that may call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

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
    url = jwks if jwks.startswith("https://") else None
    keys = None if url else _public_keys(Path(jwks))
    with open_database().transaction() as tx:
        if tenants.find(tx, tenant_name) is None:
            raise click.ClickException("there is no such tenant")
        clients.add(tx, Client(client_id, tenant_name, scope, keys, url, endpoints))
        note(tx, "client-add", tenant_name, client_id)
    click.echo(f"client {client_id} added")


def _public_keys(path: Path) -> dict[str, Any]:
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise click.ClickException("the key set can't be read as JSON") from failure
    if not isinstance(keys, dict) or not keys.get("keys") or any("d" in key or "k" in key for key in keys["keys"]):
        raise click.ClickException("the file must hold a JWK Set of public keys alone")
    return keys


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
        clients.revoke(tx, client_id)
        note(tx, "client-revoke", found.tenant if found else "", client_id)
    click.echo(f"client {client_id} revoked")
