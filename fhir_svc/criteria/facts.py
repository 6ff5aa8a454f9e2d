"""PURE: the kinds of facts. A Library names the kind of each fact it declares; a new kind is added here.

Kinds that look into the record stand in the modules beside this one; here are the person, the forms' states, and what
is made of other facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from itertools import chain

from fhir_svc.criteria import history, measurements, trends
from fhir_svc.criteria.answers import CONFLICT, answer
from fhir_svc.criteria.case import Case, Kind
from fhir_svc.criteria.declarations import Declaration, Item
from fhir_svc.criteria.expressions import Between, Expression, Known
from fhir_svc.criteria.forms import is_idle
from fhir_svc.criteria.moments import midnight, whole_years
from fhir_svc.criteria.readings import NO, UNKNOWN, YES, Reading
from fhir_svc.record import Stored

UNSURE = "unsure"
ZERO = Fraction(0)


def age(case: Case, _: Declaration) -> Reading:
    """Kind `age`: whole years at T; of a partial birth date a range, used where both ends agree."""
    patient = case.record.patient
    born = case.moment(patient.content.get("birthDate")) if patient else None
    if patient is None or born is None or born.first > case.today:
        return UNKNOWN
    years = {whole_years(born.first, case.today), whole_years(born.last, case.today)}
    for day in {born.first, born.last}:
        case.edge(midnight(_next_birthday(day.month, day.day, case), case.zone))
    if len(years) > 1:
        return Reading(Between(Fraction(min(years)), Fraction(max(years))), "a", born.text, (patient,))
    return Reading(Fraction(years.pop()), "a", born.text, (patient,), whole=True)


def _next_birthday(month: int, day: int, case: Case) -> date:
    """The first day after T on which someone born on this day is a year older."""
    for year in (case.today.year, case.today.year + 1):
        try:
            birthday = date(year, month, day)
        except ValueError:
            birthday = date(year, month + 1, 1)
        if birthday > case.today:
            return birthday
    return case.today + timedelta(days=1)


def sex(case: Case, _: Declaration) -> Reading:
    """Kind `sex`: the administrative gender; one that says neither male nor female is unknown."""
    patient = case.record.patient
    if patient is None:
        return UNKNOWN
    value = patient.content.get("gender")
    return Reading(value if value in {"male", "female"} else None, sources=(patient,) if value else ())


def expression(case: Case, declared: Declaration) -> Reading:
    """Kind `expression`: made of other facts."""
    assert declared.expression is not None  # noqa: S101 - knowledge refuses it at load
    return Reading(declared.expression.value(case.value), declared.unit)


def stated(case: Case, declared: Declaration) -> Reading:
    """Kind `stated`: whether a fact is known to be one of the values, never unknown; `unsure` is an explicit one."""
    found = case.read(declared.of[0])
    if UNSURE in declared.values and found.value is None and found.unsure:
        return Reading(value=True, sources=found.sources)
    return YES if found.value is not None and _word(found.value) in declared.values else NO


def _word(value: Known) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def known(case: Case, declared: Declaration) -> Reading:
    """Kind `known`: whether a fact is known, never unknown itself."""
    return NO if case.value(declared.of[0]) is None else YES


def unknown(case: Case, declared: Declaration) -> Reading:
    """Kind `unknown`: whether any of the facts is unknown, never unknown itself; `missing` is what to ask for."""
    missing = [leaf for name in declared.of if case.value(name) is None for leaf in leaves_unknown(case, name)]
    return Reading(bool(missing), missing=tuple(dict.fromkeys(missing)))


def leaves_unknown(case: Case, name: str) -> tuple[str, ...]:
    """The unknown facts below a fact that keep it unknown; the fact itself where it is made of the record."""
    declared = case.declarations.facts.get(name)
    if declared is None or declared.kind not in {"expression", "doubt", "score", "score-bound", "worst"}:
        return (name,)
    inner = [expression.unsettled(case.value) for expression in _expressions(declared)]
    inner.append(tuple(other for other in declared.of if case.value(other) is None))
    below = [leaf for other in chain.from_iterable(inner) for leaf in leaves_unknown(case, other)]
    return tuple(dict.fromkeys(below)) or (name,)


def _expressions(declared: Declaration) -> list[Expression]:
    own = [declared.expression] if declared.expression is not None else []
    return own + [item.expression for item in declared.items if item.expression is not None]


def doubt(case: Case, declared: Declaration) -> Reading:
    """Kind `doubt`: unknown where its expression is true or unknown, else false."""
    assert declared.expression is not None  # noqa: S101 - knowledge refuses it at load
    return NO if declared.expression.truth(case.value) is False else UNKNOWN


def score(case: Case, declared: Declaration) -> Reading:
    """Kind `score`: the sum of the points whose condition is true, unknown where that of any item is."""
    truths = [_truth(case, item) for item in declared.items]
    if None in truths:
        return UNKNOWN
    return Reading(
        sum((item.points for item, truth in zip(declared.items, truths, strict=True) if truth), ZERO), whole=True
    )


def score_bound(case: Case, declared: Declaration) -> Reading:
    """Kind `score-bound`: the score `of` if every unknown item gave, by `bound`, the least or the greatest points."""
    extreme = min if declared.bound == "least" else max
    total = ZERO
    for item in case.declarations.facts[declared.of[0]].items:
        truth = _truth(case, item)
        total += extreme(item.points, ZERO) if truth is None else item.points * truth
    return Reading(total, whole=True)


def _truth(case: Case, item: Item) -> bool | None:
    assert item.expression is not None  # noqa: S101 - knowledge refuses it at load
    return item.expression.truth(case.value)


def worst(case: Case, declared: Declaration) -> Reading:
    """Kind `worst`: of several facts the first value in the order of `value` that any of them has.

    Those with another value stand against it where one of the two sides `contradicts`.
    """
    readings = {name: case.read(name) for name in declared.of}
    for value in declared.values:
        same = {name: reading for name, reading in readings.items() if reading.value == value}
        if same:
            first = next(iter(same.values()))
            sources = tuple(stored for reading in same.values() for stored in reading.sources)
            others = {name: found for name, found in readings.items() if found.value not in {value, None}}
            told = any(case.declarations.facts[name].contradicts for name in (*same, *others))
            against = tuple(others.values()) if told else ()
            flags = frozenset({CONFLICT}) if against else frozenset[str]()
            return Reading(value, date=first.date, sources=sources, flags=flags, against=against)
    return UNKNOWN


def form_completed(case: Case, declared: Declaration) -> Reading:
    """Kind `form-completed`: whether there is a completed response to the form."""
    current = case.forms[declared.form].current
    return Reading(value=True, date=current.authored.text, sources=(current.versions[0].stored,)) if current else NO


def form_stale(case: Case, declared: Declaration) -> Reading:
    """Kind `form-stale`: whether the newest completed response is older than the form stays fresh."""
    responses = case.forms[declared.form]
    fresh = responses.form.fresh
    if responses.current is None or fresh is None:
        return NO
    authored = responses.current.authored
    case.edge(midnight(authored.first + timedelta(days=fresh.days + 1), case.zone))
    stale = (case.today - authored.first).days > fresh.days
    return Reading(value=stale, date=authored.text, sources=(responses.current.versions[0].stored,))


def form_idle(case: Case, declared: Declaration) -> Reading:
    """Kind `form-idle`: whether the newest response is unfinished and has not been touched for the form's time."""
    responses = case.forms[declared.form]
    idle = [response for response in responses.newer[:1] if is_idle(case, response, responses.form)]
    return Reading(value=True, sources=(idle[0].versions[0].stored,)) if idle else NO


def form_present(case: Case, declared: Declaration) -> Reading:
    """Kind `form-present`: whether there is any response to the form that counts, finished or not."""
    responses = case.forms[declared.form]
    return YES if responses.current or responses.newer else NO


def message_unclear(case: Case, _: Declaration) -> Reading:
    """Kind `message-unclear`: whether a current message of the patient must be read by a clinician."""
    return _messages(case.messages.unclear)


def message_stated(case: Case, _: Declaration) -> Reading:
    """Kind `message-stated`: whether a current message of the patient states an item of a form."""
    known = case.declarations.facts
    return _messages(tuple(said.stored for said in case.messages.statements if said.link_id in known))


def _messages(found: tuple[Stored, ...]) -> Reading:
    if not found:
        return NO
    sources = tuple({stored.reference: stored for stored in found}.values())
    return Reading(value=True, date=sources[0].content.get("sent"), sources=sources)


def conflict(case: Case, _: Declaration, /) -> Reading:
    """Kind `conflict`: whether current sources of any answer, or of the `worst` of several facts, disagree."""
    found = [
        stored
        for name, declared in case.declarations.facts.items()
        if declared.kind in {"answer", "worst"} and CONFLICT in case.read(name).flags
        for stored in case.read(name).sources
    ]
    return Reading(value=bool(found), sources=tuple({stored.reference: stored for stored in found}.values()))


KINDS: Mapping[str, Kind] = {
    "answer": answer,
    "age": age,
    "sex": sex,
    "expression": expression,
    "stated": stated,
    "known": known,
    "unknown": unknown,
    "doubt": doubt,
    "score": score,
    "score-bound": score_bound,
    "worst": worst,
    "conflict": conflict,
    "form-completed": form_completed,
    "form-stale": form_stale,
    "form-idle": form_idle,
    "form-present": form_present,
    "message-stated": message_stated,
    "message-unclear": message_unclear,
    "recorded": history.recorded,
    "recent-study": history.recent_study,
    "session-count": history.session_count,
    "alerted": history.alerted,
    "waiting-orders": history.waiting_orders,
    "withdrawn": history.withdrawn,
    "latest": measurements.newest,
    "highest": measurements.highest,
    "unusable": measurements.unusable,
    "by-leg": measurements.by_leg,
    "flagged": measurements.flagged,
    "coded": measurements.coded,
    "screened": measurements.screened,
    "decline": trends.decline,
    "any-value": trends.any_value,
    "mean-rise": trends.mean_rise,
    "rising-sessions": trends.rising_sessions,
    "missed-sessions": trends.missed_sessions,
    "silence": trends.silence,
}
