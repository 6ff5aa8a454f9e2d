"""The `fhir-svc` command: one role alone, and what an operator does by hand. Secrets come as settings, not as flags."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from fhir_svc import settings as configuration
from fhir_svc.commands.clients import client
from fhir_svc.commands.console import open_database
from fhir_svc.commands.criteria import criteria
from fhir_svc.commands.tenants import tenant
from fhir_svc.commands.users import user
from fhir_svc.errors import FhirSvcError
from fhir_svc.settings import BadSettings, Settings
from fhir_svc.store import audit
from fhir_svc.store.audit import Head


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


# --- who takes part, and what is decided by

for group in (tenant, client, user, criteria):
    main.add_command(group)


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
    with open_database().reading() as tx:
        faults = audit.verify(tx, noted)
        ends = audit.heads(tx)
    for fault in faults:
        click.echo(f"{fault.tenant}: entry {fault.sequence} {fault.kind}")
    if faults:
        sys.exit(1)
    if heads is not None:
        lines = {name: {"sequence": end.sequence, "hash": end.hash} for name, end in ends.items()}
        heads.write_text(json.dumps(lines, indent=2), encoding="utf-8")
    entries = sum(end.sequence for end in ends.values())
    chains = "1 chain" if len(ends) == 1 else f"{len(ends)} chains"
    click.echo(f"{chains}, {'1 entry' if entries == 1 else f'{entries} entries'}, nothing wrong")


@main.group("db")
def database_group() -> None:
    """The database."""


@database_group.command("upgrade")
def upgrade() -> None:
    """Bring the tables up to date."""
    open_database().upgrade()
    click.echo("up to date")


if __name__ == "__main__":
    main()
