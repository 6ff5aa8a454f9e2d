"""Which Tasks are called out when nobody acted on them in time, and what is said then."""

from datetime import UTC, datetime

import pytest

from fhir_svc.orders import escalation

AT = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FAILED = "The evaluation failed for a technical reason. Nothing was decided: read the submission yourself."
STATED = "A message of the patient states a red flag: answer it within 22 minutes of its sending."


def task(priority, description=None, **more):
    said = {"description": description} if description else {}
    end = {"restriction": {"period": {"end": "2026-03-10T12:15:00.000Z"}}}
    about = {"focus": {"reference": "GuidanceResponse/g1"}, "for": {"reference": "Patient/p1"}}
    return {"resourceType": "Task", "id": "t1", "priority": priority, **said, **end, **about, **more}


@pytest.mark.parametrize(
    ("held", "called"),
    [
        (task("stat"), True),
        (task("stat", "Ask radiology"), True),
        (task("asap", FAILED), True),
        (task("asap", STATED), True),
        (task("asap", "Something else that is to be seen today"), False),
        (task("asap"), False),
        (task("routine"), False),
        (task("stat", restriction={}), False),
        (task("stat") | {"resourceType": "ServiceRequest"}, False),
    ],
)
def test_what_is_most_urgent_or_has_a_time_of_its_own_is_called_out_at_its_end(knowledge, held, called):
    assert escalation.due(knowledge, held) == (AT.replace(minute=15) if called else None)


def test_the_call_is_valid_and_tells_the_clinician_on_call_where_to_look(knowledge, r4):
    made = escalation.call(knowledge, task("stat"), at=AT)
    assert r4.check_r4(made) == []
    assert (made["priority"], made["status"]) == ("stat", "active")
    assert made["recipient"] == [{"display": "Clinician on call"}]
    assert made["about"] == [{"reference": "Task/t1"}]
    assert "in the inbox" in made["payload"][0]["contentString"]


@pytest.mark.parametrize(
    ("focus", "authored", "words"),
    [
        ("ServiceRequest/o1", "2026-03-10T13:01:00+02:00", "draft has waited unsigned since 2026-03-10 11:01 UTC"),
        ("ServiceRequest/o1", None, "draft has waited unsigned since 2026-03-10 12:15 UTC"),
        ("GuidanceResponse/g1", "2026-03-10T11:00:00.000Z", "it has been open since 2026-03-10 11:00 UTC"),
    ],
)
def test_the_call_says_what_waits_and_since_when(knowledge, focus, authored, words):
    late = task("stat", focus={"reference": focus}, **({"authoredOn": authored} if authored else {}))
    made = escalation.call(knowledge, late, at=AT, after="CommunicationRequest/c1")
    assert words in made["payload"][0]["contentString"]
    assert made["replaces"] == [{"reference": "CommunicationRequest/c1"}]
    assert "replaces" not in escalation.call(knowledge, late, at=AT)


def test_late_tasks_of_one_evaluation_are_one_call_and_those_of_two_are_two(knowledge):
    named = [
        escalation.call(knowledge, task("stat", id=id_, **reason), at=AT)["id"]
        for id_, reason in (
            ("t1", {"reasonReference": {"reference": "GuidanceResponse/g1"}}),
            ("t2", {"reasonReference": {"reference": "GuidanceResponse/g1"}}),
            ("t3", {"reasonReference": {"reference": "GuidanceResponse/g2"}}),
            ("t4", {}),
        )
    ]
    assert named[0] == named[1]
    assert len(set(named)) == 3
