"""Brings a database's tables to the newest migration, from code: no configuration file, nothing printed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

HEAD = "0005"
_LOCK = 7_214_093_551  # any number, the same in every release


def upgrade(engine: Engine) -> None:
    """Run what is missing, in one transaction that other processes wait for."""
    from alembic import command  # noqa: PLC0415  0.2 s of imports that only this needs
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect().execution_options(begin="IMMEDIATE") as tx, tx.begin():
        if engine.dialect.name == "postgresql":
            tx.execute(text("SET LOCAL lock_timeout = 0"))
            tx.execute(text("SET LOCAL statement_timeout = 0"))
            tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
