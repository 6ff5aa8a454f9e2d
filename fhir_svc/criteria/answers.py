"""PURE: facts of the kind `answer`: what the patient said of one item, over all their forms, messages and records.

The dangerous value wins wherever sources disagree, and "don't know" or nothing is unknown, never no.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.declarations import Declaration
from fhir_svc.criteria.expressions import Known
from fhir_svc.criteria.forms import Response, Responses, updated_at
from fhir_svc.criteria.given import given
from fhir_svc.criteria.history import recorded
from fhir_svc.criteria.moments import Moment, Span, midnight
from fhir_svc.criteria.readings import UNKNOWN, Reading
from fhir_svc.record import Json, Stored

CONFLICT = "CONFLICT"
SPEAKING_UP = frozenset({"red-flag", "safety", "context"})
"""Roles of items that act from an unfinished form; a `weak-flag` does only beside a completed one."""
KEPT = frozenset({"red-flag", "weak-flag", "safety"})
UNSAID = "?"


@dataclass(frozen=True, slots=True)
class Told:
    """One source's word on an item. `depth` is the version of the response it stands in, 0 for the newest."""

    reading: Reading
    at: Moment
    response: Response | None = None
    depth: int = 0


def answer(case: Case, declared: Declaration) -> Reading:
    """The item's value: the worst that any current source says, else what the newest completed form says."""
    if declared.of:
        return _detail(case, declared)
    told = positives(case, declared.name)
    plain = _plain(case, declared)
    if not told:
        return plain
    worst = min(told, key=lambda source: (_rank(declared, source.reading.value), source.at.start.timestamp() * -1))
    said = [source for source in told if source.reading.value == worst.reading.value]
    against = _against(case, declared, said)
    kept = any(source.depth for source in told)
    flags = frozenset({CONFLICT}) if against or kept else frozenset()
    return replace(
        worst.reading,
        sources=_sources(source.reading for source in said),
        flags=worst.reading.flags | plain.flags | flags,
        against=against,
        onset=_onset(case, declared, said),
    )


def _rank(declared: Declaration, value: Known | None) -> int:
    name = UNSAID if value is None else str(value)
    order = declared.values
    return order.index(name) if name in order else len(order)


def _sources(readings: Iterator[Reading] | Sequence[Reading]) -> tuple[Stored, ...]:
    found = {stored.reference: stored for reading in readings for stored in reading.sources}
    return tuple(found[reference] for reference in sorted(found))


def positives(case: Case, name: str) -> list[Told]:
    """Every current source that states a dangerous value of this item."""
    declared = case.declarations.facts[name]
    if not declared.values:
        return []
    responses = case.forms[declared.form]
    said = [_chained(case, declared, response) for response in _speaking(responses, declared)]
    said += [
        told
        for response in responses.others
        if declared.carried
        for told in [_chained(case, declared, response)]
        if not _closed(case, name, told.at.start)
    ]
    said += _messages(case, declared)
    found = [told for told in said if _is_positive(declared, told.reading.value)]
    return found or _records(case, declared)


def _speaking(responses: Responses, declared: Declaration) -> list[Response]:
    added = declared.role in SPEAKING_UP or (declared.role == "weak-flag" and responses.current is not None)
    newer = responses.newer if added else ()
    return [*newer, *([responses.current] if responses.current else [])]


def _is_positive(declared: Declaration, value: Known | None) -> bool:
    return value is not None and value in declared.values


def _chained(case: Case, declared: Declaration, response: Response) -> Told:
    """A response's word: its newest version's, or the positive of an older one that no version has withdrawn."""
    newest = given(case, declared, response, 0)
    if newest.value is None and declared.role in KEPT:
        for depth in range(1, len(response.versions)):
            older = given(case, declared, response, depth)
            if older.value is not None:
                return Told(
                    older if _is_positive(declared, older.value) else newest, response.authored, response, depth
                )
    return Told(newest, response.authored, response)


def _messages(case: Case, declared: Declaration) -> list[Told]:
    if case.declarations.forms[declared.form].messages is None:
        return []
    return [
        Told(Reading(said.value, date=said.sent.text, sources=(said.stored,)), said.sent)
        for said in case.messages.statements
        if said.link_id == declared.name and not _closed(case, declared.name, said.sent.start)
    ]


def _records(case: Case, declared: Declaration) -> list[Told]:
    """What conditions, procedures, devices and medication say, where no answer is as dangerous.

    The first window is that of the answers, the second that of what is on file; what has no date is inside.
    """
    if not (declared.codes or declared.words):
        return []
    found = recorded(case, replace(declared, windows=declared.windows[1:]), doubtful=True)
    if found.value is not True:
        return []
    moment = case.moment(found.date) or case.moment(case.at)
    assert moment is not None  # noqa: S101 - T is always a moment
    return [Told(replace(found, value=declared.default), moment)]


def _closed(case: Case, name: str, said: datetime) -> bool:
    """Whether a clinician closed this fact after it was said."""
    for task in case.chart.of("Task"):
        content = task.content
        if not task.ours or content.get("status") != "completed":
            continue
        moment = case.moment(content.get("lastModified"))
        when = moment.start if moment else updated_at(case, task)
        names = {output.get("valueCode") for output in content.get("output", ()) if _says_closed(output)}
        if name in names and said <= when <= case.latest:
            return True
    return False


def _says_closed(output: Json) -> bool:
    return any(coding.get("code") == "closed-fact" for coding in (output.get("type") or {}).get("coding", ()))


def _against(case: Case, declared: Declaration, said: list[Told]) -> tuple[Reading, ...]:
    """The current forms that state the harmless value of an item that others state the dangerous value of."""
    if not declared.contradicts:
        return ()
    ours = {source.reference for told in said for source in told.reading.sources}
    denials = (given(case, declared, response, 0) for response in _speaking(case.forms[declared.form], declared))
    return tuple(
        denial
        for denial in denials
        if denial.value is not None
        and not _is_positive(declared, denial.value)
        and not {source.reference for source in denial.sources} & ours
    )


def _plain(case: Case, declared: Declaration) -> Reading:
    """What the newest completed form says, and of context the newer unfinished ones."""
    responses = case.forms[declared.form]
    current = given(case, declared, responses.current, 0) if responses.current else UNKNOWN
    if declared.role == "context" and not declared.values:
        return _bounded(case, declared, responses, current)
    if current.value is not None:
        return _in_date(case, declared, responses, current)
    newer = (given(case, declared, response, 0) for response in responses.newer if declared.role == "red-flag")
    return replace(current, unsure=True) if any(each.unsure for each in newer) else current


def _bounded(case: Case, declared: Declaration, responses: Responses, current: Reading) -> Reading:
    """Of several numbers the more dangerous one: an unfinished form adds and removes nothing."""
    said = [current, *(given(case, declared, response, 0) for response in responses.newer)]
    known = [(reading.value, reading) for reading in said if isinstance(reading.value, Fraction)]
    pick = min if declared.bound == "least" else max
    return pick(known, key=lambda each: each[0], default=(None, current))[-1]


def _in_date(case: Case, declared: Declaration, responses: Responses, reading: Reading) -> Reading:
    """A harmless answer of a form that has grown too old is unknown."""
    if not declared.windows or responses.current is None or reading.value is None:
        return reading
    fresh = case.inside(responses.current.authored, declared.windows[0])
    return reading if fresh else replace(reading, value=None)


def _detail(case: Case, declared: Declaration) -> Reading:
    """A follow-up: the worst that goes with any positive answer it follows up."""
    told = [
        detail
        for head in declared.of
        for source in positives(case, head)
        for detail in [_follow_up(case, declared, source)]
    ]
    if not told:
        return _plain(case, declared)
    worst = min(told, key=lambda reading: _rank(declared, reading.value))
    same = [reading for reading in told if reading.value == worst.value]
    return replace(worst, sources=_sources(same))


def _follow_up(case: Case, declared: Declaration, source: Told) -> Reading:
    if source.response is None:
        return UNKNOWN
    here = given(case, declared, source.response, source.depth)
    if here.value is not None:
        return here
    for depth in range(source.depth + 1, len(source.response.versions)):
        older = given(case, declared, source.response, depth)
        if older.value is not None:
            return min(here, older, key=lambda reading: _rank(declared, reading.value))
    return here


def _onset(case: Case, declared: Declaration, said: list[Told]) -> datetime:
    """The latest moment that the answers allow for the onset; without an onset answer the first record of the fact."""
    if declared.onset:
        onset = case.read(declared.onset)
        items = case.declarations.facts[declared.onset].items
        latest = next((item.latest for item in items if item.value == onset.value), None)
        moment = case.moment(onset.date)
        if latest is not None and moment is not None:
            return case.clipped(moment) if latest == Span() else midnight(latest.before(moment.last), case.zone)
    return min(_first_said(case, declared, told) for told in said)


def _first_said(case: Case, declared: Declaration, told: Told) -> datetime:
    earlier = [
        response.authored.start
        for response in case.forms[declared.form].everything
        for depth in range(len(response.versions))
        if _is_positive(declared, given(case, declared, response, depth).value)
    ]
    return min(told.at.start, case.at, *earlier)
