"""Another pathway is files alone: three artefacts beside the shipped ones, and not a line of Python."""

import shutil
from pathlib import Path

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.criteria.review import review
from fhir_svc.errors import Broken
from fhir_svc.evaluation import evaluate
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Site
from fhir_svc.web.services import build
from tests.criteria.cases.building import PROFILES, B, T, abi, calm, observation, patient
from tests.criteria.cases.checking import exact, record_of
from tests.web.cast import make_house, make_settings, prepare

ADDED = Path(__file__).parents[1] / "data" / "pathways" / "vascular"
ARTEFACTS = [*load_artefacts(PROFILES), *load_artefacts(ADDED)]
YES, NO = "LA33-6", "LA32-8"
PATTERN = {"vc-calf-pain": YES, "vc-standing-relief": YES, "vc-cold-leg": NO}


@pytest.fixture(scope="module")
def knowledge():
    return Knowledge(ARTEFACTS)


def answered(answers):
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "vascular-form",
        "questionnaire": f"{B}/Questionnaire/vascular-intake|1.0.0",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "authored": T.isoformat(),
        "item": [
            {"linkId": name, "answer": [{"valueCoding": {"system": "http://loinc.org", "code": code}}]}
            for name, code in answers.items()
        ],
    }


def decided(knowledge, *given, plan="vascular", values=None, ours=()):
    return evaluate(
        record_of(given, ours),
        knowledge,
        Site("UTC", values or {}),
        T,
        scope="north/p",
        seed="s",
        subject="Patient/p",
        submissions=[("g", "s")],
        plan=plan,
    )


def orders(found):
    return {order.key: order.priority for order in found.decision.orders}


def test_nothing_is_wrong_with_the_artefacts_of_both_pathways():
    assert [str(one) for one in review(ARTEFACTS)] == []


@pytest.mark.parametrize(
    ("given", "level", "wanted", "outcomes"),
    [
        ([answered(PATTERN)], "ROUTINE", {"ABI": "routine"}, "not-met met not-met"),
        ([answered(PATTERN), abi("0.90")], "ROUTINE", {"VASC_REFERRAL": "routine"}, "not-met not-met met"),
        ([answered(PATTERN), abi("0.91")], "ROUTINE", {}, "not-met not-met not-met"),
        ([answered(PATTERN | {"vc-cold-leg": YES}), abi("1.1")], "EMERGENCY", {"ED_REFERRAL": "stat"}, None),
        ([answered({"vc-calf-pain": YES, "vc-cold-leg": NO})], "ROUTINE", {}, "not-met cannot-tell not-met"),
        ([], None, {}, "cannot-tell cannot-tell not-met"),
    ],
)
def test_the_rules_of_another_pathway_decide(knowledge, given, level, wanted, outcomes):
    found = decided(knowledge, *given)
    assert (found.decision.level, orders(found)) == (level, wanted)
    if outcomes:
        assert [rule.outcome.value for rule in found.decision.rules] == outcomes.split()


def test_its_site_values_and_its_drafts_name_it(knowledge):
    given = [answered(PATTERN), abi("0.95")]
    assert orders(decided(knowledge, *given)) == {}
    found = decided(knowledge, *given, values={"index-limit": "0.97", "epidural-cap": 4})
    assert orders(found) == {"VASC_REFERRAL": "routine"}
    assert found.guidance[0]["moduleCanonical"] == f"{B}/PlanDefinition/vascular|1.0.0"
    written = [write.resource for write in found.writes]
    (draft,) = [one for one in written if one["resourceType"] == "ServiceRequest"]
    assert (draft["status"], draft["instantiatesCanonical"]) == ("draft", [f"{B}/PlanDefinition/vascular|1.0.0"])
    assert {"Task", "RequestGroup", "Provenance"} <= {one["resourceType"] for one in written}


def test_a_site_value_that_no_pathway_has_is_refused(knowledge):
    with pytest.raises(Broken):
        decided(knowledge, answered(PATTERN), values={"no-such-parameter": 1})


def test_the_pathways_know_nothing_of_each_other(knowledge):
    usual = decided(knowledge, calm(), abi("0.8"), plan="lbp-lss")
    both = decided(knowledge, calm(), abi("0.8"), answered(PATTERN), plan="lbp-lss")
    assert [rule.outcome for rule in usual.decision.rules] == [rule.outcome for rule in both.decision.rules]
    assert usual.decision.level == both.decision.level
    assert decided(knowledge, calm()).decision.level is None
    first = decided(knowledge, answered(PATTERN))
    ours = [write.resource for write in first.writes]
    other = decided(knowledge, calm(), plan="lbp-lss", ours=ours)
    assert other.decision.withdrawals == ()
    assert orders(decided(knowledge, answered(PATTERN), ours=ours)) == {}


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """The whole service with a folder of the shipped artefacts and the three files."""
    from fhir_svc.store.database import Database  # noqa: PLC0415 - only here

    place = tmp_path_factory.mktemp("two-pathways")
    profiles = shutil.copytree(PROFILES, place / "profiles")
    shutil.copytree(ADDED, profiles, dirs_exist_ok=True)
    database = Database(f"sqlite:///{place / 'template.db'}")
    prepare(database)
    database.dispose()
    built = build(make_settings(f"sqlite:///{place / 'template.db'}", profiles_dir=profiles))
    return make_house(place / "template.db", built, place, profiles_dir=profiles)


def as_json(resource):
    import json  # noqa: PLC0415 - only here

    return json.loads(json.dumps(exact(resource), default=float))


def test_a_dry_run_of_it_gives_its_drafts(house):
    parts = [patient(), answered(PATTERN), {**observation("77194-9", 0.8, "{ratio}", "2025-06-01"), "id": "index"}]
    entries = [{"resource": as_json(one)} for one in parts]
    data = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "data", "resource": data}, {"name": "asOf", "valueDateTime": T.isoformat()}],
    }
    answer = house.call("POST", "/fhir/PlanDefinition/vascular/$evaluate", body)
    assert answer.status_code == 200, answer.text
    found = [entry["resource"] for entry in answer.json["entry"]]
    assert found[0]["moduleCanonical"] == f"{B}/PlanDefinition/vascular|1.0.0"
    (draft,) = [one for one in found if one["resourceType"] == "ServiceRequest"]
    assert {"system": f"{B}/CodeSystem/order-key", "code": "VASC_REFERRAL"} in [
        {"system": one["system"], "code": one["code"]} for one in draft["code"]["coding"]
    ]


def test_its_form_is_taken_and_its_rules_are_read_on_the_page(house):
    assert house.call("POST", "/fhir/QuestionnaireResponse", answered(PATTERN)).status_code == 201
    wrong = answered({"vc-no-such-question": YES})
    assert house.call("POST", "/fhir/QuestionnaireResponse", wrong).status_code == 422
    page = house.as_person("alice", "GET", "/criteria").text
    assert "Threatened limb" in page
    assert "Suspected cauda equina syndrome" in page
