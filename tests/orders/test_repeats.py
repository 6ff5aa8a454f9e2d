"""R16 and R43: what already stands, what was decided, what the evidence no longer supports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fhir_svc.orders import provenance, screening, states
from fhir_svc.record import Site

LOINC = "http://loinc.org"
KEY = "https://example.org/fhir-svc/CodeSystem/order-key"
ALICE = states.By("Practitioner/alice", "Alice")


def report(bench, when, code="30679-5", status="final", kind="DiagnosticReport"):
    dates = {"DiagnosticReport": "effectiveDateTime", "Procedure": "performedDateTime", "ImagingStudy": "started"}
    concept = {"coding": [{"system": LOINC, "code": code}]}
    coded = {"procedureCode": [concept]} if kind == "ImagingStudy" else {"code": concept}
    return bench.stored(kind, "scan", status=status, **coded, **({dates[kind]: when} if when else {}))


SCANS = [
    # name, scan, suppressed, outcome
    ("R16 P: 21 days, unchanged", {"when": "2026-02-17"}, True, "met"),
    ("R16 N: 13 months", {"when": "2025-02-10"}, False, "not-met"),
    ("R16 B: day 180 is in", {"when": "2025-09-11"}, True, "met"),
    ("R16 B: day 181 is out", {"when": "2025-09-10"}, False, "not-met"),
    ("R16 today", {"when": "2026-03-10T08:00:00Z"}, True, "met"),
    ("R16 M: date missing, the clinician sees both", {"when": None}, False, "cannot-tell"),
    ("partial date that may be inside", {"when": "2025-09"}, False, "cannot-tell"),
    ("partial date surely inside", {"when": "2026-01"}, True, "met"),
    ("partial date surely outside", {"when": "2024"}, False, "not-met"),
    ("with contrast counts", {"when": "2026-02-17", "code": "24967-2"}, True, "met"),
    ("contrast only counts", {"when": "2026-02-17", "code": "30678-7"}, True, "met"),
    ("unspecified lumbar MRI counts", {"when": "2026-02-17", "code": "24968-0"}, True, "met"),
    ("a film does not count", {"when": "2026-02-17", "code": "24972-2"}, False, "not-met"),
    ("a preliminary report does not count", {"when": "2026-02-17", "status": "preliminary"}, False, "not-met"),
    ("an imaging study counts", {"when": "2026-02-17", "kind": "ImagingStudy", "status": "available"}, True, "met"),
    ("a completed procedure counts", {"when": "2026-02-17", "kind": "Procedure", "status": "completed"}, True, "met"),
]


@pytest.mark.parametrize(("name", "scan", "suppressed", "outcome"), SCANS, ids=[case[0] for case in SCANS])
def test_an_mri_on_file_suppresses_a_routine_one(bench, want, name, scan, suppressed, outcome):
    findings = bench.findings([want("MRI_L_WO", "routine", "R11")], [bench.rule("R11", level="ROUTINE")])
    decision = bench.decide(findings, report(bench, **scan))
    assert [order.key for order in decision.orders] == ([] if suppressed else ["MRI_L_WO"])
    assert ("DUPLICATE_SUPPRESSED" in decision.flags) is suppressed
    assert decision.rule("R16").outcome == outcome
    assert decision.rule("R11").outcome == ("not-met" if suppressed else "met")


def test_a_month_of_which_one_day_lies_in_the_window_may_be_inside(bench, want):
    bench.site = Site(values={"imaging-window-days": 161})
    findings = bench.findings([want("MRI_L_WO", "routine", "R11")])
    assert bench.decide(findings, report(bench, "2025-09")).rule("R16").outcome == "cannot-tell"
    bench.at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    findings = bench.findings([want("MRI_L_WO", "routine", "R11")])
    assert bench.decide(findings, report(bench, "2026-03")).rule("R16").outcome == "cannot-tell"


@pytest.mark.parametrize(
    ("period", "suppressed"),
    [
        ({"start": "2025-01-01", "end": "2026-02-17"}, True),
        ({"start": "2026-02-17"}, True),
        ({"start": "2025-01-01", "end": "2025-02-17"}, False),
    ],
)
def test_a_study_of_a_period_was_done_at_its_end(bench, want, period, suppressed):
    code = {"coding": [{"system": LOINC, "code": "30679-5"}]}
    study = bench.stored("Procedure", "scan", status="completed", code=code, performedPeriod=period)
    findings = bench.findings([want("MRI_L_WO", "routine", "R11")])
    assert bool(bench.decide(findings, study).orders) is not suppressed


def test_the_window_is_the_sites_own(bench, want):
    bench.site = Site(values={"imaging-window-days": 30})
    findings = bench.findings([want("MRI_L_WO", "routine", "R11")])
    assert bench.decide(findings, report(bench, "2026-02-07")).orders
    assert not bench.decide(findings, report(bench, "2026-02-08")).orders


def test_days_are_counted_in_the_patients_zone(bench, want):
    bench.at = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
    findings = bench.findings([want("MRI_L_WO", "routine", "R11")])
    assert not bench.decide(findings, report(bench, "2025-09-11")).orders
    bench.site = Site(timezone="Europe/Berlin")
    assert bench.decide(findings, report(bench, "2025-09-11")).orders


def test_a_swapped_scan_is_suppressed_too(bench, want, safety_controls):
    findings = bench.findings([want("MRI_L_WO", "routine", "R11")], controls=safety_controls("R13.unsafe"))
    decision = bench.decide(findings, report(bench, "2026-02-17"))
    assert decision.orders == ()
    assert decision.flags == ("DUPLICATE_SUPPRESSED",)


ONSETS = [
    ("R16 (c): onset after the scan", datetime(2026, 3, 9, tzinfo=UTC), "met", True),
    ("onset not known counts as after it", None, "met", True),
    ("onset at the moment of the scan is not after it", datetime(2026, 2, 17, tzinfo=UTC), "not-met", False),
    ("onset before the scan: a red flag still wants it", datetime(2026, 1, 20, tzinfo=UTC), "not-met", False),
]


@pytest.mark.parametrize(("name", "onset", "outcome", "flagged"), ONSETS, ids=[case[0] for case in ONSETS])
def test_a_red_flag_is_never_suppressed_and_shows_the_earlier_scan(bench, want, name, onset, outcome, flagged):
    scan = report(bench, "2026-02-17")
    onsets = {"R02": onset} if onset else {}
    decision = bench.decide(bench.findings([want("MRI_L_WO", "asap", "R02")], onsets=onsets), scan)
    assert [(order.key, order.attached) for order in decision.orders] == [("MRI_L_WO", (scan,))]
    assert decision.rule("R16").outcome == outcome
    assert ("PRIOR_IMAGING" in decision.flags) is flagged
    assert "DUPLICATE_SUPPRESSED" not in decision.flags


def theirs(bench, key="MRI_L_WO", status="active", priority="routine", hours=1, coding=None):
    authored = (bench.at - timedelta(hours=hours)).isoformat()
    coded = {"coding": [coding or {"system": KEY, "code": key}]}
    return bench.stored("ServiceRequest", "theirs", status=status, priority=priority, code=coded, authoredOn=authored)


STANDING = [
    # name, the standing order, wanted priority, drafted
    ("same priority holds back", {"priority": "routine"}, "routine", False),
    ("higher priority holds back", {"priority": "urgent"}, "routine", False),
    ("lower priority does not", {"priority": "routine"}, "urgent", True),
    ("no priority is routine", {"priority": None}, "routine", False),
    ("an old routine order still holds back", {"priority": "routine", "hours": 900}, "routine", False),
    ("stat under 24 h holds back", {"priority": "stat", "hours": 23.9}, "stat", False),
    ("stat at 24 h is asked for again", {"priority": "stat", "hours": 24}, "stat", True),
    ("asap at 24 h is asked for again", {"priority": "asap", "hours": 24}, "asap", True),
    ("stat of the future waits since it was received", {"priority": "stat", "hours": -5}, "stat", True),
    ("urgent at 24 h holds back", {"priority": "urgent", "hours": 24}, "urgent", False),
    ("draft holds back", {"status": "draft"}, "routine", False),
    ("draft of lower priority does not", {"status": "draft"}, "urgent", True),
    ("on-hold holds back", {"status": "on-hold"}, "routine", False),
    ("completed does not", {"status": "completed"}, "routine", True),
    ("revoked does not", {"status": "revoked"}, "routine", True),
    ("another order does not", {"key": "XR_L"}, "routine", True),
    ("the standard code counts", {"coding": {"system": LOINC, "code": "30679-5"}}, "routine", False),
]


@pytest.mark.parametrize(("name", "order", "priority", "drafted"), STANDING, ids=[case[0] for case in STANDING])
def test_a_standing_order_of_the_ehr_holds_a_draft_back(bench, want, name, order, priority, drafted):
    standing = theirs(bench, **order)
    decision = bench.decide(bench.findings([want("MRI_L_WO", priority, "R02")]), standing)
    assert bool(decision.orders) is drafted
    assert ("DUPLICATE_SUPPRESSED" in decision.flags) is not drafted
    assert decision.rule("R16").outcome == ("not-met" if drafted else "met")
    assert decision.withdrawals == ()
    if drafted and order.get("status", "active") == "active" and "key" not in order:
        assert decision.orders[0].attached == (standing,)


def test_an_order_that_was_made_this_moment_is_new_whenever_it_was_received(bench, want):
    decision = bench.decide(bench.findings([want("MRI_L_WO", "stat", "R01")]), theirs(bench, priority="stat", hours=0))
    assert decision.orders == ()


@pytest.mark.parametrize(("mine", "another", "drafted"), [(2, 30, False), (30, 2, True)])
def test_our_own_order_waits_from_the_moment_that_its_task_was_written(bench, want, mine, another, drafted):
    def asked(name, hours, focus):
        authored = (bench.at - timedelta(hours=hours)).isoformat()
        return bench.stored(
            "Task", name, ours=True, status="requested", authoredOn=authored, focus={"reference": focus}
        )

    coded = {"coding": [{"system": KEY, "code": "MRI_L_WO"}]}
    signed = bench.stored("ServiceRequest", "mine", ours=True, status="active", priority="stat", code=coded)
    tasks = [asked("a", mine, "ServiceRequest/mine"), asked("b", another, "ServiceRequest/another")]
    decision = bench.decide(bench.findings([want("MRI_L_WO", "stat", "R01")]), signed, *tasks)
    assert bool(decision.orders) is drafted


def test_a_rule_held_back_by_the_ehrs_order_still_reaches_a_physician(bench, want):
    findings = bench.findings([want("MRI_L_WO", "asap", "R02")], [bench.rule("R02", level="SAME_DAY")])
    decision = bench.decide(findings, theirs(bench, priority="asap"))
    assert [(review.reason, review.priority) for review in decision.reviews] == [("R02", "asap")]
    assert [(held.kind, held.rule, held.order) for held in decision.concerns] == [("duplicate", "R16", "MRI_L_WO")]


def routine(bench, want, *, version=1, outcome="met", value="yes", priority="routine"):
    fact = bench.fact("hx-wants-intervention", value, bench.form(version))
    wants = [want("MRI_L_WO", priority, "R11")] if outcome == "met" else []
    return bench.findings(wants, [bench.rule("R11", fact, outcome=outcome, level="ROUTINE")])


def test_the_same_evidence_again_writes_nothing_new(bench, want):
    form = bench.form()
    _, _, held = bench.run(routine(bench, want), form)
    decision, writes, _ = bench.run(routine(bench, want), *held, seed="s2")
    assert writes.writes == ()
    assert decision.orders == ()
    assert decision.rule("R16").outcome == "met"
    assert decision.flags == ("DUPLICATE_SUPPRESSED",)
    assert decision.reviews == ()


def test_newer_evidence_with_the_same_values_refreshes_the_draft(bench, want, of):
    _, first, held = bench.run(routine(bench, want), bench.form())
    held = (bench.form(2), *(item for item in held if item.id != "q1"))
    _, writes, _ = bench.run(routine(bench, want, version=2), *held, seed="s2")
    assert [(write.resource["id"], write.version) for write in writes.writes if write.version] == [
        (of(first, "ServiceRequest")[0]["id"], 1),
    ]
    assert of(writes, "ServiceRequest")[0]["supportingInfo"] == [{"reference": "QuestionnaireResponse/q1/_history/2"}]
    assert of(writes, "Provenance")[0]["target"][0]["reference"].endswith("/_history/2")


def test_a_higher_priority_supersedes_our_own_draft(bench, want, of):
    _, first, held = bench.run(routine(bench, want), bench.form())
    decision, writes, after = bench.run(routine(bench, want, priority="urgent"), *held, seed="s2")
    old, new = of(writes, "ServiceRequest")
    assert (old["id"], old["status"]) == (of(first, "ServiceRequest")[0]["id"], "revoked")
    assert (new["status"], new["priority"]) == ("draft", "urgent")
    assert new["replaces"] == [{"reference": f"ServiceRequest/{old['id']}"}]
    cancelled = next(task for task in of(writes, "Task") if task["status"] == "cancelled")
    assert cancelled["statusReason"]["coding"][0]["code"] == "superseded"
    assert len([item for item in after if item.type == "ServiceRequest" and item.content["status"] == "draft"]) == 1
    assert "DRAFTS_REVOKED" not in decision.flags


def test_an_unsafe_answer_supersedes_the_unsigned_mri(bench, want, safety_controls, of):
    fact = bench.fact("rf-saddle-numbness", "yes", bench.form())
    wants, rules = [want("MRI_L_WO", "stat", "R01")], [bench.rule("R01", fact)]
    _, _, held = bench.run(bench.findings(wants, rules, safety_controls("R13.unanswered")), bench.form())
    _, _, after = bench.run(bench.findings(wants, rules, safety_controls("R13.unsafe")), *held, seed="s2")
    states_now = {
        item.content["code"]["coding"][-1]["code"]: item.content["status"]
        for item in after
        if item.type == "ServiceRequest"
    }
    assert states_now == {"MRI_L_WO": "revoked", "CTM_L": "draft"}


def test_an_unsafe_answer_after_signing_tells_the_signer(bench, want, safety_controls, of):
    wants = [want("MRI_L_WO", "stat", "R01")]
    _, _, held = bench.run(bench.findings(wants), bench.form())
    held = act(bench, held, states.signed, by=ALICE)
    _, writes, _ = bench.run(bench.findings(wants, controls=safety_controls("R13.unsafe")), *held, seed="s2")
    review = next(task for task in of(writes, "Task") if "owner" in task)
    assert review["owner"]["reference"] == "Practitioner/alice"
    assert review["reasonCode"]["coding"][0]["code"] == "R13"


def act(bench, held, function, **arguments):
    """The record after a physician's act on its only draft."""
    draft = next(item for item in held if item.type == "ServiceRequest")
    task = next(item for item in held if item.type == "Task" and item.content["focus"]["reference"] == draft.local)
    moved = function(draft.content, task.content, at=bench.at, **arguments)
    changed = [
        bench.stored(item.type, item.id, 2, ours=True, **_rest(new))
        for item, new in zip((draft, task), moved, strict=True)
    ]
    return (*(item for item in held if item not in (draft, task)), *changed)


def _rest(resource):
    return {key: value for key, value in resource.items() if key not in {"resourceType", "id"}}


DECLINED = [
    ("routine, same values", "routine", "yes", 1, False),
    ("routine, same values in a newer report", "routine", "yes", 2, False),
    ("routine, other values", "routine", "very much", 1, True),
    ("same day, same report", "asap", "yes", 1, False),
    ("same day, any later report", "asap", "yes", 2, True),
]


@pytest.mark.parametrize(
    ("name", "priority", "value", "version", "drafted"), DECLINED, ids=[case[0] for case in DECLINED]
)
def test_a_declined_order_is_not_asked_for_twice(bench, want, name, priority, value, version, drafted):
    _, _, held = bench.run(routine(bench, want, priority=priority), bench.form())
    held = act(bench, held, states.declined, by=ALICE, reason="already-done", text=None)
    findings = routine(bench, want, priority=priority, value=value, version=version)
    decision = bench.decide(findings, *held)
    assert bool(decision.orders) is drafted
    if drafted and priority == "asap":
        assert [item.content["status"] for item in decision.orders[0].attached] == ["revoked"]


def test_a_completed_order_is_not_asked_for_twice(bench, want):
    _, _, held = bench.run(routine(bench, want), bench.form())
    signed = act(bench, held, states.signed, by=ALICE)
    order = next(item for item in signed if item.type == "ServiceRequest")
    done = bench.stored("ServiceRequest", order.id, 3, ours=True, **_rest(states.reported(order.content, "completed")))
    rest = tuple(item for item in signed if item is not order)
    assert bench.decide(routine(bench, want), *rest, done).orders == ()
    assert bench.decide(routine(bench, want, value="other"), *rest, done).orders


AMENDED = [
    # name, outcome of the rule now, the form's version and status, what becomes of the draft
    ("R43: the amendment withdraws the answer", "not-met", 2, "amended", "source-withdrawn"),
    ("R43: cannot tell keeps the draft", "cannot-tell", 2, "amended", None),
    ("R43: entered in error alone", "cannot-tell", 2, "entered-in-error", "source-withdrawn"),
    ("time alone is no amendment", "not-met", 1, "completed", "expired"),
    ("still supported", "met", 2, "amended", None),
]


@pytest.mark.parametrize(("name", "outcome", "version", "status", "reason"), AMENDED, ids=[case[0] for case in AMENDED])
def test_a_draft_falls_with_its_evidence(bench, want, of, name, outcome, version, status, reason):
    _, _, held = bench.run(routine(bench, want), bench.form())
    held = (bench.form(version, status), *(item for item in held if item.id != "q1"))
    decision, writes, _ = bench.run(routine(bench, want, outcome=outcome, version=version), *held, seed="s2")
    revoked = [order for order in of(writes, "ServiceRequest") if order["status"] == "revoked"]
    assert bool(revoked) is bool(reason)
    amended = reason == "source-withdrawn"
    assert ("DRAFTS_REVOKED" in decision.flags) is amended
    assert decision.rule("R43").outcome == ("met" if amended else "not-met")
    if reason:
        task = next(task for task in of(writes, "Task") if task["status"] == "cancelled")
        assert task["statusReason"]["coding"][0]["code"] == reason
        said = [held for held in revoked[0]["extension"] if held["url"].endswith("request-statusReason")]
        assert said[0]["valueCodeableConcept"] == task["statusReason"]


def test_a_signed_order_is_never_cancelled_its_signer_is_told_once(bench, want, of):
    _, _, held = bench.run(routine(bench, want), bench.form())
    held = act(bench, held, states.signed, by=ALICE)
    held = (bench.form(2, "amended"), *(item for item in held if item.id != "q1"))
    findings = routine(bench, want, outcome="not-met", version=2)
    decision, writes, after = bench.run(findings, *held, seed="s2")
    assert of(writes, "ServiceRequest") == []
    assert [task["owner"]["reference"] for task in of(writes, "Task")] == ["Practitioner/alice"]
    assert of(writes, "Flag")[0]["extension"][-1]["valueReference"]["reference"] == "Practitioner/alice"
    assert decision.rule("R43").outcome == "met"
    assert "DRAFTS_REVOKED" not in decision.flags
    _, again, _ = bench.run(findings, *after, seed="s3")
    assert again.writes == ()


def test_a_withdrawn_red_flag_becomes_inactive_and_a_returning_one_active(bench, of):
    def findings(outcome, version):
        return bench.findings(rules=[bench.rule("R01", bench.fact("x", "yes", bench.form(version)), outcome=outcome)])

    _, first, held = bench.run(findings("met", 1), bench.form())
    assert [flag["status"] for flag in of(first, "Flag")] == ["active"]
    held = (bench.form(2), *(item for item in held if item.id != "q1"))
    _, second, held = bench.run(findings("not-met", 2), *held, seed="s2")
    assert [(flag["status"], flag["period"]["end"]) for flag in of(second, "Flag")] == [
        ("inactive", "2026-03-10T12:00:00.000Z"),
    ]
    _, third, _ = bench.run(findings("met", 2), *held, seed="s3")
    assert [flag["status"] for flag in of(third, "Flag")] == ["active"]
    assert of(third, "Flag")[0]["id"] == of(first, "Flag")[0]["id"]


def test_a_priority_that_a_physician_lowered_stands_while_the_values_are_the_same(bench, want):
    _, _, held = bench.run(routine(bench, want, priority="urgent"), bench.form())
    draft = next(item for item in held if item.type == "ServiceRequest")
    lowered = bench.stored("ServiceRequest", draft.id, 2, ours=True, **{**_rest(draft.content), "priority": "routine"})
    stated = provenance.revised(lowered.reference, draft.reference, by=ALICE, at=bench.at)
    told = bench.stored("Provenance", stated["id"], ours=True, **_rest(stated))
    held = (*(item for item in held if item is not draft), lowered, told)
    assert bench.decide(routine(bench, want, priority="urgent"), *held).orders == ()
    assert bench.decide(routine(bench, want, priority="urgent", value="worse"), *held).orders


def test_a_refreshed_draft_keeps_the_physicians_screening(bench, want, safety_controls, shelf, of):
    wants, rules = [want("MRI_L_WO", "urgent", "R02")], [bench.rule("R02", bench.fact("x", "yes", bench.form()))]
    findings = bench.findings(wants, rules, safety_controls("R13.unanswered"))
    _, _, held = bench.run(findings, bench.form())
    draft = next(item for item in held if item.type == "ServiceRequest")
    answer = screening.chosen(shelf, {"mr": "no"})
    observed = screening.observation(answer[0], draft.content, by=ALICE, at=bench.at)
    evidence = bench.stored("Observation", observed["id"], ours=True, **_rest(observed))
    screened = screening.screened(draft.content, {"status": "requested"}, answer, [evidence.reference])
    newer = bench.stored("ServiceRequest", draft.id, 2, ours=True, **_rest(screened))
    held = (*(item for item in held if item is not draft), newer, evidence)
    decision, writes, _ = bench.run(findings, *held, seed="s2")
    assert decision.orders == ()
    assert writes.writes == ()
