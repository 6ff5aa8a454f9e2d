"""PURE: FHIR dates and times as spans of certainty, and the windows they fall into.

A `Moment` is the span of days, and of instants where a time was given, that a FHIR date may mean. Hours compare
instants; days, weeks, months and years compare calendar dates in the patient's zone, half-open: (T - W, T].
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from fhir_svc.errors import Broken

FORM = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<clock>\d\d:\d\d(?::\d\d)?)(?:\.(?P<part>\d+))?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?\Z",
)
YEAR_MONTHS = 12
LEAP_SECOND = "60"
MEANT = range(1800, 2401)
"""Years that anybody means: 0001 and 9999 stand for "unknown" and "never" in many systems."""


@dataclass(frozen=True, slots=True)
class Moment:
    """`first` and `last` are the days it may lie on, `start` and `end` the instants (`end` inclusive)."""

    text: str
    first: date
    last: date
    start: datetime
    end: datetime

    @property
    def is_whole_day(self) -> bool:
        """A known day, with or without a time."""
        return self.first == self.last


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: hours are instants, days and months are calendar units."""

    hours: int = 0
    days: int = 0
    months: int = 0

    def before(self, day: date) -> date:
        """The same length before a day; the 31st of a shorter month is its last day."""
        start = shift(day, -self.months) if self.months else day
        return start - timedelta(days=self.days)

    def after(self, day: date) -> date:
        """The first day whose `before` is not earlier than `day`."""
        found = shift(day, self.months) + timedelta(days=self.days)
        while self.before(found) < day:
            found += timedelta(days=1)
        return found


def span(value: int, code: str) -> Span:
    """A UCUM duration as a Span; Broken for another unit."""
    spans = {
        "h": Span(hours=value),
        "d": Span(days=value),
        "wk": Span(days=7 * value),
        "mo": Span(months=value),
        "a": Span(months=YEAR_MONTHS * value),
    }
    if code not in spans:
        raise Broken("a window is given in h, d, wk, mo or a")
    return spans[code]


def shift(day: date, months: int) -> date:
    """The same day some months on, or the last of that month where it is shorter."""
    index = day.year * YEAR_MONTHS + day.month - 1 + months
    year, month = divmod(index, YEAR_MONTHS)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def zone_of(name: str | None, at: datetime) -> tzinfo:
    """The tenant's zone, else the offset of T."""
    if name is not None:
        return ZoneInfo(name)
    return timezone(at.utcoffset() or timedelta())


def read_moment(text: object, zone: tzinfo) -> Moment | None:
    """The span that a FHIR date, dateTime or instant means in this zone; None for any other text and strange years."""
    if isinstance(text, datetime):
        text = text.isoformat()
    match = FORM.match(text) if isinstance(text, str) else None
    if match is None or int(match["year"]) not in MEANT:
        return None
    try:
        return _moment(match, zone)
    except (ValueError, OverflowError):
        return None


def _moment(match: re.Match[str], zone: tzinfo) -> Moment:
    year, month, day = (int(match[name] or "1") for name in ("year", "month", "day"))
    if match["clock"]:
        return _instant(match, zone)
    first = date(year, month, day)
    last = first if match["day"] else shift(first, 1 if match["month"] else YEAR_MONTHS) - timedelta(days=1)
    return Moment(match[0], first, last, midnight(first, zone), _last_instant(last, zone))


def _instant(match: re.Match[str], zone: tzinfo) -> Moment:
    clock = match["clock"]
    leap = clock.count(":") == len("::") and clock.endswith(LEAP_SECOND)
    clock = clock[:-2] + "59" if leap else clock
    part = (match["part"] or "")[:6].ljust(6, "0")
    offset = (match["zone"] or "").replace("Z", "+00:00")
    found = datetime.fromisoformat(f"{match['year']}-{match['month']}-{match['day']}T{clock}{offset}")
    found = found.replace(microsecond=int(part))
    found = found if found.tzinfo else found.replace(tzinfo=zone)
    found = found + timedelta(seconds=1) if leap else found
    local = found.astimezone(zone).date()
    return Moment(match[0], local, local, found, found)


def midnight(day: date, zone: tzinfo) -> datetime:
    """The first instant of a day in this zone."""
    return datetime.combine(day, time(), tzinfo=zone)


def _last_instant(day: date, zone: tzinfo) -> datetime:
    return midnight(day + timedelta(days=1), zone) - timedelta.resolution


def whole_years(born: date, today: date) -> int:
    """Age in whole years; who is born on 29 February comes of age on 1 March in other years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
