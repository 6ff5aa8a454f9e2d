"""`fhir-svc tenant`: EHRs and what their sites chose."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from fhir_svc import settings as configuration
from fhir_svc.commands import checks
from fhir_svc.commands.console import note, open_database
from fhir_svc.store import tenants
from fhir_svc.store.tenants import Tenant

SET = click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", help="a parameter of the criteria; repeatable"
)
KEY_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True)


@click.group()
def tenant() -> None:
    """EHRs and their sites."""


@tenant.command("add")
@click.argument("name")
@click.option("--ehr", required=True, metavar="URL", help="FHIR base of its EHR")
@click.option("--timezone", required=True, metavar="ZONE", help="for example Europe/London")
@click.option("--ehr-client", metavar="ID", help="who we are to the EHR's authorization server")
@click.option("--ehr-key", metavar="FILE", type=KEY_FILE)
@click.option("--identifier-system", "systems", multiple=True, metavar="URI", help="identifies a patient; repeatable")
@SET
def add_tenant(
    name: str, ehr: str, timezone: str, ehr_client: str | None, ehr_key: str | None, systems: tuple[str, ...],
    values: tuple[str, ...],
) -> None:  # fmt: skip
    """Register an EHR; its drafts go to it alone."""
    from fhir_svc.site import read_values, read_zone  # noqa: PLC0415 - loads the knowledge

    if (ehr_client is None) != (ehr_key is None):
        raise click.ClickException("--ehr-client and --ehr-key go together")
    known_as = None if ehr_client is None else checks.words(ehr_client, "--ehr-client")
    key = None if ehr_key is None else checks.private_key(ehr_key)
    by = tuple(checks.uri(one, "--identifier-system") for one in systems)
    base, zone = checks.ehr_address(ehr), read_zone(timezone)
    site = read_values(configuration.profiles_dir(), values)
    new = Tenant(checks.name(name), base, zone, known_as, key, by, site)
    with open_database().transaction() as tx:
        tenants.add(tx, new)
        note(tx, "tenant-add", name, name)
    click.echo(f"tenant {name} added")


@tenant.command("set")
@click.argument("name")
@click.option("--timezone", metavar="ZONE", help="for example Europe/London")
@SET
@click.option("--unset", "unset", multiple=True, metavar="NAME", help="back to the criteria's own value; repeatable")
def set_tenant(name: str, timezone: str | None, values: tuple[str, ...], unset: tuple[str, ...]) -> None:
    """Change what a site chose. Evaluations made so far stay as they are; the next ones use the new values."""
    from fhir_svc.site import read_values, read_zone  # noqa: PLC0415 - loads the knowledge

    if not (timezone or values or unset):
        raise click.UsageError("nothing to change: give --timezone, --set or --unset")
    given = read_values(configuration.profiles_dir(), values)
    with open_database().transaction() as tx:
        found = _found(tenants.find(tx, name))
        kept = {key: value for key, value in found.values.items() if key not in unset}
        zone = read_zone(timezone) if timezone else found.timezone
        tenants.change(tx, replace(found, timezone=zone, values=kept | dict(given)))
        note(tx, "tenant-set", name, name)
    click.echo(f"tenant {name} changed; what was evaluated so far stays, the next evaluations use the new values")


@tenant.command("list")
def list_tenants() -> None:
    """Every tenant, one a line."""
    with open_database().reading() as tx:
        for one in tenants.all_of(tx):
            click.echo(f"{one.name}\t{one.ehr_base}\t{one.timezone or '-'}")


@tenant.command("show")
@click.argument("name")
def show_tenant(name: str) -> None:
    """A tenant, and what its site set or left as the criteria have it."""
    from fhir_svc.artefacts import load_artefacts  # noqa: PLC0415 - a role loads only what it needs
    from fhir_svc.knowledge import Knowledge  # noqa: PLC0415 - same
    from fhir_svc.web.rules_in_words import settings  # noqa: PLC0415 - same

    with open_database().reading() as tx:
        found = _found(tenants.find(tx, name))
    click.echo(f"{found.name}\nEHR {found.ehr_base}\ntime zone {found.timezone or 'that of each submission'}")
    for pathway in Knowledge(load_artefacts(configuration.profiles_dir())).pathways.values():
        for parameter, (title, default, allowed) in zip(
            pathway.declarations.parameters.values(), settings(pathway), strict=True
        ):
            chosen = found.values.get(parameter.name)
            said = f"{default} (not set)" if chosen is None else _word(chosen)
            click.echo(f"  {parameter.name} = {said}; allowed: {allowed}\n    {title}")


def _found(tenant: Tenant | None) -> Tenant:
    if tenant is None:
        raise click.ClickException("there is no such tenant")
    return tenant


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
