"""PURE: what moment a FHIR date, dateTime or instant can mean at the earliest and at the latest."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta, timezone

EASTERNMOST = timezone(timedelta(hours=14))
WESTERNMOST = timezone(timedelta(hours=-12))
_YEAR, _MONTH, _DAY = 4, 7, 10


def span(text: str) -> tuple[datetime, datetime] | None:
    """Earliest and latest moment that `text` can mean, anywhere on Earth; None where it is no FHIR time."""
    try:
        if "T" in text:
            moment = _moment(text)
            return (moment, moment) if moment.tzinfo else None
        first, last = _days(text)
    except (ValueError, OverflowError):
        return None
    return (
        datetime(first.year, first.month, first.day, tzinfo=EASTERNMOST),
        datetime(last.year, last.month, last.day, 23, 59, 59, 999999, tzinfo=WESTERNMOST),
    )


def is_backwards(start: str, end: str) -> bool:
    """Whether a period certainly ends before it starts; dates alone are taken to be of one time zone."""
    if "T" not in start and "T" not in end:
        try:
            return _days(start)[0] > _days(end)[1]
        except (ValueError, OverflowError):
            return False
    first, last = span(start), span(end)
    return first is not None and last is not None and first[0] > last[1]


def is_after(text: str, at: datetime, *, tolerance: timedelta) -> bool:
    """Whether `text` lies beyond `at` + `tolerance`; a date alone only if it is beyond the day after `at`."""
    try:
        if "T" in text:
            return _moment(text) > at + tolerance
        return _days(text)[0] > at.astimezone(UTC).date() + timedelta(days=1)
    except (ValueError, OverflowError, TypeError):
        return False  # no FHIR time: conformance says so


def _moment(text: str) -> datetime:
    """Parse a dateTime with a time; a leap second is the first moment of the next minute."""
    leap = text[16:19] == ":60"
    moment = datetime.fromisoformat(text[:16] + ":59" + text[19:] if leap else text)
    try:
        return moment + timedelta(seconds=1) if leap else moment
    except OverflowError:  # the last minute of the calendar has no next one
        return moment


def _days(text: str) -> tuple[date, date]:
    """First and last day of a year, a month or a day."""
    if len(text) == _YEAR:
        return date(int(text), 1, 1), date(int(text), 12, 31)
    if len(text) == _MONTH:
        year, month = int(text[:4]), int(text[5:])
        return date(year, month, 1), date(year, month, monthrange(year, month)[1])
    if len(text) != _DAY:
        raise ValueError
    day = date.fromisoformat(text)
    return day, day
