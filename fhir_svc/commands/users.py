"""`fhir-svc user`: people who may sign or mend."""

from __future__ import annotations

import sys

import click

from fhir_svc.auth.accounts import hash_password
from fhir_svc.commands import checks
from fhir_svc.commands.console import note, open_database
from fhir_svc.store import accounts, tenants


@click.group()
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
    checks.name(name)
    if role == "physician" and not (practitioner and licence):
        raise click.ClickException("a physician needs --practitioner and --licence")
    practitioner = checks.practitioner(practitioner) if practitioner else None
    licence = checks.words(licence, "--licence") if licence else None
    shown = name if full_name is None else checks.words(full_name, "--full-name")
    password = _password()
    with open_database().transaction() as tx:
        if tenants.find(tx, tenant_name) is None:
            raise click.ClickException("there is no such tenant")
        accounts.add(
            tx,
            username=name,
            name=shown,
            tenant=tenant_name,
            role=role,
            password_hash=hash_password(password),
            practitioner=practitioner,
            licence=licence,
        )
        note(tx, "user-add", tenant_name, name)
    click.echo(f"{role} {name} added")


def _password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    try:
        return input()
    except EOFError as failure:
        raise click.ClickException("give the password on standard input") from failure


@user.command("list")
def list_users() -> None:
    """Every person, one a line."""
    with open_database().reading() as tx:
        for one in accounts.all_of(tx):
            click.echo(f"{one.username}\t{one.tenant}\t{one.role}\t{'disabled' if one.disabled else 'active'}")


@user.command("disable")
@click.argument("name")
def disable_user(name: str) -> None:
    """End an account; what it signed stays signed."""
    with open_database().transaction() as tx:
        found = accounts.by_username(tx, name)
        if found is not None and found.disabled:
            raise click.ClickException(f"{name} is disabled already")
        accounts.disable(tx, name)
        note(tx, "user-disable", found.tenant if found else "", name)
    click.echo(f"{name} disabled")
