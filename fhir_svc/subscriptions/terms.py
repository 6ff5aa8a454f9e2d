"""PURE: the names that HL7's subscriptions backport (1.1.0, R4) gives to things, and ours."""

from __future__ import annotations

from typing import Final

B: Final = "https://example.org/fhir-svc"
TOPIC: Final = f"{B}/SubscriptionTopic/"
ERRORS: Final = f"{B}/CodeSystem/error"
_GUIDE: Final = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
PROFILE: Final = f"{_GUIDE}backport-subscription"
NOTIFICATION_PROFILE: Final = f"{_GUIDE}backport-subscription-notification-r4"
STATUS_PROFILE: Final = f"{_GUIDE}backport-subscription-status-r4"
OFFERED: Final = f"{_GUIDE}capabilitystatement-subscriptiontopic-canonical"
FILTER: Final = f"{_GUIDE}backport-filter-criteria"
CONTENT: Final = f"{_GUIDE}backport-payload-content"
CHANNEL_TYPE: Final = f"{_GUIDE}backport-channel-type"
HEARTBEAT: Final = f"{_GUIDE}backport-heartbeat-period"
TIMEOUT: Final = f"{_GUIDE}backport-timeout"
MOST: Final = f"{_GUIDE}backport-max-count"
FIVE: Final = "http://hl7.org/fhir/5.0/StructureDefinition/extension-SubscriptionTopic."

SUBSCRIPTION: Final = "Subscription"
REQUESTED, ACTIVE, ERROR, OFF = "requested", "active", "error", "off"
EMPTY, ID_ONLY, FULL = "empty", "id-only", "full-resource"
