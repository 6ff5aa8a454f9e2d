from __future__ import annotations

import hashlib
from contextlib import ExitStack

import pytest
from sqlalchemy import update

from fhir_svc.errors import Malformed
from fhir_svc.store import audit, cursors, ordering, patients, resources
from fhir_svc.store.tables import search
from fhir_svc.store.watermark import watermark

T = "north"
LOINC = "http://loinc.org"


def ids(tx, type_, params, **options):
    page = resources.search(tx, T, type_, params, **{"count": 100, **options})
    assert page.total == len(page.entries)
    return [one.id for one in page.entries]


@pytest.fixture
def filled(database, observation):
    with database.transaction() as tx:
        mine = [
            observation("a", effectiveDateTime="2024-03-05T10:00:00Z"),
            observation("b", status="amended", effectiveDateTime="2024-03"),
            observation("c", code="2160-0", effectivePeriod={"start": "2024-03-05", "end": "2024-03-07"}),
            observation("d", patient="p2", identifier=[{"system": "urn:lab", "value": "x|1"}]),
            observation("e", code="8867-4", basedOn=[{"reference": "ServiceRequest/s1/_history/2"}]),
        ]
        mine[4]["code"]["coding"].append({"code": "pulse"})
        for one in mine:
            resources.create(tx, T, one, patient=one["subject"]["reference"][8:], ours=False)
    return database


CASES = [
    ([("_id", "a,c,zz")], "ac"),
    ([("patient", "p2")], "d"),
    ([("patient", "Patient/p1")], "abce"),
    ([("subject", "Patient/p2")], "d"),
    ([("subject", "p2,p1")], "abcde"),
    ([("subject:Patient", "p2")], "d"),
    ([("subject", "Group/p2")], ""),
    ([("subject", "http://ehr.example/fhir/Patient/p2")], "d"),
    ([("code", "8867-4")], "abde"),
    ([("code", f"{LOINC}|8867-4")], "abde"),
    ([("code", "http://other|8867-4")], ""),
    ([("code", "|pulse")], "e"),
    ([("code", "|8867-4")], ""),
    ([("code", f"{LOINC}|")], "abcde"),
    ([("code", f"{LOINC}|2160-0,pulse")], "ce"),
    ([("code", "8867-4"), ("code", "pulse")], "e"),
    ([("code:not", "8867-4")], "c"),
    ([("subject", "http://ehr.example/fhir/Group/p2")], ""),
    ([("subject:Group", "p2")], ""),
    ([("subject:missing", "true")], ""),
    ([("patient:missing", "false"), ("code", "pulse")], "e"),
    ([("patient", "p1"), ("code:not", "8867-4")], "c"),
    ([("patient", "p1"), ("identifier", "urn:lab|x\\|1")], ""),
    ([("status", "amended")], "b"),
    ([("status", "final,amended"), ("patient", "p1")], "abce"),
    ([("status", "http://hl7.org/fhir/observation-status|amended")], "b"),
    ([("status:not", "final")], "b"),
    ([("status:missing", "true")], ""),
    ([("status:missing", "false"), ("status", "amended")], "b"),
    ([("status", "final"), ("patient", "p2")], "d"),
    ([("identifier", "urn:lab|x\\|1")], "d"),
    ([("identifier:missing", "true")], "abce"),
    ([("identifier:missing", "false")], "d"),
    ([("based-on", "ServiceRequest/s1")], "e"),
    ([("date", "2024-03-05")], "a"),
    ([("date", "eq2024-03")], "abc"),
    ([("date", "ne2024-03")], ""),
    ([("date", "ne2024-03-05")], "bc"),
    ([("date", "2024")], "abc"),
    ([("date", "gt2024-03-05")], "bc"),
    ([("date", "ge2024-03-05T10:00:00Z")], "abc"),
    ([("date", "lt2024-03-05")], "b"),
    ([("date", "le2024-03-05")], "ab"),
    ([("date", "sa2024-03-04")], "ac"),
    ([("date", "sa2024-03-05")], ""),
    ([("date", "eb2024-03-06")], "a"),
    ([("date", "eb2024-04")], "abc"),
    ([("date", "ap2024-03-05")], "abc"),
    ([("date", "ge2024-03-05"), ("date", "lt2024-03-06")], "abc"),
    ([("date", "2024-03-05T11:00:00+01:00")], "a"),
    ([("_lastUpdated", "ge2020")], "abcde"),
    ([("_lastUpdated", "lt2020")], ""),
]


@pytest.mark.parametrize(("params", "found"), CASES)
def test_search_finds_exactly_what_the_specification_says(filled, params, found):
    with filled.reading() as tx:
        assert "".join(ids(tx, "Observation", params)) == found


@pytest.mark.parametrize(
    ("type_", "resource", "params"),
    [
        ("QuestionnaireResponse", {"questionnaire": "http://q|1.0"}, [("questionnaire", "http://q|1.0")]),
        ("QuestionnaireResponse", {"questionnaire": "http://q|1.0"}, [("questionnaire", "http://q")]),
        ("QuestionnaireResponse", {"authored": "2024-01-05"}, [("authored", "2024-01")]),
        ("Task", {"for": {"reference": "Patient/p1"}, "priority": "stat"}, [("patient", "p1"), ("priority", "stat")]),
        ("Task", {"focus": {"reference": "ServiceRequest/1"}}, [("focus", "ServiceRequest/1")]),
        ("ServiceRequest", {"requisition": {"system": "u", "value": "r"}}, [("requisition", "u|r")]),
        ("ServiceRequest", {"authoredOn": "2024-01-05"}, [("authored", "gt2023")]),
        ("Procedure", {"performedDateTime": "2024-01-05"}, [("date", "2024-01-05")]),
        ("Device", {"patient": {"reference": "Patient/p1"}}, [("patient", "p1")]),
        ("AllergyIntolerance", {"patient": {"reference": "Patient/p1"}}, [("patient", "p1")]),
        ("Flag", {"subject": {"reference": "Patient/p1"}, "period": {"start": "2024"}}, [("date", "ge2030")]),
        ("Provenance", {"target": [{"reference": "ServiceRequest/1"}]}, [("target", "ServiceRequest/1")]),
        ("Patient", {"identifier": [{"system": "u", "value": "7"}]}, [("identifier", "u|7")]),
        ("GuidanceResponse", {"requestIdentifier": {"value": "s"}}, [("request", "s")]),
    ],
)
def test_every_type_is_found_by_its_own_parameters(database, type_, resource, params):
    with database.transaction() as tx:
        mine = {"resourceType": type_, "id": "x", **resource}
        resources.create(tx, T, mine, patient=patients.patient_of(mine), ours=False)
        assert ids(tx, type_, params) == ["x"]
        assert {name for name, _ in params} <= resources.PARAMETERS[type_]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, "abcde"),
        ("_id", "abcde"),
        ("-_id", "edcba"),
        ("-date,_id", "bcade"),
        ("date,_id", "bcade"),
        ("status,-_id", "bedca"),
        ("-status,_id", "acdeb"),
        ("-patient,_id", "dabce"),
        ("_lastUpdated,-_id", None),
    ],
)
@pytest.mark.parametrize("count", [1, 2, 100])
def test_pages_follow_one_another_without_gap_or_repetition(filled, sort, order, count):
    with filled.reading() as tx:
        seen, cursor = [], None
        while True:
            page = resources.search(tx, T, "Observation", [], sort=sort, count=count, cursor=cursor)
            seen += [one.id for one in page.entries]
            assert page.total == 5
            cursor = page.next
            if cursor is None:
                break
    assert sorted(seen) == list("abcde")
    assert order is None or "".join(seen) == order


SORTS = [
    None,
    "_id",
    "_lastUpdated",
    "-_lastUpdated",
    "date",
    "-date",
    "status",
    "-status,date",
    "code",
    "-code",
    "identifier",
]
STATUSES = ["final", "amended", "corrected", "preliminary"]
EIGHT = [f"o{number}" for number in range(8)]


def shuffled(observation, name, turn):
    """An Observation whose values are others each time."""
    chance = int.from_bytes(hashlib.sha256(f"{name} {turn}".encode()).digest()[:8])
    more = {} if chance % 5 == 0 else {"identifier": [{"system": "u", "value": f"V-{chance % 7}"}]}
    one = observation(name, status=STATUSES[chance % 4], effectiveDateTime=f"2024-01-{chance % 28 + 1:02}", **more)
    one["code"]["coding"] = [{"code": f"{letter}-{chance % 3}"} for letter in ("aB", "c", "aC", "BD")[chance % 4]]
    return one


def rewrite(tx, observation, turn, *names):
    """Write these Observations, with other values each turn."""
    for name in names:
        resources.put(tx, T, shuffled(observation, name, turn), patient="p1", ours=False)


def turned(database, sort, meanwhile, *, count=3):
    """The ids on all pages, in order; `meanwhile(turn)` is done after each page."""
    seen, cursor, turn = [], None, 0
    while turn == 0 or cursor:
        with database.reading() as tx:
            complete = watermark(tx, T)
        with database.reading() as tx:
            params = [("patient", "p1")]
            page = resources.search(
                tx, T, "Observation", params, sort=sort, count=count, cursor=cursor, complete=complete
            )
        seen += [one.id for one in page.entries]
        cursor, turn = page.next, turn + 1
        assert turn < 30
        meanwhile(turn)
    return seen


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("audited", [True, False])
def test_pages_stay_whole_while_others_write(database, observation, sort, audited):
    def write(turn):
        with database.transaction() as tx:
            some = [number for number in range(12) if (number + turn) % 3 or turn == 0]
            rewrite(tx, observation, turn, *(f"o{number}" for number in some))
            resources.create(tx, T, observation(f"new{turn}"), patient="p1", ours=False)
            if audited:
                audit.record(tx, T, {"resourceType": "AuditEvent"})

    write(0)
    with database.reading() as tx:
        page = resources.search(tx, T, "Observation", [("patient", "p1")], sort=sort, count=100)
    assert turned(database, sort, write) == [one.id for one in page.entries]  # the order of the first page


@pytest.mark.postgres
@pytest.mark.parametrize("sort", SORTS)
def test_pages_stay_whole_while_what_was_written_before_appears(postgres_database, observation, sort):
    database, turns = postgres_database, []
    with database.transaction() as tx:
        rewrite(tx, observation, 0, *(f"o{number}" for number in range(9)))
    with ExitStack() as under_way:
        for turn in (1, 2):
            tx = under_way.enter_context(database.transaction())
            rewrite(tx, observation, turn, f"o{turn}", f"o{9 - turn}", f"late{turn}")
        with database.transaction() as tx:  # begins and ends while those are under way
            rewrite(tx, observation, 3, "o0", "o5")

        def write(turn):
            turns.append(turn)
            under_way.close()
            with database.transaction() as tx:
                rewrite(tx, observation, 5 + turn, "late1", "o3", "late2")

        with database.reading() as tx:
            page = resources.search(tx, T, "Observation", [("patient", "p1")], sort=sort, count=100)
        seen = turned(database, sort, write)
    assert [one for one in seen if not one.startswith("late")] == [one.id for one in page.entries]
    assert len(set(seen)) == len(seen)
    assert len(turns) > 2


def test_where_too_much_has_changed_the_first_page_is_asked_for_again(database, observation, monkeypatch):
    monkeypatch.setattr(ordering, "MOST_CHANGED", 5)

    def write(turn):
        with database.transaction() as tx:
            rewrite(tx, observation, turn, *EIGHT)
            audit.record(tx, T, {"resourceType": "AuditEvent"})

    write(0)
    with pytest.raises(Malformed) as refused:
        turned(database, "-date", write)
    assert [one.expression for one in refused.value.issues] == ["http._page"]
    assert len(turned(database, "_id", write)) == 8


def test_a_page_link_stays_short_where_much_was_written_just_before(database, observation, monkeypatch):
    monkeypatch.setattr(ordering, "MOST_SHOWN", 3)

    def write(turn):
        with database.transaction() as tx:
            rewrite(tx, observation, turn, *EIGHT)

    write(0)
    with database.reading() as tx:
        page = resources.search(tx, T, "Observation", [("patient", "p1")], sort="-date", count=100)
    assert turned(database, "-date", write) == [one.id for one in page.entries]


def test_most_urgent_first_is_an_order(database):
    with database.transaction() as tx:
        for priority in ("urgent", "routine", "stat", "asap"):
            task = {"resourceType": "Task", "id": priority, "status": "requested", "priority": priority}
            resources.create(tx, T, task, patient="p1", ours=True)
        assert ids(tx, "Task", [], sort="-priority") == ["stat", "asap", "urgent", "routine"]


def test_counting_reads_no_resource(filled):
    with filled.reading() as tx:
        page = resources.search(tx, T, "Observation", [("code", "8867-4")], count=0)
    assert (page.total, page.entries, page.next) == (4, [], None)


@pytest.mark.parametrize(
    ("params", "options"),
    [
        ([("colour", "red")], {}),
        ([("date", "yesterday")], {}),
        ([("date", "2024-13-01")], {}),
        *(
            ([(name, value)], {})
            for name in ("_lastUpdated", "_id", "status", "code:not", "patient")
            for value in ("", ",")
        ),
        ([("subject.name", "x")], {}),
        ([("code:above", "x")], {}),
        ([("subject:Patient.name", "Erin")], {}),
        ([("subject:identifier", "urn:mrn|7")], {}),
        ([("based-on:ServiceRequest.status", "draft")], {}),
        ([("based-on:identifier", "urn:lab|1")], {}),
        ([], {"sort": "colour"}),
        ([], {"cursor": "forged"}),
        ([], {"cursor": "WyJ4Iiwy"}),
        ([], {"sort": "status", "cursor": cursors.write(1, 1, "x.y", "final", 1)}),
        ([], {"sort": "status", "cursor": cursors.write(1, "final", 1)}),
        ([], {"cursor": "Wzk5OTk5OTk5OTk5OTk5OTk5OSwyXQ"}),
    ],
)
def test_what_cannot_be_asked_is_refused(filled, params, options):
    with pytest.raises(Malformed), filled.reading() as tx:
        resources.search(tx, T, "Observation", params, count=5, **options)


LONG = "é" + "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(120))  # nothing to compress
NEARLY = f"{LONG[:-1]}x"


@pytest.mark.parametrize(
    ("element", "params", "others"),
    [
        (
            {"identifier": [{"system": "urn:lab", "value": LONG}]},
            [[("identifier", LONG)], [("identifier", f"urn:lab|{LONG}")]],
            [[("identifier", NEARLY)], [("identifier", f"urn:other|{LONG}")], [("identifier", LONG[:-1])]],
        ),
        (
            {"identifier": [{"system": f"urn:{LONG}", "value": "7"}]},
            [[("identifier", "7")], [("identifier", f"urn:{LONG}|7")], [("identifier", f"urn:{LONG}|")]],
            [[("identifier", f"urn:{NEARLY}|7")], [("identifier", f"urn:{NEARLY}|")]],
        ),
        (
            {"code": {"coding": [{"system": f"urn:{LONG}", "code": LONG}]}},
            [[("code", LONG)], [("code", f"urn:{LONG}|{LONG}")]],
            [[("code", NEARLY)], [("code", f"urn:{NEARLY}|{LONG}")], [("code:not", LONG)]],
        ),
        (
            {"basedOn": [{"reference": f"https://ehr.example/{LONG}/ServiceRequest/1"}]},
            [[("based-on", f"https://ehr.example/{LONG}/ServiceRequest/1")]],
            [[("based-on", f"https://ehr.example/{NEARLY}/ServiceRequest/1")]],
        ),
    ],
)
def test_what_is_too_long_for_an_index_is_found_by_all_of_it_and_by_nothing_else(
    database, observation, element, params, others
):
    with database.transaction() as tx:
        resources.create(tx, T, observation("long") | element, patient="p1", ours=False)
    with database.reading() as tx:
        assert [ids(tx, "Observation", one) for one in params] == [["long"]] * len(params)
        assert [ids(tx, "Observation", one) for one in others] == [[]] * len(others)


def test_a_canonical_url_may_be_as_long_as_it_likes(database):
    form = {"resourceType": "QuestionnaireResponse", "id": "x", "questionnaire": f"urn:{LONG}|{LONG}"}
    with database.transaction() as tx:
        resources.create(tx, T, form, patient="p1", ours=False)
        for asked, found in ((f"urn:{LONG}|{LONG}", ["x"]), (f"urn:{LONG}", ["x"]), (f"urn:{NEARLY}", [])):
            assert ids(tx, "QuestionnaireResponse", [("questionnaire", asked)]) == found


def test_a_person_with_a_long_identifier_is_known_again(database):
    person = {"resourceType": "Patient", "id": "a", "identifier": [{"system": "urn:mrn", "value": LONG}]}
    with database.transaction() as tx:
        assert patients.identify(tx, T, person, ["urn:mrn"]) is None
        resources.create(tx, T, person, patient="a", ours=False)
        assert patients.identify(tx, T, person, ["urn:mrn"]) == "a"
        other = person | {"identifier": [{"system": "urn:mrn", "value": NEARLY}]}
        assert patients.identify(tx, T, other, ["urn:mrn"]) is None


def test_a_long_identifier_is_matched_and_so_is_one_that_was_kept_whole(sqlite_database, observation):
    long = observation("long", identifier=[{"system": "urn:lab", "value": LONG}])
    with sqlite_database.transaction() as tx:
        resources.create(tx, T, long, patient="p1", ours=False)
        for _ in range(2):
            assert [one.id for one in resources.match_identifier(tx, T, "Observation", "urn:lab", LONG)] == ["long"]
            assert ids(tx, "Observation", [("identifier", f"urn:lab|{LONG}")]) == ["long"]
            assert resources.match_identifier(tx, T, "Observation", "urn:lab", NEARLY) == []
            kept_whole = update(search).where(search.c.field == "Observation.identifier").values(value=LONG)
            assert tx.execute(kept_whole).rowcount == 1  # as it was before values were shortened


def test_values_that_repeat_count_once(filled):
    with filled.reading() as tx:
        assert ids(tx, "Observation", [("patient", ",".join(["p2"] * 5000))]) == ["d"]
        assert ids(tx, "Observation", [("identifier", ",".join(["urn:lab|x\\|1"] * 5000))]) == ["d"]
        assert ids(tx, "Observation", [("code", "pulse")] * 5000) == ["e"]
        assert ids(tx, "Observation", [("code", "pulse")], sort=",".join(["date", "-_id"] * 500)) == ["e"]


@pytest.mark.parametrize(("name", "value", "found"), [("status", "amended", "b"), ("date", "2024-03-05", "a")])
def test_an_alternative_that_is_empty_is_none(filled, name, value, found):
    with filled.reading() as tx:
        for asked in (f"{value},", f",{value}", f" ,{value}"):
            assert "".join(ids(tx, "Observation", [(name, asked)])) == found


def test_many_ids_may_be_asked_for_at_once(filled):
    with filled.reading() as tx:
        assert ids(tx, "Observation", [("_id", ",".join(["a", "c", *map(str, range(1000))]))]) == ["a", "c"]


@pytest.mark.parametrize(
    ("params", "place"),
    [
        ([("patient", ",".join(map(str, range(101))))], "http.patient"),
        ([("code:not", ",".join(map(str, range(1500))))], "http.code"),
        ([("date", ",".join(f"{year:04}" for year in range(1, 500)))], "http.date"),
        ([("_id", ",".join(map(str, range(70_000))))], "http._id"),
        ([("code", str(one)) for one in range(31)], "http"),
        ([("date", ",".join(f"{first + year}" for year in range(70))) for first in (1000, 2000, 3000)], "http"),
    ],
)
def test_more_than_anybody_means_to_ask_is_refused(filled, params, place):
    with pytest.raises(Malformed) as refused, filled.reading() as tx:
        resources.search(tx, T, "Observation", params, count=5)
    assert [(one.code, one.expression) for one in refused.value.issues] == [("too-costly", place)]


@pytest.mark.parametrize(
    "params",
    [[("code", "\0")], [("patient", "p\x001")], [("_id", "a,\0")], [("identifier", "urn:lab|\0")], [("code:\0", "x")]],
)
def test_what_no_database_can_hold_is_not_looked_for(filled, params):
    with pytest.raises(Malformed) as refused, filled.reading() as tx:
        resources.search(tx, T, "Observation", params, count=5)
    (told,) = refused.value.issues
    assert (told.code, told.error) == ("value", "bad-search-value")
    assert "\0" not in f"{told.text}{told.expression}"


def test_an_identifier_matches_exactly(filled):
    with filled.reading() as tx:
        assert [one.id for one in resources.match_identifier(tx, T, "Observation", "urn:lab", "x|1")] == ["d"]
        assert resources.match_identifier(tx, T, "Observation", "urn:other", "x|1") == []
        assert resources.match_identifier(tx, "south", "Observation", "urn:lab", "x|1") == []
