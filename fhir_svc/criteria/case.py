"""PURE: one patient at one moment: the record, T, the patient's calendar, the site's values, and the facts so far."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol, TypeVar

from fhir_svc.criteria.chart import Chart
from fhir_svc.criteria.declarations import Declaration, Declarations, Window
from fhir_svc.criteria.expressions import Known
from fhir_svc.criteria.forms import Messages, Responses, read_messages, responses
from fhir_svc.criteria.moments import Moment, Span, midnight, read_moment, zone_of
from fhir_svc.criteria.readings import Reading
from fhir_svc.criteria.vocabulary import Vocabulary
from fhir_svc.decision import Fact
from fhir_svc.errors import Broken
from fhir_svc.record import Record, Site

CLOCK_TOLERANCE = "clock-tolerance"
Made = TypeVar("Made")


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
        self._edge: datetime | None = None
        self._bounds: dict[Window, Bounds] = {}
        self._moments: dict[str, Moment | None] = {}
        self._made: dict[Hashable, Any] = {}
        self._facts: dict[str, Fact] = {}
        self.settings = self._settings(site)
        self.latest = at + timedelta(minutes=float(self.number(CLOCK_TOLERANCE)))

    def _settings(self, site: Site) -> Mapping[str, bool | Fraction]:
        parameters = self.declarations.parameters
        unknown = site.values.keys() - parameters.keys()
        if unknown:
            raise Broken(f"the site sets values that the criteria do not have: {', '.join(sorted(unknown))}")
        return {
            name: parameter.take(site.values[name]) if name in site.values else parameter.default
            for name, parameter in parameters.items()
        }

    def number(self, name: str) -> Fraction:
        """A number that the site may set; Broken where the Library declares none of this name."""
        value = self.settings.get(name)
        if not isinstance(value, Fraction):
            raise Broken(f"the criteria have no number called {name}")
        return value

    def read(self, name: str) -> Reading:
        """The fact of this name."""
        found = self._readings.get(name)
        if found is None:
            found = self._readings[name] = self._make(name)
        return found

    def fact(self, name: str) -> Fact:
        """The fact of this name as the trace shows it."""
        found = self._facts.get(name)
        if found is None:
            found = self._facts[name] = self.read(name).fact(name)
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
        text = text.isoformat() if isinstance(text, datetime) else text
        if not isinstance(text, str):
            return None
        if text not in self._moments:
            self._moments[text] = read_moment(text, self.zone)
        return self._moments[text]

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Something that several facts share, made when first asked for."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    def edge(self, instant: datetime) -> None:
        """Time alone changes a fact at this instant."""
        if instant > self.at:
            self._edge = min(instant, self._edge or instant)

    @property
    def next_change(self) -> datetime | None:
        """The first instant after T at which time alone may change a fact that was read so far."""
        for bounds in self._bounds.values():
            for day in bounds.edges():
                self.edge(midnight(day, self.zone))
        return self._edge

    def inside(self, moment: Moment, window: Window) -> bool | None:
        """Whether a moment lies in a window; None for a partial date that may. Leaves the edges behind."""
        if moment.start > self.latest:
            self.edge(moment.start)
            return False
        if window.since is not None and window.since.hours:
            return self._inside_hours(moment, window.since)
        bounds = self._bounds.get(window)
        if bounds is None:
            bounds = self._bounds[window] = Bounds(window, self.today)
        return bounds.hold(moment)

    def _inside_hours(self, moment: Moment, since: Span) -> bool | None:
        """A date without time is that whole day: it is inside while any of it is."""
        length = timedelta(hours=since.hours)
        self.edge(moment.start + length)
        self.edge(moment.end + length)
        if moment.end + length <= self.at:
            return False
        return True if moment.is_whole_day else None

    def clipped(self, moment: Moment) -> datetime:
        """The instant of a moment, T at the latest."""
        return min(moment.end, self.at)


class Bounds:
    """The calendar days that a window holds at T, and the days at whose coming or going a fact would change."""

    def __init__(self, window: Window, today: date) -> None:
        self.window, self.today = window, today
        self.newest = window.until.before(today)
        self.oldest = window.since.before(today) if window.since is not None else None
        self.entering: date | None = None
        self.leaving: date | None = None

    def hold(self, moment: Moment) -> bool | None:
        """Whether a moment lies on these days; None for a partial date that may."""
        first, last = min(moment.first, self.today), min(moment.last, self.today)
        inside = self._holds(first)
        if first == last and moment.is_whole_day:
            return inside
        if inside and self._holds(last):
            return None if self.window.since is not None else True
        beyond = first > self.newest or (self.oldest is not None and last <= self.oldest)
        return False if beyond else None

    def _holds(self, day: date) -> bool:
        if day > self.newest:
            self.entering = day if self.entering is None else min(day, self.entering)
            return False
        if self.oldest is None:
            return True
        if day > self.oldest:
            self.leaving = day if self.leaving is None else min(day, self.leaving)
            return True
        return False

    def edges(self) -> Iterator[date]:
        """The first days on which one that waits enters, and one that is inside leaves."""
        if self.entering is not None:
            yield self.window.until.after(self.entering)
        if self.leaving is not None and self.window.since is not None:
            yield self.window.since.after(self.leaving)
