"""Accounts of people: who may sign, who may mend. Passwords are kept as argon2id hashes, guessing is slowed down.

An account has one role, for good: a physician never mends the queue, an admin never opens a draft. A refusal looks the
same whether the name is unknown, the password wrong or the account disabled.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fhir_svc.auth.actor import Role
from fhir_svc.errors import TooManyRequests, Unauthenticated, Unprocessable
from fhir_svc.store import accounts
from fhir_svc.store.accounts import Account
from fhir_svc.store.database import Connection, Database, now

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1024  # bytes: nobody may make us hash a book
FREE_FAILURES: Final = 5  # typing errors happen; from then on each failure doubles the wait
LONGEST_WAIT: Final = timedelta(minutes=15)
REFUSED: Final = "The user name or the password is not right."
MOST_NAMES: Final = 10_000

# argon2id with 46 MiB in one lane, the first of OWASP's recommendations
_HASHER: Final = PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1)
# of a password that nobody has: an unknown name takes as long as a known one
_NOBODY: Final = "$argon2id$v=19$m=47104,t=1,p=1$bm9ib2R5LWlzLWhlcmU$Yt3WmN0bVxJ6tQ3n2uH0b4uH1e7Zq5k3l2n9f8g7h6A"


def add(
    tx: Connection,
    *,
    username: str,
    name: str,
    tenant: str,
    role: Role,
    password: str,
    practitioner: str | None = None,
    licence: str | None = None,
    demo: bool = False,
) -> Account:
    """Add a person; Unprocessable for a weak password, a role of systems, or a physician without licence."""
    if role not in {Role.PHYSICIAN, Role.ADMIN}:
        raise Unprocessable("People are physicians or admins.", error="role-unknown")
    if role is Role.PHYSICIAN and not (practitioner and licence):
        raise Unprocessable("A physician needs a Practitioner and a licence.", error="no-licence")
    return accounts.add(
        tx,
        username=username,
        name=name,
        tenant=tenant,
        role=role.value,
        password_hash=hash_password(password),
        practitioner=practitioner,
        licence=licence,
        demo=demo,
    )


def hash_password(password: str) -> str:
    """The argon2id hash to store; Unprocessable if the password is shorter than 12 characters or absurdly long."""
    if len(password) < SHORTEST_PASSWORD or len(password.encode()) > LONGEST_PASSWORD:
        raise Unprocessable(f"A password has at least {SHORTEST_PASSWORD} characters.", error="weak-password")
    return _HASHER.hash(password)


def authenticate(database: Database, username: str, password: str, *, demo: bool = False) -> Account:
    """The account whose password this is; Unauthenticated, or TooManyRequests while guessing is slowed down.

    `demo` lets the accounts of the demonstration in. Hashing happens outside any transaction: it takes its time.
    """
    with database.reading() as tx:
        account, at = accounts.by_username(tx, username), now(tx)
    if account is None:
        _UNKNOWN.slow_down(username)
        _matches(_NOBODY, password)
        raise Unauthenticated(REFUSED, error="login-failed")
    slow_down(account.failures, account.last_failure, at)
    if not _matches(account.password_hash, password):
        with database.transaction() as tx:
            accounts.failed(tx, account.id)
        raise Unauthenticated(REFUSED, error="login-failed")
    if account.disabled or (account.demo and not demo):
        raise Unauthenticated(REFUSED, error="login-failed")
    with database.transaction() as tx:
        accounts.succeeded(tx, account.id)
        if _HASHER.check_needs_rehash(account.password_hash):
            accounts.set_password(tx, account.id, _HASHER.hash(password))
    return account


def slow_down(failures: int, last: datetime | None, at: datetime) -> None:
    """TooManyRequests while the wait after this many failures is not over."""
    if failures < FREE_FAILURES or last is None:
        return
    over = last + wait(failures) - at
    if over > timedelta(0):
        seconds = str(int(over.total_seconds()) + 1)
        raise TooManyRequests("Too many wrong passwords; wait a little.", headers={"Retry-After": seconds})


def wait(failures: int) -> timedelta:
    """How long to wait after so many failures: one second after the fifth, then doubled, at most 15 minutes."""
    return min(LONGEST_WAIT, timedelta(seconds=2 ** min(failures - FREE_FAILURES, 20)))


def _matches(stored: str, password: str) -> bool:
    if len(password.encode(errors="replace")) > LONGEST_PASSWORD:
        return False
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


class _Unknown:
    """Failures of names that nobody has, per process: they are slowed down like others, so 429 tells nothing."""

    def __init__(self) -> None:
        self._failures: OrderedDict[bytes, tuple[int, float]] = OrderedDict()
        self._lock = Lock()

    def slow_down(self, username: str) -> None:
        """Count one more failure of this name; TooManyRequests while its wait is not over."""
        key = hashlib.sha256(username.encode(errors="replace")).digest()
        at = time.monotonic()
        with self._lock:
            failures, last = self._failures.pop(key, (0, at))
            over = failures >= FREE_FAILURES and at < last + wait(failures).total_seconds()
            self._failures[key] = (failures, last) if over else (failures + 1, at)
            while len(self._failures) > MOST_NAMES:
                self._failures.popitem(last=False)
        if over:
            seconds = str(int(last + wait(failures).total_seconds() - at) + 1)
            raise TooManyRequests("Too many wrong passwords; wait a little.", headers={"Retry-After": seconds})


_UNKNOWN: Final = _Unknown()
