"""Who may only create changes nobody: a known person becomes a next version by those alone who may update."""

import pytest

from tests.web.cast import MRN, codes, observation, patient, transaction

MAY_UPDATE = [("cu", True), ("cud", True), ("cruds", True), ("c", False), ("cr", False), ("crs", False)]


@pytest.fixture
def known(house):
    """A house that knows a person."""
    assert house.call("PUT", "/fhir/Patient/a", patient(id="a")).status_code == 201
    return house


def versions(house):
    """How many versions of the person there are, and of how many persons."""
    history = house.call("GET", "/fhir/Patient/a/_history").json["total"]
    return history, house.call("GET", "/fhir/Patient?_summary=count").json["total"]


@pytest.mark.parametrize(("letters", "may"), MAY_UPDATE)
def test_a_known_person_is_updated_by_those_who_may_update(known, letters, may):
    answer = known.call("POST", "/fhir/Patient", patient(gender="other"), scope=f"system/Patient.{letters}")
    assert answer.status_code == (200 if may else 403)
    assert versions(known) == (2 if may else 1, 1)
    if not may:
        assert codes(answer) == ["insufficient-scope"]
        assert "Patient/a" not in answer.text + str(answer.headers)


@pytest.mark.parametrize("letters", ["c", "cr"])
def test_a_person_who_is_not_known_is_created_by_those_who_may_create(known, letters):
    answer = known.call("POST", "/fhir/Patient", patient("99999"), scope=f"system/Patient.{letters}")
    assert answer.status_code == 201
    assert versions(known) == (1, 2)


@pytest.mark.parametrize(("letters", "may"), MAY_UPDATE)
@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_so_it_is_in_bundles(known, kind, letters, may):
    of_them = ("POST", "Observation", observation(f"Patient?identifier={MRN}|12345"))
    bundle = transaction(("POST", "Patient", patient(gender="other")), of_them, kind=kind)
    answer = known.call("POST", "/fhir", bundle, scope=f"system/Patient.{letters} system/Observation.c")
    assert versions(known) == (2 if may else 1, 1)
    taken = known.call("GET", "/fhir/Observation?_summary=count").json["total"]
    if kind == "batch":
        statuses = [entry["response"]["status"][:3] for entry in answer.json["entry"]]
        assert (statuses, taken) == (["200" if may else "403", "201"], 1)
    else:
        assert (answer.status_code, taken) == ((200, 1) if may else (403, 0))
        assert may or answer.json["issue"][0]["expression"] == ["Bundle.entry[0].resource"]


def test_a_conditional_create_that_meets_somebody_updates_nobody(known):
    headers = {"If-None-Exist": "_id=a"}
    answer = known.call("POST", "/fhir/Patient", patient(gender="other"), scope="system/Patient.c", headers=headers)
    assert answer.status_code == 200
    assert versions(known) == (1, 1)
    other = known.call(
        "POST",
        "/fhir/Patient",
        patient(gender="other"),
        scope="system/Patient.c",
        headers={"If-None-Exist": "_id=nobody"},
    )
    assert other.status_code == 403
    assert versions(known) == (1, 1)
