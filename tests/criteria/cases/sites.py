"""What a site may choose, and what it may not."""

from __future__ import annotations

from tests.criteria.cases.building import calm, day, injection, report
from tests.criteria.cases.checking import Case
from tests.criteria.cases.presentations import AFTER_RELIEF, CAUDA, CLAUDICATION, SADDLE, SEEN_STENOSIS, WISH

THREE = [injection(day(300)), injection(day(200)), injection(day(100))]
SITES = [
    Case(
        "a cap of four: the fourth is the last",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, THREE],
        "ROUTINE",
        "ESI:routine",
        met="R21",
        flags="ESI_LAST_IN_WINDOW",
        values={"epidural-cap": 4},
    ),
    Case(
        "a cap of two",
        [calm(AFTER_RELIEF), SEEN_STENOSIS, injection(day(300)), injection(day(100))],
        "ROUTINE",
        "",
        not_met="R21",
        flags="ESI_CAP_REACHED",
        values={"epidural-cap": 2},
    ),
    Case(
        "no epidurals for claudication",
        [calm(AFTER_RELIEF | CLAUDICATION), SEEN_STENOSIS, injection(day(100))],
        orders="",
        not_met="R21",
        values={"epidurals-for-claudication": False},
    ),
    Case(
        "no routine imaging outside specialist care",
        [calm(WISH)],
        orders="",
        not_met="R11",
        values={"imaging-outside-specialist-care": False},
    ),
    Case(
        "emergency imaging all the same",
        [calm(SADDLE)],
        "EMERGENCY",
        CAUDA,
        met="R01",
        values={"imaging-outside-specialist-care": False},
    ),
    Case(
        "a shorter window for earlier imaging",
        [calm(WISH), report(day(100))],
        "ROUTINE",
        "MRI_L_WO:routine",
        met="R11",
        values={"imaging-window-days": 90},
    ),
]

TABLES = {"sites": SITES}
