"""The Authorization of a client's subscription: sealed before it is kept, opened to be compared, never shown."""

from __future__ import annotations

from fhir_svc.ehr import sealing
from fhir_svc.errors import Broken
from fhir_svc.store.subscriptions import Subscription
from fhir_svc.web.services import services


def sealed(authorization: str | None, tenant: str, subscription: str, endpoint: str) -> str | None:
    """What is kept."""
    return None if authorization is None else sealing.seal(authorization, _secret(), tenant, subscription, endpoint)


def opened(one: Subscription) -> str | None:
    """What is sent; None also where it can't be opened any more: then the client has to give it again."""
    if one.authorization is None:
        return None
    try:
        return sealing.unseal(one.authorization, _secret(), one.tenant, one.id, one.endpoint)
    except Broken:
        return None


def _secret() -> str:
    return services().settings.audit_key.get_secret_value()
