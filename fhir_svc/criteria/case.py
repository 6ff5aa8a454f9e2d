"""PURE: one patient at one moment: the record, T, the patient's calendar, the site's values, and the facts so far."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Protocol

from fhir_svc.criteria.chart import Chart
from fhir_svc.criteria.declarations import Declaration, Declarations, Window
from fhir_svc.criteria.expressions import Known
from fhir_svc.criteria.forms import Messages, Responses, read_messages, responses
from fhir_svc.criteria.moments import Moment, Span, midnight, read_moment, zone_of
from fhir_svc.criteria.readings import Reading
from fhir_svc.criteria.vocabulary import Vocabulary
from fhir_svc.errors import Broken
from fhir_svc.record import Record, Site

CLOCK_TOLERANCE = "clock-tolerance"


class Kind(Protocol):
    """How a kind of fact is made."""

    def __call__(self, case: Case, declared: Declaration, /) -> Reading:
        """The fact, for this case."""


class Case:
    """Facts are made once, when first asked for; `edges` collects the instants at which time alone changes one."""

    def __init__(
        self,
        record: Record,
        declarations: Declarations,
        kinds: Mapping[str, Kind],
        site: Site,
        at: datetime,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self.at = at
        self.zone = zone_of(site.timezone, at)
        self.today = at.astimezone(self.zone).date()
        self.chart = Chart(record)
        self.record = record
        self.declarations = declarations
        self.vocabulary = vocabulary
        self._kinds = kinds
        self._readings: dict[str, Reading] = {}
        self._making: list[str] = []
        self.next_change: datetime | None = None
        self.settings = self._settings(site)
        self.latest = at + timedelta(minutes=float(self._number(CLOCK_TOLERANCE)))

    def _settings(self, site: Site) -> Mapping[str, bool | Fraction]:
        parameters = self.declarations.parameters
        unknown = site.values.keys() - parameters.keys()
        if unknown:
            raise Broken(f"the site sets values that the criteria do not have: {', '.join(sorted(unknown))}")
        return {
            name: parameter.take(site.values[name]) if name in site.values else parameter.default
            for name, parameter in parameters.items()
        }

    def _number(self, name: str) -> Fraction:
        value = self.settings.get(name, Fraction(0))
        return Fraction(value)

    def read(self, name: str) -> Reading:
        """The fact of this name."""
        found = self._readings.get(name)
        if found is None:
            found = self._readings[name] = self._make(name)
        return found

    def value(self, name: str) -> Known | None:
        """The value of the fact of this name."""
        return self.read(name).value

    def _make(self, name: str) -> Reading:
        if name in self.settings:
            parameter = self.declarations.parameters[name]
            return Reading(self.settings[name], unit=parameter.unit)
        declared = self.declarations.facts.get(name)
        if declared is None or name in self._making:
            raise Broken(f"no such fact, or one that needs itself: {name}")
        self._making.append(name)
        try:
            return self._kinds[declared.kind](self, declared)
        finally:
            self._making.pop()

    @cached_property
    def messages(self) -> Messages:
        """What the patient's messages state."""
        return read_messages(self)

    @cached_property
    def forms(self) -> Mapping[str, Responses]:
        """The responses to each form of the Library."""
        return {name: responses(self, form) for name, form in self.declarations.forms.items()}

    def moment(self, text: object) -> Moment | None:
        """When a FHIR date is, in the patient's zone."""
        return read_moment(text, self.zone)

    def edge(self, instant: datetime) -> None:
        """Time alone changes a fact at this instant."""
        if instant > self.at and (self.next_change is None or instant < self.next_change):
            self.next_change = instant

    def inside(self, moment: Moment, window: Window) -> bool | None:
        """Whether a moment lies in a window; None for a partial date that may. Leaves the edges behind."""
        if moment.start > self.latest:
            self.edge(moment.start)
            return False
        if window.since is not None and window.since.hours:
            return self._inside_hours(moment, window.since)
        return self._inside_days(moment, window)

    def _inside_hours(self, moment: Moment, since: Span) -> bool | None:
        """A date without time is that whole day: it is inside while any of it is."""
        length = timedelta(hours=since.hours)
        start, end = moment.start + length, moment.end + length
        self.edge(start)
        self.edge(end)
        if end <= self.at:
            return False
        return True if moment.is_whole_day else None

    def _inside_days(self, moment: Moment, window: Window) -> bool | None:
        first, last = min(moment.first, self.today), min(moment.last, self.today)
        newest = window.until.before(self.today)
        oldest = window.since.before(self.today) if window.since is not None else None
        for day in {first, last}:
            if day > newest:
                self.edge(midnight(window.until.after(day), self.zone))
            elif window.since is not None:
                self.edge(midnight(window.since.after(day), self.zone))
        inside = [day <= newest and (oldest is None or day > oldest) for day in (first, last)]
        if all(inside):
            return True if moment.is_whole_day or window.since is None else None
        beyond = first > newest or (oldest is not None and last <= oldest)
        return False if beyond else None

    def clipped(self, moment: Moment) -> datetime:
        """The instant of a moment, T at the latest."""
        return min(moment.end, self.at)
