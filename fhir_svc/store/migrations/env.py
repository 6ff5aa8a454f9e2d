"""Runs the migrations on the connection that `fhir_svc.store.schema.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from fhir_svc.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
