"""Rows of people's accounts. Hashing, roles' meaning and the slowing of guesses are `auth.accounts`'s."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert, select, update

from fhir_svc.errors import Conflict, NotFound
from fhir_svc.store.clock import clock
from fhir_svc.store.tables import accounts


@dataclass(frozen=True, slots=True)
class Account:
    """A person.

    `username` is what they type, `name` what is shown and signed; `failures` counts wrong passwords since the last
    right one, the newest at `last_failure`.
    """

    id: str
    username: str
    name: str
    tenant: str
    role: str
    password_hash: str
    practitioner: str | None = None
    licence: str | None = None
    demo: bool = False
    failures: int = 0
    last_failure: datetime | None = None
    disabled: datetime | None = None


def add(
    tx: Connection,
    *,
    username: str,
    name: str,
    tenant: str,
    role: str,
    password_hash: str,
    practitioner: str | None = None,
    licence: str | None = None,
    demo: bool = False,
) -> Account:
    """Add an account; Conflict when somebody, of whatever tenant, has this username."""
    if by_username(tx, username):
        raise Conflict("There is an account of this name.", error="exists")
    account = Account(str(uuid4()), username, name, tenant, role, password_hash, practitioner, licence, demo)
    values = {name: getattr(account, name) for name in Account.__slots__}
    tx.execute(insert(accounts).values(created=clock(), **values))
    return account


def by_username(tx: Connection, username: str) -> Account | None:
    """The account with this username, a disabled one included."""
    return _one(tx, accounts.c.username == username)


def find(tx: Connection, account_id: str) -> Account | None:
    """The account with this id, a disabled one included."""
    return _one(tx, accounts.c.id == account_id)


def all_of(tx: Connection, tenant: str | None = None, *, role: str | None = None) -> list[Account]:
    """Every account by username, of one tenant or of all, of one role or of all."""
    query = select(accounts).order_by(accounts.c.username)
    if tenant is not None:
        query = query.where(accounts.c.tenant == tenant)
    if role is not None:
        query = query.where(accounts.c.role == role)
    return [_account(row) for row in tx.execute(query)]


def disable(tx: Connection, username: str) -> None:
    """End an account; NotFound when there is none or it is disabled already."""
    statement = update(accounts).where(accounts.c.username == username, accounts.c.disabled.is_(None))
    if not tx.execute(statement.values(disabled=clock())).rowcount:
        raise NotFound("There is no such account.")


def set_password(tx: Connection, account_id: str, password_hash: str) -> None:
    """Replace the stored hash."""
    tx.execute(update(accounts).where(accounts.c.id == account_id).values(password_hash=password_hash))


def failed(tx: Connection, account_id: str) -> None:
    """Count one wrong password."""
    values: dict[str, Any] = {"failures": accounts.c.failures + 1, "last_failure": clock()}
    tx.execute(update(accounts).where(accounts.c.id == account_id).values(**values))


def succeeded(tx: Connection, account_id: str) -> None:
    """Forget the wrong passwords after a right one."""
    statement = update(accounts).where(accounts.c.id == account_id, accounts.c.failures > 0)
    tx.execute(statement.values(failures=0, last_failure=None))


def _one(tx: Connection, condition: Any) -> Account | None:
    row = tx.execute(select(accounts).where(condition)).one_or_none()
    return _account(row) if row else None


def _account(row: Any) -> Account:
    return Account(**{name: getattr(row, name) for name in Account.__slots__})
