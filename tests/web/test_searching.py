"""Search: what it finds, how it is paged, and what it says about parameters that it does not know."""

import pytest

from fhir_svc.errors import Unavailable
from fhir_svc.store import audit, resources
from fhir_svc.store import database as database_module
from tests.web.cast import codes, intake_form, observation, transaction


@pytest.fixture(scope="module")
def stocked(shared_house):
    """Twelve Observations of p1 on twelve days, one of p2, one form."""
    entries = [
        ("PUT", f"Observation/o{day}", observation(id=f"o{day}", effectiveDateTime=f"2026-01-{day:02}T08:00:00Z"))
        for day in range(1, 13)
    ]
    shared_house.call("POST", "/fhir", transaction(*entries))
    shared_house.call("PUT", "/fhir/Observation/other", observation("Patient/p2", id="other", status="amended"))
    shared_house.call("PUT", "/fhir/QuestionnaireResponse/f1", intake_form(id="f1"))
    return shared_house


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("", 13),
        ("patient=p1", 12),
        ("subject=Patient/p2", 1),
        ("patient=Patient/p1&date=ge2026-01-10", 3),
        ("_id=o1,o2", 2),
        ("status=amended", 1),
        ("code=http://loinc.org|8310-5", 13),
        ("code=8310-5&patient=p2", 1),
        ("patient=nobody", 0),
    ],
)
def test_a_search_finds_what_matches_whether_got_or_posted(stocked, query, total):
    got = stocked.call("GET", f"/fhir/Observation?{query}").json
    assert (got["type"], got["total"]) == ("searchset", total)
    posted = stocked.call(
        "POST",
        "/fhir/Observation/_search",
        query,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ).json
    assert posted["total"] == total


def test_pages_follow_each_other_without_gap_or_repetition(stocked):
    path, seen = "/fhir/Observation?patient=p1&_count=5&_sort=-date", []
    while path:
        page = stocked.call("GET", path).json
        assert page["total"] == 12
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        path = links.get("next", "").removeprefix("http://localhost")
        assert "patient=" not in path  # sealed: an address of ours names nobody
    assert seen == [f"o{day}" for day in range(12, 0, -1)]


def test_entries_carry_their_address_and_mode(stocked):
    entry = stocked.call("GET", "/fhir/Observation?_id=o3").json["entry"][0]
    assert entry["fullUrl"] == "http://localhost/fhir/Observation/o3"
    assert entry["search"] == {"mode": "match"}


@pytest.mark.parametrize("query", ["_summary=count", "_count=0", "patient=p1&_summary=count"])
def test_only_the_number_may_be_asked(stocked, query):
    found = stocked.call("GET", f"/fhir/Observation?{query}").json
    assert "entry" not in found
    assert found["total"] >= 12


def test_an_unknown_parameter_is_ignored_and_said(stocked):
    found = stocked.call("GET", "/fhir/Observation?patient=p2&secret-name=secret-value").json
    assert found["total"] == 1
    told = found["entry"][-1]
    assert told["search"] == {"mode": "outcome"}
    assert "secret" not in str(told)


def test_an_unknown_parameter_is_refused_where_strictness_is_preferred(stocked):
    answer = stocked.call("GET", "/fhir/Observation?nonsense=1", headers={"Prefer": "handling=strict"})
    assert (answer.status_code, codes(answer)) == (400, ["unsupported-parameter"])
    assert answer.json["issue"][0]["expression"] == ["http"]
    assert (
        stocked.call("GET", "/fhir/Observation?_format=json", headers={"Prefer": "handling=strict"}).status_code == 200
    )


def find(house, kind, query, **more):
    if kind == "AuditEvent":
        return house.as_person("ada", "GET", f"/fhir/{kind}?{query}", **more)
    return house.call("GET", f"/fhir/{kind}?{query}", **more)


@pytest.mark.parametrize("posted", [False, True])
@pytest.mark.parametrize(
    "query", ["status=", "patient=&patient=", "date=", "_lastUpdated=", "_id=,", "code:not=", "_sort=", "_count=%20"]
)
def test_a_parameter_without_a_value_is_ignored_and_said(stocked, query, posted):
    if posted:
        found = stocked.call("POST", "/fhir/Observation/_search", query, headers=POSTED).json
    else:
        found = stocked.call("GET", f"/fhir/Observation?{query}").json
    assert found["total"] == 13
    assert found["entry"][-1]["search"] == {"mode": "outcome"}
    assert self_of(found) == "/fhir/Observation?_count=50"


@pytest.mark.parametrize("kind", ["Observation", "AuditEvent", "Subscription", "Questionnaire"])
def test_a_parameter_without_a_value_is_refused_where_strictness_is_preferred(stocked, kind):
    for query in ("_id=", "_sort="):
        assert find(stocked, kind, query).json["entry"][-1]["search"] == {"mode": "outcome"}
        answer = find(stocked, kind, query, headers={"Prefer": "handling=strict"})
        assert (answer.status_code, codes(answer)) == (400, ["unsupported-parameter"])


def test_a_condition_of_a_write_ignores_nothing(house):
    headers = {"If-None-Exist": "identifier="}
    answer = house.call("POST", "/fhir/Observation", observation(), headers=headers)
    assert (answer.status_code, codes(answer)) == (400, ["bad-search-value"])


@pytest.mark.parametrize(
    ("kind", "sort", "status"),
    [
        ("AuditEvent", "date", 200),
        ("AuditEvent", "-_lastUpdated", 200),
        ("AuditEvent", "agent", 400),
        ("Questionnaire", "_id", 200),
        ("Questionnaire", "name", 200),
        ("Questionnaire", "item", 400),
    ],
)
def test_an_order_is_kept_to_or_refused(stocked, kind, sort, status):
    answer = find(stocked, kind, f"_sort={sort}")
    assert answer.status_code == status
    if status == 200:
        assert f"_sort={sort}" in self_of(answer.json)
    else:
        assert (codes(answer), answer.json["issue"][0]["expression"]) == (["bad-sort"], ["http._sort"])


@pytest.mark.parametrize(
    "query", ["date=nonsense", "_count=x", "_count=-1", "_count=1&_count=2", "_sort=nonsense", "_page=forged", "_page="]
)
def test_a_search_for_an_unusable_value_is_refused_without_repeating_it(stocked, query):
    answer = stocked.call("GET", f"/fhir/Observation?{query}")
    assert answer.status_code == 400
    assert "nonsense" not in answer.text


def test_a_page_link_is_of_no_use_to_another_tenant_or_type(stocked):
    links = stocked.call("GET", "/fhir/Observation?_count=1").json["link"]
    following = next(link["url"] for link in links if link["relation"] == "next").removeprefix("http://localhost")
    assert stocked.call("GET", following, client="south-ehr").status_code == 400
    assert stocked.call("GET", following.replace("Observation", "Condition")).status_code == 400


def test_another_tenant_finds_and_reads_nothing(stocked):
    assert stocked.call("GET", "/fhir/Observation", client="south-ehr").json["total"] == 0
    there, nowhere = (stocked.call("GET", f"/fhir/Observation/{name}", client="south-ehr") for name in ("o1", "none"))
    assert (there.status_code, there.data) == (nowhere.status_code, nowhere.data)


def test_every_served_type_can_be_searched(stocked):
    for rest in stocked.call("GET", "/fhir/metadata").json["rest"][0]["resource"]:
        if rest["type"] not in {"AuditEvent", "Bundle"}:
            assert stocked.call("GET", f"/fhir/{rest['type']}").status_code == 200, rest["type"]


def test_the_knowledge_is_read_and_searched(stocked):
    url = "https://example.org/fhir-svc/Questionnaire/lbp-lss-intake"
    read = stocked.call("GET", "/fhir/Questionnaire/lbp-lss-intake")
    assert (read.status_code, read.json["url"]) == (200, url)
    found = stocked.call("GET", "/fhir/Questionnaire", query_string={"url": url}).json
    assert (found["total"], found["entry"][0]["resource"]["id"]) == (1, "lbp-lss-intake")
    paged = stocked.call("GET", "/fhir/CodeSystem?_count=2").json
    assert len(paged["entry"]) == 2
    assert stocked.call("GET", "/fhir/Questionnaire/none").status_code == 404
    assert stocked.call("GET", "/fhir/Questionnaire/lbp-lss-intake/_history/1").status_code == 200


def test_a_modifier_is_understood_or_refused_but_the_parameter_is_not_called_unknown(stocked):
    assert stocked.call("GET", "/fhir/Observation?_id:missing=true").json["total"] == 0
    assert stocked.call("GET", "/fhir/Observation?_id:missing=false").json["total"] == 13
    answer = stocked.call("GET", "/fhir/Observation?_lastUpdated:exact=2026")
    assert (answer.status_code, codes(answer)) == (400, ["bad-modifier"])


def self_of(found):
    return next(link["url"] for link in found["link"] if link["relation"] == "self").removeprefix("http://localhost")


@pytest.mark.parametrize("posted", [False, True])
def test_the_self_link_says_what_counted_and_hides_who_is_meant(stocked, posted):
    query = "patient=p1&status=final&nonsense=1&date=ge2026-01-10&_count=2&_sort=-date"
    if posted:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        found = stocked.call("POST", "/fhir/Observation/_search", query, headers=headers).json
    else:
        found = stocked.call("GET", f"/fhir/Observation?{query}").json
    said = self_of(found)
    assert "status=final&date=ge2026-01-10&_sort=-date&_count=2&_page=" in said
    assert "p1" not in said.partition("&_page=")[0]
    assert "nonsense" not in said
    again = stocked.call("GET", said).json
    assert [entry["fullUrl"] for entry in again["entry"]] == [entry["fullUrl"] for entry in found["entry"][:2]]


def test_the_self_link_of_a_later_page_leads_to_that_page(stocked):
    first = stocked.call("GET", "/fhir/Observation?_count=3").json
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = stocked.call("GET", following.removeprefix("http://localhost")).json
    assert stocked.call("GET", self_of(second)).json["entry"] == second["entry"]
    assert self_of(first) == "/fhir/Observation?_count=3"
    assert self_of(stocked.call("GET", "/fhir/Observation?_summary=count").json) == "/fhir/Observation?_summary=count"
    only = self_of(stocked.call("GET", "/fhir/Observation?_summary=count&patient=p1").json)
    assert "entry" not in stocked.call("GET", only).json


POSTED = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("path", "looks"), [("/fhir/Observation?_id=o1", "search"), ("/fhir/Observation/o1/_history", "history")]
)
def test_while_somebody_looks_others_can_write(house, monkeypatch, path, looks):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    look, wrote = getattr(resources, looks), []

    def looking(*args, **more):
        with monkeypatch.context() as hasty:
            hasty.setattr(database_module, "PATIENCE", 5.0)  # a writer's turn that nobody holds comes at once
            with house.database.transaction() as tx:
                resources.create(tx, "north", observation(id="o2"), patient="p1", ours=False)
                wrote.append(path)
        return look(*args, **more)

    monkeypatch.setattr(resources, looks, looking)
    answer = house.call("GET", path)
    assert (answer.status_code, answer.json["total"], wrote) == (200, 1, [path])


@pytest.mark.parametrize(
    "path", ["/fhir/Observation?patient=p1", "/fhir/Observation/o1/_history", "/fhir/Observation/o1"]
)
def test_what_the_audit_cannot_tell_of_is_not_shown(house, monkeypatch, path):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    assert house.call("GET", path).status_code == 200

    def full(*_):
        raise Unavailable("The database can't store anything now.", code="no-store")

    monkeypatch.setattr(audit, "record", full)
    answer = house.call("GET", path)
    assert (answer.status_code, codes(answer)) == (503, ["unavailable"])


@pytest.mark.parametrize("how", ["address", "form", "batch"])
@pytest.mark.parametrize(
    ("kind", "query", "place"),
    [
        ("Observation", "code=" + ",".join(map(str, range(101))), "http.code"),
        ("Observation", "&".join(f"code={one}" for one in range(31)), "http"),
        ("Questionnaire", "url=" + ",".join(map(str, range(101))), "http"),
    ],
)
def test_a_search_for_more_than_anybody_means_is_refused_however_it_is_sent(stocked, how, kind, query, place):
    if how == "batch":
        body = transaction(("GET", f"{kind}?{query}", None), kind="batch")
        response = stocked.call("POST", "/fhir", body).json["entry"][0]["response"]
        assert response["status"].startswith("400")
        (issue,), place = response["outcome"]["issue"], "Bundle.entry[0].request.url"
    elif how == "form":
        (issue,) = stocked.call("POST", f"/fhir/{kind}/_search", query, headers=POSTED).json["issue"]
    else:
        (issue,) = stocked.call("GET", f"/fhir/{kind}?{query}").json["issue"]
    assert (issue["code"], issue["expression"]) == ("too-costly", [place])


def test_a_value_that_is_repeated_is_looked_for_once_and_its_page_links_stay_short(stocked):
    query = "_count=5&patient=" + ",".join(["p1"] * 20_000)
    found = stocked.call("POST", "/fhir/Observation/_search", query, headers=POSTED).json
    assert (found["total"], len(found["entry"])) == (12, 5)
    assert all(len(link["url"]) < 1000 for link in found["link"])


def following(found):
    links = {link["relation"]: link["url"] for link in found["link"]}
    return links.get("next", "").removeprefix("http://localhost")


def test_whoever_asks_on_from_where_a_search_was_complete_misses_nothing(house):
    for number in range(4):
        house.call("PUT", f"/fhir/Observation/o{number}", observation(id=f"o{number}"))
    path, told = "/fhir/Observation?_sort=_lastUpdated&_count=2", []
    while path:
        found = house.call("GET", path).json
        told.append(found["meta"]["lastUpdated"])
        late = f"late{len(told)}"
        house.call("PUT", f"/fhir/Observation/{late}", observation(id=late))
        path = following(found)
    assert len(told) == 2
    assert len(set(told)) == 1  # a later page does not forget what came while pages were turned
    later = house.call("GET", f"/fhir/Observation?_lastUpdated=ge{told[0]}").json
    assert {entry["resource"]["id"] for entry in later["entry"]} >= {"late1", "late2"}
    assert house.call("GET", "/fhir/Observation?_summary=count").json["meta"]["lastUpdated"] >= told[0]


def test_a_search_in_a_bundle_says_so_too(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    for kind in ("batch", "transaction"):
        body = transaction(
            ("GET", "Observation?status=final", None), ("GET", "Observation/o1/_history", None), kind=kind
        )
        entries = house.call("POST", "/fhir", body).json["entry"]
        assert all(entry["resource"]["meta"]["lastUpdated"] > "2026" for entry in entries)


def test_the_audit_says_so_too(house):
    first = house.as_person("ada", "GET", "/fhir/AuditEvent").json
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    since = first["meta"]["lastUpdated"]
    later = house.as_person("ada", "GET", f"/fhir/AuditEvent?date=ge{since}&entity=Observation/o1/_history/1").json
    assert later["total"] == 1
