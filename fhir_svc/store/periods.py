"""FHIR dates as intervals of milliseconds, and how a search prefix compares them (R4 search, 3.1.1.4.5)."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, and_, func, not_, or_, type_coerce

from fhir_svc.errors import Malformed
from fhir_svc.store.clock import clock
from fhir_svc.store.tables import FIRST, LAST, to_millis

EVER, FOREVER = FIRST, LAST
_DATE = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?", re.ASCII
)
_PREFIXES = ("eq", "ne", "gt", "ge", "lt", "le", "sa", "eb", "ap")
_MINUTE, _SECOND = 60_000, 1_000


@lru_cache(maxsize=4096)
def interval(text: str) -> tuple[int, int] | None:
    """First and last millisecond of a FHIR date, dateTime or instant; None if it is none. No zone means UTC."""
    match = _DATE.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        if hour is None:
            return _days(int(year), month, day)
        moment = datetime(
            int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=UTC
        )
        low = to_millis(moment) - _offset(zone)
    except (ValueError, OverflowError):
        return None
    if second is None:
        return low, low + _MINUTE - 1
    if fraction is None:
        return low, low + _SECOND - 1
    width = max(1, 10 ** (3 - len(fraction)))
    low += int(f"{fraction:0<3}"[:3])
    return low, low + width - 1


def _days(year: int, month: str | None, day: str | None) -> tuple[int, int]:
    first = datetime(year, int(month or 1), int(day or 1), tzinfo=UTC)
    last_month = int(month or 12)
    last = datetime(year, last_month, int(day or calendar.monthrange(year, last_month)[1]), tzinfo=UTC)
    return to_millis(first), to_millis(last) + timedelta(days=1) // timedelta(milliseconds=1) - 1


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    sign = -1 if zone[0] == "-" else 1
    return sign * (int(zone[1:3]) * 60 + int(zone[4:6])) * _MINUTE


def condition(value: str, low: Any, high: Any) -> Any:
    """SQL that compares a stored interval with a search value such as `ge2024-03`; Malformed if it is no date."""
    prefix, text = (value[:2], value[2:]) if value[:2] in _PREFIXES else ("eq", value)
    asked = interval(text.replace(" ", "+"))  # a plus sign that nobody encoded arrives as a blank
    if asked is None:
        raise Malformed("A date to search by is no FHIR date.", error="bad-search-value", code="value")
    first, last = asked
    low, high = type_coerce(low, BigInteger), type_coerce(high, BigInteger)
    if prefix == "ap":
        return _near(first, last, low, high)
    inside = and_(low >= first, high <= last)
    return {
        "eq": inside,
        "ne": not_(inside),
        "gt": high > last,
        "ge": or_(high > last, inside),
        "lt": low < first,
        "le": or_(low < first, inside),
        "sa": low > last,
        "eb": high < first,
    }[prefix]


def _near(first: int, last: int, low: Any, high: Any) -> Any:
    """Within a tenth of the distance between now and what was asked."""
    away = func.abs(type_coerce(clock(), BigInteger) - first) / 10
    return and_(low <= last + away, high >= first - away)
