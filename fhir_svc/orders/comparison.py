"""PURE: what another version of the criteria would do otherwise for the same patient, record and moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_svc.decision import Decision

Changes = Mapping[str, Any]
"""What differs: `level` [old, new]; `flags` and `orders`, each with `gone` and `new`; empty for nothing."""


def wanted(decision: Decision) -> dict[str, str]:
    """Every order that stands after an evaluation, drafted now or earlier: its priority, by order key."""
    orders = [*(kept.order for kept in decision.kept), *decision.orders]
    return {order.key: order.priority for order in sorted(orders, key=lambda one: one.key)}


def changes(old: Decision, new: Decision) -> Changes:
    """What `new` decides otherwise than `old`."""
    found: dict[str, Any] = {}
    if old.level != new.level:
        found["level"] = [old.level, new.level]
    flags = _apart(set(old.flags), set(new.flags))
    orders = _apart(_words(wanted(old)), _words(wanted(new)))
    return found | ({"flags": flags} if flags else {}) | ({"orders": orders} if orders else {})


def in_words(found: Changes) -> str:
    """Changes on one line."""
    parts = []
    if "level" in found:
        old, new = (level or "no level" for level in found["level"])
        parts.append(f"{old} -> {new}")
    for name in ("orders", "flags"):
        signs = [
            f"{sign}{word}" for sign, key in (("-", "gone"), ("+", "new")) for word in found.get(name, {}).get(key, ())
        ]
        parts += [f"{name} {' '.join(signs)}"] if signs else []
    if "error" in found:
        parts.append(f"can't be evaluated: {found['error']}")
    return "; ".join(parts)


def _words(orders: Mapping[str, str]) -> set[str]:
    return {f"{key}:{priority}" for key, priority in orders.items()}


def _apart(old: set[str], new: set[str]) -> dict[str, list[str]]:
    return {"gone": sorted(old - new), "new": sorted(new - old)} if old != new else {}
