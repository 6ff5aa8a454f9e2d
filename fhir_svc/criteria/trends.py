"""PURE: facts that compare days with days: the walking trend, the pain trend, walks and sessions in a row, silence.

Days count back from T: day -1 is yesterday, day 0 is today and is not used. One device and one measure at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from itertools import takewhile
from statistics import median

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.chart import has_code
from fhir_svc.criteria.declarations import Code, Declaration, Window
from fhir_svc.criteria.given import given
from fhir_svc.criteria.history import Entry, entries
from fhir_svc.criteria.measurements import VALID, Measured, effective, measured, quantity
from fhir_svc.criteria.moments import Moment, midnight
from fhir_svc.criteria.readings import NO, UNKNOWN, Reading
from fhir_svc.record import Stored

Series = Mapping[tuple[str, str], list[Measured]]


def _in_days(case: Case, found: Iterable[Measured], window: Window) -> list[Measured]:
    """Those usable values whose day lies in (T - since, T - until]."""
    return [
        one
        for one in found
        if one.value is not None
        and one.moment is not None
        and one.moment.is_whole_day
        and case.inside(one.moment, window)
    ]


def _series(case: Case, declared: Declaration) -> Series:
    """A fact's values by code and device."""
    series: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    for found in measured(case, declared):
        series[_measure(found.stored, declared.codes), _device(found.stored)].append(found)
    return series


def _measure(stored: Stored, codes: Sequence[Code]) -> str:
    return next((code.code for code in codes if has_code([stored.content.get("code") or {}], (code,))), "")


def _device(stored: Stored) -> str:
    device = stored.content.get("device") or {}
    identifier = (device.get("identifier") or {}).get("value", "")
    return str(device.get("reference") or identifier or device.get("display") or "").partition("/_history")[0]


def _daily(found: Iterable[Measured]) -> Mapping[date, Fraction]:
    """One value a day: the highest, as a day's walking is at least its best walk."""
    days: dict[date, Fraction] = {}
    for one in found:
        assert one.moment is not None  # noqa: S101 - chosen by day
        assert one.value is not None  # noqa: S101 - chosen as usable
        days[one.moment.first] = max(one.value, days.get(one.moment.first, one.value))
    return days


def decline(case: Case, declared: Declaration) -> Reading:
    """Kind `decline`: by how many percent the median of the second window lies below that of the first.

    Of several devices and codes with enough days, the steepest decline.
    """
    found = [series for _, series in sorted(_series(case, declared).items())]
    declines = [each for series in found for each in _decline(case, declared, series)]
    flags = frozenset(flag for series in found for one in series for flag in one.flags)
    return replace(max(declines, key=_worth, default=UNKNOWN), flags=flags)


def _decline(case: Case, declared: Declaration, found: Iterable[Measured]) -> Iterator[Reading]:
    before, after = declared.windows
    older, newer = _in_days(case, found, before), _in_days(case, found, after)
    base, current = _daily(older), _daily(newer)
    if len(base) < before.minimum or len(current) < after.minimum or not (middle := median(base.values())):
        return
    percent = (middle - median(current.values())) / middle * 100
    yield Reading(percent, "%", max(current).isoformat(), tuple(one.stored for one in (*older, *newer)))


def _worth(found: Reading) -> Fraction:
    assert isinstance(found.value, Fraction)  # noqa: S101 - made of numbers
    return found.value


def any_value(case: Case, declared: Declaration) -> Reading:
    """Kind `any-value`: whether the window holds one usable value of the codes."""
    found = _in_days(case, measured(case, declared), declared.windows[0])
    return Reading(value=True, sources=tuple(one.stored for one in found)) if found else NO


def mean_rise(case: Case, declared: Declaration) -> Reading:
    """Kind `mean-rise`: by how much the mean of the second window lies above that of the first, code by code."""
    return max((rise for code in declared.codes for rise in _rise(case, declared, code)), key=_worth, default=UNKNOWN)


def _rise(case: Case, declared: Declaration, code: Code) -> Iterator[Reading]:
    before, after = declared.windows
    found = [one for one in measured(case, declared) if has_code([one.stored.content.get("code") or {}], (code,))]
    older, newer = _in_days(case, found, before), _in_days(case, found, after)
    if len(older) < before.minimum or len(newer) < after.minimum:
        return
    last = max(newer, key=_age)
    sources = tuple(one.stored for one in (*older, *newer))
    yield Reading(_mean(newer) - _mean(older), declared.unit, last.moment.text if last.moment else None, sources)


def _age(found: Measured) -> tuple[object, str]:
    return found.moment and found.moment.start, found.stored.id


def _mean(found: Sequence[Measured]) -> Fraction:
    values = [one.value for one in found if one.value is not None]
    return sum(values, Fraction()) / len(values)


@dataclass(frozen=True, slots=True)
class Session:
    """How far down the leg symptoms reached at the start and the end of one walk or exercise."""

    moment: Moment
    stored: Stored
    start: Fraction
    end: Fraction

    @property
    def age(self) -> tuple[datetime, str]:
        """Sorts sessions."""
        return self.moment.start, self.stored.id


def rising_sessions(case: Case, declared: Declaration) -> Reading:
    """Kind `rising-sessions`: how many of the newest sessions in a row ended further down the leg than they began.

    Sessions are Observations with a component for start and end, and responses with the two answers `of` on days that
    have no such Observation. One without both levels is skipped. Unknown where there is no session at all.
    """
    observed = list(_observed_sessions(case, declared))
    days = {session.moment.first for session in observed}
    told = [session for session in _told_sessions(case, declared) if session.moment.first not in days]
    sessions = sorted([*observed, *told], key=lambda session: session.age, reverse=True)
    if not sessions:
        return UNKNOWN
    rising = list(takewhile(lambda session: session.end > session.start, sessions))
    sources = tuple(session.stored for session in rising or sessions[:1])
    return Reading(Fraction(len(rising)), date=sessions[0].moment.text, sources=sources, whole=True)


def _observed_sessions(case: Case, declared: Declaration) -> Iterator[Session]:
    for stored in case.chart.observations(declared.codes):
        moment = effective(case, stored)
        if stored.content.get("status") not in VALID or moment is None or not moment.is_whole_day:
            continue
        if moment.start > case.latest:
            case.edge(moment.start)
            continue
        start, end = (_level(stored, code, declared) for code in declared.others)
        if start is not None and end is not None:
            yield Session(moment, stored, start, end)


def _level(stored: Stored, code: Code, declared: Declaration) -> Fraction | None:
    for component in stored.content.get("component", ()):
        if has_code([component.get("code") or {}], (code,)):
            return quantity(component, declared)[0]
    return None


def _told_sessions(case: Case, declared: Declaration) -> Iterator[Session]:
    start, end = (case.declarations.facts[name] for name in declared.of)
    for response in case.forms[start.form].everything:
        levels = [given(case, item, response, 0).value for item in (start, end)]
        if response.completed and isinstance(levels[0], Fraction) and isinstance(levels[1], Fraction):
            yield Session(response.authored, response.versions[0].stored, levels[0], levels[1])


def missed_sessions(case: Case, declared: Declaration) -> Reading:
    """Kind `missed-sessions`: how many of the newest scheduled sessions in a row were not done."""
    found = [entry for entry in entries(case, declared) if entry.moment is not None and entry.moment.is_whole_day]
    found.sort(key=_session_age, reverse=True)
    missed = list(takewhile(lambda entry: entry.stored.content.get("status") in declared.values, found))
    sources = tuple(entry.stored for entry in missed or found[:1])
    newest = found[0].moment if found else None
    return Reading(Fraction(len(missed)), date=newest.text if newest else None, sources=sources, whole=True)


def _session_age(entry: Entry) -> tuple[object, bool, str]:
    """On one day a session that was done counts as the later one."""
    assert entry.moment is not None  # noqa: S101 - chosen by day
    return entry.moment.first, entry.stored.content.get("status") == "completed", entry.stored.id


def silence(case: Case, declared: Declaration) -> Reading:
    """Kind `silence`: whether home data once came and none lies in the window; `others` and the form break it too."""
    home = list(_home_days(case, declared.codes)) + [
        (entry.moment.first, entry.stored) for entry in entries(case, declared) if entry.moment is not None
    ]
    home += [
        (response.authored.first, response.versions[0].stored)
        for response in (case.forms[declared.form].everything if declared.form else ())
    ]
    if not home:
        return NO
    newest = max(home, key=lambda found: (found[0], found[1].id))
    last = max([newest[0], *(day for day, _ in _home_days(case, declared.others))])
    since = declared.windows[0].since
    assert since is not None  # noqa: S101 - silence has a length
    case.edge(midnight(since.after(min(last, case.today)), case.zone))
    silent = min(last, case.today) <= since.before(case.today)
    return Reading(value=silent, date=newest[0].isoformat(), sources=(newest[1],))


def _home_days(case: Case, codes: tuple[Code, ...]) -> Iterator[tuple[date, Stored]]:
    for stored in case.chart.observations(codes):
        moment = effective(case, stored)
        if stored.content.get("status") in VALID and moment is not None and moment.start <= case.latest:
            yield moment.first, stored
