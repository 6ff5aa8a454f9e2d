"""What a process remembers of each EHR between deliveries: how it answers, what it can do, our token there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fhir_svc.ehr.client import CapabilityCache
from fhir_svc.ehr.replies import NotNow, Unclear
from fhir_svc.ehr.token import Anonymous, Authorization, BackendServices
from fhir_svc.errors import Broken
from fhir_svc.store.tenants import Tenant

_OPEN_AFTER = 8  # failures in a row that an EHR sees of one worker, its processes taken together
_SHORTEST_WAIT = 1.0  # seconds until what an EHR did not take is tried again
_LONGEST_PAUSE = 30.0  # seconds after which an EHR that failed is tried again


@dataclass
class Breaker:
    """Stops asking an EHR that fails again and again; after a pause one request may try."""

    open_after: int = _OPEN_AFTER
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    until: float = 0.0

    def pause(self) -> float:
        """Seconds for which this EHR is to be left alone."""
        return max(0.0, self.until - self.clock())

    def failed(self, wait: float = 0.0) -> float:
        """Count a failure; `wait` is what the EHR itself asked for. Gives the seconds to wait now."""
        self.failures += 1
        grown = 2.0 ** (self.failures - self.open_after) if self.failures >= self.open_after else 0.0
        self.until = max(self.until, self.clock() + max(wait, min(grown, _LONGEST_PAUSE)))
        return self.pause()

    def worked(self) -> None:
        """Forget the failures."""
        self.failures, self.until = 0, 0.0


@dataclass
class Ehrs:
    """The memory of one process; `writers` of them share the failures that an EHR may see."""

    writers: int = 1
    capabilities: CapabilityCache = field(default_factory=CapabilityCache)
    _breakers: dict[str, Breaker] = field(default_factory=dict)
    _authorizations: dict[tuple[str, str, str], Authorization] = field(default_factory=dict)

    def breaker(self, tenant: Tenant) -> Breaker:
        """The breaker of a tenant's EHR."""
        return self._breakers.setdefault(tenant.ehr_base, Breaker(max(1, _OPEN_AFTER // self.writers)))

    @contextmanager
    def asked(self, tenant: Tenant) -> Iterator[None]:
        """While a tenant's EHR is being asked: NotNow where it is left alone, and how it answers is remembered."""
        breaker = self.breaker(tenant)
        if breaker.pause():
            raise NotNow("the EHR is left alone for a while", retry_after=breaker.pause(), error="ehr-breaker-open")
        try:
            yield
        except (NotNow, Unclear) as trouble:
            trouble.retry_after = max(trouble.retry_after, breaker.failed(trouble.retry_after), _SHORTEST_WAIT)
            self.capabilities.forget(tenant.ehr_base)
            raise
        except Broken:
            breaker.worked()
            raise
        breaker.worked()

    def authorization(self, tenant: Tenant) -> Authorization:
        """Who we are towards a tenant's EHR; keeps its token between deliveries."""
        if not tenant.ehr_client or not tenant.ehr_key:
            return Anonymous()
        key = (tenant.ehr_base, tenant.ehr_client, tenant.ehr_key)
        if key not in self._authorizations:
            self._authorizations[key] = BackendServices(tenant.ehr_base, tenant.ehr_client, _secret(tenant.ehr_key))
        return self._authorizations[key]


def _secret(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise Broken("the EHR client's key file can't be read", error="ehr-key") from None
