"""The `fhir-svc` command: one role alone, and what an operator does by hand. Secrets come as settings, not as flags."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from fhir_svc import settings as configuration
from fhir_svc.auth.accounts import hash_password
from fhir_svc.errors import FhirSvcError
from fhir_svc.settings import BadSettings, Settings
from fhir_svc.store import accounts, audit, clients, tenants
from fhir_svc.store.audit import Head
from fhir_svc.store.clients import Client
from fhir_svc.store.database import Database
from fhir_svc.store.tenants import Tenant


class Command(click.Group):
    """Says what is wrong in one line instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what is raised on purpose becomes its last line."""
        try:
            return super().invoke(ctx)
        except (FhirSvcError, BadSettings) as failure:
            raise click.ClickException(str(failure)) from failure


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Decide, draft, have signed, deliver: orders for low back pain and lumbar spinal stenosis."""


def _settings() -> Settings:
    return configuration.read()


def _database() -> Database:
    return Database(configuration.database_url())


# --- roles


@main.command()
@click.option("--bind", default="0.0.0.0:8080", show_default=True, help="address:port")
@click.option("--processes", default=2, show_default=True)
@click.option("--threads", default=8, show_default=True, help="of each process")
def web(bind: str, processes: int, threads: int) -> None:
    """Serve FHIR and the pages."""
    from fhir_svc.app import create_app  # noqa: PLC0415 - a role loads only what it needs
    from fhir_svc.web.server import Server  # noqa: PLC0415 - same

    Server(create_app(_settings()), bind=bind, processes=processes, threads=threads).run()


@main.command()
@click.option("--processes", default=2, show_default=True)
def worker(processes: int) -> None:
    """Evaluate, and write back to the EHR."""
    from workers.celery_app import run_worker  # noqa: PLC0415 - a role loads only what it needs

    run_worker(_settings(), processes)


@main.command()
def relay() -> None:
    """Hand due work to the workers."""
    from workers.relay import run  # noqa: PLC0415 - a role loads only what it needs

    run(_settings())


# --- who takes part


@main.group()
def tenant() -> None:
    """EHRs and their sites."""


@tenant.command("add")
@click.argument("name")
@click.option("--ehr", required=True, metavar="URL", help="FHIR base of its EHR")
@click.option("--timezone", required=True, metavar="ZONE", help="for example Europe/London")
@click.option("--ehr-client", metavar="ID", help="who we are to the EHR's authorization server")
@click.option("--ehr-key", metavar="FILE", type=click.Path(exists=True, dir_okay=False, resolve_path=True))
@click.option("--identifier-system", "systems", multiple=True, metavar="URI", help="identifies a patient; repeatable")
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="a parameter of the criteria; repeatable")
def add_tenant(
    name: str, ehr: str, timezone: str, ehr_client: str | None, ehr_key: str | None, systems: tuple[str, ...],
    values: tuple[str, ...],
) -> None:  # fmt: skip
    """Register an EHR; its drafts go to it alone."""
    from fhir_svc.site import read_values, read_zone  # noqa: PLC0415 - loads the knowledge

    site = read_values(_settings().profiles_dir, values)
    new = Tenant(name, ehr.rstrip("/"), read_zone(timezone), ehr_client, ehr_key, systems, site)
    with _database().transaction() as tx:
        tenants.add(tx, new)
    click.echo(f"tenant {name} added")


@main.group()
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
    with _database().transaction() as tx:
        if tenants.find(tx, tenant_name) is None:
            raise click.ClickException("there is no such tenant")
        clients.add(tx, Client(client_id, tenant_name, scope, keys, url, endpoints))
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
    with _database().reading() as tx:
        for one in clients.all_of(tx):
            click.echo(f"{one.id}\t{one.tenant}\t{one.scope}\t{'revoked' if one.revoked else 'active'}")


@client.command("revoke")
@click.argument("client_id", metavar="ID")
def revoke_client(client_id: str) -> None:
    """End a client and its tokens, at once."""
    with _database().transaction() as tx:
        clients.revoke(tx, client_id)
    click.echo(f"client {client_id} revoked")


@main.group()
def user() -> None:
    """People who may sign or mend."""


@user.command("add")
@click.argument("name")
@click.option("--tenant", "tenant_name", required=True, metavar="T")
@click.option("--role", required=True, type=click.Choice(["physician", "admin"]))
@click.option("--practitioner", metavar="ID", help="of their Practitioner in the EHR; physicians need one")
@click.option("--licence", help="number of the licence to practise; physicians need one")
@click.option("--full-name", metavar="TEXT", help="as printed beside a signature (default: NAME)")
def add_user(
    name: str, tenant_name: str, role: str, practitioner: str | None, licence: str | None, full_name: str | None
) -> None:
    """Add a person; the password is asked for, or read from standard input."""
    if role == "physician" and not (practitioner and licence):
        raise click.ClickException("a physician needs --practitioner and --licence")
    password = click.prompt("Password", hide_input=True, confirmation_prompt=True) if sys.stdin.isatty() else input()
    with _database().transaction() as tx:
        if tenants.find(tx, tenant_name) is None:
            raise click.ClickException("there is no such tenant")
        accounts.add(
            tx,
            username=name,
            name=full_name or name,
            tenant=tenant_name,
            role=role,
            password_hash=hash_password(password),
            practitioner=practitioner,
            licence=licence,
        )
    click.echo(f"{role} {name} added")


@user.command("list")
def list_users() -> None:
    """Every person, one a line."""
    with _database().reading() as tx:
        for one in accounts.all_of(tx):
            click.echo(f"{one.username}\t{one.tenant}\t{one.role}\t{'disabled' if one.disabled else 'active'}")


@user.command("disable")
@click.argument("name")
def disable_user(name: str) -> None:
    """End an account; what it signed stays signed."""
    with _database().transaction() as tx:
        accounts.disable(tx, name)
    click.echo(f"{name} disabled")


@main.command()
@click.option("--data-dir", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@click.option("--client", "client_id", required=True, metavar="ID")
@click.option("--scope", default="system/*.cruds", show_default=True)
def token(data_dir: Path, client_id: str, scope: str) -> None:
    """Run the SMART Backend Services flow against the stack of `make serve` and print the access token."""
    from fhir_svc.demo.ehr_client import fetch_token  # noqa: PLC0415 - a role loads only what it needs

    addresses = json.loads((data_dir / "serve.json").read_text(encoding="utf-8"))
    key_file = data_dir / "keys" / f"{client_id}.jwk"
    if not key_file.exists():
        raise click.ClickException(f"no private key of that client under {data_dir / 'keys'}")
    click.echo(fetch_token(addresses["token_url"], client_id, key_file, scope))


# --- what is kept


@main.group("audit")
def audit_group() -> None:
    """The audit chain."""


@audit_group.command("verify")
@click.option("--heads", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="ends noted earlier")
def verify_audit(heads: Path | None) -> None:
    """Walk every chain; with --heads also find what was cut off, and note the ends of today in that file."""
    noted = None
    if heads is not None and heads.exists():
        noted = {name: Head(**head) for name, head in json.loads(heads.read_text(encoding="utf-8")).items()}
    with _database().reading() as tx:
        faults = audit.verify(tx, noted)
        ends = audit.heads(tx)
    for fault in faults:
        click.echo(f"{fault.tenant}: entry {fault.sequence} {fault.kind}")
    if faults:
        sys.exit(1)
    if heads is not None:
        lines = {name: {"sequence": end.sequence, "hash": end.hash} for name, end in ends.items()}
        heads.write_text(json.dumps(lines, indent=2), encoding="utf-8")
    click.echo(f"{len(ends)} chains, {sum(end.sequence for end in ends.values())} entries, nothing wrong")


@main.group("db")
def database_group() -> None:
    """The database."""


@database_group.command("upgrade")
def upgrade() -> None:
    """Bring the tables up to date."""
    _database().upgrade()
    click.echo("up to date")


if __name__ == "__main__":
    main()
