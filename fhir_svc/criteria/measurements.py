"""PURE: facts made of Observations: the newest, the highest, the lowest leg, what a laboratory flagged, what was coded.

Only `final`, `amended` and `corrected` values up to T count. A value with an unknown unit, a comparator, or outside its
plausible range is unknown, never normal; one that was entered in error or cancelled is absent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.chart import has_code
from fhir_svc.criteria.declarations import Declaration, Window
from fhir_svc.criteria.given import UNIT_UNKNOWN, standing
from fhir_svc.criteria.moments import Moment
from fhir_svc.criteria.readings import NO, UNKNOWN, Reading
from fhir_svc.criteria.units import canonical, unit_of
from fhir_svc.record import Json, Stored

VALID = frozenset({"final", "amended", "corrected"})
ABSENT = frozenset({"entered-in-error", "cancelled"})


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured value; `value` None is one that can't be used. `site` is the limb or the device it is of."""

    stored: Stored
    moment: Moment | None
    value: Fraction | None
    site: str = ""
    flags: frozenset[str] = frozenset()


def measured(case: Case, declared: Declaration) -> tuple[Measured, ...]:
    """Every value of a fact's codes that may lie in one of its windows, usable or not, up to T."""
    key = ("measured", declared.codes, declared.unit, declared.plausible, declared.unitless, declared.windows)
    return case.once(key, lambda: tuple(_measured(case, declared)))


def _measured(case: Case, declared: Declaration) -> Iterator[Measured]:
    for stored in case.chart.observations(declared.codes):
        status = stored.content.get("status")
        if status in ABSENT:
            continue
        moment = effective(case, stored)
        if moment is not None and moment.start > case.latest:
            case.edge(moment.start)
            continue
        places = [moment is None or case.inside(moment, window) is not False for window in declared.windows]
        if not any(places):
            continue
        for element in _elements(stored, declared):
            value, flags = quantity(element, declared)
            if value is not None or _has_value(element):
                usable = status in VALID
                said = (value, flags) if usable else (None, frozenset())
                yield Measured(stored, moment, said[0], _site(stored, element), said[1])


def effective(case: Case, stored: Stored) -> Moment | None:
    """When an Observation was made; of a period its end, else its start."""
    content = stored.content
    period = content.get("effectivePeriod") or {}
    text = (
        content.get("effectiveDateTime") or content.get("effectiveInstant") or period.get("end") or period.get("start")
    )
    return case.moment(text)


def _elements(stored: Stored, declared: Declaration) -> Iterator[Json]:
    """The resource itself, or those of its components, that carry the code."""
    if has_code([stored.content.get("code") or {}], declared.codes):
        yield stored.content
    for component in stored.content.get("component", ()):
        if has_code([component.get("code") or {}], declared.codes):
            yield component


def _has_value(element: Json) -> bool:
    return any(key.startswith("value") for key in element)


def _site(stored: Stored, element: Json) -> str:
    concept = element.get("bodySite") or stored.content.get("bodySite") or {}
    codes = [str(coding["code"]) for coding in concept.get("coding", ()) if "code" in coding]
    return codes[0] if codes else str(concept.get("text") or "")


def quantity(element: Json, declared: Declaration) -> tuple[Fraction | None, frozenset[str]]:
    """The value in the fact's unit, or None with the flag that says why."""
    if "valueInteger" in element:
        return _plausible(Fraction(element["valueInteger"]), declared)
    given = element.get("valueQuantity")
    if given is None or declared.unit is None:
        return None, frozenset()
    value = given.get("value")
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or given.get("comparator") is not None:
        return None, frozenset()
    if not {"unit", "code", "system"} & given.keys() and declared.unitless is not None:
        exact = Fraction(value)
        return (exact, frozenset()) if exact in declared.unitless else (None, frozenset({UNIT_UNKNOWN}))
    found = canonical(value, unit_of(given), declared.unit)
    return (None, frozenset({UNIT_UNKNOWN})) if found is None else _plausible(found, declared)


def _plausible(value: Fraction, declared: Declaration) -> tuple[Fraction | None, frozenset[str]]:
    if declared.plausible is None or value in declared.plausible:
        return value, frozenset()
    return None, frozenset()


def _in(case: Case, declared: Declaration, window: Window) -> tuple[list[Measured], list[Measured]]:
    """The usable values in a window, oldest first, and those there that can't be used."""
    usable: list[Measured] = []
    not_usable: list[Measured] = []
    for found in measured(case, declared):
        inside = None if found.moment is None else case.inside(found.moment, window)
        if inside is False:
            continue
        (usable if inside and found.value is not None else not_usable).append(found)
    usable.sort(key=_age)
    return usable, not_usable


def _age(found: Measured) -> tuple[object, str]:
    assert found.moment is not None  # noqa: S101 - what has no date is not usable
    return found.moment.start, found.stored.id


def _reading(found: Measured, declared: Declaration, not_usable: list[Measured]) -> Reading:
    assert found.moment is not None  # noqa: S101 - what has no date is not usable
    return Reading(
        found.value,
        declared.unit,
        found.moment.text,
        (found.stored,),
        _flags(not_usable),
        unusable=bool(not_usable),
    )


def _flags(not_usable: list[Measured]) -> frozenset[str]:
    return frozenset(flag for found in not_usable for flag in found.flags)


def _nothing(not_usable: list[Measured]) -> Reading:
    return Reading(
        sources=tuple(found.stored for found in not_usable),
        flags=_flags(not_usable),
        unusable=bool(not_usable),
    )


def newest(case: Case, declared: Declaration) -> Reading:
    """Kind `latest`: the newest usable value in the window; a newer one that can't be used makes it `unusable` too."""
    usable, not_usable = _in(case, declared, declared.windows[0])
    if not usable:
        return _nothing(not_usable)
    last = usable[-1].moment
    newer = any(found.moment is None or last is None or found.moment.end >= last.start for found in not_usable)
    return replace(_reading(usable[-1], declared, not_usable), unusable=newer)


def highest(case: Case, declared: Declaration) -> Reading:
    """Kind `highest`: the highest usable value in the first window that holds any; `before` excludes newer ones.

    Where a fact names an answer (`of`), what the forms say of it counts like a value measured when they were written.
    """
    limit = case.read(declared.before) if declared.before else None
    if limit is not None and not limit.sources:
        return UNKNOWN
    not_usable: list[Measured] = []
    for window in declared.windows:
        usable, bad = _in(case, declared, window)
        for name in declared.of:
            _answered(case, name, window, usable, bad)
        not_usable += bad
        taken = {stored.id for stored in limit.sources} if limit is not None else set()
        usable = [found for found in usable if found.stored.id not in taken]
        if usable:
            picked = _reading(max(usable, key=lambda found: (found.value, _age(found))), declared, not_usable)
            return replace(picked, among=tuple(_reading(found, declared, []) for found in usable))
    return _nothing(not_usable)


def _answered(case: Case, name: str, window: Window, usable: list[Measured], bad: list[Measured]) -> None:
    item = case.declarations.facts[name]
    for reading, moment in standing(case, item):
        if case.inside(moment, window):
            value = reading.value if isinstance(reading.value, Fraction) else None
            found = Measured(reading.sources[0], moment, value, flags=reading.flags)
            (bad if value is None else usable).append(found)


def unusable(case: Case, declared: Declaration) -> Reading:
    """Kind `unusable`: unknown where a value of the fact `of` is there but can't be used, else false."""
    found = case.read(declared.of[0])
    return Reading(sources=found.sources, flags=found.flags) if found.unusable else NO


def by_leg(case: Case, declared: Declaration) -> Reading:
    """Kind `by-leg`: of each leg its newest values, of all legs the lowest or, by `bound`, the highest."""
    usable, not_usable = _in(case, declared, declared.windows[0])
    if not usable:
        return _nothing(not_usable)
    newest_day = {found.site: found.moment.first for found in usable if found.moment}
    current = [found for found in usable if found.moment and found.moment.first == newest_day[found.site]]
    pick = max if declared.bound == "greatest" else min
    return _reading(pick(current, key=lambda found: (found.value, _age(found))), declared, not_usable)


def flagged(case: Case, declared: Declaration) -> Reading:
    """Kind `flagged`: whether the laboratory marked a value in the window with one of the interpretations."""
    found, doubtful = [], []
    for stored in case.chart.observations(declared.codes):
        marks = stored.content.get("interpretation", ())
        if stored.content.get("status") not in VALID or not has_code(marks, declared.conclusions):
            continue
        moment = effective(case, stored)
        inside = None if moment is None else case.inside(moment, declared.windows[0])
        if moment is not None and inside:
            found.append((moment, stored))
        elif inside is None:
            doubtful.append(stored)
    if not found:
        return Reading(sources=tuple(doubtful), unusable=True) if doubtful else NO
    moment, stored = max(found, key=lambda pair: (pair[0].start, pair[1].id))
    return Reading(value=True, date=moment.text, sources=(stored,), onset=case.clipped(moment))


def coded(case: Case, declared: Declaration) -> Reading:
    """Kind `coded`: the newest coded value in the window, in the plain values that the fact's items give."""
    return _coded(case, declared, case.chart.observations(declared.codes))


def screened(case: Case, declared: Declaration) -> Reading:
    """Kind `screened`: the same of what a physician answered here; their newest answer takes back the earlier ones."""
    return _coded(case, declared, case.chart.stated_here(declared.codes))


def _coded(case: Case, declared: Declaration, observations: Sequence[Stored]) -> Reading:
    found = []
    for stored in observations:
        moment = effective(case, stored)
        if stored.content.get("status") in VALID and moment is not None and case.inside(moment, declared.windows[0]):
            found.append((moment, stored))
    if not found:
        return UNKNOWN
    moment, stored = max(found, key=lambda pair: (pair[0].start, pair[1].id))
    concept = stored.content.get("valueCodeableConcept") or {}
    value = next((item.value for item in declared.items if item.code and has_code([concept], (item.code,))), None)
    return Reading(value, date=moment.text, sources=(stored,), unsure=value is None)
