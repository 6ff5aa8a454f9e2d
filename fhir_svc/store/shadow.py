"""What criteria that run beside those in force would have decided: one row per evaluation and criteria version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from fhir_svc.store.tables import shadow_evaluations as shadows


@dataclass(frozen=True, slots=True)
class Shadow:
    """One such evaluation. `orders`: priority by order key; `changes`: what differs; `error`: why there is nothing."""

    tenant: str
    guidance: str
    criteria: str
    patient: str
    at: datetime
    level: str | None
    orders: Mapping[str, str]
    changes: Mapping[str, Any]
    error: str | None = None

    @property
    def differs(self) -> bool:
        """Whether the criteria in force decided otherwise."""
        return bool(self.changes)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many evaluations by one version of the criteria, how many differed, how many failed."""

    tenant: str
    criteria: str
    evaluations: int
    differing: int
    failed: int


def record(tx: Connection, shadow: Shadow) -> None:
    """Keep an evaluation; the same one again takes the place of the first."""
    key = (
        shadows.c.tenant == shadow.tenant,
        shadows.c.guidance == shadow.guidance,
        shadows.c.criteria == shadow.criteria,
    )
    tx.execute(delete(shadows).where(*key))
    row = {name: getattr(shadow, name) for name in Shadow.__slots__}
    kept = {"orders": dict(shadow.orders), "changes": dict(shadow.changes), "differs": shadow.differs}
    tx.execute(insert(shadows).values(**row | kept))


def tallies(tx: Connection, tenant: str | None = None) -> list[Tally]:
    """Numbers alone, by tenant and criteria; of one tenant where it is named."""
    query = select(
        shadows.c.tenant,
        shadows.c.criteria,
        func.count(),
        func.count().filter(shadows.c.differs),
        func.count().filter(shadows.c.error.is_not(None)),
    ).group_by(shadows.c.tenant, shadows.c.criteria)
    if tenant is not None:
        query = query.where(shadows.c.tenant == tenant)
    return [Tally(*row) for row in tx.execute(query.order_by(shadows.c.tenant, shadows.c.criteria))]


def differing(tx: Connection, tenant: str | None = None) -> list[Shadow]:
    """The newest evaluation of each patient and criteria, where it differed or failed."""
    newest = (
        select(shadows.c.tenant, shadows.c.patient, shadows.c.criteria, func.max(shadows.c.at).label("newest"))
        .group_by(shadows.c.tenant, shadows.c.patient, shadows.c.criteria)
        .subquery()
    )
    query = select(shadows).join(
        newest,
        (shadows.c.tenant == newest.c.tenant)
        & (shadows.c.patient == newest.c.patient)
        & (shadows.c.criteria == newest.c.criteria)
        & (shadows.c.at == newest.c.newest),
    )
    query = query.where(shadows.c.differs | shadows.c.error.is_not(None))
    if tenant is not None:
        query = query.where(shadows.c.tenant == tenant)
    rows = tx.execute(query.order_by(shadows.c.tenant, shadows.c.patient, shadows.c.guidance))
    return [Shadow(**{name: row._mapping[name] for name in Shadow.__slots__}) for row in rows]  # noqa: SLF001 - public
