"""`fhir-svc criteria`: for the clinicians who own the criteria, and for whoever brings in a new version."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fhir_svc import settings as configuration
from fhir_svc.commands.console import open_database

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PROFILES = click.option("--profiles", type=FOLDER, metavar="DIR", help="artefacts (default: those of the settings)")
TENANT = click.option("--tenant", "only", metavar="NAME", help="only this tenant")


@click.group()
def criteria() -> None:
    """The knowledge artefacts: rules, facts, forms, orders."""


@criteria.command("check")
@PROFILES
def check(profiles: Path | None) -> None:
    """Look for everything that is wrong with the artefacts; exit 1 with one line for each fault."""
    from fhir_svc.commands.criteria_told import checked  # noqa: PLC0415 - loads the knowledge

    faults = checked(profiles or configuration.profiles_dir())
    click.echo("\n".join(faults) or "nothing wrong")
    if faults:
        sys.exit(1)


@criteria.command("show")
@click.argument("rule", required=False)
@PROFILES
def show(rule: str | None, profiles: Path | None) -> None:
    """Print each rule, or one, in plain words made from its artefact."""
    from fhir_svc.commands.criteria_told import shown  # noqa: PLC0415 - loads the knowledge

    lines = list(shown(profiles or configuration.profiles_dir(), rule))
    if not lines:
        raise click.ClickException("there is no such rule")
    click.echo("\n".join(lines))


@criteria.command("diff")
@click.argument("old", type=FOLDER)
@click.argument("new", type=FOLDER)
@TENANT
def diff(old: Path, new: Path, only: str | None) -> None:
    """Say which stored patients NEW would give another level, flags or orders than OLD. Nothing is written."""
    from fhir_svc.commands.criteria_told import compared  # noqa: PLC0415 - loads the knowledge

    for line in compared(open_database(), old, new, only):
        click.echo(line)


@criteria.command("shadow")
@TENANT
def show_shadow(only: str | None) -> None:
    """Say what criteria that run beside those in force would have decided otherwise."""
    from fhir_svc.commands.criteria_told import beside  # noqa: PLC0415 - loads the knowledge

    for line in beside(open_database(), only):
        click.echo(line)
