"""One evaluation: everything or nothing, once per patient at a time, and never silence."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from fhir_svc.artefacts import load_artefacts
from fhir_svc.errors import Broken, Unavailable
from fhir_svc.evaluation import Evaluation
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.failures import failure
from fhir_svc.orders.writes import Write, Writes
from fhir_svc.store import audit, patients, work
from workers import evaluate
from workers.equipment import Equipment


@dataclass
class Decided:
    next_change: datetime | None = None


class Pathway:
    """Stands for the criteria: notes how it was asked, and answers or raises what a test wants."""

    def __init__(self, draft):
        self.asked = []
        self.writes = (Write(draft()),)
        self.trouble = None
        self.meanwhile = None
        self.next_change = None

    def evaluate(self, record, _knowledge, site, at, **names):
        self.asked.append((record, site, at, names))
        if self.meanwhile:
            self.meanwhile()
        if self.trouble:
            raise self.trouble
        return Evaluation(self._answers(names, "success"), self.writes, Decided(self.next_change))

    def failure(self, _knowledge, _at, **names):
        task = {"resourceType": "Task", "id": "look", "status": "requested", "intent": "order", "priority": "asap"}
        return Writes(self._answers(names, "failure"), (Write(task),))

    @staticmethod
    def _answers(names, status):
        made = {"resourceType": "GuidanceResponse", "status": status, "subject": {"reference": names["subject"]}}
        return tuple({**made, "id": id_, "requestIdentifier": {"value": asked}} for id_, asked in names["submissions"])


@pytest.fixture
def pathway(monkeypatch, draft):
    made = Pathway(draft)
    monkeypatch.setattr(evaluate, "evaluate", made.evaluate)
    monkeypatch.setattr(evaluate, "failure", made.failure)
    return made


def statuses(store):
    return {one.id: one.content["status"] for one in store.all("GuidanceResponse")}


def test_a_submission_becomes_drafts_and_the_work_of_delivering_them(store, equipment, pathway):
    row = store.submit("g1")
    evaluate.run(equipment, row)
    assert statuses(store) == {"g1": "success"}
    assert store.read("ServiceRequest", "o1").ours
    assert store.counts() == {("evaluate", "done"): 1, ("write_back", "due"): 1}
    record, site, _at, names = pathway.asked[0]
    assert record.patient_id == "p1"
    assert site.timezone == "Europe/Berlin"
    assert names == {"scope": "north/p1", "seed": "g1", "subject": "Patient/p1", "submissions": [("g1", "s-g1")]}
    with store.database.reading() as tx:
        assert audit.verify(tx) == []
        assert audit.search(tx, "north", [("subtype", "evaluate")], count=5).total == 1


def test_all_due_work_of_a_patient_is_one_evaluation(store, equipment, pathway):
    rows = [store.submit(f"g{number}") for number in range(3)]
    evaluate.run(equipment, rows[2])
    for row in rows:
        evaluate.run(equipment, row)
    assert len(pathway.asked) == 1
    assert pathway.asked[0][3]["seed"] == "g0"
    assert set(statuses(store).values()) == {"success"}
    assert len(store.all("ServiceRequest")) == 1


def test_many_submissions_of_one_patient_are_answered_a_share_at_a_time_and_urgent_ones_first(
    store, equipment, pathway, monkeypatch
):
    monkeypatch.setattr(work, "MOST_AT_ONCE", 3)
    rows = [store.submit(f"g{number}") for number in range(7)]
    store.submit("form", urgent=True)
    evaluate.run(equipment, rows[0])
    assert sorted(id_ for id_, status in statuses(store).items() if status == "success") == ["form", "g0", "g1"]
    for _ in range(2):
        evaluate.run(equipment, rows[6])
    assert set(statuses(store).values()) == {"success"}
    assert len(store.all("ServiceRequest")) == 1
    moments = [at for _, _, at, _ in pathway.asked]
    assert moments == sorted(moments)


def test_what_was_answered_before_is_not_read_again(store, equipment, pathway):
    for guidance in ("g1", "g2"):
        evaluate.run(equipment, store.submit(guidance))
    assert "GuidanceResponse" not in pathway.asked[1][0].by_type
    assert "ServiceRequest" in pathway.asked[1][0].by_type


def test_work_put_back_by_an_admin_does_not_go_back_in_time(store, equipment, pathway):
    old = store.submit("old")
    set_aside(store, old, days=3)
    newer = store.put({"resourceType": "Observation", "id": "newer", "status": "final"}, ours=False).last_updated
    requeue(store, old)
    evaluate.run(equipment, old)
    assert pathway.asked[0][2] >= newer
    assert statuses(store) == {"old": "success"}


def test_the_same_writes_again_make_nothing_new(store, equipment, pathway):
    for guidance in ("g1", "g2"):
        evaluate.run(equipment, store.submit(guidance))
    assert store.read("ServiceRequest", "o1").version == 1
    assert store.counts()[("write_back", "due")] == 1


def test_another_evaluation_committed_meanwhile_means_starting_again(store, equipment, pathway):
    row = store.submit("g1")

    def overtake():
        with store.database.transaction() as tx:
            patients.advance(tx, "north", "p1", patients.sequence(tx, "north", "p1"))
        pathway.meanwhile = None

    pathway.meanwhile = overtake
    evaluate.run(equipment, row)
    assert statuses(store) == {"g1": "in-progress"}
    assert store.all("ServiceRequest") == []
    evaluate.run(equipment, row)
    assert statuses(store) == {"g1": "success"}
    assert [one for _, _, one, _ in pathway.asked] == [pathway.asked[0][2]] * 2


def test_a_draft_that_was_signed_meanwhile_is_not_taken_back(store, equipment, pathway, draft):
    store.put(draft())
    row = store.submit("g1")
    pathway.writes = (Write(draft(status="revoked"), 1),)
    pathway.meanwhile = lambda: store.put(draft(status="active"))
    evaluate.run(equipment, row)
    assert store.read("ServiceRequest", "o1").content["status"] == "active"
    assert statuses(store) == {"g1": "in-progress"}


def test_each_evaluation_replaces_the_clock_row(store, equipment, pathway):
    for days in (3, 2):
        pathway.next_change = datetime.now(UTC) + timedelta(days=days)
        evaluate.run(equipment, store.submit(f"g{days}"))
    assert store.counts()[("clock", "due")] == 1


def test_time_alone_makes_an_evaluation_with_an_answer_of_its_own(store, equipment, pathway):
    due = datetime(2026, 1, 1, tzinfo=UTC)
    row = store.add("clock", "p1", not_before=due)
    evaluate.run(equipment, row)
    assert pathway.asked[0][2] == due
    assert list(statuses(store).values()) == ["success"]
    assert store.counts()[("clock", "done")] == 1


def test_not_now_is_tried_again_later(store, equipment, pathway):
    row = store.submit("g1")
    pathway.trouble = Unavailable("not now", retry_after=1)
    evaluate.run(equipment, row)
    assert store.error(row) == ["unavailable"]
    evaluate.run(equipment, row)
    assert len(pathway.asked) == 1
    store.ripen()
    pathway.trouble = None
    evaluate.run(equipment, row)
    assert statuses(store) == {"g1": "success"}


@pytest.mark.parametrize(
    ("trouble", "attempts", "error"),
    [
        (Broken("x", error="broken-rule"), 1, "broken-rule"),
        (ZeroDivisionError("SECRET"), 5, "exception-ZeroDivisionError"),
    ],
)
def test_an_engine_error_is_never_silence(store, equipment, pathway, capsys, trouble, attempts, error):
    row = store.submit("g1")
    pathway.trouble = trouble
    for _ in range(7):
        store.ripen()
        evaluate.run(equipment, row)
    assert len(pathway.asked) == attempts
    assert store.quarantined(row) == error
    assert statuses(store) == {"g1": "failure"}
    assert store.read("Task", "look").content["priority"] == "asap"
    assert "SECRET" not in "".join(capsys.readouterr())


def test_what_failed_is_answered_when_an_admin_puts_it_back_after_the_mending(store, equipment, pathway):
    row = store.submit("g1")
    pathway.trouble = Broken("x", error="broken-rule")
    evaluate.run(equipment, row)
    assert statuses(store) == {"g1": "failure"}
    pathway.trouble = None
    requeue(store, row)
    evaluate.run(equipment, row)
    assert statuses(store) == {"g1": "success"}
    assert store.counts()[("evaluate", "done")] == 1
    assert len(store.all("ServiceRequest")) == 1


def test_what_fails_again_after_the_physician_has_looked_asks_for_another_look(store, equipment, monkeypatch, pathway):
    monkeypatch.setattr(evaluate, "failure", failure)
    row = store.submit("g1")
    pathway.trouble = Broken("x", error="broken-rule")
    evaluate.run(equipment, row)
    for number, look_closed in enumerate((False, True, True), start=1):
        (look,) = (one for one in store.all("Task") if one.content["status"] == "requested")
        if look_closed:
            store.put({**look.content, "status": "completed"})
        requeue(store, row)
        evaluate.run(equipment, row)
        assert store.quarantined(row) == "broken-rule"
        assert [one.content["status"] for one in store.all("Task")].count("requested") == 1, number
    assert len(store.all("Task")) == 3


def test_a_record_that_can_not_be_read_is_said_and_set_aside(store, equipment):
    store.put({"resourceType": "Observation", "id": "bad", "status": "final"}, ours=False)
    with store.database.transaction() as tx:
        tx.execute(text("UPDATE versions SET body = :none"), {"none": b"{"})
    row = store.submit("g1")
    for _ in range(6):
        store.ripen()
        evaluate.run(equipment, row)
    assert store.quarantined(row) == "exception-DecodeError"
    assert statuses(store) == {"g1": "failure"}
    assert [one.content["priority"] for one in store.all("Task")] == ["asap"]


def test_work_whose_giving_up_fails_too_is_seen_by_an_admin(store, equipment, pathway, monkeypatch, capsys):
    def broken(*_args, **_names):
        raise ZeroDivisionError

    row = store.submit("g1")
    pathway.trouble = Broken("x", error="broken-rule")
    monkeypatch.setattr(evaluate, "failure", broken)
    evaluate.run(equipment, row)
    assert store.quarantined(row) == "broken-rule"
    assert "work.silent" in "".join(capsys.readouterr())


def test_processes_that_were_killed_run_out_of_attempts_and_say_failure(store, equipment, pathway):
    row = store.submit("g1")
    store.die(row, evaluate.LEASE)
    evaluate.run(equipment, row)
    assert pathway.asked == []
    assert store.quarantined(row) == "attempts-used-up"
    assert statuses(store) == {"g1": "failure"}
    assert store.read("Task", "look")


def test_a_database_that_is_gone_leaves_the_row_for_later(store, equipment, pathway, monkeypatch):
    row = store.submit("g1")

    def gone(*_args, **_names):
        raise Unavailable("no database")

    pathway.trouble = Unavailable("no database")
    monkeypatch.setattr(work, "retry", gone)
    evaluate.run(equipment, row)
    assert store.counts() == {("evaluate", "leased"): 1}


def test_work_of_the_demonstration_is_left_alone(store, equipment, pathway):
    row = store.submit("g1")
    with store.database.transaction() as tx:
        tx.execute(text("UPDATE work SET demo = true"))
    evaluate.run(equipment, row)
    assert pathway.asked == []


def test_another_pathway_in_the_folder_is_evaluated_beside_the_main_one(store, equipment):
    added = Path(__file__).parents[1] / "data" / "pathways" / "vascular"
    both = Knowledge([*load_artefacts(equipment.settings.profiles_dir), *load_artefacts(added)])
    ready = Equipment(equipment.settings, store.database, "tester", both)
    store.put(calf_pattern(datetime.now(UTC)), ours=False)
    row = store.submit("g1")
    evaluate.run(ready, row)
    answers = {
        one.content["moduleCanonical"].partition("|")[0].rpartition("/")[2] for one in store.all("GuidanceResponse")
    }
    assert answers == {"lbp-lss", "vascular"}
    (draft,) = store.all("ServiceRequest")
    assert draft.content["instantiatesCanonical"][0].endswith("/PlanDefinition/vascular|1.0.0")
    evaluate.run(ready, store.submit("g2"))
    assert len(store.all("ServiceRequest")) == 1


def set_aside(store, row, *, days):
    """As if this had been received so many days ago and had stood in quarantine since."""
    with store.database.transaction() as tx:
        work.claim(tx, row, worker="w", lease=evaluate.LEASE)
        work.quarantine(tx, [row], error="broken-rule")
        tx.execute(text("UPDATE work SET at = at - :gone"), {"gone": days * 86_400_000})


def requeue(store, row):
    with store.database.transaction() as tx:
        work.requeue(tx, "north", row, actor="ada", reason="mended")


def calf_pattern(authored):
    yes, no = ({"system": "http://loinc.org", "code": code} for code in ("LA33-6", "LA32-8"))
    answers = {"vc-calf-pain": yes, "vc-standing-relief": yes, "vc-cold-leg": no}
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "calf",
        "questionnaire": "https://example.org/fhir-svc/Questionnaire/vascular-intake|1.0.0",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "authored": authored.isoformat(timespec="seconds"),
        "item": [{"linkId": name, "answer": [{"valueCoding": coding}]} for name, coding in answers.items()],
    }
