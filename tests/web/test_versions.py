"""Updates make versions, which are read and listed; a late one is kept, and a precondition is kept to."""

from tests.web.cast import BASE, codes, due, guidance_of, observation, patient


def test_a_precondition_that_nothing_meets_is_refused_and_named(house):
    for header, value in (("If-Match", "*"), ("If-Match", 'W/"1"')):
        answer = house.call("PUT", "/fhir/Observation/o1", observation(id="o1"), headers={header: value})
        assert (answer.status_code, answer.json["issue"][0]["expression"]) == (412, [f"http.{header}"])
    assert house.call("GET", "/fhir/Observation/o1").status_code == 404


def test_an_update_creates_then_versions_then_does_nothing(house):
    put = lambda **changes: house.call("PUT", "/fhir/Observation/o1", observation(id="o1", **changes))  # noqa: E731
    assert (first := put()).status_code == 201
    assert first.headers["Location"] == f"{BASE}/Observation/o1/_history/1"
    changed = put(status="amended")
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    assert guidance_of(changed) != guidance_of(first)
    same = put(status="amended")
    assert (same.status_code, same.headers["ETag"], same.headers.get("Link")) == (200, 'W/"2"', None)
    back = put()
    assert (back.status_code, back.headers["ETag"]) == (200, 'W/"3"')
    assert len(due(house)) == 3


def test_if_match_must_name_the_current_version(house):
    put = lambda match, **changes: house.call(  # noqa: E731
        "PUT", "/fhir/Observation/o1", observation(id="o1", **changes), headers={"If-Match": match}
    )
    missing = put('W/"1"')
    assert (missing.status_code, codes(missing)) == (412, ["version-conflict"])
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    assert put('W/"1"', status="amended").status_code == 200
    assert put('W/"1"', status="corrected").status_code == 412
    assert put("nonsense").status_code == 400


def test_a_late_version_is_kept_but_not_current_and_not_evaluated(house):
    put = lambda at, status: house.call(  # noqa: E731
        "PUT", "/fhir/Observation/o1", observation(id="o1", status=status, meta={"lastUpdated": at})
    )
    put("2026-03-02T00:00:00Z", "amended")
    late = put("2026-03-01T00:00:00Z", "final")
    assert (late.status_code, late.headers.get("Link")) == (200, None)
    assert house.call("GET", "/fhir/Observation/o1").json["status"] == "amended"
    assert len(house.call("GET", "/fhir/Observation/o1/_history").json["entry"]) == 2
    assert len(due(house)) == 1


def test_versions_are_read_and_listed(house):
    for status in ("final", "amended"):
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1", status=status))
    assert house.call("GET", "/fhir/Observation/o1/_history/1").json["status"] == "final"
    assert house.call("GET", "/fhir/Observation/o1/_history/2").json["status"] == "amended"
    assert house.call("GET", "/fhir/Observation/o1/_history/3").status_code == 404
    listed = house.call("GET", "/fhir/Observation/o1/_history").json
    assert (listed["type"], listed["total"]) == ("history", 2)
    assert [entry["resource"]["meta"]["versionId"] for entry in listed["entry"]] == ["2", "1"]


def test_what_the_caller_has_already_is_not_sent_again(house):
    house.call("PUT", "/fhir/Observation/o1", observation(id="o1"))
    answer = house.call("GET", "/fhir/Observation/o1", headers={"If-None-Match": 'W/"1"'})
    assert (answer.status_code, answer.data) == (304, b"")
    assert house.call("GET", "/fhir/Observation/o1", headers={"If-None-Match": 'W/"2"'}).status_code == 200


def test_create_only_never_overwrites(house):
    only_new = {"If-None-Match": "*"}
    first = house.call("PUT", "/fhir/Patient/a", patient("1", id="a"), headers=only_new)
    again = house.call("PUT", "/fhir/Patient/a", patient("1", id="a", gender="male"), headers=only_new)
    assert [first.status_code, again.status_code] == [201, 412]
    assert house.call("GET", "/fhir/Patient/a").json["gender"] == "female"


def test_whoever_sends_a_late_version_is_told_unless_they_asked_for_something_else(house):
    def put(at, status, **headers):
        body = observation(id="o1", status=status, meta={"lastUpdated": at})
        return house.call("PUT", "/fhir/Observation/o1", body, headers=headers)

    put("2026-03-02T00:00:00Z", "amended")
    told = put("2026-03-01T00:00:00Z", "final")
    assert (told.status_code, codes(told)) == (200, ["stored-late"])
    shown = put("2026-02-01T00:00:00Z", "preliminary", Prefer="return=representation")
    assert shown.json["status"] == "preliminary"


def test_a_long_history_is_read_in_pages(house):
    for number in range(5):
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1", note=[{"text": str(number)}]))
    path, seen = "/fhir/Observation/o1/_history?_count=2", []
    while path:
        page = house.call("GET", path).json
        assert page["total"] == 5
        assert len(page["entry"]) <= 2
        seen += [entry["resource"]["meta"]["versionId"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        path = links.get("next", "").removeprefix("http://localhost")
    assert seen == ["5", "4", "3", "2", "1"]
    assert "entry" not in house.call("GET", "/fhir/Observation/o1/_history?_count=0").json
    assert house.call("GET", "/fhir/Observation/o1/_history?_count=x").status_code == 400
    house.call("PUT", "/fhir/Observation/o2", observation(id="o2"))
    forged = links_of(house, "o1")["next"].replace("/o1/", "/o2/")
    assert house.call("GET", forged).status_code == 400


def links_of(house, name):
    page = house.call("GET", f"/fhir/Observation/{name}/_history?_count=1").json
    return {link["relation"]: link["url"].removeprefix("http://localhost") for link in page["link"]}


def test_a_history_is_asked_for_since_a_moment(house):
    for status in ("preliminary", "final", "amended"):
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1", status=status))
    versions = house.call("GET", "/fhir/Observation/o1/_history").json["entry"]
    since = versions[1]["resource"]["meta"]["lastUpdated"]
    path, seen = f"/fhir/Observation/o1/_history?_since={since}&_count=1", []
    while path:
        found = house.call("GET", path).json
        seen += [entry["resource"]["meta"]["versionId"] for entry in found["entry"]]
        assert found["total"] == 2
        following = (link["url"] for link in found["link"] if link["relation"] == "next")
        path = next(following, "").removeprefix("http://localhost")
    assert seen == ["3", "2"]
    assert house.call("GET", "/fhir/Observation/o1/_history?_since=2999-01-01T00:00:00Z").json["total"] == 0
    assert house.call("GET", "/fhir/Observation/o1/_history?_since=yesterday").status_code == 400


def test_a_history_says_from_when_on_to_ask_for_what_comes_later(house):
    for status in ("preliminary", "final"):
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1", status=status))
    path, told = "/fhir/Observation/o1/_history?_count=1", []
    while path:
        found = house.call("GET", path).json
        told.append(found["meta"]["lastUpdated"])
        house.call("PUT", "/fhir/Observation/o1", observation(id="o1", note=[{"text": str(len(told))}]))
        following = (link["url"] for link in found["link"] if link["relation"] == "next")
        path = next(following, "").removeprefix("http://localhost")
    assert len(told) > 1
    assert len(set(told)) == 1
    later = house.call("GET", f"/fhir/Observation/o1/_history?_since={told[0]}").json
    assert {entry["resource"]["meta"]["versionId"] for entry in later["entry"]} >= {"3", "4"}
    nothing = house.call("GET", "/fhir/Observation/o1/_history?_since=2999-01-01T00:00:00Z").json
    assert nothing["meta"] == later["meta"]
