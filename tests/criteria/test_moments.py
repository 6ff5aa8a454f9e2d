"""Dates and windows: half-open, in the patient's calendar, and honest about what a partial date can't say."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_svc.criteria.case import Case
from fhir_svc.criteria.declarations import Window
from fhir_svc.criteria.facts import KINDS
from fhir_svc.criteria.moments import Span, read_moment, shift, span, whole_years, zone_of
from fhir_svc.errors import Broken
from fhir_svc.record import Record, Site
from tests.criteria.cases.checking import knowledge

VIENNA = ZoneInfo("Europe/Vienna")


def case_at(at, zone="UTC"):
    return Case(Record("p", ()), knowledge().pathway("lbp-lss").declarations, KINDS, Site(zone), at)


def noon(text):
    return datetime.fromisoformat(f"{text}T12:00:00+00:00")


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [("2024-02-29", -12, "2023-02-28"), ("2025-03-31", -1, "2025-02-28"), ("2024-01-31", 1, "2024-02-29"),
     ("2025-01-15", -1, "2024-12-15"), ("2025-12-31", 2, "2026-02-28")],
)  # fmt: skip
def test_months_are_calendar_units(day, months, expected):
    assert shift(date.fromisoformat(day), months) == date.fromisoformat(expected)


LENGTHS = st.builds(Span, months=st.integers(0, 24)) | st.builds(Span, days=st.integers(0, 400))


@given(st.dates(date(1990, 1, 1), date(2080, 1, 1)), LENGTHS)
def test_the_day_something_leaves_a_window_is_the_first_on_which_it_is_out(day, length):
    leaves = length.after(day)
    assert length.before(leaves) >= day
    assert length.before(leaves - timedelta(days=1)) < day


@pytest.mark.parametrize(
    ("at", "since", "until", "text", "expected"),
    [
        ("2025-06-18", "90 d", None, "2025-03-21", True),
        ("2025-06-18", "90 d", None, "2025-03-20", False),
        ("2025-06-18", "12 mo", None, "2024-06-18", False),
        ("2025-06-18", "12 mo", None, "2024-06-19", True),
        ("2024-02-29", "12 mo", None, "2023-02-28", False),
        ("2024-02-29", "12 mo", None, "2023-03-01", True),
        ("2025-06-18", "12 mo", "182 d", "2024-12-18", True),
        ("2025-06-18", "12 mo", "182 d", "2024-12-19", False),
        ("2025-06-18", "29 d", "15 d", "2025-05-21", True),
        ("2025-06-18", "29 d", "15 d", "2025-05-20", False),
        ("2025-06-18", "29 d", "15 d", "2025-06-03", True),
        ("2025-06-18", "29 d", "15 d", "2025-06-04", False),
        ("2025-06-18", "8 d", "1 d", "2025-06-17", True),
        ("2025-06-18", "8 d", "1 d", "2025-06-18", False),
        ("2025-06-18", "90 d", None, "2025-05", None),
        ("2025-06-18", "90 d", None, "2025", None),
        ("2025-06-18", "90 d", None, "2024", False),
        ("2025-06-18", "90 d", None, "2025-02", False),
        ("2025-06-18", "72 h", None, "2025-06-15T12:00:00Z", False),
        ("2025-06-18", "72 h", None, "2025-06-15T12:00:00.001Z", True),
        ("2025-06-18", "72 h", None, "2025-06-15", True),
        ("2025-06-18", "72 h", None, "2025-06-14", False),
        ("2025-06-18", "72 h", None, "2025-06", None),
        ("2025-06-18", "72 h", None, "2025-06-18T12:15:00Z", True),
        ("2025-06-18", "72 h", None, "2025-06-18T12:15:01Z", False),
    ],
)
def test_a_window_is_open_at_its_beginning_and_closed_at_its_end(at, since, until, text, expected):
    def length(words):
        value, code = words.split()
        return span(int(value), code)

    case = case_at(noon(at))
    window = Window(length(since), length(until) if until else Span())
    assert case.inside(case.moment(text), window) is expected


def test_a_day_is_the_patients_day():
    late = "2025-06-10T23:30:00Z"
    window = Window(Span(days=7))
    assert case_at(noon("2025-06-17")).inside(read_moment(late, UTC), window) is False
    vienna = case_at(noon("2025-06-17"), "Europe/Vienna")
    assert vienna.inside(vienna.moment(late), window) is True


def test_without_a_zone_the_offset_of_t_is_the_patients():
    at = datetime(2025, 6, 18, 1, tzinfo=timezone(timedelta(hours=10)))
    assert case_at(at, None).today == date(2025, 6, 18)
    assert case_at(at, "UTC").today == date(2025, 6, 17)
    assert zone_of(None, at).utcoffset(None) == timedelta(hours=10)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("2024-02", "2024-02-01", "2024-02-29"), ("2025", "2025-01-01", "2025-12-31"),
     ("2025-06-18", "2025-06-18", "2025-06-18"), ("2025-06-17T23:30:00Z", "2025-06-18", "2025-06-18"),
     ("2016-12-31T23:59:60Z", "2017-01-01", "2017-01-01"), ("1800", "1800-01-01", "1800-12-31"),
     ("2400", "2400-01-01", "2400-12-31")],
)  # fmt: skip
def test_a_date_spans_the_days_that_it_may_mean(text, first, last):
    moment = read_moment(text, VIENNA)
    assert (moment.first.isoformat(), moment.last.isoformat(), moment.text) == (first, last, text)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-06-18T12:00:00.5Z", datetime(2025, 6, 18, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2025-06-18T12:00:00.123456789Z", datetime(2025, 6, 18, 12, 0, 0, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_to_the_microsecond_and_beyond_a_leap_second(text, instant):
    assert read_moment(text, VIENNA).start == instant


def test_a_week_has_seven_days():
    assert span(2, "wk") == Span(days=14)


@pytest.mark.parametrize(
    "text", ["1799", "2401", "", "yesterday", "2025-13-01", "2025-02-30", "18.06.2025", 20250618, None]
)
def test_what_is_no_date_is_none(text):
    assert read_moment(text, UTC) is None


@pytest.mark.parametrize(
    ("born", "today", "years"),
    [("1960-06-18", "2025-06-18", 65), ("1960-06-19", "2025-06-18", 64), ("2004-02-29", "2025-02-28", 20),
     ("2004-02-29", "2025-03-01", 21)],
)  # fmt: skip
def test_age_is_in_whole_years(born, today, years):
    assert whole_years(date.fromisoformat(born), date.fromisoformat(today)) == years


def test_a_window_has_a_unit_that_calendars_know():
    with pytest.raises(Broken):
        span(3, "fortnight")
