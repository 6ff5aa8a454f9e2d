"""Instants as people read them: in the site's own time zone, with how long ago or how soon beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

STEPS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True, slots=True)
class Clock:
    """The instant at which a page is made, and the zone in which its reader lives."""

    at: datetime
    zone: tzinfo

    def full(self, moment: datetime | str | None) -> str:
        """`21 Nov 2026, 14:05 CET`; a date stays a date; '' for nothing."""
        parsed = parse(moment)
        if isinstance(parsed, datetime):
            try:
                local = parsed.astimezone(self.zone)
            except OverflowError:  # the edge of the calendar, in another zone
                return str(moment)
            return f"{local.day} {local:%b %Y, %H:%M} {local.tzname()}"
        return f"{parsed.day} {parsed:%b %Y}" if parsed else str(moment or "")

    def since(self, moment: datetime) -> str:
        """`3 hours ago`, `just now`, `in 2 days`."""
        seconds = int((self.at - moment).total_seconds())
        for size, name in STEPS:
            count = abs(seconds) // size
            if count:
                words = f"{count} {name}{'s' if count > 1 else ''}"
                return f"{words} ago" if seconds > 0 else f"in {words}"
        return "just now" if seconds >= 0 else "in a moment"


def clock(at: datetime, zone: str | None) -> Clock:
    """A clock in the named zone, or UTC."""
    try:
        return Clock(at, ZoneInfo(zone) if zone else UTC)
    except ZoneInfoNotFoundError:
        return Clock(at, UTC)


def parse(moment: datetime | str | None) -> datetime | date | None:
    """A FHIR date, dateTime or instant; None for what is neither (a year or month alone is shown as it stands)."""
    if moment is None or isinstance(moment, datetime):
        return moment
    try:
        return datetime.fromisoformat(moment) if "T" in moment else date.fromisoformat(moment)
    except ValueError:
        return None


def age(patient: Mapping[str, Any], at: datetime) -> int | None:
    """Whole years of a patient with a full birth date."""
    born = parse(patient.get("birthDate"))
    if born is None:
        return None
    return at.year - born.year - ((at.month, at.day) < (born.month, born.day))
